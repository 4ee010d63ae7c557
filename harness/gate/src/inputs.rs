//! What a decision is made of, and why none can be made.

use std::borrow::Cow;

use jiff::Timestamp;

use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::text::one_line;
use muster_record::run::RunRecord;
use muster_suite::policy::Policy;
use muster_suite::waivers::Waiver;

use crate::profile::Profile;

/// Everything that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct GateInputs<'i> {
    /// The policy.
    pub policy: &'i Policy,
    /// Where it is, and its digest.
    pub policy_file: &'i NamedFile,
    /// The profile that it names.
    pub profile: Option<(&'i Profile, &'i NamedFile)>,
    /// Waivers, in the order of their files.
    pub waivers: &'i [Waiver],
    /// The runs, in any order.
    pub runs: &'i [RunInput],
    /// SHA-256 of the image that is decided about; `None` is the one that the runs are about.
    pub image: Option<&'i str>,
    /// The time for which it is decided.
    pub at: Timestamp,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// As it is shown.
    pub file: String,
    /// SHA-256, hex.
    pub sha256: String,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunInput {
    /// The file of its record.
    pub file: NamedFile,
    /// The record.
    pub record: RunRecord,
}

impl RunInput {
    /// When it began; a time that cannot be read is older than every other.
    pub(crate) fn started(&self) -> Timestamp {
        self.record.started.parse().unwrap_or(Timestamp::MIN)
    }

    /// Whether it tested the image with this digest.
    pub fn has_image(&self, sha256: &str) -> bool {
        self.record.images.values().any(|image| image.sha256 == sha256)
    }
}

/// What helps where a part of a policy is about no test.
pub(crate) const ABOUT_NO_TEST: &str = "change it, or lock the profile again after a review: `muster profile lock`";

/// Why nothing can be decided: what was given does not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// No run has an image.
    #[error("no run has tested an image")]
    NothingTested,
    /// The policy is for none of the images.
    #[error("the policy {policy} is not for what was tested: {tested}")]
    NotApplicable {
        /// Its id.
        policy: String,
        /// What the images are.
        tested: String,
    },
    /// Several images, and nothing says which.
    #[error("the runs are about several images: {}", images.join("; "))]
    SeveralImages {
        /// Each with its digest.
        images: Vec<String>,
    },
    /// Several machines that were up already, which may have different images.
    #[error("the runs are about several machines: {}", machines.join("; "))]
    SeveralMachines {
        /// Each with its address.
        machines: Vec<String>,
    },
    /// A run is about another image.
    #[error("the run {run} has not tested the image {}; it has tested {tested}", short(wanted))]
    OtherImage {
        /// The run's id.
        run: String,
        /// The digest that is decided about.
        wanted: String,
        /// What the run has tested.
        tested: String,
    },
    /// Two runs of one test are of different tools.
    #[error("two runs of {test} are of different versions of muster: {versions}")]
    SeveralTools {
        /// The test.
        test: String,
        /// The versions.
        versions: String,
    },
    /// Two runs have different suites of one name.
    #[error("two runs have different suites of the name {suite}: {runs}")]
    SeveralSuites {
        /// The suite.
        suite: String,
        /// The runs.
        runs: String,
    },
    /// Two records of one run differ.
    #[error("two records of the run {run} differ: {files}")]
    SeveralRecords {
        /// The run's id.
        run: String,
        /// The files.
        files: String,
    },
    /// A part of the policy is about no test.
    #[error("{place}: {what}")]
    Unmatched {
        /// Where it stands.
        place: String,
        /// One sentence.
        what: String,
    },
}

/// The beginning of a digest.
pub(crate) fn short(digest: &str) -> String {
    match digest.is_empty() {
        true => "of an unknown file".to_owned(),
        false => format!("{}…", one_line(digest, 64).chars().take(12).collect::<String>()),
    }
}

impl Fault for GateError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unmatched { .. } => Exit::Invalid,
            _ => Exit::Error,
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NothingTested => "name runs whose machines booted an image".into(),
            Self::NotApplicable { .. } => "`applies` of the policy names the images that it is for".into(),
            Self::SeveralImages { .. } => "name the one that is to ship: `--image FILE`".into(),
            Self::SeveralMachines { .. } => "give the gate runs of one address".into(),
            Self::OtherImage { .. } => "leave that run out, or name the image that it tested: `--image FILE`".into(),
            Self::SeveralTools { .. } | Self::SeveralSuites { .. } => {
                "give the gate runs of one version of muster and of its suites".into()
            }
            Self::SeveralRecords { .. } => "name the one that its machine wrote".into(),
            Self::Unmatched { .. } => ABOUT_NO_TEST.into(),
        })
    }
}
