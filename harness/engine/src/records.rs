//! The records of tests and machines that nothing has reached.

use std::sync::Arc;

use super::outcome::outcome_of;
use super::plan::{Plan, Planned};
use super::rerun::Rerun;
use muster_base::failure::{self, Failure, Location};
use muster_record::names::{HEALTH_TEST, MACHINE_SUITE};
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;

impl Plan {
    /// Every test on every image, each as it stands in the record when the run ends now.
    pub fn unreached(&self, rerun: &Rerun) -> Vec<TestRecord> {
        let mut records = Vec::new();
        for image in &self.images {
            records.push(unreached_health(image, rerun));
            for planned in self.groups_of(image).iter().flat_map(|group| &group.tests) {
                records.push(unreached(planned, image, rerun));
            }
        }
        records
    }
}

/// The record of a test that did not run because something else went wrong first.
pub(crate) fn not_run(planned: &Planned, image: &str, rerun: &Rerun, why: Failure) -> TestRecord {
    let record = unreached(planned, image, rerun);
    TestRecord { outcome: Outcome::NotRun, failures: Vec::new(), skipped: Some(why), ..record }
}

/// The record of the machines of an image that was not reached for it.
pub(crate) fn health_not_run(image: &str, rerun: &Rerun, why: Failure) -> TestRecord {
    let record = known_health(image, rerun);
    if record.failures.is_empty() {
        return TestRecord { outcome: Outcome::NotRun, skipped: Some(why), ..record };
    }
    // What is known already is no less true for it.
    let outcome = outcome_of(&record);
    TestRecord { outcome, remarks: vec![why.message], ..record }
}

fn blank(suite: &str, test: &str, image: &str, location: Location, rerun: &Rerun) -> TestRecord {
    let key = (suite.to_owned(), test.to_owned(), image.to_owned());
    TestRecord {
        suite: suite.to_owned(),
        test: test.to_owned(),
        image: image.to_owned(),
        outcome: Outcome::Error,
        summary: String::new(),
        tags: Vec::new(),
        links: Vec::new(),
        location,
        started: None,
        seconds: 0.0,
        assertions: 0,
        met: Vec::new(),
        met_left_out: 0,
        failures: vec![Failure::new(failure::RUN_INTERRUPTED, "the run ended before this test was reached")],
        skipped: None,
        remarks: Vec::new(),
        attempts: Vec::new(),
        earlier: rerun.earlier.get(&key).cloned().unwrap_or_default(),
        kept_from: None,
        issue: None,
        machine: None,
        machines: Vec::new(),
        capsule: None,
        rerun: rerun.command(suite, test, image),
    }
}

/// The record of a planned test that has not been reached.
pub fn unreached(planned: &Planned, image: &str, rerun: &Rerun) -> TestRecord {
    let test = planned.test();
    TestRecord {
        summary: test.summary.clone(),
        tags: test.tags.clone(),
        links: test.links.clone(),
        ..blank(&planned.suite.name, &test.id, image, test.location.clone(), rerun)
    }
}

/// The record of an image's machine health before its machines have ended. What earlier runs found is there from the beginning, so
/// that a run that is killed hands it on.
pub fn unreached_health(image: &str, rerun: &Rerun) -> TestRecord {
    let record = health(image, rerun);
    let failures = rerun.machine_failures(image).iter().cloned().chain(record.failures).collect();
    TestRecord { failures, ..record }
}

/// The same with what earlier runs found alone.
pub(crate) fn known_health(image: &str, rerun: &Rerun) -> TestRecord {
    TestRecord { failures: rerun.machine_failures(image).to_vec(), ..health(image, rerun) }
}

fn health(image: &str, rerun: &Rerun) -> TestRecord {
    TestRecord {
        summary: "its machines boot, settle and stop without a crash, a failed unit, a denial or a core dump"
            .to_owned(),
        tags: vec!["always".to_owned()],
        ..blank(
            MACHINE_SUITE,
            HEALTH_TEST,
            image,
            Location { file: Arc::from("(always on)"), line: 1, column: 1 },
            rerun,
        )
    }
}
