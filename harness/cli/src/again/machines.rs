//! What went wrong with the machines of an image, and what must run again for it to be found again.

use std::collections::BTreeSet;

use muster_base::failure::{self, FailureId};
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// The images with whose machines something went wrong that another boot does not show again: between tests, after them, or on one
/// machine of many. Only all that ran there can.
pub(super) fn wrong_machines(record: &RunRecord) -> BTreeSet<String> {
    let wrong = |test: &&TestRecord| {
        test.is_health()
            && matches!(test.outcome, Outcome::Fail | Outcome::Error)
            && test.failures.iter().any(|found| !any_boot_shows(&found.id))
    };
    record.tests.iter().filter(wrong).map(|test| test.image.clone()).collect()
}

/// Whether any boot of the image shows it again, or it is of the run alone. That the file changed while the run went on is neither: all
/// its results are void, and the file may be the old one again.
pub(super) fn any_boot_shows(id: &FailureId) -> bool {
    *id == failure::CLAIM_FALSE
        || *id == failure::RUN_INTERRUPTED
        || (id.as_str().starts_with("image.") && *id != failure::IMAGE_CHANGED)
}
