//! Proofs in a run: tests on guests that were changed so that they must fail. Made of the suites
//! before anything is planned; a record learns at its end what its failure shows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use muster_base::failure::{self, Failure};
pub use muster_record::names::PREFIX;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_suite::model::{Expectation, GuestMode, SnapshotSpec, Suite, Test};
use muster_suite::proofs::{Proof, ProofKind};
use muster_suite::select::TestIndex;

/// Tests that must fail, by suite and id.
#[derive(Debug, Clone, Default)]
pub struct Proofs(BTreeMap<(String, String), MustFail>);

/// How a test must fail.
#[derive(Debug, Clone)]
struct MustFail {
    /// The ids of which one must be among its failures.
    with: Vec<String>,
    /// The file of the proof. What fails there is the change and not the test.
    proof: Arc<str>,
}

/// What proofs make of suites.
#[derive(Debug)]
pub struct Made {
    /// One suite for each that has a test with a proof: the changed tests, and what they need.
    pub suites: Vec<Suite>,
    /// What must become of them.
    pub proofs: Proofs,
    /// Tests with neither a proof nor a reason, by suite and id.
    pub missing: Vec<(String, String)>,
    /// Tests that have a reason instead, with it.
    pub unprovable: Vec<(String, String, String)>,
}

/// Makes the suites of changed tests, of those that are wanted.
pub fn make(suites: &[Suite], wanted: &BTreeSet<TestIndex>, proofs: &[Proof]) -> Made {
    let mut made = Made { suites: Vec::new(), proofs: Proofs::default(), missing: Vec::new(), unprovable: Vec::new() };
    for (at, suite) in suites.iter().enumerate() {
        let mut tests = Vec::new();
        for test in wanted.iter().filter(|index| index.suite == at).map(|index| &suite.tests[index.test]) {
            let about: Vec<&Proof> = proofs.iter().filter(|proof| proof.is_about(&suite.name, &test.id)).collect();
            if about.is_empty() {
                made.missing.push((suite.name.clone(), test.id.clone()));
            }
            for (number, proof) in about.into_iter().enumerate() {
                match &proof.kind {
                    ProofKind::Unprovable { because } => {
                        made.unprovable.push((suite.name.clone(), test.id.clone(), because.clone()));
                    }
                    ProofKind::Mutation { before, after, fails } => {
                        let id = if number == 0 { test.id.clone() } else { format!("{}.{}", test.id, number + 1) };
                        let steps = before.iter().chain(&test.steps).chain(after).cloned().collect();
                        let snapshots = snapshots_of(suite, test);
                        let expect = test.expect.iter().map(|clause| clause.map(&impatient)).collect();
                        let mutated = Test { id: id.clone(), steps, expect, retry: 0, snapshots, ..test.clone() };
                        tests.extend(alone(suite, mutated));
                        let must = MustFail { with: fails.clone(), proof: proof.location.file.clone() };
                        made.proofs.0.insert((format!("{PREFIX}{}", suite.name), id), must);
                    }
                }
            }
        }
        if !tests.is_empty() {
            let name = format!("{PREFIX}{}", suite.name);
            made.suites.push(Suite { name, tests, ..suite.clone() });
        }
    }
    made
}

/// How long a changed guest is waited for, unscaled: what a proof has broken does not come back, and each
/// proof would wait for all of `eventually`, which emulation stretches to minutes.
const PATIENCE: Duration = Duration::from_secs(3);

fn impatient(expectation: &Expectation) -> Expectation {
    let eventually = expectation.eventually.map(|limit| limit.min(PATIENCE));
    Expectation { eventually, ..expectation.clone() }
}

/// A test with what it needs, on a machine that no other proof touches: each gets copies of its own.
fn alone(suite: &Suite, test: Test) -> Vec<Test> {
    let copy = |id: &str| format!("{id}.for.{}", test.id);
    let own = |test: &Test, id: String| Test {
        id,
        needs: test.needs.iter().map(|need| copy(need)).collect(),
        guest: if test.guest == GuestMode::Fresh { GuestMode::Fresh } else { GuestMode::Clone },
        ..test.clone()
    };
    let mut needed: Vec<&Test> = Vec::new();
    let mut open: Vec<&String> = test.needs.iter().collect();
    while let Some(id) = open.pop() {
        let Some(found) = suite.tests.iter().find(|other| other.id == *id) else { continue };
        if !needed.iter().any(|known| known.id == found.id) {
            needed.push(found);
            open.extend(&found.needs);
        }
    }
    let id = test.id.clone();
    let copied = needed.iter().map(|needed| {
        let snapshots = snapshots_of(suite, needed);
        Test { snapshots, ..own(needed, copy(&needed.id)) }
    });
    copied.chain([own(&test, id)]).collect()
}

/// The snapshots of a test, each compared with what was accepted for that test: under the name of a
/// proof nothing ever was.
fn snapshots_of(suite: &Suite, test: &Test) -> Vec<SnapshotSpec> {
    let proves = Some((suite.name.clone(), test.id.clone()));
    test.snapshots.iter().map(|spec| SnapshotSpec { proves: proves.clone(), ..spec.clone() }).collect()
}

impl Proofs {
    /// Whether nothing is to be proven.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many tests must fail.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a test must fail.
    pub(crate) fn contain(&self, suite: &str, test: &str) -> bool {
        self.0.contains_key(&(suite.to_owned(), test.to_owned()))
    }

    /// That one test must fail, as a proof in a file says.
    #[cfg(test)]
    pub fn one(suite: &str, test: &str, with: &str, proof: &str) -> Self {
        let must = MustFail { with: vec![with.into()], proof: proof.into() };
        Self([((suite.to_owned(), test.to_owned()), must)].into())
    }

    /// Turns the record of a test that must fail into what that shows.
    pub fn rule(&self, record: &mut TestRecord) {
        let Some(must) = self.0.get(&(record.suite.clone(), record.test.clone())) else { return };
        let fails = &must.with;
        match record.outcome {
            Outcome::Fail => {
                let of_the_change =
                    |failure: &Failure| failure.location.as_ref().is_some_and(|place| place.file == must.proof);
                let as_said =
                    |failure: &&Failure| fails.iter().any(|id| id == failure.id.as_str()) && !of_the_change(failure);
                match record.failures.iter().find(as_said) {
                    Some(failure) => {
                        record.outcome = Outcome::Pass;
                        record.remarks.push(format!("fails as it must: {}: {}", failure.id, failure.message));
                        record.failures.clear();
                    }
                    None => {
                        let text = if record.failures.iter().any(of_the_change) {
                            "the guest could not be changed as the proof says".to_owned()
                        } else {
                            format!("failed on the changed guest, but not with {}", fails.join(" or "))
                        };
                        record.failures.insert(0, Failure::new(failure::PROOF_OTHER, text).at(&record.location));
                    }
                }
            }
            Outcome::Pass | Outcome::Flaky | Outcome::Known => {
                let text = format!("passed on a guest on which it must fail with {}", fails.join(" or "));
                record.outcome = Outcome::Fail;
                record.failures = vec![Failure::new(failure::PROOF_PASSED, text).at(&record.location)];
            }
            Outcome::Error | Outcome::Skip | Outcome::NotRun => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::failure::{FailureId, Location};
    use muster_suite::clause::expectations;

    fn made(proofs: &str) -> Made {
        let text = "schema: suite/v1\nsuite: s\ntests:\n- {id: a, steps: [run: 'true']}\n- {id: b, needs: [a], expect: {kernel: {taint: 0}}}\n- {id: c, expect: {kernel: {taint: 0}}}\n";
        made_of(text, &[0, 1, 2], proofs)
    }

    fn made_of(text: &str, wanted: &[usize], proofs: &str) -> Made {
        let vocabulary = muster_suite::Vocabulary { tables: muster_check::tables(), capabilities: &[], tools: &[] };
        let suites = vec![muster_suite::decode_source("s.yaml", text, &vocabulary).0.unwrap()];
        let (proofs, problems) = muster_suite::proofs::decode_source("p.yaml", proofs, &vocabulary, &suites);
        assert_eq!(problems.render(false), "");
        make(&suites, &wanted.iter().map(|test| TestIndex { suite: 0, test: *test }).collect(), &proofs)
    }

    #[test]
    fn each_proof_has_its_own_copy_of_what_it_needs() {
        let made = made(
            "schema: proofs/v1\nproofs:\n- {tests: s/b, steps: [run: x], fails: [kernel.taint]}\n- {tests: s/b, then: [run: y], fails: [kernel.taint]}\n- {tests: s/a, unprovable: it only prepares}\n",
        );
        let shown: Vec<(&str, Vec<String>, usize)> =
            made.suites[0].tests.iter().map(|test| (test.id.as_str(), test.needs.clone(), test.steps.len())).collect();
        assert_eq!(
            shown,
            [
                ("a.for.b", vec![], 1),
                ("b", vec!["a.for.b".to_owned()], 1),
                ("a.for.b.2", vec![], 1),
                ("b.2", vec!["a.for.b.2".to_owned()], 1)
            ]
        );
        assert!(made.suites[0].tests.iter().all(|test| test.guest == GuestMode::Clone));
        assert_eq!(made.suites[0].name, "proof-of-s");
        assert_eq!(made.missing, [("s".to_owned(), "c".to_owned())]);
        assert_eq!(made.unprovable[0].2, "it only prepares");
    }

    #[test]
    fn a_changed_guest_is_not_waited_for_as_long_as_a_whole_one() {
        let text = "schema: suite/v1\nsuite: s\ntests:\n- {id: a, expect: {port: {tcp/1: {listening: true, eventually: 60s}, tcp/2: {listening: true, eventually: 1s}, tcp/3: {listening: true}}}}\n";
        let proofs = "schema: proofs/v1\nproofs:\n- {tests: s/a, steps: [run: x], fails: [port.listening]}\n";
        let made = made_of(text, &[0], proofs);
        let waits: Vec<_> =
            expectations(&made.suites[0].tests[0].expect).into_iter().map(|found| found.eventually).collect();
        assert_eq!(waits, [Some(PATIENCE), Some(Duration::from_secs(1)), None]);
    }

    #[test]
    fn what_stands_in_alternatives_is_read_and_waited_for_like_the_rest() {
        let text = "schema: suite/v1\nsuite: s\ntests:\n- id: a\n  guest: fresh\n  steps: [{boot-samples: 2}]\n  expect:\n    any-of:\n    - boot: {total: '<= 9s'}\n    - port: {tcp/1: {listening: true, eventually: 60s}}\n";
        let proofs = "schema: proofs/v1\nproofs:\n- {tests: s/a, then: [run: x], fails: [expect.any-of]}\n";
        let made = made_of(text, &[0], proofs);
        let test = &made.suites[0].tests[0];
        let waits: Vec<_> = expectations(&test.expect).into_iter().map(|found| found.eventually).collect();
        assert_eq!(waits, [None, Some(PATIENCE)]);
        assert!(super::super::plan::is_about_the_boot(test), "the machine must not be a clone");
        let overrides = super::super::samples::boot_samples_of(test).expect("boots are asked for");
        assert!(!overrides.probes(&muster_record::facts::Facts::default()).is_empty(), "each boot is read");
    }

    #[test]
    fn a_snapshot_of_a_changed_guest_is_compared_with_what_its_test_accepted() {
        let text = "schema: suite/v1\nsuite: s\ntests:\n- {id: a, snapshots: [{name: f, of: sysctl}]}\n- {id: b, needs: [a], snapshots: [{name: g, of: users}]}\n";
        let proofs = "schema: proofs/v1\nproofs:\n- {tests: s/b, steps: [run: x], fails: [snapshot.changed]}\n- {tests: s/b, steps: [run: y], fails: [snapshot.changed]}\n";
        let made = made_of(text, &[0, 1], proofs);
        let shown: Vec<(&str, Option<(&str, &str)>)> = made.suites[0]
            .tests
            .iter()
            .map(|test| {
                let proves = test.snapshots[0].proves.as_ref();
                (test.id.as_str(), proves.map(|(suite, id)| (suite.as_str(), id.as_str())))
            })
            .collect();
        let (a, b) = (Some(("s", "a")), Some(("s", "b")));
        assert_eq!(shown, [("a.for.b", a), ("b", b), ("a.for.b.2", a), ("b.2", b)]);
    }

    #[test]
    fn a_failure_as_said_is_a_pass_and_nothing_else_is() {
        let proofs = Proofs::one("proof-of-s", "a", "kernel.taint", "proofs/s.yaml");
        let ruled = |outcome: Outcome, failures: &[&str]| {
            let mut record = muster_record::sample::test("proof-of-s", "a", outcome);
            record.failures =
                failures.iter().map(|what| Failure::new(FailureId::of_check("kernel", what), "m")).collect();
            proofs.rule(&mut record);
            (record.outcome, record.failures.first().map(|failure| failure.id.to_string()))
        };
        assert_eq!(ruled(Outcome::Fail, &["release", "taint"]), (Outcome::Pass, None));
        assert_eq!(ruled(Outcome::Fail, &["release"]), (Outcome::Fail, Some("proof.other-failure".into())));
        assert_eq!(ruled(Outcome::Pass, &[]), (Outcome::Fail, Some("proof.passed".into())));
        assert_eq!(ruled(Outcome::Error, &["taint"]).0, Outcome::Error);
        assert_eq!(ruled(Outcome::Skip, &[]).0, Outcome::Skip);
        assert_eq!(ruled(Outcome::NotRun, &[]).0, Outcome::NotRun);
    }

    #[test]
    fn a_change_that_fails_is_not_the_failure_of_the_test() {
        let proofs = Proofs::one("proof-of-s", "a", "step.run", "proofs/s.yaml");
        let ruled = |file: &str| {
            let mut record = muster_record::sample::test("proof-of-s", "a", Outcome::Fail);
            let place = Location { file: file.into(), line: 3, column: 5 };
            record.failures = vec![Failure::new(failure::STEP_RUN, "m").at(&place)];
            proofs.rule(&mut record);
            (
                record.outcome,
                record.failures.into_iter().next().map(|failure| (failure.id.to_string(), failure.message)),
            )
        };
        assert_eq!(ruled("s.yaml"), (Outcome::Pass, None));
        let (outcome, failure) = ruled("proofs/s.yaml");
        let (id, message) = failure.unwrap();
        assert_eq!((outcome, id.as_str()), (Outcome::Fail, "proof.other-failure"));
        assert!(message.contains("could not be changed"), "{message}");
    }
}
