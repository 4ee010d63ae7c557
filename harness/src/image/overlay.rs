//! A throw-away qcow2 layer before the image: all the guest writes goes there, nothing to the image.

use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::{ImageError, Inspected, tool};

/// The layer and the image behind it, both open. The layer has no name any more, so that nothing is
/// left behind however the run ends.
#[derive(Debug)]
pub struct Overlay {
    layer: File,
    base: File,
}

impl Overlay {
    /// Creates the layer in `directory` (on the file system that is to take what the guest writes),
    /// opens it read-write, and removes its name.
    pub async fn create(base: &Inspected, directory: &Path) -> Result<Self, ImageError> {
        let name = tempfile::Builder::new()
            .prefix(".overlay-")
            .suffix(".qcow2")
            .tempfile_in(directory)
            .map_err(|source| ImageError::Io { path: directory.to_owned(), source })?
            .into_temp_path();
        let mut arguments: Vec<std::ffi::OsString> =
            ["create", "-q", "-f", "qcow2", "-F", base.format.driver(), "-b"].map(Into::into).into();
        arguments.push((&base.path).into());
        arguments.push((*name).into());
        tool::qemu_img(&arguments, &base.path, Duration::from_secs(30)).await?;
        let open = |path: &Path, write: bool| {
            OpenOptions::new()
                .read(true)
                .write(write)
                .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
                .open(path)
                .map_err(|source| ImageError::Io { path: path.to_owned(), source })
        };
        Ok(Self { layer: open(&name, true)?, base: open(&base.path, false)? })
    }

    /// The layer, open for reading and writing, and the image, open for reading: what QEMU inherits.
    pub fn into_fds(self) -> (OwnedFd, OwnedFd) {
        (self.layer.into(), self.base.into())
    }
}
