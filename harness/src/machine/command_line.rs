//! The QEMU command line: a pure function from a machine's description, so that it can be read,
//! compared and tested without starting anything.

use std::os::fd::RawFd;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::AccelKind;
use super::firmware::Firmware;
use super::network::{Network, NetworkFds};
use crate::image::{DiskBus, Format};

/// Everything that decides how a machine looks to its guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineDescription {
    /// Unique in the run.
    pub id: String,
    /// What executes the guest.
    pub accel: AccelKind,
    /// MiB.
    pub memory_mib: u32,
    /// Virtual processors.
    pub cpus: u32,
    /// The image behind the overlay.
    pub base: PathBuf,
    /// Its format.
    pub base_format: Format,
    /// How disks are attached.
    pub bus: DiskBus,
    /// UEFI, or SeaBIOS when absent.
    pub firmware: Option<Firmware>,
    /// A read-only raw disk that carries the seed.
    pub seed_disk: Option<PathBuf>,
    /// SMBIOS type 11 strings.
    pub smbios: Vec<String>,
    /// What the guest can reach.
    pub network: Network,
}

/// File descriptors that QEMU inherits, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fds {
    /// The overlay, read-write.
    pub layer: RawFd,
    /// The image, read-only.
    pub base: RawFd,
    /// The private copy of the firmware's variables, read-write.
    pub vars: Option<RawFd>,
    /// Our end is the console.
    pub serial: RawFd,
    /// Our end speaks QMP.
    pub qmp: RawFd,
    /// Our ends carry the guest's frames; for a network with a fabric only.
    pub network: Option<NetworkFds>,
}

/// The program.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// Where disk, variables, console and control come from: the only part of the command line that
/// differs between a run and a person's terminal.
enum Wiring<'a> {
    Fds(&'a Fds),
    Files { layer: &'a str, vars: &'a str },
}

/// The arguments, without the program, for a QEMU that inherits `fds`.
pub fn command_line(machine: &MachineDescription, fds: &Fds) -> Vec<String> {
    arguments(machine, &Wiring::Fds(fds))
}

/// A shell script that starts the same machine by hand, on the terminal, with its own overlay.
pub fn by_hand(machine: &MachineDescription) -> String {
    let quoted = |text: &str| crate::text::shell_word(text);
    let mut script =
        String::from("#!/bin/sh\n# Starts this machine again by hand: console on the terminal, Ctrl-A X ends it.\n");
    script.push_str("set -e\nwork=$(mktemp -d)\ntrap 'rm -rf \"$work\"' EXIT\n");
    script.push_str(&format!(
        "qemu-img create -q -f qcow2 -F {} -b {} \"$work/layer.qcow2\"\n",
        machine.base_format.driver(),
        quoted(&machine.base.to_string_lossy()),
    ));
    if let Some(firmware) = &machine.firmware {
        script.push_str(&format!("cp {} \"$work/vars\"\n", quoted(&firmware.vars_template.to_string_lossy())));
    }
    script.push_str("cd \"$work\"\n");
    script.push_str(PROGRAM);
    for argument in arguments(machine, &Wiring::Files { layer: "layer.qcow2", vars: "vars" }) {
        // An option begins a line of its own, so that two scripts compare well.
        script.push_str(if argument.starts_with('-') { " \\\n  " } else { " " });
        script.push_str(&quoted(&argument));
    }
    script.push('\n');
    script
}

/// The arguments as one line that a shell reads back.
pub fn shell_line(arguments: &[String]) -> String {
    let words: Vec<String> =
        std::iter::once(PROGRAM).chain(arguments.iter().map(String::as_str)).map(crate::text::shell_word).collect();
    words.join(" ")
}

fn arguments(machine: &MachineDescription, wiring: &Wiring<'_>) -> Vec<String> {
    let mut line = Line(Vec::new());
    line.option("-name", escaped(&machine.id));
    line.flag("-nodefaults").flag("-no-user-config").option("-display", "none");
    // QEMU parses what a hostile guest writes; it needs neither children nor privileges for that.
    line.option("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");

    let secure = machine.firmware.as_ref().is_some_and(|firmware| firmware.secure);
    let mut board = String::from("q35,vmport=off,hpet=off");
    board.push_str(match machine.firmware {
        Some(_) => ",pflash0=code,pflash1=vars",
        // Makes SeaBIOS speak on the serial port, so that "No bootable device" is heard.
        None => ",graphics=off",
    });
    board.push_str(if secure { ",smm=on" } else { ",smm=off" });
    line.option("-machine", board);
    match machine.accel {
        // `host` hides nothing from the guest. Hosts where it dies on arch-capabilities ("failed to set
        // MSR 0x10a") are those whose KVM interprets, and the probe has refused those already.
        AccelKind::Kvm => line.option("-accel", "kvm").option("-cpu", "host"),
        // `max` offers x86-64-v3 to distributions that require it; the default processor has not even v2.
        AccelKind::Tcg => line.option("-accel", "tcg,thread=multi").option("-cpu", "max"),
    };
    line.option("-smp", format!("{}", machine.cpus)).option("-m", format!("size={}M", machine.memory_mib));
    // A panic is reported as an event and on the console; the guest goes on so that its trace is
    // printed whole. A reset is allowed, because firmware resets itself too, and is reported.
    line.option("-action", "panic=none,reboot=reset,shutdown=poweroff,watchdog=none");

    firmware(&mut line, machine, wiring);
    disks(&mut line, machine, wiring);

    let cable = match wiring {
        Wiring::Fds(fds) => fds.network,
        Wiring::Files { .. } => None,
    };
    for netdev in machine.network.netdevs(cable) {
        line.option("-netdev", netdev);
    }
    line.option("-device", "virtio-net-pci,netdev=net0,romfile=");
    line.option("-object", "rng-random,id=rng0,filename=/dev/urandom").option("-device", "virtio-rng-pci,rng=rng0");
    line.option("-device", "vmgenid,guid=auto").option("-device", "pvpanic-pci");
    for value in &machine.smbios {
        line.option("-smbios", format!("type=11,value={}", escaped(value)));
    }
    match wiring {
        Wiring::Fds(fds) => {
            line.option("-chardev", format!("socket,id=serial0,fd={}", fds.serial))
                .option("-serial", "chardev:serial0");
            line.option("-chardev", format!("socket,id=qmp0,fd={}", fds.qmp))
                .option("-mon", "chardev=qmp0,mode=control");
        }
        Wiring::Files { .. } => {
            line.option("-chardev", "stdio,id=serial0,mux=on,signal=off").option("-serial", "chardev:serial0");
            line.option("-mon", "chardev=serial0,mode=readline");
        }
    }
    line.0
}

fn firmware(line: &mut Line, machine: &MachineDescription, wiring: &Wiring<'_>) {
    let Some(firmware) = &machine.firmware else { return };
    if firmware.secure {
        line.option("-global", "driver=cfi.pflash01,property=secure,value=on");
    }
    let vars = match wiring {
        Wiring::Fds(fds) => match fds.vars {
            Some(fd) => line.add_fd(fd, 3),
            None => return,
        },
        Wiring::Files { vars, .. } => (*vars).to_owned(),
    };
    line.node(json!({
        "driver": firmware.code_format, "node-name": "code", "read-only": true,
        "file": {"driver": "file", "filename": firmware.code.to_string_lossy(), "read-only": true},
    }));
    line.node(json!({
        "driver": firmware.vars_format, "node-name": "vars",
        "file": {"driver": "file", "filename": vars},
    }));
}

fn disks(line: &mut Line, machine: &MachineDescription, wiring: &Wiring<'_>) {
    let (layer, base) = match wiring {
        Wiring::Fds(fds) => (line.add_fd(fds.layer, 1), line.add_fd(fds.base, 2)),
        Wiring::Files { layer, .. } => ((*layer).to_owned(), machine.base.to_string_lossy().into_owned()),
    };
    // The layer is thrown away with the machine, so flushing it to the platter would only cost time.
    let unflushed = json!({"no-flush": true});
    line.node(json!({
        "driver": "qcow2", "node-name": "disk", "discard": "unmap", "cache": unflushed,
        "file": {"driver": "file", "filename": layer, "discard": "unmap", "cache": unflushed},
        "backing": {
            "driver": machine.base_format.driver(), "read-only": true,
            "file": {"driver": "file", "filename": base, "read-only": true},
        },
    }));
    match machine.bus {
        DiskBus::VirtioBlk => line.option("-device", "virtio-blk-pci,drive=disk,serial=root,bootindex=1"),
        DiskBus::VirtioScsi => line
            .option("-device", "virtio-scsi-pci,id=scsi0")
            .option("-device", "scsi-hd,bus=scsi0.0,drive=disk,serial=root,bootindex=1"),
        DiskBus::Nvme => line.option("-device", "nvme,drive=disk,serial=root,bootindex=1"),
    };
    if let Some(seed) = &machine.seed_disk {
        line.node(json!({
            "driver": "raw", "node-name": "seed", "read-only": true,
            "file": {"driver": "file", "filename": seed.to_string_lossy(), "read-only": true},
        }));
        match machine.bus {
            DiskBus::VirtioScsi => line.option("-device", "scsi-hd,bus=scsi0.0,drive=seed,serial=seed"),
            // An NVMe device cannot be read-only, so the seed stays on virtio-blk beside it.
            DiskBus::VirtioBlk | DiskBus::Nvme => line.option("-device", "virtio-blk-pci,drive=seed,serial=seed"),
        };
    }
}

struct Line(Vec<String>);

impl Line {
    fn flag(&mut self, name: &str) -> &mut Self {
        self.0.push(name.to_owned());
        self
    }

    fn option(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.push(name.to_owned());
        self.0.push(value.into());
        self
    }

    /// JSON needs none of the comma rules of QEMU's own syntax, whatever a path contains.
    fn node(&mut self, node: Value) -> &mut Self {
        self.option("-blockdev", node.to_string())
    }

    fn add_fd(&mut self, fd: RawFd, set: u32) -> String {
        self.option("-add-fd", format!("fd={fd},set={set}"));
        format!("/dev/fdset/{set}")
    }
}

/// A value inside QEMU's comma syntax: a comma is written twice.
fn escaped(text: &str) -> String {
    text.replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FDS: Fds = Fds { layer: 10, base: 11, vars: Some(12), serial: 13, qmp: 14, network: None };

    fn machine() -> MachineDescription {
        MachineDescription {
            id: "lab-1".to_owned(),
            accel: AccelKind::Tcg,
            memory_mib: 1024,
            cpus: 2,
            base: "/images/it's, a disk.qcow2".into(),
            base_format: Format::Qcow2,
            bus: DiskBus::VirtioBlk,
            firmware: Some(Firmware {
                code: "/fw/CODE.fd".into(),
                code_format: "raw".to_owned(),
                vars_template: "/fw/VARS.fd".into(),
                vars_format: "raw".to_owned(),
                secure: false,
            }),
            seed_disk: Some("/run/seed.img".into()),
            smbios: Vec::new(),
            network: Network::Restricted,
        }
    }

    /// One option a line, so that a review sees what changed.
    fn readable(arguments: &[String]) -> String {
        arguments
            .iter()
            .map(|word| if word.starts_with('-') { format!("\n{word}") } else { format!(" {word}") })
            .collect()
    }

    #[test]
    fn uefi_under_emulation() {
        insta::assert_snapshot!(readable(&command_line(&machine(), &FDS)));
    }

    #[test]
    fn bios_with_kvm_scsi_credentials_and_an_open_network() {
        let machine = MachineDescription {
            accel: AccelKind::Kvm,
            bus: DiskBus::VirtioScsi,
            base_format: Format::Vhd,
            firmware: None,
            smbios: vec!["io.systemd.credential:a=b,c".to_owned()],
            network: Network::Internet,
            ..machine()
        };
        insta::assert_snapshot!(readable(&command_line(
            &machine,
            &Fds { vars: None, network: Some(NetworkFds { nic: 15, uplink: 16 }), ..FDS }
        )));
    }

    #[test]
    fn secure_boot_on_nvme_by_hand() {
        let mut machine = MachineDescription { bus: DiskBus::Nvme, ..machine() };
        if let Some(firmware) = &mut machine.firmware {
            firmware.secure = true;
        }
        insta::assert_snapshot!(by_hand(&machine));
    }

    #[test]
    fn a_shell_reads_the_line_back() {
        let line = shell_line(&["it's".to_owned(), "$(x)".to_owned(), String::new()]);
        assert_eq!(line, r"qemu-system-x86_64 'it'\''s' '$(x)' ''");
    }
}
