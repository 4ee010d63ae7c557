//! What several targets use.

use muster_base::text;
use muster_record::facts::{CAPABILITIES, TOOLS};
use muster_suite::Vocabulary;

/// That of the program.
pub(crate) fn vocabulary() -> Vocabulary<'static> {
    Vocabulary { tables: muster_check::tables(), capabilities: CAPABILITIES, tools: TOOLS }
}

/// What a person reads moves no cursor and is one line.
pub(crate) fn assert_escaped_line(line: &str) {
    assert_eq!(text::escape(line), line);
    assert!(!line.contains(['\n', '\t']), "{line:?} is not one line");
}
