//! What `run.json` holds (schema `run/v1`, in `reports/schema/run-v1.json`): everything a report
//! may say about a run. Built from events alone, so it is complete at every moment of the run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::boot::BootRecord;
use super::deciding::DecidingFile;
pub use super::earlier::{EarlierOutcome, EarlierRun, FoundHow, FoundOn};
use super::finding::OnMachine;
use super::last_seen::LastSeen;
use super::met::MetRecord;
use super::outcome::Outcome;
use super::shard::ShardRecord;
use muster_base::failure::{Failure, Location};

/// A whole run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    /// `run/v1`.
    pub schema: String,
    /// Unique id of the run, also the name of its directory.
    pub id: String,
    /// Version of muster.
    pub muster: String,
    /// SHA-256 of the file of the program that ran it, hex; absent where it could not be read, where shards had different ones, and in
    /// records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub binary: Option<String>,
    /// RFC 3339, UTC.
    pub started: String,
    /// RFC 3339, UTC; absent while the run goes on or when it was killed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finished: Option<String>,
    /// True when the run was interrupted.
    pub interrupted: bool,
    /// The command line, without the program's path.
    pub arguments: Vec<String>,
    /// The runs that this one goes on with, oldest first; empty for a run of its own.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub earlier: Vec<EarlierRun>,
    /// Which of how many shards of a run it is; absent for a whole run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shard: Option<ShardRecord>,
    /// The runs of the shards that it was merged of, by their numbers; empty for a run that ran.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub merged: Vec<EarlierRun>,
    /// Files that decide on its results and are no suite, no image and no product; empty where there is none, and in records of
    /// earlier versions.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<DecidingFile>,
    /// `kvm` or `tcg`, and why.
    pub accelerator: Accelerator,
    /// The images, by id.
    pub images: BTreeMap<String, ImageRecord>,
    /// The suites, by name.
    pub suites: BTreeMap<String, SuiteRecord>,
    /// The machines, in the order they were started.
    pub machines: Vec<MachineRecord>,
    /// What was found on consoles, in the order it was found.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub findings: Vec<OnMachine>,
    /// One per planned test; those not reached when the run was interrupted are errors.
    pub tests: Vec<TestRecord>,
    /// Counts by outcome word; computed from `tests`.
    pub totals: BTreeMap<String, u32>,
    /// Things a reader should know: emulation in use, a seed that was ignored, …
    pub notices: Vec<String>,
    /// The exit code of the command; absent while the run goes on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exit_code: Option<u8>,
}

/// What runs the guests and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Accelerator {
    /// `kvm`, `tcg`, or empty before it is known.
    pub kind: String,
    /// One line: what the probe found.
    pub reason: String,
    /// By how much deadlines are stretched.
    pub deadline_scale: f64,
    /// Architecture of the host on which the guests run: `x86_64`, `aarch64`. Absent where muster did not start the guests
    /// (`--connect`), and in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub host_arch: Option<String>,
}

/// One image of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageRecord {
    /// The file, as the person named it or as the catalogue found it.
    pub path: String,
    /// `qcow2`, `raw`, …
    pub format: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Facts of the guest as first seen; absent when it never booted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub facts: Option<crate::facts::Facts>,
    /// The command line that enters a new machine of it; absent for a machine that muster did not start, and in records of
    /// earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub enter: Option<String>,
    /// What is loaded in place of its boot loader and is none of it; empty where there is nothing, and in records of earlier versions.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub loaded: Vec<DecidingFile>,
    /// The products that were installed in its machines before their tests.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub products: Vec<ProductRecord>,
    /// The kernels other than its own that its machines were rebooted into before their tests.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub kernels: Vec<KernelRecord>,
}

/// A kernel that a matrix names, proven to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KernelRecord {
    /// As the suite names it.
    pub package: String,
    /// What `uname -r` says of the machines that run it.
    pub release: String,
    /// The files that it was installed from, and the package of each; none when it came from a repository.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<ProductRecord>,
}

/// A file that was installed before the tests, and its package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProductRecord {
    /// The file, as the person named it.
    pub file: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Name, epoch where there is one, version, release and architecture: as the guest's package database has it.
    pub package: String,
}

/// One suite of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SuiteRecord {
    /// The suite's file.
    pub file: String,
    /// Why it exists.
    pub summary: String,
    /// SHA-256 of the file, of those that it includes, of those that its tests upload, boot or compare boots with, and of
    /// the accepted snapshots of its tests, hex. In records of earlier versions without these.
    pub sha256: String,
}

/// One machine of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MachineRecord {
    /// Unique in the run; names its directory below `machines/`.
    pub id: String,
    /// Image id.
    pub image: String,
    /// The machine whose frozen state it began with, or `template-…` when an earlier run has kept that
    /// state; absent when it was booted.
    #[serde(rename = "forked-from", skip_serializing_if = "Option::is_none", default)]
    pub cloned_from: Option<String>,
    /// When it was started, RFC 3339, UTC; absent in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub started: Option<String>,
    /// When it had ended; absent while it runs, and in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<String>,
    /// Version of the QEMU that ran it, as that process said it over QMP, with its packager's: `10.0.2 (Debian 1:10.0.2+ds-2)`.
    /// Absent when the process never answered, for a machine that muster did not start, and in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub qemu: Option<String>,
    /// SHA-256 of the file with the code of its UEFI, hex, as it was when the machine had booted; that of its template for a clone, also
    /// when an earlier run has kept the template. Absent for a machine with another firmware or that did not come up, for a machine
    /// that muster did not start, and in records of earlier versions, which had none of clones.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub firmware: Option<String>,
    /// SHA-256 of the file that the variables of its UEFI began as, keys of Secure Boot among them, hex; absent where `firmware` is, and in
    /// records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub firmware_variables: Option<String>,
    /// How commands reached its guest last: `ssh`, or `warm-shell`, which began before the clone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub channel: Option<String>,
    /// Seconds from QEMU start to the first answer; absent when it never answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub boot_seconds: Option<f64>,
    /// What its boot was made of, as far as it was seen, also of one that never answered; absent for a clone, for a
    /// machine that muster did not start, and in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub boot: Option<BootRecord>,
    /// MiB of memory that were its own at its end, shared with no other machine; where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub private_mib: Option<u64>,
    /// Seconds in which it worked for tests and was waited for, its start and its end included: the
    /// rest of a run's time is muster's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub guest_seconds: Option<f64>,
    /// Times an answer of its guest was found only by the look that ends every wait after a second:
    /// a fault of muster, which costs up to that second each time. Absent when there was none.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub rescues: u64,
    /// What it was last seen to do before its first answer; absent once it has answered, where nothing was heard of it, and in
    /// records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_seen: Option<LastSeen>,
    /// How it ended: `powered-off`, `killed`, `frozen`, `exited: …`; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<String>,
}

fn is_zero<N: Default + PartialEq>(count: &N) -> bool {
    *count == N::default()
}

/// An attempt at a test that was followed by another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AttemptRecord {
    /// The machine it ran on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub machine: Option<String>,
    /// All machines it ran on, where it has several, in the order of the suite.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub machines: Vec<NamedMachine>,
    /// RFC 3339, UTC; absent in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub started: Option<String>,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Everything that went wrong.
    pub failures: Vec<Failure>,
}

/// What a known issue made of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct IssueRecord {
    /// What it came to.
    pub ruled: Ruled,
    /// Where it is followed up.
    pub tracker: String,
    /// Why the test fails.
    pub because: String,
    /// The last day of the entry, `YYYY-MM-DD`.
    pub expires: String,
    /// Who looks after it; may be empty.
    pub owner: String,
    /// Where the entry stands.
    pub location: Location,
    /// What is to be done about the entry, or empty.
    pub note: String,
}

/// What a known issue made of a test, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruled {
    /// It failed as documented.
    Known,
    /// It was not asked.
    Skipped,
    /// It passed, and must fail until the entry is deleted.
    UnexpectedPass,
    /// It failed in another way.
    Unexplained,
    /// It failed as documented, and the entry is over.
    Expired,
    /// It passed, and the entry is over.
    Stale,
}

/// One of several machines of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NamedMachine {
    /// As the suite names it.
    pub name: String,
    /// Its id in the run.
    pub id: String,
}

/// One test on one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TestRecord {
    /// Suite name.
    pub suite: String,
    /// Test id in the suite.
    pub test: String,
    /// Image id.
    pub image: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it matters.
    pub summary: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Links.
    pub links: Vec<String>,
    /// Where it stands.
    pub location: Location,
    /// When its last attempt began, RFC 3339, UTC; absent when it never started.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub started: Option<String>,
    /// Wall-clock seconds of all attempts.
    pub seconds: f64,
    /// How many assertions were evaluated (expectations, step conditions, snapshots).
    pub assertions: u32,
    /// Those that were met, in the order in which they were evaluated, at most [`MOST`](crate::met::MOST); none in records of
    /// earlier versions.
    #[serde(skip_serializing_if = "Vec::is_empty", default, deserialize_with = "super::met::bounded")]
    pub met: Vec<MetRecord>,
    /// How many more were met.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub met_left_out: u32,
    /// Everything that went wrong; empty for pass and skip. Of a flaky test, what went wrong last
    /// before it passed.
    pub failures: Vec<Failure>,
    /// Why it was skipped or did not run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub skipped: Option<Failure>,
    /// Findings of base checks that this suite only reports.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub remarks: Vec<String>,
    /// Attempts before the one that all other fields describe, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub attempts: Vec<AttemptRecord>,
    /// How it ended in the runs that this one goes on with, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub earlier: Vec<EarlierOutcome>,
    /// The id of the earlier run whose result this is; absent when it is this run's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kept_from: Option<String>,
    /// The known issue that is about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issue: Option<IssueRecord>,
    /// The machine it ran on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub machine: Option<String>,
    /// All machines it ran on, where it has several, in the order of the suite: the first is that of `machine`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub machines: Vec<NamedMachine>,
    /// The directory of its machine as it was when the test failed, for `muster resume`; relative to
    /// where the run was started, or absolute.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub capsule: Option<String>,
    /// The command line that runs exactly this test again.
    pub rerun: String,
}

impl TestRecord {
    /// `suite/test`, the name a person types.
    pub fn name(&self) -> String {
        format!("{}/{}", self.suite, self.test)
    }

    /// The ids of all machines it ran on.
    pub fn machine_ids(&self) -> impl Iterator<Item = &str> {
        let further = self.machines.iter().skip(1).map(|machine| machine.id.as_str());
        self.machine.as_deref().into_iter().chain(further)
    }

    /// Without the machines it ran on, which are of another run.
    pub fn on_no_machine(self) -> Self {
        Self { machine: None, machines: Vec::new(), ..self }
    }

    /// Whether it is the test of an image's machines themselves.
    pub fn is_health(&self) -> bool {
        self.suite == crate::names::MACHINE_SUITE && self.test == crate::names::HEALTH_TEST
    }
}

/// What a machine that never started leaves.
pub fn no_machine(id: &str, image: &str, end: &str) -> MachineRecord {
    MachineRecord { id: id.to_owned(), image: image.to_owned(), end: Some(end.to_owned()), ..MachineRecord::default() }
}
