//! `rpmdb`: the RPM database as a whole.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("count", Kind::Integer, "Installed packages, signing keys excepted."),
    attribute("size", Kind::Size, "Sum of the installed sizes of all packages."),
    attribute("path", Kind::Text, "Where the database is (`rpm --eval %_dbpath`)."),
    attribute("backend", Kind::Text, "Its format (`sqlite`, `ndb`, `bdb`)."),
    attribute("verify", Kind::Word(&["ok", "broken"]), "`rpmdb --verifydb`."),
    attribute("packages", Kind::Set, "Names of all installed packages."),
    attribute("vendors", Kind::Set, "Vendors of all packages; a package without one counts as `(none)`."),
    attribute("arches", Kind::Set, "Architectures of all packages."),
    attribute(
        "dist-tags",
        Kind::Set,
        "Last dot-separated part of every release (`fc43`, `azl4`): foreign packages stand out.",
    ),
    attribute("build-hosts", Kind::Set, "Hosts the packages were built on."),
    attribute("unsigned", Kind::Set, "Packages without an OpenPGP signature."),
    attribute("signers", Kind::Set, "Key ids of all signatures, last 16 hex digits, lower case."),
    attribute("keys", Kind::Set, "Key ids of the imported signing keys, as rpm lists them, lower case."),
    attribute(
        "duplicates",
        Kind::Set,
        "Packages installed in several versions, install-only kernels and keys excepted.",
    ),
    attribute(
        "unsatisfied",
        Kind::Set,
        "Requirements of installed packages that nothing installed satisfies, as `package: requirement`.",
    ),
    attribute(
        "conflicts",
        Kind::Set,
        "Installed packages that conflict with or obsolete each other, as `package: problem`.",
    ),
    attribute(
        "modified",
        Kind::Set,
        "Files that differ from what their package shipped, configuration, documentation and ghosts excepted.",
    ),
    attribute(
        "missing",
        Kind::Set,
        "Files that a package owns and that are not there, documentation and ghosts excepted.",
    ),
    attribute("unowned", Kind::Map(&Kind::Set), "By directory: files below it that no package owns."),
    attribute(
        "providers",
        Kind::Map(&Kind::Set),
        "By capability, path or soname: names of the installed packages that provide it.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "rpmdb",
    summary: "The RPM database as a whole.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "`rpm -qa` with a query format, `rpm -Va`, `rpmdb --verifydb`, `rpm --eval`, `rpm -q --whatprovides`.",
    example: r#"rpmdb:
  duplicates: none
  unsatisfied: none
  dist-tags: {only: [azl4]}
  providers: {system-release: {count: 1}}
  unowned: {/usr/bin: none}
"#,
};
