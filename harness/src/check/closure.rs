//! `closure`: what the package manager would do to install something, from the image's own repositories, without doing it.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("resolves", Kind::Bool, "Whether the transaction resolves. Already installed counts as resolved."),
    attribute("adds", Kind::Set, "Names of the packages that would be installed."),
    attribute("weak", Kind::Set, "Those of them that are only weak dependencies."),
    attribute("upgrades", Kind::Set, "Names of installed packages that would be upgraded."),
    attribute("downgrades", Kind::Set, "Names of installed packages that would be downgraded."),
    attribute("removes", Kind::Set, "Names of installed packages that would be removed or replaced."),
    attribute("from-repos", Kind::Set, "Ids of the repositories they would come from."),
    attribute("count", Kind::Integer, "How many packages would be installed."),
    attribute("install-size", Kind::Size, "Disk space that would be used, as the package manager says."),
    attribute("download-size", Kind::Size, "Bytes that would be fetched, as the package manager says."),
    attribute("problem", Kind::Output, "The resolver's words when it does not resolve; empty when it does."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "closure",
    summary: "What the package manager would do to install something, from the image's own repositories, without doing it.",
    subject: Subject::Named { what: "a package name or capability" },
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "`dnf5 install --assumeno`, `dnf --assumeno install` or `tdnf --assumeno install`, judged by what it says: the exit status of `--assumeno` means nothing.",
    example: r#"closure:
  nginx: {resolves: true, from-repos: {only: [azurelinux-base]}, install-size: "<= 80 MiB", removes: none}
"#,
};
