//! `group`: a group.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("exists", Kind::Bool, "Whether the name service knows it."),
    attribute("gid", Kind::Integer, "Its number."),
    attribute("members", Kind::Set, "Users that name it as a supplementary group."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "group",
    summary: "A group.",
    subject: Subject::Named { what: "a group name" },
    shorthand: Shorthand::Words(&[("present", "exists", "true"), ("absent", "exists", "false")]),
    attributes: ATTRIBUTES,
    reads: "`getent group`.",
    example: r#"group:
  wheel: {gid: 10, members: none}
"#,
};
