//! From a description to a disk that a machine can be started from: find the source, unpack it or
//! make its tar into a disk where that is needed, look into the result. Everything that is made lies in
//! the cache under the source's digest; the source is only read.

mod noted;
pub(super) mod root_disk;
mod root_tree;

use std::path::{Path, PathBuf};

use super::cache::Slot;
use super::compress;
use super::compression::Compression;
use super::dirs::cache_dir;
use super::inspect::{self, Inspected, Limits};
use super::remembered::RememberedDigests;
use super::{DiskSource, ImageError, ImageSpec, Unchanged, lab, layout, pull};
use muster_base::machine::{Format, KernelFrom};
use muster_record::deciding::{self, DecidingFile};
use muster_record::disk::DiskFacts;
use noted::{KnownDigests, noted};
use root_disk::{Root, brings_a_kernel, root_file_system};

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

impl Prepared {
    /// What is loaded in place of a boot loader and is none of the image, read now.
    ///
    /// # Errors
    /// One of the files cannot be read.
    pub async fn loaded(&self) -> Result<Vec<DecidingFile>, ImageError> {
        match self.kernel_from {
            KernelFrom::Host => read_loaded(&self.spec).await,
            KernelFrom::Image => Ok(Vec::new()),
        }
    }
}

/// What [`Prepared::loaded`] gives, of an image that is only found and not made ready.
///
/// # Errors
/// The image is not there, or one of the files cannot be read.
pub async fn loaded(root: &Path, spec: &ImageSpec) -> Result<Vec<DecidingFile>, ImageError> {
    // A kernel that is described is none of the image: one that a root file system brings is not looked for here.
    if spec.kernel.is_none() {
        return Ok(Vec::new());
    }
    let (spec, ..) = locate(cache_dir().as_deref(), root, spec).await?;
    read_loaded(&spec).await
}

/// The kernel of a description and its initial RAM disk.
async fn read_loaded(spec: &ImageSpec) -> Result<Vec<DecidingFile>, ImageError> {
    let mut out = Vec::new();
    if let Some(kernel) = &spec.kernel {
        for (role, file) in [(deciding::KERNEL, Some(&kernel.image)), (deciding::INITRD, kernel.initrd.as_ref())] {
            let Some(file) = file else { continue };
            let sha256 = crate::sha256(file).await?;
            out.push(DecidingFile { role: role.to_owned(), sha256, file: file.display().to_string() });
        }
    }
    Ok(out)
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
    let limits = Limits::default();
    let file = match spec.format {
        Format::Tar => root_disk::pinned(&source, &limits).await?.0,
        _ => inspect::plain_file(&source, limits.symlink).await?,
    };
    let known = KnownDigests { pulled: pulled.as_deref(), remembered: None };
    Ok(noted(&file, known).await?.1)
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
        let initrd = kernel.initrd.as_mut().map(|file| ("initial RAM disk", "initrd", file));
        for (what, option, file) in [("kernel", "kernel", &mut kernel.image)].into_iter().chain(initrd) {
            *file = match inspect::plain_file(file, true).await {
                Err(ImageError::Missing { path }) => return Err(ImageError::BootFileMissing { what, option, path }),
                found => found?,
            };
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
    let (mut notes, mut root) = (Vec::new(), None);
    // Before the one that a root file system brings along is among them.
    let kernel_from = if spec.kernel.is_some() { KernelFrom::Host } else { KernelFrom::Image };
    let (source, sha256, disk) = match (spec.format, Compression::of_name(&source)) {
        (Format::Tar, _) => {
            let Root { source, sha256, disk, dropped, kernel, tree } =
                root_file_system(cache, &source, known, spec.arch, own, &limits).await?;
            spec.kernel = spec.kernel.or(kernel);
            root = Some(tree);
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
    let facts = DiskFacts { root, ..layout::read(&disk, spec.format, limits.deadline).await? };
    Ok(Prepared { source: source.path().to_owned(), spec, sha256, unchanged: source, disk, facts, kernel_from, notes })
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
            let made = slot.temporary()?;
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

#[cfg(test)]
mod tests;
