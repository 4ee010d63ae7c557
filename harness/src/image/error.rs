//! Why an image cannot be used.

use std::path::PathBuf;

use super::Format;
use crate::failure::{self, FailureId};

/// Why an image cannot be used. Every message ends with what to do next.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ImageError {
    #[error("there is no image at {}; check the path, or build or pull the image", path.display())]
    Missing { path: PathBuf },
    #[error("{} is {kind}, not a plain file; name the file itself", path.display())]
    NotAFile { path: PathBuf, kind: &'static str },
    #[error("{} is being written by another program; stop it, or copy the image first", path.display())]
    Busy { path: PathBuf },
    #[error("{} cannot be read as {format}: {reason}; fetch it again and compare its checksum", path.display())]
    Unreadable { path: PathBuf, format: Format, reason: String },
    #[error("{} was stated to be {stated} but is {found}; state the right format", path.display())]
    WrongFormat { path: PathBuf, stated: Format, found: Format },
    #[error("{} has a backing file ({name}), which could be any file of this host; flatten it with `qemu-img convert`", path.display())]
    BackingFile { path: PathBuf, name: String },
    #[error("{} keeps its data in another file ({name}), which could be any file of this host; flatten it with `qemu-img convert`", path.display())]
    DataFile { path: PathBuf, name: String },
    #[error("{} is encrypted, and no key can be given for it; decrypt it with `qemu-img convert`", path.display())]
    Encrypted { path: PathBuf },
    #[error("{} has a virtual size of {size} bytes, more than the {limit} that are allowed; raise the limit in its description if that is meant", path.display())]
    TooLarge { path: PathBuf, size: u64, limit: u64 },
    #[error("{} changed while it was in use ({what}): results of this run are void; find out who wrote to it", path.display())]
    Changed { path: PathBuf, what: String },
    #[error("{} could not be read: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("`{tool}` is not installed; `muster doctor` names the package")]
    ToolMissing { tool: String },
    #[error("`{tool}` failed on {}: {reason}", path.display())]
    Tool { tool: String, path: PathBuf, reason: String },
    #[error("lab image `{variant}` could not be built: {reason}")]
    LabBuild { variant: String, reason: String },
}

impl ImageError {
    /// The stable id under which reports file it.
    pub fn failure_id(&self) -> FailureId {
        match self {
            Self::Missing { .. } | Self::LabBuild { .. } => failure::IMAGE_MISSING,
            Self::NotAFile { .. } | Self::Busy { .. } => failure::IMAGE_REFUSED,
            Self::Unreadable { .. } | Self::Encrypted { .. } | Self::Io { .. } | Self::Tool { .. } => {
                failure::IMAGE_UNREADABLE
            }
            Self::WrongFormat { .. } => failure::IMAGE_FORMAT,
            Self::BackingFile { .. } => failure::IMAGE_BACKING_FILE,
            Self::DataFile { .. } => failure::IMAGE_DATA_FILE,
            Self::TooLarge { .. } => failure::IMAGE_SIZE,
            Self::Changed { .. } => failure::IMAGE_CHANGED,
            Self::ToolMissing { .. } => failure::QEMU_MISSING,
        }
    }
}
