//! A reboot of a machine of this host: QMP presses the button and counts resets, the console shows
//! kernels start and panic.

use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use camino::Utf8Path;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::Machine;
use crate::death::{console_tail, fatal_failure};
use crate::running::{MachineState, Tally};
use muster_base::failure::{self, Failure, FailureId};
use muster_base::text;
use muster_engine::reboot::evidence::{self, Evidence};
use muster_engine::reboot::{Silent, Subject};
use muster_guest::{End, Guest, Request, facts};
use muster_record::facts::Facts;
use muster_record::finding::Finding;
use muster_suite::model::RebootKind;

/// How long QEMU may take to press the reset button, unscaled.
const PRESS: Duration = Duration::from_secs(10);
/// How long the guest may take to be prepared for a crash, unscaled.
const PREPARE: Duration = Duration::from_secs(20);
/// Seconds from a panic to the reboot, where the guest has none of its own: enough to print a trace.
const PANIC_SECONDS: u32 = 2;
/// What stands in the last line of a panic.
const END_OF_PANIC: &str = "---[ end Kernel panic";
/// Categories in which a kernel tells of the bad access that is a crash's cause; kernels before 5.0
/// make one to crash.
const CAUSES: &[&str] = &["oops", "bug"];

/// What a reboot changed.
pub(crate) struct Outcome {
    /// The facts of the new boot.
    pub facts: Facts,
    /// How often the guest has reset the machine since its start, as of now.
    pub resets: u32,
    /// What a reader should know about it.
    pub remarks: Vec<String>,
}

/// A machine that is being rebooted.
struct Rebooting<'m> {
    machine: &'m Machine,
    guest: &'m Guest,
    facts: &'m Facts,
    how: RebootKind,
    scale: f64,
    before: Tally,
    tally: watch::Receiver<Tally>,
    /// Resets that [`Subject::reset`] has reported.
    reported: AtomicU32,
    /// Whether the panic that was asked for has been seen on the console.
    panicked: AtomicBool,
    findings_before: usize,
}

/// Reboots the machine and proves that it happened once. `directory` is the machine's, with its log.
pub(crate) async fn reboot(
    machine: &Machine,
    guest: &Guest,
    facts: &Facts,
    dir: &Utf8Path,
    scale: f64,
    how: RebootKind,
    deadline: Instant,
) -> Result<Outcome, Failure> {
    let (crash_kernel, mut remarks) = match how {
        RebootKind::Crash => prepare_crash(guest, scale).await?,
        RebootKind::Soft | RebootKind::Hard => (false, Vec::new()),
    };
    let log = dir.join("console.log");
    let log_from = fs_err::metadata(&log).map_or(0, |data| data.len());
    let tally = machine.tally();
    let before = *tally.borrow();
    let rebooting = Rebooting {
        machine,
        guest,
        facts,
        how,
        scale,
        before,
        reported: AtomicU32::new(before.resets()),
        tally,
        panicked: AtomicBool::new(false),
        findings_before: machine.console().findings().len(),
    };
    let boot_ids = tokio::select! {
        biased;
        failure = rebooting.doom() => return Err(failure),
        followed = muster_engine::reboot::follow(&rebooting, &facts.boot_id, deadline) => followed?,
    };
    let after = *rebooting.tally.borrow();
    let facts = facts::collect(guest, scale).await;
    let facts = facts.map_err(|error| Failure::from(&error))?;
    let seen = Evidence {
        boot_ids,
        resets: Some(after.resets_by_guest - before.resets_by_guest),
        kernel_starts: starts_since(log.into_std_path_buf(), log_from),
        journal: muster_engine::reboot::journal_boots(guest, &facts, scale).await,
        crash_kernel,
        panics: u32::from(rebooting.panicked.load(Ordering::Relaxed)).max(after.panics - before.panics),
    };
    remarks.extend(evidence::evaluate(how, &seen)?);
    machine.recovered();
    Ok(Outcome { facts, resets: after.resets_by_guest, remarks })
}

/// Lets the kernel come back after a panic when it would not; whether a crash kernel is loaded.
async fn prepare_crash(guest: &Guest, scale: f64) -> Result<(bool, Vec<String>), Failure> {
    let script = format!(
        "panic=$(cat /proc/sys/kernel/panic) || exit 1\nloaded=0\n\
         [ ! -r /sys/kernel/kexec_crash_loaded ] || loaded=$(cat /sys/kernel/kexec_crash_loaded) || exit 1\n\
         if [ \"$panic\" = 0 ] && [ \"$loaded\" != 1 ]; then echo {PANIC_SECONDS} >/proc/sys/kernel/panic || exit 1; fi\n\
         echo \"$panic $loaded\""
    );
    let request = Request { script, timeout: PREPARE.mul_f64(scale), limit: 64 << 10 };
    let reply = guest.run(request).await;
    let reply = reply.map_err(|error| Failure::from(&error))?;
    let said = text::one_line(&text::escape_bytes(&reply.stdout), 80);
    match (reply.end, reply.status, said.split_once(' ')) {
        (End::Exited, 0, Some((panic, loaded))) => {
            let mut remarks = Vec::new();
            if panic == "0" && loaded != "1" {
                remarks.push(format!(
                    "kernel.panic was 0, with which a crashed kernel stays down; it was set to {PANIC_SECONDS} for this crash"
                ));
            }
            Ok((loaded == "1", remarks))
        }
        _ => {
            let why = text::last_words(&text::escape_bytes(&reply.stderr), 200);
            let text = format!("the guest cannot be made to come back from a crash: {why}");
            Err(Failure::new(failure::REBOOT_REFUSED, text))
        }
    }
}

/// Kernels that the console's log shows to have started since it was so long. A log that has reached
/// its limit shows no more, which reads as none.
fn starts_since(log: PathBuf, from: u64) -> Option<u32> {
    let mut file = fs_err::File::open(log).ok()?;
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut said = Vec::new();
    file.take(muster_console::LOG_LIMIT).read_to_end(&mut said).ok()?;
    Some(evidence::kernel_starts(&said))
}

impl Rebooting<'_> {
    /// Resolves when the machine will not come back: it has ended, or its console shows that it hangs.
    /// The one panic that a crash is made of is let pass.
    async fn doom(&self) -> Failure {
        let mut fatal = self.machine.console().fatal();
        let mut state = self.machine.state();
        let mut tally = self.tally.clone();
        loop {
            let finding = fatal.borrow_and_update().clone();
            if let Some(finding) = finding {
                let a_crash = self.how == RebootKind::Crash && &*finding.category == "kernel-panic";
                // A kernel that has to wait for its reboot ends the panic with a line of its own.
                let its_end = self.panicked.load(Ordering::Relaxed) && finding.line.contains(END_OF_PANIC);
                if !(a_crash && (its_end || !self.panicked.swap(true, Ordering::Relaxed))) {
                    return fatal_failure(self.machine, &finding).await;
                }
                self.excuse(&finding);
                continue;
            }
            let panics = tally.borrow_and_update().panics - self.before.panics;
            if panics > u32::from(self.how == RebootKind::Crash) {
                let text = "the kernel panicked on the way through the reboot";
                return Failure::new(FailureId::of_console("kernel-panic"), text)
                    .with_detail(console_tail(self.machine));
            }
            let now = state.borrow_and_update().clone();
            let ended = match now {
                MachineState::Running { .. } | MachineState::Panicked => None,
                MachineState::DiskFull => {
                    let text = "this host has no space left for what the guest writes to its disk";
                    Some((failure::HOST_DISK_FULL, text.to_owned()))
                }
                MachineState::PoweredOff => {
                    Some((failure::MACHINE_POWERED_OFF, "the guest powered off where it was to reboot".to_owned()))
                }
                MachineState::Exited { status, message } => {
                    Some((failure::MACHINE_EXITED, format!("QEMU ended ({status}) during a reboot: {message}")))
                }
            };
            if let Some((id, text)) = ended {
                return Failure::new(id, text).with_detail(console_tail(self.machine));
            }
            tokio::select! {
                changed = fatal.changed() => if changed.is_err() { std::future::pending::<()>().await },
                changed = state.changed() => if changed.is_err() { std::future::pending::<()>().await },
                changed = tally.changed() => if changed.is_err() { std::future::pending::<()>().await },
            }
        }
    }

    /// Makes a note of the panic that was provoked, and of the bad access by which an old kernel
    /// provokes it.
    fn excuse(&self, panic: &Finding) {
        let console = self.machine.console();
        for finding in console.findings().iter().skip(self.findings_before) {
            if finding.line_number <= panic.line_number && CAUSES.contains(&&*finding.category) {
                console.expected(finding);
            }
        }
        console.expected(panic);
    }
}

impl Subject for Rebooting<'_> {
    async fn request(&self) -> Result<(), Failure> {
        self.machine.console().announce_restart();
        if self.how != RebootKind::Hard {
            return muster_engine::reboot::reboot_by_guest(self.guest, self.facts, self.how, self.scale).await;
        }
        let pressed = self.machine.qmp().execute("system_reset", json!({}), PRESS.mul_f64(self.scale)).await;
        pressed.map(drop).map_err(|error| {
            let text = format!("the reset button does not work: {}", text::one_line(&error.to_string(), 300));
            Failure::new(failure::MACHINE_EXITED, text)
        })
    }

    async fn boot_id(&self) -> Result<String, Silent> {
        muster_engine::reboot::boot_id(self.guest, self.scale).await
    }

    async fn reconnect(&self, deadline: Instant) -> Result<(), Failure> {
        let tail = || console_tail(self.machine);
        muster_engine::reboot::reconnect(self.guest, deadline).await.map_err(|failure| failure.with_detail(tail()))
    }

    async fn settle(&self, deadline: Instant) -> Result<Result<(), Silent>, Failure> {
        muster_engine::reboot::settle(self.guest, self.scale, deadline).await
    }

    async fn reset(&self) {
        let mut tally = self.tally.clone();
        let more = |tally: &Tally| tally.resets() > self.reported.load(Ordering::Relaxed);
        let now = tally.wait_for(more).await.map(|tally| tally.resets());
        match now {
            Ok(now) => self.reported.store(now, Ordering::Relaxed),
            Err(_) => std::future::pending().await,
        }
    }
}
