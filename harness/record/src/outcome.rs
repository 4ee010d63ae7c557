//! How a test ended.

use serde::{Deserialize, Serialize};

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every expectation was met.
    Pass,
    /// An expectation was missed, or a base check found something.
    Fail,
    /// The question could not be answered: infrastructure, or a probe that could not run.
    Error,
    /// Not asked, for a stated reason.
    Skip,
    /// Failed exactly as a known issue says.
    Known,
    /// Passed on a retry.
    Flaky,
    /// Never reached, because something else went wrong first: there is no machine, or the run stopped at
    /// a failure. Another test of the same image is the failure or the error; this is no pass and no skip.
    NotRun,
}

impl Outcome {
    /// All, in the order of summaries.
    pub const ALL: [Outcome; 7] =
        [Outcome::Pass, Outcome::Fail, Outcome::Error, Outcome::Flaky, Outcome::Known, Outcome::Skip, Outcome::NotRun];

    /// The word used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Error => "error",
            Outcome::Skip => "skip",
            Outcome::Known => "known",
            Outcome::Flaky => "flaky",
            Outcome::NotRun => "not-run",
        }
    }

    /// Whether the test ran to a result, good or bad, or tried to.
    pub fn has_run(self) -> bool {
        !matches!(self, Outcome::Skip | Outcome::NotRun)
    }
}
