//! Claims of an image in runs on fake machines: what is missing is reported although every test that needs it was
//! skipped, on the machines that can show it and on those alone.

use std::collections::BTreeMap;

use super::engine::exit_of;
use super::engine_tests::{plan_of, run_with, settings};
use super::fake::{FakeDriver, location, test};
use super::settings::Settings;
use muster_base::exit::Exit;
use muster_base::failure;
use muster_record::facts::Facts;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_suite::images::{Claimed, ImageClaim};
use muster_suite::model::{Condition, GuestMode, MachineOverrides, Operator, Test, When};

fn claim(name: &str) -> ImageClaim {
    ImageClaim { name: name.to_owned(), said: Claimed::Capability(true), location: location() }
}

fn claiming(names: &[&str]) -> Settings {
    let claims = names.iter().map(|name| claim(name)).collect();
    Settings { claims: BTreeMap::from([("fake".to_owned(), claims)]), ..settings() }
}

/// A guest with these capabilities.
fn with(capabilities: &[&str]) -> FakeDriver {
    let capabilities = capabilities.iter().map(|name| (*name).to_owned()).collect();
    FakeDriver { facts: Facts { capabilities, ..Facts::default() }, ..FakeDriver::default() }
}

/// A test that is only for guests with the capability.
fn needing(capability: &str) -> Test {
    let condition = Condition::Compare {
        dimension: "capability".to_owned(),
        operator: Operator::Eq,
        values: vec![capability.to_owned()],
    };
    Test { when: Some(When { condition, because: None, location: location() }), ..test("needs-it", &[], &["true"]) }
}

fn health(records: &[TestRecord]) -> (Outcome, Vec<String>, u32) {
    let health = records.last().expect("the machines' own test");
    let failures = health.failures.iter().map(|failure| format!("{}: {}", failure.id, failure.message)).collect();
    (health.outcome, failures, health.assertions)
}

#[tokio::test]
async fn a_test_that_is_skipped_for_lack_of_what_the_image_claims_does_not_pass_unnoticed() {
    let plan = plan_of(vec![needing("tpm"), test("other", &[], &["true"])]);
    let records = run_with(&with(&["systemd"]), &plan, claiming(&["tpm", "systemd"])).await;
    let skipped = records.iter().find(|record| record.test == "needs-it").expect("the test");
    assert_eq!(skipped.outcome, Outcome::Skip);
    assert_eq!(skipped.skipped.as_ref().map(|why| why.id.clone()), Some(failure::SKIP_WHEN));
    let missed = "claim.false: claimed `tpm == true`; the machine says false".to_owned();
    assert_eq!(health(&records), (Outcome::Fail, vec![missed], 3));
    assert_eq!(records.last().and_then(|record| record.failures[0].actual.as_deref()), Some("false"));
    assert_eq!(exit_of(&plan, &records), Exit::Failed);

    let records = run_with(&with(&["systemd", "tpm"]), &plan, claiming(&["tpm", "systemd"])).await;
    assert_eq!(health(&records), (Outcome::Pass, Vec::new(), 3));
    assert_eq!(exit_of(&plan, &records), Exit::Pass);
}

#[tokio::test]
async fn a_run_without_tests_looks_at_the_claims_too() {
    let records = run_with(&with(&[]), &plan_of(Vec::new()), claiming(&["tpm"])).await;
    assert_eq!(health(&records).0, Outcome::Fail);
    // The claims of another image are not this one's.
    let settings = Settings { claims: BTreeMap::from([("other".to_owned(), vec![claim("tpm")])]), ..settings() };
    let records = run_with(&with(&[]), &plan_of(Vec::new()), settings).await;
    assert_eq!(health(&records), (Outcome::Pass, Vec::new(), 1));
}

#[tokio::test]
async fn each_machine_is_looked_at_and_the_same_miss_is_one_failure() {
    let fresh = |id: &str| Test { guest: GuestMode::Fresh, ..test(id, &[], &["true"]) };
    let driver = with(&[]);
    let records = run_with(&driver, &plan_of(vec![fresh("a"), fresh("b")]), claiming(&["tpm"])).await;
    assert_eq!(*driver.boots.lock().unwrap(), 2);
    assert_eq!(health(&records).1.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_and_never_a_pass() {
    let mut driver = with(&[]);
    driver.facts.unread.insert("secure-boot".to_owned(), "the EFI variables cannot be read".to_owned());
    let plan = plan_of(vec![test("a", &[], &["true"])]);
    let records = run_with(&driver, &plan, claiming(&["secure-boot"])).await;
    let (outcome, failures, _) = health(&records);
    assert_eq!(outcome, Outcome::Error);
    assert!(failures[0].starts_with("claim.unread: claimed `secure-boot == true`; whether"), "{failures:?}");
    assert_eq!(exit_of(&plan, &records), Exit::Error);
}

#[tokio::test]
async fn a_machine_of_another_shape_does_not_speak_for_the_image() {
    let machine = MachineOverrides { tpm: Some(false), ..MachineOverrides::default() };
    let other = || Test { machine: machine.clone(), ..test("a[tpm=false]", &[], &["true"]) };
    // So one more is booted, which does.
    for (there, expected) in [(with(&["tpm"]), Outcome::Pass), (with(&[]), Outcome::Fail)] {
        let records = run_with(&there, &plan_of(vec![other()]), claiming(&["tpm"])).await;
        assert_eq!((health(&records).0, *there.boots.lock().unwrap()), (expected, 2), "{:?}", health(&records));
    }
    // Its own machine does, whichever came first.
    let plan = plan_of(vec![other(), test("plain", &[], &["true"])]);
    let records = run_with(&with(&["tpm"]), &plan, claiming(&["tpm"])).await;
    assert_eq!(health(&records).0, Outcome::Pass);
}

#[tokio::test]
async fn a_guest_that_an_earlier_run_has_kept_is_looked_at_as_if_it_had_booted() {
    let left = (super::driver::BootLeft::default(), Vec::new());
    let driver = FakeDriver { keeps: true, kept: std::sync::Arc::new(Some(left).into()), ..with(&[]) };
    let records = run_with(&driver, &plan_of(vec![test("looks", &[], &["true"])]), claiming(&["tpm"])).await;
    assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (0, 1));
    assert_eq!(health(&records).0, Outcome::Fail);
}

#[tokio::test]
async fn an_image_that_does_not_boot_has_that_error_alone() {
    let driver = FakeDriver { broken: vec![1], ..with(&[]) };
    let records = run_with(&driver, &plan_of(vec![test("a", &[], &["true"])]), claiming(&["tpm"])).await;
    assert_eq!(health(&records).1, ["boot.timeout: nobody answers"]);
}
