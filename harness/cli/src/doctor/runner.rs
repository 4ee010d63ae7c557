//! `muster doctor --ci`: can this runner boot machines, and how fast? It boots one, of which nothing has to be there but QEMU
//! and its firmware.

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::disk::{self, DiskSpeed};
use super::expected::{self, Expected};
use crate::project::Project;
use crate::this_host;
use muster_base::machine::Arch;
use muster_engine::budget::{self, Cost};
use muster_qemu::doctor::{self, HostCheck, HostState};
use muster_qemu::first_boot::{FirstBoot, first_boot};
use muster_qemu::{Accel, AccelKind, AccelRequest, Spawner, accel};

/// All of it is over by then: what would take longer is not begun, or left.
const DEADLINE: Duration = Duration::from_secs(170);
/// A disk that takes longer is too slow to say more of.
const DISK_DEADLINE: Duration = Duration::from_secs(25);
/// What a machine of the suites takes: that of `lab`, on one processor.
const MACHINE_MIB: u32 = 1024;
/// Machines that are booted at the same time at most. More say nothing more.
const MOST_TOGETHER: u32 = 8;
/// Where machines slow each other down by more than this factor, something else uses the processors, or they are not whole ones.
const SLOWER_TOGETHER: f64 = 1.5;
/// Free space below which images of distributions do not fit.
const SPACE_MIB: u64 = 10 << 10;

/// What was found.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Runner {
    /// Whether a machine booted.
    pub(super) can_boot: bool,
    /// `kvm` or `tcg`; absent where the one that was wanted does not work.
    pub(super) accelerator: Option<&'static str>,
    /// Seconds from the start of QEMU until firmware had started a program from a disk.
    pub(super) firmware_seconds: Option<f64>,
    /// Seconds of the counted work of that program.
    pub(super) work_seconds: Option<f64>,
    /// How many times as long the work took as on the host whose durations are known, emulated there.
    pub(super) slower: Option<f64>,
    /// Processors that this process may use.
    pub(super) processors: u32,
    /// MiB that machines may take together, within the limits of control groups.
    pub(super) memory_mib: u32,
    /// Machines of one processor and a gibibyte that a run starts at a time.
    pub(super) machines: u32,
    /// How many times as long the work took with that many at the same time, up to eight.
    pub(super) slower_together: Option<f64>,
    /// The cache.
    pub(super) cache: Option<Utf8PathBuf>,
    /// MiB that are free there.
    pub(super) free_mib: Option<u64>,
    /// How fast it is written.
    pub(super) disk: Option<DiskSpeed>,
    /// How long the shipped suites take.
    pub(super) suites: Vec<Expected>,
    /// Seconds that finding out took.
    pub(super) seconds: f64,
}

/// What was found, and each part of it as a line.
pub(super) struct Examined {
    pub(super) runner: Runner,
    pub(super) findings: Vec<HostCheck>,
}

impl Examined {
    fn say(&mut self, what: &'static str, state: HostState, detail: impl Into<String>) {
        let detail = muster_base::text::one_line(&detail.into(), 1000);
        self.findings.push(HostCheck { what, state, detail, fix: None });
    }
}

/// Finds it all out, within three minutes.
pub(super) async fn examine(wanted: AccelRequest, project: Option<&Project>) -> Examined {
    let begun = Instant::now();
    let mut out = Examined { runner: Runner::default(), findings: Vec::new() };
    let arch = if cfg!(target_arch = "aarch64") { Arch::Aarch64 } else { Arch::X86_64 };
    out.findings.extend(doctor::essentials(arch).await);
    let cache = cache(&mut out).await;
    let accel = accelerator(&mut out, wanted).await;
    capacity(&mut out, accel.as_ref());
    let lacking = out.findings.iter().any(|finding| finding.state == HostState::Missing);
    match (&cache, &accel) {
        (Some(cache), Some(accel)) if !lacking => boots(&mut out, cache, accel, arch, begun).await,
        _ => out.say("boot", HostState::Missing, "not tried, since something that it needs is missing"),
    }
    expectation(&mut out, project);
    out.runner.seconds = begun.elapsed().as_secs_f64();
    out
}

/// The directory of images and of what machines write, and its disk.
async fn cache(out: &mut Examined) -> Option<Utf8PathBuf> {
    let what = "cache";
    let made = muster_image::cache_dir().and_then(|dir| Utf8PathBuf::from_path_buf(dir).ok());
    let Some(dir) = made else {
        out.say(what, HostState::Missing, "neither HOME nor MUSTER_CACHE names a directory");
        return None;
    };
    if let Err(error) = fs_err::create_dir_all(&dir) {
        out.say(what, HostState::Missing, format!("{error}; set MUSTER_CACHE to a directory that can be written"));
        return None;
    }
    let free_mib = muster_base::files::free_space(dir.as_std_path()).map(|bytes| bytes >> 20);
    match measured(&dir).await {
        Some(Ok(speed)) => {
            let low = free_mib.is_some_and(|mib| mib < SPACE_MIB);
            let state = if low { HostState::Degraded } else { HostState::Ok };
            out.say(what, state, said_of_disk(&dir, free_mib, speed));
            out.runner.disk = Some(speed);
        }
        Some(Err(error)) => {
            out.say(what, HostState::Missing, format!("{dir} cannot be written: {error}"));
            return None;
        }
        None => {
            let seconds = DISK_DEADLINE.as_secs();
            out.say(
                what,
                HostState::Degraded,
                format!("{dir}: what was written was not on the disk after {seconds} s"),
            );
        }
    }
    out.runner.free_mib = free_mib;
    out.runner.cache = Some(dir.clone());
    Some(dir)
}

/// How fast a disk is; `None` where it takes too long to say so. The thread is left then, and ends with the process: nobody can
/// end a write that the kernel waits for.
async fn measured(dir: &Utf8Path) -> Option<std::io::Result<DiskSpeed>> {
    let (done, answer) = tokio::sync::oneshot::channel();
    let dir = dir.to_owned();
    std::thread::spawn(move || done.send(disk::measure(&dir)));
    let ended = tokio::time::timeout(DISK_DEADLINE, answer).await.ok()?;
    Some(ended.unwrap_or_else(|_| Err(std::io::Error::other("the thread that measures it has ended"))))
}

fn said_of_disk(dir: &Utf8Path, free_mib: Option<u64>, speed: DiskSpeed) -> String {
    let free = match free_mib {
        Some(mib) if mib < SPACE_MIB => format!("{mib} MiB free, which is little for images"),
        Some(mib) => format!("{} GiB free", mib >> 10),
        None => "free space unknown".to_owned(),
    };
    let DiskSpeed { mib_per_second, sync_ms } = speed;
    format!("{dir}: {free}; {mib_per_second:.0} MiB/s are written, a synchronous block takes {sync_ms:.1} ms")
}

async fn accelerator(out: &mut Examined, wanted: AccelRequest) -> Option<Accel> {
    let what = "accelerator";
    let chosen = tokio::task::spawn_blocking(move || accel::choose(wanted)).await.map_err(|error| error.to_string());
    match chosen.and_then(|chosen| chosen.map_err(|error| error.to_string())) {
        Ok(accel) => {
            out.runner.accelerator = Some(accel.kind.name());
            match accel.kind {
                AccelKind::Kvm => out.say(what, HostState::Ok, accel.reason.clone()),
                AccelKind::Tcg => {
                    let detail =
                        format!("{}: guests are emulated, and a boot takes {}", accel.reason, accel::EMULATION);
                    out.say(what, HostState::Degraded, detail);
                }
            }
            Some(accel)
        }
        Err(why) => {
            out.say(what, HostState::Missing, why);
            None
        }
    }
}

fn capacity(out: &mut Examined, accel: Option<&Accel>) {
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
    let memory_mib = budget::available_memory_mib();
    let cost = Cost::of(1, MACHINE_MIB, accel.is_none_or(|accel| accel.kind == AccelKind::Tcg));
    let machines = this_host::budget(None, Some(memory_mib)).side_by_side(cost);
    let fits = memory_mib >= cost.memory_mib;
    let state = if fits { HostState::Ok } else { HostState::Degraded };
    let mut detail = format!(
        "{processors} processors, {memory_mib} MiB for machines: {machines} of 1 GiB and one processor at a time"
    );
    if !fits {
        detail.push_str(", which is more than there is memory for");
    }
    out.say("capacity", state, detail);
    let runner = &mut out.runner;
    (runner.processors, runner.memory_mib, runner.machines) = (processors, memory_mib, machines);
}

/// One machine by itself, and then as many as a run would start.
async fn boots(out: &mut Examined, cache: &Utf8Path, accel: &Accel, arch: Arch, begun: Instant) {
    let spawner = match Spawner::new() {
        Ok(spawner) => spawner,
        Err(error) => return out.say("boot", HostState::Missing, format!("no thread for QEMU: {error}")),
    };
    let dir = cache.as_std_path();
    let left = DEADLINE.saturating_sub(begun.elapsed());
    let FirstBoot { firmware, work } = match tokio::time::timeout(left, first_boot(accel, arch, dir, &spawner)).await {
        Ok(Ok(booted)) => booted,
        Ok(Err(error)) => return out.say("boot", HostState::Missing, error.to_string()),
        Err(_) => return out.say("boot", HostState::Missing, format!("it did not end within {} s", left.as_secs())),
    };
    let (firmware, work) = (firmware.as_secs_f64(), work.as_secs_f64());
    let slower = work / expected::WORK_SECONDS;
    out.runner.can_boot = true;
    out.runner.firmware_seconds = Some(firmware);
    out.runner.work_seconds = Some(work);
    out.runner.slower = Some(slower);
    let detail = format!(
        "firmware took {firmware:.1} s, a loop of 100 million rounds {work:.2} s, {slower:.1} times what it took on the host whose durations of tests are recorded"
    );
    out.say("boot", HostState::Ok, detail);
    together(out, cache, accel, arch, &spawner, begun, firmware + work).await;
}

/// The same machine several times at once: processors that are shared, or less than they seem, show here.
async fn together(
    out: &mut Examined,
    cache: &Utf8Path,
    accel: &Accel,
    arch: Arch,
    spawner: &Spawner,
    begun: Instant,
    alone: f64,
) {
    let what = "machines side by side";
    let count = out.runner.machines.min(MOST_TOGETHER);
    let left = DEADLINE.saturating_sub(begun.elapsed());
    if count < 2 {
        return out.say(what, HostState::Ok, "one at a time");
    }
    if left.as_secs_f64() < 2.0 * alone {
        return out.say(what, HostState::Degraded, "not tried: the first boot took too long for more");
    }
    let each = (0..count).map(|_| first_boot(accel, arch, cache.as_std_path(), spawner));
    let all = tokio::time::timeout(left, futures_util::future::try_join_all(each)).await;
    match all {
        Ok(Ok(booted)) => {
            let slowest = booted.iter().map(|one| one.work.as_secs_f64()).fold(0.0, f64::max);
            let slower = out.runner.work_seconds.map_or(1.0, |work| slowest / work);
            out.runner.slower_together = Some(slower);
            let (state, next) = if slower > SLOWER_TOGETHER {
                (HostState::Degraded, "; `--jobs 1` starts one at a time")
            } else {
                (HostState::Ok, "")
            };
            let found = "at the same time: the loop of the slowest took";
            out.say(what, state, format!("{count} {found} {slower:.1} times as long as that of one alone{next}"));
        }
        // A run starts as many: it would meet the same.
        Ok(Err(error)) => out.say(what, HostState::Degraded, format!("of {count}, one did not boot: {error}")),
        Err(_) => out.say(what, HostState::Degraded, format!("{count} did not boot within {} s", left.as_secs())),
    }
}

fn expectation(out: &mut Examined, project: Option<&Project>) {
    let (Some(slower), Some(project)) = (out.runner.slower, project) else { return };
    let what = "the shipped suites";
    match expected::expected(project.suites(), slower) {
        Ok(suites) => {
            out.say(what, HostState::Ok, said_of_suites(&suites));
            out.runner.suites = suites;
        }
        Err(error) => {
            let hint = error.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            out.say(what, HostState::Degraded, format!("{}{hint}", error.what));
        }
    }
}

fn said_of_suites(suites: &[Expected]) -> String {
    let each: Vec<String> = suites
        .iter()
        .map(|Expected { shards, seconds }| {
            let unit = if *shards == 1 { " shard" } else { "" };
            format!("in {shards}{unit} about {}", rounded(*seconds))
        })
        .collect();
    format!("on an image like lab, one machine at a time: {}", each.join(", "))
}

/// An expectation has no more digits than it deserves.
fn rounded(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{:.0} s", seconds.max(1.0)),
        seconds => format!("{:.0} min", seconds / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_accelerator_that_was_wanted_and_is_not_there_is_no_boot() {
        let mut out = Examined { runner: Runner::default(), findings: Vec::new() };
        let accel = accelerator(&mut out, AccelRequest::Tcg).await;
        assert_eq!((accel.map(|accel| accel.kind), out.runner.accelerator), (Some(AccelKind::Tcg), Some("tcg")));
        assert_eq!(out.findings[0].state, HostState::Degraded);
        assert!(out.findings[0].detail.contains("times as long"), "{}", out.findings[0].detail);
    }

    #[test]
    fn little_space_is_said_and_times_have_few_digits() {
        let speed = DiskSpeed { mib_per_second: 212.4, sync_ms: 3.25 };
        let low = said_of_disk("/cache".into(), Some(900), speed);
        let wanted =
            "/cache: 900 MiB free, which is little for images; 212 MiB/s are written, a synchronous block takes 3.2 ms";
        assert_eq!(low, wanted);
        assert!(said_of_disk("/cache".into(), Some(30 << 10), speed).contains("30 GiB free;"));
        assert_eq!([0.2, 61.4, 89.9, 840.0].map(rounded), ["1 s", "61 s", "90 s", "14 min"]);
        let suites = [(1, 840.0), (2, 420.0), (8, 80.0)].map(|(shards, seconds)| Expected { shards, seconds });
        let wanted =
            "on an image like lab, one machine at a time: in 1 shard about 14 min, in 2 about 7 min, in 8 about 80 s";
        assert_eq!(said_of_suites(&suites), wanted);
    }
}
