//! What the steps around a suite's tests do to its machine, to its tests and to other suites.

use std::sync::Arc;

use super::*;
use crate::fake::step;
use muster_suite::model::Suite;

/// A suite of that name with these tests and these steps around them.
fn around(name: &str, setup: &[&str], tests: Vec<Test>, teardown: &[&str]) -> Suite {
    let steps = |commands: &[&str]| commands.iter().map(|command| step(command)).collect();
    Suite { name: name.into(), setup: steps(setup), teardown: steps(teardown), ..Suite::clone(&suite(tests)) }
}

fn plan_of_suites(suites: Vec<Suite>) -> Plan {
    let suites: Vec<Arc<Suite>> = suites.into_iter().map(Arc::new).collect();
    let all = suites.iter().enumerate().flat_map(|(at, suite)| TestIndex::all_of(at, &suite.tests)).collect();
    plan::plan(&suites, &all, vec!["fake".into()])
}

fn looks(id: &str) -> Test {
    test(id, &[], &["true"])
}

fn ids(record: &TestRecord) -> Vec<&str> {
    record.failures.iter().map(|failure| failure.id.as_str()).collect()
}

fn outcomes(records: &[TestRecord]) -> Vec<(&str, Outcome)> {
    records.iter().map(|record| (record.test.as_str(), record.outcome)).collect()
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

#[tokio::test]
async fn a_setup_that_loses_its_machine_costs_its_suite_and_one_machine() {
    // The connection breaks, QEMU ends, the guest does not come back.
    for lost in ["die", "hang", "(reboot hard)"] {
        let driver = FakeDriver { dies: Some("fake-1"), ..FakeDriver::default() };
        let plan = plan_of_suites(vec![
            around("aaa", &[lost], vec![looks("a1"), looks("a2"), looks("a3")], &["echo down"]),
            around("bbb", &["true"], vec![looks("b")], &[]),
            around("ccc", &["true"], vec![looks("c")], &[]),
        ]);
        let records = run_all(&driver, &plan).await;
        assert_eq!(
            short(&records),
            [
                row("a1", Outcome::Error, "setup.failed"),
                row("a2", Outcome::Error, "setup.failed"),
                row("a3", Outcome::Error, "setup.failed"),
                row("b", Outcome::Pass, ""),
                row("c", Outcome::Pass, ""),
                row("health", Outcome::Pass, ""),
            ],
            "{lost}"
        );
        assert_eq!(machines(&records), ["fake-1", "fake-2", "fake-2"], "{lost}");
        assert_eq!(*driver.stops.lock().unwrap(), [Stop::Kill, Stop::Orderly], "{lost}");
        let message = |at: usize| records[at].failures[0].message.as_str();
        assert!(message(0).starts_with("setup of suite aaa: "), "{}", message(0));
        assert_eq!(message(1), format!("{} (on fake-1; it does not run again)", message(0)));
    }
}

#[tokio::test]
async fn a_retry_runs_a_setup_again_that_has_lost_its_machine() {
    let driver = FakeDriver::default();
    let retried = Test { retry: 1, ..looks("a1") };
    let plan = plan_of_suites(vec![around("aaa", &["die"], vec![retried, looks("a2")], &[])]);
    let records = run_all(&driver, &plan).await;
    assert_eq!((records[0].attempts.len(), machines(&records)), (1, vec!["fake-2"]));
    assert_eq!(records[0].attempts[0].machine.as_deref(), Some("fake-1"));
    assert!(
        records[1].failures[0].message.ends_with("(on fake-2; it does not run again)"),
        "{:?}",
        records[1].failures
    );
    assert_eq!(*driver.stops.lock().unwrap(), [Stop::Kill, Stop::Kill, Stop::Orderly]);
}

#[tokio::test]
async fn a_setup_that_fails_keeps_its_machine_and_what_its_console_shows() {
    let driver = FakeDriver { shows: vec![("false", oops())], ..FakeDriver::default() };
    let plan = plan_of_suites(vec![
        around("aaa", &["false"], vec![looks("a1"), looks("a2")], &[]),
        around("bbb", &["true"], vec![looks("b")], &[]),
    ]);
    let records = run_all(&driver, &plan).await;
    let expected = [("a1", Outcome::Fail), ("a2", Outcome::Error), ("b", Outcome::Pass), ("health", Outcome::Pass)];
    assert_eq!(outcomes(&records), expected);
    assert_eq!((ids(&records[0]), ids(&records[1])), (vec!["setup.failed", "console.oops"], vec!["setup.failed"]));
    assert_eq!(machines(&records), ["fake-1"; 3]);
    assert_eq!(*driver.stops.lock().unwrap(), [Stop::WithEvidence]);
}
