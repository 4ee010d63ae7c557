//! Templates that outlive their run: `<cache>/templates/<key>/`, one directory each, which is there whole
//! or not at all.
//!
//! Locks are `flock`s, so that the kernel lets go of them however a process ends. A directory is locked
//! in common by everyone who clones from it, and alone by whoever removes it; `.<key>.lock` is held by
//! the one run that makes it.

mod list;

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use self::list::{UNFINISHED, has_name};
use super::template::Template;
use super::template_files::{self, Contents, Damage};
use super::template_key::TemplateKey;
use muster_base::files;
use muster_image::prune;

pub use self::list::{Entry, EntryKind};

/// How much all templates together may take, unless somebody says otherwise.
pub const DEFAULT_LIMIT: u64 = 8 << 30;

/// The directory of templates.
#[derive(Debug)]
pub struct TemplateStore {
    root: PathBuf,
    limit: u64,
}

/// Why the store could not do what it was asked for. Nothing depends on it but time.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum StoreError {
    #[error("{} cannot be used: {source}", path.display())]
    Dir { path: PathBuf, source: std::io::Error },
    #[error("{} does not belong to this user alone", path.display())]
    Foreign { path: PathBuf },
    #[error(transparent)]
    Damaged(#[from] Damage),
    #[error("it has {} MiB, and all templates together may have {} (MUSTER_TEMPLATES_MAX)", bytes >> 20, limit >> 20)]
    TooLarge { bytes: u64, limit: u64 },
}

/// A template from the store, kept there as long as this lives.
#[derive(Debug)]
pub(crate) struct Stored {
    /// What clones are made from.
    pub template: Template,
    /// The private key that opens its guest.
    pub private_key: PathBuf,
    /// What was handed in with it.
    pub about: Value,
    /// When it was made: RFC 3339, UTC.
    pub made: String,
    /// Keeps it from being removed.
    pub hold: Hold,
}

/// A shared lock on a template's directory.
#[derive(Debug)]
pub(crate) struct Hold {
    lock: File,
    path: PathBuf,
}

/// The right to make the template of a key.
#[derive(Debug)]
pub(crate) struct Claim {
    _lock: File,
    word: String,
}

impl TemplateStore {
    /// Where the store of a cache directory is.
    pub fn below(cache: &Path) -> PathBuf {
        cache.join("templates")
    }

    /// The store in this directory, which it makes.
    pub fn open(root: &Path, limit: u64) -> Result<Self, StoreError> {
        let root = root.to_owned();
        let unusable = |source| StoreError::Dir { path: root.clone(), source };
        template_files::make_dir(&root).map_err(unusable)?;
        let metadata = root.symlink_metadata().map_err(unusable)?;
        if !metadata.is_dir() || !template_files::is_ours(&metadata) {
            return Err(StoreError::Foreign { path: root });
        }
        Ok(Self { root, limit })
    }

    /// The store below a cache directory, if there ever was one.
    pub fn existing(cache: &Path) -> Option<Self> {
        let root = Self::below(cache);
        root.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()).then_some(Self { root, limit: DEFAULT_LIMIT })
    }

    fn dir(&self, word: &str) -> PathBuf {
        self.root.join(word)
    }

    /// The template of a key; `None` when there is none. An error says that there is one which cannot
    /// be used.
    pub(crate) fn recall(&self, key: &TemplateKey) -> Result<Option<Stored>, StoreError> {
        let path = self.dir(&key.word);
        let Some(hold) = Hold::take(&path)? else {
            tracing::debug!(key = key.word, "no template is kept");
            return Ok(None);
        };
        tracing::debug!(key = key.word, "a template is kept");
        let read = template_files::read(&path, &key.word, &key.description)?;
        // For whoever asks which was used least recently; failing that, the time it was made serves.
        let _ = hold.lock.set_modified(SystemTime::now());
        let template_files::Read { template, private_key, about, made } = read;
        Ok(Some(Stored { template, private_key, about, made, hold }))
    }

    /// The right to make the template of a key, or `None` while another run has it.
    pub(crate) fn claim(&self, key: &TemplateKey) -> Result<Option<Claim>, StoreError> {
        let path = self.root.join(format!(".{}.lock", key.word));
        let unusable = |source| StoreError::Dir { path: path.clone(), source };
        loop {
            let lock = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
                .open(&path)
                .map_err(unusable)?;
            match files::lock_alone(&lock) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(unusable(source)),
            }
            // Whoever tidies up may have removed the name between the two.
            if has_name(&lock, &path) {
                return Ok(Some(Claim { _lock: lock, word: key.word.clone() }));
            }
        }
    }

    /// Keeps a template. Those that were used least recently go when there is no room for all. Bytes
    /// that it takes.
    pub(crate) fn keep(
        &self,
        claim: &Claim,
        template: &Template,
        private_key: &Path,
        about: Value,
    ) -> Result<u64, StoreError> {
        let unusable = |source| StoreError::Dir { path: self.root.clone(), source };
        let too_large = |bytes| StoreError::TooLarge { bytes, limit: self.limit };
        if template.resident() > self.limit {
            return Err(too_large(template.resident()));
        }
        let dir = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&self.root)
            .map_err(unusable)?;
        // Locked as long as it has no name, so that nobody takes it for one that was left behind.
        let lock = File::open(dir.path()).map_err(unusable)?;
        lock.lock_shared().map_err(unusable)?;
        let made = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let contents = Contents { key: &claim.word, template, private_key, about, made };
        template_files::write(dir.path(), contents).map_err(unusable)?;
        let bytes = list::bytes_below(dir.path());
        if bytes > self.limit {
            return Err(too_large(bytes));
        }
        let path = self.dir(&claim.word);
        std::fs::rename(dir.path(), &path).map_err(unusable)?;
        // Its guard would remove what has its name now: nothing.
        let _ = dir.keep();
        let _ = File::open(&self.root).and_then(|root| root.sync_all());
        self.make_room();
        Ok(bytes)
    }

    /// Removes a template that cannot be used. Whether it is gone.
    pub(crate) fn discard(&self, key: &TemplateKey) -> bool {
        list::remove_unused(&self.dir(&key.word))
    }

    /// Everything in the store. What is no plain directory of ours is left out, links above all.
    pub fn list(&self) -> Vec<Entry> {
        list::entries(&self.root)
    }

    /// Whether an entry of [`TemplateStore::list`] is in use now.
    pub fn in_use(&self, entry: &Entry) -> bool {
        list::in_use(&entry.path)
    }

    /// Removes an entry of [`TemplateStore::list`], unless it is in use. Whether it is gone.
    pub fn remove(&self, entry: &Entry) -> bool {
        entry.path.parent() == Some(&self.root) && list::remove_unused(&entry.path)
    }

    /// Removes what was used least recently until the rest is within the limit.
    fn make_room(&self) {
        let entries = self.list();
        let items: Vec<_> = entries.iter().map(Entry::item).collect();
        for index in prune::superfluous(&items, SystemTime::now(), self.limit, None) {
            // One that is in use stays.
            tracing::debug!(path = %entries[index].path.display(), "a template makes room");
            self.remove(&entries[index]);
        }
    }
}

impl Hold {
    fn take(path: &Path) -> Result<Option<Self>, StoreError> {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::DIRECTORY;
        let lock = match OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Dir { path: path.to_owned(), source }),
        };
        let ours = lock.metadata().is_ok_and(|metadata| template_files::is_ours(&metadata));
        if !ours {
            return Err(StoreError::Foreign { path: path.to_owned() });
        }
        // Somebody removes it just now, or has.
        if lock.try_lock_shared().is_err() || !has_name(&lock, path) {
            return Ok(None);
        }
        Ok(Some(Self { lock, path: path.to_owned() }))
    }

    /// Removes the template, unless another run uses it. Machines that were cloned from it live on.
    pub(crate) fn discard(&self) -> bool {
        // The lock that is already held becomes one of its own.
        files::lock_alone(&self.lock).is_ok()
            && has_name(&self.lock, &self.path)
            && std::fs::remove_dir_all(&self.path).is_ok()
    }
}

#[cfg(test)]
mod tests;
