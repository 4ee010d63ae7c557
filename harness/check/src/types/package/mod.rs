//! `package`: an installed package, by name or name.arch, and whether the enabled repositories have it.
//! [`rpm`] and [`dpkg`] read it, each on the systems whose own packages are its.

mod dpkg;
mod rpm;

use muster_suite::grammar::{packages, paths};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::verdicts;
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::Read;
use crate::wording::line;
use muster_record::facts::Facts;
use muster_suite::model::{Assertion, Expectation};

const ATTRIBUTES: &[Attribute] = &[
    attribute("installed", AttributeKind::Bool, "Whether at least one instance is installed."),
    attribute(
        "version",
        AttributeKind::Evr,
        "Epoch, version and release of the newest installed instance; a bound without a release ignores the release, as rpm does. Versions of dpkg are ordered by its rule, and a bound without a revision ignores the revision.",
    ),
    attribute("count", AttributeKind::Integer, "How many instances are installed (kernels, several architectures)."),
    attribute("arch", AttributeKind::Text, "Architecture; every installed instance must match."),
    attribute(
        "vendor",
        AttributeKind::Text,
        "Vendor; every installed instance must match. Of dpkg the origin, which Debian's own packages do not state.",
    ),
    attribute(
        "packager",
        AttributeKind::Text,
        "Packager, or maintainer of a package of dpkg; every installed instance must match.",
    ),
    attribute("license", AttributeKind::Text, "Licence expression of the package; dpkg records none."),
    attribute(
        "source",
        AttributeKind::Text,
        "The source RPM it was built from; of dpkg the name of the source package.",
    ),
    attribute("build-host", AttributeKind::Text, "The host it was built on; dpkg records none."),
    attribute(
        "signed",
        AttributeKind::Bool,
        "Whether every installed instance carries an OpenPGP signature in its header; packages of dpkg have none of their own.",
    ),
    attribute(
        "signer",
        AttributeKind::Text,
        "Key id (last 16 hex digits, lower case) that signed it; every installed instance must match.",
    ),
    attribute(
        "from-repo",
        AttributeKind::Text,
        "Id of the repository it was installed from, as dnf recorded it; `none` matches when nothing was recorded (image builders do not record it).",
    ),
    attribute(
        "reason",
        AttributeKind::Keyword(&["user", "dependency", "weak-dependency", "group", "external", "clean", "unknown"]),
        "Why it is installed, as dnf or apt recorded it.",
    ),
    attribute(
        "verify",
        AttributeKind::Keyword(&["clean", "modified"]),
        "`rpm -V` without modification times and without configuration files, or `dpkg --verify`, which knows no more than the sums of contents; what is left out of /usr/share/doc, man, info and locale is no change.",
    ),
    attribute("size", AttributeKind::Size, "Installed size of all instances."),
    attribute("files", AttributeKind::Set(&paths::PATH), "Paths it owns."),
    attribute("provides", AttributeKind::Set(&packages::CAPABILITY), "Capabilities it provides, without versions."),
    attribute("requires", AttributeKind::Set(&packages::CAPABILITY), "Capabilities it requires, without versions."),
    attribute(
        "obsoletes",
        AttributeKind::Set(&packages::CAPABILITY),
        "Names it obsoletes, without versions; dpkg has no such relation.",
    ),
    attribute(
        "scripts",
        AttributeKind::Set(&packages::SCRIPTLET),
        "Which scriptlets it has: pretrans, prein, postin, preun, postun, posttrans, and triggers.",
    ),
    attribute(
        "available",
        AttributeKind::Keyword(&["exact", "provides", "absent"]),
        "Whether the enabled repositories have it: by this very name, only as a capability that another package provides, or not at all.",
    ),
    attribute("candidate", AttributeKind::Evr, "The newest version in the enabled repositories."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "package",
    summary: "An installed package of rpm or dpkg, by name or name.arch, and whether the enabled repositories have it.",
    subject: Subject::Named(&packages::PACKAGE),
    shorthand: Shorthand::Keywords(&[("present", "installed", "true"), ("absent", "installed", "false")]),
    gone: &["installed", "count", "available"],
    attributes: ATTRIBUTES,
    reads: "One `rpm -q --qf` for all packages; `rpm -V`, `rpm -ql`, `rpm -q --provides` and the package manager's `repoquery` only for attributes that need them. On a system of dpkg `dpkg-query`, `dpkg --verify`, `apt-mark` and `apt-cache`.",
    example: r#"package:
  openssl-libs: {version: ">= 1:3.2, < 1:4", signed: true, vendor: {contains: Microsoft}}
  redhat-rpm-config: {available: {any-of: [exact, provides]}}
  sendmail: absent
"#,
};

/// The check type.
pub struct Package;

impl Check for Package {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], facts: &Facts) -> Vec<Probe> {
        if facts.dpkg.is_some() { dpkg::probes(wanted) } else { rpm::probes(wanted) }
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict> {
        let look = if facts.dpkg.is_some() { dpkg::look } else { rpm::look };
        let mut found = verdicts(&TABLE, expectation, |assertion| look(assertion, &expectation.subject, seen));
        name_version(&mut found, expectation, |assertion| look(assertion, &expectation.subject, seen));
        found
    }
}

/// Says of a package that is installed, as a test expects, which version that is: a report of a pass must say what was tested.
fn name_version(found: &mut [Verdict], expectation: &Expectation, look: impl Fn(&Assertion) -> Read<Value>) {
    for (verdict, assertion) in found.iter_mut().zip(&expectation.assertions) {
        let Verdict::Met { actual } = verdict else { continue };
        if assertion.attribute != "installed" || actual != "true" {
            continue;
        }
        let version = look(&Assertion { attribute: "version", ..assertion.clone() });
        if let Ok(version @ (Value::Text(_) | Value::Dpkg(_))) = version {
            *actual = format!("true, version {}", line(&AttributeKind::Evr, &version));
        }
    }
}
