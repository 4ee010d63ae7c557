//! One machine at a time, and the tests that run on it, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::ahead::{self, Read};
use super::attempt::Attempt;
use super::capture;
use super::driver::{Driver, Live, Stop};
use super::gate;
use super::lease::Lease;
use super::no_network;
use super::outcome::outcome_of;
use super::plan::{Group, Isolation, Planned};
use super::records;
use super::run_test::run_test;
use super::session::Session;
use super::session::clones::MachineSource;
use super::sink::now;
use super::suite_steps;
use super::together::{self, Others};
use super::treatment::note_findings;
use muster_base::failure::{self, Failure};
use muster_record::event::Event;
use muster_record::facts::Facts;
use muster_record::met;
use muster_record::outcome::Outcome;
use muster_record::run::{AttemptRecord, TestRecord};
use muster_suite::model::GuestMode;

/// After so many readings ahead that could not be used, no more are made on a machine: something moves there all the time.
const USELESS: u32 = 3;

/// Runs tests on machines from one source. A machine that a test wrecks is replaced by the next.
pub struct Worker<'s, 'd, D: Driver> {
    session: &'s Session<'d, D>,
    source: MachineSource,
    lease: Option<Lease<D::Live>>,
    /// The machines after it, of a test that has several.
    others: Others<D::Live>,
    /// Whether the guest is asked to power off at the end. Of all clones only the shared one is, so
    /// that how the image shuts down is seen once.
    orderly: bool,
    /// What the last machine was, which may be gone by the time that matters.
    facts: Option<Facts>,
    /// The suites whose setup has cost a machine, and how: each costs this lane one, not one for every test.
    lost_setups: BTreeMap<String, Failure>,
}

impl<'d, D: Driver> Session<'d, D> {
    /// A lane with machines of this source.
    pub fn worker(&self, source: MachineSource) -> Worker<'_, 'd, D> {
        Worker {
            session: self,
            source,
            lease: None,
            others: Others::default(),
            orderly: source == MachineSource::Boot,
            facts: None,
            lost_setups: BTreeMap::new(),
        }
    }
}

impl<D: Driver> Worker<'_, '_, D> {
    /// Runs all tests of a group, on one machine as long as it lives.
    pub(crate) async fn run_group(&mut self, group: &Group) -> Vec<TestRecord> {
        self.orderly |= group.isolation == Isolation::Shared;
        let mut records = Vec::with_capacity(group.tests.len());
        let mut looked_until = 0;
        for (at, planned) in group.tests.iter().enumerate() {
            if at >= looked_until {
                looked_until = at + self.look_ahead(&group.tests[at..]).await;
            }
            records.push(self.run(planned).await);
            if !group.tests[at + 1..].iter().any(|later| later.suite.name == planned.suite.name) {
                self.tear_down(&planned.suite.name).await;
            }
        }
        records
    }

    /// Reads what the next tests expect, when several of them only look. How many of the tests need not be looked at again for
    /// that.
    async fn look_ahead(&mut self, tests: &[Planned]) -> usize {
        let usable = |lease: &Lease<D::Live>| lease.ahead.is_empty() && lease.useless < USELESS;
        if !self.session.settings.proofs.is_empty() || self.session.settings.halt.reached().is_some() {
            return 0;
        }
        // The machine that the first test is about to get. One that cannot be had is reported by that test.
        if let [first, _, ..] = tests
            && self.unmet(first).is_none()
            && self.machine().await.is_err()
        {
            return 0;
        }
        if !self.lease.as_ref().is_some_and(usable) {
            return 0;
        }
        let mut at = Vec::new();
        let mut next = Vec::new();
        for (index, planned) in tests.iter().enumerate() {
            match self.turn(planned) {
                Turn::Looks(planned) => {
                    at.push(index);
                    next.push(planned);
                }
                Turn::Skipped => {}
                Turn::Other => break,
            }
            // Each has a reading at least.
            if next.len() == ahead::MOST_READINGS {
                break;
            }
        }
        let Some(lease) = self.lease.as_mut() else { return 0 };
        let (count, read) = ahead::read(&lease.live, &next, &lease.base).await;
        match read {
            Read::Quiet { ahead, base } => (lease.ahead, lease.base) = (ahead, base),
            Read::Unusable { why } => {
                lease.useless += u32::from(count > 0);
                lease.moved = why;
            }
        }
        count.checked_sub(1).and_then(|last| at.get(last)).map_or(0, |last| last + 1)
    }

    /// What a test will be on the machine in use, as far as that is known before it runs.
    fn turn(&self, planned: &Planned) -> Turn {
        let session = self.session;
        let Some(lease) = self.lease.as_ref() else { return Turn::Other };
        let (test, suite) = (planned.test(), &planned.suite.name);
        if test.needs.iter().any(|need| session.outcome(suite, need).is_none()) {
            return Turn::Other;
        }
        let facts = lease.live.facts();
        let lookup = |name: &str| gate::dimension(name, &session.image, session.settings, facts);
        let skipped = match gate::skip(planned, &session.image, session.settings, facts) {
            Ok(reason) => reason.is_some(),
            Err(_) => return Turn::Other,
        };
        if skipped
            || self.unmet(planned).is_some()
            || lease.live.refusal(planned).is_some()
            || session.settings.known.skip(suite, &test.id, &lookup).is_some()
        {
            return Turn::Skipped;
        }
        match planned.adjusted(&lookup) {
            Ok((adjusted, _)) if ahead::is_only_looking(&adjusted) && !planned.wants_login() => Turn::Looks(adjusted),
            _ => Turn::Other,
        }
    }

    /// Runs one test: on the machine in use, or on a new one, and again after a failure when the test
    /// wishes that. Always says how it ended.
    pub async fn run(&mut self, planned: &Planned) -> TestRecord {
        if let Some(why) = self.session.settings.halt.reached() {
            return self.session.not_run(planned, why);
        }
        let mut attempts = Vec::new();
        let mut record = loop {
            let record = self.attempt(planned, attempts.is_empty()).await;
            if attempts.len() as u32 >= planned.test().retry || !self.may_run_again(planned, &record) {
                break record;
            }
            let TestRecord { machine, machines, started, seconds, failures, .. } = record;
            attempts.push(AttemptRecord { machine, machines, started, seconds, failures });
            self.renew(planned).await;
        };
        if let Some(last) = attempts.last() {
            record.seconds += attempts.iter().map(|attempt| attempt.seconds).sum::<f64>();
            if record.outcome == Outcome::Pass {
                record.outcome = Outcome::Flaky;
                record.failures = last.failures.clone();
            }
            record.attempts = attempts;
        }
        let session = self.session;
        let lookup = |name: &str| {
            self.facts.as_ref().and_then(|facts| gate::dimension(name, &session.image, session.settings, facts))
        };
        no_network::note(&mut record, planned, self.lease.as_ref().map(|lease| &lease.live));
        session.settings.known.rule(&mut record, &lookup);
        session.settings.proofs.rule(&mut record);
        if session.settings.proofs.contain(&record.suite, &record.test) {
            let failed = matches!(record.outcome, Outcome::Fail | Outcome::Error);
            self.leases().for_each(|lease| lease.a_test_failed |= failed);
        }
        let live = self.lease.as_mut().map(|lease| &mut lease.live);
        if let Err(why) = capture::take(session.driver, &session.events, live, &mut record).await {
            session.events.notice(format!("the machine is not used any more after its capsule was taken: {why}"));
            self.lose_machine().await;
        }
        session.settings.halt.note(&record);
        session.note_outcome(&record);
        session.events.emit(Event::TestFinished { record: Box::new(record.clone()) });
        record
    }

    /// Whether a test that has ended so can run another time with any hope.
    fn may_run_again(&self, planned: &Planned, record: &TestRecord) -> bool {
        let failed = matches!(record.outcome, Outcome::Fail | Outcome::Error);
        // What it needs was done on a machine that is gone, or there never was a machine.
        let stranded = self.lease.is_none() && !planned.test().needs.is_empty();
        // Nor is what it needs there any more once it has changed the kernel itself.
        let changed = |lease: &Lease<D::Live>| lease.kernel_changed_by.as_deref() == Some(planned.test().id.as_str());
        let moved = self.lease.as_ref().is_some_and(changed) && !planned.test().needs.is_empty();
        failed && record.machine.is_some() && !stranded && !moved
    }

    /// A new machine for the next attempt, when nothing but the test itself was done on this one. A setup that has cost the
    /// last one runs again.
    async fn renew(&mut self, planned: &Planned) {
        self.lost_setups.remove(&planned.suite.name);
        let own = planned.test().guest != GuestMode::Shared && planned.test().needs.is_empty();
        if own && self.lease.as_ref().is_some_and(|lease| lease.runs == 1) {
            self.end_machine().await;
        }
    }

    async fn attempt(&mut self, planned: &Planned, first: bool) -> TestRecord {
        let session = self.session;
        let mut record = records::unreached(planned, &session.image, &session.settings.rerun);
        record.failures.clear();
        let unmet = self.unmet(planned);
        let other_kernel = match &unmet {
            None => self.leave_other_kernel(planned).await,
            Some(_) => Ok(()),
        };
        // The boot is not the test's time. What needs a test that did not run is not skipped for that: it lacks the
        // same machine.
        let machine = match &unmet {
            _ if other_kernel.is_err() => Ok(()),
            None => self.machine().await,
            Some(_) if self.needs_one_not_run(planned) => self.machine().await,
            Some(_) => Ok(()),
        };
        if let (Err(failure), true) = (&machine, first) {
            session.blame_once(failure);
            return records::not_run(
                planned,
                &session.image,
                &session.settings.rerun,
                muster_record::names::no_machine(failure),
            );
        }
        let started = Instant::now();
        record.started = Some(now());
        let attempt = match machine.and(other_kernel) {
            Ok(()) => self.run_on_machine(planned, &mut record).await,
            Err(failure) => Attempt::failed(failure),
        };
        self.note_kernels(planned);
        record.seconds = started.elapsed().as_secs_f64() + attempt.read_before;
        record.assertions = attempt.assertions;
        (record.met, record.met_left_out) = met::kept(attempt.met);
        record.failures = attempt.failures;
        record.remarks = attempt.remarks;
        record.skipped = attempt.skipped;
        record.outcome = outcome_of(&record);
        record
    }

    /// Ends the machine in use when an earlier test has changed its kernel on purpose, of which this one does not know: it is for the
    /// kernel of its combination, and gets another machine. An error when it also needs what was done on that machine.
    async fn leave_other_kernel(&mut self, planned: &Planned) -> Result<(), Failure> {
        let unknown = |lease: &mut Lease<D::Live>| {
            let by = lease.kernel_changed_by.as_ref().filter(|by| !gate::needs(planned, by))?;
            Some((by.clone(), lease.kernel.clone()))
        };
        let Some((by, kernel)) = self.leases().find_map(unknown) else { return Ok(()) };
        self.end_machine().await;
        let Some(need) = planned.test().needs.first() else { return Ok(()) };
        let kernel = muster_base::text::one_line(&kernel, 120);
        let text = format!(
            "what `{need}` did is on a machine that runs {kernel} since `{by}`, and not the kernel of this combination: \
             let the test need `{by}` too, or not `{need}`"
        );
        Err(Failure::new(failure::KERNEL_OTHER, text).at(&planned.test().location))
    }

    /// Notes on which machines the kernel of a combination is another since the test.
    fn note_kernels(&mut self, planned: &Planned) {
        let test = planned.test();
        for lease in self.leases().filter(|_| test.machine.kernel.is_some()) {
            let now = &lease.live.facts().kernel;
            if *now != lease.kernel {
                lease.kernel = now.clone();
                lease.kernel_changed_by = (*now != lease.first_kernel).then(|| test.id.clone());
            }
        }
    }

    /// The first need of a test that was not met, and how.
    fn unmet(&self, planned: &Planned) -> Option<Failure> {
        planned.test().needs.iter().find_map(|need| match self.session.outcome(&planned.suite.name, need) {
            Some(Outcome::Pass | Outcome::Flaky) => None,
            other => Some(gate::unmet_need(need, other)),
        })
    }

    fn needs_one_not_run(&self, planned: &Planned) -> bool {
        let outcome = |need: &String| self.session.outcome(&planned.suite.name, need);
        planned.test().needs.iter().any(|need| outcome(need) == Some(Outcome::NotRun))
    }

    /// Runs one test for a front end that names tests one at a time: first what it needs and did not
    /// run yet, and on a machine of its own when its group has one.
    pub async fn run_with_needs(&mut self, group: &Group, planned: &Planned) -> TestRecord {
        let alone = group.isolation != Isolation::Shared && group.isolation != Isolation::Booted;
        if alone {
            self.end_machine().await;
        }
        for earlier in &group.tests {
            if earlier.test().id == planned.test().id && earlier.suite.name == planned.suite.name {
                break;
            }
            let wanted = earlier.suite.name == planned.suite.name && gate::needs(planned, &earlier.test().id);
            if wanted && (alone || self.session.outcome(&earlier.suite.name, &earlier.test().id).is_none()) {
                self.run(earlier).await;
            }
        }
        let record = self.run(planned).await;
        if alone {
            self.end_machine().await;
        }
        record
    }

    async fn run_on_machine(&mut self, planned: &Planned, record: &mut TestRecord) -> Attempt {
        let session = self.session;
        let test = planned.test();
        if let Some(reason) = self.unmet(planned) {
            return Attempt::skipped(reason);
        }
        let Some(lease) = self.lease.as_mut() else {
            return Attempt::failed(Failure::new(failure::INTERNAL, "the machine vanished between two steps"));
        };
        record.machine = Some(lease.id.clone());
        self.facts = Some(lease.live.facts().clone());
        match gate::skip(planned, &session.image, session.settings, lease.live.facts()) {
            Ok(None) => {}
            Ok(Some(reason)) => return Attempt::skipped(reason),
            Err(failure) => return Attempt::failed(failure),
        }
        if let Some(reason) = lease.live.refusal(planned) {
            return Attempt::skipped(reason);
        }
        let facts = lease.live.facts();
        let lookup = |name: &str| gate::dimension(name, &session.image, session.settings, facts);
        if let Some((reason, issue)) = session.settings.known.skip(&planned.suite.name, &test.id, &lookup) {
            record.issue = Some(issue);
            return Attempt::skipped(reason);
        }
        let (adjusted, because) = match planned.adjusted(&lookup) {
            Ok(adjusted) => adjusted,
            Err(failure) => return Attempt::failed(failure),
        };
        let planned = &adjusted;
        if let Some(failure) = self.lost_setups.get(&planned.suite.name) {
            // Nothing was done on this one.
            record.machine = None;
            return Attempt::failed(failure.clone());
        }
        tracing::debug!(suite = %planned.suite.name, test = %test.id, machine = %lease.id, "a test runs");
        session.events.emit(Event::TestStarted {
            suite: planned.suite.name.clone(),
            test: test.id.clone(),
            image: session.image.clone(),
            machine: lease.id.clone(),
        });
        if !test.machines.is_empty() {
            let mut attempt = together::run(session, self.source, lease, &mut self.others, planned, record).await;
            attempt.remarks.extend(because.into_iter().map(|because| format!("adjusted: {because}")));
            let must_fail = session.settings.proofs.contain(&planned.suite.name, &test.id);
            let failed = !must_fail && !attempt.failures.is_empty();
            self.leases().for_each(|lease| lease.a_test_failed |= failed);
            if attempt.machine_lost {
                self.lose_machine().await;
            }
            return attempt;
        }
        if planned.wants_login()
            && let Err(failure) = lease.live.log_in().await
        {
            let attempt = Attempt { machine_lost: true, ..Attempt::failed(failure.at(&test.location)) };
            self.lose_machine().await;
            return attempt;
        }
        lease.runs += 1;
        let artifacts = &session.settings.artifacts;
        if let Err(failure) = suite_steps::before(lease, planned, artifacts, &session.image).await {
            let again = format!("{} (on {}; it does not run again)", failure.message, lease.id);
            let lost = lease.lost.then(|| Failure { id: failure::SETUP_FAILED, message: again, ..failure.clone() });
            let mut attempt = Attempt::failed(failure);
            let (findings, base_checks) = (lease.live.findings(), &planned.suite.base_checks);
            note_findings(
                &mut attempt.failures,
                &mut attempt.remarks,
                &lease.id,
                findings,
                &session.events,
                base_checks,
            );
            lease.a_test_failed = true;
            if let Some(failure) = lost {
                self.lost_setups.insert(planned.suite.name.clone(), failure);
                self.lose_machine_of_setup().await;
            }
            return attempt;
        }
        let mut attempt = match lease.ahead.met(&lease.live, planned) {
            Some(met) => met,
            None => run_test(&mut lease.live, planned, &session.image, session.settings, &lease.base).await,
        };
        if !attempt.failures.is_empty() {
            attempt.remarks.extend(lease.moved.take());
        }
        attempt.remarks.extend(because.into_iter().map(|because| format!("adjusted: {because}")));
        if let Some(base) = attempt.base_after.take() {
            lease.base = base;
        }
        let (findings, base_checks) = (lease.live.findings(), &planned.suite.base_checks);
        note_findings(&mut attempt.failures, &mut attempt.remarks, &lease.id, findings, &session.events, base_checks);
        // A test that must fail is evaluated by its proof: evidence is kept when that does not hold.
        let must_fail = session.settings.proofs.contain(&planned.suite.name, &test.id);
        lease.a_test_failed |= !must_fail && !attempt.failures.is_empty();
        if attempt.machine_lost {
            self.lose_machine().await;
        }
        attempt
    }

    /// Sees to it that there is a machine.
    async fn machine(&mut self) -> Result<(), Failure> {
        if self.lease.is_none() {
            self.lease = Some(self.session.machine(self.source).await?);
        }
        Ok(())
    }

    /// The machine in use, if there is one: what the tests that ran have made of it.
    pub fn live(&self) -> Option<&D::Live> {
        self.lease.as_ref().map(|lease| &lease.live)
    }

    /// Boots the lane's machine as one that may become the template.
    pub(crate) async fn boot_for_clones(&mut self) {
        if self.session.settings.halt.reached().is_some() {
            return;
        }
        // A failure is in the record, and reported again by the first test that needs a machine.
        self.lease = self.session.machine_for_clones().await.ok();
    }

    /// Hands the lane's machine on, if it still lives, to become the template.
    pub(crate) async fn give_for_clones(mut self) {
        if let Some(lease) = self.lease.take() {
            self.session.keep_for_clones(lease).await;
        }
    }

    /// Runs the teardown of a suite on the machine in use, when its tests ran there. What goes
    /// wrong speaks against the machines of the image.
    async fn tear_down(&mut self, suite: &str) {
        let session = self.session;
        let mut lost = false;
        for lease in self.leases() {
            let Some(suite) = lease.open.remove(suite) else { continue };
            let artifacts = &session.settings.artifacts;
            let dir = suite_steps::around(artifacts, &session.image, &suite.name, "teardown", &lease.id);
            match suite_steps::teardown(&lease.live, &suite, &lease.base, &dir).await {
                Ok((mut failures, mut remarks, base)) => {
                    // What its console shows is of no test: neither of the last nor of the next.
                    let (found, before) = (lease.live.findings(), failures.len());
                    note_findings(&mut failures, &mut remarks, &lease.id, found, &session.events, &suite.base_checks);
                    for failure in &mut failures[before..] {
                        failure.message = format!("teardown of suite {}: {}", suite.name, failure.message);
                    }
                    lease.a_test_failed |= !failures.is_empty();
                    lease.base = base;
                    session.note_teardown(&lease.id, failures, remarks);
                }
                Err(failure) => {
                    session.note_teardown(&lease.id, vec![failure], Vec::new());
                    (lease.lost, lost) = (true, true);
                }
            }
        }
        if lost {
            self.lose_machine().await;
        }
    }

    /// Ends the machine in use, if there is one.
    pub async fn end_machine(&mut self) {
        let open: BTreeSet<String> = self.leases().flat_map(|lease| lease.open.keys().cloned()).collect();
        for suite in open {
            self.tear_down(&suite).await;
        }
        if let Some(lease) = self.given_up().await {
            let how = match (lease.a_test_failed, self.orderly) {
                (true, true) => Stop::WithEvidence,
                (true, false) => Stop::DiscardWithEvidence,
                (false, true) => Stop::Orderly,
                (false, false) => Stop::Discard,
            };
            self.session.stop(lease, how).await;
        }
    }

    /// All machines in use.
    fn leases(&mut self) -> impl Iterator<Item = &mut Lease<D::Live>> {
        self.lease.iter_mut().chain(&mut self.others.leases)
    }

    /// Ends the machines after the first: one without the others is of no use to a test.
    async fn end_others(&mut self) {
        for lease in std::mem::take(&mut self.others).leases {
            let how = match (lease.lost, lease.a_test_failed) {
                (true, _) => Stop::Kill,
                (false, true) => Stop::DiscardWithEvidence,
                (false, false) => Stop::Discard,
            };
            self.session.stop(lease, how).await;
        }
    }

    /// Of a setup: it says nothing of the image's other tests, however many lanes lose one to it.
    async fn lose_machine_of_setup(&mut self) {
        if let Some(lease) = self.given_up().await {
            self.session.stop(lease, Stop::Kill).await;
        }
    }

    async fn lose_machine(&mut self) {
        if let Some(lease) = self.given_up().await {
            self.session.lose(lease).await;
        }
    }

    /// The machine in use, whose place is free for the next one; those next to it end.
    async fn given_up(&mut self) -> Option<Lease<D::Live>> {
        self.end_others().await;
        self.lease.take()
    }
}

/// What a test will be on the machine in use.
enum Turn {
    /// It only looks; as it is adjusted for the machine.
    Looks(Planned),
    /// It does not run.
    Skipped,
    /// It may do anything, or that is not known yet.
    Other,
}
