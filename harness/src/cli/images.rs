//! `muster images`: the catalogue, and the images that can be built here.

use std::path::PathBuf;

use camino::Utf8PathBuf;

use super::project::Project;
use super::{Complaint, load, say, say_error};
use crate::exit::Exit;
use crate::failure::Location;
use crate::image::{self, DiskSource, Format, ImageSpec, KernelBoot, Limits};
use crate::suite::images::{Disk, ImageEntry};

/// List, build and inspect images
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster images build lab")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the catalogue
    List,
    /// Build a lab image, unless it has been built from the same recipe before
    Build {
        /// `lab` or `lab-tiny`
        variant: String,
    },
    /// Look into a disk file the way a run does before it starts it
    Inspect {
        /// The file
        file: Utf8PathBuf,
        /// Its format [default: by its own magic bytes]
        #[arg(long)]
        format: Option<Format>,
    },
}

/// What `images/*.yaml` describe.
pub struct Catalogue(Vec<ImageSpec>);

impl Catalogue {
    /// Reads all descriptions of the checkout; all errors at once.
    pub fn load(project: &Project) -> Result<Self, Complaint> {
        let (entries, diagnostics) = crate::suite::images::load(&[super::project::short(&project.images())]);
        if !diagnostics.is_empty() {
            load::tell(&diagnostics);
            return Err(Complaint::told(Exit::Invalid));
        }
        entries.into_iter().map(spec).collect::<Result<_, _>>().map(Self)
    }

    /// The image of that name.
    pub fn get(&self, name: &str) -> Option<&ImageSpec> {
        self.0.iter().find(|spec| spec.id == name)
    }

    /// The complaint about a name that is not here.
    pub fn unknown(&self, name: &str) -> Complaint {
        let names: Vec<&str> = self.0.iter().map(|spec| spec.id.as_str()).collect();
        load::unknown("image, and no file,", name, &names)
    }
}

/// A decoded entry in the image room's words. The decoder has checked every word against the same
/// lists, so that an error here is a word one of the two does not know.
fn spec(entry: ImageEntry) -> Result<ImageSpec, Complaint> {
    let disk = match entry.disk {
        Disk::Path(path) => DiskSource::Path(path.into_std_path_buf()),
        Disk::Lab(variant) => DiskSource::LabBuild { variant },
    };
    fn word<T: std::str::FromStr<Err = String>>(location: &Location, word: &str) -> Result<T, Complaint> {
        word.parse().map_err(|known| Complaint::invalid(format!("{location}: `{word}` is not {known}")))
    }
    let at = &entry.location;
    let mut spec = ImageSpec::new(entry.id, disk, word(at, entry.format)?);
    spec.summary = entry.summary;
    spec.arch = word(at, entry.arch)?;
    spec.kernel = entry.kernel.map(|kernel| KernelBoot {
        image: kernel.image.into_std_path_buf(),
        initrd: kernel.initrd.map(Utf8PathBuf::into_std_path_buf),
        cmdline: kernel.cmdline,
    });
    spec.tpm = entry.tpm;
    spec.extra_disks = entry.extra_disks;
    spec.nics = entry.nics;
    spec.firmware = word(at, entry.firmware)?;
    spec.seed = word(at, entry.seed)?;
    spec.bus = word(at, entry.bus)?;
    spec.user = entry.user;
    spec.memory_mib = u32::try_from(entry.memory >> 20).unwrap_or(u32::MAX);
    spec.cpus = entry.cpus;
    spec.boot_timeout = entry.boot_timeout;
    spec.facts = entry.facts.into_iter().map(|(name, values)| (name, values.join(", "))).collect();
    Ok(spec)
}

pub fn execute(arguments: Arguments) -> Result<Exit, Complaint> {
    match arguments.command {
        Command::List => list(),
        Command::Build { variant } => build(&variant),
        Command::Inspect { file, format } => inspect(file, format),
    }
}

/// An event loop for one question.
pub fn runtime() -> Result<tokio::runtime::Runtime, Complaint> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| Complaint::infrastructure(format!("no event loop: {cause}")))
}

fn list() -> Result<Exit, Complaint> {
    let project = Project::find()?;
    let catalogue = Catalogue::load(&project)?;
    let runtime = runtime()?;
    let mut rows = Vec::new();
    for spec in &catalogue.0 {
        let here = match &spec.disk {
            DiskSource::Path(path) => if path.exists() { "present" } else { "missing" }.to_owned(),
            DiskSource::LabBuild { variant } => {
                match runtime.block_on(image::lab::find(project.root().as_std_path(), variant)) {
                    Ok(Some(_)) => "built".to_owned(),
                    Ok(None) => format!("not built: muster images build {variant}"),
                    Err(error) => error.to_string(),
                }
            }
        };
        rows.push(vec![spec.id.clone(), spec.firmware.to_string(), spec.seed.to_string(), here, spec.summary.clone()]);
    }
    say(crate::report::list::columns(&["IMAGE", "FIRMWARE", "SEED", "STATE", "SUMMARY"], &rows).trim_end());
    Ok(Exit::Pass)
}

fn build(variant: &str) -> Result<Exit, Complaint> {
    let project = Project::find()?;
    let built = runtime()?.block_on(image::lab::build(project.root().as_std_path(), variant, |line| {
        say_error(&crate::text::harmless(line));
    }));
    let folder: PathBuf = built.map_err(|error| Complaint::infrastructure(error.to_string()))?;
    say(&folder.display().to_string());
    Ok(Exit::Pass)
}

fn inspect(file: Utf8PathBuf, format: Option<Format>) -> Result<Exit, Complaint> {
    let inspected = runtime()?.block_on(async {
        let format = match format {
            Some(format) => format,
            None => image::inspect::detect(file.as_std_path()).await?,
        };
        image::inspect(file.as_std_path(), format, &Limits::default()).await
    });
    let seen = inspected.map_err(|error| Complaint {
        what: error.to_string(),
        hint: Some(format!("`muster failures {}` explains it", error.failure_id())),
        exit: Exit::Invalid,
    })?;
    let rows = vec![
        vec!["path".to_owned(), seen.path.display().to_string()],
        vec!["format".to_owned(), seen.format.to_string()],
        vec!["virtual size".to_owned(), format!("{} MiB", seen.virtual_size >> 20)],
        vec!["file size".to_owned(), format!("{} MiB", seen.actual_size >> 20)],
    ];
    say(crate::report::list::columns(&[], &rows).trim_end());
    Ok(Exit::Pass)
}
