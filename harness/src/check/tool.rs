//! `tool`: a command on the search path of a root shell.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("exists", Kind::Bool, "Whether the shell finds an executable of that name."),
    attribute("path", Kind::Text, "Where it is found."),
    attribute("resolves-to", Kind::Text, "The file it is in the end, symbolic links followed."),
    attribute("owned-by", Kind::Text, "Name of the package that owns the file it is in the end."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "tool",
    summary: "A command on the search path of a root shell.",
    subject: Subject::Named { what: "a command name" },
    shorthand: Shorthand::Words(&[("present", "exists", "true"), ("absent", "exists", "false")]),
    attributes: ATTRIBUTES,
    reads: "`command -v`, `readlink -f`, `rpm -qf`.",
    example: r#"tool:
  tar: present
  dnf: {resolves-to: /usr/bin/dnf5}
  telnet: absent
"#,
};
