//! One image under test: boots its machines, keeps the record of what each test and each machine did, and
//! says at the end how the machines themselves did. [`clones`] makes machines of a template. The tests are run by [`Worker`](super::worker::Worker)s, of which several may work at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use self::clone_source::CloneSource;
pub use self::machine_name::safe;
use super::base_checks::base_after_boot;
use super::claims;
use super::driver::{BootFailure, BootLeft, Driver, Live, Stop};
use super::gate;
use super::kernel;
use super::kernel_kept;
use super::lease::Lease;
use super::outcome::outcome_of;
use super::plan::{Group, MachineSpec, Planned};
use super::product;
use super::records;
use super::settings::Settings;
use super::sink::{Events, now};
use super::treatment::note_findings;
use super::updates::{self, Updates};
use muster_base::failure::{self, Failure};
use muster_record::event::Event;
use muster_record::facts::Facts;
use muster_record::finding::Finding;
use muster_record::met::{self, MetRecord};
use muster_record::outcome::Outcome;
use muster_record::run::{MachineRecord, ProductRecord, TestRecord};
use muster_suite::images::ImageClaim;
use muster_suite::model::MachineOverrides;

/// How many machines of an image may be lost before the rest of its tests are given up: enough for
/// a few tests that wreck their machine, few enough that a broken host does not boot all night.
const MACHINES_TO_LOSE: u32 = 8;

/// One image under test.
pub struct Session<'d, D: Driver> {
    pub(super) driver: &'d D,
    pub(super) image: String,
    pub(super) settings: &'d Settings,
    pub(super) events: Events,
    /// In what its machines differ from the image's description.
    overrides: MachineOverrides,
    /// Shared by all sessions of the image.
    stats: Arc<Mutex<Stats>>,
    /// Set when no machine of this shape will come up any more. Another shape may: it is tried, to
    /// find that out.
    hopeless: Mutex<Option<Failure>>,
    /// Whether the guest of a machine of this shape ever answered.
    came_up: AtomicBool,
    /// Held while a machine is made into a template, so that everyone else waits for it instead of
    /// booting another.
    clone_source: tokio::sync::Mutex<CloneSource<D>>,
}

/// What was seen of this image so far.
#[derive(Default)]
struct Stats {
    machines_started: u32,
    machines_lost: u32,
    outcomes: BTreeMap<(String, String), Outcome>,
    health: Health,
    /// What the guest of the last machine was that was booted or recalled.
    facts: Option<Facts>,
}

/// What the machines of this image did outside tests.
#[derive(Default)]
struct Health {
    started: Option<(String, Instant)>,
    failures: Vec<Failure>,
    remarks: Vec<String>,
    boots: u32,
    claims: claims::OpenClaims,
}

impl<'d, D: Driver> Session<'d, D> {
    /// A session on an image. Nothing is booted before it is needed.
    pub fn new(driver: &'d D, image: &str, settings: &'d Settings, events: Events) -> Self {
        Self {
            driver,
            image: image.to_owned(),
            settings,
            events,
            overrides: MachineOverrides::default(),
            stats: Arc::default(),
            hopeless: Mutex::default(),
            came_up: AtomicBool::default(),
            clone_source: tokio::sync::Mutex::new(CloneSource::Empty),
        }
    }

    /// A session on machines of another shape, with the same record.
    pub fn next_to<'e>(&self, driver: &'e D, shape: &MachineSpec) -> Session<'e, D>
    where
        'd: 'e,
    {
        let (stats, overrides) = (self.stats.clone(), shape.overrides.clone());
        Session { stats, overrides, ..Session::new(driver, &self.image, self.settings, self.events.clone()) }
    }

    /// Boots a machine for its own sake: for a run that looks only at the machine's health.
    pub async fn boot_only(&self) {
        // The failure, if any, has been noted in the health already.
        if let Ok(lease) = self.boot(false).await {
            self.stop(lease, Stop::Orderly).await;
        }
    }

    /// Whether machines of the image came up, and none of them could speak for one of its claims.
    pub(super) fn has_open_claims(&self) -> bool {
        let (claims, stats) = (self.claims(), self.stats());
        stats.health.boots > 0 && stats.health.claims.has_open(claims)
    }

    /// How a test of this session ended, when it has run already.
    pub fn outcome(&self, suite: &str, test: &str) -> Option<Outcome> {
        self.stats().outcomes.get(&(suite.to_owned(), test.to_owned())).copied()
    }

    pub(super) fn note_outcome(&self, record: &TestRecord) {
        self.stats().outcomes.insert((record.suite.clone(), record.test.clone()), record.outcome);
    }

    /// The record of a test for which there can be no machine. The error is that of the image's machines, once.
    pub fn cannot_run(&self, planned: &Planned, failure: &Failure) -> TestRecord {
        self.blame_once(failure);
        self.not_run(planned, muster_record::names::no_machine(failure))
    }

    /// The record of a test that is not begun.
    pub(super) fn not_run(&self, planned: &Planned, why: Failure) -> TestRecord {
        let record = records::not_run(planned, &self.image, &self.settings.rerun, why);
        self.note_outcome(&record);
        self.events.emit(Event::TestFinished { record: Box::new(record.clone()) });
        record
    }

    /// What the guest of the last machine was.
    pub(super) fn facts(&self) -> Option<Facts> {
        self.stats().facts.clone()
    }

    /// The records of tests that these facts of the image skip, when that goes for all of them: no machine is started only to say so.
    /// `None` when one of them may run.
    pub(super) fn all_skipped(&self, facts: &Facts, groups: &[&Group]) -> Option<Vec<TestRecord>> {
        let tests = || groups.iter().flat_map(|group| &group.tests);
        let skip = |planned| gate::skip(planned, &self.image, self.settings, facts).ok().flatten();
        let reasons: Vec<Failure> = tests().map(skip).collect::<Option<_>>()?;
        let record = |(planned, reason)| {
            let unreached = records::unreached(planned, &self.image, &self.settings.rerun);
            let record =
                TestRecord { outcome: Outcome::Skip, failures: Vec::new(), skipped: Some(reason), ..unreached };
            self.note_outcome(&record);
            self.events.emit(Event::TestFinished { record: Box::new(record.clone()) });
            record
        };
        Some(tests().zip(reasons).map(record).collect())
    }

    /// Whether any machine was started in this session.
    pub fn has_booted(&self) -> bool {
        self.stats().machines_started > 0
    }

    fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why no machine of this shape ever answered; none when one did, or none was tried.
    pub(super) fn never_came_up(&self) -> Option<Failure> {
        if self.came_up.load(Ordering::Relaxed) { None } else { self.hopeless().clone() }
    }

    /// Enters that a guest has booted.
    fn note_up(&self) {
        self.came_up.store(true, Ordering::Relaxed);
        self.stats().health.boots += 1;
    }

    fn hopeless(&self) -> MutexGuard<'_, Option<Failure>> {
        self.hopeless.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name and a number for the next machine.
    fn next_id(&self) -> String {
        let mut stats = self.stats();
        stats.machines_started += 1;
        stats.health.started.get_or_insert_with(|| (now(), Instant::now()));
        format!("{}-{}", safe(&self.image), stats.machines_started)
    }

    fn starting(&self, id: &str, cloned_from: Option<String>) {
        tracing::debug!(machine = id, image = self.image, ?cloned_from, "a machine starts");
        self.events.emit(Event::MachineStarting {
            machine: id.to_owned(),
            image: self.image.clone(),
            cloned_from,
            deadline_seconds: self.driver.boot_deadline().as_secs_f64(),
            at: Some(now()),
        });
    }

    fn ended(&self, mut record: MachineRecord) {
        record.ended = Some(now());
        self.events.emit(Event::MachineEnded { record });
    }

    /// Boots a machine whose guest has settled, and looks at what its boot left.
    pub(super) async fn boot(&self, freezable: bool) -> Result<Lease<D::Live>, Failure> {
        let id = self.next_id();
        self.starting(&id, None);
        let mut live = match self.driver.boot(&id, freezable).await {
            Ok(live) => live,
            Err(failed) => return Err(self.did_not_boot(&id, failed)),
        };
        self.note_up();
        let record = live.record();
        self.events.emit(Event::MachineReady {
            machine: id.clone(),
            boot_seconds: record.boot_seconds.unwrap_or_default(),
            boot: record.boot,
            facts: Some(Box::new(live.facts().clone())),
        });
        self.note_facts(live.facts());
        self.note_health(&id, live.findings());
        // What the products leave behind is found with what the boot did.
        let looked = match self.make_ready(&id, &mut live).await {
            Ok(()) => base_after_boot(&live).await,
            Err(failure) => Err(failure),
        };
        // What its way there showed, a boot of another kernel for one, is no test's.
        self.note_health(&id, live.findings());
        match looked {
            Ok(left) => {
                self.note_boot(&id, &left);
                Ok(Lease::new(id, live, left))
            }
            Err(failure) => {
                let (record, findings) = live.stop(Stop::Kill).await;
                self.note_health(&id, findings);
                self.blame(failure.clone());
                self.ended(record);
                Err(failure)
            }
        }
    }

    /// Whether nothing is done to machines before their tests: only such are kept from run to run, and a kept one serves.
    fn is_as_booted(&self) -> bool {
        let Settings { products, updates, .. } = self.settings;
        products.is_empty() && *updates == Updates::default() && self.overrides.kernel.is_none()
    }

    /// Brings a machine that has just booted to the state in which the run tests it: the kernel first, then updates and products.
    async fn make_ready(&self, id: &str, live: &mut D::Live) -> Result<(), Failure> {
        let mut release = None;
        if let Some(kernel) = &self.overrides.kernel {
            let kernel = kernel::boot(live, kernel).await?;
            release = Some(kernel.release.clone());
            self.events.emit(Event::KernelBooted { machine: id.to_owned(), kernel });
        }
        let installed = |products: Vec<ProductRecord>| {
            if !products.is_empty() {
                self.events.emit(Event::ProductsInstalled { machine: id.to_owned(), products });
            }
        };
        installed(updates::apply(live, &self.settings.updates).await?);
        if let Some(release) = release {
            kernel_kept::compared(&release, live, &[])?;
        }
        let products = &self.settings.products;
        if !products.is_empty() {
            let found = product::install(live, products).await?;
            live.note_products(found.iter().map(|product| product.package.clone()).collect());
            installed(found);
        }
        Ok(())
    }

    /// Enters what a guest is, and compares it with what is claimed of its image.
    fn note_facts(&self, facts: &Facts) {
        let mut stats = self.stats();
        stats.facts = Some(facts.clone());
        stats.health.claims.look(self.claims(), facts, &self.overrides);
    }

    /// What the image's maker says of it.
    fn claims(&self) -> &'d [ImageClaim] {
        self.settings.claims.get(&self.image).map(Vec::as_slice).unwrap_or_default()
    }

    /// Enters what a boot left in the record.
    fn note_boot(&self, id: &str, left: &BootLeft) {
        for failure in &left.failures {
            let message = format!("after the boot of {id}: {}", failure.message);
            self.blame(Failure { message, ..failure.clone() });
        }
        let health = &mut self.stats().health;
        for remark in &left.remarks {
            if !health.remarks.contains(remark) {
                health.remarks.push(remark.clone());
            }
        }
    }

    fn did_not_boot(&self, id: &str, failed: BootFailure) -> Failure {
        let BootFailure { failure, findings, record } = failed;
        // First the reason, so that the finding that is the reason is not reported twice.
        self.blame(failure.clone());
        self.note_health(id, findings);
        self.ended(record);
        failure
    }

    fn note_health(&self, machine: &str, findings: Vec<Finding>) {
        let mut stats = self.stats();
        let Health { failures, remarks, .. } = &mut stats.health;
        let known = failures.len();
        note_findings(failures, remarks, machine, findings, &self.events, &BTreeMap::new());
        failures.iter().skip(known).for_each(|failure| self.say(failure));
    }

    /// Says at once what went wrong with the image's machines: a run that is killed has it in its journal.
    fn say(&self, failure: &Failure) {
        self.events.emit(Event::MachineFailure { image: self.image.clone(), failure: failure.clone() });
    }

    /// Enters in the record what a suite's teardown came to.
    pub(super) fn note_teardown(&self, machine: &str, failures: Vec<Failure>, remarks: Vec<String>) {
        let console = format!("console of {machine}");
        for mut failure in failures {
            // A line of its console names it already, and is known again by how it ends.
            if !failure.message.contains(&console) {
                failure.message.push_str(&format!(" (on {machine})"));
            }
            self.blame(failure);
        }
        self.stats().health.remarks.extend(remarks);
    }

    /// Ends a machine.
    pub(super) async fn stop(&self, lease: Lease<D::Live>, how: Stop) {
        let (record, findings) = lease.live.stop(how).await;
        self.note_health(&lease.id, findings);
        self.ended(record);
    }

    /// Ends a machine that a test has wrecked. A clone is cheap to replace, and is wrecked by its own
    /// test alone.
    pub(super) async fn lose(&self, lease: Lease<D::Live>) {
        let was_a_clone = lease.live.record().cloned_from.is_some();
        self.stop(lease, Stop::Kill).await;
        if was_a_clone {
            return;
        }
        let mut stats = self.stats();
        stats.machines_lost += 1;
        if stats.machines_lost >= MACHINES_TO_LOSE {
            let text =
                format!("{} machines of this image were lost; the rest of its tests did not run", stats.machines_lost);
            *self.hopeless() = Some(Failure::new(failure::MACHINE_EXITED, text));
        }
    }

    /// Notes something that speaks against the image's machines as a whole.
    pub(crate) fn blame(&self, failure: Failure) {
        self.say(&failure);
        self.stats().health.failures.push(failure);
    }

    /// The same, unless it is there already.
    pub(super) fn blame_once(&self, failure: &Failure) {
        let failures = &mut self.stats().health.failures;
        if !failures.contains(failure) {
            self.say(failure);
            failures.push(failure.clone());
        }
    }

    /// Ends the record of the machines, when the last of them has ended.
    fn end(self) -> TestRecord {
        // What earlier runs found is apart from this one's until here: that a machine died by an oops then is no reason to pass
        // over an oops now.
        let mut record = records::known_health(&self.image, &self.settings.rerun);
        let mut health = std::mem::take(&mut self.stats().health);
        let claims = health.claims.end(self.claims(), health.boots > 0);
        record.failures.extend(health.failures.into_iter().chain(claims.failures));
        let boots = MetRecord::new("machines of the image", "boot", &format!("{} booted", health.boots));
        let met = (health.boots > 0).then_some(boots).into_iter().chain(claims.met);
        (record.met, record.met_left_out) = met::kept(met.collect());
        record.remarks = health.remarks;
        record.assertions = health.boots + u32::try_from(claims.compared).unwrap_or(u32::MAX);
        match health.started.take() {
            Some((at, instant)) => {
                record.started = Some(at);
                record.seconds = instant.elapsed().as_secs_f64();
            }
            None if record.failures.is_empty() => {
                record.skipped = Some(Failure::new(failure::SKIP_NEED, "no machine of this image was needed"));
            }
            None => {}
        }
        record.outcome = outcome_of(&record);
        self.events.emit(Event::TestFinished { record: Box::new(record.clone()) });
        record
    }
}

mod clone_source;
pub mod clones;
mod machine_name;
