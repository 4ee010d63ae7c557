//! One image under test: keeps its machines alive, asks one test at a time, and remembers how each
//! ended so that what needs it can be skipped. Front ends differ only in who calls [`Session::ask`].

use std::collections::BTreeMap;
use std::time::Instant;

use super::ask::{self, Answer, Settings};
use super::driver::{BootFailure, ConsoleHit, Driver, Live, Stop, Weight};
use super::event::Event;
use super::outcome::Outcome;
use super::plan::{self, Group, Planned};
use super::record::{MachineRecord, TestRecord};
use super::sink::{Events, now};
use crate::check::Observations;
use crate::failure::{self, Class, Failure, FailureId};
use crate::suite::condition::Truth;
use crate::suite::model::{BaseCheck, GuestMode, When};

/// How many machines of an image may be lost before the rest of its tests are given up: enough for
/// a few tests that wreck their machine, few enough that a broken host does not boot all night.
const MACHINES_TO_LOSE: u32 = 8;

/// One image under test.
pub struct Session<'d, D: Driver> {
    driver: &'d D,
    image: String,
    settings: &'d Settings,
    events: Events,
    machine: Option<Slot<D::Live>>,
    machines_started: u32,
    machines_lost: u32,
    /// Set when no machine of this image will come up any more.
    hopeless: Option<Failure>,
    outcomes: BTreeMap<(String, String), Outcome>,
    health: Health,
}

/// A machine in use and what was already done on it.
struct Slot<L> {
    id: String,
    live: L,
    base: Observations,
    setups: BTreeMap<String, Result<(), Failure>>,
    a_test_failed: bool,
}

/// What the machines of this image did outside tests.
#[derive(Default)]
struct Health {
    started: Option<(String, Instant)>,
    failures: Vec<Failure>,
    remarks: Vec<String>,
    boots: u32,
}

impl<'d, D: Driver> Session<'d, D> {
    /// A session on an image. Nothing is booted before it is needed.
    pub fn new(driver: &'d D, image: &str, settings: &'d Settings, events: Events) -> Self {
        Self {
            driver,
            image: image.to_owned(),
            settings,
            events,
            machine: None,
            machines_started: 0,
            machines_lost: 0,
            hopeless: None,
            outcomes: BTreeMap::new(),
            health: Health::default(),
        }
    }

    /// Asks all tests of a group, on one machine as long as it lives, and ends the machine.
    pub async fn ask_group(&mut self, group: &Group) -> Vec<TestRecord> {
        let mut records = Vec::with_capacity(group.tests.len());
        for planned in &group.tests {
            records.push(self.ask(planned).await);
        }
        self.end_machine().await;
        records
    }

    /// Boots a machine for its own sake: for a run that asks only for the machine's health.
    pub async fn boot_only(&mut self) {
        // The failure, if any, has been noted in the health already.
        let _ = self.machine().await;
        self.end_machine().await;
    }

    /// Asks one test: on the machine in use, or on a new one. Always says how it ended.
    pub async fn ask(&mut self, planned: &Planned) -> TestRecord {
        let mut record = plan::unreached(planned, &self.image, &self.settings.rerun);
        record.failures.clear();
        // The boot is not the test's time; a boot that fails is told by the answer.
        if self.unmet(planned).is_none() {
            let _ = self.machine().await;
        }
        let started = Instant::now();
        record.started = Some(now());
        let answer = self.answer(planned, &mut record).await;
        record.seconds = started.elapsed().as_secs_f64();
        record.assertions = answer.assertions;
        record.failures = answer.failures;
        record.remarks = answer.remarks;
        record.skipped = answer.skipped;
        record.outcome = outcome_of(&record);
        self.outcomes.insert((record.suite.clone(), record.test.clone()), record.outcome);
        self.events.emit(Event::TestFinished { record: Box::new(record.clone()) });
        record
    }

    /// The first need of a test that was not met, and how.
    fn unmet(&self, planned: &Planned) -> Option<Failure> {
        planned.test().needs.iter().find_map(|need| match self.outcome(&planned.suite.name, need) {
            Some(Outcome::Pass | Outcome::Flaky) => None,
            other => Some(unmet_need(need, other)),
        })
    }

    /// How a test of this session ended, when it was asked already.
    pub fn outcome(&self, suite: &str, test: &str) -> Option<Outcome> {
        self.outcomes.get(&(suite.to_owned(), test.to_owned())).copied()
    }

    /// Asks one test for a front end that names tests one at a time: first what it needs and was not
    /// asked yet, and on a machine of its own when its group has one.
    pub async fn ask_with_needs(&mut self, group: &Group, planned: &Planned) -> TestRecord {
        let fresh = group.mode == GuestMode::Fresh;
        if fresh {
            self.end_machine().await;
        }
        for earlier in &group.tests {
            if earlier.test().id == planned.test().id && earlier.suite.name == planned.suite.name {
                break;
            }
            let wanted = earlier.suite.name == planned.suite.name && needs(planned, &earlier.test().id);
            if wanted && (fresh || self.outcome(&earlier.suite.name, &earlier.test().id).is_none()) {
                self.ask(earlier).await;
            }
        }
        let record = self.ask(planned).await;
        if fresh {
            self.end_machine().await;
        }
        record
    }

    /// Whether any machine was started in this session.
    pub fn has_booted(&self) -> bool {
        self.machines_started > 0
    }

    async fn answer(&mut self, planned: &Planned, record: &mut TestRecord) -> Answer {
        let test = planned.test();
        if let Some(reason) = self.unmet(planned) {
            return Answer::skipped(reason);
        }
        let slot = match self.machine().await {
            Ok(slot) => slot,
            Err(failure) => return Answer::failed(failure),
        };
        record.machine = Some(slot.id.clone());
        let image = self.image.clone();
        let events = self.events.clone();
        let settings = self.settings;
        let Some(slot) = self.machine.as_mut() else {
            return Answer::failed(Failure::new(failure::INTERNAL, "the machine vanished between two steps"));
        };
        let facts = slot.live.facts();
        for (when, id, what) in
            [(&planned.suite.images, failure::SKIP_IMAGE, "the suite"), (&test.when, failure::SKIP_WHEN, "the test")]
        {
            let Some(when) = when else { continue };
            match reason_to_skip(when, what, &image, settings, facts) {
                Ok(None) => {}
                Ok(Some(reason)) => return Answer::skipped(Failure::new(id, reason)),
                Err(failure) => return Answer::failed(failure),
            }
        }
        events.emit(Event::TestStarted {
            suite: planned.suite.name.clone(),
            test: test.id.clone(),
            image: image.clone(),
            machine: slot.id.clone(),
        });
        let setup = match slot.setups.get(&planned.suite.name) {
            Some(done) => done.clone(),
            None => {
                let done = ask::setup(&slot.live, &planned.suite).await;
                slot.setups.insert(planned.suite.name.clone(), done.clone());
                done
            }
        };
        if let Err(failure) = setup {
            return Answer::failed(failure);
        }
        let mut answer = ask::ask(&slot.live, planned, &image, settings, &slot.base).await;
        if let Some(base) = answer.base_after.take() {
            slot.base = base;
        }
        for hit in slot.live.findings() {
            note_hit(&mut answer.failures, &mut answer.remarks, &slot.id, hit, &events, &planned.suite.base_checks);
        }
        slot.a_test_failed |= !answer.failures.is_empty();
        if answer.machine_lost {
            self.lose_machine().await;
        }
        answer
    }

    /// The machine in use, or a new one.
    async fn machine(&mut self) -> Result<&mut Slot<D::Live>, Failure> {
        if self.machine.is_none() {
            if let Some(failure) = &self.hopeless {
                return Err(failure.clone());
            }
            let slot = self.boot().await.inspect_err(|failure| self.hopeless = Some(failure.clone()))?;
            self.machine = Some(slot);
        }
        self.machine.as_mut().ok_or_else(|| Failure::new(failure::INTERNAL, "no machine after its boot"))
    }

    async fn boot(&mut self) -> Result<Slot<D::Live>, Failure> {
        self.machines_started += 1;
        let id = format!("{}-{}", safe(&self.image), self.machines_started);
        self.health.started.get_or_insert_with(|| (now(), Instant::now()));
        self.events.emit(Event::MachineStarting {
            machine: id.clone(),
            image: self.image.clone(),
            deadline_seconds: self.driver.boot_deadline().as_secs_f64(),
        });
        match self.driver.boot(&id).await {
            Ok(mut live) => {
                self.health.boots += 1;
                let record = live.record();
                self.events.emit(Event::MachineReady {
                    machine: id.clone(),
                    boot_seconds: record.boot_seconds.unwrap_or_default(),
                    facts: Box::new(live.facts().clone()),
                });
                let hits = live.findings();
                self.note_health(&id, hits);
                match ask::base_after_boot(&live).await {
                    Ok((base, findings, blind)) => {
                        for mut failure in findings {
                            failure.message = format!("after the boot of {id}: {}", failure.message);
                            self.health.failures.push(failure);
                        }
                        for remark in blind {
                            if !self.health.remarks.contains(&remark) {
                                self.health.remarks.push(remark);
                            }
                        }
                        Ok(Slot { id, live, base, setups: BTreeMap::new(), a_test_failed: false })
                    }
                    Err(failure) => {
                        let (record, hits) = live.stop(Stop::Kill).await;
                        self.note_health(&id, hits);
                        self.health.failures.push(failure.clone());
                        self.events.emit(Event::MachineEnded { record });
                        Err(failure)
                    }
                }
            }
            Err(BootFailure { failure, findings, record }) => {
                // First the reason, so that the finding that is the reason is not told twice.
                self.health.failures.push(failure.clone());
                self.note_health(&id, findings);
                self.events.emit(Event::MachineEnded { record });
                Err(failure)
            }
        }
    }

    fn note_health(&mut self, machine: &str, hits: Vec<ConsoleHit>) {
        for hit in hits {
            let none = BTreeMap::new();
            let Health { failures, remarks, .. } = &mut self.health;
            note_hit(failures, remarks, machine, hit, &self.events, &none);
        }
    }

    /// Ends the machine in use, if there is one.
    pub async fn end_machine(&mut self) {
        if let Some(slot) = self.machine.take() {
            let how = if slot.a_test_failed { Stop::WithEvidence } else { Stop::Orderly };
            self.stop(slot, how).await;
        }
    }

    async fn stop(&mut self, slot: Slot<D::Live>, how: Stop) {
        let (record, hits) = slot.live.stop(how).await;
        self.note_health(&slot.id, hits);
        self.events.emit(Event::MachineEnded { record });
    }

    async fn lose_machine(&mut self) {
        if let Some(slot) = self.machine.take() {
            self.stop(slot, Stop::Kill).await;
        }
        self.machines_lost += 1;
        if self.machines_lost >= MACHINES_TO_LOSE {
            let text =
                format!("{} machines of this image were lost; the rest of its tests were given up", self.machines_lost);
            self.hopeless = Some(Failure::new(failure::MACHINE_EXITED, text));
        }
    }

    /// Notes something that speaks against the image's machines as a whole.
    pub fn blame(&mut self, failure: Failure) {
        self.health.failures.push(failure);
    }

    /// Ends the session and says how the machines themselves did.
    pub async fn finish(mut self) -> TestRecord {
        self.end_machine().await;
        let mut record = plan::unreached_health(&self.image, &self.settings.rerun);
        record.failures = std::mem::take(&mut self.health.failures);
        record.remarks = std::mem::take(&mut self.health.remarks);
        record.assertions = self.health.boots;
        match self.health.started.take() {
            Some((at, instant)) => {
                record.started = Some(at);
                record.seconds = instant.elapsed().as_secs_f64();
            }
            None => {
                record.skipped = Some(Failure::new(failure::SKIP_NEED, "no machine of this image was needed"));
            }
        }
        record.outcome = outcome_of(&record);
        self.events.emit(Event::TestFinished { record: Box::new(record.clone()) });
        record
    }
}

/// Whether a test needs another of its suite, directly or through others.
fn needs(planned: &Planned, id: &str) -> bool {
    let mut open = vec![planned.test()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(test) = open.pop() {
        if test.needs.iter().any(|need| need == id) {
            return true;
        }
        let more = planned.suite.tests.iter().filter(|other| test.needs.contains(&other.id));
        open.extend(more.filter(|other| seen.insert(other.id.as_str())));
    }
    false
}

/// What a record's failures make of it: a miss outweighs a question that could not be answered,
/// since it is known to be true.
fn outcome_of(record: &TestRecord) -> Outcome {
    let classes: Vec<Class> = record.failures.iter().map(|failure| failure::class(&failure.id)).collect();
    if classes.contains(&Class::Fail) {
        Outcome::Fail
    } else if !classes.is_empty() {
        Outcome::Error
    } else if record.skipped.is_some() {
        Outcome::Skip
    } else {
        Outcome::Pass
    }
}

fn unmet_need(need: &str, outcome: Option<Outcome>) -> Failure {
    let how = match outcome {
        Some(Outcome::Skip) => "was skipped",
        Some(Outcome::Fail) => "failed",
        Some(_) => "ended in an error",
        None => "was not asked",
    };
    Failure::new(failure::SKIP_NEED, format!("needs `{need}`, which {how}"))
}

fn reason_to_skip(
    when: &When,
    what: &str,
    image: &str,
    settings: &Settings,
    facts: &crate::guest::facts::Facts,
) -> Result<Option<String>, Failure> {
    let lookup = |name: &str| match name {
        "image" => Some(vec![image.to_owned()]),
        "accelerator" => Some(vec![settings.accelerator.clone()]),
        // The guest has been asked: what it does not have is absent, not unknown.
        other => Some(facts.dimension(other).unwrap_or_default()),
    };
    match crate::suite::condition::evaluate(&when.condition, &lookup) {
        Truth::True => Ok(None),
        Truth::False { why } => {
            let because = when.because.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
            Ok(Some(format!("{what} is asked when {}: {why}{because}", when.condition)))
        }
        // Neither asked nor skipped: a gate must not open because a fact is missing.
        Truth::Unknown { dimension } => {
            let text = format!("cannot tell whether {what} is to be asked: `{dimension}` is not known here");
            Err(Failure::new(failure::PROBE_FAILED, text).at(&when.location))
        }
    }
}

/// The suite's base-check word for a console category, when one covers it.
fn base_name(category: &str) -> Option<&'static str> {
    match category {
        "avc" => Some("avc"),
        "oom" => Some("oom"),
        "segfault" | "coredump" => Some("coredump"),
        "oops"
        | "bug"
        | "warning"
        | "page-fault"
        | "general-protection-fault"
        | "atomic-sleep"
        | "bad-page"
        | "list-corruption"
        | "slab-corruption"
        | "stack-corruption"
        | "refcount"
        | "usercopy" => Some("oops"),
        "kernel-panic" => Some("crash"),
        _ => None,
    }
}

fn note_hit(
    failures: &mut Vec<Failure>,
    remarks: &mut Vec<String>,
    machine: &str,
    hit: ConsoleHit,
    events: &Events,
    base_checks: &BTreeMap<String, BaseCheck>,
) {
    events.emit(Event::ConsoleFinding {
        machine: machine.to_owned(),
        category: hit.category.clone(),
        fatal: hit.weight == Weight::Fatal,
        line: hit.line.clone(),
        line_number: hit.line_number,
    });
    let treatment = base_name(&hit.category).and_then(|name| base_checks.get(name)).copied().unwrap_or(BaseCheck::Fail);
    let text = format!("console of {machine}, line {}: {}", hit.line_number, hit.line);
    if hit.weight == Weight::Info || treatment != BaseCheck::Fail {
        if treatment != BaseCheck::Off {
            remarks.push(format!("{}: {text}", hit.category));
        }
        return;
    }
    let id = FailureId::of_console(&hit.category);
    // A machine's death by this very line was already told as the reason that it died.
    if failures.iter().any(|failure| failure.id == id) {
        return;
    }
    failures.push(Failure::new(id, text).with_detail(hit.excerpt));
}

/// A name that is safe as a folder below `machines/`.
pub fn safe(name: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    base.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).take(60).collect()
}

/// What a machine that never started leaves.
pub fn no_machine(id: &str, image: &str, end: &str) -> MachineRecord {
    MachineRecord { id: id.to_owned(), image: image.to_owned(), boot_seconds: None, end: Some(end.to_owned()) }
}
