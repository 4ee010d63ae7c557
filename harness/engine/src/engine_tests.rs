//! The engine on fake machines: what a lost machine, a boot that fails, an unmet need and an
//! interruption do to everything else.

use std::collections::BTreeSet;

use super::budget::Budget;
use super::capsule::{Bounds, CapsuleStore};
use super::engine::{self, exit_of};
use super::fake::{FakeDriver, FakeImages, suite, test};
use super::halt::Halt;
use super::plan::{self, Plan, Rerun};
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
    let finding = Finding {
        rule: "kernel-oops".into(),
        category: "oops".into(),
        severity: Severity::Fail,
        base_check: Some("oops".into()),
        line: "Oops: 0000".to_owned(),
        line_number: 7,
        excerpt: Vec::new(),
        excerpt_hit: 0,
    };
    FakeDriver { keeps: true, kept: std::sync::Arc::new(Some((left, vec![finding])).into()), ..FakeDriver::default() }
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

fn short(records: &[TestRecord]) -> Vec<(String, Outcome, Option<String>)> {
    let id = |record: &TestRecord| record.failures.first().or(record.skipped.as_ref()).map(|f| f.id.to_string());
    records.iter().map(|record| (record.test.clone(), record.outcome, id(record))).collect()
}

fn row(test: &str, outcome: Outcome, id: &str) -> (String, Outcome, Option<String>) {
    (test.into(), outcome, Some(id.to_owned()).filter(|id| !id.is_empty()))
}

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
async fn a_fresh_test_gets_a_machine_of_its_own() {
    let driver = FakeDriver::default();
    let fresh = Test { guest: GuestMode::Fresh, ..test("fresh", &[], &["true"]) };
    let records = run_all(&driver, &plan_of(vec![test("shared", &[], &["true"]), fresh])).await;
    assert_eq!(*driver.boots.lock().unwrap(), 2);
    assert_eq!(records[0].machine.as_deref(), Some("fake-1"));
    assert_eq!(records[1].machine.as_deref(), Some("fake-2"));
}

#[tokio::test]
async fn an_interruption_leaves_every_test_in_the_record() {
    let plan = plan_of(vec![test("a", &[], &["true"])]);
    let (events, stream) = Events::channel();
    let (exit, _) =
        engine::run(&plan, &FakeImages(Ok(FakeDriver::default())), &settings(), &events, std::future::ready(())).await;
    drop(events);
    assert_eq!(exit, Exit::Error);
    let events: Vec<Event> = stream.iter().collect();
    let Some(Event::Planned { tests, .. }) = events.first() else { panic!("the plan comes first") };
    assert_eq!(tests.len(), 2);
    assert!(tests.iter().all(|test| test.outcome == Outcome::Error && test.failures[0].id == failure::RUN_INTERRUPTED));
    assert!(matches!(events.last(), Some(Event::RunFinished { interrupted: true, exit_code: 3, .. })));
}

#[tokio::test]
async fn an_unusable_image_ends_with_two_and_names_its_tests() {
    let plan = plan_of(vec![test("a", &[], &["true"])]);
    let (events, stream) = Events::channel();
    let missing = Failure::new(failure::IMAGE_MISSING, "no such file");
    let never = std::future::pending();
    let (exit, _) = engine::run(&plan, &FakeImages(Err(missing)), &settings(), &events, never).await;
    drop(events);
    assert_eq!(exit, Exit::Invalid);
    let finished: Vec<_> = stream.iter().filter(|event| matches!(event, Event::TestFinished { .. })).collect();
    let [Event::TestFinished { record: health }, Event::TestFinished { record: test }] = &finished[..] else {
        panic!("{finished:?}")
    };
    assert_eq!((health.outcome, health.failures[0].id.clone()), (Outcome::Error, failure::IMAGE_MISSING));
    assert_eq!((test.outcome, test.failures.len()), (Outcome::NotRun, 0));
    let why = &test.skipped.as_ref().unwrap().message;
    assert_eq!(why, "no machine (image.missing, see machine/health): no such file");
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
async fn a_test_that_failed_and_has_no_machine_for_its_next_attempt_is_an_error_and_not_lost() {
    let driver = FakeDriver { broken: vec![2], ..FakeDriver::default() };
    let records = run_all(&driver, &plan_of(vec![retried(test("a", &[], &["die"]), 1)])).await;
    assert_eq!((records[0].outcome, records[0].attempts.len()), (Outcome::Error, 1), "{:?}", short(&records));
    assert_eq!(records[0].attempts[0].failures[0].id, failure::SSH_LOST);
}

#[test]
fn exit_codes_follow_the_worst_that_is_certain() {
    let plan = plan_of(vec![test("a", &[], &["true"])]);
    let record = |outcome: Outcome, id: Option<failure::FailureId>| TestRecord {
        outcome,
        failures: id.into_iter().map(|id| Failure::new(id, "x")).collect(),
        ..plan.unreached(&Rerun::default()).remove(1)
    };
    let pass = || record(Outcome::Pass, None);
    let skip = || record(Outcome::Skip, None);
    let fail = || record(Outcome::Fail, Some(failure::STEP_RUN));
    let error = || record(Outcome::Error, Some(failure::SSH_LOST));
    let image = || record(Outcome::Error, Some(failure::IMAGE_MISSING));
    let not_run = || record(Outcome::NotRun, None);
    let cases = [
        (vec![pass(), not_run()], Exit::Error),
        (vec![image(), not_run()], Exit::Invalid),
        (vec![error(), not_run()], Exit::Error),
        (vec![fail(), not_run()], Exit::Failed),
        (vec![pass(), skip()], Exit::Pass),
        (vec![pass(), fail(), error()], Exit::Failed),
        (vec![pass(), error(), image()], Exit::Error),
        (vec![pass(), image()], Exit::Invalid),
        (vec![skip(), skip()], Exit::Invalid),
    ];
    for (records, exit) in cases {
        let outcomes: Vec<Outcome> = records.iter().map(|record| record.outcome).collect();
        assert_eq!(exit_of(&plan, &records), exit, "{outcomes:?}");
    }
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

fn wishing(id: &str, cpus: u32) -> Test {
    Test { machine: MachineOverrides { cpus: Some(cpus), ..MachineOverrides::default() }, ..test(id, &[], &["true"]) }
}

#[tokio::test]
async fn a_shape_that_does_not_boot_condemns_no_other() {
    // The plain machine and the one with 1 processor do not come up; the one with 2 does.
    let driver = FakeDriver { broken: vec![1, 2], ..FakeDriver::default() };
    let plan = plan_of(vec![test("plain", &[], &["true"]), wishing("one", 1), wishing("two", 2)]);
    let records = run_all(&driver, &plan).await;
    assert_eq!(
        short(&records),
        [
            row("plain", Outcome::NotRun, "not-run.machine"),
            row("one", Outcome::NotRun, "not-run.machine"),
            row("two", Outcome::Pass, ""),
            row("health", Outcome::Error, "boot.timeout"),
        ]
    );
    let cpus: Vec<_> =
        driver.machine_specs.lock().unwrap().iter().map(|machine_spec| machine_spec.overrides.cpus).collect();
    assert_eq!(cpus, [Some(1), Some(2)]);
}

#[tokio::test]
async fn no_machine_with_a_network_is_booted_for_tests_that_the_image_skips() {
    let when = |condition: &str| expecting(&format!("{{command: {{'true': {{exit: 0}}}}}}\n  when: {condition}")).when;
    let online = |id: &str, condition: &str| Test { internet: true, when: when(condition), ..test(id, &[], &["true"]) };
    let run = async |tests: Vec<Test>| {
        let driver = FakeDriver::default();
        let records = run_all(&driver, &plan_of(tests)).await;
        let boots = *driver.boots.lock().unwrap();
        (records[1..records.len() - 1].iter().map(|record| record.outcome).collect::<Vec<_>>(), boots)
    };
    let plain = || test("a", &[], &["true"]);
    let (b, c) = (|| online("b", "image == other"), || online("c", "image == fake"));
    assert_eq!(run(vec![plain(), b()]).await, (vec![Outcome::Skip], 1));
    // One that runs needs the machine, and a machine of another shape may be another to its guest.
    assert_eq!(run(vec![plain(), b(), c()]).await, (vec![Outcome::Skip, Outcome::Pass], 2));
    let with_spec = Test { machine: MachineOverrides { cpus: Some(2), ..MachineOverrides::default() }, ..b() };
    assert_eq!(run(vec![plain(), with_spec]).await, (vec![Outcome::Skip], 2));
}

#[tokio::test]
async fn a_shape_that_cannot_be_made_fails_its_own_tests() {
    let driver = FakeDriver::default();
    let records = run_all(&driver, &plan_of(vec![wishing("too-many", 255), test("plain", &[], &["true"])])).await;
    assert_eq!(
        short(&records),
        [
            row("plain", Outcome::Pass, ""),
            row("too-many", Outcome::NotRun, "not-run.machine"),
            row("health", Outcome::Error, "qemu.refused"),
        ]
    );
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

#[tokio::test]
async fn a_focused_run_is_never_a_pass() {
    let plan = plan_of(vec![test("a", &[], &["true"])]);
    let run = async |focused: bool| {
        let settings = Settings { focused, ..settings() };
        let (events, _stream) = Events::channel();
        engine::run(&plan, &FakeImages(Ok(FakeDriver::default())), &settings, &events, std::future::pending()).await.0
    };
    assert_eq!((run(false).await, run(true).await), (Exit::Pass, Exit::Invalid));
}

#[tokio::test]
async fn a_shard_of_skipped_tests_alone_is_no_failure_and_says_that_it_shows_nothing() {
    let skipped = || {
        let condition = Condition::Compare {
            dimension: "accelerator".to_owned(),
            operator: Operator::Eq,
            values: vec!["kvm".to_owned()],
        };
        let when = When { condition, because: None, location: super::fake::location() };
        Test { when: Some(when), ..test("a", &[], &["true"]) }
    };
    let run = async |plan: &Plan, shard: Option<ShardRecord>, focused: bool| {
        let settings = Settings { shard, focused, ..settings() };
        let (events, stream) = Events::channel();
        let images = FakeImages(Ok(FakeDriver::default()));
        let (exit, records) = engine::run(plan, &images, &settings, &events, std::future::pending()).await;
        assert!(records.iter().any(|record| record.outcome == Outcome::Skip), "{:?}", short(&records));
        drop(events);
        let notices: Vec<String> = stream
            .try_iter()
            .filter_map(|event| if let Event::Notice { text } = event { Some(text) } else { None })
            .collect();
        (exit, notices)
    };
    let shard = ShardRecord { number: 2, of: 3, tests: 7, ..ShardRecord::default() };
    let (alone, both) = (plan_of(vec![skipped()]), plan_of(vec![skipped(), test("b", &[], &["true"])]));
    let nothing = muster_record::verdict::NO_TEST_RAN.to_owned();
    assert_eq!(run(&alone, None, false).await, (Exit::Invalid, vec![nothing]), "of a whole run it stays one");
    assert_eq!(run(&alone, Some(shard.clone()), false).await, (Exit::Pass, vec![shard.nothing_ran()]));
    assert_eq!(run(&both, Some(shard.clone()), false).await, (Exit::Pass, vec![]));
    assert_eq!(run(&alone, Some(shard), true).await.0, Exit::Invalid, "focus is never a pass");
}

/// A test that expects of the fake guest what the YAML says.
pub(super) fn expecting(expect: &str) -> Test {
    let vocabulary = muster_suite::Vocabulary { tables: muster_check::tables(), capabilities: &[], tools: &[] };
    let text = format!("schema: suite/v1\nsuite: s\ntests:\n- id: t\n  expect: {expect}\n");
    let (suite, problems) = muster_suite::decode_source("s.yaml", &text, &vocabulary);
    assert_eq!(problems.render(false), "");
    suite.unwrap().tests.remove(0)
}

#[tokio::test]
async fn a_test_passes_when_one_of_its_alternatives_holds_and_fails_once_when_none_does() {
    let driver = FakeDriver::default();
    let one = "{any-of: [{command: {'false': {exit: 0}, 'uname': {exit: 0}}}, {command: {'true': {exit: 0}}}]}";
    let none = "{any-of: [{command: {'false': {exit: 0}}}, {command: {'true': {exit: 1}}}]}";
    let records = run_all(&driver, &plan_of(vec![expecting(one)])).await;
    assert_eq!((records[0].outcome, records[0].assertions), (Outcome::Pass, 1), "{:?}", records[0].failures);
    assert_eq!(records[0].met.len(), 1, "{:?}", records[0].met);
    let records = run_all(&driver, &plan_of(vec![expecting(none)])).await;
    assert_eq!(records[0].outcome, Outcome::Fail);
    let [failure] = &records[0].failures[..] else { panic!("{:?}", records[0].failures) };
    assert_eq!(failure.id, failure::EXPECT_ANY_OF);
    assert_eq!(failure.location.as_ref().unwrap().to_string(), "s.yaml:5:12");
    assert_eq!(
        failure.message,
        "none of 2 alternatives holds: command false: expected exit is 0, found 1; command true: expected exit is 1, found 0"
    );
    assert_eq!(
        failure.detail.as_deref(),
        Some(
            "alternative 1 of 2 (s.yaml:5:21):\n  command false: expected exit is 0, found 1\n\
             alternative 2 of 2 (s.yaml:5:54):\n  command true: expected exit is 1, found 0"
        )
    );
}

#[tokio::test]
async fn alternatives_of_which_something_could_not_be_read_are_an_error() {
    let driver = FakeDriver::default();
    // The fake guest prints nothing, which no `rpm` does that works.
    let unread = "{any-of: [{package: {a: {version: '1'}}}, {command: {'false': {exit: 0}}}]}";
    let records = run_all(&driver, &plan_of(vec![expecting(unread)])).await;
    assert_eq!(records[0].outcome, Outcome::Error, "{:?}", records[0].failures);
    let [failure] = &records[0].failures[..] else { panic!("{:?}", records[0].failures) };
    assert_eq!(failure.id, failure::PROBE_FAILED);
    assert!(failure.message.starts_with("cannot determine whether one of 2 alternatives holds: "), "{failure:?}");
    assert!(failure.detail.as_deref().unwrap().contains("command false: expected exit is 0, found 1"), "{failure:?}");
}

#[tokio::test]
async fn a_run_that_stops_at_its_first_failure_begins_nothing_after_it() {
    let fresh = |id: &str| Test { guest: GuestMode::Fresh, ..test(id, &[], &["true"]) };
    let tests = vec![
        test("fine", &[], &["true"]),
        test("miss", &[], &["false"]),
        test("after", &[], &["true"]),
        test("needs", &["miss"], &["true"]),
        fresh("fresh"),
    ];
    let all: BTreeSet<TestIndex> = TestIndex::all_of(0, &tests).collect();
    let plan = plan::plan(&[suite(tests)], &all, vec!["fake".into(), "second".into()]);
    let run = async |wanted: bool| {
        let settings = Settings { halt: Halt::at_first_failure(wanted), ..settings() };
        let (events, _stream) = Events::channel();
        engine::run(&plan, &FakeImages(Ok(FakeDriver::default())), &settings, &events, std::future::pending()).await
    };
    let (exit, records) = run(true).await;
    assert_eq!(exit, Exit::Failed);
    let of = |image: &str| -> Vec<_> {
        let records: Vec<_> = records.iter().filter(|record| record.image == image).cloned().collect();
        short(&records)
    };
    let not_run = |id: &str| row(id, Outcome::NotRun, "not-run.fail-fast");
    assert_eq!(of("fake")[..2], [row("fine", Outcome::Pass, ""), row("miss", Outcome::Fail, "step.run")]);
    let rest: BTreeSet<_> = of("fake")[2..5].iter().map(|row| (row.0.clone(), row.1)).collect();
    let expected = ["after", "fresh", "needs"].map(|id| (id.to_owned(), Outcome::NotRun));
    assert_eq!(rest, BTreeSet::from(expected));
    assert_eq!(of("fake")[5], row("health", Outcome::Pass, ""));
    assert!(of("second").iter().all(|row| *row == not_run(&row.0)), "{:?}", of("second"));
    assert_eq!(of("second").len(), 6);
    let why = records.iter().find(|record| record.test == "after").unwrap().skipped.as_ref().unwrap();
    assert_eq!(why.message, "stopped after fake/miss [fake] did not pass (--fail-fast)");
    let (exit, records) = run(false).await;
    assert!(exit == Exit::Failed && records.iter().all(|record| record.outcome != Outcome::NotRun));
}

#[tokio::test]
async fn no_test_runs_without_the_product_and_the_machine_is_to_blame_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = camino::Utf8PathBuf::from_path_buf(dir.path().join("a.rpm")).unwrap();
    std::fs::write(&file, b"of a product").unwrap();
    let products = vec![super::product::Product { file, sha256: "ab".repeat(32) }];
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
