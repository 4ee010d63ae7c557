//! A system, as answers need it.

use muster_port::{System, SystemFacts};
use muster_repodata::Index;

/// A system, as answers need it.
pub(super) struct Side {
    pub(super) name: String,
    pub(super) index: Index,
    pub(super) facts: SystemFacts,
    /// What a reader must know of it.
    pub(super) notes: Vec<String>,
}

impl Side {
    pub(super) fn system(&self) -> System<'_> {
        System { name: self.name.clone(), index: &self.index, facts: self.facts.clone() }
    }
}
