//! Why a piece of a file was not understood.

/// The reason why a piece was not understood: part of a sentence, as [`crate::NotUnderstood`] shows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Why(String);

impl Why {
    /// The reason.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Why {
    fn from(why: String) -> Self {
        Self(why)
    }
}

impl From<&str> for Why {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}

impl From<Why> for String {
    fn from(why: Why) -> Self {
        why.0
    }
}
