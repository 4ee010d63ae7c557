//! What this host is, for the key of a series, and how fast it is just now.

use std::time::Instant;

use muster_image::ImageSpec;
use sha2::{Digest as _, Sha256};

/// Bytes that are hashed to see how fast the host is: some tenths of a second.
const WORK: usize = 96 << 20;

/// Microseconds that a fixed amount of work takes just now, on one processor.
pub(super) fn calibrate() -> u64 {
    let block = [0x5a_u8; 64 << 10];
    let begun = Instant::now();
    let mut hasher = Sha256::new();
    for _ in 0..WORK / block.len() {
        hasher.update(block);
    }
    std::hint::black_box(hasher.finalize());
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// The processor and how many of them: `AMD EPYC, 2 processors`.
pub(super) fn name() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.trim_start().strip_prefix(':'));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let plural = if processors == 1 { "" } else { "s" };
    format!("{}, {processors} processor{plural}", model.map_or(std::env::consts::ARCH, str::trim))
}

/// What the machine of an image is made of: `x86_64 1024MiB 2cpu uefi virtio-blk`.
pub(super) fn machine(spec: &ImageSpec) -> String {
    let loaded = if spec.kernel.is_some() { " kernel" } else { "" };
    format!("{} {}MiB {}cpu {} {}{loaded}", spec.arch, spec.memory_mib, spec.cpus, spec.firmware, spec.bus)
}
