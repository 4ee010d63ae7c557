//! Facts that were kept in a file.

use camino::Utf8Path;

/// Whether this names facts that were kept, and not a system that can be booted.
pub(crate) fn is_facts(named: &str) -> bool {
    Utf8Path::new(named).extension() == Some("json")
}
