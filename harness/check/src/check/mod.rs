//! What a check type is, and what goes in and comes out of one. Every check type depends on this, and this
//! on none of them.

mod observations;
mod probe;
mod verdict;

pub use observations::{Observations, sample_key};
pub use probe::Probe;
pub use verdict::Verdict;

pub(crate) use observations::failure;

use muster_record::facts::Facts;
use muster_suite::model::Expectation;
use muster_suite::table::{Attribute, AttributeKind, CheckTable};

/// A check type: what can be asked, what must be read to answer, and the answer.
pub trait Check: Sync {
    /// The attribute table.
    fn table(&self) -> &'static CheckTable;

    /// What must be read in the guest to evaluate all of these expectations, in as few probes as can be.
    fn probes(&self, wanted: &[&Expectation], facts: &Facts) -> Vec<Probe>;

    /// One verdict for each assertion of the expectation, in order.
    fn evaluate(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict>;
}

/// A row of an attribute table.
pub(crate) const fn attribute(name: &'static str, kind: AttributeKind, doc: &'static str) -> Attribute {
    Attribute { name, kind, doc }
}
