//! `log`: the journal of this boot.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("errors", Kind::Output, "Messages of priority err and worse, one a line, without time stamps."),
    attribute("warnings", Kind::Output, "Messages of priority warning and worse, one a line, without time stamps."),
    attribute("kernel", Kind::Output, "All kernel messages."),
    attribute("all", Kind::Output, "Everything, without time stamps."),
    attribute("units", Kind::Map(&Kind::Output), "By unit: its messages."),
    attribute("size", Kind::Size, "Disk space of the journal."),
    attribute("persistent", Kind::Bool, "Whether it is kept over reboots."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "log",
    summary: "The journal of this boot.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "`journalctl -b`.",
    example: r#"log:
  errors: {lacks: [I/O error, "EXT4-fs error"]}
  units: {cloud-init.service: {lacks: [Traceback]}}
"#,
};
