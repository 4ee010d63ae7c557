//! Why an image cannot be used.

use std::borrow::Cow;
use std::path::PathBuf;

use super::rootfs::ArchiveError;
use muster_base::exit::Exit;
use muster_base::failure::{self, FailureId};
use muster_base::fault::Fault;
use muster_base::machine::Format;

/// Why an image cannot be used. Every message ends with what to do next.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ImageError {
    #[error("there is no image at {}; check the path, or build or pull the image", path.display())]
    Missing { path: PathBuf },
    #[error("there is no {what} at {}; check the path", path.display())]
    BootFileMissing { what: &'static str, option: &'static str, path: PathBuf },
    #[error("{} is empty; fetch it again", path.display())]
    Empty { path: PathBuf },
    #[error("the lab image {variant} has not been built from its present recipe; run `muster images build {variant}`")]
    NotBuilt { variant: String },
    #[error("the image {id} has not been pulled; run `muster images pull {id}`")]
    NotPulled { id: String },
    #[error("the image {id} is not at {}, and its vendor publishes none; `muster images show {id}` says how it is made", path.display())]
    NotBrought { id: String, path: PathBuf },
    #[error("{} is not the file that was pulled: its sha256 is {found} and was {expected}; pull it again", path.display())]
    NotAsPulled { path: PathBuf, expected: String, found: String },
    #[error("{} is {kind}, not a plain file; name the file itself", path.display())]
    NotAFile { path: PathBuf, kind: &'static str },
    #[error("{} is being written by another program; stop it, or copy the image first", path.display())]
    Busy { path: PathBuf },
    #[error("{} cannot be read as {format}: {reason}; fetch it again and compare its checksum", path.display())]
    Unreadable { path: PathBuf, format: Format, reason: String },
    #[error("{} was stated to be {stated} but is {found}; state the right format", path.display())]
    WrongFormat { path: PathBuf, stated: Format, found: Format },
    #[error("{} is {what}, which muster does not start; {advice}", path.display())]
    NoDisk { path: PathBuf, what: &'static str, advice: String },
    #[error("{} is called a {named}, but {found}; {advice}", path.display())]
    Misnamed { path: PathBuf, named: Format, found: String, advice: String },
    #[error("{} has a backing file ({name}), which could be any file of this host; flatten it with `qemu-img convert`", path.display())]
    BackingFile { path: PathBuf, name: String },
    #[error("{} keeps its data in another file ({name}), which could be any file of this host; flatten it with `qemu-img convert`", path.display())]
    DataFile { path: PathBuf, name: String },
    #[error("{} is encrypted, and no key can be given for it; decrypt it with `qemu-img convert`", path.display())]
    Encrypted { path: PathBuf },
    #[error("{} has a virtual size of {size} bytes, more than the {limit} that muster takes; shrink its file systems and partitions, then a copy of it with `qemu-img resize --shrink`", path.display())]
    TooLarge { path: PathBuf, size: u64, limit: u64 },
    #[error("{} keeps snapshots inside, which another state of the disk could be started from; flatten it with `qemu-img convert`", path.display())]
    Snapshots { path: PathBuf },
    #[error("{} could not be unpacked: {reason}; fetch it again and compare its checksum", path.display())]
    Compressed { path: PathBuf, reason: String },
    #[error("{} is packed, and its name does not say what is packed in it; state its format", path.display())]
    Unnamed { path: PathBuf },
    #[error("{} unpacks to more than {limit} bytes; if that is meant, unpack it by hand and name the result", path.display())]
    Bomb { path: PathBuf, limit: u64 },
    #[error("{} is refused as a root file system: {reason}", path.display())]
    Archive { path: PathBuf, reason: ArchiveError },
    #[error("the image cache failed at {}: {source}; look at its permissions and its free space", path.display())]
    Cache { path: PathBuf, source: std::io::Error },
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
    /// The same trouble, reported of the file that a person named and not of what was made from it.
    pub(super) fn about(mut self, source: &std::path::Path) -> Self {
        match &mut self {
            Self::Empty { path }
            | Self::Unreadable { path, .. }
            | Self::WrongFormat { path, .. }
            | Self::NoDisk { path, .. }
            | Self::BackingFile { path, .. }
            | Self::DataFile { path, .. }
            | Self::Encrypted { path }
            | Self::Snapshots { path }
            | Self::TooLarge { path, .. }
            | Self::Tool { path, .. } => source.clone_into(path),
            _ => {}
        }
        self
    }
}

impl Fault for ImageError {
    fn failure_id(&self) -> Option<FailureId> {
        Some(match self {
            Self::Missing { .. }
            | Self::BootFileMissing { .. }
            | Self::NotBuilt { .. }
            | Self::NotPulled { .. }
            | Self::NotBrought { .. }
            | Self::LabBuild { .. } => failure::IMAGE_MISSING,
            Self::NotAsPulled { .. } => failure::IMAGE_CHECKSUM,
            Self::NotAFile { .. } | Self::Busy { .. } => failure::IMAGE_REFUSED,
            Self::Empty { .. } | Self::Unreadable { .. } | Self::Io { .. } | Self::Tool { .. } => {
                failure::IMAGE_UNREADABLE
            }
            Self::Encrypted { .. } => failure::IMAGE_ENCRYPTED,
            Self::Snapshots { .. } => failure::IMAGE_SNAPSHOTS,
            Self::Compressed { .. } | Self::Unnamed { .. } => failure::IMAGE_COMPRESSED,
            Self::Bomb { .. } => failure::IMAGE_BOMB,
            Self::Archive { .. } => failure::IMAGE_ARCHIVE,
            Self::Cache { .. } => failure::CACHE_UNUSABLE,
            Self::WrongFormat { .. } | Self::NoDisk { .. } | Self::Misnamed { .. } => failure::IMAGE_FORMAT,
            Self::BackingFile { .. } => failure::IMAGE_BACKING_FILE,
            Self::DataFile { .. } => failure::IMAGE_DATA_FILE,
            Self::TooLarge { .. } => failure::IMAGE_SIZE,
            Self::Changed { .. } => failure::IMAGE_CHANGED,
            Self::ToolMissing { .. } => failure::QEMU_MISSING,
        })
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Archive {
                reason: ArchiveError::NoKernel | ArchiveError::SeveralKernels { .. } | ArchiveError::NoInitramfs { .. },
                ..
            } => Some("name a kernel: --kernel FILE [--initrd FILE] --cmdline 'root=/dev/vda rw console=ttyS0'".into()),
            _ => None,
        }
    }

    /// What this host or its cache lacks is not the fault of whoever named the image.
    fn exit(&self) -> Exit {
        match self {
            Self::ToolMissing { .. } | Self::Cache { .. } | Self::LabBuild { .. } => Exit::Error,
            _ => Exit::Invalid,
        }
    }
}
