//! What runs say of each test: every result on the image, and which of them is final in its place.

use std::collections::BTreeMap;

use muster_base::text::one_line;
use muster_record::facts::Facts;
use muster_record::names::PREFIX;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_record::signature::signature;
use muster_suite::policy::{FlakyRule, Policy};

use crate::decision::{FailureSeen, RequirementState, TestEvidence};
use crate::inputs::{GateError, RunInput};
use crate::subject::Subject;

/// Characters of a message, and of a signature.
const MESSAGE: usize = 400;
/// Failures of one result that are listed.
const FAILURES: usize = 20;

/// All results of one test in one place: an image entry on an accelerator.
#[derive(Debug)]
pub(crate) struct Observed<'r> {
    /// The full name.
    pub(crate) name: String,
    /// `image` and `accelerator`.
    pub(crate) cell: BTreeMap<String, String>,
    /// Dimensions that are known of the place: those of the test's own cell too.
    dimensions: BTreeMap<String, String>,
    /// The oldest first; never empty.
    results: Vec<(&'r RunInput, &'r TestRecord)>,
}

/// How a test stands in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stand {
    /// Before waivers.
    pub(crate) state: RequirementState,
    /// One line.
    pub(crate) why: String,
    /// What a waiver must cover.
    pub(crate) failures: Vec<FailureSeen>,
}

/// All results on the image, by the full names of tests. `runs` are sorted, the oldest first.
pub(crate) fn all<'r>(
    runs: &[&'r RunInput],
    subject: &Subject<'_>,
) -> Result<BTreeMap<String, Vec<Observed<'r>>>, GateError> {
    let mut out: BTreeMap<String, Vec<Observed<'r>>> = BTreeMap::new();
    for run in runs.iter().copied() {
        for test in run.record.tests.iter().filter(|test| !test.suite.starts_with(PREFIX)) {
            if !subject.is(run, &test.image) {
                continue;
            }
            let places = out.entry(test.name()).or_default();
            let cell = BTreeMap::from([
                ("image".to_owned(), test.image.clone()),
                ("accelerator".to_owned(), run.record.accelerator.kind.clone()),
            ]);
            if let Some(other) = places.first().and_then(|place| place.results.first()) {
                agree(test, (other.0, run))?;
            }
            match places.iter_mut().find(|place| place.cell == cell) {
                Some(place) => place.results.push((run, test)),
                None => {
                    let facts = run.record.images.get(&test.image).and_then(|image| image.facts.as_ref());
                    let dimensions = dimensions(&test.test, &cell, facts);
                    places.push(Observed { name: test.name(), cell, dimensions, results: vec![(run, test)] });
                }
            }
        }
    }
    Ok(out)
}

/// Two runs of one test are of one tool and one suite, or they say nothing together.
fn agree(test: &TestRecord, (a, b): (&RunInput, &RunInput)) -> Result<(), GateError> {
    let (a, b) = (&a.record, &b.record);
    if a.muster != b.muster {
        let versions = format!("{} in {}, {} in {}", one_line(&a.muster, 60), a.id, one_line(&b.muster, 60), b.id);
        return Err(GateError::SeveralTools { test: test.name(), versions });
    }
    let digest = |suites: &BTreeMap<String, muster_record::run::SuiteRecord>| {
        suites.get(&test.suite).map(|suite| suite.sha256.clone())
    };
    if digest(&a.suites) != digest(&b.suites) {
        let runs = format!("{} and {}", a.id, b.id);
        return Err(GateError::SeveralSuites { suite: test.suite.clone(), runs });
    }
    Ok(())
}

/// What is known of where a test ran. Its own cell wins: `firmware=bios` there is the machine that it had.
fn dimensions(id: &str, cell: &BTreeMap<String, String>, facts: Option<&Facts>) -> BTreeMap<String, String> {
    let mut out = cell.clone();
    if let Some(facts) = facts {
        for name in ["arch", "firmware"] {
            if let Some(value) = facts.dimension(name).and_then(|values| values.into_iter().next()) {
                out.insert(name.to_owned(), value);
            }
        }
    }
    out.extend(own_cell(id));
    out
}

/// The cell in the id of a test: `features[cpu=x86-64-v3,firmware=bios]`.
pub(crate) fn own_cell(id: &str) -> BTreeMap<String, String> {
    let inner = id.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']')).unwrap_or_default();
    let pairs = inner.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Observed<'_> {
    /// Whether the place is in a combination of a policy's matrix.
    pub(crate) fn is_in(&self, cell: &BTreeMap<String, String>) -> bool {
        cell.iter().all(|(name, value)| self.dimensions.get(name) == Some(value))
    }

    /// Whether it ran there to a result, or tried to.
    pub(crate) fn has_run(&self) -> bool {
        self.results.iter().any(|(run, test)| test.outcome.has_run() && !is_running(run, test))
    }

    /// The result that counts: the newest of those that ran, else the newest. Of two that began at once the worse.
    fn decisive(&self) -> usize {
        let rank = |(at, (run, test)): (usize, &(&RunInput, &TestRecord))| {
            (test.outcome.has_run(), run.started(), severity(test.outcome), at)
        };
        let best = self.results.iter().enumerate().max_by_key(|entry| rank(*entry));
        best.map_or(0, |(at, _)| at)
    }

    /// How it stands there.
    pub(crate) fn stand(&self, policy: &Policy) -> Stand {
        let at = self.decisive();
        let Some((run, test)) = self.results.get(at) else {
            return Stand { state: RequirementState::Missing, why: "no run has a result".to_owned(), failures: vec![] };
        };
        let mut earlier = self
            .results
            .iter()
            .enumerate()
            .filter(|(other, (older, _))| *other != at && older.started() <= run.started());
        let failed = |(_, (_, test)): &(usize, &(&RunInput, &TestRecord))| {
            matches!(test.outcome, Outcome::Fail | Outcome::Flaky | Outcome::Known)
        };
        let before = earlier.rfind(failed).map(|(_, (run, test))| (*run, *test));
        let (state, why, of) = match (test.outcome, before) {
            (Outcome::Pass, None) => (RequirementState::Passed, "passed".to_owned(), *test),
            (Outcome::Pass, Some((older, failed))) => {
                flaky(policy, format!("passed, after it failed in the run {}", older.record.id), failed)
            }
            (Outcome::Flaky, _) => flaky(policy, "passed only on a retry".to_owned(), test),
            (Outcome::Fail, _) => (RequirementState::Failed, headline(test), *test),
            (Outcome::Known, _) => {
                let why = format!("failed as a known issue says, which satisfies no policy: {}", headline(test));
                (RequirementState::Failed, why, *test)
            }
            (Outcome::Error, _) if is_running(run, test) => {
                (RequirementState::Running, "its run goes on, or was killed".to_owned(), *test)
            }
            (Outcome::Error, _) => (RequirementState::Errored, headline(test), *test),
            (Outcome::Skip, _) => {
                let id = test.skipped.as_ref().map(|reason| reason.id.as_str());
                match id.is_some_and(|id| policy.allow_skips.iter().any(|allowed| allowed == id)) {
                    true => (RequirementState::Excluded, format!("left out: {}", headline(test)), *test),
                    false => (RequirementState::Skipped, headline(test), *test),
                }
            }
            (Outcome::NotRun, _) => (RequirementState::Missing, headline(test), *test),
        };
        Stand { state, why: one_line(&why, MESSAGE), failures: failures(of) }
    }

    /// Every result, for the decision.
    pub(crate) fn evidence(&self) -> Vec<TestEvidence> {
        let decisive = self.decisive();
        let one = |(at, (run, test)): (usize, &(&RunInput, &TestRecord))| TestEvidence {
            test: self.name.clone(),
            run: run.record.id.clone(),
            file: run.file.file.clone(),
            cell: self.cell.clone(),
            outcome: test.outcome.name().to_owned(),
            attempt: test.attempts.len() + 1,
            assertions: test.assertions,
            failures: failures(test),
            rerun: one_line(&test.rerun, 1000),
            decides: at == decisive,
        };
        self.results.iter().enumerate().map(one).collect()
    }
}

fn flaky<'t>(policy: &Policy, why: String, of: &'t TestRecord) -> (RequirementState, String, &'t TestRecord) {
    match policy.flaky {
        FlakyRule::Passes => (RequirementState::Passed, why, of),
        FlakyRule::Fails => (RequirementState::Failed, format!("flaky: {why}"), of),
    }
}

/// The run has not ended and the test stands as the plan left it, an error without a beginning.
fn is_running(run: &RunInput, test: &TestRecord) -> bool {
    let planned = |id: &muster_base::failure::FailureId| *id == muster_base::failure::RUN_INTERRUPTED;
    run.record.finished.is_none()
        && test.outcome == Outcome::Error
        && test.failures.iter().any(|failure| planned(&failure.id))
}

fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Pass => 0,
        Outcome::Flaky => 1,
        Outcome::Skip => 2,
        Outcome::NotRun => 3,
        Outcome::Known => 4,
        Outcome::Error => 5,
        Outcome::Fail => 6,
    }
}

fn headline(test: &TestRecord) -> String {
    let of = test.failures.first().or(test.skipped.as_ref());
    of.map_or_else(|| test.outcome.name().to_owned(), |failure| format!("{}: {}", failure.id, failure.message))
}

fn failures(test: &TestRecord) -> Vec<FailureSeen> {
    let reasons = test.skipped.iter().filter(|_| !test.outcome.has_run());
    let seen = test.failures.iter().chain(reasons).take(FAILURES).map(|failure| FailureSeen {
        id: one_line(failure.id.as_str(), 200),
        message: one_line(&failure.message, MESSAGE),
        signature: one_line(&signature(&failure.message), MESSAGE),
    });
    let mut out: Vec<FailureSeen> = seen.collect();
    // One that is beyond the bound is covered by no waiver.
    if test.failures.len() > FAILURES {
        let message = format!("{} more failures, which are not listed", test.failures.len() - FAILURES);
        out.push(FailureSeen { id: "more".to_owned(), signature: String::new(), message });
    }
    out
}
