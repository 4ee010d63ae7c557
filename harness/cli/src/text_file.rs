//! Files that a person names and that are read whole.

use camino::Utf8Path;

use super::error::CliError;
use muster_base::text::plain_cause as plain;

/// Bytes that are read of one.
const LIMIT: u64 = 256 << 20;

/// A file's text, bounded.
pub(crate) fn read(path: &Utf8Path) -> Result<String, CliError> {
    let unreadable = |error: std::io::Error| CliError::invalid(format!("cannot read {path}: {}", plain(&error)));
    if !path.exists() {
        return Err(CliError::invalid(format!("there is no file {path}")).hint("check the path"));
    }
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LIMIT {
        return Err(CliError::invalid(format!("{path} has {size} bytes; at most {LIMIT} are read")));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}
