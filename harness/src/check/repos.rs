//! `repos`: all package repositories together.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("enabled", Kind::Set, "Ids of the enabled ones."),
    attribute("disabled", Kind::Set, "Ids of the disabled ones."),
    attribute("unchecked", Kind::Set, "Ids of the enabled ones that accept unsigned packages."),
    attribute("insecure", Kind::Set, "Ids of the enabled ones with a URL of http, ftp or no scheme."),
    attribute(
        "options",
        Kind::Map(&Kind::Loose),
        "Options of the main configuration, drop-ins applied (`best`, `install_weak_deps`, `skip_if_unavailable`).",
    ),
    attribute("manager", Kind::Text, "The package manager that is used: dnf5, dnf4, tdnf or microdnf."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "repos",
    summary: "All package repositories together.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "The .repo files, /etc/dnf/dnf.conf with its drop-ins, /etc/tdnf/tdnf.conf.",
    example: r#"repos:
  enabled: {only: [azurelinux-base, azurelinux-microsoft]}
  unchecked: none
  options: {skip_if_unavailable: "False"}
"#,
};
