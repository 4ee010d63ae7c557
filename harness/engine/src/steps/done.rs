//! What a step came to.

use muster_base::failure::Failure;

/// What a step did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Assertions evaluated.
    pub assertions: u32,
    /// What a reader should know about it, one sentence each.
    pub remarks: Vec<String>,
}

impl Done {
    pub(super) fn asserting(assertions: usize) -> Self {
        Self { assertions: u32::try_from(assertions).unwrap_or(u32::MAX), remarks: Vec::new() }
    }
}

/// A step that did not do what it states.
pub(crate) struct Broken {
    /// Why.
    pub failure: Failure,
    /// Assertions evaluated before.
    pub assertions: u32,
    /// Whether the machine cannot be used any more.
    pub machine_lost: bool,
}

impl Broken {
    pub(super) fn missed(failure: Failure) -> Self {
        Self { failure, assertions: 1, machine_lost: false }
    }

    pub(super) fn lost(failure: Failure) -> Self {
        Self { failure, assertions: 0, machine_lost: true }
    }
}
