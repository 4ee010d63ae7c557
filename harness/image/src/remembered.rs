//! Digests of files that are remembered from one run to the next, for runs that trust time stamps, as those do that begin
//! from a saved machine. Reading an image of some gibibytes takes longer than a test.
//!
//! A file is believed to be the one that was read while its device, inode, length, and the times of its last write and of
//! its last change of any kind are the same. The last of these no program can set. Not remembered is
//! - what changed less than [`SETTLED`] before it was read: a later write could have the same time stamp, and one through a
//!   memory map has its time from when the page was first written to;
//! - what lies on a file system that is not known to keep both times itself. tmpfs is none of those that do: what a program writes
//!   through a shared memory map changes a file there, and neither of its times.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::digest::FileStamp;

/// How long a file must have been left alone.
const SETTLED: Duration = Duration::from_secs(60);
/// Files that are remembered; the oldest are forgotten.
const MOST: usize = 64;
/// Bytes that are read of the list.
const LARGEST: u64 = 64 << 10;
/// File systems whose times are this kernel's, and new after every write: ext2 to ext4, XFS, Btrfs, F2FS (`linux/magic.h`).
const LOCAL: [u64; 4] = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010];

/// The list of digests in a cache: a line each, SHA-256 and what the file was.
#[derive(Debug, Clone)]
pub(super) struct RememberedDigests {
    list: PathBuf,
}

impl RememberedDigests {
    /// Those of a cache directory.
    pub(super) fn of(cache: &Path) -> Self {
        Self { list: cache.join("digests") }
    }

    /// SHA-256, lower-case hex, of the file that had this stamp when it was read.
    pub(super) fn find(&self, stamp: &FileStamp) -> Option<String> {
        let wanted = stamp.to_string();
        self.lines().into_iter().rev().find_map(|line| {
            let (sha256, of) = line.split_once(' ')?;
            let is_sha256 = muster_base::text::is_sha256(sha256);
            (of == wanted && is_sha256).then(|| sha256.to_owned())
        })
    }

    /// Remembers the digest of a file whose reading began at a time. That it cannot be is no matter: it is read again.
    pub(super) fn keep(&self, path: &Path, stamp: &FileStamp, sha256: &str, begun: SystemTime) {
        if is_settled(stamp, begun) && is_local(path) {
            self.add(stamp, sha256);
        }
    }

    fn add(&self, stamp: &FileStamp, sha256: &str) {
        let line = format!("{sha256} {stamp}");
        let mut lines = self.lines();
        lines.retain(|known| known.split_once(' ').is_some_and(|(_, of)| of != stamp.to_string()));
        lines.push(line);
        let text = lines[lines.len().saturating_sub(MOST)..].join("\n") + "\n";
        if let Err(error) = self.write(&text) {
            tracing::debug!(%error, list = %self.list.display(), "a digest is not remembered");
        }
    }

    /// A list that others can write to says nothing.
    fn lines(&self) -> Vec<String> {
        let open =
            OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32).open(&self.list);
        let Ok(file) = open else { return Vec::new() };
        if !file.metadata().is_ok_and(|metadata| is_ours(&metadata)) {
            return Vec::new();
        }
        let mut text = String::new();
        match file.take(LARGEST).read_to_string(&mut text) {
            Ok(_) => text.lines().map(str::to_owned).collect(),
            Err(_) => Vec::new(),
        }
    }

    /// Of two runs that write at the same time one is lost.
    fn write(&self, text: &str) -> std::io::Result<()> {
        let directory = self.list.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new()
            .prefix(".digests-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.persist(&self.list)?;
        Ok(())
    }
}

fn is_ours(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.uid() == rustix::process::getuid().as_raw() && metadata.mode() & 0o022 == 0
}

/// Whether neither time of the file is within [`SETTLED`] of when its reading began, or after it.
fn is_settled(stamp: &FileStamp, begun: SystemTime) -> bool {
    let begun = begun.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let latest = stamp.modified.0.max(stamp.changed.0);
    u64::try_from(latest).is_ok_and(|latest| Duration::from_secs(latest) + SETTLED <= begun)
}

fn is_local(path: &Path) -> bool {
    let kind = File::open(path).ok().and_then(|file| rustix::fs::fstatfs(&file).ok()).map(|found| found.f_type as u64);
    // The type is signed on some architectures, and the value of Btrfs does not fit into 31 bits.
    kind.is_some_and(is_local_kind)
}

fn is_local_kind(kind: u64) -> bool {
    LOCAL.contains(&(kind & 0xFFFF_FFFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "5b98425c4656b9c9cee7775bcd6a30ce3c698b7bbcf8a8dd14e08c4df8f72c8a";

    fn stamp(seconds: i64) -> FileStamp {
        FileStamp { device: 1, inode: 2, length: 3, modified: (seconds, 4), changed: (seconds, 5) }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_digest_is_remembered_for_exactly_the_file_that_was_read() {
        let cache = tempfile::tempdir().unwrap();
        let digests = RememberedDigests::of(cache.path());
        let known = stamp(1000);
        assert_eq!(digests.find(&known), None);
        digests.add(&known, DIGEST);
        assert_eq!(digests.find(&known).as_deref(), Some(DIGEST));
        for other in [
            FileStamp { device: 9, ..known },
            FileStamp { inode: 9, ..known },
            FileStamp { length: 9, ..known },
            FileStamp { modified: (1000, 9), ..known },
            FileStamp { modified: (1001, 4), ..known },
            FileStamp { changed: (1000, 9), ..known },
            FileStamp { changed: (1001, 5), ..known },
        ] {
            assert_eq!(digests.find(&other), None, "{other}");
        }
        // The list is this user's alone, and of one that is not nothing is believed.
        let list = cache.path().join("digests");
        assert_eq!(list.metadata().unwrap().mode() & 0o777, 0o600);
        std::fs::set_permissions(&list, Permissions::from_mode(0o620)).unwrap();
        assert_eq!(digests.find(&known), None);
    }

    #[test]
    fn what_changed_just_before_it_was_read_is_not_remembered() {
        for (begun, remembered) in [(900, false), (1000, false), (1059, false), (1060, true)] {
            assert_eq!(is_settled(&stamp(1000), at(begun)), remembered, "{begun}");
        }
        // A write time that was set back hides nothing: the other time is the kernel's.
        let set_back = FileStamp { modified: (1, 0), ..stamp(1000) };
        assert!(!is_settled(&set_back, at(1010)));
    }

    #[test]
    fn a_file_system_whose_times_stand_still_is_not_believed() {
        assert!(is_local_kind(0xEF53) && is_local_kind(0xFFFF_FFFF_9123_683E));
        // tmpfs, NFS, FUSE, overlayfs.
        assert!([0x0102_1994, 0x6969, 0x6573_5546, 0x794C_7630].into_iter().all(|kind| !is_local_kind(kind)));
        // Where this host has a tmpfs, the same of a file that is there.
        if let Ok(file) = tempfile::NamedTempFile::new_in("/dev/shm")
            && rustix::fs::fstatfs(file.as_file()).is_ok_and(|found| found.f_type as u64 == 0x0102_1994)
        {
            assert!(!is_local(file.path()));
        }
    }

    #[test]
    fn the_list_does_not_grow_and_lines_that_are_none_say_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let digests = RememberedDigests::of(cache.path());
        std::fs::write(cache.path().join("digests"), format!("{DIGEST}\nabc {}\n\n{DIGEST} 1\n", stamp(7))).unwrap();
        std::fs::set_permissions(cache.path().join("digests"), Permissions::from_mode(0o600)).unwrap();
        assert_eq!(digests.find(&stamp(7)), None);
        for seconds in 1..=100 {
            digests.add(&stamp(seconds), DIGEST);
        }
        assert_eq!(digests.lines().len(), MOST);
        assert_eq!(digests.find(&stamp(1)), None);
        assert_eq!(digests.find(&stamp(100)).as_deref(), Some(DIGEST));
    }
}
