//! Boots machines and gathers what is seen of each boot.

use std::collections::BTreeSet;
use std::time::Duration;

use super::host;
use muster_base::failure::Failure;
use muster_base::text;
use muster_boot_time::curve::Point;
use muster_boot_time::measure::{ClockReading, Evidence, guest_clock, measure};
use muster_boot_time::sample::{PhaseName, Population, Sample};
use muster_boot_time::units::PROPERTIES;
use muster_engine::driver::{Driver, Live, Stop};
use muster_guest::{Reply, Request};
use muster_qemu::driver::{HostDriver, HostMachine};
use muster_qemu::nanoseconds;
use muster_suite::model::RebootKind;

/// Bytes that are read of all units of a guest.
const LIMIT: usize = 16 << 20;
/// How often the guest's clock is read before anything else, and again after everything.
const READINGS: usize = 3;

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
        let before = host::calibrate();
        let evidence = match self.boots {
            Population::First => self.first(number).await,
            Population::Later => self.later(number).await,
        };
        let calibration = Some([before, host::calibrate()]);
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
    let lacks = |name| sample.phase(name).is_none();
    [
        (lacks(PhaseName::Loader), "the boot loader: it neither told the firmware its times nor wrote on the console"),
        (
            lacks(PhaseName::Initrd),
            "the initrd: one without systemd has no time stamps, so its time is in the kernel's",
        ),
        (sample.units.is_empty(), "units: the guest has no systemd"),
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

/// What the guest says, and then what this side saw.
async fn read(live: &HostMachine) -> Result<Evidence, Failure> {
    let scale = live.deadline_scale();
    let mut evidence = Evidence { boot_id: live.facts().boot_id.clone(), ..Evidence::default() };
    for _ in 0..READINGS {
        evidence.clock.extend(read_clock(live, scale).await?);
    }
    if live.facts().systemd.is_some() {
        let properties: String = PROPERTIES.iter().map(|name| format!(" -p {name}")).collect();
        let requests = [
            "systemctl show --no-pager".to_owned(),
            format!("systemctl show --no-pager{properties} -- '*'"),
            "systemctl get-default".to_owned(),
            "systemctl list-jobs --no-pager --no-legend".to_owned(),
        ];
        let requests: Vec<Request> = requests.into_iter().map(|script| request(script, scale)).collect();
        let mut replies = live.batch(requests).await?.into_iter().map(stdout);
        let mut next = || replies.next().unwrap_or_default();
        evidence.manager = Some(next());
        (evidence.units, evidence.target, evidence.jobs) = (next(), next(), next());
    }
    evidence.clock.extend(read_clock(live, scale).await?);
    let timeline = live.timeline();
    evidence.started = timeline.started;
    evidence.greeted = timeline.greeted;
    evidence.lines = timeline.lines;
    evidence.points = timeline
        .counts
        .iter()
        .map(|count| Point { at: count.at, instructions: count.lower.saturating_add(count.upper) })
        .collect();
    Ok(evidence)
}

async fn read_clock(live: &HostMachine, scale: f64) -> Result<Option<ClockReading>, Failure> {
    // The first says nanoseconds and is not everywhere.
    let script = "head -n 4 /proc/timer_list 2>/dev/null; cat /proc/uptime".to_owned();
    let before = nanoseconds(std::time::Instant::now());
    let replies = live.batch(vec![request(script, scale)]).await?;
    let after = nanoseconds(std::time::Instant::now());
    let said = replies.into_iter().map(stdout).next().unwrap_or_default();
    Ok(guest_clock(&said).map(|guest| ClockReading { before, after, guest }))
}

fn request(script: String, scale: f64) -> Request {
    Request { script, timeout: Duration::from_secs(20).mul_f64(scale), limit: LIMIT }
}

fn stdout(reply: Reply) -> String {
    text::escape_bytes(&reply.stdout)
}
