//! What a decision is: the contract `decision/v1`, in `reports/schema/decision-v1.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use muster_record::outcome::Outcome;
use muster_suite::policy::PolicyLevel;
use muster_suite::waivers::Waiver;

/// The name of the schema.
pub const SCHEMA: &str = "decision/v1";

/// A combination of a policy's matrix, in one line; empty when there is none.
pub fn in_words(cell: &BTreeMap<String, String>) -> String {
    cell.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

/// Whether an image may ship, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// `decision/v1`.
    pub schema: String,
    /// Whether the gate is open: everything that blocks is satisfied, and a required test passed.
    pub open: bool,
    /// The time for which it was decided, RFC 3339, UTC.
    pub at: String,
    /// The policy.
    pub policy: PolicyUsed,
    /// The profile, if the policy has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<ProfileUsed>,
    /// The image.
    pub subject: ImageUsed,
    /// The runs, oldest first.
    pub runs: Vec<RunUsed>,
    /// Every requirement, satisfied or not.
    pub requirements: Vec<Requirement>,
    /// Every waiver that was given, and what became of it.
    pub waivers: Vec<WaiverUse>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// The policy of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PolicyUsed {
    /// Its id.
    pub id: String,
    /// What it decides.
    pub context: String,
    /// Its file.
    pub file: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
}

/// The profile of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProfileUsed {
    /// Its id.
    pub id: String,
    /// Its file.
    pub file: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// The version of muster that wrote it.
    pub muster: String,
}

/// The image of a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageUsed {
    /// SHA-256 of the file that was tested, hex; absent where the runs do not know it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
    /// The files, as the runs name them.
    pub paths: Vec<String>,
    /// The ids under which the runs had it.
    pub entries: Vec<String>,
    /// `ID` of os-release; absent where it never booted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub distro: Option<String>,
    /// `VERSION_ID` of os-release.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// Its architecture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub arch: Option<String>,
    /// The day on which it was built, with which `since`, `until` and `from` are compared.
    pub built: String,
    /// Where that day comes from.
    pub built_from: String,
}

/// A run of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunUsed {
    /// Its id.
    pub id: String,
    /// The file of its record.
    pub file: String,
    /// SHA-256 of that file, hex.
    pub sha256: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// RFC 3339, UTC; absent where it did not end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finished: Option<String>,
    /// The version of muster that ran it.
    pub muster: String,
    /// `kvm` or `tcg`.
    pub accelerator: String,
}

/// What must be so, and whether it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Requirement {
    /// What it is about.
    pub kind: RequirementKind,
    /// The name of a test, of a suite, of a run…
    pub name: String,
    /// How much depends on it.
    pub level: RequirementLevel,
    /// The combination of the policy's matrix; empty without one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub cell: BTreeMap<String, String>,
    /// How it stands.
    pub state: RequirementState,
    /// Whether that is enough.
    pub satisfied: bool,
    /// Whether it keeps the gate closed.
    pub blocks: bool,
    /// One line: why it stands so.
    pub message: String,
    /// What runs say of it, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub evidence: Vec<TestEvidence>,
    /// The waivers that cover it, as indices into those of the decision.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waivers: Vec<usize>,
}

/// What a requirement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequirementKind {
    /// It is known which image was tested.
    Image,
    /// A run is complete.
    Run,
    /// A run is young enough.
    Age,
    /// A suite is the one that was locked.
    Suite,
    /// A test passed.
    Test,
    /// Enough was tested.
    Minimum,
    /// An image entry was tested.
    Environment,
    /// It was tested on an accelerator.
    Accelerator,
    /// An image that is such a system satisfies the policy.
    System,
}

impl RequirementKind {
    /// The name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Run => "run",
            Self::Age => "age",
            Self::Suite => "suite",
            Self::Test => "test",
            Self::Minimum => "minimum",
            Self::Environment => "environment",
            Self::Accelerator => "accelerator",
            Self::System => "system",
        }
    }
}

/// How much depends on a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequirementLevel {
    /// The gate stays closed without it.
    Required,
    /// It is required of images that are built later.
    Upcoming,
    /// A note on the decision.
    Advisory,
    /// Listed, and nothing more.
    Experimental,
}

impl RequirementLevel {
    /// All, the strictest first.
    pub const ALL: [Self; 4] = [Self::Required, Self::Upcoming, Self::Advisory, Self::Experimental];

    /// The name in policies and lists.
    pub fn name(self) -> &'static str {
        PolicyLevel::from(self).name()
    }
}

impl From<RequirementLevel> for PolicyLevel {
    fn from(level: RequirementLevel) -> Self {
        match level {
            RequirementLevel::Required => Self::Required,
            RequirementLevel::Upcoming => Self::Upcoming,
            RequirementLevel::Advisory => Self::Advisory,
            RequirementLevel::Experimental => Self::Experimental,
        }
    }
}

/// How a requirement stands. In the order in which several results of one requirement count: the last one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequirementState {
    /// The policy leaves it out for this image.
    Excluded,
    /// It passed.
    Passed,
    /// It did not pass, and a waiver covers that.
    Waived,
    /// It was skipped.
    Skipped,
    /// No run has a result of it.
    Missing,
    /// Its run goes on.
    Running,
    /// It could not be run to a result.
    Errored,
    /// It failed.
    Failed,
}

impl RequirementState {
    /// All, those that need something first.
    pub const ALL: [Self; 8] = [
        Self::Failed,
        Self::Errored,
        Self::Missing,
        Self::Skipped,
        Self::Running,
        Self::Waived,
        Self::Excluded,
        Self::Passed,
    ];

    /// The name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::Passed => "passed",
            Self::Waived => "waived",
            Self::Skipped => "skipped",
            Self::Missing => "missing",
            Self::Running => "running",
            Self::Errored => "errored",
            Self::Failed => "failed",
        }
    }

    /// Whether it is enough.
    pub fn satisfies(self) -> bool {
        matches!(self, Self::Passed | Self::Waived | Self::Excluded)
    }
}

/// What a run says of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TestEvidence {
    /// The full name, with the cell of the suite's matrix.
    pub test: String,
    /// The run's id.
    pub run: String,
    /// The run that found it, from which that run has kept it; absent for its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kept_from: Option<String>,
    /// The file of its record.
    pub file: String,
    /// Where it ran, as a waiver names it: `image` is the entry's id.
    pub cell: BTreeMap<String, String>,
    /// How it ended, as the run has it.
    pub outcome: Outcome,
    /// Which attempt that was, from 1.
    pub attempt: usize,
    /// Assertions that were evaluated.
    pub assertions: u32,
    /// What went wrong.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failures: Vec<FailureSeen>,
    /// The command that runs it again.
    pub rerun: String,
    /// Whether it is the final result in its place; an earlier one is only listed.
    pub decides: bool,
}

impl TestEvidence {
    /// Whether the test passed, be it on a retry.
    pub fn has_passed(&self) -> bool {
        matches!(self.outcome, Outcome::Pass | Outcome::Flaky)
    }
}

/// A failure, as a waiver names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailureSeen {
    /// The failure id.
    pub id: String,
    /// One line.
    pub message: String,
    /// The message without what differs from run to run.
    pub signature: String,
}

/// What became of a waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WaiverUse {
    /// The waiver.
    pub waiver: Waiver,
    /// What became of it.
    pub fate: WaiverFate,
    /// Why it does not count; all reasons.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub refused: Vec<Refused>,
    /// Why it does not cover its test, where that is not satisfied.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uncovered: Option<String>,
    /// Days that are left of it, when they are few.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub days_left: Option<i64>,
}

/// What became of a waiver, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaiverFate {
    /// It covers a failure.
    Used,
    /// Nothing needs it: the test passes, fails otherwise, or is not required.
    Unused,
    /// It is about another image.
    OtherImage,
    /// It does not count.
    Refused,
}

/// Why a waiver does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Refused {
    /// Which rule it breaks.
    pub reason: RefusalReason,
    /// The key of the waiver that is wrong.
    pub key: String,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// The rules that waivers break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalReason {
    /// The policy accepts none.
    NotAccepted,
    /// It covers more than one failure.
    Wildcard,
    /// Who requested it approved it.
    SelfApproved,
    /// Who approved it may not.
    Approver,
    /// No waiver covers the test.
    NotWaivable,
    /// It is valid for longer than the policy lets it.
    TooLong,
    /// Its last day is over.
    Expired,
    /// It was created later than it is used.
    Future,
    /// The test did not run, and it does not say `missing`.
    NeverRan,
    /// It names no failure, and does not say `missing`.
    NoFailure,
}

impl Decision {
    /// Those that keep the gate closed.
    pub fn blocking(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements.iter().filter(|requirement| requirement.blocks)
    }

    /// How many tests stand so.
    pub fn tests(&self, state: RequirementState) -> usize {
        let is = |requirement: &&Requirement| requirement.kind == RequirementKind::Test && requirement.state == state;
        self.requirements.iter().filter(is).count()
    }
}
