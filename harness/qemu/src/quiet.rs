//! Whether a guest has come to rest after its boot, as far as this side sees it: by what its QEMU uses of the host's processors.
//! Whoever measures a boot waits for it with his login, which would be a part of what is measured, and a larger or a smaller one
//! as the host is busy.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Machine;
use muster_base::process::ProcessStat;
use muster_guest::Hold;

/// How long it must have been at rest. A boot waits for devices and leases too, but seldom so long.
const REST: Duration = Duration::from_secs(3);
/// What it may use of one processor meanwhile. A booting guest uses all that it gets; lab at rest was seen to use 0.02 to 0.05.
const SHARE: f64 = 0.15;
/// How long it is waited for at most, unscaled: what never rests is logged in to all the same.
const LONGEST: Duration = Duration::from_secs(20);
/// Nobody has asked for so long: it is another boot.
const FORGOTTEN: Duration = Duration::from_secs(5);

/// Holds back whoever logs in to that machine until it rests.
pub(crate) fn hold(machine: &Machine, scale: f64) -> Hold {
    let pid = machine.pid();
    let (longest, asked) = (LONGEST.mul_f64(scale), Mutex::new(Asked::default()));
    Hold::until(move || {
        // One that has ended keeps nobody waiting.
        let Some(used) = processor_time(pid) else { return true };
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.rests(Reading { at: Instant::now(), used }, longest)
    })
}

/// What QEMU had used of the processors at a moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    used: Duration,
}

/// What was seen since somebody waits.
#[derive(Debug, Default)]
struct Asked {
    since: Option<Instant>,
    readings: VecDeque<Reading>,
}

impl Asked {
    fn rests(&mut self, now: Reading, longest: Duration) -> bool {
        if self.readings.back().is_some_and(|last| now.at.duration_since(last.at) > FORGOTTEN) {
            *self = Self::default();
        }
        let since = *self.since.get_or_insert(now.at);
        self.readings.push_back(now);
        // The newest of those that are old enough.
        while self.readings.get(1).is_some_and(|next| now.at.duration_since(next.at) >= REST) {
            self.readings.pop_front();
        }
        let oldest = self.readings.front().copied().unwrap_or(now);
        let past = now.at.duration_since(oldest.at);
        let used = now.used.saturating_sub(oldest.used);
        past >= REST && used < past.mul_f64(SHARE) || now.at.duration_since(since) >= longest
    }
}

/// What a process has used of the host's processors so far, the guest's time included; none when it has ended.
fn processor_time(pid: u32) -> Option<Duration> {
    let ticks = ProcessStat::of(pid)?.used_ticks;
    Some(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For how many tenths of a second somebody is kept waiting by a machine that uses these shares, one a tenth.
    fn waits(shares: impl IntoIterator<Item = f64>) -> Option<usize> {
        let (begun, mut used, mut asked) = (Instant::now(), Duration::from_secs(40), Asked::default());
        shares.into_iter().enumerate().position(|(tenth, share)| {
            used += Duration::from_millis(100).mul_f64(share);
            asked.rests(Reading { at: begun + Duration::from_millis(100) * tenth as u32, used }, LONGEST)
        })
    }

    #[test]
    fn three_seconds_of_rest_are_waited_for_and_not_for_ever() {
        let (busy, rest) = (|tenths| std::iter::repeat_n(0.9, tenths), |tenths| std::iter::repeat_n(0.04, tenths));
        assert_eq!(waits(rest(100)), Some(30), "nobody knows what was before");
        let after = waits(busy(50).chain(rest(100))).unwrap();
        assert!((75..=80).contains(&after), "{after}: some of the work may stand at the beginning");
        assert_eq!(waits(busy(50).chain(rest(20)).chain(busy(20)).chain(rest(15))), None, "a pause is no rest");
        assert_eq!(waits(busy(300)), Some(200), "what never rests");
        assert_eq!(waits(std::iter::repeat_n(0.3, 150)), None, "a host that gives it a third of a processor");
    }

    #[test]
    fn whoever_asks_again_much_later_begins_anew() {
        let (begun, mut asked) = (Instant::now(), Asked::default());
        let mut at = |seconds: u64, used: u64| {
            asked.rests(Reading { at: begun + Duration::from_secs(seconds), used: Duration::from_secs(used) }, LONGEST)
        };
        assert!(!at(0, 10));
        assert!(at(4, 10));
        assert!(!at(60, 10), "a reboot");
        assert!(!at(64, 14));
        assert!(at(68, 14));
    }

    #[test]
    fn the_time_of_a_process_is_read_and_that_of_none_is_not() {
        let before = processor_time(std::process::id()).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(300) {
            std::hint::black_box(begun);
        }
        assert!(processor_time(std::process::id()).unwrap() > before);
        assert_eq!(processor_time(u32::MAX), None);
    }
}
