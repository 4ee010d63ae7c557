//! What runs say of each test: every result on the image, and which of them is final in its place.

use std::collections::BTreeMap;

use jiff::Timestamp;

use muster_base::failure::{self, Class, Failure};
use muster_base::text::one_line;
use muster_record::names::PREFIX;
use muster_record::outcome::Outcome;
use muster_record::run::{EarlierOutcome, FoundOn, TestRecord};
use muster_record::signature::signature;
use muster_suite::policy::{FlakyRule, Policy};

use crate::decision::{FailureSeen, RequirementState, TestEvidence};
use crate::inputs::{GateError, RunInput};
use crate::origin::{Origins, started};
use crate::subject::Subject;

/// Characters of a message, and of a signature.
const MESSAGE: usize = 400;
/// Failures of one result that are listed.
const FAILURES: usize = 20;

/// A result: the record in which it stands, and when the run began that found it.
#[derive(Debug, Clone, Copy)]
struct Seen<'r> {
    run: &'r RunInput,
    test: &'r TestRecord,
    started: Timestamp,
}

/// All results of one test in one place: an image entry on an accelerator, with one firmware.
#[derive(Debug)]
pub(crate) struct Observed<'r> {
    /// The full name.
    pub(crate) name: String,
    /// `image` and `accelerator`.
    pub(crate) cell: BTreeMap<String, String>,
    /// Dimensions that are known of the place: those of the test's own cell too.
    dimensions: BTreeMap<String, String>,
    /// In the order of their records, the oldest first; never empty.
    results: Vec<Seen<'r>>,
    /// How the test failed in runs that were not given, and that given ones go on with.
    before: Vec<Before>,
}

/// A failure before the result that counts.
#[derive(Debug, Clone)]
struct Before {
    /// The run's id.
    run: String,
    /// What a waiver must cover.
    failures: Vec<FailureSeen>,
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
    origins: &Origins<'r>,
) -> Result<BTreeMap<String, Vec<Observed<'r>>>, GateError> {
    let mut out: BTreeMap<String, Vec<Observed<'r>>> = BTreeMap::new();
    for run in runs.iter().copied() {
        for test in run.record.tests.iter().filter(|test| !test.suite.starts_with(PREFIX)) {
            if !subject.is(run, &test.image) {
                continue;
            }
            let places = out.entry(test.name()).or_default();
            // One of which nothing is known keeps the gate closed by itself, as a fault of the run that has it.
            let found = origins.of(run, test);
            let accelerator = found.map(|found| found.accelerator.clone()).unwrap_or_default();
            let cell =
                BTreeMap::from([("image".to_owned(), test.image.clone()), ("accelerator".to_owned(), accelerator)]);
            if let Some(other) = places.first().and_then(|place| place.results.first()) {
                agree(test, *other, run, origins)?;
            }
            let seen = Seen { run, test, started: found.map_or(Timestamp::MIN, started) };
            let dimensions = dimensions(&test.test, &cell, found.and_then(|found| found.images.get(&test.image)));
            let before = before(seen, origins);
            // Where it never booted nobody knows with which firmware, and it may have been that of each place.
            let fits = |place: &&mut Observed<'_>| {
                dimensions.iter().all(|(name, value)| place.dimensions.get(name).is_none_or(|known| known == value))
            };
            let mut fitting: Vec<&mut Observed<'_>> = places.iter_mut().filter(fits).collect();
            let only = fitting.len() == 1;
            for place in &mut fitting {
                place.results.push(seen);
                place.before.extend(before.clone());
                if only {
                    place.dimensions.extend(dimensions.clone());
                }
            }
            if fitting.is_empty() {
                places.push(Observed { name: test.name(), cell, dimensions, results: vec![seen], before });
            }
        }
    }
    Ok(out)
}

/// How a test failed in runs that were not given, as the record of one says that goes on with them. Of those that were given the result
/// itself is there.
fn before(Seen { run, test, .. }: Seen<'_>, origins: &Origins<'_>) -> Vec<Before> {
    let counts = |then: &&EarlierOutcome| {
        is_failure(then.outcome) && !origins.is_given(&then.run) && then.is_about(test, &run.record)
    };
    let one = |then: &EarlierOutcome| {
        let first = then.failure.iter().map(seen);
        // The record has one failure of each run, and a waiver must not cover what nobody sees.
        let message = format!("what else went wrong is in the run {}: give the gate that run too", then.run);
        let rest =
            FailureSeen { id: "more".to_owned(), signature: String::new(), message: one_line(&message, MESSAGE) };
        Before { run: then.run.clone(), failures: first.chain([rest]).collect() }
    };
    test.earlier.iter().filter(counts).map(one).collect()
}

/// Two runs of one test are of one tool and one suite, or they say nothing together.
fn agree(test: &TestRecord, other: Seen<'_>, run: &RunInput, origins: &Origins<'_>) -> Result<(), GateError> {
    let (a, b) = (&other.run.record, &run.record);
    let by = |run: &RunInput, test: &TestRecord| {
        origins.of(run, test).map_or_else(|| run.record.muster.clone(), |found| found.muster.clone())
    };
    let versions = (by(other.run, other.test), by(run, test));
    if versions.0 != versions.1 {
        let (one, two) = (one_line(&versions.0, 60), one_line(&versions.1, 60));
        let versions = format!("{one} in {}, {two} in {}", a.id, b.id);
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
fn dimensions(id: &str, cell: &BTreeMap<String, String>, on: Option<&FoundOn>) -> BTreeMap<String, String> {
    let mut out = cell.clone();
    if let Some(FoundOn { arch, firmware, .. }) = on {
        let known = [("arch", arch), ("firmware", firmware)];
        out.extend(known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))));
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
        self.results.iter().any(|seen| seen.test.outcome.has_run() && !seen.is_running())
    }

    /// The result that counts: the newest of those that ran, else the newest. Of two that began at once the worse.
    fn decisive(&self) -> usize {
        let rank = |(at, seen): (usize, &Seen<'_>)| {
            (seen.test.outcome.has_run(), seen.started, severity(seen.test.outcome), at)
        };
        let best = self.results.iter().enumerate().max_by_key(|entry| rank(*entry));
        best.map_or(0, |(at, _)| at)
    }

    /// How it failed before the result that counts: everything that a waiver must cover, and the last run of those. A pass, or another
    /// failure, takes none of it back.
    fn failed_before(&self, at: usize, decisive: &Seen<'_>) -> Option<Before> {
        let older = |(other, seen): &(usize, &Seen<'_>)| *other != at && seen.started <= decisive.started;
        let given = self.results.iter().enumerate().filter(older).map(|(_, seen)| seen);
        let given = given
            .filter(|seen| is_failure(seen.test.outcome))
            .map(|seen| Before { run: seen.run.record.id.clone(), failures: failures(seen.test) });
        let mut all = self.before.iter().cloned().chain(given).peekable();
        all.peek()?;
        let (mut run, mut failures) = (String::new(), Vec::new());
        for before in all {
            run = before.run;
            add(&mut failures, before.failures);
        }
        Some(Before { run, failures })
    }

    /// How it stands there.
    pub(crate) fn stand(&self, policy: &Policy) -> Stand {
        let at = self.decisive();
        let Some(decisive) = self.results.get(at) else {
            return Stand { state: RequirementState::Missing, why: "no run has a result".to_owned(), failures: vec![] };
        };
        let test = decisive.test;
        let (state, why) = match test.outcome {
            Outcome::Pass => match self.failed_before(at, decisive) {
                None => (RequirementState::Passed, "passed".to_owned()),
                Some(Before { run, failures }) => {
                    let (state, why) = flaky(policy, format!("passed, after it failed in the run {run}"));
                    return Stand { state, why: one_line(&why, MESSAGE), failures };
                }
            },
            Outcome::Flaky => flaky(policy, "passed only on a retry".to_owned()),
            Outcome::Fail => (RequirementState::Failed, headline(test)),
            Outcome::Known => {
                let why = format!("failed as a known issue says, which satisfies no policy: {}", headline(test));
                (RequirementState::Failed, why)
            }
            Outcome::Error if decisive.is_running() => {
                (RequirementState::Running, "its run goes on, or was killed".to_owned())
            }
            Outcome::Error => (RequirementState::Errored, headline(test)),
            Outcome::Skip => {
                let id = test.skipped.as_ref().map(|reason| reason.id.as_str());
                match id.is_some_and(|id| policy.allow_skips.iter().any(|allowed| allowed == id)) {
                    true => (RequirementState::Excluded, format!("left out: {}", headline(test))),
                    false => (RequirementState::Skipped, headline(test)),
                }
            }
            Outcome::NotRun => (RequirementState::Missing, headline(test)),
        };
        let mut failures = failures(test);
        if test.outcome.has_run()
            && let Some(before) = self.failed_before(at, decisive)
        {
            add(&mut failures, before.failures);
        }
        Stand { state, why: one_line(&why, MESSAGE), failures }
    }

    /// Every result, for the decision.
    pub(crate) fn evidence(&self) -> Vec<TestEvidence> {
        let decisive = self.decisive();
        let one = |(at, Seen { run, test, .. }): (usize, &Seen<'_>)| TestEvidence {
            test: self.name.clone(),
            run: run.record.id.clone(),
            kept_from: test.kept_from.as_ref().map(|id| one_line(id, 200)),
            file: run.file.file.clone(),
            cell: self.cell.clone(),
            outcome: test.outcome,
            attempt: test.attempts.len() + 1,
            assertions: test.assertions,
            failures: failures(test),
            rerun: one_line(&test.rerun, 1000),
            decides: at == decisive,
        };
        self.results.iter().enumerate().map(one).collect()
    }
}

fn flaky(policy: &Policy, why: String) -> (RequirementState, String) {
    match policy.flaky {
        FlakyRule::Passes => (RequirementState::Passed, why),
        FlakyRule::Fails => (RequirementState::Failed, format!("flaky: {why}")),
    }
}

impl Seen<'_> {
    /// The run has not ended and the test stands as the plan left it, an error without a beginning.
    fn is_running(&self) -> bool {
        self.run.record.finished.is_none()
            && self.test.outcome == Outcome::Error
            && self.test.failures.iter().any(|failure| failure.id == failure::RUN_INTERRUPTED)
    }
}

/// Whether it is a failure of the image, which no later result takes back.
pub(crate) fn is_failure(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Fail | Outcome::Flaky | Outcome::Known)
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

/// Those that are not there yet. What comes back has other numbers in its message, and a waiver covers it by its signature.
pub(crate) fn add(failures: &mut Vec<FailureSeen>, more: impl IntoIterator<Item = FailureSeen>) {
    for one in more {
        let is_same = |known: &FailureSeen| {
            known == &one || (!one.signature.is_empty() && known.id == one.id && known.signature == one.signature)
        };
        if !failures.iter().any(is_same) {
            failures.push(one);
        }
    }
}

/// All that went wrong with a result, and how the image failed in earlier attempts at it.
fn failures(test: &TestRecord) -> Vec<FailureSeen> {
    let reasons = test.skipped.iter().filter(|_| !test.outcome.has_run());
    let attempts = test.attempts.iter().filter(|_| test.outcome.has_run()).flat_map(|attempt| &attempt.failures);
    let mut out: Vec<FailureSeen> = test.failures.iter().chain(reasons).map(seen).collect();
    add(&mut out, attempts.filter(|failure| failure::class(&failure.id) == Class::Fail).map(seen));
    // One that is beyond the bound is covered by no waiver.
    let more = out.len().saturating_sub(FAILURES);
    if more > 0 {
        out.truncate(FAILURES);
        let message = format!("{more} more failures, which are not listed");
        out.push(FailureSeen { id: "more".to_owned(), signature: String::new(), message });
    }
    out
}

fn seen(failure: &Failure) -> FailureSeen {
    FailureSeen {
        id: one_line(failure.id.as_str(), 200),
        message: one_line(&failure.message, MESSAGE),
        signature: one_line(&signature(&failure.message), MESSAGE),
    }
}
