//! What tests get from around them.

use std::time::Duration;

use super::matrix::Cell;
use crate::model::When;

/// What tests take from their suite.
pub(super) struct Scope<'s> {
    pub(super) tags: &'s [String],
    pub(super) images: Option<&'s When>,
    pub(super) timeout: Duration,
    pub(super) retry: u32,
    /// The combination of the matrix they are decoded for.
    pub(super) cell: &'s Cell,
    /// What ids of an included file begin with, the dot included.
    pub(super) prefix: String,
}
