//! The files that a machine is made of, held next to QEMU's own descriptors of them: what a template or
//! a capsule is made from when the machine has stopped.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::channels;
use super::description::{MachineDescription, Memory};

/// The files of one machine. All of them are open and most have no name.
#[derive(Debug)]
pub(super) struct MachineFiles {
    /// What QEMU was started with.
    pub description: MachineDescription,
    /// What the guest wrote to its disk.
    pub layer: File,
    /// The overlays of the templates below, the newest first.
    pub below: Vec<File>,
    /// The firmware's variables.
    pub vars: Option<File>,
    /// The disks next to it, raw.
    pub extra: Vec<File>,
    /// Its RAM, when that lies in a file.
    pub ram: Option<File>,
    /// Where QEMU writes the state of devices to, when it may be asked to.
    pub state: Option<File>,
    /// Its overlay before anything was written to it, when there may be clones.
    pub blank: Option<File>,
}

/// Opens the same file once more, with an offset and locks of its own: a lock that belongs to a
/// descriptor we share with QEMU would outlive QEMU.
pub(super) fn reopen(file: &File, write: bool) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(write).open(proc_path(file.as_raw_fd()))
}

/// The same for writing only, which is how QEMU asks for the file it migrates to.
pub(super) fn reopen_write_only(file: &File) -> std::io::Result<File> {
    OpenOptions::new().write(true).open(proc_path(file.as_raw_fd()))
}

fn proc_path(fd: RawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{fd}"))
}

/// Anonymous memory of a machine, sparse: pages that the guest never touches cost nothing.
pub(super) fn anonymous_ram(mebibytes: u32) -> std::io::Result<File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let file = File::from(rustix::fs::memfd_create("muster-guest-ram", flags)?);
    file.set_len(u64::from(mebibytes) << 20)?;
    Ok(file)
}

/// The descriptors of one start, in the form of the command line, and what keeps them open until QEMU
/// has inherited them.
pub(super) struct Inherited {
    pub fds: super::command_line::Fds,
    pub owned: Vec<OwnedFd>,
}

impl MachineFiles {
    /// Descriptors of their own for QEMU, with its ends of the sockets.
    pub(crate) fn inherit(&self, sockets: channels::There, tpm: Option<OwnedFd>) -> std::io::Result<Inherited> {
        let mut owned: Vec<OwnedFd> = Vec::new();
        let mut keep = |file: OwnedFd| {
            let number = file.as_raw_fd();
            owned.push(file);
            number
        };
        let memory = self.description.memory;
        let layer = keep(reopen(&self.layer, true)?.into());
        let base = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(&self.description.base)
            .map(|file| keep(file.into()))?;
        let below =
            self.below.iter().map(|file| Ok(keep(reopen(file, false)?.into()))).collect::<std::io::Result<_>>()?;
        let vars = self.vars.as_ref().map(|file| reopen(file, true)).transpose()?.map(|file| keep(file.into()));
        let extra =
            self.extra.iter().map(|file| Ok(keep(reopen(file, true)?.into()))).collect::<std::io::Result<_>>()?;
        let ram = self
            .ram
            .as_ref()
            .map(|file| reopen(file, memory != Memory::Cloned))
            .transpose()?
            .map(|file| keep(file.into()));
        let state = match &self.state {
            None => None,
            Some(file) if memory.is_incoming() => Some(keep(reopen(file, false)?.into())),
            Some(file) => Some(keep(reopen_write_only(file)?.into())),
        };
        let channels::There { serial, qmp, warm: [input, errors] } = sockets;
        let fds = super::command_line::Fds {
            layer,
            below,
            base,
            vars,
            extra,
            tpm: tpm.map(&mut keep),
            serial: keep(serial),
            qmp: keep(qmp),
            warm: [keep(input), keep(errors)],
            ram,
            state,
            network: None,
            segment: None,
            meter: None,
        };
        Ok(Inherited { fds, owned })
    }
}
