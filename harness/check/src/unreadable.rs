//! Why a reading has no value. A check that meets it is an error, never a pass and never a failed expectation.

use muster_base::failure::{self, FailureId};
use muster_base::fault::Fault;

/// A reading, or why there is none.
pub type Read<T> = Result<T, Unreadable>;

/// Why something could not be read, as a person reads it: what was read, and what was there in its place. It
/// may quote the guest: whoever shows it escapes it and bounds its length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Unreadable {
    /// With its reason.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl Fault for Unreadable {
    fn failure_id(&self) -> Option<FailureId> {
        Some(failure::PROBE_FAILED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_its_reason_alone_and_is_filed_as_a_probe_that_failed() {
        let why = Unreadable::new("dpkg-query was cut off");
        assert_eq!(why.to_string(), "dpkg-query was cut off");
        assert_eq!(why.failure_id(), Some(failure::PROBE_FAILED));
        assert_eq!(why.hint(), None);
    }
}
