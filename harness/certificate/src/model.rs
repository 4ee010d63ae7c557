//! What a certificate says: the contract `certificate/v1`, the predicate of the statement in `certificate.json`. All but
//! the [`Claim`] can be computed again from the evidence, and is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::statement::{Descriptor, Statement};
use muster_gate::decision::{Decision, PolicyUsed, ProfileUsed};
use muster_record::deciding::DecidingFile;

/// The name of the schema.
pub const SCHEMA: &str = "certificate/v1";
/// The JSON Schema of the statement.
pub const CERTIFICATE_SCHEMA: &str = include_str!("../../../reports/schema/certificate-v1.json");
/// The type of the predicate.
pub const PREDICATE_TYPE: &str = "urn:muster:certificate:v1";
/// Stands where the record does not say it.
pub const UNKNOWN: &str = "unknown";

/// The statement of a certificate.
pub type CertificateStatement = Statement<Certificate>;

/// What a certificate says of its subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Certificate {
    /// `certificate/v1`.
    pub schema: String,
    /// What it comes to.
    pub status: Status,
    /// What the signer says, and no evidence can.
    pub claim: Claim,
    /// The products that were installed in every machine; empty where images are certified as they are.
    pub products: Vec<ProductCertified>,
    /// The policy, which is in the evidence.
    pub policy: PolicyUsed,
    /// The profile that it names, which is in the evidence.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<ProfileUsed>,
    /// The images, by digest; never empty.
    pub images: Vec<ImageCertified>,
    /// Images that the same runs have tested, and of which nothing is said here.
    pub not_certified: Vec<ImageLeftOut>,
    /// The tests that are required, those of the suite `supportable` among them, by name, each with its summary. Absent in
    /// certificates whose page has the first form.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub tests: BTreeMap<String, String>,
    /// The runs, by file.
    pub runs: Vec<RunCertified>,
    /// Every file of the evidence, by name.
    pub evidence: Vec<EvidenceFile>,
}

/// What a certificate comes to. What is not certified is never signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Everything that the policy lists is satisfied.
    Certified,
    /// All that is required is satisfied; something was waived, or did not pass and is not required.
    CertifiedWithNotes,
}

impl Status {
    /// The name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certified => "certified",
            Self::CertifiedWithNotes => "certified with notes",
        }
    }
}

/// What the signer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Claim {
    /// Who signs, as a file of signers names the key; absent where only the key says it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity: Option<String>,
    /// When, RFC 3339, UTC. The gate was decided for this time.
    pub signed: String,
    /// The last moment at which it is valid, RFC 3339, UTC.
    pub not_after: String,
    /// On whose responsibility the runs were made.
    pub assurance: Assurance,
    /// The version of muster that wrote the certificate.
    pub muster: String,
    /// The form of `certificate.html`, which has a version of its own: a verifier writes the page again in this form. 1 is not
    /// written.
    #[serde(skip_serializing_if = "PageForm::is_first", default)]
    pub page_form: PageForm,
    /// SHA-256 of the `certificate.json` that this one replaces.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub supersedes: Option<String>,
}

/// The number of a form of `certificate.html`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageForm(pub u32);

impl PageForm {
    /// The form in which pages are written today.
    pub const NEWEST: Self = Self(2);

    /// Whether the page lists every required test. Certificates with one that does not have neither their summaries nor notes.
    pub fn lists_tests(self) -> bool {
        self != Self(1)
    }

    fn is_first(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for PageForm {
    /// That of a certificate that names none.
    fn default() -> Self {
        Self(1)
    }
}

/// On whose responsibility the runs were made. Nothing proves it; the signer says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assurance {
    /// Whoever holds the key ran them.
    #[default]
    #[serde(rename = "self")]
    Signer,
    /// A CI system ran them and holds the key.
    Ci,
}

impl Assurance {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signer => "self",
            Self::Ci => "ci",
        }
    }
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProductCertified {
    /// The name of the file, without its directory.
    pub file: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Name, version, release and architecture, as the guests' package databases have it.
    pub package: String,
}

/// An image that was tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImageCertified {
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// `qcow2`, `raw`, …
    pub format: String,
    /// Bytes of the file; `null` where the record does not say it.
    pub bytes: Option<u64>,
    /// `ID` of os-release, or `unknown`, as the four below.
    pub distro: String,
    /// `VERSION_ID` of os-release.
    pub version: String,
    /// Architecture of the guest.
    pub arch: String,
    /// The kernel that ran, as `uname -r` says it.
    pub kernel: String,
    /// `uefi` or `bios`.
    pub firmware: String,
    /// The repositories that the product adds to the system, as `id URL`, in a line for each run that found others. Absent in
    /// certificates whose page has the first form.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub added_repositories: Vec<String>,
    /// The whole decision about it.
    pub decision: Decision,
    /// How its tests ended.
    pub results: Results,
}

/// How the tests of an image ended in all runs, whether a policy requires them or not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Results {
    /// How many passed.
    pub passed: u64,
    /// Those that failed.
    pub failed: Vec<TestNoted>,
    /// Those that could not be run to a result, or were not reached.
    pub errored: Vec<TestNoted>,
    /// Those that failed as a known issue says.
    pub known: Vec<TestNoted>,
    /// Those that passed after a failure.
    pub flaky: Vec<TestNoted>,
    /// Those that were skipped.
    pub skipped: Vec<TestNoted>,
    /// Names of those that a waiver of the decision covers.
    pub waived: Vec<String>,
}

/// A test that is no plain pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TestNoted {
    /// Its full name.
    pub test: String,
    /// The run's id.
    pub run: String,
    /// The failure id, or that of the skip; empty where the run says none.
    pub id: String,
    /// Why, in one line.
    pub message: String,
    /// Where a known issue is followed up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tracker: Option<String>,
}

/// An image of a run that is not certified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImageLeftOut {
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// The ids under which the runs had it.
    pub entries: Vec<String>,
}

/// A run, and under which circumstances it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunCertified {
    /// Its id.
    pub id: String,
    /// Its archive in the evidence.
    pub file: String,
    /// SHA-256 of its `run.json`, hex.
    pub record: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// RFC 3339, UTC.
    pub finished: String,
    /// Whether it went to its end, was not interrupted and not focused; always true.
    pub complete: bool,
    /// The version of muster that ran it.
    pub muster: String,
    /// SHA-256 of the program's file, hex, or `unknown`.
    pub binary: String,
    /// The command line, without the program's path: the options that it was run with.
    pub arguments: Vec<String>,
    /// SHA-256 of each suite, by name.
    pub suites: BTreeMap<String, String>,
    /// Files that decide on its results and are no suite, no image and no product; empty where there is none, or where the record does
    /// not say it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<DecidingFile>,
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// Why that one.
    pub accelerator_reason: String,
    /// Version of QEMU, or `unknown`.
    pub qemu: String,
    /// Architecture of the host, or `unknown`.
    pub host_arch: String,
    /// SHA-256 of the code of each UEFI that booted a machine, hex; empty where there was none, or where the record does not say it.
    pub firmware: Vec<String>,
    /// SHA-256 of each file that the variables of such a UEFI began as, hex; empty where the record does not say it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub firmware_variables: Vec<String>,
    /// The tests that ran with a way to the internet, by their tag `needs-internet`: what they found need not be the image's alone.
    pub needs_internet: Vec<String>,
    /// How commands reached the guests: `ssh`, `warm-shell`; empty where the record does not say it.
    pub channels: Vec<String>,
    /// Machines that were booted.
    pub booted: u64,
    /// Machines that were cloned from a booted one.
    pub cloned: u64,
    /// SHA-256 of QEMU's command line of each machine of which the archive has it, by the machine's directory.
    pub command_lines: BTreeMap<String, String>,
}

/// A file of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EvidenceFile {
    /// Relative to the certificate's directory, such as `evidence/policy.yaml`.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256, hex.
    pub sha256: String,
}

impl Certificate {
    /// What it is about: the products, or the images where there is none.
    pub fn subject(&self) -> Vec<Descriptor> {
        if self.products.is_empty() {
            return self.images.iter().map(|image| Descriptor::new(image.name(), &image.sha256)).collect();
        }
        self.products.iter().map(|product| Descriptor::new(&product.file, &product.sha256)).collect()
    }
}

impl ImageCertified {
    /// The name of its file, without the directory, as the first run has it.
    pub fn name(&self) -> &str {
        let path = self.decision.subject.paths.first().map_or(UNKNOWN, String::as_str);
        path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(UNKNOWN)
    }

    /// Distribution, version and architecture.
    pub fn system(&self) -> String {
        format!("{} {} {}", self.distro, self.version, self.arch)
    }

    /// The same with the names that the runs have for it: several images may be of one system.
    pub fn shown(&self) -> String {
        format!("{} ({})", self.system(), self.decision.subject.entries.join(", "))
    }
}
