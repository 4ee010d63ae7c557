//! From what was seen of a boot to a [`Sample`]. Pure.

use crate::console;
use crate::curve::{Curve, Point};
use crate::sample::{Cost, Link, Mark, Phase, PhaseName, Sample, Unit};
use crate::systemctl_show::ManagerStamps;
use crate::units;

/// Characters kept of a boot id, a unit's name, a reason.
const LONGEST: usize = 256;
/// Readings of the guest's clock may put its zero that far apart, on top of what they took; nanoseconds. The guest reports hundredths.
const STEADY: u64 = 300_000_000;

/// What was seen of one boot. Moments are nanoseconds of the host's monotonic clock.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// From 1.
    pub number: u32,
    /// As the guest says it.
    pub boot_id: String,
    /// When QEMU was started, or the machine was reset.
    pub started: u64,
    /// When sshd greeted somebody for the first time.
    pub greeted: Option<u64>,
    /// When lines of the console ended, in order.
    pub lines: Vec<(u64, String)>,
    /// Instructions, by moment; empty when they were not counted.
    pub points: Vec<Point>,
    /// The guest's clock, read at least twice.
    pub clock: Vec<ClockReading>,
    /// `systemctl show` of the manager; none where the guest has no systemd.
    pub manager: Option<String>,
    /// `systemctl show -- '*'`.
    pub units: String,
    /// The default target.
    pub target: String,
    /// Jobs that are left, one a line.
    pub jobs: String,
    /// Microseconds of the fixed work before and after.
    pub calibration: Option<[u64; 2]>,
}

/// The guest's monotonic clock, and when the reading began and had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// Just before, on the host's clock.
    pub before: u64,
    /// Just after.
    pub after: u64,
    /// What the guest said, in nanoseconds.
    pub guest: u64,
}

/// Reads what the guest says of its clock: the first line that is one of `now at 130238832610 nsecs` (`/proc/timer_list`) or
/// `130.29 0.58` (`/proc/uptime`), in nanoseconds.
pub fn guest_clock(text: &str) -> Option<u64> {
    text.lines().find_map(|line| match line.strip_prefix("now at ") {
        Some(rest) => rest.strip_suffix(" nsecs")?.parse().ok(),
        None => {
            let (seconds, hundredths) = line.split_whitespace().next()?.split_once('.')?;
            let hundredths = (hundredths.len() == 2).then(|| hundredths.parse::<u64>().ok())??;
            seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(hundredths * 10_000_000)
        }
    })
}

/// The boot as data. What was not seen is not in it; why it says nothing as a whole is [`Sample::inconclusive`].
pub fn measure(evidence: &Evidence) -> Sample {
    let curve = Curve::new(evidence.points.clone());
    let boot = Boot { evidence, curve: curve.as_ref() };
    let seen = console::look(&evidence.lines);
    let mut sample = Sample {
        number: evidence.number,
        boot_id: bounded(evidence.boot_id.trim()),
        guest_zero: None,
        guest_zero_within: None,
        phases: Vec::new(),
        marks: Vec::new(),
        total: None,
        units: Vec::new(),
        chain: Vec::new(),
        hung: evidence.jobs.lines().filter_map(|line| line.split_whitespace().nth(1)).map(bounded).take(50).collect(),
        inconclusive: None,
        calibration: evidence.calibration,
    };
    if curve.is_none() {
        sample.inconclusive = Some("the counted instructions go backwards".to_owned());
    }
    let zero = match zero(&evidence.clock) {
        Ok(Some((zero, within))) => {
            sample.guest_zero_within = Some(within / 1000);
            Some(zero)
        }
        // The console's lines say nearly as much.
        Ok(None) => seen.kernel_zero,
        Err(why) => {
            sample.inconclusive.get_or_insert_with(|| why.to_string());
            None
        }
    };
    // A kernel that measured its processor's clock wrongly on a busy host gains half a minute until it notices. Its stamps of the
    // end are right then, since the clock was steady again when it was read, and those of the beginning are not.
    let gained = zero.is_some_and(|zero| zero < evidence.started);
    sample.guest_zero = zero.filter(|_| !gained).map(|zero| boot.since_start(zero));
    if let Some(greeted) = evidence.greeted {
        sample.marks.push(boot.mark("sshd-answers", greeted));
    }
    match (&evidence.manager, zero) {
        (Some(manager), Some(zero)) if gained => the_end(&boot, zero, &ManagerStamps::read(manager), &mut sample),
        (Some(manager), Some(zero)) => of_systemd(&boot, zero, seen.loader, &ManagerStamps::read(manager), &mut sample),
        (Some(_), None) => {
            sample.inconclusive.get_or_insert_with(|| "the guest's clock could not be read".to_owned());
        }
        (None, zero) => without_systemd(&boot, zero.filter(|_| !gained), seen.loader, &mut sample),
    }
    sample.marks.sort_by_key(|mark| mark.at);
    sample
}

/// A boot that nobody saw, by the guest's own stamps: its start is the firmware's, or else the loader's, where they reported it,
/// and the kernel's otherwise. Only what the guest says of `evidence` counts. Without systemd there is nothing to say.
pub fn measure_unseen(evidence: &Evidence) -> Sample {
    let Some(manager) = &evidence.manager else {
        let sample =
            measure(&Evidence { number: evidence.number, boot_id: evidence.boot_id.clone(), ..Evidence::default() });
        return Sample {
            inconclusive: Some("the machine has no systemd, and nobody saw its boot".to_owned()),
            ..sample
        };
    };
    let stamps = ManagerStamps::read(manager);
    let firmware = stamps.get("Firmware");
    let zero = firmware.or(stamps.get("Loader")).unwrap_or(0).saturating_mul(1000);
    let clock = vec![ClockReading { before: zero, after: zero, guest: 0 }];
    let (lines, points) = (Vec::new(), Vec::new());
    let mut sample =
        measure(&Evidence { started: 0, greeted: None, lines, points, clock, calibration: None, ..evidence.clone() });
    sample.guest_zero_within = None;
    sample.phases.retain(|phase| phase.name != PhaseName::Firmware || firmware.is_some());
    sample
}

fn of_systemd(boot: &Boot<'_>, zero: u64, loader: Option<u64>, stamps: &ManagerStamps<'_>, sample: &mut Sample) {
    let stamp = |name: &str| stamps.get(name);
    let host = |micros: u64| zero.saturating_add(micros.saturating_mul(1000));
    // systemd's stamps of firmware and loader count back from the kernel's zero.
    let loader = stamp("Loader").and_then(|before| zero.checked_sub(before.saturating_mul(1000))).or(loader);
    let (initrd, userspace, finish) = (stamp("InitRD"), stamp("Userspace"), stamp("Finish"));
    before_the_kernel(boot, zero, loader, sample);
    let mut phase = |name, from: Option<u64>, to: Option<u64>| {
        if let (Some(from), Some(to)) = (from, to)
            && from <= to
        {
            sample.phases.push(boot.phase(name, from, to));
        }
    };
    phase(PhaseName::Kernel, Some(zero), initrd.or(userspace).map(host));
    phase(PhaseName::Initrd, initrd.map(host), userspace.map(host));
    phase(PhaseName::Userspace, userspace.map(host), finish.map(host));
    let activations = units::read(&boot.evidence.units);
    let target = boot.evidence.target.trim();
    if let Some(reached) = activations.get(target) {
        sample.marks.push(boot.mark("default-target", host(reached.done)));
    }
    let mut by_begin: Vec<_> = activations.iter().collect();
    by_begin.sort_by_key(|(name, unit)| (unit.began, name.as_str()));
    sample.units = by_begin
        .into_iter()
        .map(|(name, unit)| Unit {
            name: bounded(name),
            start: boot.since_start(host(unit.began)),
            cost: boot.cost(host(unit.began), host(unit.done)),
        })
        .collect();
    let Some(finish) = finish else { return unfinished(sample) };
    sample.chain = units::chain(&activations, target, finish)
        .into_iter()
        .map(|critical| Link {
            unit: bounded(&critical.unit),
            active: boot.since_start(host(critical.done)),
            own: boot.cost(host(critical.from), host(critical.done)),
        })
        .collect();
    sample.marks.push(boot.mark("boot-finished", host(finish)));
    sample.total = Some(boot.cost(boot.evidence.started, host(finish)));
}

/// What can be said of a boot in which the guest's clock gained time: its total, and no parts.
fn the_end(boot: &Boot<'_>, zero: u64, stamps: &ManagerStamps<'_>, sample: &mut Sample) {
    let Some(finish) = stamps.get("Finish") else { return unfinished(sample) };
    let finish = zero.saturating_add(finish.saturating_mul(1000));
    let read = boot.evidence.clock.iter().map(|reading| reading.after).max().unwrap_or(0);
    if !(boot.evidence.started..=read).contains(&finish) {
        sample.inconclusive.get_or_insert_with(|| "the guest's clock is ahead of the host's".to_owned());
        return;
    }
    sample.marks.push(boot.mark("boot-finished", finish));
    sample.total = Some(boot.cost(boot.evidence.started, finish));
}

fn unfinished(sample: &mut Sample) {
    let why = match sample.hung.as_slice() {
        [] => "the boot had not finished".to_owned(),
        hung => format!("the boot had not finished; it waited for {}", hung.join(", ")),
    };
    sample.inconclusive.get_or_insert(why);
}

fn without_systemd(boot: &Boot<'_>, zero: Option<u64>, loader: Option<u64>, sample: &mut Sample) {
    if let Some(zero) = zero {
        before_the_kernel(boot, zero, loader, sample);
    }
    match boot.evidence.greeted {
        Some(greeted) => sample.total = Some(boot.cost(boot.evidence.started, greeted)),
        None => {
            sample.inconclusive.get_or_insert_with(|| "sshd never answered".to_owned());
        }
    }
}

fn before_the_kernel(boot: &Boot<'_>, zero: u64, loader: Option<u64>, sample: &mut Sample) {
    let started = boot.evidence.started;
    let loader = loader.filter(|loader| (started..=zero).contains(loader));
    sample.phases.push(boot.phase(PhaseName::Firmware, started, loader.unwrap_or(zero)));
    if let Some(loader) = loader {
        sample.phases.push(boot.phase(PhaseName::Loader, loader, zero));
    }
}

struct Boot<'e> {
    evidence: &'e Evidence,
    curve: Option<&'e Curve>,
}

impl Boot<'_> {
    fn since_start(&self, moment: u64) -> u64 {
        moment.saturating_sub(self.evidence.started) / 1000
    }

    fn cost(&self, from: u64, to: u64) -> Cost {
        Cost {
            micros: to.saturating_sub(from) / 1000,
            instructions: self.curve.and_then(|curve| {
                let begin = match curve.at(from) {
                    Some(begin) => begin,
                    // The first sum is written a moment after QEMU's start, when nothing was executed yet. A boot that
                    // began with a reset begins with what was executed until then.
                    None if from == self.evidence.started => 0,
                    None => return None,
                };
                curve.at(to)?.checked_sub(begin)
            }),
        }
    }

    fn phase(&self, name: PhaseName, from: u64, to: u64) -> Phase {
        Phase { name, start: self.since_start(from), cost: self.cost(from, to) }
    }

    fn mark(&self, name: &str, at: u64) -> Mark {
        let Cost { instructions, .. } = self.cost(self.evidence.started, at);
        Mark { name: name.to_owned(), at: self.since_start(at), instructions }
    }
}

/// Why the guest's clock says nothing.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
enum OddClock {
    #[error("the guest's clock is ahead of the host's")]
    Ahead,
    #[error("the guest's clock jumped by {seconds:.1} s while it was read")]
    Jumped { seconds: f64 },
}

/// When the guest's clock was zero and how far off that may be; none when it was never read. An error when the readings contradict
/// each other: then somebody has set the clock, or the machine stood still.
fn zero(clock: &[ClockReading]) -> Result<Option<(u64, u64)>, OddClock> {
    let width = |reading: &ClockReading| reading.after.saturating_sub(reading.before);
    let at = |reading: &ClockReading| (reading.before + width(reading) / 2).checked_sub(reading.guest);
    let Some(best) = clock.iter().min_by_key(|reading| width(reading)) else { return Ok(None) };
    let Some(zero) = at(best) else { return Err(OddClock::Ahead) };
    for reading in clock {
        let apart = at(reading).map_or(u64::MAX, |other| other.abs_diff(zero));
        if apart > STEADY + width(reading) / 2 + width(best) / 2 {
            return Err(OddClock::Jumped { seconds: apart as f64 / 1e9 });
        }
    }
    Ok(Some((zero, width(best) / 2)))
}

fn bounded(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn unit(id: &str, began: u64, active: u64, after: &str) -> String {
        format!(
            "Id={id}\nAfter={after}\nInactiveExitTimestampMonotonic={began}\nActiveEnterTimestampMonotonic={active}\n\n"
        )
    }

    /// QEMU started at 100 s of the host's clock, the guest's clock was zero at 104 s; 10 instructions a microsecond.
    fn evidence() -> Evidence {
        let manager = "KernelTimestampMonotonic=0\nInitRDTimestampMonotonic=2000000\nUserspaceTimestampMonotonic=5000000\n\
                       FinishTimestampMonotonic=9000000\nWatchdogLastPingTimestampMonotonic=18446744073709551615\n";
        Evidence {
            number: 1,
            boot_id: "b".into(),
            started: 100 * SECOND,
            greeted: Some(112 * SECOND),
            lines: vec![(101 * SECOND, "Booting from Hard Disk...".into()), (105 * SECOND, "[    0.900000] x".into())],
            points: vec![
                Point { at: 100 * SECOND + 5, instructions: 0 },
                Point { at: 120 * SECOND + 5, instructions: 200_000_000 },
            ],
            clock: vec![
                ClockReading { before: 118 * SECOND, after: 119 * SECOND, guest: 14 * SECOND + SECOND / 3 },
                ClockReading { before: 119 * SECOND, after: 119 * SECOND + 2_000_000, guest: 15 * SECOND + 1_000_000 },
            ],
            manager: Some(manager.into()),
            units: [
                unit("slow.service", 5_500_000, 8_000_000, ""),
                unit("multi-user.target", 8_000_100, 8_000_100, "slow.service"),
            ]
            .concat(),
            target: "multi-user.target\n".into(),
            jobs: String::new(),
            calibration: Some([1, 2]),
        }
    }

    fn phases(sample: &Sample) -> Vec<(PhaseName, u64, u64)> {
        sample.phases.iter().map(|phase| (phase.name, phase.start, phase.cost.micros)).collect()
    }

    #[test]
    fn a_boot_is_put_together_of_what_host_console_and_guest_say() {
        let sample = measure(&evidence());
        assert_eq!(
            phases(&sample),
            [
                (PhaseName::Firmware, 0, 1_000_000),
                (PhaseName::Loader, 1_000_000, 3_000_000),
                (PhaseName::Kernel, 4_000_000, 2_000_000),
                (PhaseName::Initrd, 6_000_000, 3_000_000),
                (PhaseName::Userspace, 9_000_000, 4_000_000),
            ]
        );
        assert_eq!(
            (sample.guest_zero, sample.guest_zero_within, sample.inconclusive.clone()),
            (Some(4_000_000), Some(1000), None)
        );
        let total = sample.total.unwrap();
        assert_eq!((total.micros, total.instructions.unwrap().abs_diff(130_000_000) < 100), (13_000_000, true));
        let marks: Vec<(&str, u64)> = sample.marks.iter().map(|mark| (mark.name.as_str(), mark.at)).collect();
        assert_eq!(
            marks,
            [("sshd-answers", 12_000_000), ("default-target", 12_000_100), ("boot-finished", 13_000_000)]
        );
        let chain: Vec<(&str, u64)> = sample.chain.iter().map(|link| (link.unit.as_str(), link.own.micros)).collect();
        assert_eq!(chain, [("multi-user.target", 0), ("slow.service", 2_500_000)]);
        assert!(sample.chain[1].own.instructions.unwrap().abs_diff(25_000_000) < 100);
        let parts: u64 = sample.phases.iter().map(|phase| phase.cost.micros).sum();
        assert_eq!(parts, total.micros, "phases leave no gap and do not overlap");
    }

    /// Seen with a kernel that took its processor for one of 148 MHz: 31 s were gained until it switched to another clock.
    #[test]
    fn a_clock_that_gained_time_leaves_the_total_and_no_parts() {
        let mut fast = evidence();
        let gain = 31 * SECOND;
        fast.clock.iter_mut().for_each(|reading| reading.guest += gain);
        fast.manager = fast.manager.map(|text| {
            text.replace("Timestamp", "Stamp")
                .replace("FinishStampMonotonic=9000000", "FinishTimestampMonotonic=40000000")
        });
        let sample = measure(&fast);
        assert_eq!((sample.inconclusive.clone(), sample.guest_zero), (None, None));
        let total = sample.total.unwrap();
        assert_eq!(total.micros, 13_000_000, "as without the gain");
        assert!(total.instructions.unwrap().abs_diff(130_000_000) < 100);
        assert!(sample.phases.is_empty() && sample.units.is_empty() && sample.chain.is_empty());
        let names: Vec<&str> = sample.marks.iter().map(|mark| mark.name.as_str()).collect();
        assert_eq!(names, ["sshd-answers", "boot-finished"]);
        // A boot that ended before it began is none.
        fast.manager = fast.manager.map(|text| text.replace("=40000000", "=1000000"));
        let sample = measure(&fast);
        assert_eq!(
            (sample.total, sample.inconclusive.as_deref()),
            (None, Some("the guest's clock is ahead of the host's"))
        );
    }

    #[test]
    fn a_phase_that_was_not_seen_is_absent_and_never_zero() {
        let mut bare = evidence();
        bare.lines.clear();
        bare.points.clear();
        bare.manager = bare.manager.map(|text| text.replace("InitRDTimestampMonotonic=2000000\n", ""));
        let sample = measure(&bare);
        assert_eq!(
            phases(&sample),
            [
                (PhaseName::Firmware, 0, 4_000_000),
                (PhaseName::Kernel, 4_000_000, 5_000_000),
                (PhaseName::Userspace, 9_000_000, 4_000_000)
            ]
        );
        assert_eq!(sample.total.unwrap().instructions, None);
    }

    #[test]
    fn what_was_executed_before_a_reset_is_not_of_the_boot_after_it() {
        let mut later = evidence();
        later.points.insert(0, Point { at: 10 * SECOND, instructions: 0 });
        later.points[1].instructions = 7_000_000_000;
        later.points[2].instructions = 7_200_000_000;
        let sample = measure(&later);
        let first = measure(&evidence());
        let apart = |one: Cost, other: Cost| one.instructions.unwrap().abs_diff(other.instructions.unwrap());
        // Some were executed in the nanoseconds between the reset and the next sum.
        assert!(apart(sample.total.unwrap(), first.total.unwrap()) < 1000, "{:?}", sample.total);
        for (one, other) in sample.phases.iter().zip(&first.phases) {
            assert!(apart(one.cost, other.cost) < 1000, "{one:?}");
        }
        let marks = sample.marks.iter().zip(&first.marks);
        assert!(
            marks
                .into_iter()
                .all(|(one, other)| one.instructions.unwrap().abs_diff(other.instructions.unwrap()) < 1000)
        );
    }

    #[test]
    fn what_the_loader_reported_to_the_firmware_is_believed_before_the_console() {
        let mut reported = evidence();
        reported.manager =
            reported.manager.map(|text| text + "LoaderTimestampMonotonic=500000\nFirmwareTimestampMonotonic=3500000\n");
        assert_eq!(measure(&reported).phase(PhaseName::Loader).unwrap().cost.micros, 500_000);
    }

    #[test]
    fn a_boot_that_did_not_finish_says_what_it_waited_for() {
        let mut hung = evidence();
        hung.manager =
            hung.manager.map(|text| text.replace("FinishTimestampMonotonic=9000000", "FinishTimestampMonotonic=0"));
        hung.jobs = "  12 slow.service start running\n  13 multi-user.target start waiting\n".into();
        let sample = measure(&hung);
        assert_eq!(sample.total, None);
        assert_eq!(
            sample.inconclusive.as_deref(),
            Some("the boot had not finished; it waited for slow.service, multi-user.target")
        );
        assert!(!sample.is_conclusive() && sample.phase(PhaseName::Userspace).is_none());
    }

    #[test]
    fn a_clock_that_jumps_and_counts_that_go_back_are_no_samples() {
        let mut jumped = evidence();
        jumped.clock[0].guest += 3 * SECOND;
        assert_eq!(
            measure(&jumped).inconclusive.as_deref(),
            Some("the guest's clock jumped by 2.8 s while it was read")
        );
        let mut backwards = evidence();
        backwards.points[1].at = 1;
        let sample = measure(&backwards);
        assert_eq!(sample.inconclusive.as_deref(), Some("the counted instructions go backwards"));
        assert_eq!(sample.total.unwrap().instructions, None);
        let mut silent = evidence();
        (silent.clock, silent.lines) = (Vec::new(), Vec::new());
        assert_eq!(measure(&silent).inconclusive.as_deref(), Some("the guest's clock could not be read"));
    }

    #[test]
    fn a_guest_without_systemd_has_console_and_ssh_times() {
        let mut plain = evidence();
        (plain.manager, plain.units, plain.target) = (None, String::new(), String::new());
        let sample = measure(&plain);
        assert_eq!(sample.total.unwrap().micros, 12_000_000);
        assert_eq!(phases(&sample).len(), 2);
        plain.greeted = None;
        assert_eq!(measure(&plain).inconclusive.as_deref(), Some("sshd never answered"));
    }

    #[test]
    fn a_boot_that_nobody_saw_has_the_times_that_the_guest_says() {
        let unseen = Evidence {
            manager: evidence().manager,
            units: evidence().units,
            target: evidence().target,
            ..Evidence::default()
        };
        let sample = measure_unseen(&unseen);
        assert_eq!(
            phases(&sample),
            [
                (PhaseName::Kernel, 0, 2_000_000),
                (PhaseName::Initrd, 2_000_000, 3_000_000),
                (PhaseName::Userspace, 5_000_000, 4_000_000),
            ]
        );
        assert_eq!((sample.total.unwrap().micros, sample.total.unwrap().instructions), (9_000_000, None));
        assert_eq!((sample.guest_zero, sample.guest_zero_within), (Some(0), None));
        assert_eq!(sample.chain.len(), 2);
        let reported = |text: &str| {
            let manager = unseen.manager.clone().map(|manager| manager + text);
            measure_unseen(&Evidence { manager, ..unseen.clone() })
        };
        let both = reported("LoaderTimestampMonotonic=500000\nFirmwareTimestampMonotonic=3500000\n");
        assert_eq!(
            phases(&both)[..3],
            [
                (PhaseName::Firmware, 0, 3_000_000),
                (PhaseName::Loader, 3_000_000, 500_000),
                (PhaseName::Kernel, 3_500_000, 2_000_000)
            ]
        );
        assert_eq!(both.total.unwrap().micros, 12_500_000, "as systemd-analyze adds it up");
        let loader = reported("LoaderTimestampMonotonic=500000\n");
        assert_eq!(phases(&loader)[0], (PhaseName::Loader, 0, 500_000));
        let hung =
            measure_unseen(&Evidence { manager: Some("UserspaceTimestampMonotonic=5\n".into()), ..unseen.clone() });
        assert_eq!(hung.inconclusive.as_deref(), Some("the boot had not finished"));
        let without = measure_unseen(&Evidence { manager: None, ..unseen });
        assert_eq!(without.inconclusive.as_deref(), Some("the machine has no systemd, and nobody saw its boot"));
        assert_eq!((without.total, without.phases.len()), (None, 0));
    }

    #[test]
    fn the_guests_clock_is_read_in_both_forms() {
        let list = "Timer List Version: v0.10\nHRTIMER_MAX_CLOCK_BASES: 8\nnow at 130238832610 nsecs\n\n130.29 0.58\n";
        assert_eq!(guest_clock(list), Some(130_238_832_610));
        assert_eq!(guest_clock("130.29 0.58\n"), Some(130_290_000_000));
        for text in ["", "now at x nsecs", "130 0", "130.2 1", "99999999999999999999.00 1", "-1.00 2"] {
            assert_eq!(guest_clock(text), None, "{text}");
        }
    }
}
