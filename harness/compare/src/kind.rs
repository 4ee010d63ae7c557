//! What a kind of facts is. A kind reads some probes, makes items of the answers, and tells how the
//! items of two systems differ. The kinds themselves stand above, in [`super::kinds`].

use super::difference::{self, Difference};
use super::error::KindError;
use super::item::{Field, Items, Part};
use muster_check::{Observations, Probe};

/// The trees that are compared when nobody names others: configuration and what ships with it. Programs
/// and libraries differ with every build; packages, commands and sonames tell of them.
const TREES: &[&str] = &[
    "/etc",
    "/usr/lib/systemd",
    "/usr/lib/sysctl.d",
    "/usr/lib/sysusers.d",
    "/usr/lib/tmpfiles.d",
    "/usr/lib/modprobe.d",
    "/usr/lib/modules-load.d",
    "/usr/lib/udev/rules.d",
];

/// What is read beyond the fixed places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Directories whose files are compared, absolute.
    pub trees: Vec<String>,
}

impl Default for Scope {
    fn default() -> Self {
        Self { trees: TREES.iter().map(|tree| (*tree).to_owned()).collect() }
    }
}

/// A kind of facts.
pub trait FactKind: Sync {
    /// Its name: the first part of keys.
    fn name(&self) -> &'static str;

    /// What its subjects are, in the plural, for titles and the documentation.
    fn what(&self) -> &'static str;

    /// What it tells of each subject.
    fn fields(&self) -> &'static [Field];

    /// What must be read in the guest.
    fn probes(&self, scope: &Scope) -> Vec<Probe>;

    /// What the answers say; an error when they cannot be understood.
    fn parse(&self, seen: &Observations) -> Result<Part, KindError>;

    /// How the items of two systems differ, in the order of subjects and fields.
    fn differences(&self, before: &Items, after: &Items) -> Vec<Difference> {
        difference::of_items(self.name(), self.fields(), before, after)
    }
}
