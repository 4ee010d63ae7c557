//! How a test ended.

use serde::{Deserialize, Serialize};

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
}

impl Outcome {
    /// All, in the order of summaries.
    pub const ALL: [Outcome; 6] =
        [Outcome::Pass, Outcome::Fail, Outcome::Error, Outcome::Flaky, Outcome::Known, Outcome::Skip];

    /// The word used everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Error => "error",
            Outcome::Skip => "skip",
            Outcome::Known => "known",
            Outcome::Flaky => "flaky",
        }
    }
}
