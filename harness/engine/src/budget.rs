//! How many machines may run at a time: never more memory than the host has left, never more
//! processors than it has. An emulated guest keeps as many host processors busy as it has virtual
//! ones; a guest under KVM mostly waits.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Parts of a processor that are counted.
const CENTI: u32 = 100;
/// What QEMU needs in addition to the memory of its guest, in MiB: its code, translated code under
/// emulation, buffers of disks.
pub(crate) const QEMU_OVERHEAD_MIB: u32 = 160;
/// How much of the available memory is left to the rest of the host.
const LEFT_TO_THE_HOST: f64 = 0.1;

/// What one machine takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Hundredths of a processor.
    pub centicores: u32,
    /// MiB.
    pub memory_mib: u32,
}

impl Cost {
    /// The cost of a machine with so many processors that may come to use so much memory.
    pub fn of(cpus: u32, memory_mib: u32, emulated: bool) -> Self {
        let share = if emulated { CENTI } else { CENTI / 2 };
        Self { centicores: cpus * share, memory_mib: memory_mib.saturating_add(QEMU_OVERHEAD_MIB) }
    }
}

/// What all machines of a run share. Clones share it.
#[derive(Debug, Clone)]
pub struct Budget {
    cores: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    jobs: Arc<Semaphore>,
    total: Cost,
    most: u32,
}

/// Room for one machine, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation(#[allow(dead_code, reason = "held to be dropped")] [Option<OwnedSemaphorePermit>; 3]);

impl Budget {
    /// A budget of so many processors and so much memory, and at most `jobs` machines at a time.
    pub fn new(cores: u32, memory_mib: u32, jobs: Option<u32>) -> Self {
        let total = Cost { centicores: cores.max(1) * CENTI, memory_mib: memory_mib.max(1) };
        let most = jobs.unwrap_or(total.centicores).max(1);
        let semaphore = |permits: u32| Arc::new(Semaphore::new(permits as usize));
        Self {
            cores: semaphore(total.centicores),
            memory: semaphore(total.memory_mib),
            jobs: semaphore(most),
            total,
            most,
        }
    }

    /// How many machines of this cost can run side by side: at least one, because a run that could
    /// start none would be of no use.
    pub fn side_by_side(&self, cost: Cost) -> u32 {
        let cores = self.total.centicores / cost.centicores.max(1);
        let memory = self.total.memory_mib / cost.memory_mib.max(1);
        cores.min(memory).min(self.most).max(1)
    }

    /// Waits for room. A machine that is larger than the whole budget gets all of it, alone.
    pub(crate) async fn reserve(&self, cost: Cost) -> Reservation {
        let cores = cost.centicores.clamp(1, self.total.centicores);
        let memory = cost.memory_mib.clamp(1, self.total.memory_mib);
        // Always in this order, so that two that wait never hold what the other wants.
        let job = self.jobs.clone().acquire_owned().await.ok();
        let memory = self.memory.clone().acquire_many_owned(memory).await.ok();
        let cores = self.cores.clone().acquire_many_owned(cores).await.ok();
        Reservation([job, memory, cores])
    }

    /// Waits until nothing else runs: for whoever measures time.
    pub(crate) async fn reserve_all(&self) -> Reservation {
        self.reserve(self.total).await
    }

    /// Counts memory that is in use without a machine: a template's. What is not free any more cannot
    /// be waited for, since a machine's own memory has just become it.
    pub fn hold(&self, mib: u32) -> Held {
        let most = (self.total.memory_mib / 2) as usize;
        let taken = self.memory.forget_permits(most.min(mib as usize));
        Held { memory: self.memory.clone(), taken }
    }
}

/// Memory that is counted as used, until it is dropped.
#[derive(Debug)]
pub struct Held {
    memory: Arc<Semaphore>,
    taken: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.add_permits(self.taken);
    }
}

/// Memory that machines may take together on this host now, in MiB: what the kernel calls available,
/// within the limits of the control groups this process is in, less a tenth for everyone else.
pub fn available_memory_mib() -> u32 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let mut bytes = meminfo_available(&read("/proc/meminfo")).unwrap_or(2 << 30);
    for (limit, usage) in cgroup_files(&read("/proc/self/cgroup")) {
        if let (Ok(limit), Ok(usage)) = (read(&limit).trim().parse::<u64>(), read(&usage).trim().parse::<u64>()) {
            bytes = bytes.min(limit.saturating_sub(usage));
        }
    }
    let mib = (bytes as f64 * (1.0 - LEFT_TO_THE_HOST)) as u64 >> 20;
    u32::try_from(mib).unwrap_or(u32::MAX >> 4).min(u32::MAX >> 4)
}

/// `MemAvailable` of /proc/meminfo, in bytes.
fn meminfo_available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Files with the limit and the usage of this process's control group and of those above it.
fn cgroup_files(membership: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for line in membership.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let (root, limit, usage) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max", "memory.current")
        } else if controllers.split(',').any(|name| name == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
        } else {
            continue;
        };
        // Inside a container the path may be that of the host; the root of what is mounted counts too.
        let mut at = path.trim_end_matches('/');
        loop {
            files.push((format!("{root}{at}/{limit}"), format!("{root}{at}/{usage}")));
            match at.rfind('/') {
                Some(slash) => at = &at[..slash],
                None => break,
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MACHINE: Cost = Cost { centicores: 200, memory_mib: 1000 };

    async fn waits<T>(future: impl Future<Output = T>) -> bool {
        tokio::time::timeout(Duration::from_millis(20), future).await.is_err()
    }

    #[tokio::test]
    async fn neither_processors_nor_memory_nor_jobs_are_given_twice() {
        for budget in [Budget::new(4, 100_000, None), Budget::new(64, 2100, None), Budget::new(64, 100_000, Some(2))] {
            assert_eq!(budget.side_by_side(MACHINE), 2);
            let first = budget.reserve(MACHINE).await;
            let _second = budget.reserve(MACHINE).await;
            assert!(waits(budget.reserve(MACHINE)).await);
            drop(first);
            assert!(!waits(budget.reserve(MACHINE)).await);
        }
    }

    #[tokio::test]
    async fn a_machine_larger_than_the_host_runs_alone() {
        let budget = Budget::new(1, 500, None);
        assert_eq!(budget.side_by_side(MACHINE), 1);
        let _all = budget.reserve(MACHINE).await;
        assert!(waits(budget.reserve(Cost { centicores: 1, memory_mib: 1 })).await);
    }

    #[tokio::test]
    async fn who_measures_is_alone_and_a_template_counts() {
        let budget = Budget::new(4, 2500, None);
        let small = budget.reserve(Cost { centicores: 1, memory_mib: 1 }).await;
        assert!(waits(budget.reserve_all()).await);
        drop(small);
        assert!(!waits(budget.reserve_all()).await);
        let held = budget.hold(600);
        let _first = budget.reserve(MACHINE).await;
        assert!(waits(budget.reserve(MACHINE)).await);
        drop(held);
        assert!(!waits(budget.reserve(MACHINE)).await);
    }

    #[test]
    fn an_emulated_guest_costs_whole_processors() {
        assert_eq!(Cost::of(2, 1024, true), Cost { centicores: 200, memory_mib: 1024 + QEMU_OVERHEAD_MIB });
        assert_eq!(Cost::of(2, 1024, false).centicores, 100);
    }

    #[test]
    fn memory_is_read_as_the_kernel_writes_it() {
        assert_eq!(meminfo_available("MemTotal: 9 kB\nMemAvailable:   24001 kB\n"), Some(24001 * 1024));
        assert_eq!(meminfo_available("MemAvailable: lots\n"), None);
        let two = cgroup_files("0::/user.slice/run-1.scope\n");
        assert_eq!(two.len(), 3);
        assert_eq!(two[0].0, "/sys/fs/cgroup/user.slice/run-1.scope/memory.max");
        assert_eq!(two[2].1, "/sys/fs/cgroup/memory.current");
        let one = cgroup_files("9:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n");
        assert_eq!(one[0].0, "/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes");
        assert_eq!(one.len(), 3);
    }
}
