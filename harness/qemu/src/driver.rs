//! The driver that really boots: images of this host, QEMU, SSH.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::clones::{self, HostTemplate};
use super::kept_templates::{self, KeptTemplate};
use crate::saved::ImageNeeded;
use crate::{Accel, AccelKind, Machine, MachineRequest, MachineState, Network, RunKey, Spawner, TemplateStore};
use muster_base::failure;
use muster_base::failure::{Failure, FailureId};
use muster_base::text;
use muster_console::Finding;
use muster_console::rules::{Rules, Severity};
use muster_engine::budget::Cost;
use muster_engine::capsule::{CapsuleStore, Written};
use muster_engine::driver::{BootFailure, BootLeft, ConsoleHit, Driver, Frozen, Live, Recalled, Stop, Weight};
use muster_engine::engine::Images;
use muster_engine::plan::MachineSpec;
use muster_engine::reboot::Rebooted;
use muster_engine::refused;
use muster_engine::settle::{guest_failure, settle};
use muster_engine::sink::Events;
use muster_guest::facts;
use muster_guest::{
    ConnectError, Generations, Guest, GuestError, HostKey, HostKeyPolicy, LastState, Refusals, Reply, Request, Target,
};
use muster_image::{ImageError, ImageSpec, Inspected, Unchanged};
use muster_record::disk::DiskFacts;
use muster_record::event::Event;
use muster_record::facts::Facts;
use muster_record::run::no_machine;
use muster_record::run::{ImageRecord, MachineRecord, TestRecord};
use muster_suite::model::{MachineOverrides, RebootKind};

/// What guests can reach.
pub(super) const NETWORK: Network = Network::Restricted;
/// Console lines shown when a boot fails or a machine dies.
const EXCERPT: usize = 40;
/// Silence of the console after which a machine that is not needed any more is ended, unscaled: docs/console-rules.md.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// For how long a console that is not silent is waited for.
const LAST_WORDS_MOST: Duration = Duration::from_secs(3);
/// How long a lost connection waits for the news that the machine behind it has died, unscaled.
const NEWS: Duration = Duration::from_secs(1);
/// How long a guest may take to power off, unscaled.
const POWER_OFF: Duration = Duration::from_secs(15);
/// How long a guest that has been up for a while may take to let somebody in, unscaled.
pub(super) const LOGIN: Duration = Duration::from_secs(20);
/// Bytes kept of a guest's journal.
const JOURNAL_LIMIT: usize = 4 << 20;

/// What all machines of a run share.
pub struct Host {
    /// Starts every QEMU, from one thread that lives as long as the run.
    pub spawner: Spawner,
    /// What executes guests.
    pub accel: Accel,
    /// Opens every guest of the run.
    pub key: RunKey,
    /// What consoles are judged by.
    pub rules: Arc<Rules>,
    /// The checkout: knows how lab images are built.
    pub root: Utf8PathBuf,
    /// `machines/` of the run directory.
    pub machines: Utf8PathBuf,
    /// Where machines of failed tests are kept, if they are.
    pub capsules: Option<CapsuleStore>,
    /// Where events go.
    pub events: Events,
    /// Where templates are kept between runs, when they are.
    pub templates: Option<Arc<TemplateStore>>,
}

/// The images of a run, by id.
pub struct HostImages<'h> {
    host: &'h Host,
    specs: BTreeMap<String, ImageSpec>,
    notes: std::sync::Mutex<BTreeMap<String, Unchanged>>,
}

impl<'h> HostImages<'h> {
    /// Images of this host.
    pub fn new(host: &'h Host, specs: impl IntoIterator<Item = ImageSpec>) -> Self {
        let specs = specs.into_iter().map(|spec| (spec.id.clone(), spec)).collect();
        Self { host, specs, notes: std::sync::Mutex::default() }
    }
}

fn image_failure(error: &ImageError) -> Failure {
    Failure::of(error.failure_id(), &error)
}

impl<'h> Images for HostImages<'h> {
    type Driver = HostDriver<'h>;

    async fn prepare(&self, id: &str) -> Result<HostDriver<'h>, Failure> {
        let Some(spec) = self.specs.get(id) else {
            return Err(Failure::new(failure::INTERNAL, format!("the image {id} is in the plan but not in the run")));
        };
        let ready = muster_image::prepare(self.host.root.as_std_path(), spec).await.map_err(|e| image_failure(&e))?;
        if let Ok(mut notes) = self.notes.lock() {
            notes.insert(id.to_owned(), ready.unchanged.clone());
        }
        let record = ImageRecord {
            path: ready.source.display().to_string(),
            format: spec.format.name().to_owned(),
            sha256: ready.sha256.clone(),
            facts: None,
        };
        self.host.events.emit(Event::ImageReady { image: id.to_owned(), record: Box::new(record) });
        ready.notes.iter().for_each(|note| self.host.events.notice(muster_base::text::escape(note)));
        let same = (ready.disk.path == ready.source).then(|| ready.sha256.clone());
        let in_use = muster_image::InUse::note(&ready.disk.path);
        let warm = kept_templates::prepare(self.host, &ready).await;
        Ok(HostDriver {
            host: self.host,
            spec: ready.spec,
            image: ready.disk,
            disk: Arc::new(ready.facts),
            digest: tokio::sync::OnceCell::new_with(same),
            largest_clone_mib: Arc::default(),
            network: NETWORK,
            warm,
            _in_use: Arc::new(in_use),
        })
    }

    async fn verify_unchanged(&self, id: &str) -> Result<(), Failure> {
        let note = self.notes.lock().ok().and_then(|notes| notes.get(id).cloned());
        match note {
            // Size and time of change are enough to notice a writer; hashing gibibytes again is not
            // worth it where the file system keeps times.
            Some(note) => note.verify(false).await.map_err(|error| image_failure(&error)),
            None => Ok(()),
        }
    }
}

/// A machine that did not come up, and whether QEMU is to blame.
struct Down {
    failure: BootFailure,
    aborted: bool,
}

/// Boots machines of one image on this host.
pub struct HostDriver<'h> {
    host: &'h Host,
    spec: ImageSpec,
    image: Inspected,
    /// What the file says of itself.
    pub(super) disk: Arc<DiskFacts>,
    /// SHA-256 of the disk, once a capsule has asked for it: the disk may have been made of the source.
    digest: tokio::sync::OnceCell<String>,
    /// Private memory of the largest fork so far, in MiB.
    pub(super) largest_clone_mib: Arc<AtomicU32>,
    network: Network,
    warm: Option<KeptTemplate>,
    _in_use: Arc<muster_image::InUse>,
}

impl HostDriver<'_> {
    /// By how much deadlines are stretched on its machines.
    pub(super) fn scale(&self) -> f64 {
        self.host.accel.for_arch(self.spec.arch).deadline_scale
    }

    pub(super) fn dir(&self, id: &str) -> Utf8PathBuf {
        self.host.machines.join(id)
    }
}

impl Driver for HostDriver<'_> {
    type Live = HostMachine;
    type Template = HostTemplate;

    fn with_spec(&self, machine_spec: &MachineSpec) -> Result<Self, Failure> {
        let mut spec = self.spec.clone();
        let MachineOverrides { cpu, firmware, tpm, bus, memory, cpus, image: _ } = &machine_spec.overrides;
        spec.firmware = firmware.unwrap_or(spec.firmware);
        spec.bus = bus.unwrap_or(spec.bus);
        spec.cpu = cpu.clone().or(spec.cpu);
        spec.tpm = tpm.unwrap_or(spec.tpm);
        spec.cpus = cpus.unwrap_or(spec.cpus);
        if let Some(bytes) = memory {
            spec.memory_mib = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        }
        Ok(Self {
            host: self.host,
            spec,
            image: self.image.clone(),
            disk: self.disk.clone(),
            largest_clone_mib: Arc::default(),
            network: if machine_spec.internet { Network::Internet } else { self.network },
            // Only the image's own shape is kept between runs.
            warm: None,
            _in_use: self._in_use.clone(),
            digest: self.digest.clone(),
        })
    }

    fn boot_deadline(&self) -> Duration {
        self.host.accel.for_arch(self.spec.arch).scaled(self.spec.boot_timeout)
    }

    fn cost(&self, cloned: bool) -> Cost {
        let measured = self.largest_clone_mib.load(Ordering::Relaxed);
        let memory = match (cloned, measured) {
            (true, 1..) => (measured * 3 / 2 + 64).min(self.spec.memory_mib),
            _ => self.spec.memory_mib,
        };
        let emulated = self.host.accel.for_arch(self.spec.arch).kind == AccelKind::Tcg;
        Cost::of(self.spec.cpus, memory, emulated)
    }

    fn template_mib(&self, template: &HostTemplate) -> u32 {
        template.resident_mib()
    }

    async fn boot(&self, id: &str, freezable: bool) -> Result<HostMachine, BootFailure> {
        match self.boot_once(id, freezable).await {
            Ok(live) => return Ok(live),
            Err(down) if !down.aborted => return Err(down.failure),
            Err(_) => {}
        }
        let (dir, kept) = (self.dir(id), self.dir(&format!("{id}-aborted")));
        // What is left of it is evidence; the next machine has the name and begins anew.
        let left = match fs_err::rename(&dir, &kept) {
            Ok(()) => format!("its files are in {kept}"),
            Err(error) => format!("its files are lost: {error}"),
        };
        let text =
            format!("QEMU stopped at an assertion of its own while {id} booted, and it was started once more; {left}");
        self.host.events.notice(text);
        self.boot_once(id, freezable).await.map_err(|down| down.failure)
    }

    async fn freeze(&self, live: HostMachine) -> Frozen<HostMachine, HostTemplate> {
        let frozen = clones::freeze(live).await;
        if let (Some(warm), false) = (&self.warm, matches!(frozen, Frozen::Template { .. })) {
            warm.give_up().await;
        }
        frozen
    }

    async fn start_clone(&self, template: &HostTemplate, id: &str) -> Result<HostMachine, BootFailure> {
        clones::start_clone(self, template, id).await
    }

    fn capsules(&self) -> Option<&CapsuleStore> {
        self.host.capsules.as_ref()
    }

    async fn capture(&self, live: &mut HostMachine, dir: &Utf8Path, room: u64, test: &TestRecord) -> Written {
        let image = ImageNeeded {
            id: self.spec.id.clone(),
            path: self.image.path.clone(),
            format: self.image.format.name().to_owned(),
            sha256: match self.digest.get_or_try_init(|| muster_image::sha256(&self.image.path)).await {
                Ok(sha256) => sha256.clone(),
                Err(error) => return Written { capsule: Err(error.to_string()), goes_on: Ok(()) },
            },
        };
        crate::resume::capture(live, image, dir, room, test).await
    }

    fn keeps_templates(&self) -> bool {
        self.warm.is_some()
    }

    async fn recall(&self) -> Option<Recalled<HostTemplate>> {
        kept_templates::recall(self.warm.as_ref()?, self).await
    }

    async fn keep(&self, template: &HostTemplate, left: &BootLeft) {
        if let Some(warm) = &self.warm {
            kept_templates::keep(warm, self, template, left).await;
        }
    }

    async fn disown(&self, template: &HostTemplate) {
        kept_templates::disown(self, template);
    }
}

/// Whether QEMU ended at an assertion in its own code. QEMU 10.0.2 was seen to do so once in some hundred emulated boots
/// (`iotlb_to_section`, while the guest maps its memory). A guest that brings it about on purpose does so again.
fn has_aborted(machine: &Machine) -> bool {
    match &*machine.state().borrow() {
        MachineState::Exited { status, message } => status.contains("SIGABRT") && message.contains("Assertion"),
        _ => false,
    }
}

/// Kills a machine that did not come up.
pub(super) async fn give_up(
    machine: Machine,
    image: &str,
    cloned_from: Option<String>,
    failure: Failure,
) -> BootFailure {
    let console = machine.console().clone();
    let id = machine.id().to_owned();
    let end = machine.kill().await;
    let findings = hits(&console, 0);
    let record = MachineRecord { cloned_from, ..no_machine(&id, image, &end.to_string()) };
    BootFailure { failure, findings, record }
}

impl HostDriver<'_> {
    /// Boots it, or gives up.
    async fn boot_once(&self, id: &str, freezable: bool) -> Result<HostMachine, Down> {
        let begun = Instant::now();
        let dir = self.dir(id);
        let request = MachineRequest {
            id,
            spec: &self.spec,
            image: &self.image,
            accel: &self.host.accel,
            network: self.network,
            key: &self.host.key,
            rules: self.host.rules.clone(),
            freezable,
            dir: dir.as_std_path(),
        };
        let machine = match Machine::start(request, &self.host.spawner).await {
            Ok(machine) => machine,
            Err(error) => {
                let failure = Failure::of(error.failure_id(), &error);
                let record = no_machine(id, &self.spec.id, "did not start");
                let failure = BootFailure { failure, findings: Vec::new(), record };
                return Err(Down { failure, aborted: false });
            }
        };
        let deadline = machine.started() + self.boot_deadline();
        let arrival = tokio::select! {
            biased;
            failure = death_of(&machine, 0, self.scale(), true) => Err(failure),
            arrival = self.arrive(&machine, deadline) => arrival,
        };
        match arrival {
            Ok((guest, facts, boot_seconds)) => {
                machine.console().announce_login();
                save_facts(&dir, &facts);
                Ok(HostMachine {
                    image: self.spec.id.clone(),
                    dir,
                    cloned_from: None,
                    boot_seconds,
                    resets: resets_of(&machine),
                    boot_deadline: self.boot_deadline(),
                    unproven: None,
                    scale: self.scale(),
                    target: self.target(&machine),
                    machine,
                    guest,
                    facts,
                    findings_seen: 0,
                    largest_clone_mib: None,
                    waited: AtomicU64::new(micros(begun)),
                })
            }
            Err(failure) => {
                let aborted = has_aborted(&machine);
                Err(Down { failure: give_up(machine, &self.spec.id, None, failure).await, aborted })
            }
        }
    }

    /// How to log in to one of its machines.
    pub(super) fn target(&self, machine: &Machine) -> Target {
        Target {
            addr: machine.ssh_addr(),
            user: self.spec.user.clone(),
            private_key: self.host.key.private.clone(),
            become_root: self.spec.user != "root",
            host_key: HostKeyPolicy::AcceptFirst,
            generations: generations_of(machine),
            refusals: Refusals::default(),
        }
    }

    pub(super) fn host(&self) -> &Host {
        self.host
    }

    pub(super) fn image_id(&self) -> &str {
        &self.spec.id
    }

    /// Waits until the guest answers over SSH and its boot has settled.
    async fn arrive(&self, machine: &Machine, deadline: Instant) -> Result<(Guest, Facts, f64), Failure> {
        let scale = self.scale();
        let target = self.target(machine);
        let (addr, user) = (target.addr, target.user.clone());
        let tell = |times| {
            let event = Event::LoginRefused { machine: machine.id().to_owned(), user: user.clone(), times };
            self.host.events.emit(event);
        };
        let console = machine.console();
        let settled = |refused| {
            let lines = || console.excerpt(usize::MAX);
            refused::settled(refused, self.spec.seed, lines, console.silence(), scale, Instant::now())
        };
        let refused = refused::watch(target.refusals.subscribe(), tell, settled);
        let guest = tokio::select! {
            biased;
            guest = Guest::connect(target, deadline, scale) => {
                guest.map_err(|error| Failure::of(error.failure_id(), &error).with_detail(console_tail(machine)))?
            }
            (times, why) = refused => {
                let (waited, last) = (machine.started().elapsed(), LastState::KeyRefused { times });
                let error = ConnectError { addr, user: user.clone(), waited, last };
                let text = format!("{error}; nothing more was waited for: {why}");
                return Err(Failure::of(error.failure_id(), &text).with_detail(console_tail(machine)));
            }
        };
        let boot_seconds = machine.started().elapsed().as_secs_f64();
        compare_host_key(&guest, machine)?;
        let seen = facts::collect(&guest, scale).await.map_err(|error| guest_failure(&error))?;
        let facts = Facts { disk: Some((*self.disk).clone()), ..seen };
        if facts.systemd.is_some() {
            settle(&guest, deadline).await?;
        }
        Ok((guest, facts, boot_seconds))
    }
}

/// When the console printed host keys, the one that SSH showed must be among them: the console is
/// QEMU's own, the network is not.
fn compare_host_key(guest: &Guest, machine: &Machine) -> Result<(), Failure> {
    let Some(shown) = guest.host_key() else { return Ok(()) };
    let printed: Vec<HostKey> = machine.console().host_keys().iter().filter_map(|line| HostKey::parse(line)).collect();
    let same_kind: Vec<&HostKey> = printed.iter().filter(|key| key.algorithm() == shown.algorithm()).collect();
    if same_kind.is_empty() || same_kind.contains(&&shown) {
        return Ok(());
    }
    let text = format!("SSH shows the host key {}, the console printed another", shown.fingerprint());
    Err(Failure::new(failure::SSH_HOST_KEY, text))
}

/// Microseconds since then.
pub(super) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn save_facts(dir: &Utf8Path, facts: &Facts) {
    // Only a convenience for people: run.json holds the facts too.
    if let Ok(json) = serde_json::to_string_pretty(facts) {
        let _ = fs_err::write(dir.join("facts.json"), json);
    }
}

pub(super) fn console_tail(machine: &Machine) -> String {
    let lines = machine.console().excerpt(EXCERPT);
    if lines.is_empty() {
        return "The console printed nothing.".to_owned();
    }
    format!("The console's last lines:\n{}", lines.join("\n"))
}

/// The lives of a machine of this host, as QEMU counts its resets.
pub(super) fn generations_of(machine: &Machine) -> Generations {
    let tally = machine.tally();
    Generations::counted(move || tally.borrow().resets())
}

fn resets_of(machine: &Machine) -> u32 {
    match *machine.state().borrow() {
        MachineState::Running { resets } => resets,
        _ => 0,
    }
}

/// Resolves when the machine has died, or its console shows that it will. Resets are a death once
/// the guest has been logged in to (`booting` is false): nothing asked for them.
pub(super) async fn death_of(machine: &Machine, resets_before: u32, scale: f64, booting: bool) -> Failure {
    let mut fatal = machine.console().fatal();
    let mut state = machine.state();
    loop {
        // Taken out first: the channel's lock must not be held while anything is waited for.
        let finding = fatal.borrow_and_update().clone();
        if let Some(finding) = finding {
            return fatal_failure(machine, &finding).await;
        }
        let now = state.borrow_and_update().clone();
        match now {
            MachineState::Running { resets } if booting || resets <= resets_before => {}
            MachineState::Running { .. } => {
                let text = "the guest rebooted by itself while it was in use";
                return Failure::new(failure::MACHINE_REBOOTED, text).with_detail(console_tail(machine));
            }
            MachineState::Panicked => {
                // The console says which panic it was, a moment later.
                let news = tokio::time::timeout(NEWS.mul_f64(scale), fatal.wait_for(Option::is_some)).await;
                let finding = news.ok().and_then(Result::ok).and_then(|finding| finding.clone());
                if let Some(finding) = finding {
                    return fatal_failure(machine, &finding).await;
                }
                let text = "the kernel reported a panic; its console does not show one";
                return Failure::new(FailureId::of_console("kernel-panic"), text).with_detail(console_tail(machine));
            }
            MachineState::DiskFull => {
                let text = "this host has no space left for what the guest writes to its disk; QEMU stopped it";
                return Failure::new(failure::HOST_DISK_FULL, text).with_detail(console_tail(machine));
            }
            MachineState::PoweredOff => {
                let text = "the guest powered itself off while it was in use";
                return Failure::new(failure::MACHINE_POWERED_OFF, text).with_detail(console_tail(machine));
            }
            MachineState::Exited { status, message } => {
                let said = if message.is_empty() { String::new() } else { format!(": {message}") };
                let text = format!("QEMU ended ({status}){said}");
                return Failure::new(failure::MACHINE_EXITED, text).with_detail(console_tail(machine));
            }
        }
        tokio::select! {
            changed = fatal.changed() => if changed.is_err() { std::future::pending::<()>().await },
            changed = state.changed() => if changed.is_err() { std::future::pending::<()>().await },
        }
    }
}

/// A fatal finding as a failure, once the guest has printed what comes with it.
pub(super) async fn fatal_failure(machine: &Machine, finding: &Finding) -> Failure {
    let console = machine.console();
    console.quiet(Duration::from_millis(500), Duration::from_secs(5)).await;
    let id = match &*finding.category {
        "emergency" => failure::BOOT_EMERGENCY,
        other => FailureId::of_console(other),
    };
    let text = format!("console of {}, line {}: {}", machine.id(), finding.line_number, finding.line);
    // What led to it may be far above the last lines by now.
    let known = console.findings();
    let same = |known: &&Finding| known.line_number == finding.line_number && known.rule == finding.rule;
    let around = known.iter().find(same).map(|known| known.excerpt.join("\n")).unwrap_or_default();
    let tail = console_tail(machine);
    let detail = match tail.contains(&finding.line) || around.is_empty() {
        true => tail,
        false => format!("The console around line {}:\n{around}\n\n{tail}", finding.line_number),
    };
    Failure::new(id, text).with_detail(detail)
}

pub(super) fn hits(console: &muster_console::Console, seen: usize) -> Vec<ConsoleHit> {
    let hit = |finding: Finding| ConsoleHit {
        category: finding.category.to_string(),
        weight: match finding.severity {
            Severity::Fatal => Weight::Fatal,
            Severity::Fail => Weight::Fail,
            Severity::Warn | Severity::Info => Weight::Info,
        },
        line: finding.line,
        line_number: finding.line_number,
        excerpt: finding.excerpt.join("\n"),
    };
    console.findings().into_iter().skip(seen).map(hit).collect()
}

/// A booted machine of this host.
pub struct HostMachine {
    pub(super) image: String,
    pub(super) dir: Utf8PathBuf,
    pub(super) cloned_from: Option<String>,
    pub(super) boot_seconds: f64,
    pub(super) resets: u32,
    /// How long a boot may take, stretched for the accelerator.
    pub(super) boot_deadline: Duration,
    /// Why nothing that the machine says can be judged any more: a reboot that was not proven.
    pub(super) unproven: Option<Failure>,
    pub(super) scale: f64,
    pub(super) machine: Machine,
    pub(super) target: Target,
    pub(super) guest: Guest,
    pub(super) facts: Facts,
    pub(super) findings_seen: usize,
    /// Where a fork tells how much memory it took; `None` for what was booted.
    pub(super) largest_clone_mib: Option<Arc<AtomicU32>>,
    /// Microseconds in which something was asked of it and waited for.
    pub(super) waited: AtomicU64,
}

impl Live for HostMachine {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn record(&self) -> MachineRecord {
        MachineRecord {
            id: self.machine.id().to_owned(),
            image: self.image.clone(),
            cloned_from: self.cloned_from.clone(),
            channel: Some(if self.guest.is_warm() { "warm-shell" } else { "ssh" }.to_owned()),
            boot_seconds: Some(self.boot_seconds),
            private_mib: None,
            guest_seconds: Some(self.waited.load(Ordering::Relaxed) as f64 / 1e6),
            rescues: self.guest.stats().rescues,
            end: None,
        }
    }

    fn deadline_scale(&self) -> f64 {
        self.scale
    }

    async fn log_in(&mut self) -> Result<(), Failure> {
        if !self.guest.is_warm() {
            return Ok(());
        }
        let deadline = Instant::now() + LOGIN.mul_f64(self.scale);
        self.guest
            .reconnect(deadline)
            .await
            .map_err(|error| Failure::of(error.failure_id(), &error).with_detail(console_tail(&self.machine)))
    }

    async fn batch(&self, requests: Vec<Request>) -> Result<Vec<Reply>, Failure> {
        self.answers(self.guest.batch(requests)).await
    }

    async fn commands(&self, requests: Vec<Request>) -> Result<Vec<Reply>, Failure> {
        self.answers(self.guest.commands(requests)).await
    }

    fn findings(&mut self) -> Vec<ConsoleHit> {
        let new = hits(self.machine.console(), self.findings_seen);
        self.findings_seen += new.len();
        new
    }

    async fn death(&self) -> Failure {
        if let Some(failure) = &self.unproven {
            return failure.clone();
        }
        death_of(&self.machine, self.resets, self.scale, false).await
    }

    async fn reboot(&mut self, how: RebootKind, limit: Option<Duration>) -> Result<Rebooted, Failure> {
        let begun = tokio::time::Instant::now();
        let deadline = begun + limit.unwrap_or(self.boot_deadline);
        let Self { machine, guest, facts, dir, scale, .. } = self;
        match crate::reboot::reboot(machine, guest, facts, dir, *scale, how, deadline).await {
            Ok(outcome) => {
                let disk = self.facts.disk.take();
                self.facts = Facts { disk, ..outcome.facts };
                self.resets = outcome.resets;
                Ok(Rebooted { seconds: begun.elapsed().as_secs_f64(), remarks: outcome.remarks })
            }
            Err(failure) => {
                self.unproven = Some(failure.clone());
                Err(failure)
            }
        }
    }

    async fn stop(mut self, how: Stop) -> (MachineRecord, Vec<ConsoleHit>) {
        let begun = Instant::now();
        let mut record = self.record();
        record.private_mib = self.machine.private_kib().map(|kib| kib >> 10);
        if let (Some(largest), Some(mib)) = (&self.largest_clone_mib, record.private_mib) {
            largest.fetch_max(u32::try_from(mib).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
        if matches!(how, Stop::WithEvidence | Stop::DiscardWithEvidence) {
            self.save_journal().await;
        }
        let console = self.machine.console().clone();
        // What the guest is printing now is still about what was done to it.
        console.quiet(LAST_WORDS, LAST_WORDS_MOST).await;
        let end = if matches!(how, Stop::Kill | Stop::Discard | Stop::DiscardWithEvidence) {
            self.machine.kill().await
        } else {
            self.guest.close().await;
            // Stretches the deadline itself.
            self.machine.power_down(POWER_OFF).await
        };
        // The reader ends when QEMU has closed its side; what it printed last is then judged.
        let _ = tokio::time::timeout(Duration::from_secs(5), console.closed()).await;
        let new = hits(&console, self.findings_seen);
        self.findings_seen += new.len();
        record.end = Some(end.to_string());
        record.guest_seconds = record.guest_seconds.map(|seconds| seconds + begun.elapsed().as_secs_f64());
        (record, new)
    }
}

impl HostMachine {
    /// What the guest answered, or why it cannot be asked any more.
    async fn answers(
        &self,
        asked: impl Future<Output = Vec<Result<Reply, GuestError>>>,
    ) -> Result<Vec<Reply>, Failure> {
        let begun = Instant::now();
        let answers: Result<Vec<Reply>, GuestError> = asked.await.into_iter().collect();
        self.waited.fetch_add(micros(begun), Ordering::Relaxed);
        match answers {
            Ok(replies) => Ok(replies),
            // A dead machine loses its connection too; which came first depends on the hour. The
            // death says more.
            Err(error) => match tokio::time::timeout(NEWS.mul_f64(self.scale), self.death()).await {
                Ok(death) => Err(death),
                Err(_) => Err(guest_failure(&error).with_detail(console_tail(&self.machine))),
            },
        }
    }

    /// The journal of this boot, for whoever reads the failure. Its absence is not worth a word.
    async fn save_journal(&self) {
        if !self.facts.capabilities.contains("journal") {
            return;
        }
        let script = "journalctl -b --no-pager -o short-monotonic -n 20000".to_owned();
        let request = Request { script, timeout: Duration::from_secs(10).mul_f64(self.scale), limit: JOURNAL_LIMIT };
        if let Ok(reply) = self.guest.run(request).await {
            let _ = fs_err::write(self.dir.join("journal.txt"), text::escape_bytes(&reply.stdout));
        }
    }
}
