//! `writable`: whether root can write to a path.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] =
    &[attribute("value", Kind::Bool, "Whether it exists and can be written to; a read-only file system says no.")];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "writable",
    summary: "Whether root can write to a path.",
    subject: Subject::Named { what: "an absolute path" },
    shorthand: Shorthand::Attribute("value"),
    attributes: ATTRIBUTES,
    reads: "`test -w`.",
    example: r#"writable:
  /usr/bin: false
  /etc: true
  /var: true
"#,
};
