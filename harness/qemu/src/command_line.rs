//! The QEMU command line: a pure function from a machine's description, so that it can be read,
//! compared and tested without starting anything.

mod backing;
mod disks;
mod line;

use serde_json::json;

use self::disks::disks;
use self::line::{Line, escaped};
use super::AccelKind;
use super::description::{MachineDescription, Memory};
use super::warm_ports::{WARM_PORTS, warm_port_id};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_base::machine::Arch;
use muster_engine::segment::FIRST_MAC;

pub(crate) use self::backing::{Backing, Fds, STATE_SET};

/// The interface for a network with other machines, as QMP knows it.
pub(crate) const SEGMENT_NIC: &str = "segment";

/// The arguments, without the program, for a QEMU that inherits `fds`.
pub(crate) fn command_line(machine: &MachineDescription, fds: &Fds) -> Vec<String> {
    arguments(machine, &Backing::Fds(fds))
}

/// The arguments as one line that a shell reads back.
pub(crate) fn shell_line(program: &str, arguments: &[String]) -> String {
    let words: Vec<String> = std::iter::once(program)
        .chain(arguments.iter().map(String::as_str))
        .map(muster_base::text::shell_word)
        .collect();
    words.join(" ")
}

/// The same for a log that may be published: systemd credentials, which may be passwords, are left out.
pub(crate) fn for_log(program: &str, arguments: &[String]) -> String {
    let without = |argument: &String| match argument.split_once("value=io.systemd.credential") {
        Some((before, rest)) => {
            let name = rest.split_once('=').map_or("", |(name, _)| name);
            format!("{before}value=io.systemd.credential{name}=<left out>")
        }
        None => argument.clone(),
    };
    shell_line(program, &arguments.iter().map(without).collect::<Vec<_>>())
}

/// The arguments, with what stands behind the devices.
pub(crate) fn arguments(machine: &MachineDescription, channels: &Backing<'_>) -> Vec<String> {
    let mut line = Line(Vec::new());
    line.option("-name", escaped(&machine.id));
    line.flag("-nodefaults").flag("-no-user-config").option("-display", "none");
    line.option("-sandbox", SANDBOX);

    ram(&mut line, machine, channels);
    let backend = if has_ram_file(channels) { ",memory-backend=ram0" } else { "" };
    line.option(
        "-machine",
        format!("{}{backend}", board(machine.arch, machine.firmware.as_ref().map(|firmware| firmware.secure))),
    );
    let (accel, cpu) = executed_by(machine.accel, machine.arch);
    // An emulated processor of Arm has no other model.
    let model = cpu_model(machine).filter(|_| (machine.accel, machine.arch) != (AccelKind::Tcg, Arch::Aarch64));
    line.option("-accel", accel).option("-cpu", model.unwrap_or(cpu));
    line.option("-smp", format!("{}", machine.cpus)).option("-m", format!("size={}M", machine.memory_mib));
    if let Backing::Fds(Fds { meter: Some((plugin, socket)), .. }) = channels {
        line.option("-plugin", format!("/proc/self/fd/{plugin},fd={socket}"));
    }
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
    segment(&mut line, machine, channels);
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

/// RAM in a file, and the state of the devices next to it.
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

/// Two ports for a shell that is warm when a clone begins. Every machine has them, so that no guest
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

/// QEMU parses what a hostile guest writes; it needs neither children nor privileges for that.
pub(crate) const SANDBOX: &str = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

/// What executes a guest, and its processor where no model is wanted: `-accel` and `-cpu`.
pub(crate) fn executed_by(accel: AccelKind, arch: Arch) -> (&'static str, &'static str) {
    match (accel, arch) {
        // `host` hides nothing from the guest. Hosts where it dies on arch-capabilities ("failed to set
        // MSR 0x10a") are those whose KVM interprets, and the probe has refused those already.
        (AccelKind::Kvm, _) => ("kvm", "host"),
        // `max` offers x86-64-v3 to distributions that require it; the default processor has not even v2.
        (AccelKind::Tcg, Arch::X86_64) => ("tcg,thread=multi", "max"),
        // The architecture's own algorithm for pointer authentication takes most of the time of an
        // emulated boot; a guest cannot tell which one is in use.
        (AccelKind::Tcg, Arch::Aarch64) => ("tcg,thread=multi", "max,pauth-impdef=on"),
    }
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

/// The board, `-machine`. `secure` is whether the firmware is one for Secure Boot; none for the BIOS, or for no firmware.
pub(crate) fn board(arch: Arch, secure: Option<bool>) -> String {
    let flash = ",pflash0=code,pflash1=vars";
    match (arch, secure) {
        (Arch::X86_64, Some(secure)) => {
            let smm = if secure { "on" } else { "off" };
            format!("q35,vmport=off,hpet=off{flash},smm={smm}")
        }
        // `graphics=off` makes SeaBIOS speak on the serial port, so that "No bootable device" is heard.
        (Arch::X86_64, None) => "q35,vmport=off,hpet=off,graphics=off,smm=off".to_owned(),
        (Arch::Aarch64, firmware) => format!("virt,gic-version=max{}", firmware.map_or("", |_| flash)),
    }
}

/// Interfaces in addition to the one that carries SSH. Each has a network of its own, with addresses of its
/// own, that leads nowhere but answers DHCP.
fn further_nics(line: &mut Line, machine: &MachineDescription) {
    for index in 1..machine.nics {
        line.option("-netdev", format!("user,id=net{index},restrict=on,ipv6=off,net=10.0.{}.0/24", 100 + index));
        line.option("-device", format!("virtio-net-pci,netdev=net{index},romfile="));
    }
}

/// The interface for a network with other machines of its test. After all other devices, so that none of those has
/// another place for it.
fn segment(line: &mut Line, machine: &MachineDescription, channels: &Backing<'_>) {
    if !machine.segment {
        return;
    }
    let cable = match channels {
        Backing::Fds(Fds { segment: Some(fd), .. }) => {
            format!("stream,id=segment0,server=off,addr.type=fd,addr.str={fd}")
        }
        // By hand there is no other machine.
        Backing::Fds(_) | Backing::Files { .. } => "hubport,id=segment0,hubid=1".to_owned(),
    };
    // Without it systemd-networkd-wait-online waits two minutes for an interface whose cable is out, and fails.
    let alone = format!("[Match]\nMACAddress={FIRST_MAC}\n\n[Link]\nUnmanaged=yes\n");
    let credential = format!("io.systemd.credential.binary:network.network.00-muster={}", STANDARD.encode(alone));
    line.option("-smbios", format!("type=11,value={}", escaped(&credential)));
    line.option("-netdev", cable);
    line.option("-device", format!("virtio-net-pci,id={SEGMENT_NIC},netdev=segment0,romfile=,mac={FIRST_MAC}"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;
    use crate::description::cloneable;
    use crate::description::testing::{loaded, machine};
    use crate::network::NetworkFds;
    use muster_base::machine::{DiskBus, Format};

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
            segment: None,
            meter: None,
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
    fn a_tar_on_sata_with_a_kernel_a_tpm_disks_and_nics() {
        let fds = Fds { vars: None, extra: (20..27).collect(), tpm: Some(30), ..fds() };
        insta::assert_snapshot!(readable(&command_line(&loaded(), &fds)));
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
    fn the_interface_to_other_machines_comes_last_and_moves_nothing() {
        let machine = MachineDescription { segment: true, ..machine() };
        let with = command_line(&machine, &Fds { segment: Some(31), ..fds() });
        let without = command_line(&MachineDescription { segment: false, ..machine.clone() }, &fds());
        let more: Vec<&String> = with.iter().filter(|word| !without.contains(word)).collect();
        let nic = "virtio-net-pci,id=segment,netdev=segment0,romfile=,mac=52:54:00:73:67:00";
        let [.., credential, cable, last] = more.as_slice() else { panic!("{more:?}") };
        assert!(
            credential.starts_with("type=11,value=io.systemd.credential.binary:network.network.00-muster=W01hdGNo")
        );
        assert_eq!([cable.as_str(), last], ["stream,id=segment0,server=off,addr.type=fd,addr.str=31", nic]);
        let last = with.iter().rposition(|word| word == "-device").map(|at| with[at + 1].as_str());
        assert_eq!(last, Some(nic));
    }

    #[test]
    fn what_cannot_be_frozen_is_named() {
        assert_eq!(cloneable(&machine()), Ok(()));
        assert_eq!(cloneable(&MachineDescription { bus: DiskBus::Sata, extra_disks: vec![512], ..machine() }), Ok(()));
        let why = |machine: MachineDescription| cloneable(&machine).unwrap_err().to_string();
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
