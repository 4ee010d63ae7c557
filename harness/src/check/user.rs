//! `user`: a user account.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("exists", Kind::Bool, "Whether the name service knows it."),
    attribute("uid", Kind::Integer, "Its number."),
    attribute("gid", Kind::Integer, "Number of its primary group."),
    attribute("group", Kind::Text, "Name of its primary group."),
    attribute("groups", Kind::Set, "Names of all its groups."),
    attribute("home", Kind::Text, "Home directory."),
    attribute("shell", Kind::Text, "Login shell."),
    attribute("gecos", Kind::Text, "Comment."),
    attribute("login", Kind::Bool, "Whether its shell lets it log in (not nologin, false, sync, shutdown or halt)."),
    attribute(
        "password",
        Kind::Word(&["set", "empty", "locked", "none"]),
        "State of its password: usable, empty, locked (`!`), or none that could match (`*`).",
    ),
    attribute("locked", Kind::Bool, "Whether it has no password that could be used."),
    attribute("local", Kind::Bool, "Whether it is in /etc/passwd."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "user",
    summary: "A user account.",
    subject: Subject::Named { what: "a user name" },
    shorthand: Shorthand::Words(&[("present", "exists", "true"), ("absent", "exists", "false")]),
    attributes: ATTRIBUTES,
    reads: "`getent passwd`, `id`, `/etc/shadow`.",
    example: r#"user:
  root: {uid: 0, password: {any-of: [locked, none]}}
  chrony: {shell: /sbin/nologin}
  azureuser: absent
"#,
};
