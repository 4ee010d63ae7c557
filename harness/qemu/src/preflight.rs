//! What a machine needs of this host, looked for before anything is planned: one cause is one message then, and not one
//! for each test.

use std::path::Path;

use super::{MachineError, description, firmware, tpm};
use muster_base::files;
use muster_base::machine::FirmwareKind;
use muster_image::ImageSpec;

/// Every program and firmware that a machine of this image needs and this host has not, one error each.
pub fn preflight(spec: &ImageSpec) -> Vec<MachineError> {
    let programs = [Some(description::program(spec.arch)), Some("ssh-keygen"), spec.tpm.then_some(tpm::PROGRAM)];
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

/// What every machine takes of its directory, in bytes: an overlay, a seed, a console's log. Guests write more; how much
/// nobody can know before.
pub(crate) const LEAST_SPACE: u64 = 16 << 20;

/// The error when the directory, which need not exist yet, has less room than a machine takes at least.
pub fn room_for_a_machine(dir: &Path) -> Option<MachineError> {
    let advice = "free some space, or name another directory (`--out` for a run, MUSTER_CACHE for the cache)";
    lacking(dir, files::free_space(dir)?, LEAST_SPACE, "a machine", advice)
}

/// The error when the cache has less room than it takes to unpack an image, `needed` bytes at least.
pub fn room_to_unpack(cache: &Path, needed: u64) -> Option<MachineError> {
    let advice = "free some space with `muster images prune`, or name another cache with MUSTER_CACHE";
    lacking(cache, files::free_space(cache)?, needed, "unpacking the image", advice)
}

fn lacking(dir: &Path, free: u64, needed: u64, what: &'static str, advice: &'static str) -> Option<MachineError> {
    (free < needed).then(|| MachineError::NoSpace { dir: dir.to_owned(), free, needed, what, advice })
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::fault::Fault as _;

    #[test]
    fn too_little_room_is_one_error_with_both_figures() {
        let said = |free| lacking(Path::new("/x"), free, 16 << 20, "a machine", "free some").map(|e| e.to_string());
        assert_eq!(said(16 << 20), None);
        let wanted = "the file system of /x has 15 MiB free, and a machine takes at least 16 MiB; free some";
        assert_eq!(said((16 << 20) - 1).as_deref(), Some(wanted));
        // Of a directory that is not there yet, the space of where it would be counts.
        let dir = tempfile::tempdir().unwrap();
        let later = dir.path().join("a/b");
        assert!(files::free_space(&later).is_some());
        assert!(files::free_space(Path::new("not-there-yet")).is_some());
        let error = room_to_unpack(&later, u64::MAX).unwrap();
        assert_eq!(error.failure_id().unwrap().as_str(), "host.disk-full");
    }
}
