//! The recorded suite, asked of the machine that it was recorded from: what is not so a moment later
//! has no place in it, and what cannot be asked at all must be said now and not at the first gate.

use std::collections::BTreeMap;

use muster_base::failure::Failure;
use muster_check::{Observations, Probe, Verdict};
use muster_engine::driver::Live;
use muster_guest::Request;
use muster_suite::clause::{Clause, expectations};
use muster_suite::model::{Expectation, Suite};

/// Bytes of a probe's answer, as in a run.
const LIMIT: usize = 32 << 20;

/// Something that was recorded and was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The test's id.
    pub(super) test: String,
    pub(super) check: &'static str,
    pub(super) subject: String,
    pub(super) attribute: &'static str,
    /// What was seen instead, or why nothing could be.
    pub(super) why: String,
    /// Whether nothing could be seen.
    pub(super) unknown: bool,
}

/// Asks all tests. An error means that the machine cannot be asked any more.
pub(super) async fn check<L: Live>(live: &L, suite: &Suite) -> Result<Vec<Wrong>, Failure> {
    let mut wrong = Vec::new();
    for test in &suite.tests {
        let mut by_key: BTreeMap<String, Probe> = BTreeMap::new();
        let mut by_check: BTreeMap<&str, Vec<&Expectation>> = BTreeMap::new();
        for expectation in expectations(&test.expect) {
            by_check.entry(expectation.check).or_default().push(expectation);
        }
        for (name, asked) in by_check {
            let probes = muster_check::find(name).map(|check| check.probes(&asked, live.facts())).unwrap_or_default();
            by_key.extend(probes.into_iter().map(|probe| (probe.key.clone(), probe)));
        }
        let request = |probe: &Probe| Request {
            script: probe.script.clone(),
            timeout: probe.timeout.mul_f64(live.deadline_scale()),
            limit: LIMIT,
        };
        let replies = live.batch(by_key.values().map(request).collect()).await?;
        let seen = Observations(by_key.into_keys().zip(replies).collect());
        // Nothing that is recorded is one of several alternatives.
        wrong.extend(test.expect.iter().filter_map(Clause::plain).flat_map(|expectation| {
            let verdicts = muster_check::find(expectation.check)
                .map(|check| check.evaluate(expectation, &seen, live.facts()))
                .unwrap_or_default();
            evaluated(&test.id, expectation, verdicts)
        }));
    }
    Ok(wrong)
}

fn evaluated(test: &str, expectation: &Expectation, verdicts: Vec<Verdict>) -> Vec<Wrong> {
    let mut verdicts = verdicts.into_iter();
    let mut wrong = Vec::new();
    for assertion in &expectation.assertions {
        let (why, unknown) = match verdicts.next() {
            Some(Verdict::Met { .. }) => continue,
            Some(Verdict::Missed { actual, .. }) => {
                (format!("{} was {actual} when it was read again", assertion.attribute), false)
            }
            Some(Verdict::Unknown { why }) => (why, true),
            None => ("the check gave no answer".to_owned(), true),
        };
        wrong.push(Wrong {
            test: test.to_owned(),
            check: expectation.check,
            subject: expectation.subject.clone(),
            attribute: assertion.attribute,
            why,
            unknown,
        });
    }
    wrong
}
