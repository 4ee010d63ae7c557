//! `--fail-fast`: after the first test that fails, nothing more is begun. What has begun is finished, so that a run
//! with several machines may end with more failures than one.

use std::sync::OnceLock;

use muster_base::exit::Exit;
use muster_base::failure::{self, Failure};
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_record::verdict::exit_of_records;

/// Whether a run stops at its first failure, and whether it has.
#[derive(Debug, Default)]
pub struct Halt {
    wanted: bool,
    /// The name and the image of the test at which the run stopped.
    at: OnceLock<String>,
}

impl Halt {
    /// That of a run that stops there, if it is wanted.
    pub fn at_first_failure(wanted: bool) -> Self {
        Self { wanted, at: OnceLock::new() }
    }

    /// Looks at a test that has ended. A failure that is documented, though by an entry that has expired, is not what
    /// anybody stops for: the exit code does not call it a failure either.
    pub(super) fn note(&self, record: &TestRecord) {
        let failed = matches!(record.outcome, Outcome::Fail | Outcome::Error)
            && exit_of_records(std::iter::once(record)) != Exit::Stale;
        if self.wanted && failed {
            self.at.get_or_init(|| format!("{} [{}]", record.name(), record.image));
        }
    }

    /// Why no further test is begun; `None` while they are.
    pub(super) fn reached(&self) -> Option<Failure> {
        let at = self.at.get()?;
        Some(Failure::new(failure::NOT_RUN_FAIL_FAST, format!("stopped after {at} did not pass (--fail-fast)")))
    }
}
