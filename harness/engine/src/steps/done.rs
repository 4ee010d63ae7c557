//! What a step came to.

use muster_base::failure::Failure;
use muster_record::met::MetRecord;

/// What a step did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// The assertions that were evaluated, all of them met.
    pub met: Vec<MetRecord>,
    /// What a reader should know about it, one sentence each.
    pub remarks: Vec<String>,
}

impl Done {
    pub(super) fn having(met: impl IntoIterator<Item = MetRecord>) -> Self {
        Self { met: met.into_iter().collect(), remarks: Vec::new() }
    }

    /// How many assertions were evaluated.
    pub(crate) fn assertions(&self) -> u32 {
        u32::try_from(self.met.len()).unwrap_or(u32::MAX)
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
