//! A suite before it is written: its tests, and what was left out.

use muster_suite::write::Drafted;

/// What was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) tests: Vec<Drafted>,
    /// What was seen and becomes no test, with the reason: one sentence each.
    pub(super) left_out: Vec<String>,
}
