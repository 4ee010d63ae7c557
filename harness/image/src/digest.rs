//! SHA-256 of an image, and the promise that its bytes stay what they were.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ImageError;

/// SHA-256 of the file, lower-case hex. Streams; runs on a blocking thread.
pub async fn sha256(path: &Path) -> Result<String, ImageError> {
    let at = path.to_owned();
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        let io = |source| ImageError::Io { path: path.clone(), source };
        let mut file = std::fs::File::open(&path).map_err(io)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer).map_err(io)? {
                0 => break,
                count => hash.update(&buffer[..count]),
            }
        }
        Ok(muster_base::text::hex(hash.finalize()))
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
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
    })
}
