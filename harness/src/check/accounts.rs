//! `accounts`: all accounts together.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("users", Kind::Set, "Names of all users of /etc/passwd."),
    attribute("groups", Kind::Set, "Names of all groups of /etc/group."),
    attribute("login", Kind::Set, "Users whose shell lets them log in."),
    attribute("uid-zero", Kind::Set, "Users with uid 0."),
    attribute("with-password", Kind::Set, "Users with a usable password."),
    attribute("empty-password", Kind::Set, "Users with an empty password."),
    attribute("duplicate-uids", Kind::Set, "Uids that several users have."),
    attribute("duplicate-gids", Kind::Set, "Gids that several groups have."),
    attribute("regular", Kind::Set, "Users with a uid of 1000 and more, nobody (65534) excepted."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "accounts",
    summary: "All accounts together.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "/etc/passwd, /etc/group, /etc/shadow.",
    example: r#"accounts:
  uid-zero: {only: [root]}
  empty-password: none
  login: {lacks: [games]}
"#,
};
