//! Which boots the boots of a machine can be compared with.

use std::sync::Arc;

use crate::accel::AccelKind;
use crate::description::Versions;
use muster_boot_time::sample::{Population, Series};
use muster_image::ImageSpec;

/// What the machines of one shape of an image are, for whoever measures their boots.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) spec: ImageSpec,
    pub(crate) accelerator: AccelKind,
    pub(crate) versions: Arc<Versions>,
    /// Of the image, 64 hexadecimal digits.
    pub(crate) sha256: String,
}

impl Origin {
    /// The series of such boots.
    pub(crate) fn series(&self, boots: Population) -> Series {
        let Self { spec, accelerator, versions, sha256: _ } = self;
        Series {
            image: spec.id.clone(),
            accelerator: accelerator.name().to_owned(),
            machine: machine(spec),
            qemu: versions.of(spec.arch).to_owned(),
            host: host(),
            boots,
        }
    }
}

/// The processor and how many of them: `AMD EPYC, 2 processors`.
fn host() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.trim_start().strip_prefix(':'));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let plural = if processors == 1 { "" } else { "s" };
    format!("{}, {processors} processor{plural}", model.map_or(std::env::consts::ARCH, str::trim))
}

/// What the machine of an image is made of: `x86_64 1024MiB 2cpu uefi virtio-blk`.
fn machine(spec: &ImageSpec) -> String {
    let loaded = if spec.kernel.is_some() { " kernel" } else { "" };
    format!("{} {}MiB {}cpu {} {}{loaded}", spec.arch, spec.memory_mib, spec.cpus, spec.firmware, spec.bus)
}
