//! What every error type of the crates can say besides its sentence.

use std::borrow::Cow;

use crate::exit::Exit;
use crate::failure::{self, Failure, FailureId};

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

    /// How a command ends that cannot go on for it: [`Exit::Invalid`] where what was typed is wrong, else
    /// [`Exit::Error`]. The failure id does not say it: an image that is not there is an error of a run, but a
    /// command that names it was typed wrong.
    fn exit(&self) -> Exit {
        Exit::Error
    }

    /// It as a failure of a test; without an id of its own it is a defect of ours.
    fn failure(&self) -> Failure
    where
        Self: Sized,
    {
        Failure::of(self.failure_id().unwrap_or(failure::INTERNAL), self)
    }
}
