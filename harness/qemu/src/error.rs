//! Why a machine could not be started or asked.

use std::borrow::Cow;
use std::path::PathBuf;

use muster_base::failure::{self, FailureId};
use muster_base::fault::Fault;
use muster_image::ImageError;

/// Why a machine could not be started or asked. Messages name the files to read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum MachineError {
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error("accelerator {wanted} was requested, but {reason}; use `--accel auto`, or run `muster doctor`")]
    Accelerator { wanted: &'static str, reason: String },
    #[error("no firmware offers {wanted}; looked at {looked}; `muster doctor` names the package to install")]
    Firmware { wanted: String, looked: String },
    #[error("the seed could not be written: {what}: {source}; the run directory may be full or read-only")]
    Seed { what: String, source: std::io::Error },
    #[error("the key of the run could not be made: {reason}; `muster doctor` says whether ssh-keygen is there")]
    Key { reason: String },
    #[error("{program} is not installed; `muster doctor` names the package")]
    NotInstalled { program: String },
    #[error("the file system of {} has {} MiB free, and {what} takes at least {} MiB; {advice}", dir.display(), free >> 20, needed.div_ceil(1 << 20))]
    NoSpace { dir: PathBuf, free: u64, needed: u64, what: &'static str, advice: &'static str },
    #[error("{what} in {}: {source}", dir.display())]
    Dir { what: &'static str, dir: PathBuf, source: std::io::Error },
    #[error("the template cannot be cloned: {what}: {source}")]
    Template { what: String, source: std::io::Error },
    #[error("the capsule {} cannot be resumed: {reason}", dir.display())]
    Capsule { dir: PathBuf, reason: String },
    #[error("QEMU could not be started: {source}; `muster doctor` says what this host lacks")]
    Spawn { source: std::io::Error },
    #[error("QEMU ended before the machine started ({status}): {message}; read {}", log.display())]
    Refused { status: String, message: String, log: PathBuf },
    #[error("QEMU did not answer: {reason}; read {}", log.display())]
    Silent { reason: String, log: PathBuf },
}

impl MachineError {
    /// That a program could not be started.
    pub(crate) fn of_spawn(program: &str, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::NotInstalled { program: program.to_owned() },
            _ => Self::Spawn { source },
        }
    }
}

impl Fault for MachineError {
    fn failure_id(&self) -> Option<FailureId> {
        Some(match self {
            Self::Image(error) => return error.failure_id(),
            Self::Accelerator { .. } => failure::ACCELERATOR_UNAVAILABLE,
            Self::Firmware { .. } => failure::FIRMWARE_MISSING,
            Self::Seed { .. } | Self::Key { .. } => failure::SEED_FAILED,
            Self::NotInstalled { .. } => failure::QEMU_MISSING,
            Self::NoSpace { .. } => failure::HOST_DISK_FULL,
            Self::Dir { .. }
            | Self::Template { .. }
            | Self::Capsule { .. }
            | Self::Spawn { .. }
            | Self::Refused { .. }
            | Self::Silent { .. } => failure::QEMU_REFUSED,
        })
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Accelerator { .. } => Some("`muster doctor` explains what it found".into()),
            _ => None,
        }
    }
}
