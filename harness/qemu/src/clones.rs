//! Freezing a booted machine of this host into a template, and cloning machines from it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crate::Machine;
use crate::boot::give_up;
use crate::capsule::UefiDigests;
use crate::death::death_of;
use crate::host_machine::{HostMachine, micros};
use crate::shape::Shape;
use crate::ssh_login::LOGIN;
use crate::template::Template;
use crate::template_store::Hold;
use crate::warm_ports::WARM_PORTS;
use muster_base::failure::{self, Failure};
use muster_base::fault::Fault as _;
use muster_base::text;
use muster_engine::driver::{BootFailure, Frozen, Live};
use muster_engine::settle::guest_failure;
use muster_guest::{Guest, HostKey, HostKeyPolicy, PortPair, Request, Target, warm};
use muster_record::facts::Facts;
use muster_record::finding::Finding;
use muster_record::run::{MachineRecord, no_machine};

/// How far a clone's clock may be from the host's after it was set, in seconds: far less than any
/// certificate or time-out would notice, and more than a slow first command takes.
const CLOCK_TOLERANCE: f64 = 5.0;
/// How long the first command of a clone may take, unscaled.
const FIRST_COMMAND: Duration = Duration::from_secs(15);

/// A frozen machine of this host.
pub struct HostTemplate {
    pub(super) machine: String,
    /// Shared with whoever writes it to the cache meanwhile.
    pub(super) template: Arc<Template>,
    pub(super) facts: Facts,
    pub(super) host_key: Option<HostKey>,
    /// Whether a shell waits behind the ports.
    pub(super) warm: bool,
    /// Seconds that its boot took.
    pub(super) boot_seconds: f64,
    /// Everything that its console showed.
    pub(super) console: Vec<Finding>,
    /// The private key that opens its guest; that of the run that made it.
    pub(super) key: PathBuf,
    /// Which UEFI booted it; `None` with another firmware.
    pub(super) firmware: Option<UefiDigests>,
    /// When it comes from the cache: what keeps it there.
    pub(super) kept: Option<Hold>,
}

impl HostTemplate {
    /// MiB of memory that it holds.
    pub(super) fn resident_mib(&self) -> u32 {
        u32::try_from(self.template.resident() >> 20).unwrap_or(u32::MAX)
    }
}

/// Freezes a machine: starts the shell that stays warm, ends the SSH login, stops the guest for good.
pub(super) async fn freeze(live: HostMachine) -> Frozen<HostMachine, HostTemplate> {
    if let Err(reason) = live.machine.can_freeze() {
        return Frozen::Refused { live, reason: reason.to_string() };
    }
    let host_key = live.guest.host_key();
    let target = known(&live.target, host_key.as_ref());
    let key = target.private_key.clone();
    // Held until the guest has stopped: its shell would take a closed port for the end of its input.
    let shell = warm_shell(&live, target).await;
    if shell.is_none() {
        live.guest.close().await;
    }
    let mut record = live.record();
    record.channel = Some("ssh".to_owned());
    let HostMachine { machine, facts, firmware, findings_seen, .. } = live;
    let id = machine.id().to_owned();
    let console = machine.console().clone();
    let frozen = machine.freeze().await;
    let warm = shell.is_some();
    drop(shell);
    let findings: Vec<Finding> = console.findings_after(findings_seen);
    match frozen {
        Ok(template) => {
            record.end = Some("frozen".to_owned());
            Frozen::Template {
                template: HostTemplate {
                    machine: id,
                    template: Arc::new(template),
                    facts,
                    host_key,
                    warm,
                    boot_seconds: record.boot_seconds.unwrap_or_default(),
                    console: console.findings(),
                    key,
                    firmware,
                    kept: None,
                },
                record,
                findings,
            }
        }
        Err(error) => {
            record.end = Some("killed".to_owned());
            Frozen::Lost { reason: error.to_string(), record, findings }
        }
    }
}

/// A shell on the ports that answers, the SSH login that started it ended; `None` where the guest
/// cannot have one, and its clones log in by SSH.
async fn warm_shell(live: &HostMachine, target: Target) -> Option<Guest> {
    let login = warm::start(&live.guest, WARM_PORTS, live.scale).await.ok()?;
    let [main, errors] = live.machine.warm_ports().ok()?;
    let ports = PortPair::new(main, errors).ok()?;
    let deadline = Instant::now() + LOGIN.mul_f64(live.scale);
    let shell = Guest::wake(target, ports, deadline, live.scale).await.ok().filter(Guest::is_warm)?;
    live.guest.close().await;
    warm::farewell(&shell, login, live.scale).await;
    // Some systems end everything that a login has started.
    let alive = Request { script: "true".to_owned(), timeout: FIRST_COMMAND.mul_f64(live.scale), limit: 64 };
    shell.run(alive).await.ok()?;
    Some(shell).filter(Guest::is_warm)
}

/// The same target, which must show the host key that is known.
fn known(target: &Target, host_key: Option<&HostKey>) -> Target {
    let host_key = host_key.map_or(HostKeyPolicy::AcceptFirst, |key| HostKeyPolicy::Expect(vec![key.clone()]));
    Target { host_key, ..target.clone() }
}

/// Starts a machine where the template stopped, and sets its clock.
pub(super) async fn start_clone(
    shape: &Shape<'_>,
    template: &HostTemplate,
    id: &str,
) -> Result<HostMachine, BootFailure> {
    let begun = Instant::now();
    let (host, dir, image) = (shape.host, shape.dir(id), shape.image_id());
    let cloned_from = Some(template.machine.clone());
    let started =
        Machine::start_clone(&template.template, id, dir.as_std_path(), &host.accel, &host.spawner, host.rules.clone())
            .await;
    let machine = match started {
        Ok(machine) => machine,
        Err(error) => {
            let failure = error.failure();
            let record = MachineRecord { cloned_from, ..no_machine(id, image, "did not start") };
            return Err(BootFailure { failure, findings: Vec::new(), record });
        }
    };
    let scale = shape.scale();
    let mut target = known(&shape.target(&machine), template.host_key.as_ref());
    target.private_key.clone_from(&template.key);
    let arrival = tokio::select! {
        biased;
        failure = death_of(&machine, 0, scale, false) => Err(failure),
        arrival = arrive(&machine, target.clone(), template.warm, scale) => arrival,
    };
    match arrival {
        Ok(guest) => Ok(HostMachine {
            image: image.to_owned(),
            dir,
            cloned_from,
            boot_seconds: machine.started().elapsed().as_secs_f64(),
            boot: None,
            firmware: template.firmware.clone(),
            resets: 0,
            boot_deadline: shape.boot_deadline(),
            unproven: None,
            scale,
            target,
            machine,
            guest,
            // What an older muster has kept may lack it.
            facts: shape.with_origin(template.facts.clone()),
            findings_seen: 0,
            origin: None,
            largest_clone_mib: Some(shape.largest_clone_mib.clone()),
            waited: AtomicU64::new(micros(begun)),
        }),
        Err(failure) => Err(give_up(machine, image, cloned_from, failure).await),
    }
}

/// Reaches the guest and sets its clock, which stood still while the template was frozen.
async fn arrive(machine: &Machine, target: Target, warm: bool, scale: f64) -> Result<Guest, Failure> {
    let deadline = Instant::now() + LOGIN.mul_f64(scale);
    let ports = match warm {
        true => machine.warm_ports().and_then(|[main, errors]| PortPair::new(main, errors)).ok(),
        false => None,
    };
    let guest = match ports {
        Some(ports) => Guest::wake(target, ports, deadline, scale).await,
        None => Guest::connect(target, deadline, scale).await,
    };
    let guest = guest.map_err(|error| Failure::from(&error))?;
    set_clock(&guest, scale).await?;
    Ok(guest)
}

pub(super) async fn set_clock(guest: &Guest, scale: f64) -> Result<(), Failure> {
    let seconds = since_epoch();
    let script = format!("date -u -s @{seconds:.0} >/dev/null; date -u +%s");
    let request = Request { script, timeout: FIRST_COMMAND.mul_f64(scale), limit: 256 };
    let reply = guest.run(request).await.map_err(|error| guest_failure(&error))?;
    let said = text::one_line(&text::escape_bytes(&reply.stdout), 40);
    match said.trim().parse::<f64>() {
        Ok(guest) if (guest - since_epoch()).abs() <= CLOCK_TOLERANCE + reply.elapsed.as_secs_f64() => Ok(()),
        _ => {
            let errors = text::last_words(&text::escape_bytes(&reply.stderr), 200);
            let text = format!("the clock of the clone could not be set: it says `{said}`: {errors}");
            Err(Failure::new(failure::PROBE_FAILED, text))
        }
    }
}

fn since_epoch() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
