//! Images of the cache that somebody uses are marked by a shared lock, so that whoever tidies the cache
//! up leaves them alone. The kernel lets go of it however the process ends.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::dirs::cache_dir;

/// The mark on one image, as long as this lives.
#[derive(Debug)]
pub struct InUse(#[allow(dead_code)] Option<File>);

impl InUse {
    /// Marks an image, when it lies in the cache. Where it cannot be marked it is used all the same.
    pub fn note(image: &Path) -> Self {
        let cached =
            cache_dir().and_then(|cache| cache.canonicalize().ok()).is_some_and(|cache| image.starts_with(cache));
        Self(cached.then(|| lock_shared(image)).flatten())
    }

    /// Whether nobody uses a file, as far as locks tell.
    pub(crate) fn is_free(file: &Path) -> bool {
        open(file).is_some_and(|file| muster_base::files::lock_alone(&file).is_ok())
    }
}

fn lock_shared(file: &Path) -> Option<File> {
    open(file).filter(|file| file.try_lock_shared().is_ok())
}

fn open(file: &Path) -> Option<File> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    OpenOptions::new().read(true).custom_flags(flags).open(file).ok()
}

/// Every file that a process which can be looked at has open, by device and inode, but for this one's.
pub fn opened() -> BTreeSet<(u64, u64)> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return BTreeSet::new() };
    let others = processes.flatten().filter(|entry| {
        entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()).is_some_and(|id| id != std::process::id())
    });
    let descriptors =
        others.filter_map(|process| std::fs::read_dir(process.path().join("fd")).ok()).flatten().flatten();
    // Leads to what is open, whatever name that has now.
    descriptors.filter_map(|fd| std::fs::metadata(fd.path()).ok()).map(|file| (file.dev(), file.ino())).collect()
}
