//! How a test ended, by what went wrong in it.

use muster_base::failure::{self, Class};
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;

/// What a record's failures make of it: a miss outweighs a question that could not be answered,
/// since it is known to be true.
pub(crate) fn outcome_of(record: &TestRecord) -> Outcome {
    let classes: Vec<Class> = record.failures.iter().map(|failure| failure::class(&failure.id)).collect();
    if classes.contains(&Class::Fail) {
        Outcome::Fail
    } else if !classes.is_empty() {
        Outcome::Error
    } else if record.skipped.is_some() {
        Outcome::Skip
    } else {
        Outcome::Pass
    }
}
