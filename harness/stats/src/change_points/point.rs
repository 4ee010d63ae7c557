//! A change point, whoever found it.

use crate::effect::magnitude;

/// How a change point was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// E-Divisive in windows, and Student's t: enough builds on both sides.
    Windows,
    /// The test of the newest builds. The next builds confirm it or not.
    Newest,
    /// E-Divisive, and permutations.
    Permutations,
}

/// A build from which on the values are others than before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// The first build after the change, from 0.
    pub index: usize,
    /// The mean from the change point before, or the first build, to this one.
    pub before: f64,
    /// The mean from this one to the next change point, or to the last build.
    pub after: f64,
    /// `after` divided by `before`. `None` when there is no finite ratio.
    pub ratio: Option<f64>,
    /// How likely so large a difference is without a change, by the test that [`FoundBy`] names.
    pub p: f64,
    /// How it was found.
    pub found_by: FoundBy,
}

impl ChangePoint {
    pub(super) fn new(index: usize, before: f64, after: f64, p: f64, found_by: FoundBy) -> Self {
        let ratio = Some(after / before).filter(|ratio| ratio.is_finite());
        Self { index, before, after, ratio, p, found_by }
    }

    /// How far apart both means are, as a fraction of the smaller.
    pub fn magnitude(&self) -> f64 {
        magnitude(self.before, self.after)
    }
}
