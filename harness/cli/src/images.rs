//! `muster images`: the catalogue, and the images that can be built here.

use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};

use super::project::Project;
use super::{CliError, OutputFormat, load, names, say, say_error};
use muster_base::exit::Exit;
use muster_base::machine::{Arch, Format};
use muster_image::{Checksum, DiskSource, Download, ImageSpec, KernelBoot, Signature};
use muster_suite::diagnostic::did_you_mean;
use muster_suite::images as described;
use muster_suite::images::{Disk, ImageEntry};

/// List, pull, verify, build, inspect and prune images
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster images build lab")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the catalogue
    List {
        /// How it is printed
        #[arg(long, value_enum, default_value_t)]
        format: OutputFormat,
    },
    /// Show all that the catalogue says of an image, and how to make one that is not published
    Show {
        /// Its name in the catalogue
        image: String,
    },
    /// Fetch vendor images into the cache, and verify them before anything uses them
    Pull(super::pull::Pull),
    /// Verify pulled images again: their bytes, and their signatures where a key is named
    Verify(super::pull::Verify),
    /// Build a lab image, unless it has been built from the same recipe before
    Build {
        /// `lab` or `lab-tiny`
        variant: String,
    },
    /// Look into an image file the way a run does before it starts it. What is packed is unpacked into
    /// the cache, and a root file system made into a disk there
    Inspect {
        /// The file
        file: Utf8PathBuf,
        /// Its format [default: by its own magic bytes; of a packed file by its name]
        #[arg(long, aliases = super::session::EARLIER_NAMES, value_name = "FORMAT")]
        image_format: Option<Format>,
        /// The processor it is made for; decides between the images of an OCI layout
        #[arg(long, default_value_t = Arch::X86_64)]
        arch: Arch,
    },
    /// Run the disk image tests of the suites on image files, without starting anything
    Check(super::image_check::Arguments),
    /// Remove what the cache can do without, never what is in use
    Prune(super::prune::Arguments),
}

/// What `images/*.yaml` describe.
pub(crate) struct Catalogue {
    specs: Vec<ImageSpec>,
    entries: Vec<ImageEntry>,
}

impl Catalogue {
    /// Reads all descriptions of the checkout; all errors at once.
    pub(crate) fn load(project: &Project) -> Result<Self, CliError> {
        let (entries, diagnostics) = muster_suite::images::load(&project.images());
        if !diagnostics.is_empty() {
            load::tell(&diagnostics);
            return Err(CliError::told(Exit::Invalid));
        }
        let specs = entries.iter().cloned().map(spec).collect();
        Ok(Self { specs, entries })
    }

    /// Every image with all that is written of it, in the order of the files.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&ImageSpec, &ImageEntry)> {
        self.specs.iter().zip(&self.entries)
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
    let signature = match signature {
        None => None,
        Some(described::Signature { kind, url, key, key_from }) => {
            let key = key.map(Utf8PathBuf::into_std_path_buf);
            Some(Signature { kind, url, key, key_from })
        }
    };
    let checksum = Checksum { kind: checksum.kind, value: checksum.value, url: checksum.url };
    Download { url, max_size: max_size.unwrap_or(Download::MAX_SIZE), checksum, signature }
}

/// A decoded entry as `image` wants it.
fn spec(entry: ImageEntry) -> ImageSpec {
    let disk = match entry.disk {
        Disk::Path(path) => DiskSource::Path(path.into_std_path_buf()),
        Disk::Lab(variant) => DiskSource::LabBuild { variant },
        Disk::Download(download) => DiskSource::Download(fetched(*download)),
        Disk::Bring { path, steps } => DiskSource::Bring { path: path.into_std_path_buf(), steps },
    };
    let mut spec = ImageSpec::new(entry.id, disk, entry.format);
    spec.summary = entry.summary;
    spec.arch = entry.arch;
    spec.kernel = entry.kernel.map(|kernel| KernelBoot {
        image: kernel.image.into_std_path_buf(),
        initrd: kernel.initrd.map(Utf8PathBuf::into_std_path_buf),
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

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    match arguments.command {
        Command::List { format } => super::catalogue::list(format),
        Command::Show { image } => super::catalogue::show(&image),
        Command::Pull(arguments) => super::pull::pull(&arguments),
        Command::Verify(arguments) => super::pull::verify(&arguments),
        Command::Build { variant } => build(&variant),
        Command::Check(arguments) => super::image_check::execute(&arguments),
        Command::Inspect { file, image_format, arch } => inspect(&file, image_format, arch),
        Command::Prune(arguments) => super::prune::execute(&arguments),
    }
}

/// An event loop for one question.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| CliError::infrastructure(format!("no event loop: {cause}")))
}

fn build(variant: &str) -> Result<Exit, CliError> {
    let project = Project::find()?;
    let variants = muster_image::lab::variants(project.root().as_std_path());
    if !variants.iter().any(|known| known == variant) {
        return Err(names::unknown("lab image", variant, variants.iter().map(String::as_str), ""));
    }
    let built = runtime()?.block_on(muster_image::lab::build(project.root().as_std_path(), variant, |line| {
        say_error(&muster_base::text::escape(line));
    }));
    let dir: PathBuf = built.map_err(|error| CliError::infrastructure(error.to_string()))?;
    say(&dir.display().to_string());
    Ok(Exit::Pass)
}

/// The file as an image that is only looked into; its format is guessed where none is stated.
async fn looked_into(
    file: &Utf8Path,
    format: Option<Format>,
    arch: Arch,
) -> Result<ImageSpec, muster_image::ImageError> {
    let format = match format {
        Some(format) => format,
        None => muster_image::inspect::guess(file.as_std_path()).await?.0,
    };
    let spec = ImageSpec::from_file(file.as_std_path(), format);
    Ok(ImageSpec { arch, max_virtual_size: ImageSpec::MAX_LOOKED_INTO, ..spec })
}

/// Why an image cannot be used: what was typed, or what this host lacks.
pub(crate) fn refused(error: muster_image::ImageError) -> CliError {
    use muster_image::ImageError::{Cache, LabBuild, ToolMissing};
    let id = error.failure_id();
    CliError {
        what: error.to_string(),
        hint: Some(format!("`muster failures {id}` explains it")),
        exit: match error {
            ToolMissing { .. } | Cache { .. } | LabBuild { .. } => Exit::Error,
            _ => Exit::Invalid,
        },
    }
}

/// What a file says of itself, read as a run reads it before it starts it.
pub(crate) fn facts(file: &Utf8Path, format: Option<Format>) -> Result<muster_record::disk::DiskFacts, CliError> {
    runtime()?
        .block_on(async {
            let spec = looked_into(file, format, Arch::X86_64).await?;
            muster_image::facts(std::path::Path::new("."), &spec).await
        })
        .map_err(refused)
}

fn inspect(file: &Utf8Path, format: Option<Format>, arch: Arch) -> Result<Exit, CliError> {
    let ready = runtime()?.block_on(async {
        let spec = looked_into(file, format, arch).await?;
        muster_image::prepare(std::path::Path::new("."), &spec).await
    });
    let ready = ready.map_err(refused)?;
    let mut rows = vec![vec!["path".to_owned(), ready.source.display().to_string()]];
    rows.push(vec!["sha256".to_owned(), ready.sha256]);
    rows.push(vec!["format".to_owned(), ready.spec.format.to_string()]);
    if ready.disk.path != ready.source {
        rows.push(vec!["made disk".to_owned(), ready.disk.path.display().to_string()]);
    }
    rows.push(vec!["virtual size".to_owned(), size(ready.disk.virtual_size)]);
    rows.push(vec!["file size".to_owned(), size(ready.disk.actual_size)]);
    rows.extend(described_disk(&ready.facts));
    rows.extend(remarks(file, &ready.facts).into_iter().map(|remark| vec!["note".to_owned(), remark]));
    rows.extend(ready.notes.iter().map(|note| vec!["note".to_owned(), muster_base::text::escape(note)]));
    say(muster_report::list::columns(&[], &rows).trim_end());
    Ok(Exit::Pass)
}

/// A size in MiB and in bytes: Azure counts the one, everything else the other.
pub(crate) fn size(bytes: u64) -> String {
    let rest = match bytes % MIB {
        0 => String::new(),
        rest => format!(" and {rest} bytes"),
    };
    format!("{} MiB{rest} ({bytes} bytes)", bytes / MIB)
}

const MIB: u64 = 1 << 20;

/// What a person should know of a disk beyond its sizes and partitions, and what to do about it.
pub(crate) fn remarks(file: &Utf8Path, disk: &muster_record::disk::DiskFacts) -> Vec<String> {
    let table = disk.table.as_ref();
    let damage = table.and_then(|table| table.damage.as_ref()).map(ToString::to_string);
    damage.into_iter().chain(whole(file, disk)).collect()
}

/// How the disk becomes a whole number of MiB, when it is not: Azure takes no other.
fn whole(file: &Utf8Path, disk: &muster_record::disk::DiskFacts) -> Option<String> {
    if disk.virtual_size.is_multiple_of(MIB) || disk.format == Format::Tar.name() {
        return None;
    }
    let mib = disk.virtual_size.div_ceil(MIB);
    let resize = |format: &str, file: &Utf8Path| format!("`qemu-img resize -f {format} {file} {mib}M`");
    let how = match disk.format.parse() {
        Ok(format @ (Format::Raw | Format::Qcow2)) => resize(format.driver(), file),
        // qemu-img changes the size of no other format.
        format => {
            let driver = format.map_or("raw", Format::driver);
            let raw = file.with_extension("raw");
            let options = if driver == "vpc" { " -o subformat=fixed,force_size=on" } else { "" };
            let new = file.with_extension(format!("new.{}", file.extension().unwrap_or(&disk.format)));
            let (there, back) = (
                format!("`qemu-img convert -f {driver} -O raw {file} {raw}`"),
                format!("`qemu-img convert -f raw -O {driver}{options} {raw} {new}`"),
            );
            format!("{there}, {}, {back}", resize("raw", &raw))
        }
    };
    let gpt = disk.table.as_ref().is_some_and(|table| table.kind == "gpt");
    let then = if gpt {
        "; before it is converted back, `sgdisk -e` moves the second copy of the GPT to the new end"
    } else {
        ""
    };
    Some(format!("its size is no whole number of MiB, which Azure demands; to make it {mib} MiB: {how}{then}"))
}

/// What a disk says of itself, as rows.
fn described_disk(disk: &muster_record::disk::DiskFacts) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    if let Some(subformat) = &disk.subformat {
        row("subformat", subformat.clone());
    }
    match (&disk.table, &disk.unreadable) {
        (Some(table), _) => {
            let backup = match table.backup {
                Some(true) => ", its second copy at the end",
                Some(false) if table.damage.is_some() => "",
                Some(false) => ", without its second copy at the end",
                None => "",
            };
            row("partitions", format!("{}{backup}", table.kind));
            for partition in &table.partitions {
                let name = if partition.name.is_empty() { "" } else { " " };
                row("", format!("{}{name}{}: {}", partition.kind, partition.name, size(partition.size)));
            }
        }
        (None, Some(why)) => row("partitions", format!("cannot be read: {}", muster_base::text::one_line(why, 200))),
        (None, None) => {}
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_is_no_whole_number_of_mib_comes_with_the_line_that_makes_it_one() {
        assert_eq!(size(30 << 30), "30720 MiB (32212254720 bytes)");
        assert_eq!(size((30 << 30) + 512), "30720 MiB and 512 bytes (32212255232 bytes)");
        let disk = |format: &str, virtual_size| muster_record::disk::DiskFacts {
            format: format.to_owned(),
            virtual_size,
            table: Some(muster_image::layout::Table { kind: "gpt".to_owned(), ..Default::default() }),
            ..Default::default()
        };
        for format in Format::NAMES {
            assert_eq!(remarks("d".into(), &disk(format, 5 << 20)), Vec::<String>::new(), "{format}");
        }
        let [line] = &remarks("d.qcow2".into(), &disk("qcow2", (5 << 20) + 1))[..] else { panic!() };
        assert!(line.contains("to make it 6 MiB: `qemu-img resize -f qcow2 d.qcow2 6M`; "), "{line}");
        let [line] = &remarks("d.vhd".into(), &disk("vhd", (5 << 20) + 512))[..] else { panic!() };
        let steps = "`qemu-img convert -f vpc -O raw d.vhd d.raw`, `qemu-img resize -f raw d.raw 6M`, \
            `qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on d.raw d.new.vhd`; before";
        assert!(line.contains(steps), "{line}");
    }

    #[test]
    fn suites_and_images_have_the_same_bounds() {
        assert_eq!(muster_suite::images::MAX_DEVICES, ImageSpec::MAX_DEVICES as usize);
    }
}
