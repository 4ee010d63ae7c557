//! What stands behind a machine's devices.

use std::os::fd::RawFd;

use crate::network::NetworkFds;

/// File descriptors that QEMU inherits, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fds {
    /// The overlay, read-write.
    pub layer: RawFd,
    /// Overlays of the templates it was cloned from, the newest first, read-only.
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
    /// Our end is the cable to other machines of the test.
    pub segment: Option<RawFd>,
    /// The plugin that counts instructions, and where it writes to.
    pub meter: Option<(RawFd, RawFd)>,
}

/// The descriptor set through which QEMU writes or reads the state of devices.
pub(crate) const STATE_SET: u32 = 4;

/// Where disk, variables, console and control come from: the only part of the command line that
/// differs between a run and a person's terminal.
pub(crate) enum Backing<'a> {
    Fds(&'a Fds),
    Files { layer: &'a str, vars: &'a str, tpm: &'a str },
}
