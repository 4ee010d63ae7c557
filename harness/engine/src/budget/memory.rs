//! How much memory this host has left for machines.

/// How much of the available memory is left to the rest of the host.
const LEFT_TO_THE_HOST: f64 = 0.1;

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
