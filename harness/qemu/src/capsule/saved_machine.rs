//! A machine's shape as a capsule keeps it: what decides how the machine looks to its guest, in words
//! that another host can read, and without a path of this one. Pure.
//!
//! A capsule may come from a stranger, so that every word is checked before a machine is made of it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::firmware::Firmware;
use super::super::{AccelKind, Network, accel};
use crate::description::{MachineDescription, Memory};
use muster_base::UnknownName;
use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::machine::{Arch, DiskBus};
use muster_image::{ImageSpec, Inspected, KernelBoot};

/// The largest memory that is accepted, in MiB: 1 TiB.
const MOST_MEMORY: u32 = 1 << 20;
/// The most processors that are accepted.
const MOST_CPUS: u32 = 256;
/// The most overlays that may lie on each other.
const MOST_LAYERS: usize = 8;
/// The most SMBIOS strings, and the longest, in bytes.
const MOST_STRINGS: usize = 32;
const LONGEST_STRING: usize = 64 << 10;

/// Names of the files in a capsule.
pub mod files {
    /// RAM and the state of the devices, as QEMU wrote them.
    pub const STATE: &str = "state";
    /// The firmware's variables.
    pub const VARS: &str = "vars";
    /// The seed disk.
    pub const SEED: &str = "seed.img";
    /// The Ignition configuration.
    pub const IGNITION: &str = "ignition.json";
    /// The kernel that QEMU loads.
    pub const KERNEL: &str = "kernel";
    /// Its initial RAM disk.
    pub const INITRD: &str = "initrd";

    /// An overlay; 0 is the newest.
    pub fn layer(number: usize) -> String {
        format!("layer-{number}.qcow2")
    }

    /// An extra disk, raw.
    pub fn extra(number: usize) -> String {
        format!("extra-{number}.raw")
    }
}

/// What the machine was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SavedMachine {
    /// Its name, a plain word.
    pub id: String,
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// `x86_64` or `aarch64`.
    pub arch: String,
    /// MiB.
    pub memory_mib: u32,
    /// Virtual processors.
    pub cpus: u32,
    /// Their model, when one was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cpu: Option<String>,
    /// How disks are attached.
    pub bus: String,
    /// Sizes in bytes of the empty disks next to it.
    pub extra_disks: Vec<u64>,
    /// The firmware, when it is not the board's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub firmware: Option<SavedFirmware>,
    /// The kernel's command line, when QEMU loads the kernel.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kernel: Option<SavedKernel>,
    /// A TPM, whose state lies in the state of the devices.
    pub tpm: bool,
    /// A seed disk.
    pub seed: bool,
    /// An Ignition configuration.
    pub ignition: bool,
    /// SMBIOS type 11 strings.
    pub smbios: Vec<String>,
    /// Network interfaces.
    pub nics: u32,
    /// How many overlays lie on the image.
    pub layers: usize,
    /// Whether QEMU called its RAM by the name of a file of its own.
    pub ram_file: bool,
}

/// Firmware that is looked for again on the host that resumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SavedFirmware {
    /// With Secure Boot.
    pub secure: bool,
    /// SHA-256 of its code, hex.
    pub sha256: String,
    /// QEMU's driver for the variables.
    pub vars_format: String,
}

/// A kernel that QEMU loads itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SavedKernel {
    /// With an initial RAM disk.
    pub initrd: bool,
    /// Its command line.
    pub cmdline: String,
}

/// Why a machine of a capsule is none that this host starts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum SavedMachineError {
    #[error("the machine's id is not a plain name")]
    Id,
    #[error("its CPU model is not a plain name")]
    Cpu,
    #[error("its accelerator is neither kvm nor tcg")]
    Accelerator,
    #[error("its architecture is not {0}")]
    Arch(UnknownName),
    #[error("its bus is not {0}")]
    Bus(UnknownName),
    #[error("{what} is {value}, outside {least} to {most}")]
    Range { what: &'static str, value: u64, least: u64, most: u64 },
    #[error("an SMBIOS string or the kernel's command line is too long or has control characters")]
    Text,
    #[error("it was made under {wanted}, and this host offers {here}")]
    OtherAccelerator { wanted: String, here: &'static str },
}

impl Fault for SavedMachineError {
    fn exit(&self) -> Exit {
        Exit::Invalid
    }
}

impl SavedMachine {
    /// The shape of a machine with so many overlays below its own.
    pub(super) fn of(machine: &MachineDescription, layers: usize, ram_file: bool, code: Option<String>) -> Self {
        // Every field by name, so that a new one cannot be forgotten here.
        let MachineDescription {
            id,
            accel,
            arch,
            memory_mib,
            cpus,
            cpu,
            base: _,
            base_format: _,
            bus,
            extra_disks,
            firmware,
            kernel,
            tpm,
            seed_disk,
            ignition,
            smbios,
            // A resumed machine reaches nothing, whatever the test was allowed to.
            network: _,
            // Nor other machines: no capsule is made of one of several.
            segment: _,
            nics,
            memory: _,
        } = machine;
        Self {
            id: id.clone(),
            accelerator: accel.name().to_owned(),
            arch: arch.name().to_owned(),
            memory_mib: *memory_mib,
            cpus: *cpus,
            cpu: cpu.clone(),
            bus: bus.name().to_owned(),
            extra_disks: extra_disks.clone(),
            firmware: firmware.as_ref().map(|firmware| SavedFirmware {
                secure: firmware.secure,
                sha256: code.unwrap_or_default(),
                vars_format: firmware.vars_format.clone(),
            }),
            kernel: kernel
                .as_ref()
                .map(|kernel| SavedKernel { initrd: kernel.initrd.is_some(), cmdline: kernel.cmdline.clone() }),
            tpm: *tpm,
            seed: seed_disk.is_some(),
            ignition: ignition.is_some(),
            smbios: smbios.clone(),
            nics: *nics,
            layers,
            ram_file,
        }
    }

    /// Its architecture.
    pub fn arch(&self) -> Result<Arch, SavedMachineError> {
        self.arch.parse().map_err(SavedMachineError::Arch)
    }

    fn bus(&self) -> Result<DiskBus, SavedMachineError> {
        self.bus.parse().map_err(SavedMachineError::Bus)
    }

    /// The accelerator's kind; `None` when it is neither of the two.
    pub fn accel(&self) -> Option<AccelKind> {
        [AccelKind::Kvm, AccelKind::Tcg].into_iter().find(|kind| kind.name() == self.accelerator)
    }

    /// Names of the files that must lie in the capsule.
    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = (0..self.layers).map(files::layer).collect();
        names.extend((0..self.extra_disks.len()).map(files::extra));
        let kernel = self.kernel.as_ref();
        for (there, name) in [
            (true, files::STATE),
            (self.firmware.is_some(), files::VARS),
            (self.seed, files::SEED),
            (self.ignition, files::IGNITION),
            (kernel.is_some(), files::KERNEL),
            (kernel.is_some_and(|kernel| kernel.initrd), files::INITRD),
        ] {
            if there {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// What makes no machine; the first that is found.
    pub fn check(&self) -> Result<(), SavedMachineError> {
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if self.id.is_empty() || self.id.len() > 120 || !plain(&self.id) || self.id.starts_with(['.', '-']) {
            return Err(SavedMachineError::Id);
        }
        // It stands in a command line, where a comma would begin another property.
        if self.cpu.as_deref().is_some_and(|cpu| cpu.is_empty() || cpu.len() > 64 || !plain(cpu)) {
            return Err(SavedMachineError::Cpu);
        }
        if self.accel().is_none() {
            return Err(SavedMachineError::Accelerator);
        }
        self.arch()?;
        self.bus()?;
        let within = |what: &'static str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(SavedMachineError::Range { what, value, least, most })
        };
        within("its memory in MiB", self.memory_mib.into(), 16, MOST_MEMORY.into())?;
        within("its number of processors", self.cpus.into(), 1, MOST_CPUS.into())?;
        within("its number of network interfaces", self.nics.into(), 1, ImageSpec::MAX_DEVICES.into())?;
        within("its number of overlays", self.layers as u64, 1, MOST_LAYERS as u64)?;
        within("its number of extra disks", self.extra_disks.len() as u64, 0, ImageSpec::MAX_DEVICES.into())?;
        for size in &self.extra_disks {
            within("the size of an extra disk", *size, 1, ImageSpec::MAX_VIRTUAL_SIZE)?;
        }
        within("its number of SMBIOS strings", self.smbios.len() as u64, 0, MOST_STRINGS as u64)?;
        let escape = |text: &str| text.len() <= LONGEST_STRING && !text.chars().any(char::is_control);
        let cmdline = self.kernel.iter().map(|kernel| &kernel.cmdline);
        if !self.smbios.iter().chain(cmdline).all(|text| escape(text)) {
            return Err(SavedMachineError::Text);
        }
        Ok(())
    }

    /// The machine again, on this host's image and firmware and the capsule's files. Call
    /// [`SavedMachine::check`] first.
    pub(super) fn machine(
        &self,
        image: &Inspected,
        firmware: Option<Firmware>,
        dir: &Path,
        kind: AccelKind,
    ) -> Result<MachineDescription, SavedMachineError> {
        self.check()?;
        Ok(MachineDescription {
            id: self.id.clone(),
            accel: kind,
            arch: self.arch()?,
            memory_mib: self.memory_mib,
            cpus: self.cpus,
            cpu: self.cpu.clone(),
            base: image.path.clone(),
            base_format: image.format,
            bus: self.bus()?,
            extra_disks: self.extra_disks.clone(),
            firmware,
            kernel: self.kernel.as_ref().map(|kernel| KernelBoot {
                image: dir.join(files::KERNEL),
                initrd: kernel.initrd.then(|| dir.join(files::INITRD)),
                cmdline: kernel.cmdline.clone(),
            }),
            tpm: self.tpm,
            seed_disk: self.seed.then(|| dir.join(files::SEED)),
            ignition: self.ignition.then(|| dir.join(files::IGNITION)),
            smbios: self.smbios.clone(),
            network: Network::Restricted,
            nics: self.nics,
            segment: false,
            memory: Memory::Resumed,
        })
    }

    /// Whether a machine on this accelerator can go on where this one stopped.
    pub fn fits(&self, here: &accel::Accel) -> Result<(), SavedMachineError> {
        match self.accel() {
            Some(kind) if kind == here.kind => Ok(()),
            _ => Err(SavedMachineError::OtherAccelerator { wanted: self.accelerator.clone(), here: here.kind.name() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::machine::Format;

    fn description() -> MachineDescription {
        MachineDescription {
            id: "lab-2".to_owned(),
            accel: AccelKind::Tcg,
            arch: Arch::X86_64,
            memory_mib: 512,
            cpus: 2,
            cpu: Some("Nehalem".to_owned()),
            base: "/images/lab.qcow2".into(),
            base_format: Format::Qcow2,
            bus: DiskBus::VirtioScsi,
            extra_disks: vec![1 << 30],
            firmware: Some(Firmware {
                code: "/fw/CODE.fd".into(),
                code_format: "raw".to_owned(),
                vars_template: "/fw/VARS.fd".into(),
                vars_format: "raw".to_owned(),
                secure: true,
            }),
            kernel: None,
            tpm: true,
            seed_disk: Some("/runs/1/seed.img".into()),
            ignition: None,
            smbios: vec!["a=b".to_owned()],
            network: Network::Internet,
            nics: 2,
            segment: false,
            memory: Memory::Cloned,
        }
    }

    fn saved_machine() -> SavedMachine {
        SavedMachine::of(&description(), 2, true, Some("c0de".to_owned()))
    }

    #[test]
    fn a_machine_survives_as_json_with_the_capsules_own_paths() {
        let text = serde_json::to_string(&saved_machine()).unwrap();
        assert!(!text.contains("/images") && !text.contains("/runs") && !text.contains("/fw"), "{text}");
        let read: SavedMachine = serde_json::from_str(&text).unwrap();
        assert_eq!(read, saved_machine());
        let image =
            Inspected { path: "/here/lab.qcow2".into(), format: Format::Qcow2, virtual_size: 1, actual_size: 1 };
        let firmware = description().firmware;
        let machine = read.machine(&image, firmware, Path::new("/capsule"), AccelKind::Tcg).unwrap();
        let expected = MachineDescription {
            base: "/here/lab.qcow2".into(),
            seed_disk: Some("/capsule/seed.img".into()),
            network: Network::Restricted,
            memory: Memory::Resumed,
            ..description()
        };
        assert_eq!(machine, expected);
        assert_eq!(read.files(), ["layer-0.qcow2", "layer-1.qcow2", "extra-0.raw", "state", "vars", "seed.img"]);
    }

    #[test]
    fn a_strangers_words_are_refused() {
        let refused = |change: &dyn Fn(&mut SavedMachine)| {
            let mut hostile = saved_machine();
            change(&mut hostile);
            hostile.check().unwrap_err().to_string()
        };
        assert!(refused(&|saved_machine| saved_machine.id = "x,debug-threads=on".to_owned()).contains("plain name"));
        assert!(refused(&|saved_machine| saved_machine.id = "..".to_owned()).contains("plain name"));
        assert!(
            refused(&|saved_machine| saved_machine.accelerator = "tcg,tb-size=9999999".to_owned())
                .contains("accelerator")
        );
        assert!(refused(&|saved_machine| saved_machine.bus = "usb".to_owned()).contains("bus"));
        assert!(refused(&|saved_machine| saved_machine.arch = "../../bin/sh".to_owned()).contains("architecture"));
        assert!(refused(&|saved_machine| saved_machine.memory_mib = u32::MAX).contains("memory"));
        assert!(refused(&|saved_machine| saved_machine.layers = 4_000_000_000).contains("overlays"));
        assert!(refused(&|saved_machine| saved_machine.extra_disks = vec![u64::MAX]).contains("extra disk"));
        assert!(refused(&|saved_machine| saved_machine.smbios = vec!["x\n".to_owned()]).contains("control"));
        assert!(
            serde_json::from_str::<SavedMachine>(
                &serde_json::to_string(&saved_machine()).unwrap().replacen("id", "path", 1)
            )
            .is_err()
        );
        assert_eq!(saved_machine().check(), Ok(()));
    }
}
