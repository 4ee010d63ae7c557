//! How many instructions a guest has executed, at any moment of the host's clock.
//!
//! Under KVM the processor counts them ([`crate::perf`]), and a thread here reads it every 20 ms. Under emulation a plugin of QEMU
//! counts them (`harness/boot-meter`, carried in this program) and writes the sums to a socket every 20 ms; a thread here keeps
//! what it writes. Between two sums the count is taken to grow evenly.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::channels::socket_pair;
use crate::perf::GuestInstructions;
use muster_engine::boot_evidence::nanoseconds;

/// The plugin; empty when it could not be compiled.
static PLUGIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/boot-meter.so"));
/// Bytes of what it writes at a time: see there.
const RECORD: usize = 24;
/// Sums that are kept: a boot of 5 hours.
const MOST: usize = 900_000;

/// What had been executed at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// Nanoseconds of the host's monotonic clock.
    pub(crate) at: u64,
    /// Instructions at addresses in the lower half: firmware, loader, programs.
    pub(crate) lower: u64,
    /// Instructions at addresses in the upper half: the kernel.
    pub(crate) upper: u64,
}

impl Count {
    fn parse(record: &[u8; RECORD]) -> Self {
        let number = |at: usize| record[at..at + 8].iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        Self { at: number(0), lower: number(8), upper: number(16) }
    }
}

/// How often the processor's own counter is read.
const PAUSE: Duration = Duration::from_millis(20);

/// Keeps the counts of one machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Vec<Count>>>);

/// Why this program has no plugin; none when it has it.
pub(crate) fn unbuilt() -> Option<std::io::Error> {
    PLUGIN.is_empty().then(|| std::io::Error::other("the plugin was not compiled when this muster was built"))
}

/// What QEMU inherits for it.
pub(crate) struct Plug {
    /// The plugin as a file without a name.
    pub plugin: OwnedFd,
    /// Where it writes to.
    pub socket: OwnedFd,
}

impl Meter {
    /// A meter for a machine that is about to start.
    pub(crate) fn start() -> std::io::Result<(Self, Plug)> {
        if let Some(error) = unbuilt() {
            return Err(error);
        }
        let plugin = rustix::fs::memfd_create("muster-boot-meter", rustix::fs::MemfdFlags::CLOEXEC)?;
        let mut file = File::from(plugin);
        file.write_all(PLUGIN)?;
        let (ours, socket) = socket_pair()?;
        let meter = Self::default();
        let kept = meter.clone();
        // A thread and not a task: the plugin must never wait for a busy runtime.
        std::thread::Builder::new().name("boot-meter".to_owned()).spawn(move || kept.read(ours))?;
        Ok((meter, Plug { plugin: file.into(), socket }))
    }

    /// A meter for a process that has just been started and runs its guest by KVM.
    pub(crate) fn of_process(pid: u32) -> std::io::Result<Self> {
        let mut counter = GuestInstructions::of(pid)?;
        let meter = Self::default();
        let kept = Arc::downgrade(&meter.0);
        std::thread::Builder::new().name("boot-meter".to_owned()).spawn(move || {
            // Until the machine is gone, or not all is counted any more: then what there is ends here.
            while let (Some(counts), Ok(count)) = (kept.upgrade(), counter.read()) {
                let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                if counts.len() < MOST {
                    // The processor does not say at which address.
                    counts.push(Count { at: nanoseconds(Instant::now()), lower: count, upper: 0 });
                }
                drop(counts);
                std::thread::sleep(PAUSE);
            }
        })?;
        Ok(meter)
    }

    fn read(&self, mut socket: UnixStream) {
        let mut record = [0; RECORD];
        while socket.read_exact(&mut record).is_ok() {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if counts.len() < MOST {
                counts.push(Count::parse(&record));
            }
        }
    }

    /// What was counted so far, in order.
    pub(crate) fn counts(&self) -> Vec<Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_plugin_writes_is_kept_in_order_and_a_cut_record_is_not() {
        let (mut plugin, ours) = UnixStream::pair().unwrap();
        for (at, lower, upper) in [(1_u64, 2_u64, 3_u64), (u64::MAX, 0x0102_0304_0506_0708, 9)] {
            for number in [at, lower, upper] {
                plugin.write_all(&number.to_le_bytes()).unwrap();
            }
        }
        plugin.write_all(&[7; 23]).unwrap();
        drop(plugin);
        let meter = Meter::default();
        meter.read(ours);
        let second = Count { at: u64::MAX, lower: 0x0102_0304_0506_0708, upper: 9 };
        assert_eq!(meter.counts(), [Count { at: 1, lower: 2, upper: 3 }, second]);
    }
}
