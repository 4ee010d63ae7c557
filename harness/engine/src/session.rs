//! One image under test: boots its machines or clones them from a template, keeps the record of what
//! each test and each machine did, and says at the end how the machines themselves did. The tests
//! are run by [`Worker`](super::worker::Worker)s, of which several may work at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::base_checks::base_after_boot;
use super::budget::Held;
use super::claims;
use super::driver::{BootFailure, BootLeft, Driver, Frozen, Live, Recalled, Stop};
use super::gate;
use super::kernel;
use super::kernel_kept;
use super::lease::Lease;
use super::outcome::outcome_of;
use super::plan::{self, Group, MachineSpec, Planned};
use super::product;
use super::settings::Settings;
use super::sink::{Events, now};
use super::treatment::note_findings;
use super::updates::{self, Updates};
use muster_base::failure::{self, Failure};
use muster_check::Observations;
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
    /// Held while a machine is made into a template, so that everyone else waits for it instead of
    /// booting another.
    clone_source: tokio::sync::Mutex<CloneSource<D>>,
}

/// Where a lane gets its machines from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineSource {
    /// Every machine is booted.
    Boot,
    /// Every machine is a clone of the image's template, which is made when the first is needed.
    Clone,
}

/// What clones are made from.
enum CloneSource<D: Driver> {
    /// Nothing yet.
    Empty,
    /// A machine that was booted for it, and at which was only looked.
    Booted(Box<Lease<D::Live>>),
    /// A template.
    Ready(Arc<Template<D::Template>>),
    /// This image cannot be cloned; it was said why. The machine that could not be frozen, until somebody uses it.
    Refused(Option<Box<Lease<D::Live>>>),
}

/// A template and what was known of its guest when it was frozen.
struct Template<T> {
    machine: String,
    made: T,
    base: Observations,
    /// Whether it comes from an earlier run, so that nobody in this one knows the facts of its guest.
    recalled: bool,
    _memory: Held,
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
        let record = plan::not_run(planned, &self.image, &self.settings.rerun, why);
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
            let unreached = plan::unreached(planned, &self.image, &self.settings.rerun);
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

    fn hopeless(&self) -> MutexGuard<'_, Option<Failure>> {
        self.hopeless.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A machine for a lane.
    pub(super) async fn machine(&self, source: MachineSource) -> Result<Lease<D::Live>, Failure> {
        let hopeless = self.hopeless().clone();
        if let Some(failure) = hopeless {
            return Err(failure);
        }
        let made = match source {
            MachineSource::Boot => self.boot(false).await,
            MachineSource::Clone => self.start_clone().await,
        };
        made.inspect_err(|failure| *self.hopeless() = Some(failure.clone()))
    }

    /// A booted machine that can be frozen when it has been looked at.
    pub(super) async fn machine_for_clones(&self) -> Result<Lease<D::Live>, Failure> {
        let freezable = !self.recall(&mut *self.clone_source.lock().await).await;
        self.boot(freezable).await.inspect_err(|failure| *self.hopeless() = Some(failure.clone()))
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
        self.stats().health.boots += 1;
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
            installed(product::install(live, products).await?);
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

    /// Takes the template of an earlier run when there is one and none of this run, and enters its boot
    /// in the record as if it were this run's. Whether there is a template now.
    async fn recall(&self, clone_source: &mut CloneSource<D>) -> bool {
        if matches!(clone_source, CloneSource::Empty)
            && self.is_as_booted()
            && let Some(Recalled { template, name, left, findings }) = self.driver.recall().await
        {
            tracing::debug!(template = name, "a template of an earlier run serves");
            self.stats().health.boots += 1;
            self.note_health(&name, findings);
            self.note_boot(&name, &left);
            // Its memory is a file, whose pages the host takes back when it needs them.
            let memory = self.settings.budget.hold(0);
            let base = left.base;
            *clone_source = CloneSource::Ready(Arc::new(Template {
                machine: name,
                made: template,
                base,
                recalled: true,
                _memory: memory,
            }));
        }
        matches!(clone_source, CloneSource::Ready(_))
    }

    fn did_not_boot(&self, id: &str, failed: BootFailure) -> Failure {
        let BootFailure { failure, findings, record } = failed;
        // First the reason, so that the finding that is the reason is not reported twice.
        self.blame(failure.clone());
        self.note_health(id, findings);
        self.ended(record);
        failure
    }

    /// Makes the template now, so that nobody waits for it who holds what a machine of another image could have.
    pub(super) async fn make_template(&self) {
        if self.settings.halt.reached().is_some() || self.hopeless().is_some() {
            return;
        }
        let mut clone_source = self.clone_source.lock().await;
        // A failure is in the record, and reported again by the first test that needs a machine.
        let _ = self.template(&mut clone_source).await;
    }

    /// The template, which is made if there is none yet; `None` where machines cannot be cloned.
    async fn template(&self, clone_source: &mut CloneSource<D>) -> Result<Option<Arc<Template<D::Template>>>, Failure> {
        self.recall(clone_source).await;
        let lease = match std::mem::replace(clone_source, CloneSource::Empty) {
            CloneSource::Ready(template) => {
                *clone_source = CloneSource::Ready(template.clone());
                return Ok(Some(template));
            }
            refused @ CloneSource::Refused(_) => {
                *clone_source = refused;
                return Ok(None);
            }
            CloneSource::Booted(lease) => *lease,
            CloneSource::Empty => {
                self.boot(true).await.inspect_err(|failure| *self.hopeless() = Some(failure.clone()))?
            }
        };
        match self.freeze(lease).await {
            Ok(template) => {
                let template = Arc::new(template);
                *clone_source = CloneSource::Ready(template.clone());
                Ok(Some(template))
            }
            Err(live) => {
                *clone_source = CloneSource::Refused(live.map(Box::new));
                Ok(None)
            }
        }
    }

    /// A clone of the image's template; a booted machine where that cannot be had.
    async fn start_clone(&self) -> Result<Lease<D::Live>, Failure> {
        let mut clone_source = self.clone_source.lock().await;
        // Whoever held it may have found out that none comes up.
        let hopeless = self.hopeless().clone();
        if let Some(failure) = hopeless {
            return Err(failure);
        }
        let Some(template) = self.template(&mut clone_source).await? else {
            let unfrozen = match &mut *clone_source {
                CloneSource::Refused(unfrozen) => unfrozen.take(),
                _ => None,
            };
            drop(clone_source);
            return match unfrozen {
                Some(lease) => Ok(*lease),
                None => self.boot(false).await,
            };
        };
        drop(clone_source);
        let id = self.next_id();
        self.starting(&id, Some(template.machine.clone()));
        match self.driver.start_clone(&template.made, &id).await {
            Ok(mut live) => {
                let record = live.record();
                self.events.emit(Event::MachineReady {
                    machine: id.clone(),
                    boot_seconds: record.boot_seconds.unwrap_or_default(),
                    boot: None,
                    facts: template.recalled.then(|| Box::new(live.facts().clone())),
                });
                // Of another kernel than the image's own, which its template has answered for.
                if self.overrides.kernel.is_none() {
                    self.note_facts(live.facts());
                }
                self.note_health(&id, live.findings());
                Ok(Lease::new(id, live, BootLeft { base: template.base.clone(), ..BootLeft::default() }))
            }
            Err(failed) => {
                self.events.notice(format!(
                    "{id} could not be cloned from {} ({}); the tests that follow boot machines of their own",
                    template.machine, failed.failure.message
                ));
                self.note_health(&id, failed.findings);
                self.ended(failed.record);
                let mut clone_source = self.clone_source.lock().await;
                if matches!(&*clone_source, CloneSource::Ready(now) if Arc::ptr_eq(now, &template)) {
                    *clone_source = match template.recalled {
                        // It may be the kept template that is at fault, which one of this run is not.
                        true => {
                            self.driver.disown(&template.made).await;
                            CloneSource::Empty
                        }
                        false => CloneSource::Refused(None),
                    };
                }
                drop(clone_source);
                self.boot(false).await
            }
        }
    }

    /// Keeps a booted machine, at which was only looked, to become the template.
    pub(super) async fn keep_for_clones(&self, lease: Lease<D::Live>) {
        let mut clone_source = self.clone_source.lock().await;
        match &*clone_source {
            CloneSource::Empty => *clone_source = CloneSource::Booted(Box::new(lease)),
            _ => {
                drop(clone_source);
                self.stop(lease, Stop::Orderly).await;
            }
        }
    }

    /// Freezes a machine. When it cannot be frozen: the machine, if it still lives.
    async fn freeze(&self, lease: Lease<D::Live>) -> Result<Template<D::Template>, Option<Lease<D::Live>>> {
        let Lease { id, live, base, boot, .. } = lease;
        let left = BootLeft { base, ..boot };
        let refused = |reason: &str| {
            tracing::debug!(machine = id, reason, "no template of it");
            self.events.notice(format!(
                "{id} cannot be made a template ({reason}): tests that need a clone boot machines of their own"
            ));
        };
        match self.driver.freeze(live).await {
            Frozen::Template { template, record, findings } => {
                tracing::debug!(machine = id, "it is the template");
                self.note_health(&id, findings);
                self.ended(record);
                if self.is_as_booted() {
                    self.driver.keep(&template, &left).await;
                }
                let memory = self.settings.budget.hold(self.driver.template_mib(&template));
                Ok(Template { machine: id, made: template, base: left.base, recalled: false, _memory: memory })
            }
            Frozen::Refused { live, reason } => {
                refused(&reason);
                Err(Some(Lease::new(id, live, left)))
            }
            Frozen::Lost { reason, record, findings } => {
                refused(&reason);
                self.note_health(&id, findings);
                self.ended(record);
                Err(None)
            }
        }
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
        for failure in failures {
            let message = format!("{} (on {machine})", failure.message);
            self.blame(Failure { message, ..failure });
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

    /// Lets go of the template, or of the machine that would have become one.
    pub async fn close(&self) {
        let clone_source = std::mem::replace(&mut *self.clone_source.lock().await, CloneSource::Empty);
        if let CloneSource::Booted(lease) | CloneSource::Refused(Some(lease)) = clone_source {
            self.stop(*lease, Stop::Orderly).await;
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

    /// Ends the session and says how the machines themselves did.
    pub async fn finish(self) -> TestRecord {
        self.close().await;
        // What earlier runs found is apart from this one's until here: that a machine died by an oops then is no reason to pass
        // over an oops now.
        let mut record = plan::known_health(&self.image, &self.settings.rerun);
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

/// A name that is safe as a directory below `machines/`.
pub fn safe(name: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    base.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).take(60).collect()
}
