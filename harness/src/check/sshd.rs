//! `sshd`: an option of the SSH server in effect, lower-case as `sshd -T` prints it.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("value", Kind::Loose, "Its value."),
    attribute("list", Kind::List, "Its value as a comma-separated list (ciphers, kexalgorithms, macs)."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "sshd",
    summary: "An option of the SSH server in effect, lower-case as `sshd -T` prints it.",
    subject: Subject::Named { what: "an option of sshd" },
    shorthand: Shorthand::Attribute("value"),
    attributes: ATTRIBUTES,
    reads: "`sshd -T`, once.",
    example: r#"sshd:
  permitrootlogin: {any-of: ["no", prohibit-password]}
  clientaliveinterval: "> 0"
  ciphers: {list: {lacks: [3des-cbc, aes128-cbc]}}
"#,
};
