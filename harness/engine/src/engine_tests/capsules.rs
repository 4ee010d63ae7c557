//! Machines of failed tests that are kept.

use super::*;

#[tokio::test]
async fn a_failed_test_names_its_capsule_and_its_machine_goes_on() {
    let (_kept, capsule_store) = capsule_store();
    let driver = FakeDriver { capsule_store: Some(capsule_store.into()), ..FakeDriver::default() };
    let plan = plan_of(vec![test("a", &[], &["false"]), test("b", &[], &["true"]), test("c", &[], &["die"])]);
    let records = run_all(&driver, &plan).await;
    let capsule = records[0].capsule.as_ref().expect("a failed test has one");
    assert!(capsule.ends_with("capsules/fake.a.fake-1"), "{capsule}");
    assert_eq!(std::fs::read_to_string(format!("{capsule}/said")).unwrap(), records[0].failures[0].message);
    // One that passed has none, and neither has one whose machine is lost.
    assert_eq!((&records[1].capsule, &records[2].capsule), (&None, &None));
    assert_eq!(machines(&records), ["fake-1", "fake-1", "fake-1"]);
}

#[tokio::test]
async fn a_machine_that_does_not_go_on_after_its_capsule_is_replaced() {
    let (_kept, capsule_store) = capsule_store();
    let driver =
        FakeDriver { capsule_store: Some(capsule_store.into()), stands_still: Some("no"), ..FakeDriver::default() };
    let records = run_all(&driver, &plan_of(vec![test("a", &[], &["false"]), test("b", &[], &["true"])])).await;
    assert!(records[0].capsule.is_some());
    assert_eq!(machines(&records), ["fake-1", "fake-2"]);
    assert_eq!(*driver.stops.lock().unwrap(), [Stop::Kill, Stop::Orderly]);
}

fn capsule_store() -> (tempfile::TempDir, CapsuleStore) {
    let dir = tempfile::tempdir().unwrap();
    let path = camino::Utf8PathBuf::from_path_buf(dir.path().join("capsules")).unwrap();
    (dir, CapsuleStore::new(path, Bounds::default()))
}
