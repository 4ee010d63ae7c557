//! What a machine that is lost, or never comes up, does to tests and to other machines.

use super::*;

#[tokio::test]
async fn a_lost_machine_costs_one_test_and_what_needs_it() {
    let driver = FakeDriver::default();
    let plan = plan_of(vec![
        test("fine", &[], &["true"]),
        test("kills", &[], &["die"]),
        test("dependent", &["kills"], &["true"]),
        test("after", &[], &["true"]),
    ]);
    let records = run_all(&driver, &plan).await;
    assert_eq!(
        short(&records),
        [
            row("fine", Outcome::Pass, ""),
            row("kills", Outcome::Error, "ssh.lost"),
            row("dependent", Outcome::Skip, "skip.need"),
            row("after", Outcome::Pass, ""),
            row("health", Outcome::Pass, ""),
        ]
    );
    assert_eq!(*driver.boots.lock().unwrap(), 2);
    assert_eq!(*driver.stops.lock().unwrap(), [Stop::Kill, Stop::Orderly]);
}

#[tokio::test]
async fn a_failed_step_keeps_the_machine_and_fetches_evidence_at_its_end() {
    let driver = FakeDriver::default();
    let records = run_all(&driver, &plan_of(vec![test("a", &[], &["false", "die"]), test("b", &[], &["true"])])).await;
    assert_eq!(
        short(&records),
        [row("a", Outcome::Fail, "step.run"), row("b", Outcome::Pass, ""), row("health", Outcome::Pass, "")]
    );
    assert_eq!(*driver.boots.lock().unwrap(), 1);
    assert_eq!(*driver.stops.lock().unwrap(), [Stop::WithEvidence]);
}

#[tokio::test]
async fn an_image_that_does_not_boot_is_not_booted_again_and_again() {
    let driver = FakeDriver { broken: vec![1], ..FakeDriver::default() };
    let records = run_all(&driver, &plan_of(vec![test("a", &[], &["true"]), test("b", &[], &["true"])])).await;
    assert_eq!(
        short(&records),
        [
            row("a", Outcome::NotRun, "not-run.machine"),
            row("b", Outcome::NotRun, "not-run.machine"),
            row("health", Outcome::Error, "boot.timeout")
        ]
    );
    assert_eq!(*driver.boots.lock().unwrap(), 1);
}

#[tokio::test]
async fn machines_are_given_up_after_eight_losses() {
    let driver = FakeDriver::default();
    let ids: Vec<String> = (0..12).map(|n| format!("t{n}")).collect();
    let plan = plan_of(ids.iter().map(|id| test(id, &[], &["die"])).collect());
    let records = run_all(&driver, &plan).await;
    assert_eq!(*driver.boots.lock().unwrap(), 8);
    assert_eq!(records[7].failures[0].id, failure::SSH_LOST);
    assert!(records[8..12].iter().all(|record| record.outcome == Outcome::NotRun), "{:?}", short(&records));
    let health: Vec<_> = records[12].failures.iter().map(|failure| failure.id.clone()).collect();
    assert_eq!((records[12].outcome, health), (Outcome::Error, vec![failure::MACHINE_EXITED]));
}

#[tokio::test]
async fn what_needs_a_test_without_a_machine_lacks_the_same_machine() {
    let driver = FakeDriver { broken: vec![1], ..FakeDriver::default() };
    let plan = plan_of(vec![test("a", &[], &["true"]), test("b", &["a"], &["true"]), test("c", &["b"], &["true"])]);
    let records = run_all(&driver, &plan).await;
    assert!(records[..3].iter().all(|record| record.outcome == Outcome::NotRun), "{:?}", short(&records));
    assert_eq!(exit_of(&plan, &records), Exit::Error);
}

#[tokio::test]
async fn tests_that_ran_before_no_machine_comes_up_keep_their_outcomes() {
    // The second boot fails: what ran on the first machine stands, and so does what took it down.
    let driver = FakeDriver { broken: vec![2], ..FakeDriver::default() };
    let tests = [("fine", "true"), ("miss", "false"), ("kills", "die"), ("after", "true")];
    let plan = plan_of(tests.map(|(id, command)| test(id, &[], &[command])).to_vec());
    let records = run_all(&driver, &plan).await;
    assert_eq!(
        short(&records),
        [
            row("fine", Outcome::Pass, ""),
            row("miss", Outcome::Fail, "step.run"),
            row("kills", Outcome::Error, "ssh.lost"),
            row("after", Outcome::NotRun, "not-run.machine"),
            row("health", Outcome::Error, "boot.timeout"),
        ]
    );
}

#[tokio::test]
async fn a_reboot_keeps_the_machine_and_one_that_fails_loses_it() {
    let driver = FakeDriver::default();
    let plan = plan_of(vec![
        test("again", &[], &["true", "(reboot soft)", "true", "(reboot soft)"]),
        test("not-reached", &[], &["false", "(reboot soft)"]),
        test("stays-down", &[], &["(reboot hard)", "false"]),
        test("after", &[], &["true"]),
    ]);
    let records = run_all(&driver, &plan).await;
    assert_eq!(
        short(&records),
        [
            row("again", Outcome::Pass, ""),
            row("not-reached", Outcome::Fail, "step.run"),
            row("stays-down", Outcome::Fail, "reboot.timeout"),
            row("after", Outcome::Pass, ""),
            row("health", Outcome::Pass, ""),
        ]
    );
    use muster_suite::model::RebootKind::{Hard, Soft};
    assert_eq!(*driver.reboots.lock().unwrap(), [Soft, Soft, Hard]);
    assert_eq!((*driver.boots.lock().unwrap(), records[0].assertions), (2, 4));
    assert_eq!(records[0].remarks, vec!["soft reboot: settled again after 1.0 s"; 2]);
    assert_eq!(records[2].failures[0].location.as_ref().map(|at| at.line), Some(1));
}

#[tokio::test]
async fn no_test_runs_without_the_product_and_the_machine_is_to_blame_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = camino::Utf8PathBuf::from_path_buf(dir.path().join("a.rpm")).unwrap();
    std::fs::write(&file, b"of a product").unwrap();
    let products = vec![crate::product::Product { file, sha256: "ab".repeat(32) }];
    let settings = Settings { products, ..settings() };
    // A kept machine would be one without the product.
    let driver = FakeDriver {
        keeps: true,
        kept: std::sync::Arc::new(std::sync::Mutex::new(Some(Default::default()))),
        ..FakeDriver::default()
    };
    let plan = plan_of(vec![test("looks", &[], &["true"]), mutating("changes", &[], &["true"])]);
    let records = run_with(&driver, &plan, settings).await;
    let rows = short(&records);
    assert!(rows[..2].iter().all(|row| row.1 == Outcome::NotRun), "{rows:?}");
    assert_eq!((rows[2].0.as_str(), rows[2].1), ("health", Outcome::Error), "{rows:?}");
    // The fake guest keeps nothing of what it is sent, so that it is not what was sent.
    assert_eq!(records[2].failures.len(), 1, "{:?}", records[2].failures);
    assert_eq!(records[2].failures[0].id, failure::PRODUCT_UNSENT);
    assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (1, 0));
    assert!(driver.kept.lock().unwrap().is_some() && driver.keepsakes.lock().unwrap().is_empty());
}
