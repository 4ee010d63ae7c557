//! What clones of an image are made from.

use std::sync::Arc;

use crate::budget::Held;
use crate::driver::Driver;
use crate::lease::Lease;
use muster_check::Observations;

/// What clones are made from.
pub(super) enum CloneSource<D: Driver> {
    /// Nothing yet.
    Empty,
    /// A machine that was booted for it, and at which was only looked.
    Booted(Box<Lease<D::Live>>),
    /// A template.
    Ready(Arc<Template<D::Template>>),
    /// This image cannot be cloned; it was said why. The machine that could not be frozen, until somebody uses it.
    Refused(Option<Box<Lease<D::Live>>>),
}

/// A template and what was known of its guest when it was frozen.
pub(super) struct Template<T> {
    pub(super) machine: String,
    pub(super) made: T,
    pub(super) base: Observations,
    /// Whether it comes from an earlier run, so that nobody in this one knows the facts of its guest.
    pub(super) recalled: bool,
    pub(super) _memory: Held,
}
