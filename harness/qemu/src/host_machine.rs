//! A running machine of this host, as the engine uses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;

use crate::capsule::UefiDigests;
use crate::death::{NEWS, console_tail, death_of};
use crate::series::Origin;
use crate::ssh_login::{LOGIN, SshLogin, ended};
use crate::{Machine, Network, timeline};
use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_boot_time::sample::Population;
use muster_engine::driver::{BootSeen, Live, Stop};
use muster_engine::reboot::Rebooted;
use muster_engine::settle::guest_failure;
use muster_guest::{Guest, GuestError, HostKey, HostKeyPolicy, Reply, Request, Target};
use muster_record::boot::BootRecord;
use muster_record::facts::Facts;
use muster_record::finding::Finding;
use muster_record::run::MachineRecord;
use muster_suite::model::RebootKind;

/// Silence of the console after which a machine that is not needed any more is ended, unscaled: docs/console-rules.md.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// For how long a console that is not silent is waited for.
const LAST_WORDS_MOST: Duration = Duration::from_secs(3);

/// How long a guest may take to power off, unscaled.
const POWER_OFF: Duration = Duration::from_secs(15);

/// Bytes kept of a guest's journal.
const JOURNAL_LIMIT: usize = 4 << 20;

/// A booted machine of this host.
pub struct HostMachine {
    pub(super) image: String,
    pub(super) dir: Utf8PathBuf,
    pub(super) cloned_from: Option<String>,
    pub(super) boot_seconds: f64,
    /// What its boot was made of; `None` for a clone.
    pub(super) boot: Option<BootRecord>,
    /// The UEFI that booted it, or the template that it is a clone of; `None` without one, and where its files could not be read.
    pub(super) firmware: Option<UefiDigests>,
    pub(super) resets: u32,
    /// How long a boot may take, stretched for the accelerator.
    pub(super) boot_deadline: Duration,
    /// Why nothing that the machine says can be evaluated any more: a reboot that was not proven.
    pub(super) unproven: Option<Failure>,
    pub(super) scale: f64,
    pub(super) machine: Machine,
    pub(super) target: Target,
    pub(super) guest: Guest,
    pub(super) facts: Facts,
    pub(super) findings_seen: usize,
    /// What it was booted from; `None` for a clone, whose boot nobody saw.
    pub(super) origin: Option<Origin>,
    /// Where a clone tells how much memory it took; `None` for what was booted.
    pub(super) largest_clone_mib: Option<Arc<AtomicU32>>,
    /// Microseconds in which it worked for tests and was waited for.
    pub(super) waited: AtomicU64,
}

impl Live for HostMachine {
    fn reaches_nothing(&self) -> bool {
        self.machine.network() == Network::Restricted
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn note_products(&mut self, packages: Vec<String>) {
        self.facts.products = packages;
    }

    fn record(&self) -> MachineRecord {
        MachineRecord {
            id: self.machine.id().to_owned(),
            image: self.image.clone(),
            cloned_from: self.cloned_from.clone(),
            // When it began and ended is noted where that is said to everybody.
            started: None,
            ended: None,
            // It has answered.
            last_seen: None,
            qemu: self.machine.qmp().version().map(str::to_owned),
            firmware: self.firmware.as_ref().map(|uefi| uefi.code.clone()),
            firmware_variables: self.firmware.as_ref().map(|uefi| uefi.variables.clone()),
            channel: Some(if self.guest.is_warm() { "warm-shell" } else { "ssh" }.to_owned()),
            boot_seconds: Some(self.boot_seconds),
            boot: self.boot.clone(),
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
            .map_err(|error| Failure::from(&error).with_detail(console_tail(&self.machine)))
    }

    async fn batch(&self, requests: Vec<Request>) -> Result<Vec<Reply>, Failure> {
        self.answers(self.guest.batch(requests)).await
    }

    async fn commands(&self, requests: Vec<Request>) -> Result<Vec<Reply>, Failure> {
        self.answers(self.guest.commands(requests)).await
    }

    fn findings(&mut self) -> Vec<Finding> {
        let new = self.machine.console().findings_after(self.findings_seen);
        self.findings_seen += new.len();
        new
    }

    async fn death(&self) -> Failure {
        if let Some(failure) = &self.unproven {
            return failure.clone();
        }
        death_of(&self.machine, self.resets, self.scale, false).await
    }

    async fn plug(&self, plugged: bool) -> Result<(), Failure> {
        self.machine.plug(plugged).await.map_err(|error| {
            let text = format!("the cable between the machines of the test: {error}");
            Failure::new(failure::MACHINE_SEGMENT, text)
        })
    }

    async fn reboot(&mut self, how: RebootKind, limit: Option<Duration>) -> Result<Rebooted, Failure> {
        let begun = tokio::time::Instant::now();
        let deadline = begun + limit.unwrap_or(self.boot_deadline);
        let Self { machine, guest, facts, dir, scale, .. } = self;
        match crate::reboot::reboot(machine, guest, facts, dir, *scale, how, deadline).await {
            Ok(outcome) => {
                let (disk, kernel_from) = (self.facts.disk.take(), self.facts.kernel_from.take());
                let products = std::mem::take(&mut self.facts.products);
                self.facts = Facts { products, ..outcome.facts.from_outside(disk, kernel_from) };
                self.resets = outcome.resets;
                Ok(Rebooted { seconds: begun.elapsed().as_secs_f64(), remarks: outcome.remarks })
            }
            Err(failure) => {
                self.unproven = Some(failure.clone());
                Err(failure)
            }
        }
    }

    fn boot_seen(&self) -> Option<BootSeen> {
        let origin = self.origin.as_ref()?;
        let boots = if self.resets == 0 { Population::First } else { Population::Later };
        Some(BootSeen {
            series: origin.series(boots),
            image_sha256: origin.sha256.clone(),
            evidence: timeline::evidence(&self.machine, &self.target.refusals),
        })
    }

    async fn stop(mut self, how: Stop) -> (MachineRecord, Vec<Finding>) {
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
        // The reader ends when QEMU has closed its side; what it printed last is then evaluated.
        let _ = tokio::time::timeout(Duration::from_secs(5), console.closed()).await;
        let new = console.findings_after(self.findings_seen);
        self.findings_seen += new.len();
        record.end = Some(end.to_string());
        record.guest_seconds = record.guest_seconds.map(|seconds| seconds + begun.elapsed().as_secs_f64());
        (record, new)
    }
}

impl HostMachine {
    /// How a person logs in to it.
    pub fn ssh_login(&self) -> SshLogin {
        let Target { addr, user, private_key, .. } = self.target.clone();
        SshLogin { addr, user, private_key, host_key: self.known_host_key() }
    }

    pub(super) fn known_host_key(&self) -> Option<HostKey> {
        match (self.guest.host_key(), &self.target.host_key) {
            (Some(key), _) => Some(key),
            // A clone that was never logged in to shows what its template did.
            (None, HostKeyPolicy::Expect(keys)) => keys.first().cloned(),
            (None, HostKeyPolicy::AcceptFirst) => None,
        }
    }

    /// Resolves when its QEMU has ended, and says how. What the guest does until then, reboots and
    /// panics included, is the business of whoever uses it.
    pub async fn ended(&self) -> String {
        ended(&self.machine).await
    }

    /// What the guest answered, or why it does not any more.
    async fn answers(
        &self,
        replies: impl Future<Output = Vec<Result<Reply, GuestError>>>,
    ) -> Result<Vec<Reply>, Failure> {
        let begun = Instant::now();
        let answers: Result<Vec<Reply>, GuestError> = replies.await.into_iter().collect();
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

/// Microseconds since then.
pub(super) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
