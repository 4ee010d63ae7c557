//! Tests with several machines, on fake ones: which machine each step runs on, what one that dies or cannot be joined
//! does to the test, and that the budget has room for all of them at once.

use std::time::Duration;

use super::budget::Budget;
use super::capsule::{Bounds, CapsuleStore};
use super::driver::Stop;
use super::engine_tests::{mutating, plan_of, run_all, run_with, settings};
use super::fake::{FakeDriver, step, suite};
use super::plan::{self, Plan};
use super::schedule;
use super::segment;
use super::session::Session;
use super::settings::Settings;
use super::sink::Events;
use muster_base::failure;
use muster_check::tables;
use muster_record::event::Event;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_suite::Vocabulary;
use muster_suite::model::{GuestMode, RebootKind, Step, Suite, Test, TestMachine};
use muster_suite::select::TestIndex;

/// A test on a server and a client, with these steps: the machine, and its command line.
fn together(id: &str, needs: &[&str], steps: &[(&str, &str)]) -> Test {
    let machine = |name: &str| TestMachine { name: name.to_owned(), location: super::fake::location() };
    let on = |(machine, command): &(&str, &str)| Step { on: Some((*machine).to_owned()), ..step(command) };
    Test {
        machines: vec![machine("server"), machine("client")],
        steps: steps.iter().map(on).collect(),
        ..mutating(id, needs, &[])
    }
}

fn named(record: &TestRecord) -> Vec<(&str, &str)> {
    record.machines.iter().map(|machine| (machine.name.as_str(), machine.id.as_str())).collect()
}

/// What was said in steps: `server` is the second machine, `client` the third; the first became the template.
fn heard(driver: &FakeDriver) -> Vec<String> {
    let heard = driver.heard.lock().unwrap();
    heard.iter().filter(|line| line.contains(": echo")).cloned().collect()
}

#[tokio::test]
async fn each_step_runs_on_its_machine_and_the_chain_keeps_them() {
    let driver = FakeDriver::default();
    let steps = [("client", "echo one"), ("server", "echo two"), ("client", "echo three")];
    let plan = plan_of(vec![
        together("a", &[], &steps),
        together("b", &["a"], &[("server", "echo four")]),
        mutating("alone", &[], &["true"]),
    ]);
    let records = run_all(&driver, &plan).await;
    assert!(records.iter().all(|record| record.outcome == Outcome::Pass), "{records:?}");
    // Machines of one shape first; those that can be connected are of another, with a template of its own.
    assert_eq!(records[0].test, "alone");
    let expected = ["fake-4: echo one", "fake-3: echo two", "fake-4: echo three", "fake-3: echo four"];
    let (server, client) = ("fake-4", "fake-5");
    let of = |line: &str| line.replace("fake-4", client).replace("fake-3", server);
    assert_eq!(heard(&driver), expected.map(of));
    for record in &records[1..3] {
        assert_eq!(named(record), [("server", server), ("client", client)], "{}", record.test);
        assert_eq!(record.machine.as_deref(), Some(server));
    }
    assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (2, 3));
    assert_eq!(*driver.connected.lock().unwrap(), [[server.to_owned(), client.to_owned()]]);
    let specs = driver.machine_specs.lock().unwrap();
    assert!(matches!(specs.as_slice(), [spec] if spec.segment), "{specs:?}");
    let said = driver.said.lock().unwrap();
    let joined: Vec<&String> = said.iter().filter(|line| line.contains("join") || line.contains("plug")).collect();
    assert_eq!(joined, ["join fake-4", "plug fake-4", "join fake-5", "plug fake-5"]);
}

#[tokio::test]
async fn a_step_that_fails_names_its_machine_and_the_evidence_of_all_is_kept() {
    let driver = FakeDriver::default();
    let steps = [("server", "true"), ("client", "false"), ("server", "echo never")];
    let records = run_all(&driver, &plan_of(vec![together("a", &[], &steps)])).await;
    let [failure] = records[0].failures.as_slice() else { panic!("{:?}", records[0].failures) };
    assert_eq!((records[0].outcome, &failure.id), (Outcome::Fail, &failure::STEP_RUN));
    assert!(failure.message.starts_with("client: `false` ended with status 1"), "{}", failure.message);
    assert_eq!(heard(&driver), [""; 0]);
    assert_eq!(*driver.stops.lock().unwrap(), [Stop::DiscardWithEvidence, Stop::DiscardWithEvidence]);
}

#[tokio::test]
async fn a_machine_that_dies_while_another_works_ends_the_test_and_is_named() {
    let driver = FakeDriver { dies: Some("fake-3"), ..FakeDriver::default() };
    let plan = plan_of(vec![
        together("a", &[], &[("server", "hang"), ("server", "echo never")]),
        together("b", &["a"], &[("server", "echo never")]),
        together("c", &[], &[("client", "echo other")]),
    ]);
    let records = tokio::time::timeout(Duration::from_secs(4), run_all(&driver, &plan)).await.expect("it ends at once");
    let [failure] = records[0].failures.as_slice() else { panic!("{:?}", records[0].failures) };
    assert_eq!((records[0].outcome, &failure.id), (Outcome::Error, &failure::MACHINE_EXITED));
    assert_eq!(failure.message, "client: QEMU of fake-3 ended");
    assert_eq!(records[1].outcome, Outcome::Skip, "what needs it is skipped");
    assert_eq!((records[2].outcome, named(&records[2])[0].1), (Outcome::Pass, "fake-4"), "the next has new machines");
    assert_eq!(heard(&driver), ["fake-5: echo other"]);
}

#[tokio::test]
async fn a_machine_that_does_not_answer_is_named() {
    let driver = FakeDriver::default();
    let records = run_all(&driver, &plan_of(vec![together("a", &[], &[("client", "die")])])).await;
    let [failure] = records[0].failures.as_slice() else { panic!("{:?}", records[0].failures) };
    assert_eq!((failure.message.as_str(), records[0].outcome), ("client: the guest died", Outcome::Error));
    let stops = driver.stops.lock().unwrap();
    assert_eq!(*stops, [Stop::Kill, Stop::Kill], "the first machine is ended too");
}

#[tokio::test]
async fn a_guest_that_cannot_join_skips_the_test_and_one_that_fails_is_an_error() {
    for (status, outcome, id) in
        [(segment::NO_IP, Outcome::Skip, failure::SKIP_MACHINE), (1, Outcome::Error, failure::MACHINE_SEGMENT)]
    {
        let driver = FakeDriver { joins: status, ..FakeDriver::default() };
        let plan = plan_of(vec![
            together("a", &[], &[("server", "echo never")]),
            together("b", &["a"], &[("server", "echo never")]),
        ]);
        let records = run_all(&driver, &plan).await;
        let why = records[0].failures.first().or(records[0].skipped.as_ref()).unwrap();
        assert_eq!((records[0].outcome, &why.id), (outcome, &id));
        assert!(why.message.starts_with("server: the "), "{}", why.message);
        assert_eq!(records[1].outcome, Outcome::Skip);
        assert_eq!(heard(&driver), [""; 0]);
    }
}

#[tokio::test]
async fn a_reboot_pulls_the_cable_and_joins_again() {
    let driver = FakeDriver::default();
    let steps = [("client", "(reboot soft)"), ("client", "echo back")];
    let records = run_all(&driver, &plan_of(vec![together("a", &[], &steps)])).await;
    assert_eq!(records[0].outcome, Outcome::Pass, "{:?}", records[0].failures);
    assert_eq!(*driver.reboots.lock().unwrap(), [RebootKind::Soft]);
    assert!(
        records[0].remarks.iter().any(|remark| remark.starts_with("client: soft reboot")),
        "{:?}",
        records[0].remarks
    );
    let said = driver.said.lock().unwrap();
    let of_client: Vec<&String> = said.iter().filter(|line| line.ends_with(" fake-3")).collect();
    let again = [
        "join fake-3",
        "plug fake-3",
        "confirm fake-3",
        "unplug fake-3",
        "join fake-3",
        "plug fake-3",
        "confirm fake-3",
    ];
    let without_confirm = |lines: &[&str]| {
        lines.iter().filter(|line| !line.contains("confirm")).map(|l| (*l).to_owned()).collect::<Vec<_>>()
    };
    let said: Vec<String> = of_client.into_iter().filter(|line| !line.contains("confirm")).cloned().collect();
    assert_eq!(said, without_confirm(&again));
}

#[tokio::test]
async fn all_machines_of_a_test_have_room_at_once_and_none_waits_for_the_other() {
    let tests = || ["a", "b", "c"].map(|id| together(id, &[], &[("client", "echo done")])).to_vec();
    // A fake machine takes one processor. Three are too few for two tests at a time, and one for any.
    for cores in [1, 3, 4] {
        let driver = FakeDriver::default();
        let settings = Settings { budget: Budget::new(cores, 10_000, None), ..settings() };
        let plan = plan_of(tests());
        let run = run_with(&driver, &plan, settings);
        let records = tokio::time::timeout(Duration::from_secs(10), run).await.expect("nothing waits for ever");
        assert!(records.iter().all(|record| record.outcome == Outcome::Pass), "{cores}: {records:?}");
        assert_eq!(heard(&driver).len(), 3);
    }
    let budget = Budget::new(3, 10_000, None);
    let two = FakeDriver::default();
    let cost = super::driver::Driver::cost(&two, true);
    for budget in [budget, Budget::new(8, 10_000, Some(3))] {
        let _first = budget.reserve_several(cost, 2).await;
        let waits = tokio::time::timeout(Duration::from_millis(20), budget.reserve_several(cost, 2)).await.is_err();
        assert!(waits, "a test with two machines takes two of three");
    }
}

#[tokio::test]
async fn a_retry_has_machines_of_its_own() {
    let driver = FakeDriver::default();
    *driver.moods.lock().unwrap() = 1;
    let flaky = Test { retry: 1, ..together("a", &[], &[("client", "moody")]) };
    let records = run_all(&driver, &plan_of(vec![flaky])).await;
    assert_eq!(records[0].outcome, Outcome::Flaky);
    assert_eq!(named(&records[0]), [("server", "fake-4"), ("client", "fake-5")]);
    assert_eq!(driver.connected.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn fresh_machines_are_booted_each() {
    let driver = FakeDriver::default();
    let fresh = Test { guest: GuestMode::Fresh, ..together("a", &[], &[("client", "echo done")]) };
    let records = run_all(&driver, &plan_of(vec![fresh])).await;
    assert_eq!(records[0].outcome, Outcome::Pass, "{:?}", records[0].failures);
    assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (2, 0));
}

#[tokio::test]
async fn setup_and_teardown_run_on_every_machine() {
    let driver = FakeDriver::default();
    let unadorned = suite(vec![together("a", &[], &[("client", "echo test")])]);
    let around =
        Suite { setup: vec![step("echo before")], teardown: vec![step("echo after")], ..Suite::clone(&unadorned) };
    let all = TestIndex::all_of(0, &around.tests).collect();
    let plan = plan::plan(&[std::sync::Arc::new(around)], &all, vec!["fake".into()]);
    let records = run_all(&driver, &plan).await;
    assert_eq!(records[0].outcome, Outcome::Pass, "{:?}", records[0].failures);
    let said: Vec<String> = heard(&driver)
        .iter()
        .map(|line| line.replace("fake-2: echo", "server").replace("fake-3: echo", "client"))
        .collect();
    assert_eq!(said, ["server before", "client before", "client test", "server after", "client after"]);
}

#[tokio::test]
async fn a_machine_that_is_lost_in_its_setup_is_not_torn_down() {
    let driver = FakeDriver::default();
    let unadorned = suite(vec![together("a", &[], &[("client", "echo test")])]);
    let around = Suite { setup: vec![step("die")], teardown: vec![step("echo after")], ..Suite::clone(&unadorned) };
    let all = TestIndex::all_of(0, &around.tests).collect();
    let plan = plan::plan(&[std::sync::Arc::new(around)], &all, vec!["fake".into()]);
    let records = run_all(&driver, &plan).await;
    assert_eq!((records[0].outcome, &records[0].failures[0].id), (Outcome::Error, &failure::SETUP_FAILED));
    assert_eq!(records[1].outcome, Outcome::Pass, "{:?}", records[1].failures);
    assert_eq!(heard(&driver), [""; 0]);
    assert_eq!(*driver.stops.lock().unwrap(), [Stop::DiscardWithEvidence, Stop::Kill]);
}

/// A plan of a suite as written.
fn written(text: &str) -> Plan {
    let vocabulary = Vocabulary { tables: tables(), capabilities: &[], tools: &[] };
    let (suite, problems) = muster_suite::decode_source("s.yaml", text, &vocabulary);
    assert_eq!(problems.render(false), "");
    let suite = std::sync::Arc::new(suite.unwrap());
    let all = TestIndex::all_of(0, &suite.tests).collect();
    plan::plan(&[suite], &all, vec!["fake".into()])
}

#[tokio::test]
async fn what_is_expected_of_each_machine_is_read_there() {
    let driver = FakeDriver::default();
    let text = "schema: suite/v1\nsuite: s\ntests:\n- id: t\n  machines: {server: {}, client: {}}\n  steps: [{run: 'true', on: server}]\n  expect:\n    client: {command: {'echo of-client': {stdout: {contains: nothing}}}}\n    server: {command: {'echo of-server': {exit: 0}}}\n";
    let records = run_all(&driver, &written(text)).await;
    assert_eq!(heard(&driver), ["fake-2: echo of-server", "fake-3: echo of-client"]);
    let [failure] = records[0].failures.as_slice() else { panic!("{:?}", records[0].failures) };
    assert_eq!((records[0].outcome, failure.id.as_str()), (Outcome::Fail, "command.stdout"));
    assert!(failure.message.starts_with("client: command echo of-client: expected stdout"), "{}", failure.message);
    assert_eq!(failure.location.as_ref().map(|place| place.line), Some(8));
}

#[tokio::test]
async fn there_is_no_capsule_of_several_machines_and_the_run_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = camino::Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let store = CapsuleStore::new(path, Bounds::default());
    let driver = FakeDriver { capsule_store: Some(std::sync::Arc::new(store)), ..FakeDriver::default() };
    let plan = plan_of(vec![together("a", &[], &[("client", "false")])]);
    let (settings, (events, stream)) = (settings(), Events::channel());
    let session = Session::new(&driver, "fake", &settings, events);
    let records = schedule::run_all(&plan, &session).await;
    session.finish().await;
    assert_eq!(records[0].capsule, None);
    let said = |event: &Event| matches!(event, Event::Notice { text } if text.contains("a capsule holds one machine"));
    assert_eq!(stream.try_iter().filter(said).count(), 1);
}
