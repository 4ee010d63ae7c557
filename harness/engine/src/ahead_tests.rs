//! Reading ahead on a shell of this host: what it saves, and that no outcome differs from that of a test that is run by itself.

use std::sync::Arc;

use super::engine_tests::{expecting, plan_of, run_all};
use super::fake::{FakeDriver, Host};
use muster_base::failure;
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
async fn what_only_looks_takes_one_trip_for_all_but_the_first() {
    let (_place, tests) = files(20, &[]);
    let (driver, host) = host();
    let records = run_all(&driver, &plan_of(tests)).await;
    assert!(records.iter().all(|record| record.outcome == Outcome::Pass), "{records:?}");
    assert!(records[..20].iter().all(|record| record.assertions == 2 && record.seconds > 0.0), "{records:?}");
    // Two after the boot, the first test with its base checks, and all others.
    assert_eq!(*host.trips.lock().unwrap(), 5, "{:?}", driver.said.lock().unwrap());
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
    assert_eq!(*host.trips.lock().unwrap(), 9);
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
    assert!(failed.remarks.iter().any(|remark| remark.contains("from fake/t1 to fake/t5")), "{:?}", failed.remarks);
    // Two, the reading that is not used, and two for each of the seven tests.
    assert_eq!(*host.trips.lock().unwrap(), 2 + 1 + 14);
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
