//! SHA-256 of an image, and the promise that its bytes stay what they were.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::ImageError;

/// SHA-256 of the file, lower-case hex. Streams; runs on a blocking thread.
pub async fn sha256(path: &Path) -> Result<String, ImageError> {
    let at = path.to_owned();
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        let io = |source| ImageError::Io { path: path.clone(), source };
        let (_, digest) = std::fs::File::open(&path).and_then(muster_base::files::sha256).map_err(io)?;
        Ok(muster_base::text::hex(digest))
    })
    .await
    .unwrap_or_else(|error| Err(ImageError::Io { path: at, source: std::io::Error::other(error) }))
}

/// What a source image was when the run began. Asked again at its end, because results gained from
/// an image that somebody rewrote meanwhile are worth nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchanged {
    path: PathBuf,
    state: FileStamp,
    sha256: Option<String>,
}

/// By what a file is told from another, and from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) length: u64,
    /// When it was last written to: seconds and nanoseconds.
    pub(super) modified: (i64, i64),
    /// When anything of it last changed, its time of writing too; the kernel's own.
    pub(super) changed: (i64, i64),
}

impl std::fmt::Display for FileStamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { device, inode, length, modified, changed } = self;
        write!(f, "{device} {inode} {length} {}.{:09} {}.{:09}", modified.0, modified.1, changed.0, changed.1)
    }
}

impl Unchanged {
    /// Notes the file as it is now; with its digest, when that is known, it can be asked for again.
    pub fn note(path: &Path, sha256: Option<String>) -> Result<Self, ImageError> {
        Ok(Self { path: path.to_owned(), state: state(path)?, sha256 })
    }

    /// The same note, with the digest of the file as it was then.
    pub(super) fn with_digest(self, sha256: String) -> Self {
        Self { sha256: Some(sha256), ..self }
    }

    /// What the file was.
    pub(super) fn stamp(&self) -> &FileStamp {
        &self.state
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fails with `image.changed` when the file is another, or has another size or time of change;
    /// with `thorough`, when its bytes have another digest.
    pub async fn verify(&self, thorough: bool) -> Result<(), ImageError> {
        let changed = |what: String| ImageError::Changed { path: self.path.clone(), what };
        let now = state(&self.path).map_err(|error| changed(error.to_string()))?;
        if (now.device, now.inode) != (self.state.device, self.state.inode) {
            return Err(changed("another file has its name".to_owned()));
        }
        if now.length != self.state.length {
            return Err(changed(format!("{} bytes became {}", self.state.length, now.length)));
        }
        if now.modified != self.state.modified {
            return Err(changed("it was written to".to_owned()));
        }
        if let Some(before) = self.sha256.as_ref().filter(|_| thorough)
            && sha256(&self.path).await? != *before
        {
            return Err(changed("its digest differs".to_owned()));
        }
        Ok(())
    }
}

fn state(path: &Path) -> Result<FileStamp, ImageError> {
    let metadata = std::fs::metadata(path).map_err(|source| ImageError::Io { path: path.to_owned(), source })?;
    Ok(FileStamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}
