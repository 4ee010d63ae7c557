//! Templates and clones, of this run and of an earlier one.

use super::*;

#[tokio::test]
async fn mutating_tests_get_clones_of_one_boot() {
    let driver = FakeDriver::default();
    let plan = plan_of(vec![
        mutating("a", &[], &["true"]),
        mutating("b", &["a"], &["true"]),
        test("looks", &[], &["true"]),
        mutating("c", &[], &["true"]),
    ]);
    let records = run_all(&driver, &plan).await;
    assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (1, 3));
    // The shared machine first, then a clone for each chain.
    assert_eq!(
        short(&records).iter().map(|row| row.0.as_str()).collect::<Vec<_>>(),
        ["looks", "a", "b", "c", "health"]
    );
    assert_eq!(machines(&records), ["fake-2", "fake-3", "fake-3", "fake-4"]);
    assert_eq!(*driver.stops.lock().unwrap(), [Stop::Orderly, Stop::Discard, Stop::Discard]);
}

#[tokio::test]
async fn an_image_that_cannot_be_frozen_boots_for_each() {
    let driver = FakeDriver { rigid: Some("NVMe"), ..FakeDriver::default() };
    let plan = plan_of(vec![mutating("a", &[], &["true"]), mutating("b", &[], &["true"])]);
    let records = run_all(&driver, &plan).await;
    assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (2, 0));
    assert_eq!(machines(&records), ["fake-1", "fake-2"]);
    assert!(records.iter().all(|record| record.outcome == Outcome::Pass));
}

#[tokio::test]
async fn a_clone_that_fails_is_replaced_by_a_boot_and_not_tried_again() {
    let driver = FakeDriver { clones_that_work: Some(1), ..FakeDriver::default() };
    let plan = plan_of(["a", "b", "c"].map(|id| mutating(id, &[], &["true"])).to_vec());
    let records = run_all(&driver, &plan).await;
    assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (3, 2));
    assert!(records.iter().all(|record| record.outcome == Outcome::Pass), "{:?}", short(&records));
}

/// What an earlier run has kept: the boot of its template went badly in two ways.
fn kept_by_an_earlier_run() -> FakeDriver {
    let unit = Failure::new(failure::BASE_FAILED_UNITS, "the unit x has failed");
    let left = BootLeft { failures: vec![unit], remarks: vec!["avc: unseen".to_owned()], ..BootLeft::default() };
    FakeDriver { keeps: true, kept: std::sync::Arc::new(Some((left, vec![oops()])).into()), ..FakeDriver::default() }
}

#[tokio::test]
async fn a_kept_template_saves_the_boot_and_its_boot_is_reported_all_the_same() {
    let driver = kept_by_an_earlier_run();
    let plan = plan_of(vec![test("looks", &[], &["true"]), mutating("a", &[], &["true"])]);
    let records = run_all(&driver, &plan).await;
    assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (0, 2));
    let health = records.last().unwrap();
    assert_eq!(health.outcome, Outcome::Fail);
    let reported: Vec<(&str, &str)> = health.failures.iter().map(|f| (f.id.as_str(), f.message.as_str())).collect();
    let expected = [
        ("console.oops", "console of template-0, line 7: Oops: 0000"),
        ("base.failed-units", "after the boot of template-0: the unit x has failed"),
    ];
    assert_eq!(reported, expected);
    assert_eq!((health.remarks.as_slice(), health.assertions), (["avc: unseen".to_owned()].as_slice(), 1));
    assert!(records.iter().take(2).all(|record| record.outcome == Outcome::Pass));
}

#[tokio::test]
async fn a_run_that_only_looks_keeps_its_template_when_it_is_asked_to() {
    let driver = FakeDriver { keeps: true, ..FakeDriver::default() };
    run_all(&driver, &plan_of(vec![test("looks", &[], &["true"])])).await;
    assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (1, 1));
    assert_eq!(driver.keepsakes.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_kept_template_that_cannot_be_cloned_is_taken_back_and_made_again() {
    let driver = FakeDriver { clones_that_work: Some(0), ..kept_by_an_earlier_run() };
    let plan = plan_of(["a", "b", "c"].map(|id| mutating(id, &[], &["true"])).to_vec());
    let records = run_all(&driver, &plan).await;
    assert_eq!((*driver.disowned.lock().unwrap(), driver.keepsakes.lock().unwrap().len()), (1, 1));
    // a: the recalled one fails, a boot. b: a boot becomes the template, which fails too, and another
    // boot. c: a boot.
    assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (4, 2));
    assert!(records.iter().take(3).all(|record| record.outcome == Outcome::Pass), "{:?}", short(&records));
}
