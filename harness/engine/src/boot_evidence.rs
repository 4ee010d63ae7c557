//! What a guest says of its boot, and how fast the host is meanwhile. `muster boot-time` and `boot-samples` measure by it.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest as _, Sha256};

use super::driver::{BootSeen, Live};
use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_boot_time::measure::{ClockReading, Evidence, guest_clock, measure};
use muster_boot_time::sample::{Mark, Phase, Sample};
use muster_boot_time::units::PROPERTIES;
use muster_guest::{End, Reply, Request};
use muster_record::boot::{BootMoment, BootPart, BootRecord};

/// Bytes that are read of all units of a guest.
const LIMIT: usize = 16 << 20;
/// How long one reading may take, unscaled. An emulated machine elsewhere is not known to be one, and 20 s were too few for
/// its units.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long five of its properties may take, unscaled.
const SHORT_PATIENCE: Duration = Duration::from_secs(20);
/// How often the guest's clock is read before anything else, and again after everything.
const READINGS: usize = 3;
/// The stamps of systemd's manager between which the parts of a boot lie, without what each property's name ends with.
const STAMPS: [&str; 5] = ["Firmware", "Loader", "InitRD", "Userspace", "Finish"];
/// Bytes that are hashed to see how fast the host is: some tenths of a second.
const WORK: usize = 96 << 20;

/// What the guest says of its last boot, with what the driver saw of it; `None` when the driver does not see boots.
pub async fn read<L: Live>(live: &L) -> Result<Option<BootSeen>, Failure> {
    let said = said(live).await?;
    let Some(mut seen) = live.boot_seen() else { return Ok(None) };
    let Evidence { boot_id, clock, manager, units, target, jobs, .. } = said;
    seen.evidence = Evidence { boot_id, clock, manager, units, target, jobs, ..seen.evidence };
    Ok(Some(seen))
}

/// What the boot that has just ended was made of, in two short round trips: the guest's clock, and systemd's stamps. `None` where the
/// driver does not see boots, and where nothing is known of this one: that is no failure, since no test depends on it.
pub async fn parts<L: Live>(live: &L) -> Option<BootRecord> {
    let seen = live.boot_seen()?;
    let scale = live.deadline_scale();
    let clock = read_clock(live, scale).await.ok()?;
    let mut evidence = Evidence { clock: clock.into_iter().collect(), ..seen.evidence };
    if live.facts().systemd.is_some() {
        let properties: String = STAMPS.iter().map(|name| format!(" -p {name}TimestampMonotonic")).collect();
        let script = format!("systemctl show --no-pager{properties}");
        let shown = Request { script, timeout: SHORT_PATIENCE.mul_f64(scale), limit: 1 << 16 };
        let replies = live.batch(vec![shown]).await.ok()?;
        // Without all of them, parts would be added to the kernel's that are not the kernel's.
        evidence.manager = Some(whole((replies.first()?, "the manager")).ok()?);
    }
    record_of(&measure(&evidence))
}

/// What was seen of a boot, for the record of its machine; `None` when nothing was.
pub fn record_of(sample: &Sample) -> Option<BootRecord> {
    let seconds = |micros: u64| micros as f64 / 1e6;
    let part = |phase: &Phase| BootPart {
        name: phase.name.name().to_owned(),
        start: seconds(phase.start),
        seconds: seconds(phase.cost.micros),
    };
    let moment = |mark: &Mark| BootMoment { name: mark.name.clone(), at: seconds(mark.at) };
    let boot = BootRecord {
        parts: sample.phases.iter().map(part).collect(),
        moments: sample.marks.iter().map(moment).collect(),
    };
    (!boot.parts.is_empty()).then_some(boot)
}

/// What the guest alone says of its last boot.
pub async fn said<L: Live>(live: &L) -> Result<Evidence, Failure> {
    let scale = live.deadline_scale();
    let mut clock = Vec::new();
    for _ in 0..READINGS {
        clock.extend(read_clock(live, scale).await?);
    }
    let mut evidence = Evidence::default();
    if live.facts().systemd.is_some() {
        let properties: String = PROPERTIES.iter().map(|name| format!(" -p {name}")).collect();
        let requests = [
            "systemctl show --no-pager".to_owned(),
            format!("systemctl show --no-pager{properties} -- '*'"),
            // One that has none has no critical chain.
            "systemctl get-default || true".to_owned(),
            "systemctl list-jobs --no-pager --no-legend".to_owned(),
        ];
        let replies = live.batch(Vec::from(requests.map(|script| request(script, scale)))).await?;
        let mut whole = replies.iter().zip(["the manager", "all units", "the default target", "the jobs"]).map(whole);
        let mut next = || whole.next().unwrap_or_else(|| Ok(String::new()));
        evidence.manager = Some(next()?);
        (evidence.units, evidence.target, evidence.jobs) = (next()?, next()?, next()?);
    }
    clock.extend(read_clock(live, scale).await?);
    Ok(Evidence { boot_id: live.facts().boot_id.clone(), clock, ..evidence })
}

/// What systemctl printed, if that is all of it: a part would be a boot with fewer units and no chain.
fn whole((reply, of): (&Reply, &str)) -> Result<String, Failure> {
    let why = match reply.end {
        End::Exited if reply.status == 0 => return Ok(stdout(reply)),
        End::Exited => {
            text::one_line(&format!("it ended with {}: {}", reply.status, text::escape_bytes(&reply.stderr)), 200)
        }
        End::TimedOut => "it did not end before its time-out".to_owned(),
        End::TooMuchOutput => format!("it printed more than {LIMIT} bytes"),
    };
    Err(Failure::new(failure::PROBE_FAILED, format!("systemctl did not show all of {of}: {why}")))
}

async fn read_clock<L: Live>(live: &L, scale: f64) -> Result<Option<ClockReading>, Failure> {
    // The first says nanoseconds and is not everywhere.
    let script = "head -n 4 /proc/timer_list 2>/dev/null; cat /proc/uptime".to_owned();
    let before = nanoseconds(Instant::now());
    let replies = live.batch(vec![request(script, scale)]).await?;
    let after = nanoseconds(Instant::now());
    let said = replies.first().map(stdout).unwrap_or_default();
    Ok(guest_clock(&said).map(|guest| ClockReading { before, after, guest }))
}

fn request(script: String, scale: f64) -> Request {
    Request { script, timeout: PATIENCE.mul_f64(scale), limit: LIMIT }
}

fn stdout(reply: &Reply) -> String {
    text::escape_bytes(&reply.stdout)
}

/// Nanoseconds of the host's monotonic clock at that instant, which std does not say.
pub fn nanoseconds(instant: Instant) -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let elapsed = instant.elapsed();
    let now = u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0);
    now.saturating_sub(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
}

/// Microseconds that a fixed amount of work takes just now, on one processor; none when it could not be done. Consoles and
/// connections go on meanwhile.
pub async fn calibrate() -> Option<u64> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn work() -> u64 {
    let block = [0x5a_u8; 64 << 10];
    let begun = Instant::now();
    let mut hasher = Sha256::new();
    for _ in 0..WORK / block.len() {
        hasher.update(block);
    }
    std::hint::black_box(hasher.finalize());
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_did_not_finish_is_not_believed() {
        let reply = |status, end| Reply { status, end, stdout: b"Id=a\n".to_vec(), ..Reply::default() };
        assert_eq!(whole((&reply(0, End::Exited), "all units")).unwrap(), "Id=a\n");
        for (status, end, why) in [
            (1, End::Exited, "it ended with 1"),
            (0, End::TimedOut, "did not end before its time-out"),
            (137, End::TooMuchOutput, "printed more than"),
        ] {
            let failure = whole((&reply(status, end), "all units")).unwrap_err();
            assert!(failure.message.starts_with("systemctl did not show all of all units: "), "{}", failure.message);
            assert!(failure.message.contains(why), "{}", failure.message);
        }
    }

    #[test]
    fn an_instant_is_given_on_the_clock_of_the_plugin() {
        let (before, now) = (Instant::now(), nanoseconds(Instant::now()));
        let later = nanoseconds(before + std::time::Duration::ZERO);
        assert!(now.abs_diff(later) < 1_000_000_000, "{now} {later}");
    }
}
