//! Machines without QEMU, for tests of the engine alone: a script of how each boot goes, and a
//! guest that answers what its test wants to hear.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use camino::Utf8Path;

use super::budget::Cost;
use super::capsule::{CapsuleStore, Written};
use super::driver::{BootFailure, BootLeft, BootSeen, Driver, Frozen, Live, Recalled, Stop};
use super::engine::Images;
use super::plan::MachineSpec;
use super::reboot::Rebooted;
use muster_base::failure::{self, Failure, Location};
use muster_boot_time::curve::Point;
use muster_boot_time::measure::Evidence;
use muster_boot_time::sample::{Population, Series};
use muster_guest::{End, Reply, Request};
use muster_record::facts::Facts;
use muster_record::finding::Finding;
use muster_record::run::{MachineRecord, TestRecord, no_machine};
use muster_suite::model::{Action, GuestMode, MachineOverrides, RebootKind, Step, Suite, Test};

/// What the fake guest does with a command line.
pub fn reply(script: &str) -> Result<Reply, Failure> {
    match script {
        "die" => Err(Failure::new(failure::SSH_LOST, "the guest died")),
        "false" => Ok(Reply { status: 1, ..Reply::default() }),
        _ => Ok(Reply::default()),
    }
}

/// What an earlier run left of a kept template.
pub type Kept = (BootLeft, Vec<Finding>);

/// Boots fake machines; the boots whose number is in `broken` fail.
#[derive(Clone, Default)]
pub struct FakeDriver {
    /// Shapes that were asked for.
    pub machine_specs: Arc<Mutex<Vec<MachineSpec>>>,
    /// Numbers of boots that fail, from 1.
    pub broken: Vec<u32>,
    /// How many machines were booted.
    pub boots: Arc<Mutex<u32>>,
    /// How machines were ended, in order.
    pub stops: Arc<Mutex<Vec<Stop>>>,
    /// Machines cannot be frozen, for this reason.
    pub rigid: Option<&'static str>,
    /// How many clones work; those after them fail.
    pub clones_that_work: Option<u32>,
    /// How many clones were made.
    pub clones: Arc<Mutex<u32>>,
    /// Reboots, in order.
    pub reboots: Arc<Mutex<Vec<RebootKind>>>,
    /// How often `moody` still fails.
    pub moods: Arc<Mutex<u32>>,
    /// Every command line that was run.
    pub said: Arc<Mutex<Vec<String>>>,
    /// Machines of failed tests are kept here.
    pub capsule_store: Option<Arc<CapsuleStore>>,
    /// Machines do not go on after they were kept, for this reason.
    pub stands_still: Option<&'static str>,
    /// Templates are kept between runs.
    pub keeps: bool,
    /// What an earlier run has kept, and how often it was taken back.
    pub kept: Arc<Mutex<Option<Kept>>>,
    /// How often it was taken back.
    pub disowned: Arc<Mutex<u32>>,
    /// What this run has kept.
    pub keepsakes: Arc<Mutex<Vec<BootLeft>>>,
    /// Boots of its machines are seen, the first as such; of later ones each takes as many instructions as the next of these says.
    pub boots_seen: Option<Arc<Mutex<Vec<u64>>>>,
    /// What probes are read by a shell of this host, and not by a fake guest.
    pub host: Option<Arc<Host>>,
    /// What its guests are.
    pub facts: Facts,
    /// `meet` ends when so many machines run it at once.
    pub meeting: Option<Arc<tokio::sync::Barrier>>,
    /// The machines that were connected, by their ids, in order.
    pub connected: Arc<Mutex<Vec<Vec<String>>>>,
    /// The id of a machine that dies as soon as somebody says `hang` to another.
    pub dies: Option<&'static str>,
    /// What was said to which machine, `id: script`, without what joins it with others.
    pub heard: Arc<Mutex<Vec<String>>>,
    /// What guests reply to a script that begins with this text, instead of the usual: the first that fits.
    pub answers: Vec<(&'static str, Reply)>,
    /// The status with which guests answer to the scripts that join them with others, when that is not 0.
    pub joins: i32,
    /// What runs after each reboot of one of its machines, in order; afterwards the kernel stays what it is. Every package holds
    /// the first.
    pub kernels: Vec<&'static str>,
    /// Its machines are cut off from every network.
    pub reaches_nothing: bool,
    /// What the console of a machine shows when this is said to it.
    pub shows: Vec<(&'static str, Finding)>,
    /// Of what the machine dies that does, when it does not just end.
    pub dies_of: Option<Failure>,
}

/// This host's shell as a guest, with a kernel that one path taints.
#[derive(Default)]
pub struct Host {
    /// How many times it was spoken to.
    pub trips: Mutex<u32>,
    taint: Mutex<u64>,
}

impl Host {
    /// A script that names this taints the kernel.
    pub const TAINTS: &str = "/taints-the-kernel";

    fn reply(&self, request: &Request) -> Reply {
        let script = request.script.as_str();
        let mut taint = self.taint.lock().unwrap();
        let began = std::time::Instant::now();
        if script.starts_with("taint=") {
            return Reply { stdout: format!("taint {taint}\noom 0\n").into_bytes(), ..Reply::default() };
        }
        if script.contains(Self::TAINTS) {
            *taint |= 1;
        }
        let output = std::process::Command::new("/bin/sh").args(["-c", script]).output().unwrap();
        let status = output.status.code().unwrap_or(255);
        let long = output.stdout.len().max(output.stderr.len()) > request.limit;
        let end = if long { End::TooMuchOutput } else { End::Exited };
        let cut = |mut stream: Vec<u8>| {
            stream.truncate(request.limit);
            stream
        };
        let (stdout, stderr) = (cut(output.stdout), cut(output.stderr));
        Reply { status, stdout, stderr, end, elapsed: began.elapsed(), ..Reply::default() }
    }
}

impl Driver for FakeDriver {
    type Live = FakeMachine;
    type Template = ();

    fn with_spec(&self, machine_spec: &MachineSpec) -> Result<Self, Failure> {
        self.machine_specs.lock().unwrap().push(machine_spec.clone());
        if machine_spec.overrides.cpus == Some(255) {
            return Err(Failure::new(failure::QEMU_REFUSED, "no such machine"));
        }
        Ok(self.clone())
    }

    fn boot_deadline(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn cost(&self, _: bool) -> Cost {
        Cost { centicores: 100, memory_mib: 100 }
    }

    fn connect(&self, machines: &[&FakeMachine]) -> Result<(), Failure> {
        self.connected.lock().unwrap().push(machines.iter().map(|machine| machine.id.clone()).collect());
        Ok(())
    }

    fn capsules(&self) -> Option<&CapsuleStore> {
        self.capsule_store.as_deref()
    }

    async fn capture(&self, _: &mut FakeMachine, dir: &Utf8Path, room: u64, test: &TestRecord) -> Written {
        std::fs::write(dir.join("said"), &test.failures[0].message).unwrap();
        Written { capsule: Ok(room.min(10)), goes_on: self.stands_still.map_or(Ok(()), |why| Err(why.into())) }
    }

    fn template_mib(&self, (): &()) -> u32 {
        50
    }

    async fn boot(&self, id: &str, _: bool) -> Result<FakeMachine, BootFailure> {
        let number = {
            let mut boots = self.boots.lock().unwrap();
            *boots += 1;
            *boots
        };
        if self.broken.contains(&number) {
            let failure = Failure::new(failure::BOOT_TIMEOUT, "nobody answers");
            return Err(BootFailure { failure, findings: Vec::new(), record: no_machine(id, "fake", "killed") });
        }
        Ok(self.machine(id, None))
    }

    async fn freeze(&self, live: FakeMachine) -> Frozen<FakeMachine, ()> {
        match self.rigid {
            Some(reason) => Frozen::Refused { live, reason: reason.to_owned() },
            None => Frozen::Template { template: (), record: live.record(), findings: Vec::new() },
        }
    }

    async fn start_clone(&self, (): &(), id: &str) -> Result<FakeMachine, BootFailure> {
        let mut clones = self.clones.lock().unwrap();
        *clones += 1;
        if self.clones_that_work.is_some_and(|limit| *clones > limit) {
            let failure = Failure::new(failure::QEMU_REFUSED, "no");
            return Err(BootFailure { failure, findings: Vec::new(), record: no_machine(id, "fake", "killed") });
        }
        Ok(self.machine(id, Some("fake-1".to_owned())))
    }

    fn keeps_templates(&self) -> bool {
        self.keeps
    }

    async fn recall(&self) -> Option<Recalled<()>> {
        let (left, findings) = self.kept.lock().unwrap().take()?;
        Some(Recalled { template: (), name: "template-0".to_owned(), left, findings })
    }

    async fn keep(&self, (): &(), left: &BootLeft) {
        self.keepsakes.lock().unwrap().push(left.clone());
    }

    async fn disown(&self, (): &()) {
        *self.disowned.lock().unwrap() += 1;
    }
}

impl FakeDriver {
    fn machine(&self, id: &str, cloned_from: Option<String>) -> FakeMachine {
        let mut machine = FakeMachine {
            id: id.to_owned(),
            facts: self.facts.clone(),
            stops: self.stops.clone(),
            reboots: self.reboots.clone(),
            moods: self.moods.clone(),
            said: self.said.clone(),
            host: self.host.clone(),
            boots_seen: self.boots_seen.clone(),
            meeting: self.meeting.clone(),
            dies: self.dies.filter(|dies| *dies == id).is_some(),
            joins: self.joins,
            reaches_nothing: self.reaches_nothing,
            shows: self.shows.clone(),
            shown: Mutex::default(),
            dies_of: self.dies_of.clone(),
            heard: self.heard.clone(),
            answers: self.answers.clone(),
            kernels: self.kernels.clone(),
            // A clone goes on where its template is, which was rebooted once.
            rebooted: usize::from(cloned_from.is_some()),
            cloned_from,
        };
        if let Some(kernel) = machine.kernels.first().filter(|_| machine.rebooted > 0) {
            machine.facts.kernel = (*kernel).to_owned();
        }
        machine
    }
}

/// A machine that answers from a table.
pub struct FakeMachine {
    id: String,
    cloned_from: Option<String>,
    facts: Facts,
    stops: Arc<Mutex<Vec<Stop>>>,
    reboots: Arc<Mutex<Vec<RebootKind>>>,
    moods: Arc<Mutex<u32>>,
    said: Arc<Mutex<Vec<String>>>,
    host: Option<Arc<Host>>,
    boots_seen: Option<Arc<Mutex<Vec<u64>>>>,
    meeting: Option<Arc<tokio::sync::Barrier>>,
    dies: bool,
    joins: i32,
    reaches_nothing: bool,
    shows: Vec<(&'static str, Finding)>,
    shown: Mutex<Vec<Finding>>,
    dies_of: Option<Failure>,
    heard: Arc<Mutex<Vec<String>>>,
    answers: Vec<(&'static str, Reply)>,
    kernels: Vec<&'static str>,
    rebooted: usize,
}

impl FakeMachine {
    fn has_heard(&self, what: &str) -> bool {
        self.said.lock().unwrap().iter().any(|said| said == what)
    }
}

impl Live for FakeMachine {
    fn reaches_nothing(&self) -> bool {
        self.reaches_nothing
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn note_products(&mut self, packages: Vec<String>) {
        self.facts.products = packages;
    }

    fn record(&self) -> MachineRecord {
        MachineRecord {
            id: self.id.clone(),
            image: "fake".into(),
            cloned_from: self.cloned_from.clone(),
            boot_seconds: Some(0.5),
            ..MachineRecord::default()
        }
    }

    fn deadline_scale(&self) -> f64 {
        1.0
    }

    async fn batch(&self, requests: Vec<Request>) -> Result<Vec<Reply>, Failure> {
        if let Some(host) = &self.host {
            *host.trips.lock().unwrap() += 1;
            self.said.lock().unwrap().extend(requests.iter().map(|request| request.script.clone()));
            return Ok(requests.iter().map(|request| host.reply(request)).collect());
        }
        if let Some(meeting) = self.meeting.as_ref().filter(|_| requests.iter().any(|one| one.script == "meet")) {
            meeting.wait().await;
        }
        let said = |what: &str| requests.iter().any(|request| request.script == what);
        let shown = self.shows.iter().filter(|(what, _)| said(what)).map(|(_, finding)| finding.clone());
        self.shown.lock().unwrap().extend(shown);
        if requests.iter().any(|request| request.script == "hang") {
            self.said.lock().unwrap().push("hang".to_owned());
            return std::future::pending().await;
        }
        let answer = |request: &Request| {
            if request.script.contains("/sys/class/net/") {
                let said = if request.script.contains("/etc/hosts") { "join" } else { "confirm" };
                self.said.lock().unwrap().push(format!("{said} {}", self.id));
                return Ok(Reply { status: self.joins, stdout: b"eth1 ipv6\n".to_vec(), ..Reply::default() });
            }
            if let (true, Some(kernel)) = (request.script.contains("kernel(-core)?-uname-r"), self.kernels.first()) {
                return Ok(Reply { stdout: format!("{kernel}\n").into_bytes(), ..Reply::default() });
            }
            if request.script.contains("uname -r && uname -v") {
                return Ok(Reply {
                    stdout: format!("{}\n#1\nx86_64\n", self.facts.kernel).into_bytes(),
                    ..Reply::default()
                });
            }
            self.said.lock().unwrap().push(request.script.clone());
            self.heard.lock().unwrap().push(format!("{}: {}", self.id, request.script));
            if let Some((_, reply)) = self.answers.iter().find(|(text, _)| request.script.starts_with(text)) {
                return Ok(reply.clone());
            }
            let mut moods = self.moods.lock().unwrap();
            if request.script == "moody" && *moods > 0 {
                *moods -= 1;
                return reply("false");
            }
            reply(&request.script)
        };
        requests.iter().map(answer).collect()
    }

    fn findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.shown.lock().unwrap())
    }

    async fn death(&self) -> Failure {
        while !(self.dies && self.has_heard("hang")) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let ended = || Failure::new(failure::MACHINE_EXITED, format!("QEMU of {} ended", self.id));
        self.dies_of.clone().unwrap_or_else(ended)
    }

    async fn plug(&self, plugged: bool) -> Result<(), Failure> {
        self.said.lock().unwrap().push(format!("{} {}", if plugged { "plug" } else { "unplug" }, self.id));
        Ok(())
    }

    async fn log_in(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn reboot(&mut self, how: RebootKind, _: Option<Duration>) -> Result<Rebooted, Failure> {
        self.reboots.lock().unwrap().push(how);
        match how {
            RebootKind::Hard => Err(Failure::new(failure::REBOOT_TIMEOUT, "it stays down")),
            _ => {
                self.facts.boot_id.push('+');
                if let Some(kernel) = self.kernels.get(self.rebooted) {
                    self.facts.kernel = (*kernel).to_owned();
                }
                self.rebooted += 1;
                Ok(Rebooted { seconds: 1.0, remarks: Vec::new() })
            }
        }
    }

    fn boot_seen(&self) -> Option<BootSeen> {
        let counts = self.boots_seen.as_ref()?;
        let later = self.facts.boot_id.ends_with('+');
        Some(boot_seen(later, if later { counts.lock().unwrap().remove(0) } else { 1 }))
    }

    async fn stop(mut self, how: Stop) -> (MachineRecord, Vec<Finding>) {
        self.stops.lock().unwrap().push(how);
        (self.record(), self.findings())
    }
}

/// A boot of ten seconds, without systemd: its end is that sshd answers.
pub fn boot_seen(later: bool, instructions: u64) -> BootSeen {
    const SECOND: u64 = 1_000_000_000;

    let series = Series {
        image: "fake".to_owned(),
        accelerator: "tcg".to_owned(),
        machine: "fake".to_owned(),
        qemu: "10.0.2".to_owned(),
        host: "fake".to_owned(),
        boots: if later { Population::Later } else { Population::First },
    };
    let point = |at, instructions| Point { at, instructions };
    let evidence = Evidence {
        started: SECOND,
        greeted: Some(11 * SECOND),
        points: vec![point(SECOND, 0), point(11 * SECOND, instructions), point(12 * SECOND, instructions)],
        ..Evidence::default()
    };
    BootSeen { series, image_sha256: "0".repeat(64), evidence }
}

/// Images that are ready, with machines of one driver, or are not.
pub struct FakeImages(pub Result<FakeDriver, Failure>);

impl Images for FakeImages {
    type Driver = FakeDriver;

    async fn prepare(&self, _: &str) -> Result<FakeDriver, Failure> {
        self.0.clone()
    }

    fn cost(&self, _: &str) -> Cost {
        Cost { centicores: 100, memory_mib: 100 }
    }

    async fn verify_unchanged(&self, _: &str) -> Result<(), Failure> {
        Ok(())
    }
}

/// A place in a file that does not exist.
pub fn location() -> Location {
    Location { file: Arc::from("fake.yaml"), line: 1, column: 1 }
}

/// A step that runs this command line; `(reboot soft)` and `(reboot hard)` are reboots.
pub fn step(command: &str) -> Step {
    let action = match command {
        "(reboot soft)" => Action::Reboot(RebootKind::Soft),
        "(reboot hard)" => Action::Reboot(RebootKind::Hard),
        command => Action::Run { command: command.into(), expect: Vec::new(), eventually: None },
    };
    Step { action, timeout: None, on: None, location: location() }
}

/// A test that runs these command lines.
pub fn test(id: &str, needs: &[&str], commands: &[&str]) -> Test {
    Test {
        id: id.into(),
        cell: Vec::new(),
        machine: MachineOverrides::default(),
        summary: String::new(),
        tags: Vec::new(),
        links: Vec::new(),
        covers: Vec::new(),
        when: None,
        adjust: Vec::new(),
        needs: needs.iter().map(|need| (*need).into()).collect(),
        timeout: Duration::from_secs(5),
        retry: 0,
        guest: GuestMode::Shared,
        internet: false,
        machines: Vec::new(),
        steps: commands.iter().map(|command| step(command)).collect(),
        expect: Vec::new(),
        snapshots: Vec::new(),
        location: location(),
    }
}

/// A suite of that name with these tests.
pub fn suite(tests: Vec<Test>) -> Arc<Suite> {
    Arc::new(Suite {
        name: "fake".into(),
        file: Arc::from("fake.yaml"),
        summary: String::new(),
        tags: Vec::new(),
        images: None,
        base_checks: BTreeMap::new(),
        setup: Vec::new(),
        teardown: Vec::new(),
        tests,
        accepted: None,
        digest: String::new(),
        parts: Vec::new(),
    })
}
