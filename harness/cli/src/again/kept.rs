//! What of the earlier run belongs to the run that goes on with it: results that are kept, how tests ended that run again, and what
//! went wrong with machines that are not there again.

use std::collections::{BTreeMap, BTreeSet};

use super::machines::any_boot_shows;
use super::{Again, Mode};
use muster_base::failure::{self, Class, Failure, FailureId};
use muster_base::text::one_line;
use muster_engine::plan::Plan;
use muster_engine::rerun::Rerun;
use muster_engine::settings::KeptResults;
use muster_record::outcome::Outcome;
use muster_record::run::{EarlierOutcome, ImageRecord, TestRecord};
use muster_suite::model::Suite;

impl Again {
    /// What of the earlier run belongs to this one: for each planned test how it ended, and the results that are kept.
    pub(crate) fn join(&self, plan: &Plan, rerun: &mut Rerun) -> KeptResults {
        let key = |test: &TestRecord| (test.suite.clone(), test.test.clone(), test.image.clone());
        let planned: BTreeSet<_> = plan.unreached(rerun).iter().map(key).collect();
        let mut kept = KeptResults { whole: self.mode.keeps(), ..KeptResults::default() };
        let stays = |test: &&TestRecord| !test.is_health() && test.outcome.has_run() && !planned.contains(&key(test));
        let in_part: BTreeSet<&str> = self.record.tests.iter().filter(stays).map(|test| test.image.as_str()).collect();
        for test in &self.record.tests {
            let from = test.kept_from.clone().unwrap_or_else(|| self.record.id.clone());
            if planned.contains(&key(test)) {
                let found = self.machine_failures(test, &from, !in_part.contains(test.image.as_str()));
                if !found.is_empty() {
                    rerun.machine_failures.insert(test.image.clone(), found);
                }
                let outcome = EarlierOutcome::of(test, &self.record, &from);
                rerun.earlier.insert(key(test), test.earlier.iter().cloned().chain([outcome]).collect());
            } else if self.mode.keeps() {
                let now = plan.suites.iter().find(|suite| suite.name == test.suite);
                let result =
                    match (now.filter(|suite| self.has_changed(suite)), self.why_not_kept(&test.name(), &test.image)) {
                        (Some(suite), _) => self.of_another_version(test, &from, suite),
                        (None, Some(why)) => {
                            let why = format!("{why} the run {}", one_line(&from, 120));
                            Some(self.without_result(test, &from, &failure::NOT_RUN_FILES, &why, ""))
                        }
                        (None, None) => Some(TestRecord { kept_from: Some(from), ..test.clone() }),
                    };
                // Its machine was one of that run: this one may have another of the same name.
                kept.tests.extend(result.map(TestRecord::on_no_machine));
            }
        }
        let of = |name: &str| kept.tests.iter().any(|test| test.suite == name);
        kept.suites =
            self.record.suites.iter().filter(|(name, _)| of(name)).map(|(n, s)| (n.clone(), s.clone())).collect();
        let on = |image: &str| kept.tests.iter().any(|test| test.image == image);
        // Also of those that are looked at again: until they are, theirs is the file that the kept results are of.
        let images = self.record.images.iter().filter(|(image, _)| on(image)).map(|(image, record)| {
            let facts = if plan.images.contains(image) { None } else { record.facts.clone() };
            (image.clone(), ImageRecord { facts, ..record.clone() })
        });
        kept.images = images.collect();
        kept
    }

    /// The row of a test that does not run here and that a suite had which has changed since: it has no result. None where it passed or
    /// was skipped then, and the suite does not have it any more.
    fn of_another_version(&self, test: &TestRecord, from: &str, suite: &Suite) -> Option<TestRecord> {
        let is_there = suite.tests.iter().any(|now| now.id == test.test);
        if !is_there && !matches!(test.outcome, Outcome::Fail | Outcome::Error | Outcome::NotRun) {
            return None;
        }
        let gone = if is_there { "" } else { ", and does not have the test any more" };
        let why = format!("the suite {} has changed since the run {}", one_line(&suite.name, 120), one_line(from, 120));
        Some(self.without_result(test, from, &failure::NOT_RUN_CHANGED, &why, gone))
    }

    /// The row of a test that does not run here, and whose result in the earlier run is none here.
    fn without_result(&self, test: &TestRecord, from: &str, id: &FailureId, why: &str, rest: &str) -> TestRecord {
        let message = format!("{why}, in which the test ended as {}{rest}", test.outcome.name());
        let before = EarlierOutcome::of(test, &self.record, from);
        TestRecord {
            outcome: Outcome::NotRun,
            started: None,
            seconds: 0.0,
            assertions: 0,
            met: Vec::new(),
            met_left_out: 0,
            failures: Vec::new(),
            skipped: Some(Failure::new(id.clone(), message)),
            remarks: Vec::new(),
            attempts: Vec::new(),
            earlier: test.earlier.iter().cloned().chain([before]).collect(),
            kept_from: None,
            issue: None,
            capsule: None,
            ..test.clone()
        }
    }

    /// What went wrong with an image's machines in the earlier run, and still counts now that their test runs again. Tests whose results
    /// are kept do not run here, and what their teardown or their machines came to is found by nobody again.
    /// `all_again`: everything that ran on the image runs again.
    fn machine_failures(&self, test: &TestRecord, from: &str, all_again: bool) -> Vec<Failure> {
        if !test.is_health() || test.outcome == Outcome::Pass {
            return Vec::new();
        }
        let counts = |found: &&Failure| match self.mode {
            // What is done again is found again where it is still so. A person wants to know how the machines are now: the record
            // has the earlier verdict next to it.
            Mode::Failed | Mode::Rerun => !all_again && !any_boot_shows(&found.id),
            Mode::Resume => found.id != failure::RUN_INTERRUPTED,
            // What ended in an error runs again, since it says something of the host; what is wrong with the image stays wrong.
            Mode::Attempt => found.id == failure::IMAGE_CHANGED || failure::class(&found.id) == Class::Fail,
        };
        let runs: BTreeSet<&str> = self.record.earlier.iter().map(|run| run.id.as_str()).chain([from]).collect();
        // What that run has kept itself already names the run that found it.
        let bare = |message: &str| runs.iter().find_map(|run| message.strip_prefix(&in_run(run))).map(str::to_owned);
        let mut known = BTreeSet::new();
        let mut kept = Vec::new();
        for found in test.failures.iter().filter(counts) {
            let named = bare(&found.message);
            let message = if named.is_some() { found.message.clone() } else { in_run(from) + &found.message };
            // The first run that found it has said it.
            if known.insert((found.id.clone(), named.unwrap_or_else(|| found.message.clone()))) {
                kept.push(Failure { message, ..found.clone() });
            }
        }
        kept
    }

    /// What images must be for their results to be kept, as the earlier run has them.
    pub(crate) fn expected(&self, kept: &KeptResults) -> BTreeMap<String, ImageRecord> {
        let counts = |image: &str| kept.tests.iter().any(|test| test.image == image && test.outcome.has_run());
        let known = self.record.images.iter().filter(|(image, record)| !record.sha256.is_empty() && counts(image));
        known.map(|(image, record)| (image.clone(), record.clone())).collect()
    }
}

/// Begins the message of a failure of an earlier run.
fn in_run(id: &str) -> String {
    format!("in the run {}: ", one_line(id, 120))
}
