//! The exit code that outcomes come to.

use crate::names::MACHINE_SUITE;
use crate::outcome::Outcome;
use crate::run::{Ruled, TestRecord};
use muster_base::exit::Exit;
use muster_base::failure::Failure;

/// What is said of a run in which no test ran.
pub const NO_TEST_RAN: &str = "no test ran: every selected test was skipped, so nothing was shown about the image";

/// Whether there are tests, the machines' own not counted, and none of them has run.
pub fn none_has_run<'r>(records: impl Iterator<Item = &'r TestRecord> + Clone) -> bool {
    let mut own = records.filter(|record| record.suite != MACHINE_SUITE).peekable();
    own.peek().is_some() && !own.any(|record| record.outcome.has_run())
}

/// What the outcomes of tests make of a run. The sentence about each image is made with it too, so that no line says
/// otherwise than the exit code.
pub fn exit_of_records<'r>(records: impl Iterator<Item = &'r TestRecord> + Clone) -> Exit {
    let ruled = |record: &TestRecord| record.issue.as_ref().map(|issue| issue.ruled);
    if records.clone().any(|record| record.outcome == Outcome::Fail && ruled(record) != Some(Ruled::Expired)) {
        return Exit::Failed;
    }
    // A test that did not run is never part of a pass. Which error kept it from running is said by the error
    // itself, so that it decides nothing else here.
    let mut wrong =
        records.clone().filter(|record| matches!(record.outcome, Outcome::Error | Outcome::NotRun)).peekable();
    if wrong.peek().is_some() {
        let errors: Vec<&Failure> =
            wrong.filter(|record| record.outcome == Outcome::Error).flat_map(|record| &record.failures).collect();
        let about_images = !errors.is_empty() && errors.iter().all(|failure| failure.id.as_str().starts_with("image."));
        return if about_images { Exit::Invalid } else { Exit::Error };
    }
    if records.clone().any(|record| matches!(ruled(record), Some(Ruled::Expired | Ruled::Stale))) {
        return Exit::Stale;
    }
    Exit::Pass
}
