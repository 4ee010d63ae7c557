//! Events become a record. The fold never fails: whatever sequence arrives, in whatever order, the
//! record says what is known, and what is not known stands as an error and never as a pass.

use std::collections::{BTreeMap, HashMap};

use crate::awaited;
use crate::boot::BootRecord;
use crate::event::Event;
use crate::finding::{Finding, OnMachine};
use crate::last_seen::LastSeen;
use crate::names::{HEALTH_TEST, MACHINE_SUITE};
use crate::outcome::Outcome;
use crate::run::{MachineRecord, RunRecord, TestRecord};
use muster_base::failure::{self, Failure};
use muster_base::text::one_line;

/// The name of the record's schema.
pub const SCHEMA: &str = "run/v1";

/// How many console findings are kept; a guest that prints nothing else must not fill the disk.
const FINDINGS_LIMIT: usize = 1000;

/// How many products and how many kernels of an image are kept.
const PRODUCTS_LIMIT: usize = 1000;

/// How many failures of the machines of an image are kept as long as their test has not ended, which has all of them.
const MACHINE_FAILURES_LIMIT: usize = 1000;

/// Builds a [`RunRecord`] from events alone.
#[derive(Debug)]
pub struct Recorder {
    record: RunRecord,
    /// Where each (suite, test, image) stands in `record.tests`.
    positions: HashMap<(String, String, String), usize>,
    /// Which tests have ended.
    finished: Vec<bool>,
    /// What went wrong with the machines of each image so far.
    machine_failures: BTreeMap<String, Vec<Failure>>,
    /// Of each image, how the plan says that the run ended before the test of its machines.
    interrupted: BTreeMap<String, String>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// Before the first event: a record of nothing.
    pub fn new() -> Self {
        let record = RunRecord {
            schema: SCHEMA.into(),
            totals: Outcome::ALL.iter().map(|outcome| (outcome.name().to_owned(), 0)).collect(),
            ..RunRecord::default()
        };
        Self {
            record,
            positions: HashMap::new(),
            finished: Vec::new(),
            machine_failures: BTreeMap::new(),
            interrupted: BTreeMap::new(),
        }
    }

    /// The record of a whole sequence.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> RunRecord {
        let mut recorder = Self::new();
        for event in events {
            recorder.apply(event);
        }
        recorder.record
    }

    /// Takes one event in.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::RunStarted { id, muster, binary, at, arguments, earlier, shard, files } => {
                self.run_started(id, muster, at, arguments);
                self.record.binary.clone_from(binary);
                self.record.earlier.clone_from(earlier);
                self.record.shard.clone_from(shard);
                self.record.files.clone_from(files);
            }
            Event::Planned { suites, tests, kept } => {
                self.record.suites.extend(suites.iter().map(|(name, suite)| (name.clone(), suite.clone())));
                for test in tests {
                    self.plan(test);
                }
                kept.iter().for_each(|test| self.finish(test.clone()));
            }
            Event::Notice { text } => self.notice(text.clone()),
            Event::AcceleratorChosen { accelerator } => {
                self.record.accelerator = accelerator.clone();
                clamp(&mut self.record.accelerator.deadline_scale);
            }
            Event::ImageReady { image, record } => {
                let entry = self.record.images.entry(image.clone()).or_default();
                let facts = record.facts.clone().or_else(|| entry.facts.take());
                let products = std::mem::take(&mut entry.products);
                let kernels = std::mem::take(&mut entry.kernels);
                *entry = (**record).clone();
                if entry.kernels.is_empty() {
                    entry.kernels = kernels;
                }
                entry.facts = facts;
                if entry.products.is_empty() {
                    entry.products = products;
                }
            }
            Event::MachineStarting { machine, image, cloned_from, at, .. } => {
                let entry = self.machine(machine);
                entry.image.clone_from(image);
                entry.started.clone_from(at);
                entry.cloned_from.clone_from(cloned_from);
                self.say_what_is_awaited(machine);
            }
            Event::Booting { machine, line } => self.seen(machine, LastSeen::Booting { line: one_line(line, 200) }),
            Event::LoginRefused { machine, user, times } => {
                self.seen(machine, LastSeen::LoginRefused { user: one_line(user, 40), times: *times });
            }
            Event::MachineReady { machine, boot_seconds, boot, facts } => {
                let mut seconds = *boot_seconds;
                clamp(&mut seconds);
                let entry = self.machine(machine);
                entry.boot_seconds = Some(seconds);
                entry.boot = boot.clone().map(BootRecord::clamped);
                entry.last_seen = None;
                let image = entry.image.clone();
                self.say_what_is_awaited_of(&image);
                if let Some(facts) = facts
                    && !image.is_empty()
                {
                    self.record.images.entry(image).or_default().facts.get_or_insert_with(|| (**facts).clone());
                }
            }
            Event::ProductsInstalled { machine, products } => {
                let image = self.machine(machine).image.clone();
                if !image.is_empty() {
                    let entry = self.record.images.entry(image).or_default();
                    for product in products {
                        if !entry.products.contains(product) && entry.products.len() < PRODUCTS_LIMIT {
                            entry.products.push(product.clone());
                        }
                    }
                }
            }
            Event::KernelBooted { machine, kernel } => {
                let image = self.machine(machine).image.clone();
                if !image.is_empty() {
                    let known = &mut self.record.images.entry(image).or_default().kernels;
                    if !known.contains(kernel) && known.len() < PRODUCTS_LIMIT {
                        known.push(kernel.clone());
                    }
                }
            }
            Event::ConsoleFinding(found) => {
                if self.record.findings.len() < FINDINGS_LIMIT {
                    let line = one_line(&found.finding.line, 400);
                    let finding = Finding { line, ..found.finding.without_excerpt() };
                    self.record.findings.push(OnMachine { machine: found.machine.clone(), finding });
                } else {
                    self.notice(format!(
                        "more than {FINDINGS_LIMIT} console findings; only the first {FINDINGS_LIMIT} are recorded"
                    ));
                }
            }
            Event::MachineFailure { image, failure } => self.machine_failed(image, failure),
            Event::MachineEnded { record } => {
                let entry = self.machine(&record.id);
                let (image, boot_seconds) = (std::mem::take(&mut entry.image), entry.boot_seconds);
                let boot = entry.boot.take();
                let started = entry.started.take();
                let last_seen = entry.last_seen.take();
                *entry = record.clone();
                entry.last_seen = last_seen.or(entry.last_seen.take());
                entry.started = started.or(entry.started.take());
                if entry.image.is_empty() {
                    entry.image = image;
                }
                entry.boot_seconds = entry.boot_seconds.or(boot_seconds);
                entry.boot_seconds.iter_mut().for_each(clamp);
                entry.boot = entry.boot.take().map(BootRecord::clamped).or(boot);
                self.say_what_is_awaited(&record.id);
            }
            Event::TestStarted { suite, test, image, machine } => {
                let key = (suite.clone(), test.clone(), image.clone());
                if let Some(&position) = self.positions.get(&key)
                    && !self.finished[position]
                {
                    self.record.tests[position].machine = Some(machine.clone());
                }
            }
            Event::TestFinished { record } => {
                self.finish((**record).clone());
            }
            Event::RunFinished { at, interrupted, exit_code } => {
                self.record.finished = Some(at.clone());
                self.record.interrupted = *interrupted;
                self.record.exit_code = Some(*exit_code);
            }
        }
    }

    /// The record as it stands now.
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// The record as it stood last.
    pub fn into_record(self) -> RunRecord {
        self.record
    }

    fn run_started(&mut self, id: &str, muster: &str, at: &str, arguments: &[String]) {
        self.record.id = id.to_owned();
        self.record.muster = muster.to_owned();
        self.record.started = at.to_owned();
        self.record.arguments = arguments.to_vec();
    }

    /// A planned test stands as an error until it has ended. A plan that says otherwise is not
    /// believed, and one that comes late does not undo what has ended.
    fn plan(&mut self, planned: &TestRecord) {
        let position = self.position(planned);
        if self.finished[position] {
            return;
        }
        let mut record = planned.clone();
        clamp(&mut record.seconds);
        if record.outcome != Outcome::Error {
            record.outcome = Outcome::Error;
            record.failures.clear();
            record.skipped = None;
        }
        if record.failures.is_empty() {
            record.failures =
                vec![Failure::new(failure::RUN_INTERRUPTED, "the run ended before this test did").at(&record.location)];
        }
        if record.is_health() {
            for failure in self.machine_failures.get(&record.image).into_iter().flatten() {
                found_before_the_end(&mut record.failures, failure);
            }
            let end = record.failures.iter().find(|known| known.id == failure::RUN_INTERRUPTED);
            self.interrupted.extend(end.map(|end| (record.image.clone(), end.message.clone())));
        }
        let image = record.is_health().then(|| record.image.clone());
        self.put(position, record);
        if let Some(image) = image {
            self.say_what_is_awaited_of(&image);
        }
    }

    /// What a machine is seen to do before its first answer.
    fn seen(&mut self, machine: &str, seen: LastSeen) {
        let entry = self.machine(machine);
        if entry.boot_seconds.is_some() {
            return;
        }
        entry.last_seen = Some(match entry.last_seen.take() {
            Some(before) => before.then(seen),
            None => seen,
        });
        self.say_what_is_awaited(machine);
    }

    fn say_what_is_awaited(&mut self, machine: &str) {
        let image = self.machine(machine).image.clone();
        self.say_what_is_awaited_of(&image);
    }

    /// If the run ended now, the test of the image's machines would be the one that says which of them it waited for in vain:
    /// no other event does.
    fn say_what_is_awaited_of(&mut self, image: &str) {
        let Some(planned) = self.interrupted.get(image) else { return };
        let key = (MACHINE_SUITE.to_owned(), HEALTH_TEST.to_owned(), image.to_owned());
        let Some(&position) = self.positions.get(&key).filter(|position| !self.finished[**position]) else { return };
        let message = match awaited::sentence(&self.record.machines, image) {
            Some(seen) => format!("{planned}: {seen}"),
            None => planned.clone(),
        };
        let failures = &mut self.record.tests[position].failures;
        if let Some(end) = failures.iter_mut().find(|known| known.id == failure::RUN_INTERRUPTED) {
            end.message = message;
        }
    }

    /// What went wrong with an image's machines is a failure of its own test from then on. That stays an error: it has not ended.
    fn machine_failed(&mut self, image: &str, failure: &Failure) {
        let known = self.machine_failures.entry(image.to_owned()).or_default();
        if known.contains(failure) || known.len() >= MACHINE_FAILURES_LIMIT {
            return;
        }
        known.push(failure.clone());
        let key = (MACHINE_SUITE.to_owned(), HEALTH_TEST.to_owned(), image.to_owned());
        if let Some(&position) = self.positions.get(&key)
            && !self.finished[position]
        {
            found_before_the_end(&mut self.record.tests[position].failures, failure);
        }
    }

    fn finish(&mut self, mut record: TestRecord) {
        clamp(&mut record.seconds);
        let position = self.position(&record);
        self.put(position, record);
        self.finished[position] = true;
    }

    /// Where a test stands; a new position, holding nothing yet, when it was never planned.
    fn position(&mut self, test: &TestRecord) -> usize {
        let key = (test.suite.clone(), test.test.clone(), test.image.clone());
        if let Some(&position) = self.positions.get(&key) {
            return position;
        }
        let position = self.record.tests.len();
        self.positions.insert(key, position);
        self.finished.push(false);
        self.record.tests.push(test.clone());
        count(&mut self.record.totals, test.outcome, true);
        position
    }

    fn put(&mut self, position: usize, record: TestRecord) {
        count(&mut self.record.totals, self.record.tests[position].outcome, false);
        count(&mut self.record.totals, record.outcome, true);
        self.record.tests[position] = record;
    }

    fn machine(&mut self, id: &str) -> &mut MachineRecord {
        let machines = &mut self.record.machines;
        let position = machines.iter().position(|machine| machine.id == id).unwrap_or_else(|| {
            machines.push(MachineRecord { id: id.to_owned(), ..MachineRecord::default() });
            machines.len() - 1
        });
        &mut machines[position]
    }

    fn notice(&mut self, text: String) {
        if !self.record.notices.contains(&text) {
            self.record.notices.push(text);
        }
    }
}

/// Adds a failure, once, in front of the one that says that the run ended before the test.
fn found_before_the_end(failures: &mut Vec<Failure>, failure: &Failure) {
    if !failures.contains(failure) {
        let end = failures.iter().position(|known| known.id == failure::RUN_INTERRUPTED).unwrap_or(failures.len());
        failures.insert(end, failure.clone());
    }
}

fn count(totals: &mut BTreeMap<String, u32>, outcome: Outcome, up: bool) {
    let total = totals.entry(outcome.name().to_owned()).or_default();
    *total = if up { total.saturating_add(1) } else { total.saturating_sub(1) };
}

/// Durations are finite and not negative in every report; JSON could not say anything else.
fn clamp(seconds: &mut f64) {
    if !seconds.is_finite() || *seconds < 0.0 {
        *seconds = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_whole_run_adds_up() {
        let record = Recorder::fold(&sample::events());
        assert_eq!(record.schema, "run/v1");
        for outcome in Outcome::ALL {
            let counted = record.tests.iter().filter(|test| test.outcome == outcome).count();
            assert_eq!(record.totals[outcome.name()] as usize, counted, "{outcome:?}");
        }
        assert_eq!(record.totals.values().sum::<u32>() as usize, record.tests.len());
        assert_eq!(record.images["lab"].facts.as_ref().unwrap().kernel, "6.12.0-lab");
        assert_eq!(record.images["lab"].sha256, "ab".repeat(32));
        assert_eq!(record.exit_code, Some(1));
    }

    #[test]
    fn every_prefix_is_complete_and_never_greener_than_what_has_ended() {
        let events = sample::events();
        for end in 0..=events.len() {
            let record = Recorder::fold(&events[..end]);
            let finished = events[..end].iter().filter(|e| matches!(e, Event::TestFinished { .. })).count() as u32;
            let planned = events[..end].iter().any(|e| matches!(e, Event::Planned { .. }));
            assert_eq!(record.totals.values().sum::<u32>() as usize, record.tests.len());
            assert!(record.totals["pass"] + record.totals["flaky"] + record.totals["known"] <= finished);
            assert!(!planned || record.tests.len() == sample::TESTS);
        }
    }

    #[test]
    fn any_order_is_survived() {
        let mut events = sample::events();
        events.reverse();
        let record = Recorder::fold(&events);
        assert_eq!(record.tests.len(), sample::TESTS);
        assert_eq!(record.totals, Recorder::fold(&sample::events()).totals);
        let twice: Vec<_> = sample::events().into_iter().chain(sample::events()).collect();
        assert_eq!(Recorder::fold(&twice).totals, record.totals);
    }

    #[test]
    fn what_was_found_about_machines_stands_in_the_record_of_a_run_that_is_killed() {
        let planned =
            TestRecord { suite: MACHINE_SUITE.into(), test: HEALTH_TEST.into(), ..sample::test("", "", Outcome::Pass) };
        let image = planned.image.clone();
        let plan = Event::Planned { suites: BTreeMap::new(), tests: vec![planned.clone()], kept: Vec::new() };
        let found = |message: &str| Failure::new(failure::BASE_FAILED_UNITS, message);
        let failed = |message: &str| Event::MachineFailure { image: image.clone(), failure: found(message) };
        let other = Event::MachineFailure { image: "other".into(), failure: found("c") };
        let killed = [plan.clone(), failed("a"), failed("b"), failed("a"), other];
        let messages = |events: &[Event]| -> Vec<String> {
            let record = Recorder::fold(events);
            assert_eq!((record.tests.len(), record.totals["error"]), (1, 1));
            assert_eq!(crate::outstanding::unfinished(&record.tests), [true], "it runs again");
            record.tests[0].failures.iter().map(|failure| failure.message.clone()).collect()
        };
        let expected = ["a", "b", "the run ended before this test did"];
        assert_eq!(messages(&killed), expected);
        // Whichever of them a reader has first.
        assert_eq!(messages(&[failed("a"), failed("b"), plan]), expected);
        // The end of the test says it all, once.
        let ended = TestRecord { outcome: Outcome::Fail, failures: vec![found("a"), found("b")], ..planned };
        let mut whole = killed.to_vec();
        whole.push(Event::TestFinished { record: Box::new(ended.clone()) });
        whole.push(failed("late"));
        assert_eq!(Recorder::fold(&whole).tests, [ended]);
    }

    #[test]
    fn a_plan_that_claims_a_pass_is_not_believed() {
        let mut test = sample::test("base", "claims", Outcome::Pass);
        test.seconds = f64::NAN;
        let record = Recorder::fold(&[Event::Planned { suites: BTreeMap::new(), tests: vec![test], kept: Vec::new() }]);
        assert_eq!(record.tests[0].outcome, Outcome::Error);
        assert_eq!(record.tests[0].failures[0].id, failure::RUN_INTERRUPTED);
        assert_eq!(record.tests[0].seconds, 0.0);
        assert_eq!(record.totals["error"], 1);
        assert_eq!(record.totals["pass"], 0);
    }
}
