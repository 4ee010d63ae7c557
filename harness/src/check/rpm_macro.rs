//! `rpm-macro`: an RPM macro expression and what it expands to.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("value", Kind::Text, "Its expansion; an undefined macro expands to itself."),
    attribute("defined", Kind::Bool, "Whether it expands to anything but itself."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "rpm-macro",
    summary: "An RPM macro expression and what it expands to.",
    subject: Subject::Named { what: "a macro expression" },
    shorthand: Shorthand::Attribute("value"),
    attributes: ATTRIBUTES,
    reads: "`rpm --eval`, once for all.",
    example: r#"rpm-macro:
  "%{?dist}": .azl4
  "%{_vendor}": azurelinux
  "%optflags": {value: {contains: -fstack-protector-strong}}
"#,
};
