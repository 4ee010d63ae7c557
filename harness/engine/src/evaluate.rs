//! What a test expects, read and evaluated.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::clock::Clock;
use super::driver::Live;
use super::reading::observe;
use super::samples::Samples;
use muster_base::failure::{self, Failure, FailureId};
use muster_base::text;
use muster_check::evaluation::{self, Evaluation};
use muster_check::types::command;
use muster_check::wording::{expected, subject_of};
use muster_check::{Observations, Probe, Verdict};
use muster_record::met::MetRecord;
use muster_suite::clause::Clause;
use muster_suite::model::{Expectation, Test};

/// How often a condition with `eventually` is looked at.
const POLL: Duration = Duration::from_millis(500);

/// Evaluates all expectations, polling those that are allowed to arrive later.
pub(super) async fn evaluate<L: Live>(
    live: &L,
    expect: &[Clause],
    samples: &Samples,
    clock: &Clock,
    attempt: &mut Attempt,
) -> Result<(), Failure> {
    attempt.assertions += assertions(expect);
    let begun = Instant::now();
    let mut evaluation = Evaluation::of(expect);
    loop {
        let mut seen = observe(live, &probes_for(&evaluation.open(), live), clock).await?;
        samples.show(&mut seen);
        for expectation in evaluation.open().into_iter().filter(|one| one.check == command::TABLE.name) {
            let reply = seen.0.get(&command::probe_key(&expectation.subject));
            if let Some(remark) = reply.and_then(|reply| command::note(&expectation.subject, reply))
                && !attempt.remarks.contains(&remark)
            {
                attempt.remarks.push(remark);
            }
        }
        evaluation.evaluate(verdicts_by(live, &seen), |expectation| {
            let patience = expectation.eventually.map_or(Duration::ZERO, |limit| clock.stretch(limit));
            begun.elapsed() < patience && !clock.is_over()
        });
        if evaluation.open().is_empty() {
            for finding in evaluation.findings() {
                attempt.met.extend(met_of(&finding));
                attempt.failures.extend(failure_of(finding));
            }
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What is to be read first of what a test without steps expects.
pub(super) fn first_probes<L: Live>(live: &L, test: &Test) -> Vec<Probe> {
    probes_for(&Evaluation::of(&test.expect).open(), live)
}

/// What a test comes to when these readings meet all that it expects. `None` when something is missed or could not be read.
pub(super) fn met_by<L: Live>(live: &L, test: &Test, seen: &Observations) -> Option<Attempt> {
    let evaluation = Evaluation::once(&test.expect, verdicts_by(live, seen));
    let met: Option<Vec<MetRecord>> = evaluation.findings().iter().map(met_of).collect();
    met.map(|met| Attempt { assertions: assertions(&test.expect), met, ..Attempt::default() })
}

/// The verdicts of an expectation by these readings; none when there is no such check.
fn verdicts_by<L: Live>(live: &L, seen: &Observations) -> impl Fn(&Expectation) -> Vec<Verdict> {
    |expectation| {
        let check = muster_check::find(expectation.check);
        check.map(|check| check.evaluate(expectation, seen, live.facts())).unwrap_or_default()
    }
}

/// How many assertions there are in what is expected.
fn assertions(expect: &[Clause]) -> u32 {
    let count = |found: &Expectation| found.assertions.len() as u32;
    expect.iter().map(|clause| clause.assertions(&count)).sum()
}

fn probes_for<L: Live>(open: &[&Expectation], live: &L) -> Vec<Probe> {
    let mut by_check: BTreeMap<&str, Vec<&Expectation>> = BTreeMap::new();
    for expectation in open {
        by_check.entry(expectation.check).or_default().push(expectation);
    }
    by_check
        .into_iter()
        .filter_map(|(name, expected)| muster_check::find(name).map(|check| check.probes(&expected, live.facts())))
        .flatten()
        .collect()
}

/// How a finding was met; `None` when it was not.
fn met_of(finding: &evaluation::ExpectationResult<'_>) -> Option<MetRecord> {
    use evaluation::ExpectationResult;
    match finding {
        ExpectationResult::Assertion { expectation, assertion, verdict: Verdict::Met { actual } } => {
            Some(MetRecord::new(&subject_of(expectation), &expected(assertion), actual))
        }
        ExpectationResult::AnyOf { joined, verdict: Verdict::Met { actual }, .. } => {
            let subject = format!("one of {} alternatives", joined.branches.len());
            Some(MetRecord::new(&subject, &evaluation::describe(joined), actual))
        }
        _ => None,
    }
}

/// The failure that a finding is; `None` when it is met.
fn failure_of(finding: evaluation::ExpectationResult<'_>) -> Option<Failure> {
    use evaluation::ExpectationResult;
    match finding {
        ExpectationResult::Assertion { verdict: Verdict::Met { .. }, .. }
        | ExpectationResult::AnyOf { verdict: Verdict::Met { .. }, .. } => None,
        ExpectationResult::Assertion {
            expectation,
            assertion,
            verdict: Verdict::Missed { expected, actual, detail },
        } => {
            let (subject, line) = (subject_of(expectation), text::one_line(&actual, 120));
            let message = format!("{subject}: expected {}, found {line}", text::one_line(&expected, 160));
            let id = FailureId::of_check(expectation.check, assertion.attribute);
            let mut failure = Failure::new(id, message).at(&assertion.location);
            failure.expected = Some(expected);
            failure.actual = Some(actual);
            failure.detail = Some(detail).filter(|detail| !detail.is_empty());
            Some(failure)
        }
        ExpectationResult::Assertion { expectation, assertion, verdict: Verdict::Unknown { why } } => {
            let (subject, why) = (subject_of(expectation), text::one_line(&why, 300));
            let message = format!("{subject}: cannot determine {}: {why}", assertion.attribute);
            Some(Failure::new(failure::PROBE_FAILED, message).at(&assertion.location))
        }
        ExpectationResult::AnyOf { joined, verdict: Verdict::Missed { expected, actual, .. }, detail } => {
            let found = text::one_line(&actual, 300);
            let message = format!("none of {} alternatives holds: {found}", joined.branches.len());
            let mut failure = Failure::new(failure::EXPECT_ANY_OF, message).with_detail(detail).at(&joined.location);
            failure.expected = Some(expected);
            failure.actual = Some(actual);
            Some(failure)
        }
        ExpectationResult::AnyOf { joined, verdict: Verdict::Unknown { why }, detail } => {
            let message = format!("cannot determine {}", text::one_line(&why, 300));
            Some(Failure::new(failure::PROBE_FAILED, message).with_detail(detail).at(&joined.location))
        }
        ExpectationResult::Miscounted { expectation, verdicts } => {
            let (check, count) = (expectation.check, expectation.assertions.len());
            let message = format!("the check {check} answered {verdicts} of {count} questions");
            Some(Failure::new(failure::INTERNAL, message).at(&expectation.location))
        }
    }
}
