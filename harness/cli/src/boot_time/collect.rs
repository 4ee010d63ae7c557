//! Boots machines and gathers what is seen of each boot.

use std::collections::BTreeSet;

use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_boot_time::measure::{Evidence, measure};
use muster_boot_time::sample::{PhaseName, Population, Sample};
use muster_engine::boot_evidence;
use muster_engine::driver::{Driver, Live, Stop};
use muster_qemu::driver::{HostDriver, HostMachine};
use muster_suite::model::RebootKind;

/// One image that is booted again and again.
pub(super) struct Booted<'h> {
    /// Names its machines.
    pub(super) name: &'static str,
    pub(super) driver: HostDriver<'h>,
    pub(super) boots: Population,
    /// The machine that is rebooted, of [`Population::Later`].
    live: Option<HostMachine>,
    taken: u32,
    /// What could not be measured, one sentence each.
    missed: BTreeSet<&'static str>,
}

impl<'h> Booted<'h> {
    pub(super) fn new(name: &'static str, driver: HostDriver<'h>, boots: Population) -> Self {
        Self { name, driver, boots, live: None, taken: 0, missed: BTreeSet::new() }
    }

    /// Takes the next sample. A boot that fails is one that says nothing, kept with the reason.
    pub(super) async fn sample(&mut self) -> Sample {
        self.taken += 1;
        let number = self.taken;
        let before = boot_evidence::calibrate().await;
        let evidence =
            if self.boots == Population::Later { self.later(number).await } else { self.first(number).await };
        let calibration = before.zip(boot_evidence::calibrate().await).map(|(before, after)| [before, after]);
        match evidence {
            Ok(evidence) => {
                let sample = measure(&Evidence { number, calibration, ..evidence });
                self.missed.extend(missed(&sample));
                sample
            }
            Err(failure) => {
                let jobs = failure.detail.clone().unwrap_or_default();
                let jobs: Vec<&str> = jobs.lines().filter(|line| is_job(line)).collect();
                let sample = measure(&Evidence { number, calibration, jobs: jobs.join("\n"), ..Evidence::default() });
                let hung = match sample.hung.as_slice() {
                    [] => String::new(),
                    hung => format!("; it waits for {}", hung.join(", ")),
                };
                let why = format!("{}{hung}", text::one_line(&failure.message, 400));
                Sample { inconclusive: Some(why), phases: Vec::new(), ..sample }
            }
        }
    }

    async fn first(&self, number: u32) -> Result<Evidence, Failure> {
        let id = format!("{}-{number}", self.name);
        let live = self.driver.boot(&id, false).await.map_err(|failed| failed.failure)?;
        let evidence = read(&live).await;
        live.stop(Stop::Discard).await;
        evidence
    }

    async fn later(&mut self, number: u32) -> Result<Evidence, Failure> {
        let mut live = match self.live.take() {
            Some(live) => live,
            None => {
                let id = format!("{}-{number}", self.name);
                self.driver.boot(&id, false).await.map_err(|failed| failed.failure)?
            }
        };
        // A machine whose reboot was not proven is of no more use; the next sample begins with another.
        live.reboot(RebootKind::Soft, None).await?;
        let evidence = read(&live).await?;
        self.live = Some(live);
        Ok(evidence)
    }

    /// What could not be measured, one sentence each.
    pub(super) fn not_measured(&self) -> Vec<String> {
        self.missed.iter().map(|sentence| (*sentence).to_owned()).collect()
    }

    pub(super) async fn end(self) {
        if let Some(live) = self.live {
            live.stop(Stop::Discard).await;
        }
    }
}

/// What a reader would look for and does not find, with the reason.
fn missed(sample: &Sample) -> Vec<&'static str> {
    let no_parts = sample.phases.is_empty();
    let lacks = |name| !no_parts && sample.phase(name).is_none();
    [
        (no_parts, "parts of a boot: the guest's clock gained time during it, as happens on a busy host"),
        (lacks(PhaseName::Loader), "the boot loader: it neither told the firmware its times nor wrote on the console"),
        (
            lacks(PhaseName::Initrd),
            "the initrd: one without systemd has no time stamps, so its time is in the kernel's",
        ),
        (!no_parts && sample.units.is_empty(), "units: the guest has no systemd"),
    ]
    .into_iter()
    .filter_map(|(is_missing, sentence)| (sample.is_conclusive() && is_missing).then_some(sentence))
    .collect()
}

/// A line of `systemctl list-jobs` whose job has not ended: `123 foo.service start running`.
fn is_job(line: &str) -> bool {
    let columns: Vec<&str> = line.split_whitespace().collect();
    matches!(columns.as_slice(), [number, _, _, "running" | "waiting"] if number.parse::<u64>().is_ok())
}

/// What is seen of its last boot.
async fn read(live: &HostMachine) -> Result<Evidence, Failure> {
    let seen = boot_evidence::read(live).await?;
    let unseen = || Failure::new(failure::INTERNAL, "the driver has not seen the boot");
    seen.map(|seen| seen.evidence).ok_or_else(unseen)
}
