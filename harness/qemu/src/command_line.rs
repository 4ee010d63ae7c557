//! The QEMU command line: a pure function from a machine's description, so that it can be read,
//! compared and tested without starting anything.

use std::os::fd::RawFd;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::AccelKind;
use super::firmware::Firmware;
use super::network::{Network, NetworkFds};
use muster_base::machine::{Arch, DiskBus, Format};
use muster_image::KernelBoot;

/// Everything that decides how a machine looks to its guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineDescription {
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
    /// Sizes in bytes of the empty disks beside it, in order.
    pub extra_disks: Vec<u64>,
    /// UEFI; when absent SeaBIOS on x86_64 and nothing on aarch64.
    pub firmware: Option<Firmware>,
    /// What QEMU loads in place of a boot loader; absolute paths.
    pub kernel: Option<KernelBoot>,
    /// A TPM 2.0, whose emulator is on the other side of [`Fds::tpm`].
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
    /// Where its RAM lives.
    pub memory: Memory,
}

/// Where a machine's RAM lives. No guest can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Memory {
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
    pub fn is_incoming(self) -> bool {
        matches!(self, Self::Cloned | Self::Resumed)
    }
}

/// File descriptors that QEMU inherits, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fds {
    /// The overlay, read-write.
    pub layer: RawFd,
    /// Overlays of the templates it was forked from, the newest first, read-only.
    pub below: Vec<RawFd>,
    /// The image, read-only.
    pub base: RawFd,
    /// The private copy of the firmware's variables, read-write.
    pub vars: Option<RawFd>,
    /// One for each extra disk, raw, read-write.
    pub extra: Vec<RawFd>,
    /// A socket to the control channel of the machine's TPM emulator.
    pub tpm: Option<RawFd>,
    /// Our end is the console.
    pub serial: RawFd,
    /// Our end speaks QMP.
    pub qmp: RawFd,
    /// Our ends speak to a warm shell: its input and output, its errors.
    pub warm: [RawFd; 2],
    /// The file of its RAM, unless that is private.
    pub ram: Option<RawFd>,
    /// Where the state of its devices is written to, or read from.
    pub state: Option<RawFd>,
    /// Our ends carry the guest's frames; for a network with a fabric only.
    pub network: Option<NetworkFds>,
}

/// The descriptor set through which QEMU writes or reads the state of devices.
pub const STATE_SET: u32 = 4;
/// The first descriptor set of the overlays below.
const FIRST_BELOW: u32 = 8;

/// The program.
pub fn program(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "qemu-system-x86_64",
        Arch::Aarch64 => "qemu-system-aarch64",
    }
}

/// Whether a machine can be frozen and loaded again into clones, and if not, what forbids it.
/// Facts: `vmstate` of the devices of QEMU 10.
pub fn forkable(machine: &MachineDescription) -> Result<(), String> {
    if machine.bus == DiskBus::Nvme {
        return Err("QEMU's NVMe disk cannot be frozen; another `bus` can".to_owned());
    }
    if machine.arch == Arch::Aarch64 {
        return Err("QEMU's Arm machines have no vmgenid, so that clones would draw the same random numbers".to_owned());
    }
    if machine.tpm {
        return Err("a TPM is one of a kind: its clones would share its keys and its random numbers".to_owned());
    }
    Ok(())
}

/// Where disk, variables, console and control come from: the only part of the command line that
/// differs between a run and a person's terminal.
enum Backing<'a> {
    Fds(&'a Fds),
    Files { layer: &'a str, vars: &'a str, tpm: &'a str },
}

/// The arguments, without the program, for a QEMU that inherits `fds`.
pub fn command_line(machine: &MachineDescription, fds: &Fds) -> Vec<String> {
    arguments(machine, &Backing::Fds(fds))
}

/// A shell script that starts the same machine by hand, on the terminal, with its own overlay.
pub fn by_hand(machine: &MachineDescription) -> String {
    let quoted = |text: &str| muster_base::text::shell_word(text);
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
    for (index, size) in machine.extra_disks.iter().enumerate() {
        script.push_str(&format!("truncate -s {size} extra{index}\n"));
    }
    if machine.tpm {
        script.push_str("mkdir tpm\nswtpm socket -d -t --tpm2 --tpmstate dir=tpm --ctrl type=unixio,path=tpm.sock\n");
    }
    script.push_str(program(machine.arch));
    for argument in arguments(machine, &Backing::Files { layer: "layer.qcow2", vars: "vars", tpm: "tpm.sock" }) {
        // An option begins a line of its own, so that two scripts compare well.
        script.push_str(if argument.starts_with('-') { " \\\n  " } else { " " });
        script.push_str(&quoted(&argument));
    }
    script.push('\n');
    script
}

/// The arguments as one line that a shell reads back.
pub fn shell_line(program: &str, arguments: &[String]) -> String {
    let words: Vec<String> = std::iter::once(program)
        .chain(arguments.iter().map(String::as_str))
        .map(muster_base::text::shell_word)
        .collect();
    words.join(" ")
}

/// The same for a log that may be published: systemd credentials, which may be passwords, are left out.
pub fn for_log(program: &str, arguments: &[String]) -> String {
    let without = |argument: &String| match argument.split_once("value=io.systemd.credential") {
        Some((before, rest)) => {
            let name = rest.split_once('=').map_or("", |(name, _)| name);
            format!("{before}value=io.systemd.credential{name}=<left out>")
        }
        None => argument.clone(),
    };
    shell_line(program, &arguments.iter().map(without).collect::<Vec<_>>())
}

fn arguments(machine: &MachineDescription, channels: &Backing<'_>) -> Vec<String> {
    let mut line = Line(Vec::new());
    line.option("-name", escaped(&machine.id));
    line.flag("-nodefaults").flag("-no-user-config").option("-display", "none");
    // QEMU parses what a hostile guest writes; it needs neither children nor privileges for that.
    line.option("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");

    ram(&mut line, machine, channels);
    let backend = if has_ram_file(channels) { ",memory-backend=ram0" } else { "" };
    line.option("-machine", format!("{}{backend}", board(machine)));
    match (machine.accel, machine.arch) {
        // `host` hides nothing from the guest. Hosts where it dies on arch-capabilities ("failed to set
        // MSR 0x10a") are those whose KVM interprets, and the probe has refused those already.
        (AccelKind::Kvm, _) => line.option("-accel", "kvm").option("-cpu", cpu_model(machine).unwrap_or("host")),
        // `max` offers x86-64-v3 to distributions that require it; the default processor has not even v2.
        (AccelKind::Tcg, Arch::X86_64) => {
            line.option("-accel", "tcg,thread=multi").option("-cpu", cpu_model(machine).unwrap_or("max"))
        }
        // The architecture's own algorithm for pointer authentication takes most of the time of an
        // emulated boot; a guest cannot tell which one is in use.
        (AccelKind::Tcg, Arch::Aarch64) => {
            line.option("-accel", "tcg,thread=multi").option("-cpu", "max,pauth-impdef=on")
        }
    };
    line.option("-smp", format!("{}", machine.cpus)).option("-m", format!("size={}M", machine.memory_mib));
    // A panic is reported as an event and on the console; the guest goes on so that its trace is
    // printed whole. A reset is allowed, because firmware resets itself too, and is reported.
    line.option("-action", "panic=none,reboot=reset,shutdown=poweroff,watchdog=none");

    firmware(&mut line, machine, channels);
    if let Some(kernel) = &machine.kernel {
        line.option("-kernel", kernel.image.to_string_lossy());
        if let Some(initrd) = &kernel.initrd {
            line.option("-initrd", initrd.to_string_lossy());
        }
        line.option("-append", kernel.cmdline.as_str());
    }
    disks(&mut line, machine, channels);

    let link = match channels {
        Backing::Fds(fds) => fds.network,
        Backing::Files { .. } => None,
    };
    for netdev in machine.network.netdevs(link) {
        line.option("-netdev", netdev);
    }
    line.option("-device", "virtio-net-pci,netdev=net0,romfile=");
    further_nics(&mut line, machine);
    line.option("-object", "rng-random,id=rng0,filename=/dev/urandom").option("-device", "virtio-rng-pci,rng=rng0");
    if machine.arch == Arch::X86_64 {
        line.option("-device", "vmgenid,guid=auto");
    }
    line.option("-device", "pvpanic-pci");
    warm_ports(&mut line, channels);
    tpm(&mut line, machine, channels);
    if let Some(config) = &machine.ignition {
        // Flatcar reads the first name, every other Ignition the second.
        for name in ["opt/org.flatcar-linux/config", "opt/com.coreos/config"] {
            line.option("-fw_cfg", format!("name={name},file={}", escaped(&config.to_string_lossy())));
        }
    }
    for value in &machine.smbios {
        line.option("-smbios", format!("type=11,value={}", escaped(value)));
    }
    match channels {
        Backing::Fds(fds) => {
            line.option("-chardev", format!("socket,id=serial0,fd={}", fds.serial))
                .option("-serial", "chardev:serial0");
            line.option("-chardev", format!("socket,id=qmp0,fd={}", fds.qmp))
                .option("-mon", "chardev=qmp0,mode=control");
        }
        Backing::Files { .. } => {
            line.option("-chardev", "stdio,id=serial0,mux=on,signal=off").option("-serial", "chardev:serial0");
            line.option("-mon", "chardev=serial0,mode=readline");
        }
    }
    line.0
}

fn has_ram_file(channels: &Backing<'_>) -> bool {
    matches!(channels, Backing::Fds(Fds { ram: Some(_), .. }))
}

/// RAM in a file, and the state of the devices beside it.
fn ram(line: &mut Line, machine: &MachineDescription, channels: &Backing<'_>) {
    let Backing::Fds(fds) = channels else { return };
    if let Some(fd) = fds.ram {
        let access = match machine.memory {
            Memory::Cloned => "share=off,readonly=on,rom=off",
            Memory::Shared | Memory::Private | Memory::Resumed => "share=on",
        };
        line.option(
            "-object",
            format!(
                "memory-backend-file,id=ram0,size={}M,mem-path=/proc/self/fd/{fd},prealloc=off,{access}",
                machine.memory_mib
            ),
        );
    }
    if let Some(fd) = fds.state {
        line.add_fd(fd, STATE_SET);
    }
    if machine.memory.is_incoming() {
        line.option("-incoming", "defer");
    }
}

/// Two ports for a shell that is warm when a fork begins. Every machine has them, so that no guest
/// looks different from another.
fn warm_ports(line: &mut Line, channels: &Backing<'_>) {
    line.option("-device", "virtio-serial-pci,id=warm");
    for (number, name) in WARM_PORTS.iter().enumerate() {
        let id = warm_port_id(number);
        match channels {
            Backing::Fds(fds) => line.option("-chardev", format!("socket,id={id},fd={}", fds.warm[number])),
            Backing::Files { .. } => line.option("-chardev", format!("null,id={id}")),
        };
        line.option("-device", format!("virtserialport,bus=warm.0,id={id},chardev={id},name={name}"));
    }
}

/// Names of the warm shell's ports in the guest.
pub const WARM_PORTS: [&str; 2] = ["muster.warm.0", "muster.warm.1"];

/// The device id of a warm port, as events name it.
pub fn warm_port_id(number: usize) -> String {
    format!("warm{number}")
}

/// QEMU's model for what was asked for. A level is the oldest processor that has all of it, so that a
/// guest which needs more does not find it by chance.
fn cpu_model(machine: &MachineDescription) -> Option<&str> {
    Some(match machine.cpu.as_deref()? {
        "x86-64-v1" => "qemu64",
        "x86-64-v2" => "Nehalem",
        "x86-64-v3" => "Haswell-noTSX",
        "x86-64-v4" => "Skylake-Server-noTSX-IBRS",
        model => model,
    })
}

fn board(machine: &MachineDescription) -> String {
    let flash = ",pflash0=code,pflash1=vars";
    match (machine.arch, &machine.firmware) {
        (Arch::X86_64, Some(firmware)) => {
            let smm = if firmware.secure { "on" } else { "off" };
            format!("q35,vmport=off,hpet=off{flash},smm={smm}")
        }
        // `graphics=off` makes SeaBIOS speak on the serial port, so that "No bootable device" is heard.
        (Arch::X86_64, None) => "q35,vmport=off,hpet=off,graphics=off,smm=off".to_owned(),
        (Arch::Aarch64, firmware) => {
            format!("virt,gic-version=max{}", firmware.as_ref().map_or("", |_| flash))
        }
    }
}

/// Interfaces beside the one that carries SSH. Each has a network of its own, with addresses of its
/// own, that leads nowhere but answers DHCP.
fn further_nics(line: &mut Line, machine: &MachineDescription) {
    for index in 1..machine.nics {
        line.option("-netdev", format!("user,id=net{index},restrict=on,ipv6=off,net=10.0.{}.0/24", 100 + index));
        line.option("-device", format!("virtio-net-pci,netdev=net{index},romfile="));
    }
}

fn tpm(line: &mut Line, machine: &MachineDescription, channels: &Backing<'_>) {
    if !machine.tpm {
        return;
    }
    let socket = match channels {
        Backing::Fds(fds) => match fds.tpm {
            Some(fd) => format!("fd={fd}"),
            None => return,
        },
        Backing::Files { tpm, .. } => format!("path={tpm}"),
    };
    line.option("-chardev", format!("socket,id=tpm0,{socket}")).option("-tpmdev", "emulator,id=tpm0,chardev=tpm0");
    line.option(
        "-device",
        match machine.arch {
            Arch::X86_64 => "tpm-crb,tpmdev=tpm0",
            Arch::Aarch64 => "tpm-tis-device,tpmdev=tpm0",
        },
    );
}

fn firmware(line: &mut Line, machine: &MachineDescription, channels: &Backing<'_>) {
    let Some(firmware) = &machine.firmware else { return };
    if firmware.secure && machine.arch == Arch::X86_64 {
        line.option("-global", "driver=cfi.pflash01,property=secure,value=on");
    }
    let vars = match channels {
        Backing::Fds(fds) => match fds.vars {
            Some(fd) => line.add_fd(fd, 3),
            None => return,
        },
        Backing::Files { vars, .. } => (*vars).to_owned(),
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

fn disks(line: &mut Line, machine: &MachineDescription, channels: &Backing<'_>) {
    let (layer, base) = match channels {
        Backing::Fds(fds) => (line.add_fd(fds.layer, 1), line.add_fd(fds.base, 2)),
        Backing::Files { layer, .. } => ((*layer).to_owned(), machine.base.to_string_lossy().into_owned()),
    };
    let mut backing = json!({
        "driver": machine.base_format.driver(), "read-only": true,
        "file": {"driver": "file", "filename": base, "read-only": true},
    });
    // The inspection has refused an image with a backing file; should the file have been exchanged since,
    // QEMU still opens nothing else. The other formats know no such thing.
    if matches!(machine.base_format, Format::Qcow2 | Format::Vmdk) {
        backing["backing"] = Value::Null;
    }
    if let Backing::Fds(fds) = channels {
        for (number, fd) in (FIRST_BELOW..).zip(&fds.below).collect::<Vec<_>>().into_iter().rev() {
            let filename = line.add_fd(*fd, number);
            backing = json!({
                "driver": "qcow2", "read-only": true, "backing": backing,
                "file": {"driver": "file", "filename": filename, "read-only": true},
            });
        }
    }
    // The layer is thrown away with the machine, so flushing it to the platter would only cost time.
    let unflushed = json!({"no-flush": true});
    line.node(json!({
        "driver": "qcow2", "node-name": "disk", "discard": "unmap", "cache": unflushed,
        "file": {"driver": "file", "filename": layer, "discard": "unmap", "cache": unflushed},
        "backing": backing,
    }));
    controllers(line, machine);
    attach(line, machine, 0, "drive=disk,serial=root,bootindex=1");
    if let Some(seed) = &machine.seed_disk {
        line.node(json!({
            "driver": "raw", "node-name": "seed", "read-only": true,
            "file": {"driver": "file", "filename": seed.to_string_lossy(), "read-only": true},
        }));
        match machine.bus {
            DiskBus::VirtioScsi => line.option("-device", "scsi-hd,bus=scsi0.0,drive=seed,serial=seed"),
            // NVMe and SATA disks cannot be read-only, so the seed stays on virtio-blk beside them.
            DiskBus::VirtioBlk | DiskBus::Nvme | DiskBus::Sata => {
                line.option("-device", "virtio-blk-pci,drive=seed,serial=seed")
            }
        };
    }
    for index in 0..machine.extra_disks.len() {
        let file = match channels {
            Backing::Fds(fds) => match fds.extra.get(index) {
                Some(fd) => line.add_fd(*fd, EXTRA_SET + index as u32),
                None => return,
            },
            Backing::Files { .. } => format!("extra{index}"),
        };
        line.node(json!({
            "driver": "raw", "node-name": format!("extra{index}"), "discard": "unmap", "cache": unflushed,
            "file": {"driver": "file", "filename": file, "discard": "unmap", "cache": unflushed},
        }));
        attach(line, machine, index + 1, &format!("drive=extra{index},serial=extra{index}"));
    }
}

/// Descriptor sets below this number are taken by the layer, the base and the variables.
const EXTRA_SET: u32 = 64;
/// Disks on one AHCI controller.
const SATA_PORTS: usize = 6;

fn controllers(line: &mut Line, machine: &MachineDescription) {
    match machine.bus {
        DiskBus::VirtioScsi => {
            line.option("-device", "virtio-scsi-pci,id=scsi0");
        }
        DiskBus::Sata => {
            // q35 has one controller of its own, whose ports are called ide.0 to ide.5.
            let built_in = usize::from(machine.arch == Arch::X86_64);
            for index in built_in..(machine.extra_disks.len() + 1).div_ceil(SATA_PORTS) {
                line.option("-device", format!("ich9-ahci,id=sata{index}"));
            }
        }
        DiskBus::VirtioBlk | DiskBus::Nvme => {}
    }
}

/// Attaches the disk of that number (0 is the root) to the machine's bus.
fn attach(line: &mut Line, machine: &MachineDescription, number: usize, properties: &str) {
    let device = match machine.bus {
        DiskBus::VirtioBlk => format!("virtio-blk-pci,{properties}"),
        DiskBus::VirtioScsi => format!("scsi-hd,bus=scsi0.0,{properties}"),
        DiskBus::Nvme => format!("nvme,{properties}"),
        DiskBus::Sata => {
            let port = number % SATA_PORTS;
            match (number / SATA_PORTS, machine.arch) {
                (0, Arch::X86_64) => format!("ide-hd,bus=ide.{port},{properties}"),
                (controller, _) => format!("ide-hd,bus=sata{controller}.{port},{properties}"),
            }
        }
    };
    line.option("-device", device);
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

    fn fds() -> Fds {
        Fds {
            layer: 10,
            base: 11,
            vars: Some(12),
            extra: Vec::new(),
            tpm: None,
            serial: 13,
            qmp: 14,
            warm: [15, 16],
            below: Vec::new(),
            ram: None,
            state: None,
            network: None,
        }
    }

    fn machine() -> MachineDescription {
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
            memory: Memory::Private,
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
    fn a_log_has_no_credentials() {
        let arguments =
            ["-m", "512", "-smbios", "type=11,value=io.systemd.credential:passwd.hashed-password.root=$6$x"];
        let line = for_log("qemu", &arguments.map(str::to_owned));
        let kept = "'type=11,value=io.systemd.credential:passwd.hashed-password.root=<left out>'";
        assert_eq!(line, format!("qemu -m 512 -smbios {kept}"));
        let binary = ["type=11,value=io.systemd.credential.binary:a=c2VjcmV0".to_owned()];
        assert!(!for_log("qemu", &binary).contains("c2Vj"));
    }

    #[test]
    fn uefi_under_emulation() {
        insta::assert_snapshot!(readable(&command_line(&machine(), &fds())));
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
        let network = Some(NetworkFds { nic: 17, uplink: 18 });
        insta::assert_snapshot!(readable(&command_line(&machine, &Fds { vars: None, network, ..fds() })));
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
    fn a_tar_on_sata_with_a_kernel_a_tpm_disks_and_nics() {
        let machine = MachineDescription {
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
        };
        let fds = Fds { vars: None, extra: (20..27).collect(), tpm: Some(30), ..fds() };
        insta::assert_snapshot!(readable(&command_line(&machine, &fds)));
        insta::assert_snapshot!(by_hand(&machine));
    }

    #[test]
    fn an_arm_machine_with_secure_boot_on_sata() {
        let mut machine = MachineDescription { arch: Arch::Aarch64, bus: DiskBus::Sata, tpm: true, ..machine() };
        if let Some(firmware) = &mut machine.firmware {
            firmware.secure = true;
        }
        insta::assert_snapshot!(readable(&command_line(&machine, &Fds { tpm: Some(30), ..fds() })));
    }

    #[test]
    fn what_cannot_be_frozen_is_named() {
        assert_eq!(forkable(&machine()), Ok(()));
        assert_eq!(forkable(&MachineDescription { bus: DiskBus::Sata, extra_disks: vec![512], ..machine() }), Ok(()));
        let why = |machine: MachineDescription| forkable(&machine).unwrap_err();
        assert!(why(MachineDescription { bus: DiskBus::Nvme, ..machine() }).contains("NVMe"));
        assert!(why(MachineDescription { tpm: true, ..machine() }).contains("TPM"));
        assert!(why(MachineDescription { arch: Arch::Aarch64, ..machine() }).contains("vmgenid"));
    }

    #[test]
    fn a_level_is_the_oldest_processor_that_has_it() {
        let cpu = |cpu: &str| {
            let machine = MachineDescription { cpu: Some(cpu.to_owned()), ..machine() };
            let line = command_line(&machine, &fds());
            line[line.iter().position(|word| word == "-cpu").unwrap() + 1].clone()
        };
        assert_eq!([cpu("x86-64-v3"), cpu("EPYC-Milan")], ["Haswell-noTSX", "EPYC-Milan"]);
    }

    #[test]
    fn a_shell_reads_the_line_back() {
        let line = shell_line("qemu-system-x86_64", &["it's".to_owned(), "$(x)".to_owned(), String::new()]);
        assert_eq!(line, r"qemu-system-x86_64 'it'\''s' '$(x)' ''");
    }
}
