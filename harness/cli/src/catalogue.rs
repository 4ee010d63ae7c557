//! The catalogue: what `images/*.yaml` describe, as the image crate wants it.

use camino::{Utf8Component, Utf8PathBuf};

use super::error::CliError;
use super::project::{Project, short};
use super::{load, names};
use muster_image::{DiskSource, Download, ImageSpec, KernelBoot};
use muster_suite::diagnostic::did_you_mean;
use muster_suite::images as described;
use muster_suite::images::{Disk, ImageEntry};

/// What `images/*.yaml` describe.
pub(crate) struct Catalogue {
    specs: Vec<ImageSpec>,
    entries: Vec<ImageEntry>,
}

impl Catalogue {
    /// Reads all descriptions of the checkout; all errors at once.
    pub(crate) fn load(project: &Project) -> Result<Self, CliError> {
        let entries = load::valid(muster_suite::images::load(&project.images(), &load::vocabulary()))?;
        let specs = entries.iter().cloned().map(|entry| spec(project, entry)).collect();
        Ok(Self { specs, entries })
    }

    /// Every image with all that is written of it, in the order of the files.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&ImageSpec, &ImageEntry)> {
        self.specs.iter().zip(&self.entries)
    }

    /// Those that nobody has booted.
    pub(crate) fn never_booted(&self) -> impl Iterator<Item = &str> {
        self.all().filter(|(_, entry)| entry.never_booted.is_some()).map(|(spec, _)| spec.id.as_str())
    }

    /// The image of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&ImageSpec> {
        self.specs.iter().find(|spec| spec.id == name)
    }

    /// All that is written of the image of that name.
    pub(crate) fn entry(&self, name: &str) -> Option<&ImageEntry> {
        self.entries.iter().find(|entry| entry.id == name)
    }

    /// The name that was most likely meant by one that is not here.
    pub(crate) fn near(&self, name: &str) -> Option<&str> {
        did_you_mean(name, self.specs.iter().map(|spec| spec.id.as_str()))
    }

    /// The complaint about a name that is not here.
    pub(crate) fn unknown(&self, name: &str) -> CliError {
        let names = self.specs.iter().map(|spec| spec.id.as_str());
        names::unknown("image, and no file,", name, names, "muster images list")
    }
}

fn fetched(download: described::Download) -> Download {
    let described::Download { url, max_size, checksum, signature } = download;
    Download { url, max_size: max_size.unwrap_or(Download::MAX_SIZE), checksum, signature }
}

/// A path that goes up from the directory of its description, without the way up: `my.qcow2`, and not `images/../my.qcow2`.
fn above(path: Utf8PathBuf) -> Utf8PathBuf {
    let goes_up = path.components().any(|part| part == Utf8Component::ParentDir);
    let (true, Some(name)) = (goes_up, path.file_name()) else { return path };
    // What is a link is followed, as whoever opens the file does.
    let parent = path.parent().and_then(|parent| parent.canonicalize_utf8().ok());
    parent.map_or_else(|| path.clone(), |parent| short(&parent.join(name)))
}

/// A decoded entry as `image` wants it.
fn spec(project: &Project, entry: ImageEntry) -> ImageSpec {
    let disk = match entry.disk {
        Disk::Path(path) => DiskSource::Path(above(path).into_std_path_buf()),
        Disk::Lab(variant) => DiskSource::LabBuild { variant },
        Disk::Download(download) => DiskSource::Download(fetched(*download)),
        Disk::Bring { path, steps } => DiskSource::Bring { path: project.brought(&path).into_std_path_buf(), steps },
    };
    let mut spec = ImageSpec::new(entry.id, disk, entry.format);
    spec.summary = entry.summary;
    spec.arch = entry.arch;
    spec.kernel = entry.kernel.map(|kernel| KernelBoot {
        image: project.brought(&kernel.image).into_std_path_buf(),
        initrd: kernel.initrd.map(|initrd| project.brought(&initrd).into_std_path_buf()),
        cmdline: kernel.cmdline,
    });
    spec.tpm = entry.tpm;
    spec.extra_disks = entry.extra_disks;
    spec.nics = entry.nics;
    spec.firmware = entry.firmware;
    spec.seed = entry.seed;
    spec.bus = entry.bus;
    spec.user = entry.user;
    spec.memory_mib = u32::try_from(entry.memory >> 20).unwrap_or(u32::MAX);
    spec.cpus = entry.cpus;
    spec.boot_timeout = entry.boot_timeout;
    spec.facts = entry.facts.into_iter().map(|(name, values)| (name, values.join(", "))).collect();
    spec
}

/// What is to be said before a run of an image that nobody has booted with its description.
pub(crate) fn caution(entry: &ImageEntry) -> Option<String> {
    let because = entry.never_booted.as_ref()?;
    Some(format!(
        "{} was never booted with its description ({because}); when it does not boot, doubt the description first",
        entry.id
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_and_images_have_the_same_bounds() {
        assert_eq!(muster_suite::images::MAX_DEVICES, ImageSpec::MAX_DEVICES as usize);
    }
}
