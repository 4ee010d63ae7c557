//! What lies in the store, and what of it may go.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{TemplateStore, UNFINISHED, has_name};
use crate::template_files;
use muster_base::files;
use muster_image::prune::Item;

/// Something in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of the disk that it takes.
    pub bytes: u64,
    /// When it was last used.
    pub used: SystemTime,
    /// When it was made, as it says itself: RFC 3339, UTC.
    pub made: Option<String>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A template, or what was one.
    Template,
    /// What a run left that was killed while it wrote one, or a lock that nobody needs.
    Leftover,
}

impl Entry {
    /// What decides whether it may go.
    pub fn item(&self) -> Item {
        Item { leftover: self.kind == Kind::Leftover, bytes: self.bytes, used: self.used }
    }
}

impl TemplateStore {
    /// Everything in the store. What is no plain directory of ours is left out, links above all.
    pub fn list(&self) -> Vec<Entry> {
        let Ok(names) = std::fs::read_dir(&self.root) else { return Vec::new() };
        let mut entries: Vec<Entry> = names
            .flatten()
            .filter_map(|found| {
                let (path, name) = (found.path(), found.file_name());
                let name = name.to_str()?;
                let metadata = path.symlink_metadata().ok()?;
                let is_key = |word: &str| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
                let lock = name.strip_prefix('.').and_then(|name| name.strip_suffix(".lock")).is_some_and(is_key);
                let kind = match metadata.is_dir() {
                    true if is_key(name) => Kind::Template,
                    true if name.starts_with(UNFINISHED) => Kind::Leftover,
                    false if metadata.is_file() && lock => Kind::Leftover,
                    _ => return None,
                };
                let bytes = if metadata.is_dir() { bytes_below(&path) } else { metadata.blocks() * 512 };
                let made = (kind == Kind::Template).then(|| template_files::made(&path)).flatten();
                Some(Entry { kind, bytes, used: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), path, made })
            })
            .collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries
    }

    /// Whether an entry of [`TemplateStore::list`] is in use now.
    pub fn in_use(&self, entry: &Entry) -> bool {
        lock_alone(&entry.path).is_none()
    }

    /// Removes an entry of [`TemplateStore::list`], unless it is in use. Whether it is gone.
    pub fn remove(&self, entry: &Entry) -> bool {
        entry.path.parent() == Some(&self.root) && remove_unused(&entry.path)
    }
}

/// Bytes of the disk that the plain files of a directory take. No link is followed.
pub(super) fn bytes_below(dir: &Path) -> u64 {
    let Ok(names) = std::fs::read_dir(dir) else { return 0 };
    names
        .flatten()
        .filter_map(|found| found.metadata().ok())
        .filter(|found| found.is_file())
        .map(|f| f.blocks() * 512)
        .sum()
}

/// Locks a directory or file against everyone else; `None` when somebody has it or it is gone.
fn lock_alone(path: &Path) -> Option<File> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let lock = File::options().read(true).custom_flags(flags).open(path).ok()?;
    (files::lock_alone(&lock).is_ok() && has_name(&lock, path)).then_some(lock)
}

/// Removes a directory or file that nobody uses. Whether it is gone.
pub(super) fn remove_unused(path: &Path) -> bool {
    let Some(lock) = lock_alone(path) else {
        return matches!(path.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound);
    };
    match lock.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        // Follows no link, neither here nor below.
        true => std::fs::remove_dir_all(path).is_ok(),
        false => std::fs::remove_file(path).is_ok(),
    }
}
