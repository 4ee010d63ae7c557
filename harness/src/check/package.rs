//! `package`: an installed RPM, by name or name.arch, and whether the enabled repositories have it.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("installed", Kind::Bool, "Whether at least one instance is installed."),
    attribute(
        "version",
        Kind::Evr,
        "Epoch, version and release of the newest installed instance; a bound without a release ignores the release, as rpm does.",
    ),
    attribute("count", Kind::Integer, "How many instances are installed (kernels, several architectures)."),
    attribute("arch", Kind::Text, "Architecture; every installed instance must match."),
    attribute("vendor", Kind::Text, "Vendor; every installed instance must match."),
    attribute("packager", Kind::Text, "Packager; every installed instance must match."),
    attribute("license", Kind::Text, "Licence expression of the package."),
    attribute("source", Kind::Text, "The source RPM it was built from."),
    attribute("build-host", Kind::Text, "The host it was built on."),
    attribute("signed", Kind::Bool, "Whether every installed instance carries an OpenPGP signature in its header."),
    attribute(
        "signer",
        Kind::Text,
        "Key id (last 16 hex digits, lower case) that signed it; every installed instance must match.",
    ),
    attribute(
        "from-repo",
        Kind::Text,
        "Id of the repository it was installed from, as dnf recorded it; `none` matches when nothing was recorded (image builders do not record it).",
    ),
    attribute(
        "reason",
        Kind::Word(&["user", "dependency", "weak-dependency", "group", "external", "clean", "unknown"]),
        "Why it is installed, as dnf recorded it.",
    ),
    attribute(
        "verify",
        Kind::Word(&["clean", "modified"]),
        "`rpm -V` without modification times and without configuration files.",
    ),
    attribute("size", Kind::Size, "Installed size of all instances."),
    attribute("files", Kind::Set, "Paths it owns."),
    attribute("provides", Kind::Set, "Capabilities it provides, without versions."),
    attribute("requires", Kind::Set, "Capabilities it requires, without versions."),
    attribute("obsoletes", Kind::Set, "Names it obsoletes, without versions."),
    attribute(
        "scripts",
        Kind::Set,
        "Which scriptlets it has: pretrans, prein, postin, preun, postun, posttrans, and triggers.",
    ),
    attribute(
        "available",
        Kind::Word(&["exact", "provides", "absent"]),
        "Whether the enabled repositories have it: by this very name, only as a capability that another package provides, or not at all.",
    ),
    attribute("candidate", Kind::Evr, "The newest version in the enabled repositories."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "package",
    summary: "An installed RPM, by name or name.arch, and whether the enabled repositories have it.",
    subject: Subject::Named { what: "a package name" },
    shorthand: Shorthand::Words(&[("present", "installed", "true"), ("absent", "installed", "false")]),
    attributes: ATTRIBUTES,
    reads: "One `rpm -q --qf` for all packages; `rpm -V`, `rpm -ql`, `rpm -q --provides` and the package manager's `repoquery` only for what asks for them.",
    example: r#"package:
  openssl-libs: {version: ">= 1:3.2, < 1:4", signed: true, vendor: {contains: Microsoft}}
  redhat-rpm-config: {available: {any-of: [exact, provides]}}
  sendmail: absent
"#,
};
