//! Several images in one run: at once where the budget has room for them, and none waits for another's template.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::engine;
use super::engine_tests::{expecting, settings};
use super::fake::{FakeDriver, FakeImages, suite, test};
use super::plan::{self, Plan};
use super::settings::Settings;
use super::sink::Events;
use muster_base::exit::Exit;
use muster_record::event::Event;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_suite::model::{GuestMode, Test};
use muster_suite::select::TestIndex;

fn plan_of(tests: Vec<Test>, images: &[&str]) -> Plan {
    let all: BTreeSet<TestIndex> = TestIndex::all_of(0, &tests).collect();
    plan::plan(&[suite(tests)], &all, images.iter().map(|image| (*image).to_owned()).collect())
}

/// The end of a run on machines of which so many must meet; `None` when they never do.
async fn run(plan: &Plan, meeting: usize, budget: Budget) -> Option<(Exit, Vec<TestRecord>, Vec<Event>)> {
    run_for(Duration::from_secs(20), plan, meeting, budget).await
}

/// The same for at most so long.
async fn run_for(
    time: Duration,
    plan: &Plan,
    meeting: usize,
    budget: Budget,
) -> Option<(Exit, Vec<TestRecord>, Vec<Event>)> {
    let driver = FakeDriver { meeting: Some(Arc::new(tokio::sync::Barrier::new(meeting))), ..FakeDriver::default() };
    let (events, stream) = Events::channel();
    let settings = Settings { budget, ..settings() };
    let images = FakeImages(Ok(driver));
    let run = engine::run(plan, &images, &settings, &events, std::future::pending());
    let (exit, records) = tokio::time::timeout(time, run).await.ok()?;
    drop(events);
    Some((exit, records, stream.iter().collect()))
}

#[tokio::test]
async fn images_run_side_by_side_where_there_is_room_for_their_machines() {
    let cloned = Test { guest: GuestMode::Clone, ..test("meets", &[], &["meet"]) };
    let fresh = Test { guest: GuestMode::Fresh, ..test("meets", &[], &["meet"]) };
    for one in [test("meets", &[], &["meet"]), cloned, fresh] {
        let plan = plan_of(vec![one], &["one", "two", "three"]);
        let (exit, records, events) = run(&plan, 3, Budget::new(3, 1000, None)).await.expect("they meet");
        assert_eq!((exit, records.len()), (Exit::Pass, 6));
        assert!(records.iter().all(|record| record.outcome == Outcome::Pass), "{records:?}");
        assert!(events.iter().any(|event| matches!(event, Event::RunFinished { interrupted: false, .. })));
        for too_small in [Budget::new(2, 1000, None), Budget::new(3, 250, None), Budget::new(3, 1000, Some(2))] {
            // However long they wait.
            assert!(run_for(Duration::from_millis(50), &plan, 3, too_small).await.is_none());
        }
    }
}

#[tokio::test]
async fn more_images_than_there_is_room_for_run_all_the_same() {
    let plan = plan_of(vec![Test { guest: GuestMode::Clone, ..test("a", &[], &["true"]) }], &["1", "2", "3", "4", "5"]);
    for budget in [Budget::new(1, 1, None), Budget::new(2, 220, None), Budget::new(64, 100_000, Some(1))] {
        let (exit, records, _) = run(&plan, 1, budget).await.expect("it ends");
        assert_eq!((exit, records.len()), (Exit::Pass, 10));
    }
}

#[tokio::test]
async fn a_test_of_the_boot_has_the_host_to_itself() {
    let clone = |id: &str| Test { guest: GuestMode::Clone, ..test(id, &[], &["true"]) };
    let boots = expecting("{boot: {count: 1}}");
    let plan = plan_of(vec![boots, clone("a"), clone("b"), clone("c")], &["1", "2", "3"]);
    let (_, records, events) = run(&plan, 1, Budget::new(3, 1000, None)).await.expect("it ends");
    assert_eq!(records.len(), 15);
    let mut alive = BTreeSet::new();
    let mut looked = 0;
    for event in &events {
        match event {
            Event::MachineStarting { machine, .. } => drop(alive.insert(machine.clone())),
            Event::MachineEnded { record } => drop(alive.remove(&record.id)),
            Event::TestFinished { record } if record.test == "t" => {
                looked += 1;
                assert_eq!(alive.iter().collect::<Vec<_>>(), [record.machine.as_ref().expect("it ran")]);
            }
            _ => {}
        }
    }
    assert_eq!((looked, alive.len()), (3, 0));
}
