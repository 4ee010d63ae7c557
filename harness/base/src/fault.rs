//! What every error type of the crates can say besides its sentence.

use std::borrow::Cow;

use crate::failure::FailureId;

/// An error of one of the crates. Its `Display` says what happened and where; this says the rest.
pub trait Fault: std::error::Error {
    /// The id under which reports file it; none where it never reaches a report.
    fn failure_id(&self) -> Option<FailureId> {
        None
    }

    /// What to do next, where that is not plain from the sentence.
    fn hint(&self) -> Option<Cow<'static, str>> {
        None
    }
}
