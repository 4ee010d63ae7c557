//! What a machine needs of this host, looked for before anything is planned: one cause is one message then, and not one
//! for each test.

use super::{MachineError, command_line, firmware, tpm};
use crate::files;
use crate::image::{FirmwareKind, ImageSpec};

/// Every program and firmware that a machine of this image needs and this host has not, one error each.
pub fn preflight(spec: &ImageSpec) -> Vec<MachineError> {
    let programs = [Some(command_line::program(spec.arch)), Some("ssh-keygen"), spec.tpm.then_some(tpm::PROGRAM)];
    let missing = programs.into_iter().flatten().filter(|program| !files::on_path(program));
    let mut errors: Vec<_> =
        missing.map(|program| MachineError::NotInstalled { program: program.to_owned() }).collect();
    let firmware = match spec.firmware {
        FirmwareKind::Bios => None,
        FirmwareKind::Uefi => firmware::find(spec.arch, false).err(),
        FirmwareKind::UefiSecure => firmware::find(spec.arch, true).err(),
    };
    errors.extend(firmware);
    errors
}
