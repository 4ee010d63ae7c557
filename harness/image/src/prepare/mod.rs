//! From a description to a disk that a machine can be started from: find the source, unpack it or
//! make its tar into a disk where that is needed, look into the result. Everything that is made lies in
//! the cache under the source's digest; the source is only read.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::cache::{Made, Slot};
use super::compress;
use super::compression::Compression;
use super::dirs::cache_dir;
use super::inspect::{self, Inspected, Limits};
use super::remembered::RememberedDigests;
use super::rootfs::{self, ArchiveError, oci::Layout, tar, tree::Tree, tree::What};
use super::{DiskSource, ImageError, ImageSpec, KernelBoot, Unchanged, digest, lab, layout, magic, pull};
use muster_base::machine::{Arch, Format, KernelFrom};
use muster_record::disk::DiskFacts;

/// Changes whenever a tar is made into a disk in another way.
const ROOTFS_RECIPE: u32 = 2;
/// The most a disk may unpack to; the virtual size bounds the rest.
const SPARE: u64 = 64 << 20;

/// An image that is ready for machines.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The description, with the paths of its kernel made absolute and looked at.
    pub spec: ImageSpec,
    /// The source: the file a person named.
    pub source: PathBuf,
    /// SHA-256 of the source, lower-case hex; of an OCI layout in a directory that of its `index.json`,
    /// which names everything else by digest.
    pub sha256: String,
    /// To be asked at the end of the run.
    pub unchanged: Unchanged,
    /// The disk: the source itself, or what was made from it.
    pub disk: Inspected,
    /// What the file says of itself.
    pub facts: DiskFacts,
    /// Whether the kernel is one of the image.
    pub kernel_from: KernelFrom,
    /// What a reader should know of how the disk was made, a sentence each.
    pub notes: Vec<String>,
}

/// Prepares the image. `root` is the checkout, which knows how lab images are built.
pub async fn prepare(root: &Path, spec: &ImageSpec) -> Result<Prepared, ImageError> {
    prepare_in(cache_dir().as_deref(), root, spec, spec.kernel.is_none()).await
}

/// The same for who only looks into the disk: what would start it is not looked for.
pub async fn prepare_to_look(root: &Path, spec: &ImageSpec) -> Result<Prepared, ImageError> {
    prepare_in(cache_dir().as_deref(), root, spec, false).await
}

/// The same for a run that trusts time stamps: a file that was read before, and has not changed since by its stamp, is not read again
/// for its digest. For runs that begin from saved machines, which are known by their stamps too.
pub async fn prepare_by_stamps(root: &Path, spec: &ImageSpec) -> Result<Prepared, ImageError> {
    let cache = cache_dir();
    let digests = cache.as_deref().map(RememberedDigests::of);
    prepare_with(cache.as_deref(), root, spec, spec.kernel.is_none(), digests.as_ref()).await
}

/// SHA-256 of the image's source as [`Prepared::sha256`] has it, read anew and nothing made of it.
pub async fn source_sha256(root: &Path, spec: &ImageSpec) -> Result<String, ImageError> {
    let (spec, source, pulled) = locate(cache_dir().as_deref(), root, spec).await?;
    let file = if spec.format == Format::Tar && is_directory(&source) {
        inspect::plain_file(&source.join("index.json"), false).await?
    } else {
        inspect::plain_file(&source, Limits::default().symlink).await?
    };
    let known = KnownDigests { pulled: pulled.as_deref(), remembered: None };
    Ok(noted(&file, known).await?.1)
}

/// Whether it is a directory by itself and not by a link.
fn is_directory(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// What the file says of itself. A disk that is neither packed nor a root file system is only looked into: neither the cache
/// nor its digest is needed for that.
pub async fn facts(root: &Path, spec: &ImageSpec) -> Result<DiskFacts, ImageError> {
    match &spec.disk {
        DiskSource::Path(path) if spec.format != Format::Tar && Compression::of_name(path).is_none() => {
            let limits = Limits { virtual_size: spec.max_virtual_size, ..Limits::default() };
            let disk = inspect::inspect(path, spec.format, &limits).await?;
            layout::read(&disk, spec.format, limits.deadline).await
        }
        // What starts it is no property of a file.
        _ => prepare_in(cache_dir().as_deref(), root, spec, false).await.map(|ready| ready.facts),
    }
}

/// Whether the image can be prepared, as far as that is known without reading all of it: its file, and those of its kernel, are
/// there, and the disk is of the format that is stated. Gives how many bytes of the cache its disk takes at least before the
/// machine starts.
pub async fn preflight(root: &Path, spec: &ImageSpec) -> Result<u64, ImageError> {
    let cache = cache_dir();
    let (spec, source, _) = locate(cache.as_deref(), root, spec).await?;
    let limits = Limits { virtual_size: spec.max_virtual_size, ..Limits::default() };
    if spec.format == Format::Tar && source.is_dir() {
        return Ok(0);
    }
    if spec.format == Format::Tar || Compression::of_name(&source).is_some() {
        let file = inspect::plain_file(&source, limits.symlink).await?;
        if spec.format == Format::Tar && spec.kernel.is_none() {
            brings_a_kernel(&file).await?;
        }
        // Which of the disks there it would be only a digest tells; where there is none, it must be made.
        let nothing_made = cache.is_some_and(|cache| is_empty(&cache.join(Slot::BELOW)));
        let size = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
        return Ok(if nothing_made { size } else { 0 });
    }
    inspect::inspect(&source, spec.format, &limits).await.map(|_| 0)
}

/// An error when a tar that is not packed has neither a kernel nor an OCI layout in it. Only its headers are read; what is packed,
/// or no tar at all, is looked at when it is prepared.
async fn brings_a_kernel(path: &Path) -> Result<(), ImageError> {
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

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none())
}

/// The file of the image and, when it was pulled, its digest; the description has the paths of the kernel's files then.
async fn locate(
    cache: Option<&Path>,
    root: &Path,
    spec: &ImageSpec,
) -> Result<(ImageSpec, PathBuf, Option<String>), ImageError> {
    let mut spec = spec.clone();
    let mut pulled_sha256 = None;
    let source = match &spec.disk {
        DiskSource::Path(path) => path.clone(),
        DiskSource::Bring { path, .. } if path.symlink_metadata().is_err() => {
            return Err(ImageError::NotBrought { id: spec.id.clone(), path: path.clone() });
        }
        DiskSource::Bring { path, .. } => path.clone(),
        DiskSource::Download(download) => {
            let (path, sha256) = pull::find(cache, &spec.id, download)?;
            pulled_sha256 = Some(sha256);
            path
        }
        DiskSource::LabBuild { variant } => match lab::find(root, variant).await? {
            Some(dir) => {
                if let Some(kernel) = &mut spec.kernel {
                    kernel.image = dir.join(&kernel.image);
                    kernel.initrd = kernel.initrd.as_ref().map(|initrd| dir.join(initrd));
                }
                dir.join(lab::disk_name(spec.format))
            }
            None => return Err(ImageError::NotBuilt { variant: variant.clone() }),
        },
    };
    if let Some(kernel) = &mut spec.kernel {
        for file in [Some(&mut kernel.image), kernel.initrd.as_mut()].into_iter().flatten() {
            *file = inspect::plain_file(file, true).await?;
        }
    }
    Ok((spec, source, pulled_sha256))
}

/// [`prepare`] with a given cache. With `own`, a root file system is started by the kernel that it brings along, and must have one.
pub(super) async fn prepare_in(
    cache: Option<&Path>,
    root: &Path,
    spec: &ImageSpec,
    own: bool,
) -> Result<Prepared, ImageError> {
    prepare_with(cache, root, spec, own, None).await
}

async fn prepare_with(
    cache: Option<&Path>,
    root: &Path,
    spec: &ImageSpec,
    own: bool,
    digests: Option<&RememberedDigests>,
) -> Result<Prepared, ImageError> {
    let (mut spec, source, pulled_sha256) = locate(cache, root, spec).await?;
    let limits = Limits { virtual_size: spec.max_virtual_size, ..Limits::default() };
    let known = KnownDigests { pulled: pulled_sha256.as_deref(), remembered: digests };
    let mut notes = Vec::new();
    // Before the one that a root file system brings along is among them.
    let kernel_from = if spec.kernel.is_some() { KernelFrom::Host } else { KernelFrom::Image };
    let (source, sha256, disk) = match (spec.format, Compression::of_name(&source)) {
        (Format::Tar, _) => {
            let Root { source, sha256, disk, dropped, kernel } =
                root_file_system(cache, &source, known, spec.arch, own, &limits).await?;
            spec.kernel = spec.kernel.or(kernel);
            notes.extend(dropped.map(|line| format!("{}: {line}", source.path().display())));
            (source, sha256, disk)
        }
        (_, Some(how)) => unpacked(cache, &source, known, how, spec.format, &limits).await?,
        (_, None) => {
            // What was pulled is compared before anything reads it as a disk.
            let compared = match known.pulled {
                Some(_) => Some(noted(&inspect::plain_file(&source, limits.symlink).await?, known).await?),
                None => None,
            };
            let disk = inspect::inspect(&source, spec.format, &limits).await?;
            let (unchanged, sha256) = match compared {
                Some(noted) => noted,
                None => noted(&disk.path, known).await?,
            };
            (unchanged, sha256, disk)
        }
    };
    let facts = layout::read(&disk, spec.format, limits.deadline).await?;
    Ok(Prepared { source: source.path().to_owned(), spec, sha256, unchanged: source, disk, facts, kernel_from, notes })
}

/// What is known of a source's digest before it is read.
#[derive(Debug, Clone, Copy)]
struct KnownDigests<'a> {
    /// What it was when the file was pulled.
    pulled: Option<&'a str>,
    /// What it was when files were read in earlier runs.
    remembered: Option<&'a RememberedDigests>,
}

/// A note of the file as it is, and its digest, which is then sure to belong to it. A file that was
/// pulled must have the digest that it had when it was evaluated.
async fn noted(path: &Path, known: KnownDigests<'_>) -> Result<(Unchanged, String), ImageError> {
    let before = Unchanged::note(path, None)?;
    let begun = SystemTime::now();
    let sha256 = match known.remembered.and_then(|digests| digests.find(before.stamp())) {
        Some(sha256) => sha256,
        None => digest::sha256(path).await?,
    };
    before.verify(false).await?;
    if let Some(digests) = known.remembered {
        digests.keep(path, before.stamp(), &sha256, begun);
    }
    if let Some(expected) = known.pulled.filter(|pulled| *pulled != sha256) {
        let expected = expected.to_owned();
        return Err(ImageError::NotAsPulled { path: path.to_owned(), expected, found: sha256 });
    }
    Ok((before.with_digest(sha256.clone()), sha256))
}

async fn unpacked(
    cache: Option<&Path>,
    source: &Path,
    known: KnownDigests<'_>,
    how: Compression,
    format: Format,
    limits: &Limits,
) -> Result<(Unchanged, String, Inspected), ImageError> {
    let source = inspect::plain_file(source, limits.symlink).await?;
    let (unchanged, sha256) = noted(&source, known).await?;
    let slot = Slot::take(cache, &format!("disk-{}.{format}", &sha256[..40])).await?;
    let disk = match slot.find().await {
        Some(made) => made.path,
        None => {
            let made = temporary(&slot)?;
            // What the format adds to a disk of the largest size is little.
            let bytes = compress::Bounds::BYTES.min(limits.virtual_size.saturating_add(SPARE));
            let bounds = compress::Bounds { bytes, deadline: compress::Bounds::DEADLINE };
            let (out, made) = made.into_parts();
            compress::unpack(&source, compress::open(&source)?, how, out, bounds).await?;
            unchanged.verify(false).await?;
            // Not published when it is not fit to be booted.
            inspect::inspect(&made, format, limits).await.map_err(|error| error.about(&source))?;
            slot.publish(made, None).await?.path
        }
    };
    let disk = inspect::inspect(&disk, format, limits).await.map_err(|error| error.about(&source))?;
    Ok((unchanged, sha256, disk))
}

/// A root file system on a disk.
struct Root {
    source: Unchanged,
    sha256: String,
    disk: Inspected,
    /// What the disk does not keep, in one line.
    dropped: Option<String>,
    /// The kernel that it brings along, where that was wanted.
    kernel: Option<KernelBoot>,
}

/// With `own`, its own kernel is what boots it.
async fn root_file_system(
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
struct NotedRoot<'a> {
    source: &'a Path,
    /// The layout, where it is a directory.
    dir: Option<&'a Path>,
    pinned: PathBuf,
    unchanged: Unchanged,
    sha256: String,
}

impl<'a> NotedRoot<'a> {
    async fn of(source: &'a Path, known: KnownDigests<'_>, limits: &Limits) -> Result<Self, ImageError> {
        let (pinned, dir) = match is_directory(source) {
            true => (inspect::plain_file(&source.join("index.json"), false).await?, Some(source)),
            false => (inspect::plain_file(source, limits.symlink).await?, None),
        };
        let (unchanged, sha256) = noted(&pinned, known).await?;
        Ok(Self { source, dir, pinned, unchanged, sha256 })
    }
}

/// Nothing gets a name in the cache before the file that was read is known to be the one whose digest the name is.
async fn from_noted(
    cache: Option<&Path>,
    noted: NotedRoot<'_>,
    arch: Arch,
    own: bool,
    limits: &Limits,
) -> Result<Root, ImageError> {
    let NotedRoot { source, dir, pinned, unchanged, sha256 } = noted;
    let name = format!("rootfs-{}-{arch}-{ROOTFS_RECIPE}", &sha256[..40]);
    let slot = Slot::take(cache, &format!("{name}.raw")).await?;
    let kernel_slots = match own {
        true => Some([
            Slot::take(cache, &format!("{name}.vmlinuz")).await?,
            Slot::take(cache, &format!("{name}.initramfs")).await?,
        ]),
        false => None,
    };
    let (mut made, mut kernel) = (slot.find().await, None);
    if let Some([image, initramfs]) = &kernel_slots
        && let (Some(image), Some(initramfs)) = (image.find().await, initramfs.find().await)
    {
        kernel = Some([image.path, initramfs.path]);
    }
    if made.is_none() || (own && kernel.is_none()) {
        let (tree, archives) = match dir {
            Some(dir) => layered(Layout::Dir(dir.to_owned()), arch, &slot, source).await?,
            None => read(&pinned, arch, &slot).await?,
        };
        // Before the disk, which takes longer: one that cannot be started is not made.
        let new_kernel = match (&kernel_slots, &kernel) {
            (Some(slots), None) => Some((slots, own_kernel(&tree, &archives, slots, source)?)),
            _ => None,
        };
        let mut new_disk = None;
        if made.is_none() {
            let size = rootfs::ext4::size(&tree);
            if size > limits.virtual_size {
                return Err(ImageError::TooLarge { path: pinned, size, limit: limits.virtual_size });
            }
            let disk = temporary(&slot)?.into_temp_path();
            let dropped = rootfs::ext4::write(tree, archives, &disk, slot.dir(), &sha256[..32], source).await?;
            new_disk = Some((disk, dropped));
        }
        unchanged.verify(false).await?;
        if let Some((slots, new)) = new_kernel {
            kernel = Some(publish_kernel(slots, new).await?);
        }
        if let Some((disk, dropped)) = new_disk {
            made = Some(slot.publish(disk, dropped).await?);
        }
    }
    let Some(Made { path: disk, dropped }) = made else {
        return Err(ImageError::Archive { path: source.to_owned(), reason: ArchiveError::Empty });
    };
    let disk = inspect::inspect(&disk, Format::Raw, limits).await.map_err(|error| error.about(source))?;
    let kernel = kernel.map(|[image, initramfs]| KernelBoot {
        image,
        initrd: Some(initramfs),
        cmdline: format!("root=LABEL=rootfs rw console=tty0 console={}", console(arch)),
    });
    Ok(Root { source: unchanged, sha256, disk, dropped, kernel })
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
        let made = temporary(slot)?.into_temp_path();
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

/// What one tar, packed or not, holds: a root file system, or the OCI layout of one.
async fn read(path: &Path, arch: Arch, slot: &Slot) -> Result<(Tree, Vec<File>), ImageError> {
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
        return Ok((tree, vec![plain]));
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

async fn layered(layout: Layout, arch: Arch, slot: &Slot, path: &Path) -> Result<(Tree, Vec<File>), ImageError> {
    let bounds = rootfs::Bounds::default();
    let scratch = slot.dir().to_owned();
    let layers = blocking(path, move || layout.layers(arch, bounds.layers, bounds.bytes, &scratch)).await?;
    let mut tree = Tree::new(bounds);
    let mut archives = Vec::new();
    for (number, layer) in layers.into_iter().enumerate() {
        let (grown, layer) = grow(tree, plain(path, layer, slot).await?, number, true, path).await?;
        tree = grown;
        archives.push(layer);
    }
    Ok((tree, archives))
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

fn temporary(slot: &Slot) -> Result<tempfile::NamedTempFile, ImageError> {
    tempfile::Builder::new()
        .prefix(".partial-")
        .tempfile_in(slot.dir())
        .map_err(|source| ImageError::Cache { path: slot.dir().to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::fault::Fault as _;
    use std::process::Command;

    fn run(program: &str, arguments: &[&str]) {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    async fn ready(dir: &Path, file: &str, format: Format) -> Result<Prepared, ImageError> {
        let spec = ImageSpec::new("x", DiskSource::Path(dir.join(file)), format);
        prepare_in(Some(&dir.join("cache")), dir, &spec, false).await
    }

    async fn id(dir: &Path, file: &str, format: Format) -> String {
        match ready(dir, file, format).await {
            Ok(_) => "fine".to_owned(),
            Err(error) => error.failure_id().unwrap().as_str().to_owned(),
        }
    }

    fn made(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir.join("cache/images/made")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_packed_disk_is_unpacked_once_and_looked_at_as_any_other() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        run("qemu-img", &["create", "-q", "-f", "qcow2", &at("a.qcow2"), "8M"]);
        run("zstd", &["-q", &at("a.qcow2")]);
        let first = ready(dir.path(), "a.qcow2.zst", Format::Qcow2).await.unwrap();
        assert_eq!(first.source, dir.path().join("a.qcow2.zst"));
        assert_eq!(first.sha256, digest::sha256(&first.source).await.unwrap());
        assert_eq!((first.disk.format, first.disk.virtual_size), (Format::Qcow2, 8 << 20));
        assert_eq!(std::fs::read(&first.disk.path).unwrap(), std::fs::read(at("a.qcow2")).unwrap());
        let names = made(dir.path());
        assert_eq!(names.len(), 3, "{names:?}");
        // The second time it is found; damaged, it is made again.
        let time = || std::fs::metadata(&first.disk.path).unwrap().modified().unwrap();
        let before = time();
        assert_eq!(ready(dir.path(), "a.qcow2.zst", Format::Qcow2).await.unwrap().disk, first.disk);
        assert_eq!(time(), before);
        std::fs::remove_file(&first.disk.path).unwrap();
        std::fs::write(&first.disk.path, "rubbish").unwrap();
        assert_eq!(ready(dir.path(), "a.qcow2.zst", Format::Qcow2).await.unwrap().disk, first.disk);
        assert_eq!(std::fs::read(&first.disk.path).unwrap(), std::fs::read(at("a.qcow2")).unwrap());
        assert_eq!(made(dir.path()), names);

        // What is hostile in it is reported of the file that was named, and stays nowhere.
        assert_eq!(id(dir.path(), "a.qcow2.zst", Format::Raw).await, "image.format");
        run("qemu-img", &["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", &at("a.qcow2"), &at("b.qcow2")]);
        run("xz", &[&at("b.qcow2")]);
        let error = ready(dir.path(), "b.qcow2.xz", Format::Qcow2).await.unwrap_err();
        assert_eq!(error.failure_id().unwrap().as_str(), "image.backing-file");
        assert!(error.to_string().starts_with(&at("b.qcow2.xz")), "{error}");
        std::fs::write(at("c.raw.gz"), "not packed at all").unwrap();
        assert_eq!(id(dir.path(), "c.raw.gz", Format::Raw).await, "image.compressed");
        std::os::unix::fs::symlink(at("a.qcow2.zst"), at("d.qcow2.zst")).unwrap();
        assert_eq!(id(dir.path(), "d.qcow2.zst", Format::Qcow2).await, "image.refused");
        assert_eq!(id(dir.path(), "none.raw.gz", Format::Raw).await, "image.missing");
        let partial = made(dir.path()).into_iter().filter(|name| name.starts_with(".partial")).count();
        assert_eq!(partial, 0);
    }

    #[tokio::test]
    async fn two_runs_at_once_make_one_disk() {
        let dir = tempfile::tempdir().unwrap();
        let raw = dir.path().join("a.raw");
        std::fs::write(&raw, vec![5; 1 << 20]).unwrap();
        run("gzip", &["-k", &raw.display().to_string()]);
        let (first, second) =
            tokio::join!(ready(dir.path(), "a.raw.gz", Format::Raw), ready(dir.path(), "a.raw.gz", Format::Raw));
        assert_eq!(first.unwrap().disk, second.unwrap().disk);
        assert_eq!(made(dir.path()).len(), 3);
    }

    /// What debugfs says of a path in a made disk.
    fn stat(disk: &Path, path: &str) -> String {
        let output = Command::new("debugfs").args(["-R", &format!("stat \"{path}\"")]).arg(disk).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn cat(disk: &Path, path: &str) -> String {
        let output = Command::new("debugfs").args(["-R", &format!("cat \"{path}\"")]).arg(disk).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[tokio::test]
    async fn a_root_file_system_keeps_owners_modes_links_devices_and_odd_names() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("usr/bin")).unwrap();
        std::fs::create_dir_all(root.join("lost+found")).unwrap();
        std::fs::write(root.join("usr/bin/su"), "program").unwrap();
        std::fs::hard_link(root.join("usr/bin/su"), root.join("usr/bin/sudo")).unwrap();
        std::fs::write(root.join("<12>"), "odd").unwrap();
        std::fs::write(root.join("a \"b\" c"), "quoted").unwrap();
        std::os::unix::fs::symlink("/etc/../usr/bin", root.join("bin")).unwrap();
        let tar = dir.path().join("root.tar");
        let (tar, at) = (tar.display().to_string(), root.display().to_string());
        run(
            "tar",
            &[
                "--format=pax",
                "--owner=70000",
                "--group=7",
                "--mode=u+s",
                "--mtime=@1700000000",
                "-C",
                &at,
                "-cf",
                &tar,
                ".",
            ],
        );
        run("zstd", &["-q", &tar]);

        let ready = ready(dir.path(), "root.tar.zst", Format::Tar).await.unwrap();
        let disk = &ready.disk.path;
        assert_eq!(ready.disk.format, Format::Raw);
        let su = stat(disk, "/usr/bin/su");
        assert!(su.contains("Type: regular Mode: 04"), "{su}");
        assert!(su.contains("User: 70000 Group: 7"), "{su}");
        assert!(su.contains("Links: 2"), "{su}");
        assert!(su.contains("mtime: 0x6553f100"), "{su}");
        assert_eq!(cat(disk, "/usr/bin/sudo"), "program");
        assert_eq!(cat(disk, "/./<12>"), "odd");
        assert_eq!(cat(disk, "/a \"\"b\"\" c"), "quoted");
        assert!(stat(disk, "/bin").contains("Fast link dest: \"/etc/../usr/bin\""));
        // Nothing but the disk, its note and its lock is left.
        assert_eq!(made(dir.path()).len(), 3);
        assert_eq!(id(dir.path(), "root.tar", Format::Raw).await, "image.format");
        assert_eq!(id(dir.path(), "root", Format::Tar).await, "image.missing");
    }

    #[tokio::test]
    async fn a_file_that_is_replaced_after_its_digest_was_taken_leaves_no_kernel() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, tar) = (dir.path().join("cache"), dir.path().join("root.tar"));
        let archive = |kernel: &str| {
            let dirs = ["usr/", "usr/lib/", "usr/lib/modules/", "usr/lib/modules/6/"];
            let mut members: Vec<_> = dirs.into_iter().map(rootfs::testing::dir).collect();
            members.push(rootfs::testing::file("usr/lib/modules/6/vmlinuz", kernel));
            members.push(rootfs::testing::file("usr/lib/modules/6/initramfs.img", "initramfs"));
            rootfs::testing::bytes(&members)
        };
        let replace = |kernel: &str| {
            std::fs::write(dir.path().join("new"), archive(kernel)).unwrap();
            std::fs::rename(dir.path().join("new"), &tar).unwrap();
        };
        let (known, limits) = (KnownDigests { pulled: None, remembered: None }, Limits::default());
        let note = || NotedRoot::of(&tar, known, &limits);
        let make = |noted, own| from_noted(Some(&cache), noted, Arch::X86_64, own, &limits);
        // Without a disk in the cache, and with one, whose making was verified by itself.
        for has_disk in [false, true] {
            replace("kernel A");
            if has_disk {
                make(note().await.unwrap(), false).await.unwrap();
            }
            let noted = note().await.unwrap();
            replace("kernel B");
            let error = make(noted, true).await.map(|root| root.sha256).unwrap_err();
            assert_eq!(error.failure_id().unwrap().as_str(), "image.changed", "{error}");
            let names = made(dir.path());
            let kernels = names.iter().filter(|name| !name.ends_with(".lock") && !name.contains(".raw")).count();
            assert_eq!(kernels, 0, "{names:?}");
        }
        replace("kernel A");
        let root = make(note().await.unwrap(), true).await.unwrap();
        assert_eq!(std::fs::read(root.kernel.unwrap().image).unwrap(), b"kernel A");

        // Whose kernel it is depends on what is given, and not on what lies in the archive.
        let mut spec = ImageSpec::new("x", DiskSource::Path(tar.clone()), Format::Tar);
        let ready = prepare_in(Some(&cache), dir.path(), &spec, true).await.unwrap();
        assert_eq!((ready.kernel_from, ready.spec.kernel.is_some()), (KernelFrom::Image, true));
        let image = dir.path().join("vmlinuz");
        std::fs::write(&image, "another").unwrap();
        spec.kernel = Some(KernelBoot { image: image.clone(), initrd: None, cmdline: String::new() });
        let ready = prepare_in(Some(&cache), dir.path(), &spec, false).await.unwrap();
        assert_eq!((ready.kernel_from, ready.spec.kernel.map(|kernel| kernel.image)), (KernelFrom::Host, Some(image)));
    }

    #[tokio::test]
    async fn what_is_stated_to_be_a_tar_and_is_none_is_refused_by_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        run("qemu-img", &["create", "-q", "-f", "qcow2", &at("disk").display().to_string(), "8M"]);
        run("gzip", &["-k", &at("disk").display().to_string()]);
        std::fs::write(at("page"), "<html>").unwrap();
        std::fs::write(at("noise"), [7; 4096]).unwrap();
        std::fs::write(at("zeros"), [0; 10240]).unwrap();
        std::fs::write(at("empty"), "").unwrap();
        for (name, why) in [
            ("disk", "was stated to be tar but is qcow2"),
            ("disk.gz", "was stated to be tar but is qcow2"),
            ("page", "is a page of a web server"),
            ("noise", "it is no tar: no tar header"),
            ("zeros", "there is nothing in it"),
            ("empty", "it is cut: it ends at byte 0"),
        ] {
            let error = ready(dir.path(), name, Format::Tar).await.unwrap_err().to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
    }

    #[tokio::test]
    async fn a_disk_is_looked_into_without_a_cache_and_beyond_what_a_run_starts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vast.qcow2");
        run("qemu-img", &["create", "-q", "-f", "qcow2", &path.display().to_string(), "3T"]);
        let mut spec = ImageSpec::new("x", DiskSource::Path(path), Format::Qcow2);
        assert_eq!(facts(dir.path(), &spec).await.unwrap_err().failure_id().unwrap().as_str(), "image.size");
        spec.max_virtual_size = ImageSpec::MAX_LOOKED_INTO;
        assert_eq!(facts(dir.path(), &spec).await.unwrap().virtual_size, 3 << 40);
    }

    /// What mmdebstrap packs of /var/log/journal: an ACL as the kernel has it, in a record of a pax header.
    const JOURNAL_ACL: &[u8] =
        b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x04\0\x05\0\xff\xff\xff\xff\x08\0\x05\0\x04\0\0\0\
        \x10\0\x05\0\xff\xff\xff\xff\x20\0\x05\0\xff\xff\xff\xff";
    /// CAP_NET_RAW, as ping has it.
    const CAPABILITY: &[u8] = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

    #[tokio::test]
    async fn attributes_that_ext4_has_are_kept_and_the_others_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut members = vec![rootfs::testing::dir("./var/"), rootfs::testing::dir("./var/log/")];
        let records = [
            (&b"SCHILY.xattr.system.posix_acl_access"[..], JOURNAL_ACL),
            (b"SCHILY.acl.default", b"user::rwx,group::r-x,group:adm:r-x:4,mask::r-x,other::r-x"),
            (b"SCHILY.xattr.system.nfs4_acl", b"x"),
        ];
        members.extend(records.map(|(key, value)| rootfs::testing::pax(key, value)));
        members.push(rootfs::testing::dir("./var/log/journal/"));
        let records = [
            (&b"SCHILY.xattr.security.capability"[..], CAPABILITY),
            (b"SCHILY.xattr.user.xdg:origin", b"a \"word\""),
            (b"RHT.security.selinux", b"system_u:object_r:ping_exec_t:s0"),
        ];
        members.extend(records.map(|(key, value)| rootfs::testing::pax(key, value)));
        members.push(rootfs::testing::file("ping", "program"));
        std::fs::write(dir.path().join("root.tar"), rootfs::testing::bytes(&members)).unwrap();

        // The second time the disk is found, and what it lacks is still said.
        for _ in 0..2 {
            let ready = ready(dir.path(), "root.tar", Format::Tar).await.unwrap();
            let [note] = &ready.notes[..] else { panic!("{:?}", ready.notes) };
            assert!(
                note.ends_with(
                    "root.tar: extended attributes that the disk does not keep: `system.nfs4_acl` of `/var/log/journal`"
                ),
                "{note}"
            );
            let get = |path: &str, name: &str| {
                let request = format!("ea_get -x \"{path}\" {name}");
                let output = Command::new("debugfs").args(["-R", &request]).arg(&ready.disk.path).output().unwrap();
                let text = String::from_utf8(output.stdout).unwrap();
                text.split_once(" = ").map(|(_, hex)| hex.split_whitespace().collect::<String>())
            };
            // libext2fs gives the kernel's form back only when it finds ext4's own; ids of those without one are zero then.
            let acl = muster_base::text::hex(JOURNAL_ACL).replace("ffffffff", "00000000");
            assert_eq!(get("/var/log/journal", "system.posix_acl_access"), Some(acl.clone()));
            assert_eq!(get("/var/log/journal", "system.posix_acl_default"), Some(acl));
            assert_eq!(get("/ping", "security.capability"), Some(muster_base::text::hex(CAPABILITY)));
            assert_eq!(get("/ping", "user.xdg:origin"), Some(muster_base::text::hex("a \"word\"")));
            assert_eq!(
                get("/ping", "security.selinux"),
                Some(muster_base::text::hex("system_u:object_r:ping_exec_t:s0"))
            );
        }
    }

    fn digest_of(path: &Path) -> String {
        use sha2::{Digest, Sha256};
        Sha256::digest(std::fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Puts bytes into the layout under their digest, and gives the digest.
    fn blob(layout: &Path, bytes: &[u8]) -> String {
        std::fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
        let path = layout.join("blobs/sha256/new");
        std::fs::write(&path, bytes).unwrap();
        let hex = digest_of(&path);
        std::fs::rename(&path, layout.join("blobs/sha256").join(&hex)).unwrap();
        format!("sha256:{hex}")
    }

    #[tokio::test]
    async fn layers_lie_over_each_other_in_a_directory_and_in_an_archive() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let layer = |name: &str, files: &[(&str, &str)]| {
            let root = dir.path().join(name);
            for (path, text) in files {
                std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
                std::fs::write(root.join(path), text).unwrap();
            }
            run("tar", &["-C", &at(name), "-czf", &at(&format!("{name}.tgz")), "."]);
            std::fs::read(at(&format!("{name}.tgz"))).unwrap()
        };
        let layout = dir.path().join("layout");
        let low = blob(&layout, &layer("low", &[("etc/a", "1"), ("etc/b", "1"), ("opt/x/y", "1")]));
        let high = blob(&layout, &layer("high", &[("etc/b", "2"), ("etc/.wh.a", ""), ("opt/x/.wh..wh..opq", "")]));
        let manifest = format!(r#"{{"layers": [{{"digest": "{low}"}}, {{"digest": "{high}"}}]}}"#);
        let manifest = blob(&layout, manifest.as_bytes());
        let index = |digest: &str| {
            let index = format!(
                r#"{{"manifests": [{{"digest": "{digest}", "platform": {{"architecture": "amd64", "os": "linux"}}}},
                    {{"digest": "{low}", "platform": {{"architecture": "unknown", "os": "unknown"}}}}]}}"#
            );
            std::fs::write(layout.join("index.json"), index).unwrap();
        };
        index(&manifest);
        std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).unwrap();
        run("tar", &["-C", &at("layout"), "-cf", &at("image.tar"), "."]);
        for source in ["layout", "image.tar"] {
            let ready = ready(dir.path(), source, Format::Tar).await.unwrap();
            let disk = &ready.disk.path;
            assert_eq!(source_sha256(dir.path(), &ready.spec).await.unwrap(), ready.sha256, "{source}");
            assert_eq!((cat(disk, "/etc/b").as_str(), cat(disk, "/etc/a").as_str()), ("2", ""), "{source}");
            assert!(stat(disk, "/opt/x").contains("Type: directory"), "{source}");
            assert_eq!(cat(disk, "/opt/x/y"), "");
        }
        // A blob that is not what its name says, and a name that leads elsewhere.
        std::fs::write(layout.join("blobs").join(high.replace(':', "/")), "other").unwrap();
        index(&format!("sha256:{}", manifest[7..].to_uppercase()));
        assert_eq!(id(dir.path(), "layout", Format::Tar).await, "image.archive");
        index("sha256:../../../../etc/passwd");
        assert_eq!(id(dir.path(), "layout", Format::Tar).await, "image.archive");
        index(&manifest);
        std::fs::remove_dir_all(dir.path().join("cache")).unwrap();
        assert_eq!(id(dir.path(), "layout", Format::Tar).await, "image.archive");
    }
}
