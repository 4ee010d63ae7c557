//! Tests with several attempts.

use super::*;

#[tokio::test]
async fn a_test_that_failed_and_has_no_machine_for_its_next_attempt_is_an_error_and_not_lost() {
    let driver = FakeDriver { broken: vec![2], ..FakeDriver::default() };
    let records = run_all(&driver, &plan_of(vec![retried(test("a", &[], &["die"]), 1)])).await;
    assert_eq!((records[0].outcome, records[0].attempts.len()), (Outcome::Error, 1), "{:?}", short(&records));
    assert_eq!(records[0].attempts[0].failures[0].id, failure::SSH_LOST);
}

/// A guest that fails this often before it does what it should.
fn moody(times: u32) -> FakeDriver {
    FakeDriver { moods: std::sync::Arc::new(std::sync::Mutex::new(times)), ..FakeDriver::default() }
}

fn retried(test: Test, retry: u32) -> Test {
    Test { retry, ..test }
}

#[tokio::test]
async fn a_pass_on_a_later_attempt_is_flaky_and_every_attempt_is_kept() {
    let driver = moody(2);
    let records = run_all(&driver, &plan_of(vec![retried(mutating("a", &[], &["moody"]), 2)])).await;
    let a = &records[0];
    assert_eq!((a.outcome, a.attempts.len(), a.failures.len()), (Outcome::Flaky, 2, 1));
    assert_eq!(a.failures[0].id, failure::STEP_RUN);
    // Each attempt had a machine of its own.
    let machines: Vec<_> =
        a.attempts.iter().map(|attempt| attempt.machine.clone()).chain([a.machine.clone()]).collect();
    assert_eq!(machines, ["fake-2", "fake-3", "fake-4"].map(|id| Some(id.to_owned())));
}

#[tokio::test]
async fn what_fails_at_every_attempt_fails() {
    let records = run_all(&moody(9), &plan_of(vec![retried(test("a", &[], &["moody"]), 1)])).await;
    assert_eq!((records[0].outcome, records[0].attempts.len()), (Outcome::Fail, 1));
    // A test that only looks is asked again on the same machine.
    assert_eq!(records[0].attempts[0].machine, records[0].machine);
    let once = run_all(&moody(1), &plan_of(vec![test("a", &[], &["moody"])])).await;
    assert_eq!((once[0].outcome, once[0].attempts.len()), (Outcome::Fail, 0));
}

#[tokio::test]
async fn a_test_whose_needs_died_with_its_machine_does_not_run_again() {
    let plan = plan_of(vec![mutating("a", &[], &["true"]), retried(mutating("b", &["a"], &["die"]), 3)]);
    let records = run_all(&FakeDriver::default(), &plan).await;
    let b = records.iter().find(|record| record.test == "b").unwrap();
    assert_eq!((b.outcome, b.attempts.len()), (Outcome::Error, 0));
}
