//! What a decoded suite is. Everything here has been validated; nothing here is a string that still
//! has to be parsed, except commands for the guest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;

pub use super::expectation::{Assertion, Expectation, Matcher};
pub use super::operator::Operator;

use super::clause::{Clause, Join, Joined, OnMachine};
use super::diagnostic::Span;
use super::matrix_kernel::MatrixKernel;
use super::snapshot_files;
use muster_base::failure::Location;
use muster_base::machine::{DiskBus, FirmwareKind};

/// One suite file.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Its name: the first half of every test's key.
    pub name: String,
    /// The file, as the person named it.
    pub file: Arc<str>,
    /// Why the suite exists, one line.
    pub summary: String,
    /// Tags that every test of the suite has.
    pub tags: Vec<String>,
    /// Which images it is for; `None` is all.
    pub images: Option<When>,
    /// How the always-on base checks are treated here, by name (`coredump: info`).
    pub base_checks: BTreeMap<String, BaseCheck>,
    /// Steps before the first test on each machine.
    pub setup: Vec<Step>,
    /// Steps after the last test on each machine, whatever became of the tests.
    pub teardown: Vec<Step>,
    /// The tests: for each combination of the matrix those of the file, in its order, then those of
    /// the files it includes.
    pub tests: Vec<Test>,
    /// The accepted snapshots that its tests are compared with, of whatever image: SHA-256, hex, by the name of the file. Absent
    /// where they were not read: of a text that is not in a file, and where a run accepts whatever there is.
    pub accepted: Option<BTreeMap<String, String>>,
    /// SHA-256 of the file, of those it includes after it, of those that its tests upload, boot or compare boots with, and of the
    /// accepted snapshots, hex: reports name it, and a result is one of this suite only where it is the same.
    pub digest: String,
    /// The files of which the digest is, the suite's own first; none of a suite that is in no file.
    pub parts: Vec<SuitePart>,
}

/// A file that belongs to a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuitePart {
    /// In the directory of the suite's own file.
    pub name: Utf8PathBuf,
    /// Where it is.
    pub path: Utf8PathBuf,
}

impl Suite {
    /// Which of these files are accepted snapshots of one of its tests, of whatever image, each once for each snapshot.
    pub fn accepted_names<'f, T>(
        &self,
        test: &Test,
        files: &'f BTreeMap<String, T>,
    ) -> impl Iterator<Item = &'f String> + use<'f, T> {
        let names: Vec<String> =
            test.snapshots.iter().map(|one| snapshot_files::beginning(&self.name, &test.id, &one.name)).collect();
        names.into_iter().flat_map(|beginning| {
            let from = files.range(beginning.clone()..).map(|(name, _)| name);
            from.take_while(move |name| name.starts_with(&beginning))
        })
    }
}

/// What a base check's finding does in a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseCheck {
    /// The test fails (the default).
    Fail,
    /// It is only reported.
    Info,
    /// It is not looked at.
    Off,
}

/// One test: the unit of selection, isolation, gating and history. A test of a suite with a matrix,
/// or with `for-each`, has become one of these for every combination.
#[derive(Debug, Clone)]
pub struct Test {
    /// Unique in its suite. As written, and for one of several combinations with what sets it apart:
    /// `features[cpu=x86-64-v3,firmware=bios]`.
    pub id: String,
    /// What sets it apart, in the order of its id: names with values. Empty for most.
    pub cell: Vec<(String, String)>,
    /// The machine it must have, where the image's own description is not enough. All tests of a
    /// `needs` chain want the same.
    pub machine: MachineOverrides,
    /// Why it matters, one line.
    pub summary: String,
    /// Its own tags and its suite's.
    pub tags: Vec<String>,
    /// Links to the sources of what is expected.
    pub links: Vec<String>,
    /// Checks of other tools that this test takes the place of, by their names there.
    pub covers: Vec<Cover>,
    /// On which systems it is asked; `None` is all.
    pub when: Option<When>,
    /// What is expected otherwise on some systems; see [`Test::adjusted`].
    pub adjust: Vec<Adjustment>,
    /// Tests of the same suite that must have passed before, on the same machine: by full id.
    pub needs: Vec<String>,
    /// Wall-clock limit on a host with working KVM; emulation scales it.
    pub timeout: Duration,
    /// How often it is asked again after a failure, 0 to 10. A pass on a later attempt is reported as
    /// flaky, with every attempt. A `clone` or `fresh` test that needs nothing gets a new machine for
    /// each attempt.
    pub retry: u32,
    /// Which machine it gets.
    pub guest: GuestMode,
    /// Whether its machine may reach the internet: it, or a test of its `needs` chain, has the tag
    /// [`NEEDS_INTERNET`].
    pub internet: bool,
    /// Its machines, where it has several: 2 to [`MOST_MACHINES`], in the order of the
    /// file. Empty for most tests. All tests of a `needs` chain have the same.
    pub machines: Vec<TestMachine>,
    /// What may change the guest, in order.
    pub steps: Vec<Step>,
    /// What must then be true; all are evaluated. [`clause::expectations`](super::clause::expectations)
    /// has what stands in alternatives too.
    pub expect: Vec<Clause>,
    /// Facts compared with what was accepted before.
    pub snapshots: Vec<SnapshotSpec>,
    /// Where the test begins.
    pub location: Location,
}

/// One machine of a test that has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestMachine {
    /// Unique in the test, and its host name for the others: lower-case letters, digits and `-`.
    pub name: String,
    /// Where the name stands.
    pub location: Location,
}

/// A check of another tool that a test takes the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// Its name there, as written.
    pub name: String,
    /// The file that says so.
    pub file: Arc<str>,
    /// Where.
    pub span: Span,
}

/// The shape of machine that a combination of a matrix asks for. What is `None` is as the image's
/// description has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MachineOverrides {
    /// Only on the image of this id. Also part of the test's `when`, so that it holds for who does
    /// not look here.
    pub image: Option<String>,
    /// An x86 level (`x86-64-v1` to `x86-64-v4`), `host`, `max`, or a CPU model of QEMU. Letters,
    /// digits, `.`, `_` and `-` only, so that it can stand in a command line.
    pub cpu: Option<String>,
    /// What boots it.
    pub firmware: Option<FirmwareKind>,
    /// Whether it has a TPM 2.0.
    pub tpm: Option<bool>,
    /// How its disk is attached.
    pub bus: Option<DiskBus>,
    /// RAM in bytes, at least 64 MiB.
    pub memory: Option<u64>,
    /// Processors, 1 to 255.
    pub cpus: Option<u32>,
    /// The kernel that it runs. The machine boots as it is; its own package manager then installs this one.
    pub kernel: Option<MatrixKernel>,
}

impl MachineOverrides {
    /// Whether a machine as the image's description has it will do.
    pub fn is_plain(&self) -> bool {
        *self == Self { image: self.image.clone(), ..Self::default() }
    }
}

impl Test {
    /// The id as written, without what sets a combination apart.
    pub fn base_id(&self) -> &str {
        base_id(&self.id)
    }

    /// The names of its machines, where it has several; empty for most tests.
    pub fn machine_names(&self) -> Vec<&str> {
        self.machines.iter().map(|machine| machine.name.as_str()).collect()
    }

    /// What is expected of one of its machines.
    pub fn expected_of(&self, machine: &str) -> &[Clause] {
        let of = |clause: &&OnMachine| clause.machine == machine;
        let all = self.expect.iter().filter_map(|clause| match clause {
            Clause::On(on) => Some(on),
            Clause::Plain(_) | Clause::Joined(_) => None,
        });
        all.into_iter().find(of).map_or(&[], |on| &on.clauses)
    }
}

#[cfg(any(test, feature = "testing"))]
impl Test {
    /// The expectation at a place of the test.
    pub fn plain(&self, at: usize) -> &Expectation {
        self.expect[at].plain().expect("an expectation and no join")
    }
}

/// The id of a test as written, without what sets a combination apart. Ids as written hold no `[`.
pub fn base_id(id: &str) -> &str {
    id.split_once('[').map_or(id, |(base, _)| base)
}

/// The tag of tests whose machine must reach the internet.
pub const NEEDS_INTERNET: &str = "needs-internet";

/// The tags that change what is done, with what each means. All others only select tests.
pub const TAGS: &[(&str, &str)] = &[(
    NEEDS_INTERNET,
    "The machine of the test, and of those that it needs, reaches the internet; without it no machine does. Tests that install \
     packages from the repositories of a distribution need it, and so does a product with dependencies there.",
)];

/// Which machine a test gets. Tests of a `needs` chain share one, and have the same mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestMode {
    /// The machine that other tests of the run use too. The default without steps.
    Shared,
    /// Its own clone of the warm machine.
    Clone,
    /// A cold boot of its own, or of its own `needs` chain.
    Fresh,
}

impl GuestMode {
    /// As written in suites.
    pub fn name(self) -> &'static str {
        match self {
            GuestMode::Shared => "shared",
            GuestMode::Clone => "clone",
            GuestMode::Fresh => "fresh",
        }
    }
}

/// What is expected otherwise on some systems.
#[derive(Debug, Clone)]
pub struct Adjustment {
    /// On which systems; its `because` is always there.
    pub when: When,
    /// What changes in `expect`, in order.
    pub changes: Vec<Change>,
    /// Another time-out.
    pub timeout: Option<Duration>,
}

/// One change of a test's expectations.
#[derive(Debug, Clone)]
pub enum Change {
    /// Removes all expectations of a check type, of one of its subjects, or one attribute of it.
    Remove {
        /// The check type.
        check: &'static str,
        /// The subject; `None` is all of them.
        subject: Option<String>,
        /// The attribute; `None` is the whole expectation.
        attribute: Option<&'static str>,
        /// Where it stands.
        location: Location,
    },
    /// Takes the place of the subject's expectation, or is added (`package: {nginx: absent}`).
    Replace(Expectation),
    /// Each attribute (of mappings: each key) takes the place of the same one, or is added.
    Merge(Expectation),
    /// Removes the test's `any-of` or `all-of`.
    RemoveJoined {
        /// Which of the two.
        join: Join,
        /// Where it stands.
        location: Location,
    },
    /// Takes the place of the test's `any-of` or `all-of`, or is added.
    ReplaceJoined(Joined),
}

/// A condition with the reason a person gave for it.
#[derive(Debug, Clone)]
pub struct When {
    /// The condition.
    pub condition: Condition,
    /// `because:`, shown next to the skip.
    pub because: Option<String>,
    /// Where it stands.
    pub location: Location,
}

/// A condition over dimensions, fmf's way: `distro >= fedora-43 and arch == x86_64`.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All must hold.
    And(Vec<Condition>),
    /// One must hold.
    Or(Vec<Condition>),
    /// Must not hold.
    Not(Box<Condition>),
    /// A dimension against one or more words (`==` and `!=` take a comma-separated list).
    Compare {
        /// The dimension's name, one of [`crate::condition::DIMENSIONS`].
        dimension: String,
        /// The operator.
        operator: Operator,
        /// The words; exactly one for the ordering operators.
        values: Vec<String>,
    },
    /// `dimension is defined` (true) or `is not defined` (false).
    Defined(String, bool),
}

/// A step: it may change the guest.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// Its own limit, else the test's.
    pub timeout: Option<Duration>,
    /// On which of the test's machines it runs; always stated where the test has several, and never elsewhere.
    pub on: Option<String>,
    /// Where it stands.
    pub location: Location,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Runs a command line with `/bin/sh`; status 0 unless stated.
    Run {
        /// The command line.
        command: String,
        /// `exit`, `stdout`, `stderr` with their matchers, as in the `command` check.
        expect: Vec<Assertion>,
        /// Poll until the expectations hold, at most so long.
        eventually: Option<Duration>,
    },
    /// Installs packages with the guest's package manager.
    Install {
        /// Package names or specs.
        packages: Vec<String>,
        /// Whether a failed scriptlet fails the step (`scriptlet-errors: none`).
        refuse_scriptlet_errors: bool,
    },
    /// Removes packages with the guest's package manager. One that is not installed fails the step.
    Remove {
        /// Package names.
        packages: Vec<String>,
        /// Whether a failed scriptlet fails the step.
        refuse_scriptlet_errors: bool,
    },
    /// Updates packages with the guest's package manager. That nothing is newer is success.
    Update {
        /// Package names; none is every package.
        packages: Vec<String>,
        /// Whether a failed scriptlet fails the step.
        refuse_scriptlet_errors: bool,
    },
    /// Brings a systemd unit to a state.
    Service {
        /// Unit name; `.service` when it has no suffix.
        unit: String,
        /// `started`, `stopped`, `restarted`, `reloaded`.
        state: Option<ServiceState>,
        /// Enable or disable.
        enabled: Option<bool>,
    },
    /// Writes a file.
    Write {
        /// Absolute path.
        path: String,
        /// Its content.
        content: String,
        /// Octal mode, e.g. 0o644.
        mode: Option<u32>,
    },
    /// Reboots the machine, and proves that it was rebooted once.
    Reboot(RebootKind),
    /// Copies a file of the host into the guest.
    Upload {
        /// The file: the suite's directory joined with a relative path without `..`. It was a plain file
        /// within [`UPLOAD_LIMIT`] when the suite was decoded; it may have changed since.
        source: Utf8PathBuf,
        /// Absolute path in the guest.
        path: String,
        /// Octal mode; 0o644 when not stated.
        mode: Option<u32>,
    },
    /// Does nothing for so long.
    Wait(Duration),
    /// Boots the machine so often, for the `boot` check to have that many samples. Only as the first
    /// step of a test on a fresh machine.
    BootSamples {
        /// Boots that are measured, those that are discarded included: 1 to 100.
        samples: u32,
        /// How many of the first do not count; fewer than `samples`.
        discard: u32,
    },
    /// Copies files of the guest into the run's directory. One that is not there is said in the report
    /// and fails nothing.
    Collect {
        /// Absolute paths; `*` and `?` stand for parts of names.
        paths: Vec<String>,
    },
}

/// Most machines of a test.
pub const MOST_MACHINES: usize = 8;

/// Largest file of an `upload` step, in bytes.
pub const UPLOAD_LIMIT: u64 = 64 << 20;

/// Largest file of baselines of boots, in bytes.
pub const BASELINE_LIMIT: u64 = 64 << 20;

/// What a `service` step brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ServiceState {
    Started,
    Stopped,
    Restarted,
    Reloaded,
}

/// A fact that is compared with its accepted form.
#[derive(Debug, Clone)]
pub struct SnapshotSpec {
    /// Unique in the test: names the file.
    pub name: String,
    /// What is collected.
    pub of: SnapshotSource,
    /// Who shares the accepted form.
    pub per: SharedBy,
    /// Only these columns, where the source has columns.
    pub keep: Vec<String>,
    /// Only entries whose key matches one of these globs; empty is all.
    pub only: Vec<String>,
    /// Entries whose key matches the glob get this value, or are dropped (`None`).
    pub redact: Vec<(String, Option<String>)>,
    /// Regular expressions replaced in the whole text.
    pub filters: Vec<(regex::Regex, String)>,
    /// Lines are sorted before they are compared.
    pub unordered: bool,
    /// Suite and test whose accepted form it is compared with, on a guest that a proof changed; those it
    /// stands in when there are none.
    pub proves: Option<(String, String)>,
    /// Where it stands.
    pub location: Location,
}

/// Who shares the accepted form of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedBy {
    /// Nobody: each image has its own.
    Image,
    /// All images of one distribution, version and architecture, as the guest says.
    Distro,
}

/// What a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotSource {
    /// Packages: name, evr, arch, vendor.
    Packages,
    /// Unit files: unit, state, preset.
    Units,
    /// `/proc/sys`, key and value.
    Sysctl,
    /// The kernel configuration, symbol and value.
    Kconfig,
    /// Users: name, uid, gid, home, shell.
    Users,
    /// Listening sockets: protocol, port, address kind.
    Ports,
    /// The output of a command.
    Run(String),
}

/// How a `reboot` step reboots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebootKind {
    /// The guest is asked to.
    Soft,
    /// The reset button is pressed: the guest is not told.
    Hard,
    /// The kernel is made to crash, and has to come back by itself.
    Crash,
}

impl RebootKind {
    /// As written in suites.
    pub fn name(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Hard => "hard",
            Self::Crash => "crash",
        }
    }
}
