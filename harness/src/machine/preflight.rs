//! What a machine needs of this host, looked for before anything is planned: one cause is one message then, and not one
//! for each test.

use std::os::unix::fs::PermissionsExt as _;

use super::{MachineError, command_line, firmware, tpm};
use crate::image::{FirmwareKind, ImageSpec};

/// Every program and firmware that a machine of this image needs and this host has not, one error each.
pub fn preflight(spec: &ImageSpec) -> Vec<MachineError> {
    let programs = [Some(command_line::program(spec.arch)), Some("ssh-keygen"), spec.tpm.then_some(tpm::PROGRAM)];
    let missing = programs.into_iter().flatten().filter(|program| !is_installed(program));
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

/// Whether an executable file of that name is on the `PATH`.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| {
        std::fs::metadata(folder.join(program))
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}
