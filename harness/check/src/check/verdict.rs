//! What an assertion comes to.

/// The answer to one assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Met,
    /// Not as expected.
    Missed {
        /// What was asked, in the suite's own words: `version >= 1:1.26`.
        expected: String,
        /// What was seen: `1:1.20-3`.
        actual: String,
        /// Longer evidence, or empty.
        detail: String,
    },
    /// Could not be answered; never the same as "absent".
    Unknown {
        /// What could not be read and why.
        why: String,
    },
}
