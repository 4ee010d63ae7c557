//! Booting a machine of this host, until somebody can work in its guest.

use std::convert::Infallible;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use camino::Utf8Path;

use super::death::{console_tail, death_of};
use super::host::MeasuredBoots;
use super::host_machine::{HostMachine, micros};
use super::shape::Shape;
use crate::running::MachineState;
use crate::{Machine, MachineRequest, quiet, timeline};
use muster_base::failure::{self, Failure};
use muster_base::fault::Fault as _;
use muster_base::text;
use muster_boot_time::measure::measure;
use muster_engine::boot_evidence;
use muster_engine::driver::BootFailure;
use muster_engine::refused;
use muster_engine::settle::{guest_failure, settle};
use muster_guest::{ConnectError, Guest, HostKey, LastState, Target, facts};
use muster_record::event::Event;
use muster_record::facts::Facts;
use muster_record::run::{MachineRecord, no_machine};

/// How often a machine that boots says what it prints.
const BETWEEN_LINES: Duration = Duration::from_secs(1);
/// Characters of such a line at most; the schema of events has the number too.
const LONGEST_LINE: usize = 200;

/// A machine that did not come up, and whether QEMU is to blame.
struct Down {
    failure: BootFailure,
    aborted: bool,
}

/// Boots a machine and waits until its boot has settled; once more when QEMU itself broke down.
pub(super) async fn boot(shape: &Shape<'_>, id: &str, freezable: bool) -> Result<HostMachine, BootFailure> {
    match boot_once(shape, id, freezable).await {
        Ok(live) => return Ok(live),
        Err(down) if !down.aborted => return Err(down.failure),
        Err(_) => {}
    }
    let (dir, kept) = (shape.dir(id), shape.dir(&format!("{id}-aborted")));
    // What is left of it is evidence; the next machine has the name and begins anew.
    let left = match fs_err::rename(&dir, &kept) {
        Ok(()) => format!("its files are in {kept}"),
        Err(error) => format!("its files are lost: {error}"),
    };
    let text =
        format!("QEMU stopped at an assertion of its own while {id} booted, and it was started once more; {left}");
    shape.host.events.notice(text);
    boot_once(shape, id, freezable).await.map_err(|down| down.failure)
}

/// Boots it, or gives up.
async fn boot_once(shape: &Shape<'_>, id: &str, freezable: bool) -> Result<HostMachine, Down> {
    let begun = Instant::now();
    let dir = shape.dir(id);
    // A template is not measured, and its clones could not be.
    let measured = if freezable { MeasuredBoots::No } else { shape.host.measured };
    let request = MachineRequest {
        id,
        spec: &shape.spec,
        image: &shape.image,
        accel: &shape.host.accel,
        network: shape.network,
        segment: shape.segment,
        key: &shape.host.key,
        rules: shape.host.rules.clone(),
        freezable,
        metered: measured == MeasuredBoots::Instructions,
        dir: dir.as_std_path(),
    };
    let machine = match Machine::start(request, &shape.host.spawner).await {
        Ok(machine) => machine,
        Err(error) => {
            let failure = error.failure();
            let record = no_machine(id, &shape.spec.id, "did not start");
            let failure = BootFailure { failure, findings: Vec::new(), record };
            return Err(Down { failure, aborted: false });
        }
    };
    let deadline = machine.started() + shape.boot_deadline();
    let mut target = shape.target(&machine);
    if measured != MeasuredBoots::No {
        target.hold = quiet::hold(&machine, shape.scale());
    }
    let refusals = target.refusals.clone();
    let arrival = tokio::select! {
        biased;
        failure = death_of(&machine, 0, shape.scale(), true) => Err(failure),
        arrival = arrive(shape, &machine, target.clone(), deadline) => arrival,
    };
    match arrival {
        Ok((guest, facts, boot_seconds)) => {
            machine.console().announce_login();
            save_facts(&dir, &facts);
            let mut live = HostMachine {
                image: shape.spec.id.clone(),
                dir,
                cloned_from: None,
                boot_seconds,
                boot: None,
                firmware: machine.uefi_digests(),
                resets: resets_of(&machine),
                boot_deadline: shape.boot_deadline(),
                unproven: None,
                scale: shape.scale(),
                target,
                machine,
                guest,
                facts,
                findings_seen: 0,
                origin: Some(shape.origin()),
                largest_clone_mib: None,
                waited: AtomicU64::new(micros(begun)),
            };
            live.boot = boot_evidence::parts(&live).await;
            Ok(live)
        }
        Err(failure) => {
            let aborted = has_aborted(&machine);
            // How far it came, as the console shows it.
            let boot = boot_evidence::record_of(&measure(&timeline::evidence(&machine, &refusals)));
            let mut failure = give_up(machine, &shape.spec.id, None, failure).await;
            failure.record.boot = boot;
            Err(Down { failure, aborted })
        }
    }
}

/// Waits until the guest answers over SSH and its boot has settled.
async fn arrive(
    shape: &Shape<'_>,
    machine: &Machine,
    target: Target,
    deadline: Instant,
) -> Result<(Guest, Facts, f64), Failure> {
    let scale = shape.scale();
    let (addr, user) = (target.addr, target.user.clone());
    let report = |times| {
        let event = Event::LoginRefused { machine: machine.id().to_owned(), user: user.clone(), times };
        shape.host.events.emit(event);
    };
    let console = machine.console();
    let settled = |refused| {
        let lines = || console.excerpt(usize::MAX);
        refused::settled(refused, shape.spec.seed, lines, console.silence(), scale, Instant::now())
    };
    let refused = refused::watch(target.refusals.subscribe(), report, settled);
    let guest = tokio::select! {
        biased;
        never = show_console(shape, machine) => match never {},
        guest = Guest::connect(target, deadline, scale) => {
            guest.map_err(|error| Failure::from(&error).with_detail(console_tail(machine)))?
        }
        (times, why) = refused => {
            let (waited, last) = (machine.started().elapsed(), LastState::KeyRefused { times });
            let error = ConnectError { addr, user: user.clone(), waited, last };
            let text = format!("{error}; nothing more was waited for: {why}");
            return Err(Failure::of(Failure::from(&error).id, &text).with_detail(console_tail(machine)));
        }
    };
    let boot_seconds = machine.started().elapsed().as_secs_f64();
    compare_host_key(&guest, machine)?;
    let seen = facts::collect(&guest, scale).await.map_err(|error| guest_failure(&error))?;
    let facts = shape.with_origin(seen);
    if facts.systemd.is_some() {
        settle(&guest, deadline).await?;
    }
    Ok((guest, facts, boot_seconds))
}

/// Says what a machine that boots prints: its newest line, at most once a second.
async fn show_console(shape: &Shape<'_>, machine: &Machine) -> Infallible {
    let mut shown = String::new();
    loop {
        tokio::time::sleep(BETWEEN_LINES).await;
        let Some(line) = machine.console().excerpt(1).pop() else { continue };
        let line = text::one_line(&line, LONGEST_LINE);
        if line != shown && !line.trim().is_empty() {
            shown.clone_from(&line);
            shape.host.events.emit(Event::Booting { machine: machine.id().to_owned(), line });
        }
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
    let qemu = machine.qmp().version().map(str::to_owned);
    let end = machine.kill().await;
    let findings = console.findings();
    let record = MachineRecord { cloned_from, qemu, ..no_machine(&id, image, &end.to_string()) };
    BootFailure { failure, findings, record }
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

fn save_facts(dir: &Utf8Path, facts: &Facts) {
    // Only a convenience for people: run.json holds the facts too.
    if let Ok(json) = serde_json::to_string_pretty(facts) {
        let _ = fs_err::write(dir.join("facts.json"), json);
    }
}

fn resets_of(machine: &Machine) -> u32 {
    match *machine.state().borrow() {
        MachineState::Running { resets } => resets,
        _ => 0,
    }
}
