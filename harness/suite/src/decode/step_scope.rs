//! Where steps stand: some may not stand everywhere.

/// Where steps stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepScope {
    /// In a test.
    Test,
    /// In a suite's `setup` or `teardown`.
    Around,
}
