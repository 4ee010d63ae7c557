//! What an assertion comes to.

/// The answer to one assertion.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// As expected.
    Met {
        /// What was seen, one bounded, escaped line: `1:1.28-3`. Evidence for a report; it decides nothing.
        actual: String,
    },
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

/// Two are equal when they say the same of an expectation. By what it was met is evidence, and makes no difference.
#[cfg(test)]
impl PartialEq for Verdict {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Met { .. }, Self::Met { .. }) => true,
            (Self::Missed { expected, actual, detail }, Self::Missed { expected: e, actual: a, detail: d }) => {
                (expected, actual, detail) == (e, a, d)
            }
            (Self::Unknown { why }, Self::Unknown { why: other }) => why == other,
            _ => false,
        }
    }
}

#[cfg(test)]
impl Verdict {
    /// That it was met, by whatever.
    pub(crate) const MET: Self = Self::Met { actual: String::new() };

    /// What was seen of one that was met.
    pub(crate) fn seen(&self) -> Option<&str> {
        match self {
            Self::Met { actual } => Some(actual),
            _ => None,
        }
    }
}
