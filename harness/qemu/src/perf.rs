//! Instructions of a guest under KVM, counted by the processor itself: `perf_event_open` on QEMU's process and all threads that it will
//! start, of the time only that a guest executes.

use std::io::{Error, ErrorKind};

use perf_event::events::Hardware;
use perf_event::{Builder, Counter};

/// Counts what the guest of a process executes, while that process and its threads live.
pub(crate) struct GuestInstructions(Counter);

impl GuestInstructions {
    /// Begins to count. The process must not have started its processors yet: threads that it has are not counted, those that it
    /// starts are.
    pub(crate) fn of(pid: u32) -> std::io::Result<Self> {
        let pid = i32::try_from(pid).map_err(Error::other)?;
        let mut counter = Builder::new(Hardware::INSTRUCTIONS)
            .observe_pid(pid)
            .any_cpu()
            .inherit(true)
            .exclude_host(true)
            .exclude_kernel(false)
            .exclude_hv(false)
            .build()?;
        counter.enable()?;
        Ok(Self(counter))
    }

    /// What was executed until now. An error when the processor could not count all the time, because others counted too: a part of
    /// the instructions is none.
    pub(crate) fn read(&mut self) -> std::io::Result<u64> {
        let seen = self.0.read_count_and_time()?;
        if seen.time_running < seen.time_enabled {
            return Err(Error::other(
                "the processor's counters were shared with another program, so that not all was counted",
            ));
        }
        Ok(seen.count)
    }
}

/// Why nothing can be counted, in words that say what to do.
pub(crate) fn why_not(error: &Error) -> String {
    let level = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::PermissionDenied, _) => format!(
            "this user may not count what guests execute (perf_event_paranoid is {}): run as root, or set kernel.perf_event_paranoid \
             to 1",
            level.trim()
        ),
        (ErrorKind::NotFound, _) | (_, Some(95)) => {
            "this host's processor counts no instructions, as in most virtual machines".to_owned()
        }
        _ => format!("perf_event_open: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the processor counts, a process that is no guest executes nothing as one; elsewhere there is a reason.
    #[test]
    fn what_runs_outside_of_a_guest_is_not_counted_and_what_cannot_count_says_why() {
        match GuestInstructions::of(std::process::id()) {
            Ok(mut counter) => {
                std::hint::black_box((0..1_000_000_u64).fold(0, u64::wrapping_add));
                assert_eq!(counter.read().unwrap_or(0), 0);
            }
            Err(error) => assert!(why_not(&error).len() > 20, "{error}"),
        }
        let refused = why_not(&Error::from(ErrorKind::PermissionDenied));
        assert!(refused.contains("perf_event_paranoid"), "{refused}");
        assert!(why_not(&Error::from_raw_os_error(95)).contains("counts no instructions"));
        assert!(why_not(&Error::from_raw_os_error(22)).contains("perf_event_open"));
    }
}
