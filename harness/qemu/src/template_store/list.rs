//! What lies in the store, and what of it may go.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::template_files;
use muster_base::files;
use muster_image::prune::Item;

/// How the name of an unfinished directory begins.
pub(super) const UNFINISHED: &str = ".new-";

/// Something in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
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
pub enum EntryKind {
    /// A template, or what was one.
    Template,
    /// What a run left that was killed while it wrote one, or a lock that nobody needs.
    Leftover,
}

impl Entry {
    /// What decides whether it may go.
    pub fn item(&self) -> Item {
        Item { leftover: self.kind == EntryKind::Leftover, bytes: self.bytes, used: self.used }
    }
}

/// Everything in the directory of templates. What is no plain directory of ours is left out, links above all.
pub(super) fn entries(root: &Path) -> Vec<Entry> {
    let Ok(names) = std::fs::read_dir(root) else { return Vec::new() };
    let mut entries: Vec<Entry> = names
        .flatten()
        .filter_map(|found| {
            let (path, name) = (found.path(), found.file_name());
            let name = name.to_str()?;
            let metadata = path.symlink_metadata().ok()?;
            let is_key = |word: &str| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            let lock = name.strip_prefix('.').and_then(|name| name.strip_suffix(".lock")).is_some_and(is_key);
            let kind = match metadata.is_dir() {
                true if is_key(name) => EntryKind::Template,
                true if name.starts_with(UNFINISHED) => EntryKind::Leftover,
                false if metadata.is_file() && lock => EntryKind::Leftover,
                _ => return None,
            };
            let bytes = if metadata.is_dir() { bytes_below(&path) } else { metadata.blocks() * 512 };
            let made = (kind == EntryKind::Template).then(|| template_files::made(&path)).flatten();
            Some(Entry { kind, bytes, used: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), path, made })
        })
        .collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    entries
}

/// Whether somebody uses what lies there.
pub(super) fn in_use(path: &Path) -> bool {
    lock_alone(path).is_none()
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

/// Whether the path still leads to the open file.
pub(super) fn has_name(open: &File, path: &Path) -> bool {
    match (open.metadata(), path.symlink_metadata()) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}
