//! Reading ahead on a shell of this host: what it saves, and that no outcome differs from that of a test that is run by itself.

use std::collections::VecDeque;
use std::sync::Arc;

use super::ahead::{Ahead, Ready};
use super::driver::Driver as _;
use super::engine_tests::{expecting, plan_of, run_all};
use super::evaluate::first_probes;
use super::fake::{self, FakeDriver, Host};
use super::plan::Planned;
use muster_base::failure;
use muster_check::Observations;
use muster_guest::Reply;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_suite::model::Test;

fn host() -> (FakeDriver, Arc<Host>) {
    let host = Arc::new(Host::default());
    (FakeDriver { host: Some(host.clone()), ..FakeDriver::default() }, host)
}

fn named(id: &str, expect: &str) -> Test {
    Test { id: id.into(), ..expecting(expect) }
}

/// Tests that look at a file each; those that are named in `missing` expect one that is not there.
fn files(count: usize, missing: &[usize]) -> (tempfile::TempDir, Vec<Test>) {
    let place = tempfile::tempdir().unwrap();
    let test = |number: usize| {
        let path = place.path().join(format!("file-{number}"));
        if !missing.contains(&number) {
            std::fs::write(&path, "x").unwrap();
        }
        named(&format!("t{number}"), &format!("{{file: {{{}: {{type: file, size: 1B}}}}}}", path.display()))
    };
    let tests = (0..count).map(test).collect();
    (place, tests)
}

fn outcomes(records: &[TestRecord]) -> Vec<(&str, Outcome)> {
    records.iter().map(|record| (record.test.as_str(), record.outcome)).collect()
}

#[tokio::test]
async fn what_only_looks_takes_one_trip_and_the_same_command_for_many_names_one_shell() {
    let (_place, tests) = files(20, &[]);
    let (driver, host) = host();
    let records = run_all(&driver, &plan_of(tests)).await;
    assert!(records.iter().all(|record| record.outcome == Outcome::Pass), "{records:?}");
    assert!(records[..20].iter().all(|record| record.assertions == 2 && record.seconds > 0.0), "{records:?}");
    assert!(records[..20].iter().all(|record| record.met.len() == 2), "{records:?}");
    // One after the boot, and one for all tests and the base checks.
    let said = driver.said.lock().unwrap();
    assert_eq!(*host.trips.lock().unwrap(), 2, "{said:?}");
    assert_eq!(said.iter().filter(|script| script.contains("stat -c")).count(), 1, "{said:?}");
}

#[tokio::test]
async fn what_is_not_met_runs_by_itself_and_nothing_is_mixed_up() {
    let (place, tests) = files(8, &[3, 7]);
    let (driver, host) = host();
    let records = run_all(&driver, &plan_of(tests)).await;
    let failed: Vec<&str> =
        records.iter().filter(|record| record.outcome == Outcome::Fail).map(|record| record.test.as_str()).collect();
    assert_eq!(failed, ["t3", "t7"], "{:?}", outcomes(&records));
    // The same failure as that of the test alone.
    let (alone, _) = self::host();
    let path = place.path().join("file-3");
    let test = named("t3", &format!("{{file: {{{}: {{type: file, size: 1B}}}}}}", path.display()));
    let lone = run_all(&alone, &plan_of(vec![test])).await;
    assert_eq!(records[3].failures, lone[0].failures);
    // Each of the two costs a reading and a look of the base checks more.
    assert_eq!(*host.trips.lock().unwrap(), 6);
}

#[tokio::test]
async fn what_takes_longer_than_it_may_is_not_met_by_a_reading_ahead() {
    let (_place, mut tests) = files(4, &[]);
    tests[2].timeout = std::time::Duration::ZERO;
    let (driver, _) = host();
    let records = run_all(&driver, &plan_of(tests)).await;
    let expected = [Outcome::Pass, Outcome::Pass, Outcome::Error, Outcome::Pass];
    assert_eq!(records[..4].iter().map(|record| record.outcome).collect::<Vec<_>>(), expected, "{records:?}");
    assert_eq!(records[2].failures[0].id, failure::TEST_TIMEOUT);
}

#[tokio::test]
async fn when_a_base_check_moves_every_test_runs_by_itself() {
    let (_place, mut tests) = files(6, &[]);
    let taints = named("taints", &format!("{{file: {{{}: {{exists: false}}}}}}", Host::TAINTS));
    tests.insert(3, taints);
    let (driver, host) = host();
    let records = run_all(&driver, &plan_of(tests)).await;
    let failed: Vec<&TestRecord> = records.iter().filter(|record| record.outcome == Outcome::Fail).collect();
    let [failed] = &failed[..] else { panic!("{:?}", outcomes(&records)) };
    assert_eq!(failed.failures[0].id, failure::BASE_TAINT);
    // What was read together names all that may have done it.
    assert!(failed.remarks.iter().any(|remark| remark.contains("from fake/t0 to fake/t5")), "{:?}", failed.remarks);
    // One, the reading that is not used, and two for each of the seven tests.
    assert_eq!(*host.trips.lock().unwrap(), 1 + 1 + 14);
}

#[tokio::test]
async fn a_reading_that_is_too_long_to_be_held_with_others_is_read_by_itself() {
    let (place, mut tests) = files(4, &[]);
    let long = place.path().join("long");
    std::fs::write(&long, "a line of thirty-two characters\n".repeat(40_000)).unwrap();
    tests.insert(2, named("long", &format!("{{file: {{{}: {{content: {{contains: a line}}}}}}}}", long.display())));
    let (driver, host) = host();
    let records = run_all(&driver, &plan_of(tests)).await;
    assert!(records.iter().all(|record| record.outcome == Outcome::Pass), "{records:?}");
    // One after the boot, one for all tests, and two for the one whose reading was cut off.
    assert_eq!(*host.trips.lock().unwrap(), 4);
}

#[tokio::test]
async fn command_lines_of_a_suite_run_once_and_in_their_turn() {
    let (_place, mut tests) = files(4, &[]);
    tests.insert(2, named("command", "{command: {'echo it-ran': {exit: 0}}}"));
    let (driver, _) = host();
    let records = run_all(&driver, &plan_of(tests)).await;
    assert!(records.iter().all(|record| record.outcome == Outcome::Pass), "{records:?}");
    let said = driver.said.lock().unwrap();
    assert_eq!(said.iter().filter(|script| script.contains("echo it-ran")).count(), 1);
}

#[tokio::test]
async fn what_is_shared_counts_as_a_whole_against_a_time_out() {
    let (driver, _) = host();
    let Ok(live) = driver.boot("m", false).await else { panic!("it boots") };
    let suite = fake::suite(vec![expecting("{kernel: {taint: 0}}")]);
    let planned = Planned { suite: Arc::clone(&suite), index: 0 };
    let taint = Reply { stdout: b"0\n".to_vec(), ..Reply::default() };
    let probes = first_probes(&live, planned.test());
    let seen = Observations(probes.iter().map(|probe| (probe.key.clone(), taint.clone())).collect());
    let met = |at_most: f64| {
        let (suite, test) = (suite.name.clone(), planned.test().id.clone());
        let ready = Ready { suite, test, seen: seen.clone(), seconds: 0.1, at_most };
        Ahead(VecDeque::from([ready])).met(&live, &planned).map(|met| met.read_before)
    };
    let limit = planned.test().timeout.as_secs_f64();
    assert_eq!((met(limit - 1.0), met(limit + 1.0)), (Some(0.1), None));
}
