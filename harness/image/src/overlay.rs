//! A throw-away qcow2 layer before the image: all the guest writes goes there, nothing to the image.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::{ImageError, Inspected, tool};

/// The layer, open. It has no name any more, so that nothing is left behind however the run ends.
#[derive(Debug)]
pub struct Overlay {
    layer: File,
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
        let layer = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(&name)
            .map_err(|source| ImageError::Io { path: name.to_path_buf(), source })?;
        Ok(Self { layer })
    }

    /// The layer, open for reading and writing.
    pub fn into_layer(self) -> File {
        self.layer
    }
}
