//! What a run that goes on with another does with what that one found about the machines, and what it leaves itself for the next.

use std::sync::Arc;

use super::engine;
use super::engine_tests::{plan_of, settings};
use super::fake::{FakeDriver, FakeImages, step, suite, test};
use super::halt::Halt;
use super::plan::{self, Plan};
use super::rerun::Rerun;
use super::settings::{KeptResults, Settings};
use super::sink::Events;
use muster_base::exit::Exit;
use muster_base::failure::{self, Failure};
use muster_record::event::Event;
use muster_record::fold::Recorder;
use muster_record::names::MACHINE_SUITE;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_suite::model::Suite;
use muster_suite::select::TestIndex;

/// Settings of a run whose earlier one found a failed unit.
fn going_on() -> Settings {
    let found = Failure::new(failure::BASE_FAILED_UNITS, "in the run r1: the unit x has failed");
    let machine_failures = [("fake".to_owned(), vec![found])].into();
    Settings { rerun: Rerun { machine_failures, ..Rerun::default() }, ..settings() }
}

async fn events_of(plan: &Plan, images: &FakeImages, settings: &Settings) -> (Exit, Vec<Event>) {
    let (events, stream) = Events::channel();
    let (exit, _) = engine::run(plan, images, settings, &events, std::future::pending()).await;
    drop(events);
    (exit, stream.iter().collect())
}

fn health(events: &[Event]) -> TestRecord {
    let record = Recorder::fold(events);
    record.tests.into_iter().find(|test| test.suite == MACHINE_SUITE).expect("every image has one")
}

fn ids(record: &TestRecord) -> Vec<&str> {
    record.failures.iter().map(|failure| failure.id.as_str()).collect()
}

#[tokio::test]
async fn what_was_wrong_with_machines_before_outlives_a_run_in_which_nothing_is() {
    let plan = plan_of(vec![test("a", &[], &["true"])]);
    let (exit, events) = events_of(&plan, &FakeImages(Ok(FakeDriver::default())), &going_on()).await;
    assert_eq!(exit, Exit::Failed);
    let ended = health(&events);
    assert_eq!((ended.outcome, ids(&ended)), (Outcome::Fail, vec!["base.failed-units"]));
    // From the plan on, so that whoever goes on with this one has it as well.
    let planned = events.iter().position(|event| matches!(event, Event::Planned { .. })).unwrap();
    let killed = health(&events[..=planned]);
    assert_eq!((killed.outcome, ids(&killed)), (Outcome::Error, vec!["base.failed-units", "run.interrupted"]));
    // The same run of its own passes.
    let (exit, _) = events_of(&plan, &FakeImages(Ok(FakeDriver::default())), &settings()).await;
    assert_eq!(exit, Exit::Pass);
}

#[tokio::test]
async fn an_image_that_is_not_reached_keeps_what_was_wrong_before() {
    let plan = plan_of(vec![test("a", &[], &["true"])]);
    let missing = Failure::new(failure::IMAGE_MISSING, "no such file");
    let (exit, events) = events_of(&plan, &FakeImages(Err(missing)), &going_on()).await;
    let unusable = health(&events);
    assert_eq!((exit, unusable.outcome), (Exit::Failed, Outcome::Fail));
    assert_eq!(ids(&unusable), ["base.failed-units", "image.missing"]);

    let halted = Settings { halt: Halt::at_first_failure(true), ..going_on() };
    halted.halt.note(&unusable);
    let (exit, events) = events_of(&plan, &FakeImages(Ok(FakeDriver::default())), &halted).await;
    let not_run = health(&events);
    assert_eq!((exit, not_run.outcome, ids(&not_run)), (Exit::Failed, Outcome::Fail, vec!["base.failed-units"]));
}

#[tokio::test]
async fn a_teardown_that_fails_is_in_the_journal_before_the_next_suite_begins() {
    let first = Suite { teardown: vec![step("false")], ..Suite::clone(&suite(vec![test("a", &[], &["true"])])) };
    let second = Suite { name: "second".into(), ..Suite::clone(&suite(vec![test("b", &[], &["true"])])) };
    let all = (0..2).map(|suite| TestIndex { suite, test: 0 }).collect();
    let plan = plan::plan(&[Arc::new(first), Arc::new(second)], &all, vec!["fake".into()]);
    let (exit, events) = events_of(&plan, &FakeImages(Ok(FakeDriver::default())), &settings()).await;
    assert_eq!(exit, Exit::Failed);
    let next = |event: &Event| matches!(event, Event::TestStarted { suite, .. } if suite == "second");
    let next = events.iter().position(next).expect("it runs");
    let killed = health(&events[..next]);
    assert_eq!(ids(&killed), ["teardown.failed", "run.interrupted"]);
    assert_eq!(ids(&health(&events)), ["teardown.failed"], "at the end it is there once");
}

#[tokio::test]
async fn a_machine_that_did_not_boot_is_said_at_once_and_once() {
    let plan = plan_of(vec![test("a", &[], &["true"]), test("b", &[], &["true"])]);
    let driver = FakeDriver { broken: vec![1], ..FakeDriver::default() };
    let (_, events) = events_of(&plan, &FakeImages(Ok(driver)), &settings()).await;
    let said = |event: &&Event| matches!(event, Event::MachineFailure { .. });
    assert_eq!(events.iter().filter(said).count(), 1);
    let ended = |event: &Event| matches!(event, Event::TestFinished { .. });
    assert!(events.iter().position(|event| said(&event)) < events.iter().position(ended));
    assert_eq!(ids(&health(&events)), ["boot.timeout"]);
}

#[tokio::test]
async fn what_is_outstanding_after_an_interruption_is_counted_as_it_ended() {
    let tests = vec![test("fails", &[], &["false"]), test("passes", &[], &["true"]), test("hangs", &[], &["hang"])];
    let driver = FakeDriver::default();
    let whole = KeptResults { whole: true, ..KeptResults::default() };
    let settings = Settings { kept: whole, ..settings() };
    let (events, stream) = Events::channel();
    let said = driver.said.clone();
    let seen = std::sync::Mutex::new(Vec::new());
    let until_it_hangs = async {
        loop {
            let ended = {
                let mut seen = seen.lock().unwrap();
                seen.extend(stream.try_iter());
                seen.iter().filter(|event| matches!(event, Event::TestFinished { .. })).count()
            };
            if ended == 2 && said.lock().unwrap().iter().any(|said| said == "hang") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let images = FakeImages(Ok(driver));
    let plan = plan_of(tests);
    let run = engine::run(&plan, &images, &settings, &events, until_it_hangs);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(60), run).await;
    let (exit, records) = ended.expect("one test hangs and two end");
    assert_eq!((exit, records.len()), (Exit::Error, 2), "what ended is not lost");
    let mut seen = seen.into_inner().unwrap();
    seen.extend(stream.try_iter());
    let outstanding = seen.iter().find_map(|event| match event {
        Event::Notice { text } if text.starts_with("outstanding: ") => Some(text.clone()),
        _ => None,
    });
    let counts = "outstanding: 3 of 4 tests (1 failed, 2 without a result when the run ended): ";
    assert!(outstanding.as_ref().is_some_and(|text| text.starts_with(counts)), "{outstanding:?}");
}
