//! The data of measured boots: what is written to `boot-time.json`, and what every format and picture is made of.
//!
//! Times are microseconds. Those of a [`Sample`] count from the moment in which QEMU was started, on the host's clock; a guest's own
//! times are brought to it ([`Sample::guest_zero`]).

use serde::{Deserialize, Serialize};

/// Schema of [`Measured`].
pub const SCHEMA: &str = "boot-time/v1";

/// All boots of one image that one command measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measured {
    /// [`SCHEMA`].
    pub schema: String,
    /// The program's version and commit.
    pub muster: String,
    /// When the first boot began, RFC 3339.
    pub at: String,
    /// What decides whether two series can be compared at all.
    pub series: Series,
    /// SHA-256 of the image, 64 hexadecimal digits.
    pub image_sha256: String,
    /// In the order in which they were taken.
    pub samples: Vec<Sample>,
    /// What was not measured, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_measured: Vec<String>,
}

/// What decides whether two series can be compared: the key of a baseline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Series {
    /// The image's id in the catalogue, or the stem of its file.
    pub image: String,
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// Processor architecture, memory and processors, firmware, bus: `x86_64 1024MiB 1cpu uefi virtio-blk`.
    pub machine: String,
    /// `10.0.2`.
    pub qemu: String,
    /// The host's processor model and how many it has: `Intel Xeon …, 2 processors`.
    pub host: String,
    /// Which boots these are.
    pub boots: Population,
}

/// Boots that may be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Population {
    /// Each is the first boot of a fresh copy of the image: with provisioning.
    First,
    /// Each is a boot of a system that was booted, provisioned and shut down before.
    Later,
    /// Nobody saw it, so it may be either: it is compared with nothing.
    Unseen,
}

impl Population {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Later => "later",
            Self::Unseen => "unseen",
        }
    }
}

/// One boot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sample {
    /// From 1.
    pub number: u32,
    /// The guest's boot id; empty when it never said.
    pub boot_id: String,
    /// Where the guest's monotonic clock was zero, after QEMU's start; none when the guest has not said its clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_zero: Option<u64>,
    /// How far off that may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_zero_within: Option<u64>,
    /// In the order in which they happened; one that was not seen is not here.
    pub phases: Vec<Phase>,
    /// Moments, in the order in which they happened.
    pub marks: Vec<Mark>,
    /// QEMU's start to the end of the boot: its start jobs are done, or, of a guest without systemd, sshd answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Cost>,
    /// Units that were activated, by the start of their activation.
    #[serde(default)]
    pub units: Vec<Unit>,
    /// The critical chain, from the unit that was last to the one that was first.
    #[serde(default)]
    pub chain: Vec<Link>,
    /// Jobs that had not ended when it was given up; then it is no sample of anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hung: Vec<String>,
    /// Why nothing can be said with this boot; it is kept as evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inconclusive: Option<String>,
    /// Microseconds of a fixed amount of work on the host, just before and just after the boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<[u64; 2]>,
}

/// A part of a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    /// QEMU's start to the boot loader, or to the kernel where no loader was seen.
    Firmware,
    /// Boot loader to kernel.
    Loader,
    /// Kernel to the first systemd; that of the initrd where there is one with systemd.
    Kernel,
    /// systemd of the initrd to systemd of the real root.
    Initrd,
    /// systemd of the real root to the end of the start jobs.
    Userspace,
}

impl PhaseName {
    /// All, in the order of a boot.
    pub const ALL: [Self; 5] = [Self::Firmware, Self::Loader, Self::Kernel, Self::Initrd, Self::Userspace];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firmware => "firmware",
            Self::Loader => "loader",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            Self::Userspace => "userspace",
        }
    }
}

/// A phase of a boot. Begins where the one before it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Phase {
    /// Which.
    pub name: PhaseName,
    /// Its begin.
    pub start: u64,
    /// What it took.
    #[serde(flatten)]
    pub cost: Cost,
}

/// What something took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    /// Microseconds on the clock.
    pub micros: u64,
    /// Instructions that all processors of the guest executed meanwhile; none when they were not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
}

/// A moment of a boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mark {
    /// `sshd-answers`, `default-target`, `boot-finished`.
    pub name: String,
    /// When.
    pub at: u64,
    /// Instructions from QEMU's start until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
}

/// The activation of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unit {
    /// `sshd.service`; text of the guest, bounded.
    pub name: String,
    /// When its activation began, after QEMU's start.
    pub start: u64,
    /// Its activation; instructions are those of the whole guest meanwhile, so units that start at the same time share them.
    #[serde(flatten)]
    pub cost: Cost,
}

/// A unit on the critical chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Link {
    /// The unit.
    pub unit: String,
    /// When it was active, after QEMU's start.
    pub active: u64,
    /// What it alone added: from the end of the link before it, or the begin of its activation if that came later, to its own end.
    /// Instructions are those between the same two moments.
    #[serde(flatten)]
    pub own: Cost,
}

impl Sample {
    /// The phase, where it was seen.
    pub fn phase(&self, name: PhaseName) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.name == name)
    }

    /// The moment, where it was seen.
    pub fn mark(&self, name: &str) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.name == name)
    }

    /// Whether it counts.
    pub fn is_conclusive(&self) -> bool {
        self.inconclusive.is_none() && self.total.is_some()
    }
}

impl Measured {
    /// The samples that count.
    pub fn conclusive(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(|sample| sample.is_conclusive())
    }
}
