//! Where steps stand: some may not stand everywhere.

use super::super::model::TestMachine;

/// Where steps stand.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StepScope<'m> {
    /// In a test with these machines, where it has several.
    Test(&'m [TestMachine]),
    /// In a suite's `setup` or `teardown`.
    Around,
}
