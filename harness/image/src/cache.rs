//! Disks that are made from a source image (unpacked, or built from a tar) are kept in the cache,
//! under a name that is the digest of what they were made from. Two runs that want the same one wait
//! for each other; nothing half made ever has the name; a disk whose bytes have changed since is made
//! again.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ImageError;

/// How long another run may take to make what this one wants.
const PATIENCE: Duration = Duration::from_secs(3600);
/// The grain in which zeros are distinguished from data, in bytes.
pub(super) const GRAIN: usize = 64 << 10;

/// The place of one made disk, held by this process alone until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    dir: PathBuf,
    name: String,
    // Unlocked by the kernel when it is closed, however this process ends.
    _lock: File,
}

/// What is noted next to a made disk.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// Digest of its bytes as [`content`] takes it.
    content: String,
    length: u64,
    /// What the disk does not keep of its source, in one line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    dropped: Option<String>,
}

/// A disk that was made, and what of its source it does not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) path: PathBuf,
    /// One line; `None` when it keeps everything.
    pub(super) dropped: Option<String>,
}

impl Slot {
    /// Where the made disks are, below the cache.
    pub(super) const BELOW: &str = "images/made";

    /// Takes the place of that name (a file name without surprises) in the cache. Waits while another
    /// run holds it.
    pub(super) async fn take(cache: Option<&Path>, name: &str) -> Result<Self, ImageError> {
        let cache = cache.ok_or_else(|| ImageError::Cache {
            path: PathBuf::from("~/.cache/muster"),
            source: std::io::Error::other("none of MUSTER_CACHE, XDG_CACHE_HOME and HOME is set"),
        })?;
        Self::take_in(&cache.join(Self::BELOW), name).await
    }

    /// The same in a given directory.
    pub(super) async fn take_in(dir: &Path, name: &str) -> Result<Self, ImageError> {
        let unusable = |source| ImageError::Cache { path: dir.to_owned(), source };
        std::fs::create_dir_all(dir).map_err(unusable)?;
        let lock = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(dir.join(format!("{name}.lock")))
            .map_err(unusable)?;
        let locked = async {
            loop {
                match lock.try_lock() {
                    Ok(()) => return Ok(()),
                    // A blocking lock could not be given up when the run is interrupted.
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(200)).await,
                    Err(TryLockError::Error(source)) => return Err(unusable(source)),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, locked).await {
            Ok(locked) => locked?,
            Err(_) => return Err(unusable(std::io::Error::other(format!("another run holds {name} for an hour")))),
        }
        Ok(Self { dir: dir.to_owned(), name: name.to_owned(), _lock: lock })
    }

    /// The directory that holds it, for temporary files on the same file system.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file in that directory that goes when it is dropped, for what is not made yet.
    pub(super) fn temporary(&self) -> Result<tempfile::NamedTempFile, ImageError> {
        tempfile::Builder::new()
            .prefix(".partial-")
            .tempfile_in(&self.dir)
            .map_err(|source| ImageError::Cache { path: self.dir.clone(), source })
    }

    fn path(&self) -> PathBuf {
        self.dir.join(&self.name)
    }

    fn note(&self) -> PathBuf {
        self.dir.join(format!("{}.json", self.name))
    }

    /// The disk, when it has been made before and still has the bytes it had.
    pub(super) async fn find(&self) -> Option<Made> {
        let found = self.look().await;
        tracing::debug!(path = %self.path().display(), hit = found.is_some(), "cache of made disks");
        found
    }

    async fn look(&self) -> Option<Made> {
        let note: Note = serde_json::from_slice(&std::fs::read(self.note()).ok()?).ok()?;
        let path = self.path();
        let known = content(&path).await.ok()?;
        (known == (note.content, note.length)).then_some(Made { path, dropped: note.dropped })
    }

    /// Gives the finished disk its name. The note comes first, so that a disk never stands without one.
    pub(super) async fn publish(&self, made: tempfile::TempPath, dropped: Option<String>) -> Result<Made, ImageError> {
        let (digest, length) = content(&made).await?;
        let note = serde_json::to_vec(&Note { content: digest, length, dropped: dropped.clone() }).unwrap_or_default();
        let path = self.path();
        let finish = || {
            // Nobody writes to it any more: machines put an overlay before it.
            std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o400))?;
            File::open(&made)?.sync_all()?;
            let _ = std::fs::remove_file(&path);
            let mut next_to = tempfile::NamedTempFile::new_in(&self.dir)?;
            std::io::Write::write_all(&mut next_to, &note)?;
            next_to.persist(self.note()).map_err(|error| error.error)?;
            Ok::<_, std::io::Error>(())
        };
        let unusable = |source| ImageError::Cache { path: self.dir.clone(), source };
        finish().map_err(unusable)?;
        made.persist(&path).map_err(|error| unusable(error.error))?;
        Ok(Made { path, dropped })
    }
}

/// SHA-256 over the grains of a file that are not all zero, each with its number, and its length:
/// the same for a sparse file and its full copy, and quick for a sparse one.
async fn content(path: &Path) -> Result<(String, u64), ImageError> {
    let at = path.to_owned();
    let path = path.to_owned();
    let read = move || {
        let mut file = File::open(&path)?;
        let length = file.metadata()?.len();
        let mut hash = Sha256::new();
        let mut buffer = vec![0; GRAIN];
        let mut offset = 0;
        while offset < length {
            offset = match rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(offset)) {
                Ok(data) => data - data % GRAIN as u64,
                Err(rustix::io::Errno::NXIO) => break,
                // A file system that knows no holes has data everywhere.
                Err(_) => offset,
            };
            file.seek(SeekFrom::Start(offset))?;
            let wanted = usize::try_from((length - offset).min(GRAIN as u64)).unwrap_or(GRAIN);
            file.read_exact(&mut buffer[..wanted])?;
            if buffer[..wanted].iter().any(|byte| *byte != 0) {
                hash.update(offset.to_le_bytes());
                hash.update(&buffer[..wanted]);
            }
            offset += wanted as u64;
        }
        hash.update(length.to_le_bytes());
        Ok::<_, std::io::Error>((muster_base::text::hex(hash.finalize()), length))
    };
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|source| ImageError::Cache { path: at, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn a_made_disk_is_found_again_until_its_bytes_change() {
        let dir = tempfile::tempdir().unwrap();
        let slot = Slot::take_in(dir.path(), "x.raw").await.unwrap();
        assert_eq!(slot.find().await, None);
        let mut made = tempfile::NamedTempFile::new_in(dir.path()).unwrap();
        made.write_all(&[7; 100_000]).unwrap();
        made.as_file().set_len(10 << 20).unwrap();
        let disk = slot.publish(made.into_temp_path(), Some("all of it".to_owned())).await.unwrap();
        let path = disk.path.clone();
        assert_eq!(slot.find().await, Some(disk.clone()));
        // A full copy in its place is the same disk; a flipped byte, a cut, or a missing note is not.
        let mut bytes = std::fs::read(&path).unwrap();
        let rewrite = |bytes: &[u8]| {
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, bytes).unwrap();
        };
        rewrite(&bytes);
        assert_eq!(slot.find().await, Some(disk));
        bytes[5 << 20] = 1;
        rewrite(&bytes);
        assert_eq!(slot.find().await, None);
        bytes[5 << 20] = 0;
        rewrite(&bytes[..bytes.len() - 1]);
        assert_eq!(slot.find().await, None);
        rewrite(&bytes);
        std::fs::remove_file(dir.path().join("x.raw.json")).unwrap();
        assert_eq!(slot.find().await, None);
    }

    #[tokio::test]
    async fn two_runs_take_turns() {
        let dir = tempfile::tempdir().unwrap();
        let first = Slot::take_in(dir.path(), "x").await.unwrap();
        let second = Slot::take_in(dir.path(), "x");
        tokio::pin!(second);
        assert!(tokio::time::timeout(Duration::from_millis(500), &mut second).await.is_err());
        drop(first);
        tokio::time::timeout(Duration::from_secs(20), second).await.unwrap().unwrap();
    }
}
