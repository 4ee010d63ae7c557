//! `muster run`: the images of a plan, as many at a time as the budget has room for, until all are done or it is
//! interrupted.

use std::collections::HashSet;
use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::budget::Cost;
use super::driver::Driver;
use super::outcome::outcome_of;
use super::plan::Plan;
use super::records;
use super::schedule;
use super::session::Session;
use super::settings::Settings;
use super::sink::{Events, now};
use muster_base::exit::Exit;
use muster_base::failure::Failure;
use muster_record::event::Event;
use muster_record::names::MACHINE_SUITE;
use muster_record::outstanding;
use muster_record::run::TestRecord;
use muster_record::shard::ShardRecord;
use muster_record::verdict;

/// What is reserved for work on an image that is no machine.
const LEAST: Cost = Cost { centicores: 1, memory_mib: 1 };

/// Makes an image ready (found, inspected, hashed) and gives the driver that boots it.
pub trait Images: Sync {
    /// The driver of one image.
    type Driver: Driver;

    /// Makes the image ready, or says why it cannot be used.
    fn prepare(&self, image: &str) -> impl Future<Output = Result<Self::Driver, Failure>> + Send;

    /// What a machine of the image takes, as far as it is known before it is ready.
    fn cost(&self, image: &str) -> Cost;

    /// Called after the image's last machine has ended: whether its source is still what it was.
    fn verify_unchanged(&self, image: &str) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Runs the plan and says how it ended, with the record of every test that ended. `interrupted`
/// resolves when the person wants it to end; machines are then killed by their guards, and tests that
/// were not reached stay errors.
pub async fn run<I: Images>(
    plan: &Plan,
    images: &I,
    settings: &Settings,
    events: &Events,
    interrupted: impl Future<Output = ()>,
) -> (Exit, Vec<TestRecord>) {
    let kept = &settings.kept;
    let (events, ended) = &events.keeping();
    let mut suites = kept.suites.clone();
    suites.extend(plan.suite_records());
    // Whoever goes on with this run takes it as whole from the plan on: what is kept must be there by then.
    for (image, record) in &kept.images {
        events.emit(Event::ImageReady { image: image.clone(), record: Box::new(record.clone()) });
    }
    events.emit(Event::Planned { suites, tests: plan.unreached(&settings.rerun), kept: kept.tests.clone() });
    let mut records = emitted(kept.tests.clone(), events);
    // An image begins in the plan's order, when a machine of each that has begun would fit next to one of it: each has a
    // machine most of the time, and a template.
    let begun = settings.budget.another();
    let one = async |image: &String| {
        let _room = begun.reserve(images.cost(image)).await;
        run_image(plan, image, images, settings, events).await
    };
    let whole = async {
        let mut running: FuturesUnordered<_> = plan.images.iter().map(one).collect();
        while let Some(of_one) = running.next().await {
            records.extend(of_one);
        }
    };
    let was_interrupted = tokio::select! {
        biased;
        () = interrupted => true,
        () = whole => false,
    };
    let shown_nothing = no_test_ran(plan, &records);
    // Of an image that was cut off nothing was returned, whatever ended on it before.
    if was_interrupted {
        records = ended.take();
    }
    let exit = match exit_of(plan, &records) {
        _ if was_interrupted => Exit::Error,
        // The others may have shown something: whoever merges them decides.
        Exit::Invalid
            if shown_nothing && settings.shard.as_ref().is_some_and(ShardRecord::has_others) && !settings.focused =>
        {
            Exit::Pass
        }
        // Whoever looks at a few tests only has not seen the image pass.
        Exit::Pass | Exit::Stale if settings.focused => {
            events.notice("the run was focused on some tests, so that it is no pass whatever they say");
            Exit::Invalid
        }
        exit => exit,
    };
    if shown_nothing && !was_interrupted && !settings.focused {
        events.notice(match &settings.shard {
            Some(shard) => shard.nothing_ran(),
            None => verdict::NO_TEST_RAN.to_owned(),
        });
    }
    if kept.whole || !settings.rerun.earlier.is_empty() {
        // What was not reached is as open as before.
        let key = |test: &TestRecord| (test.suite.clone(), test.test.clone(), test.image.clone());
        let ended: HashSet<_> = records.iter().map(key).collect();
        let unreached = plan.unreached(&settings.rerun).into_iter().filter(|test| !ended.contains(&key(test)));
        let all: Vec<TestRecord> = records.iter().cloned().chain(unreached).collect();
        outstanding::passed_now(&all).into_iter().for_each(|line| events.notice(line));
        if kept.whole {
            events.notice(outstanding::line(&all));
        }
    }
    events.emit(Event::RunFinished { at: now(), interrupted: was_interrupted, exit_code: exit as u8 });
    (exit, records)
}

async fn run_image<I: Images>(
    plan: &Plan,
    image: &str,
    images: &I,
    settings: &Settings,
    events: &Events,
) -> Vec<TestRecord> {
    if let Some(why) = settings.halt.reached() {
        let health = records::health_not_run(image, &settings.rerun, why.clone());
        return emitted(not_reached(plan, image, settings, health, &why), events);
    }
    // Whoever measures time has the host to itself: it waits for what reads and unpacks images too.
    let aside = settings.budget.reserve(LEAST).await;
    let driver = match images.prepare(image).await {
        Ok(driver) => driver,
        Err(failure) => return unusable(plan, image, settings, events, &failure),
    };
    drop(aside);
    let session = Session::new(&driver, image, settings, events.clone());
    let mut records = schedule::run_all(plan, &session).await;
    session.close().await;
    if let Err(failure) = images.verify_unchanged(image).await {
        session.blame(failure);
    }
    let health = session.finish().await;
    settings.halt.note(&health);
    records.push(health);
    records
}

/// The records of an image that no machine can be made of: one error, of the image's own test; the tests that did
/// not run for it say so and are none.
fn unusable(plan: &Plan, image: &str, settings: &Settings, events: &Events, failure: &Failure) -> Vec<TestRecord> {
    let mut health = records::known_health(image, &settings.rerun);
    health.failures.push(failure.clone());
    health.outcome = outcome_of(&health);
    settings.halt.note(&health);
    emitted(not_reached(plan, image, settings, health, &muster_record::names::no_machine(failure)), events)
}

/// The records of an image of which no test runs.
fn not_reached(plan: &Plan, image: &str, settings: &Settings, health: TestRecord, why: &Failure) -> Vec<TestRecord> {
    let tests = plan.groups_of(image).iter().flat_map(|group| &group.tests);
    let not_run = tests.map(|planned| records::not_run(planned, image, &settings.rerun, why.clone()));
    std::iter::once(health).chain(not_run).collect()
}

fn emitted(records: Vec<TestRecord>, events: &Events) -> Vec<TestRecord> {
    for record in &records {
        events.emit(Event::TestFinished { record: Box::new(record.clone()) });
    }
    records
}

/// What the outcomes make of the whole run. A definite miss outweighs everything, since it stays
/// true whatever else went wrong; a bad image outweighs infrastructure only when nothing else is
/// wrong; and a run in which nothing ran shows nothing.
pub fn exit_of(plan: &Plan, records: &[TestRecord]) -> Exit {
    if no_test_ran(plan, records) { Exit::Invalid } else { verdict::exit_of_records(records.iter()) }
}

/// Whether nothing is wrong, and nothing was shown: there were tests, in the plan or kept, and every one was skipped.
fn no_test_ran(plan: &Plan, records: &[TestRecord]) -> bool {
    let has_run = |record: &TestRecord| record.outcome.has_run() && record.suite != MACHINE_SUITE;
    verdict::exit_of_records(records.iter()) == Exit::Pass
        && (!plan.groups.is_empty() && !records.iter().any(has_run) || verdict::none_has_run(records.iter()))
}
