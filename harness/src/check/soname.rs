//! `soname`: a shared library, by soname, as installed packages provide it.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("provided", Kind::Bool, "Whether an installed package provides it, in any word size."),
    attribute("packages", Kind::Set, "Names of the packages that provide it."),
    attribute("versions", Kind::Set, "Symbol versions it provides (`GLIBC_2.42`, `OPENSSL_3.0.0`)."),
    attribute("bits", Kind::Set, "Word sizes it is provided in: 64, 32."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "soname",
    summary: "A shared library, by soname, as installed packages provide it.",
    subject: Subject::Named { what: "a soname" },
    shorthand: Shorthand::Words(&[("present", "provided", "true"), ("absent", "provided", "false")]),
    attributes: ATTRIBUTES,
    reads: "`rpm -qa --provides` with package names, once.",
    example: r#"soname:
  libssl.so.3: present
  libc.so.6: {versions: {has: [GLIBC_2.42]}, bits: {only: ["64"]}}
  libcrypt.so.1: absent
"#,
};
