//! A tree as it was read: components and their overlays.

use std::collections::BTreeMap;

use super::effect::Effect;
use muster_base::failure::Location;

/// A tree.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Components by name, with their overlays.
    pub components: BTreeMap<String, Component>,
    /// What a reader should know: overlays of a type that is not known, files that were not read.
    pub notes: Vec<String>,
}

/// What is built from one spec.
#[derive(Debug, Clone, Default)]
pub struct Component {
    /// What the spec is called upstream, when that is another name.
    pub upstream_name: Option<String>,
    /// Its overlays, in the order of files and lines.
    pub overlays: Vec<Overlay>,
}

/// One overlay.
#[derive(Debug, Clone)]
pub struct Overlay {
    /// Its type, as written.
    pub kind: String,
    /// Why it exists, in words; may be empty.
    pub description: String,
    /// The same in azldev's vocabulary: category and upstream status.
    pub metadata: Option<(String, String)>,
    /// What it can change.
    pub effect: Effect,
    /// Where it stands.
    pub location: Location,
}

impl Overlay {
    /// Whether it says why it exists; without that it documents nothing.
    pub(crate) fn is_reasoned(&self) -> bool {
        !self.description.is_empty() || self.metadata.is_some()
    }
}

impl Tree {
    /// How many overlays it has.
    pub fn overlays(&self) -> usize {
        self.components.values().map(|component| component.overlays.len()).sum()
    }
}
