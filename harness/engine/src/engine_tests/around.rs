//! What the steps around a suite's tests do to its machine, to its tests and to other suites.

use std::sync::Arc;

use super::*;
use crate::fake::{location, step};
use muster_base::failure::FailureId;
use muster_guest::Reply;
use muster_record::facts::Facts;
use muster_suite::model::{Action, BaseCheck, Step, Suite};

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

#[tokio::test]
async fn a_crash_in_a_setup_or_a_teardown_is_the_image_s_and_is_reported_once() {
    let panic = Finding { category: "panic".into(), ..oops() };
    let line = "console of fake-1, line 7: Oops: 0000";
    let died = Failure::new(FailureId::of_console("panic"), line);
    let driver = || FakeDriver {
        dies: Some("fake-1"),
        dies_of: Some(died.clone()),
        shows: vec![("hang", panic.clone())],
        ..FakeDriver::default()
    };
    let other = || around("bbb", &["true"], vec![looks("b")], &[]);
    let before = plan_of_suites(vec![around("aaa", &["hang"], vec![looks("a"), looks("a2")], &[]), other()]);
    let records = run_all(&driver(), &before).await;
    let expected = [("a", Outcome::Fail), ("a2", Outcome::Error), ("b", Outcome::Pass), ("health", Outcome::Pass)];
    assert_eq!(outcomes(&records), expected);
    assert_eq!((ids(&records[0]), ids(&records[1])), (vec!["console.panic"], vec!["setup.failed"]));
    assert_eq!(records[0].failures[0].message, format!("setup of suite aaa: {line}"));

    let after = plan_of_suites(vec![around("aaa", &[], vec![looks("a")], &["hang"]), other()]);
    let records = run_all(&driver(), &after).await;
    // Its test does not change the guest, but it shares the machine with those that do.
    let health = records.last().unwrap();
    assert_eq!((health.outcome, ids(health)), (Outcome::Fail, vec!["console.panic"]), "{:?}", health.failures);
    assert_eq!(health.failures[0].message, format!("teardown of suite aaa: {line}"));
    assert!(records[..2].iter().all(|record| record.outcome == Outcome::Pass), "{:?}", short(&records));
}

#[tokio::test]
async fn a_teardown_that_loses_its_machine_is_an_error_and_costs_no_test() {
    for (lost, id, why) in [("die", "ssh.lost", "the guest died"), ("hang", "machine.exited", "QEMU of fake-1 ended")] {
        let driver = FakeDriver { dies: Some("fake-1"), ..FakeDriver::default() };
        let plan = plan_of_suites(vec![
            around("aaa", &["true"], vec![looks("a")], &[lost]),
            around("bbb", &["true"], vec![looks("b")], &[]),
        ]);
        let records = run_all(&driver, &plan).await;
        assert_eq!(
            short(&records),
            [row("a", Outcome::Pass, ""), row("b", Outcome::Pass, ""), row("health", Outcome::Error, id)]
        );
        assert_eq!(exit_of(&plan, &records), Exit::Error);
        assert_eq!(records[2].failures[0].message, format!("teardown of suite aaa: {why} (on fake-1)"));
        assert_eq!(machines(&records), ["fake-1", "fake-2"]);
        assert_eq!(*driver.stops.lock().unwrap(), [Stop::Kill, Stop::Orderly]);
    }
}

#[tokio::test]
async fn a_step_of_a_teardown_that_could_not_be_checked_is_an_error() {
    let no_database = Reply { status: 3, ..Reply::default() };
    let facts = Facts { package_manager: Some("dnf5".into()), ..Facts::default() };
    let driver = FakeDriver { facts, answers: vec![("rpm -q rpm", no_database)], ..FakeDriver::default() };
    let action = Action::Remove { packages: vec!["a".into()], refuse_scriptlet_errors: true };
    let remove = Step { action, timeout: None, on: None, location: location() };
    let suite = Suite { teardown: vec![remove], ..around("aaa", &[], vec![looks("a")], &[]) };
    let records = run_all(&driver, &plan_of_suites(vec![suite])).await;
    assert_eq!(short(&records), [row("a", Outcome::Pass, ""), row("health", Outcome::Error, "probe.failed")]);
}

#[tokio::test]
async fn what_the_console_shows_during_a_teardown_is_no_next_test_s() {
    for (treatment, outcome, found) in [(BaseCheck::Fail, Outcome::Fail, 1), (BaseCheck::Info, Outcome::Pass, 0)] {
        let driver = FakeDriver { shows: vec![("echo down", oops())], ..FakeDriver::default() };
        let base_checks = [("oops".into(), treatment)].into();
        let first = Suite { base_checks, ..around("aaa", &["true"], vec![looks("a")], &["echo down"]) };
        let plan = plan_of_suites(vec![first, around("bbb", &["true"], vec![looks("b")], &[])]);
        let records = run_all(&driver, &plan).await;
        assert_eq!(outcomes(&records), [("a", Outcome::Pass), ("b", Outcome::Pass), ("health", outcome)]);
        let health = &records[2];
        let line = "console of fake-1, line 7: Oops: 0000";
        let said = format!("teardown of suite aaa: {line}");
        let expected = [Failure::new(FailureId::of_console("oops"), said).with_detail("")];
        assert_eq!(health.failures, expected[..found]);
        assert_eq!(health.remarks.contains(&format!("oops: {line}")), found == 0, "{:?}", health.remarks);
    }
}

#[tokio::test]
async fn a_machine_on_which_a_teardown_ran_becomes_no_template() {
    let driver = FakeDriver::default();
    let of_the_boot = expecting("{boot: {finished: true}}");
    let suite = around("aaa", &[], vec![of_the_boot, mutating("a", &[], &["true"])], &["echo down"]);
    run_all(&driver, &plan_of_suites(vec![suite])).await;
    let heard = driver.heard.lock().unwrap().clone();
    let torn_down: Vec<&str> = heard.iter().filter_map(|line| line.strip_suffix(": echo down")).collect();
    // The first machine is the template, the second its clone, the third was booted for the test of the boot.
    assert_eq!(torn_down, ["fake-2", "fake-3"]);
    assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (2, 1));
}
