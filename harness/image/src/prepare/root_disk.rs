//! A root file system, from its archive or OCI layout to a disk, with the kernel that it brings along.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use super::noted::{KnownDigests, noted};
use super::root_tree;
use crate::cache::{Made, Slot};
use crate::inspect::{self, Inspected, Limits};
use crate::rootfs::{self, ArchiveError, oci::Layout, tar, tree::Tree, tree::What};
use crate::{ImageError, KernelBoot, Unchanged, compress, magic};
use muster_base::machine::{Arch, Format};
use muster_record::root_tree::RootTree;

/// Changes whenever a tar is made into a disk in another way.
const ROOTFS_RECIPE: u32 = 2;

/// How the files end that are made of a root file system: its disk, its kernel and the initramfs of that.
const DISK: &str = "raw";
const KERNEL: [&str; 2] = ["vmlinuz", "initramfs"];

/// The disk with which a made file is used, when it is the kernel of a root file system or the initramfs of that.
pub(crate) fn disk_of(made: &Path) -> Option<PathBuf> {
    let end = made.extension()?.to_str()?;
    KERNEL.contains(&end).then(|| made.with_extension(DISK))
}

/// A root file system on a disk.
pub(super) struct Root {
    pub(super) source: Unchanged,
    pub(super) sha256: String,
    pub(super) disk: Inspected,
    /// What the disk does not keep, in one line.
    pub(super) dropped: Option<String>,
    /// The kernel that it brings along, where that was wanted.
    pub(super) kernel: Option<KernelBoot>,
    /// What its archive holds.
    pub(super) tree: RootTree,
}

/// With `own`, its own kernel is what boots it.
pub(super) async fn root_file_system(
    cache: Option<&Path>,
    source: &Path,
    known: KnownDigests<'_>,
    arch: Arch,
    own: bool,
    limits: &Limits,
) -> Result<Root, ImageError> {
    let noted = NotedRoot::of(source, known, limits).await?;
    from_noted(cache, noted, arch, own, limits).await
}

/// The archive of a root file system, or the index of a layout, and what it was when its digest was taken.
pub(super) struct NotedRoot<'a> {
    source: &'a Path,
    /// The layout, where it is a directory.
    dir: Option<&'a Path>,
    pinned: PathBuf,
    unchanged: Unchanged,
    sha256: String,
}

impl<'a> NotedRoot<'a> {
    pub(super) async fn of(source: &'a Path, known: KnownDigests<'_>, limits: &Limits) -> Result<Self, ImageError> {
        let (pinned, dir) = pinned(source, limits).await?;
        let (unchanged, sha256) = noted(&pinned, known).await?;
        Ok(Self { source, dir, pinned, unchanged, sha256 })
    }
}

/// The file whose digest names a root file system: the archive, or the index of a layout in a directory, which is no link.
pub(super) async fn pinned<'a>(source: &'a Path, limits: &Limits) -> Result<(PathBuf, Option<&'a Path>), ImageError> {
    let is_directory = std::fs::symlink_metadata(source).is_ok_and(|metadata| metadata.is_dir());
    Ok(match is_directory {
        true => (inspect::plain_file(&source.join("index.json"), false).await?, Some(source)),
        false => (inspect::plain_file(source, limits.symlink).await?, None),
    })
}

/// Nothing gets a name in the cache before the file that was read is known to be the one whose digest the name is.
pub(super) async fn from_noted(
    cache: Option<&Path>,
    noted: NotedRoot<'_>,
    arch: Arch,
    own: bool,
    limits: &Limits,
) -> Result<Root, ImageError> {
    let NotedRoot { source, dir, pinned, unchanged, sha256 } = noted;
    let name = format!("rootfs-{}-{arch}-{ROOTFS_RECIPE}", &sha256[..40]);
    let slot = Slot::take(cache, &format!("{name}.{DISK}")).await?;
    let kernel_slots = match own {
        true => {
            let [image, initramfs] = KERNEL.map(|end| format!("{name}.{end}"));
            Some([Slot::take(cache, &image).await?, Slot::take(cache, &initramfs).await?])
        }
        false => None,
    };
    let tree_slot = Slot::take(cache, &format!("{name}.tree-{}", root_tree::RECIPE)).await?;
    let mut seen = root_tree::kept(&tree_slot).await;
    let (mut made, mut kernel) = (slot.find().await, None);
    if let Some([image, initramfs]) = &kernel_slots
        && let (Some(image), Some(initramfs)) = (image.find().await, initramfs.find().await)
    {
        kernel = Some([image.path, initramfs.path]);
    }
    if made.is_none() || (own && kernel.is_none()) || seen.is_none() {
        let Archive { tree, archives, labels } = match dir {
            Some(dir) => layered(Layout::Dir(dir.to_owned()), arch, &slot, source).await?,
            None => read(&pinned, arch, &slot).await?,
        };
        // Before the disk, which takes longer: one that cannot be started is not made.
        let new_kernel = match (&kernel_slots, &kernel) {
            (Some(slots), None) => Some((slots, own_kernel(&tree, &archives, slots, source)?)),
            _ => None,
        };
        let new_tree = match seen {
            Some(_) => None,
            None => {
                let refused = |reason| ImageError::Archive { path: source.to_owned(), reason };
                Some(rootfs::contents::read(&tree, &archives, labels).map_err(refused)?)
            }
        };
        let mut new_disk = None;
        if made.is_none() {
            let size = rootfs::ext4::size(&tree);
            if size > limits.virtual_size {
                return Err(ImageError::TooLarge { path: pinned, size, limit: limits.virtual_size });
            }
            let disk = slot.temporary()?.into_temp_path();
            let dropped = rootfs::ext4::write(tree, archives, &disk, slot.dir(), &sha256[..32], source).await?;
            new_disk = Some((disk, dropped));
        }
        unchanged.verify(false).await?;
        if let Some((slots, new)) = new_kernel {
            kernel = Some(publish_kernel(slots, new).await?);
        }
        if let Some(tree) = new_tree {
            root_tree::keep(&tree_slot, &tree).await?;
            seen = Some(tree);
        }
        if let Some((disk, dropped)) = new_disk {
            made = Some(slot.publish(disk, dropped).await?);
        }
    }
    let (Some(Made { path: disk, dropped }), Some(tree)) = (made, seen) else {
        return Err(ImageError::Archive { path: source.to_owned(), reason: ArchiveError::Empty });
    };
    let disk = inspect::inspect(&disk, Format::Raw, limits).await.map_err(|error| error.about(source))?;
    let kernel = kernel.map(|[image, initramfs]| KernelBoot {
        image,
        initrd: Some(initramfs),
        cmdline: format!("root=LABEL=rootfs rw console=tty0 console={}", console(arch)),
    });
    Ok(Root { source: unchanged, sha256, disk, dropped, kernel, tree })
}

/// The serial port on which QEMU's machine has its console.
fn console(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "ttyS0",
        Arch::Aarch64 => "ttyAMA0",
    }
}

/// Copies of the kernel and the initramfs that the tree brings along, next to their places in the cache.
fn own_kernel(
    tree: &Tree,
    archives: &[File],
    slots: &[Slot; 2],
    source: &Path,
) -> Result<[tempfile::TempPath; 2], ImageError> {
    let refused = |reason| ImageError::Archive { path: source.to_owned(), reason };
    let own = rootfs::kernel::find(tree).map_err(refused)?;
    let copy = |slot: &Slot, piece: rootfs::kernel::Piece| {
        let made = slot.temporary()?.into_temp_path();
        piece.copy(archives, &made).map_err(refused)?;
        Ok(made)
    };
    let [image, initramfs] = slots;
    Ok([copy(image, own.image)?, copy(initramfs, own.initramfs)?])
}

/// Puts both in their places.
async fn publish_kernel(slots: &[Slot; 2], new: [tempfile::TempPath; 2]) -> Result<[PathBuf; 2], ImageError> {
    let ([image, initramfs], [new_image, new_initramfs]) = (slots, new);
    Ok([image.publish(new_image, None).await?.path, initramfs.publish(new_initramfs, None).await?.path])
}

/// A root file system as it was packed.
struct Archive {
    tree: Tree,
    archives: Vec<File>,
    /// Of an OCI image.
    labels: Option<BTreeMap<String, String>>,
}

/// What one tar, packed or not, holds: a root file system, or the OCI layout of one.
async fn read(path: &Path, arch: Arch, slot: &Slot) -> Result<Archive, ImageError> {
    let plain = plain(path, compress::open(path)?, slot).await?;
    inspect::is_tar(path, &plain)?;
    let (tree, plain) = grow(Tree::new(rootfs::Bounds::default()), plain, 0, false, path).await?;
    if tree.is_empty() {
        return Err(ImageError::Archive { path: path.to_owned(), reason: ArchiveError::Empty });
    }
    let member = |name: &[u8]| match &tree.node(0)?.what {
        What::Dir(names) => names.get(name).copied(),
        _ => None,
    };
    if member(b"oci-layout").is_none() || member(b"index.json").is_none() {
        return Ok(Archive { tree, archives: vec![plain], labels: None });
    }
    let mut members = HashMap::new();
    collect(&tree, 0, &mut Vec::new(), &mut members);
    layered(Layout::Archive { file: plain, members }, arch, slot, path).await
}

/// The files of a layout are not deep.
fn collect(tree: &Tree, dir: usize, path: &mut Vec<u8>, members: &mut HashMap<Vec<u8>, (u64, u64)>) {
    let Some(What::Dir(names)) = tree.node(dir).map(|node| &node.what) else { return };
    for (name, index) in names {
        let length = path.len();
        path.extend(name);
        match tree.node(*index).map(|node| &node.what) {
            Some(What::File { offset, size, .. }) => drop(members.insert(path.clone(), (*offset, *size))),
            Some(What::Dir(_)) => {
                path.push(b'/');
                collect(tree, *index, path, members);
            }
            _ => {}
        }
        path.truncate(length);
    }
}

async fn layered(layout: Layout, arch: Arch, slot: &Slot, path: &Path) -> Result<Archive, ImageError> {
    let bounds = rootfs::Bounds::default();
    let scratch = slot.dir().to_owned();
    let parts = blocking(path, move || layout.parts(arch, bounds.layers, bounds.bytes, &scratch)).await?;
    let mut tree = Tree::new(bounds);
    let mut archives = Vec::new();
    for (number, layer) in parts.layers.into_iter().enumerate() {
        let (grown, layer) = grow(tree, plain(path, layer, slot).await?, number, true, path).await?;
        tree = grown;
        archives.push(layer);
    }
    Ok(Archive { tree, archives, labels: Some(parts.labels) })
}

/// The tar itself, unpacked into the cache's file system when it is packed.
async fn plain(path: &Path, packed: File, slot: &Slot) -> Result<File, ImageError> {
    use std::os::unix::fs::FileExt;
    let cache = |source| ImageError::Cache { path: slot.dir().to_owned(), source };
    let mut head = [0; 8];
    let count = packed.read_at(&mut head, 0).map_err(|source| ImageError::Io { path: path.to_owned(), source })?;
    let Some(how) = magic::packed(&head[..count]) else { return Ok(packed) };
    let out = tempfile::tempfile_in(slot.dir()).map_err(cache)?;
    let bounds = compress::Bounds { bytes: rootfs::Bounds::default().bytes, deadline: compress::Bounds::DEADLINE };
    compress::unpack(path, packed, how, out.try_clone().map_err(cache)?, bounds).await?;
    Ok(out)
}

async fn grow(
    mut tree: Tree,
    archive: File,
    number: usize,
    layered: bool,
    path: &Path,
) -> Result<(Tree, File), ImageError> {
    blocking(path, move || {
        tar::read(&archive, |entry| tree.add(entry, number, layered))?;
        Ok((tree, archive))
    })
    .await
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ImageError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(ArchiveError::Other(error.into())))
        .map_err(|reason| ImageError::Archive { path: path.to_owned(), reason })
}

/// An error when a tar that is not packed has neither a kernel nor an OCI layout in it. Only its headers are read; what is packed,
/// or no tar at all, is looked at when it is prepared.
pub(super) async fn brings_a_kernel(path: &Path) -> Result<(), ImageError> {
    let file = compress::open(path)?;
    let mut head = [0; 512];
    let begun = std::os::unix::fs::FileExt::read_at(&file, &mut head, 0);
    if begun.is_ok_and(|count| count == head.len()) && head.get(257..262) == Some(b"ustar") {
        let found = blocking(path, move || {
            let mut found = false;
            tar::read(&file, |entry| {
                let names: Vec<&[u8]> = entry.path.split(|byte| *byte == b'/').filter(|name| *name != b".").collect();
                found |= matches!(names[..], [b"oci-layout"] | [b"usr", b"lib", b"modules", _, b"vmlinuz"]);
                Ok(())
            })?;
            Ok(found)
        });
        // What cannot be read is said when it is prepared.
        if matches!(found.await, Ok(false)) {
            return Err(ImageError::Archive { path: path.to_owned(), reason: ArchiveError::NoKernel });
        }
    }
    Ok(())
}
