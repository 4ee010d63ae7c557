//! `repo`: a package repository, by its id.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("exists", Kind::Bool, "Whether it is configured."),
    attribute("enabled", Kind::Bool, "Whether it is enabled."),
    attribute("name", Kind::Text, "Its name."),
    attribute("baseurl", Kind::Text, "Its base URLs, separated by spaces, variables as written in the file."),
    attribute("mirrorlist", Kind::Text, "Its mirror list."),
    attribute("metalink", Kind::Text, "Its metalink."),
    attribute(
        "gpgcheck",
        Kind::Bool,
        "Whether packages must be signed; the main configuration's value when the repository states none.",
    ),
    attribute(
        "repo-gpgcheck",
        Kind::Bool,
        "Whether the metadata must be signed; the main configuration's value when the repository states none.",
    ),
    attribute("gpgkey", Kind::Set, "Where its keys are."),
    attribute("skip-if-unavailable", Kind::Bool, "Whether a dead repository is silently passed over."),
    attribute("priority", Kind::Integer, "Its priority; 99 when it states none."),
    attribute("file", Kind::Text, "The file that configures it."),
    attribute("options", Kind::Map(&Kind::Loose), "Any other option of its section, as written."),
    attribute("reachable", Kind::Bool, "Whether its metadata can be fetched now, errors not passed over."),
    attribute("packages", Kind::Integer, "How many packages its metadata lists."),
    attribute(
        "closed",
        Kind::Bool,
        "Whether every dependency of its newest packages is satisfied by it and the other enabled repositories.",
    ),
    attribute(
        "unsatisfied",
        Kind::Set,
        "Its dependencies that no enabled repository satisfies, as `package: requirement`.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "repo",
    summary: "A package repository, by its id.",
    subject: Subject::Named { what: "a repository id" },
    shorthand: Shorthand::Words(&[
        ("absent", "exists", "false"),
        ("enabled", "enabled", "true"),
        ("disabled", "enabled", "false"),
    ]),
    attributes: ATTRIBUTES,
    reads: "The .repo files and the main configuration; `dnf repoquery`, `dnf makecache` and `dnf repoclosure` only for what asks for them.",
    example: r#"repo:
  azurelinux-base: {enabled: true, gpgcheck: true, baseurl: {matches: ^https://}, reachable: true}
  updates-testing: disabled
"#,
};
