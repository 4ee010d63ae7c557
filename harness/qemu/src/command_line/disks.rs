//! The disks of a machine: its overlay with all that is below it, its seed, and the empty ones.

use serde_json::{Value, json};

use super::backing::Backing;
use super::line::Line;
use crate::description::MachineDescription;
use muster_base::machine::{Arch, DiskBus, Format};

/// The first descriptor set of the overlays below.
const FIRST_BELOW: u32 = 8;

/// Descriptor sets below this number are taken by the layer, the base and the variables.
const EXTRA_SET: u32 = 64;

/// Disks on one AHCI controller.
const SATA_PORTS: usize = 6;

/// Adds them.
pub(super) fn disks(line: &mut Line, machine: &MachineDescription, channels: &Backing<'_>) {
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
            // NVMe and SATA disks cannot be read-only, so the seed stays on virtio-blk next to them.
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
