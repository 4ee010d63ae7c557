//! What a machine is, before anything of it runs.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::AccelKind;
use super::firmware::Firmware;
use super::network::Network;
use muster_base::machine::{Arch, DiskBus, Format};
use muster_image::KernelBoot;

/// Everything that decides how a machine looks to its guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MachineDescription {
    /// Unique in the run.
    pub id: String,
    /// What executes the guest.
    pub accel: AccelKind,
    /// The guest's processor.
    pub arch: Arch,
    /// MiB.
    pub memory_mib: u32,
    /// Virtual processors.
    pub cpus: u32,
    /// An x86 level or a CPU model of QEMU; the best there is when absent.
    pub cpu: Option<String>,
    /// The image behind the overlay.
    pub base: PathBuf,
    /// Its format.
    pub base_format: Format,
    /// How disks are attached.
    pub bus: DiskBus,
    /// Sizes in bytes of the empty disks next to it, in order.
    pub extra_disks: Vec<u64>,
    /// UEFI; when absent SeaBIOS on x86_64 and nothing on aarch64.
    pub firmware: Option<Firmware>,
    /// What QEMU loads in place of a boot loader; absolute paths.
    pub kernel: Option<KernelBoot>,
    /// A TPM 2.0, whose emulator is on the other side of [`Fds::tpm`](super::command_line::Fds::tpm).
    pub tpm: bool,
    /// A read-only raw disk that carries the seed.
    pub seed_disk: Option<PathBuf>,
    /// An Ignition configuration for the guest to read from fw_cfg.
    pub ignition: Option<PathBuf>,
    /// SMBIOS type 11 strings.
    pub smbios: Vec<String>,
    /// What the guest can reach.
    pub network: Network,
    /// Network interfaces, at least one. The first carries SSH; each further one is alone on a
    /// restricted network of its own.
    pub nics: u32,
    /// Whether it has an interface, after all others, for a network with other machines of its test.
    pub segment: bool,
    /// Where its RAM lives.
    pub memory: Memory,
}

/// Where a machine's RAM lives. No guest can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Memory {
    /// In its own process.
    #[default]
    Private,
    /// In a file that outlives the process, so that the machine can become a template.
    Shared,
    /// In a template's file, which is only read: what the guest writes stays in its own process.
    Cloned,
    /// Filled from a capsule's state before the guest goes on.
    Resumed,
}

impl Memory {
    /// Whether the machine waits for a state that is read into it.
    pub(crate) fn is_incoming(self) -> bool {
        matches!(self, Self::Cloned | Self::Resumed)
    }
}

/// The program that runs machines of an architecture.
pub(crate) fn program(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "qemu-system-x86_64",
        Arch::Aarch64 => "qemu-system-aarch64",
    }
}

/// The versions of the QEMU programs, each of which is started once to say it.
#[derive(Debug, Default)]
pub struct Versions {
    x86_64: OnceLock<String>,
    aarch64: OnceLock<String>,
}

impl Versions {
    /// That of the QEMU that runs guests of the architecture: `10.0.2`, or `unknown`.
    pub(crate) fn of(&self, arch: Arch) -> &str {
        let known = match arch {
            Arch::X86_64 => &self.x86_64,
            Arch::Aarch64 => &self.aarch64,
        };
        known.get_or_init(|| version(arch).unwrap_or_else(|| "unknown".to_owned()))
    }
}

/// The version of the QEMU that runs guests of that architecture, as it says it.
fn version(arch: Arch) -> Option<String> {
    let output = std::process::Command::new(program(arch)).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().next()?.strip_prefix("QEMU emulator version ")?.split_whitespace().next()?;
    Some(version.to_owned())
}

/// Why a machine can be neither frozen nor captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Uncloneable {
    #[error("QEMU's NVMe disk cannot be frozen; another `bus` can")]
    Nvme,
    #[error("QEMU's Arm machines have no vmgenid, so that clones would draw the same random numbers")]
    NoVmgenid,
    #[error("a TPM is one of a kind: its clones would share its keys and its random numbers")]
    Tpm,
    #[error("it was started without RAM that can be shared")]
    PrivateRam,
}

/// Whether a machine can be frozen and loaded again into clones, and if not, what forbids it.
/// Facts: `vmstate` of the devices of QEMU 10.
pub(crate) fn cloneable(machine: &MachineDescription) -> Result<(), Uncloneable> {
    if machine.bus == DiskBus::Nvme {
        return Err(Uncloneable::Nvme);
    }
    if machine.arch == Arch::Aarch64 {
        return Err(Uncloneable::NoVmgenid);
    }
    if machine.tpm {
        return Err(Uncloneable::Tpm);
    }
    Ok(())
}

/// A machine for tests of what is made of one.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub(crate) fn machine() -> MachineDescription {
        MachineDescription {
            id: "lab-1".to_owned(),
            accel: AccelKind::Tcg,
            arch: Arch::X86_64,
            memory_mib: 1024,
            cpus: 2,
            cpu: None,
            base: "/images/it's, a disk.qcow2".into(),
            base_format: Format::Qcow2,
            bus: DiskBus::VirtioBlk,
            extra_disks: Vec::new(),
            firmware: Some(Firmware {
                code: "/fw/CODE.fd".into(),
                code_format: "raw".to_owned(),
                vars_template: "/fw/VARS.fd".into(),
                vars_format: "raw".to_owned(),
                secure: false,
            }),
            kernel: None,
            tpm: false,
            seed_disk: Some("/run/seed.img".into()),
            ignition: None,
            smbios: Vec::new(),
            network: Network::Restricted,
            nics: 1,
            segment: false,
            memory: Memory::Private,
        }
    }

    /// One that boots a kernel without a boot loader, with as much attached to it as there is.
    pub(crate) fn loaded() -> MachineDescription {
        MachineDescription {
            base_format: Format::Raw,
            bus: DiskBus::Sata,
            firmware: None,
            kernel: Some(KernelBoot {
                image: "/boot/vmlinuz".into(),
                initrd: Some("/boot/initrd.img".into()),
                cmdline: "root=/dev/sda rw, console=ttyS0".to_owned(),
            }),
            tpm: true,
            extra_disks: vec![1 << 30; 7],
            seed_disk: None,
            ignition: Some("/run/a,b/config.ign".into()),
            nics: 3,
            ..machine()
        }
    }
}
