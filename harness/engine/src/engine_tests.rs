//! The engine on fake machines: what a lost machine, a boot that fails, an unmet need and an
//! interruption do to everything else.

use std::collections::BTreeSet;

use super::budget::Budget;
use super::capsule::{Bounds, CapsuleStore};
use super::engine::{self, exit_of};
use super::fake::{FakeDriver, FakeImages, suite, test};
use super::halt::Halt;
use super::plan::{self, Plan};
use super::rerun::Rerun;
use super::schedule;
use super::session::Session;
use super::settings::Settings;
use super::sink::Events;
use crate::driver::{BootLeft, Stop};
use muster_base::exit::Exit;
use muster_base::failure::{self, Failure};
use muster_facts::compare::UpdateMode;
use muster_record::durations::Durations;
use muster_record::event::Event;
use muster_record::finding::{Finding, Severity};
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_record::shard::ShardRecord;
use muster_suite::model::{Condition, GuestMode, MachineOverrides, Operator, Test, When};
use muster_suite::select::TestIndex;

pub(super) fn settings() -> Settings {
    Settings {
        rerun: Rerun::default(),
        accelerator: "tcg".into(),
        update: UpdateMode::Ci,
        pending: "/nowhere".into(),
        own_snapshots: None,
        artifacts: "/nowhere".into(),
        claims: Default::default(),
        known: super::known::KnownIssues::default(),
        boot_baseline: None,
        proofs: super::prove::Proofs::default(),
        focused: false,
        shard: None,
        budget: Budget::new(1, 1000, None),
        durations: Durations::default(),
        halt: Halt::default(),
        products: Vec::new(),
        updates: Default::default(),
        kept: Default::default(),
    }
}

pub(super) fn plan_of(tests: Vec<Test>) -> Plan {
    let all: BTreeSet<TestIndex> = TestIndex::all_of(0, &tests).collect();
    plan::plan(&[suite(tests)], &all, vec!["fake".into()])
}

pub(super) async fn run_all(driver: &FakeDriver, plan: &Plan) -> Vec<TestRecord> {
    run_with(driver, plan, settings()).await
}

pub(super) async fn run_with(driver: &FakeDriver, plan: &Plan, settings: Settings) -> Vec<TestRecord> {
    let (events, _stream) = Events::channel();
    let session = Session::new(driver, "fake", &settings, events);
    let mut records = schedule::run_all(plan, &session).await;
    records.push(session.finish().await);
    records
}

#[tokio::test]
async fn a_machine_on_which_a_test_fails_as_it_must_leaves_no_evidence() {
    for (command, outcome, stop) in
        [("false", Outcome::Pass, Stop::Discard), ("true", Outcome::Fail, Stop::DiscardWithEvidence)]
    {
        let driver = FakeDriver::default();
        let plan = plan_of(vec![mutating("a", &[], &[command])]);
        let name = plan.groups[0].tests[0].suite.name.clone();
        let proofs = super::prove::Proofs::one(&name, "a", "step.run", "proof.yaml");
        let settings = Settings { proofs, ..settings() };
        let (events, _stream) = Events::channel();
        let session = Session::new(&driver, "fake", &settings, events);
        let records = schedule::run_all(&plan, &session).await;
        session.finish().await;
        assert_eq!(records[0].outcome, outcome, "{:?}", short(&records));
        assert_eq!(driver.stops.lock().unwrap().last(), Some(&stop), "{command}");
    }
}

pub(super) fn mutating(id: &str, needs: &[&str], commands: &[&str]) -> Test {
    Test { guest: GuestMode::Clone, ..test(id, needs, commands) }
}

pub(super) fn machines(records: &[TestRecord]) -> Vec<&str> {
    records.iter().filter_map(|record| record.machine.as_deref()).collect()
}

fn short(records: &[TestRecord]) -> Vec<(String, Outcome, Option<String>)> {
    let id = |record: &TestRecord| record.failures.first().or(record.skipped.as_ref()).map(|f| f.id.to_string());
    records.iter().map(|record| (record.test.clone(), record.outcome, id(record))).collect()
}

/// A crash that does not end the machine, as its console shows it.
fn oops() -> Finding {
    Finding {
        rule: "kernel-oops".into(),
        category: "oops".into(),
        severity: Severity::Fail,
        base_check: Some("oops".into()),
        line: "Oops: 0000".to_owned(),
        line_number: 7,
        excerpt: Vec::new(),
        excerpt_hit: 0,
    }
}

fn row(test: &str, outcome: Outcome, id: &str) -> (String, Outcome, Option<String>) {
    (test.into(), outcome, Some(id.to_owned()).filter(|id| !id.is_empty()))
}

#[tokio::test]
async fn a_fresh_test_gets_a_machine_of_its_own() {
    let driver = FakeDriver::default();
    let fresh = Test { guest: GuestMode::Fresh, ..test("fresh", &[], &["true"]) };
    let records = run_all(&driver, &plan_of(vec![test("shared", &[], &["true"]), fresh])).await;
    assert_eq!(*driver.boots.lock().unwrap(), 2);
    assert_eq!(records[0].machine.as_deref(), Some("fake-1"));
    assert_eq!(records[1].machine.as_deref(), Some("fake-2"));
}

#[tokio::test]
async fn a_teardown_runs_once_on_each_machine_after_the_last_test_and_its_failure_is_reported() {
    let mut noisy = muster_suite::model::Suite::clone(&suite(vec![
        test("a", &[], &["false"]),
        test("b", &[], &["true"]),
        mutating("c", &[], &["true"]),
    ]));
    noisy.teardown = ["true", "false", "echo last"].map(super::fake::step).to_vec();
    let all: BTreeSet<TestIndex> = (0..3).map(|test| TestIndex { suite: 0, test }).collect();
    let plan = plan::plan(&[std::sync::Arc::new(noisy)], &all, vec!["fake".into()]);
    let driver = FakeDriver::default();
    let records = run_all(&driver, &plan).await;
    let said = driver.said.lock().unwrap().clone();
    assert_eq!(said.iter().filter(|script| *script == "echo last").count(), 2, "{said:?}");
    let first = said.iter().position(|script| script == "echo last").unwrap();
    assert!(said[..first].iter().filter(|script| *script == "true").count() >= 2, "after the last test: {said:?}");
    let health = records.last().unwrap();
    assert_eq!(health.outcome, Outcome::Fail);
    assert!(health.failures.iter().all(|failure| failure.id == failure::TEARDOWN_FAILED), "{:?}", health.failures);
    assert_eq!(health.failures.len(), 2);
    assert!(health.failures[0].message.starts_with("teardown of suite fake: `false` ended"), "{:?}", health.failures);
}

#[tokio::test]
async fn samples_reboot_the_machine_and_discard_the_first() {
    use muster_suite::model::Action;
    let mut sampled = Test { guest: GuestMode::Fresh, ..test("a", &[], &["true"]) };
    sampled.steps.insert(
        0,
        muster_suite::model::Step {
            action: Action::BootSamples { samples: 3, discard: 1 },
            timeout: None,
            on: None,
            location: super::fake::location(),
        },
    );
    let driver = FakeDriver::default();
    let records = run_all(&driver, &plan_of(vec![sampled])).await;
    assert_eq!(records[0].outcome, Outcome::Pass, "{:?}", records[0].failures);
    assert_eq!(driver.reboots.lock().unwrap().len(), 2);
}

/// A test that expects of the fake guest what the YAML says.
pub(super) fn expecting(expect: &str) -> Test {
    let vocabulary = muster_suite::Vocabulary { tables: muster_check::tables(), capabilities: &[], tools: &[] };
    let text = format!("schema: suite/v1\nsuite: s\ntests:\n- id: t\n  expect: {expect}\n");
    let (suite, problems) = muster_suite::decode_source("s.yaml", &text, &vocabulary);
    assert_eq!(problems.render(false), "");
    suite.unwrap().tests.remove(0)
}

mod alternatives;
mod around;
mod capsules;
mod endings;
mod losses;
mod retries;
mod shapes;
mod templates;
