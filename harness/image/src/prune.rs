//! What lies in the cache of images, and what of a cache may go. Only plain files and directories directly
//! below the cache's own directories are looked at; a link is never followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::in_use::{self, InUse};
use super::prepare::root_disk;
use super::{ImageError, lab, pull};

/// What decides whether something may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Nobody can use it any more.
    pub leftover: bool,
    /// Bytes of the disk that it takes.
    pub bytes: u64,
    /// When it was last used.
    pub used: SystemTime,
}

/// What must go so that the rest has at most `limit` bytes, and what was not used for `older_than`:
/// indices, the least recently used first. Leftovers always go.
pub fn superfluous(items: &[Item], now: SystemTime, limit: u64, older_than: Option<Duration>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|index| (!items[*index].leftover, items[*index].used));
    let mut total: u64 = items.iter().map(|item| item.bytes).sum();
    let mut gone = Vec::new();
    for index in order {
        let item = &items[index];
        let age = now.duration_since(item.used).unwrap_or_default();
        let old = older_than.is_some_and(|limit| age >= limit);
        if item.leftover || old || total > limit {
            total -= item.bytes;
            gone.push(index);
        }
    }
    gone
}

/// Something in the cache of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// What it is.
    pub kind: CachedKind,
    /// The directory or file.
    pub path: PathBuf,
    /// Files that go with it.
    pub next_to: Vec<PathBuf>,
    /// Whether it may go, and in which order.
    pub item: Item,
    /// Whether somebody uses it now.
    pub in_use: bool,
}

/// What a cached image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachedKind {
    /// A lab image of this checkout's recipe.
    Present,
    /// A lab image of another recipe.
    Stale,
    /// A lab image that this checkout knows nothing of.
    Unknown,
    /// A disk that was unpacked or made from another image.
    Made,
    /// A vendor's image, or what has been fetched of it so far.
    Pulled,
    /// What an interrupted build left.
    Unfinished,
}

/// Everything in `<cache>/images`, given the checkout whose recipes count.
pub async fn cached(root: &Path, cache: &Path) -> Result<Vec<Cached>, ImageError> {
    let images = cache.join("images");
    if !images.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(Vec::new());
    }
    let mut present = BTreeMap::new();
    for variant in lab::variants(root) {
        present.insert(variant.clone(), lab::key(root, &variant).await?);
    }
    let opened = in_use::opened();
    let mut found: Vec<Cached> = entries(&images)
        .into_iter()
        .filter_map(|(name, path, metadata)| dir(&images, &name, path, &metadata, &present, &opened))
        .collect();
    for (kind, dir, companions) in
        [(CachedKind::Made, "made", &[".json"][..]), (CachedKind::Pulled, pull::DIR, pull::COMPANIONS)]
    {
        let dir = images.join(dir);
        if dir.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            found.extend(entries(&dir).into_iter().filter_map(|(name, path, metadata)| {
                let companion = name.ends_with(".lock") || companions.iter().any(|end| name.ends_with(end));
                (metadata.is_file() && !companion)
                    .then(|| disk(kind, companions, &dir, &name, path, &metadata, &opened))
            }));
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    kernels_as_their_disks(&mut found);
    Ok(found)
}

/// Whoever uses the disk of a root file system starts its next machine with the kernel that was taken from the same one. A
/// machine that is up has read its kernel, so that the kernel's own file tells nothing.
fn kernels_as_their_disks(found: &mut [Cached]) {
    let disks: BTreeMap<PathBuf, (bool, SystemTime)> = found
        .iter()
        .filter(|cached| cached.kind == CachedKind::Made)
        .map(|cached| (cached.path.clone(), (cached.in_use, cached.item.used)))
        .collect();
    for cached in found.iter_mut().filter(|cached| cached.kind == CachedKind::Made) {
        if let Some((in_use, used)) = root_disk::disk_of(&cached.path).and_then(|disk| disks.get(&disk)) {
            cached.in_use |= in_use;
            cached.item.used = cached.item.used.max(*used);
        }
    }
}

/// Names, paths and what they are themselves, not what a link leads to.
fn entries(dir: &Path) -> Vec<(String, PathBuf, Metadata)> {
    let Ok(found) = std::fs::read_dir(dir) else { return Vec::new() };
    let known = found.flatten().filter_map(|entry| {
        Some((entry.file_name().into_string().ok()?, entry.path(), entry.path().symlink_metadata().ok()?))
    });
    known.collect()
}

/// A lab image, or what a build left.
fn dir(
    images: &Path,
    name: &str,
    path: PathBuf,
    metadata: &Metadata,
    present: &BTreeMap<String, String>,
    opened: &BTreeSet<(u64, u64)>,
) -> Option<Cached> {
    if !metadata.is_dir() {
        return None;
    }
    let kind = match name.strip_prefix(".building-") {
        Some(_) => CachedKind::Unfinished,
        None => {
            let (variant, key) = name.rsplit_once('-')?;
            let plain = key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
            match present.get(variant) {
                _ if !plain => return None,
                Some(now) if now == key => CachedKind::Present,
                Some(_) => CachedKind::Stale,
                None => CachedKind::Unknown,
            }
        }
    };
    let files: Vec<_> = entries(&path).into_iter().filter(|(_, _, metadata)| metadata.is_file()).collect();
    let in_use = match kind {
        // Its builder holds the lock of the variant.
        CachedKind::Unfinished => {
            let variant = name.strip_prefix(".building-").and_then(|rest| rest.split('.').next()).unwrap_or_default();
            let lock = images.join(format!(".{variant}.lock"));
            lock.exists() && !InUse::is_free(&lock)
        }
        _ => files.iter().any(|(_, path, metadata)| is_in_use(path, metadata, opened)),
    };
    let used = files.iter().map(|(_, _, metadata)| last_used(metadata)).max().unwrap_or_else(|| last_used(metadata));
    // A build's directory has a whole system below it; what that takes is not worth a walk through it.
    let bytes = files.iter().map(|(_, _, metadata)| metadata.blocks() * 512).sum();
    let leftover = matches!(kind, CachedKind::Stale | CachedKind::Unfinished);
    Some(Cached { kind, path, next_to: Vec::new(), item: Item { leftover, bytes, used }, in_use })
}

/// A disk that lies next to its companions.
fn disk(
    kind: CachedKind,
    companions: &[&str],
    dir: &Path,
    name: &str,
    path: PathBuf,
    metadata: &Metadata,
    opened: &BTreeSet<(u64, u64)>,
) -> Cached {
    // What is fetched has the lock of what it is to become.
    let lock = dir.join(format!("{}.lock", name.strip_prefix(".partial-").unwrap_or(name)));
    let in_use = is_in_use(&path, metadata, opened) || (lock.exists() && !InUse::is_free(&lock));
    // The lock stays: another run may wait for it.
    let next_to = companions.iter().map(|end| dir.join(format!("{name}{end}"))).collect();
    let item = Item { leftover: false, bytes: metadata.blocks() * 512, used: last_used(metadata) };
    Cached { kind, path, next_to, item, in_use }
}

fn is_in_use(path: &Path, metadata: &Metadata, opened: &BTreeSet<(u64, u64)>) -> bool {
    opened.contains(&(metadata.dev(), metadata.ino())) || !InUse::is_free(path)
}

/// When it was read or written last. Where the file system does not note reading, when it was made.
fn last_used(metadata: &Metadata) -> SystemTime {
    let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    metadata.accessed().map_or(written, |read| read.max(written))
}

/// Removes what [`cached`] found, when it still is what it was and nobody uses it. Whether it is gone.
pub fn remove(cached: &Cached) -> bool {
    let Ok(metadata) = cached.path.symlink_metadata() else { return true };
    if cached.in_use || metadata.is_symlink() {
        return false;
    }
    // Follows no link, neither here nor below.
    let gone = match metadata.is_dir() {
        true => std::fs::remove_dir_all(&cached.path),
        false => std::fs::remove_file(&cached.path),
    };
    for companion in &cached.next_to {
        let _ = std::fs::remove_file(companion);
    }
    gone.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1000;

    fn item(leftover: bool, bytes: u64, days_ago: u64) -> Item {
        Item { leftover, bytes, used: day(NOW - days_ago) }
    }

    fn day(number: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(number * 86_400)
    }

    #[test]
    fn what_may_go_is_chosen_by_age_and_by_size() {
        let items = [item(false, 10, 1), item(false, 20, 40), item(false, 30, 5), item(true, 5, 0)];
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        assert_eq!(superfluous(&items, day(NOW), 100, None), [3]);
        assert_eq!(superfluous(&items, day(NOW), 100, days(30)), [3, 1]);
        assert_eq!(superfluous(&items, day(NOW), 100, days(5)), [3, 1, 2]);
        assert_eq!(superfluous(&items, day(NOW), 40, None), [3, 1]);
        assert_eq!(superfluous(&items, day(NOW), 39, None), [3, 1, 2]);
        assert_eq!(superfluous(&items, day(NOW), 0, None), [3, 1, 2, 0]);
        // A clock that was turned back makes nothing old.
        assert_eq!(superfluous(&items, day(0), 100, days(1)), [3]);
    }

    /// A checkout with one variant, `tiny`, whose key is sixteen threes.
    fn checkout() -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let lab = root.path().join("images/lab");
        std::fs::create_dir_all(lab.join("variants")).unwrap();
        std::fs::write(lab.join("variants/tiny.sh"), "").unwrap();
        std::fs::write(lab.join("build"), "#!/bin/sh\necho 3333333333333333\n").unwrap();
        std::fs::set_permissions(lab.join("build"), std::fs::Permissions::from_mode(0o755)).unwrap();
        root
    }

    #[tokio::test]
    async fn images_are_distinguished_and_links_and_strangers_left_alone() {
        let (root, cache) = (checkout(), tempfile::tempdir().unwrap());
        let images = cache.path().join("images");
        for name in
            ["tiny-3333333333333333", "tiny-4444444444444444", "gone-5555555555555555", ".building-tiny.abc", "mine"]
        {
            std::fs::create_dir_all(images.join(name)).unwrap();
            std::fs::write(images.join(name).join("disk.qcow2"), "disk").unwrap();
        }
        std::fs::create_dir(images.join("made")).unwrap();
        for name in ["d.raw", "d.raw.json", "d.raw.lock"] {
            std::fs::write(images.join("made").join(name), "x").unwrap();
        }
        std::fs::create_dir(images.join("pulled")).unwrap();
        for name in ["f.qcow2", "f.qcow2.json", "f.qcow2.checksums", "f.qcow2.signature", "f.qcow2.lock", ".partial-g"]
        {
            std::fs::write(images.join("pulled").join(name), "x").unwrap();
        }
        let precious = tempfile::tempdir().unwrap();
        std::fs::write(precious.path().join("disk.qcow2"), "x").unwrap();
        std::os::unix::fs::symlink(precious.path(), images.join("tiny-6666666666666666")).unwrap();
        std::os::unix::fs::symlink(precious.path().join("disk.qcow2"), images.join("made/l.raw")).unwrap();

        let found = cached(root.path(), cache.path()).await.unwrap();
        let name = |cached: &Cached| cached.path.strip_prefix(&images).unwrap().to_str().unwrap().to_owned();
        let seen: Vec<(String, CachedKind)> = found.iter().map(|cached| (name(cached), cached.kind)).collect();
        let expected = [
            (".building-tiny.abc", CachedKind::Unfinished),
            ("gone-5555555555555555", CachedKind::Unknown),
            ("made/d.raw", CachedKind::Made),
            ("pulled/.partial-g", CachedKind::Pulled),
            ("pulled/f.qcow2", CachedKind::Pulled),
            ("tiny-3333333333333333", CachedKind::Present),
            ("tiny-4444444444444444", CachedKind::Stale),
        ];
        assert_eq!(seen, expected.map(|(name, kind)| (name.to_owned(), kind)));
        assert!(found.iter().all(|cached| !cached.in_use), "{found:?}");

        // One of them becomes a link between the look and the removal.
        let stale = &found[6];
        std::fs::remove_dir_all(&stale.path).unwrap();
        std::os::unix::fs::symlink(precious.path(), &stale.path).unwrap();
        assert!(!remove(stale));
        assert!(remove(&found[2]));
        assert!(!images.join("made/d.raw.json").exists());
        assert!(remove(&found[4]));
        let left: Vec<_> = entries(&images.join("pulled")).into_iter().map(|(name, _, _)| name).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(precious.path().join("disk.qcow2").exists());
    }

    #[tokio::test]
    async fn a_kernel_is_in_use_when_the_disk_of_its_root_file_system_is() {
        let (root, cache) = (checkout(), tempfile::tempdir().unwrap());
        let made = cache.path().join("images/made");
        std::fs::create_dir_all(&made).unwrap();
        for system in ["rootfs-aa-x86_64-2", "rootfs-bb-x86_64-2"] {
            for end in ["raw", "vmlinuz", "initramfs"] {
                std::fs::write(made.join(format!("{system}.{end}")), end).unwrap();
            }
        }
        let look = async || {
            let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
            let found = cached(root.path(), cache.path()).await.unwrap();
            let used: BTreeSet<_> = found.iter().filter(|cached| cached.in_use).map(|c| name(&c.path)).collect();
            (used, found)
        };
        assert!(look().await.0.is_empty());
        // As a run marks it: the disk alone, which machines have open as long as they are up.
        let disk = std::fs::File::open(made.join("rootfs-aa-x86_64-2.raw")).unwrap();
        disk.lock_shared().unwrap();
        let (used, found) = look().await;
        let aa = ["raw", "vmlinuz", "initramfs"].map(|end| format!("rootfs-aa-x86_64-2.{end}"));
        assert_eq!(used, aa.into_iter().collect());
        assert!(found.iter().all(|cached| remove(cached) != cached.in_use));
        drop(disk);
        let (used, found) = look().await;
        assert!(used.is_empty() && found.len() == 3, "{found:?}");
        // One that was used yesterday is not older than its disk, which was used today.
        let old = std::fs::File::options().write(true).open(made.join("rootfs-aa-x86_64-2.vmlinuz")).unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        old.set_times(std::fs::FileTimes::new().set_accessed(long_ago).set_modified(long_ago)).unwrap();
        let (_, found) = look().await;
        assert!(found.iter().all(|cached| cached.item.used > long_ago), "{found:?}");
    }

    #[tokio::test]
    async fn what_somebody_has_open_or_locked_is_in_use() {
        let (root, cache) = (checkout(), tempfile::tempdir().unwrap());
        let dir = cache.path().join("images/tiny-4444444444444444");
        std::fs::create_dir_all(&dir).unwrap();
        let disk = dir.join("disk.qcow2");
        std::fs::write(&disk, "disk").unwrap();
        let in_use = async || cached(root.path(), cache.path()).await.unwrap()[0].in_use;
        assert!(!in_use().await);
        let lock = std::fs::File::open(&disk).unwrap();
        lock.lock_shared().unwrap();
        assert!(in_use().await);
        drop(lock);
        // As QEMU has it, without a lock of ours.
        let mut reader =
            std::process::Command::new("sleep").arg("600").stdin(std::fs::File::open(&disk).unwrap()).spawn().unwrap();
        assert!(in_use().await);
        reader.kill().unwrap();
        reader.wait().unwrap();
        assert!(!in_use().await);
    }
}
