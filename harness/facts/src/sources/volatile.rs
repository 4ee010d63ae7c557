//! What changes by itself from one boot of an image to the next, and is therefore in no snapshot
//! unless a suite redacts it to a text of its own. Kept short and by name: what is dropped here
//! cannot be seen to change.

use super::rows::Row;
use muster_base::glob;
use muster_suite::model::SnapshotSource;

/// Kernel parameters that are counters, random, measured while the kernel runs, or computed from the
/// memory that happened to be free at boot. Names and meanings: the kernel's
/// Documentation/admin-guide/sysctl and Documentation/networking/ip-sysctl.
pub(super) const SYSCTLS: &[&str] = &[
    // Counters.
    "fs.aio-nr",
    "fs.dentry-state",
    "fs.file-nr",
    "fs.inode-nr",
    "fs.inode-state",
    "fs.quota.*",
    "kernel.ns_last_pid",
    "kernel.pty.nr",
    "net.netfilter.nf_conntrack_count",
    // Random.
    "kernel.random.boot_id",
    "kernel.random.entropy_avail",
    "kernel.random.uuid",
    "net.core.netdev_rss_key",
    "net.ipv4.tcp_fastopen_key",
    "net.ipv6.conf.*.stable_secret",
    // Lowered by the kernel when sampling takes too long.
    "kernel.perf_event_max_sample_rate",
    // From the memory free at boot.
    "fs.epoll.max_user_watches",
    "fs.fanotify.max_user_marks",
    "kernel.threads-max",
    "net.ipv4.tcp_mem",
    "net.ipv4.udp_mem",
    "net.sctp.sctp_mem",
    "user.max_*_namespaces",
];

/// Kernel options that name the build and not the kernel: compiler, linker and salt.
pub const KCONFIGS: &[&str] = &[
    "CONFIG_AS_VERSION",
    "CONFIG_BINDGEN_VERSION_TEXT",
    "CONFIG_BUILD_SALT",
    "CONFIG_CC_VERSION_TEXT",
    "CONFIG_CLANG_VERSION",
    "CONFIG_GCC_VERSION",
    "CONFIG_LD_VERSION",
    "CONFIG_LLD_VERSION",
    "CONFIG_PAHOLE_VERSION",
    "CONFIG_RUSTC_LLVM_VERSION",
    "CONFIG_RUSTC_VERSION",
    "CONFIG_RUSTC_VERSION_TEXT",
];

/// The user ids that systemd hands out to services while they run (systemd.io/UIDS-GIDS).
const DYNAMIC_USERS: std::ops::RangeInclusive<u32> = 61184..=65519;

/// The ports from which the kernel chooses by default when a program does not.
const EPHEMERAL_PORTS: std::ops::RangeInclusive<u16> = 32768..=60999;

/// Whether a row is left out: the lists above, units that exist only while they run, users that do,
/// and UDP sockets on ports that the kernel chose (a name lookup or a time query under way).
pub(super) fn is_volatile(source: &SnapshotSource, row: &Row) -> bool {
    let cell = |index: usize| row.cells.get(index).map_or("", String::as_str);
    match source {
        SnapshotSource::Sysctl => SYSCTLS.iter().any(|glob| glob::matches(glob, &row.key)),
        SnapshotSource::Kconfig => KCONFIGS.contains(&row.key.as_str()),
        SnapshotSource::Units => cell(1) == "transient",
        SnapshotSource::Users => cell(1).parse().is_ok_and(|uid| DYNAMIC_USERS.contains(&uid)),
        SnapshotSource::Ports => {
            cell(0).starts_with("udp") && cell(1).parse().is_ok_and(|port| EPHEMERAL_PORTS.contains(&port))
        }
        SnapshotSource::Packages | SnapshotSource::Run(_) => false,
    }
}
