//! How a machine is ended.

/// How a machine is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The guest is asked to power off.
    Orderly,
    /// The same, but its journal is fetched first, because a test failed on it.
    WithEvidence,
    /// At once, because it is a clone of which nothing more is to be known.
    Discard,
    /// The same, but its journal is fetched first, because a test failed on it. How it shuts down is
    /// nobody's question, and one whose init is dead never would.
    DiscardWithEvidence,
    /// At once: it does not answer any more.
    Kill,
}
