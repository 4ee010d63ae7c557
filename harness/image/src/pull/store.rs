//! What lies in the cache for one download: the file under its final name, a note, and what its vendor
//! said about it. All of it is in one directory, next to each other, by the name that [`StoredDownload`] makes.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::cache::Slot;
use super::super::{Download, ImageError, InUse};
use super::error::PullError;
use super::partial::Partial;
use super::small_file::{read, write};
use super::trust::Trust;

/// The directory below the cache's `images`.
pub(crate) const DIR: &str = "pulled";
/// What is added to the name of a download for the files next to it that go with it.
pub(crate) const COMPANIONS: &[&str] = &[".json", ".checksums", ".signature"];
/// What is noted next to a download. It is there exactly as long as the file was found good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Note {
    pub(super) url: String,
    pub(super) sha256: String,
    pub(super) length: u64,
    pub(super) trust: Trust,
}

/// The small files that spoke for a download, as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) checksums: Option<Vec<u8>>,
    pub(super) signature: Option<Vec<u8>>,
}

/// Where one download lies.
#[derive(Debug)]
pub(super) struct StoredDownload {
    dir: PathBuf,
    name: String,
    // One downloader at a time; unlocked by the kernel however this process ends.
    _lock: Option<Slot>,
}

impl StoredDownload {
    /// The place, for this process alone. Waits while another holds it.
    pub(super) async fn take(cache: Option<&Path>, download: &Download) -> Result<Self, PullError> {
        let cache = cache.ok_or_else(|| ImageError::Cache {
            path: PathBuf::from("~/.cache/muster"),
            source: std::io::Error::other("none of MUSTER_CACHE, XDG_CACHE_HOME and HOME is set"),
        })?;
        let place = Self::look(cache, download);
        let lock = Slot::take_in(&place.dir, &place.name).await?;
        Ok(Self { _lock: Some(lock), ..place })
    }

    /// The place, to look at only.
    pub(super) fn look(cache: &Path, download: &Download) -> Self {
        // Another address or another stated digest is another file; its own name comes last, because
        // how it is packed is known by how it ends.
        let pinned = download.checksum.value.as_deref().unwrap_or_default();
        let digest = Sha256::digest(format!("{}\n{}\n{pinned}", download.url, download.checksum.kind));
        let name = format!(
            "{}-{}",
            &muster_base::text::hex(&digest[..8]),
            muster_base::files::safe_name(download.file_name())
        );
        Self { dir: cache.join("images").join(DIR), name, _lock: None }
    }

    /// The final name.
    pub(super) fn path(&self) -> PathBuf {
        self.dir.join(&self.name)
    }

    /// What has been fetched of it so far.
    pub(super) fn partial(&self) -> Partial {
        Partial::new(self.dir.join(format!(".partial-{}", self.name)))
    }

    fn next_to(&self, end: &str) -> PathBuf {
        self.dir.join(format!("{}{end}", self.name))
    }

    /// The note of the file, when both are there and agree on its length.
    pub(super) fn note(&self) -> Option<Note> {
        let note: Note = serde_json::from_slice(&read(&self.next_to(".json"))?).ok()?;
        let metadata = self.path().symlink_metadata().ok()?;
        (metadata.is_file() && metadata.len() == note.length).then_some(note)
    }

    /// What was kept with the file.
    pub(super) fn evidence(&self) -> Evidence {
        Evidence { checksums: read(&self.next_to(".checksums")), signature: read(&self.next_to(".signature")) }
    }

    /// Writes the note and the evidence next to the file.
    pub(super) fn put(&self, note: &Note, evidence: &Evidence) -> Result<(), PullError> {
        let put = |end: &str, bytes: Option<&[u8]>| {
            let path = self.next_to(end);
            match bytes {
                Some(bytes) => write(&self.dir, &path, bytes),
                None => match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                    _ => Ok(()),
                },
            }
            .map_err(|source| ImageError::Cache { path, source })
        };
        put(".checksums", evidence.checksums.as_deref())?;
        put(".signature", evidence.signature.as_deref())?;
        put(".json", Some(&serde_json::to_vec_pretty(note).unwrap_or_default()))?;
        Ok(())
    }

    /// Gives the whole and evaluated file its name. The old file goes first and its note with it, so that
    /// no file ever stands next to the note of another.
    pub(super) fn publish(&self, partial: &Partial, note: &Note, evidence: &Evidence) -> Result<PathBuf, PullError> {
        let path = self.path();
        let unusable = |source| ImageError::Cache { path: self.dir.clone(), source };
        if path.exists() && !InUse::is_free(&path) {
            let busy =
                std::io::Error::other(format!("{} is in use by a run; pull it again when that ended", path.display()));
            return Err(unusable(busy).into());
        }
        let made_way = || {
            for old in [self.next_to(".json"), path.clone()] {
                match std::fs::remove_file(old) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            // Nobody writes to it any more: machines put an overlay before it.
            std::fs::set_permissions(partial.path(), std::fs::Permissions::from_mode(0o400))?;
            std::fs::File::open(partial.path())?.sync_all()
        };
        made_way().map_err(unusable)?;
        self.put(note, evidence)?;
        let named = || {
            std::fs::rename(partial.path(), &path)?;
            partial.forget();
            std::fs::File::open(&self.dir)?.sync_all()
        };
        named().map_err(unusable)?;
        Ok(path)
    }
}
