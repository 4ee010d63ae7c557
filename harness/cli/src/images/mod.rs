//! `muster images`: the catalogue, and the images that can be built here. One file a command.

mod check;
mod inspect;
mod list;
pub(crate) mod prune;
mod pull;

pub(crate) use check::SCHEMA;

use std::path::PathBuf;

use camino::Utf8PathBuf;

use super::catalogue::Catalogue;
use super::error::CliError;
use super::event_loop::runtime;
use super::names;
use super::output::{OutputFormat, say, say_error};
use super::project::Project;
use super::session;
use muster_base::exit::Exit;
use muster_base::machine::{Arch, Format};
use muster_image::DiskSource;

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
    Pull(pull::Pull),
    /// Verify pulled images again: their bytes, and their signatures where a key is named
    Verify(pull::Verify),
    /// Build a lab image, unless it has been built from the same recipe before
    Build {
        /// A lab image of the catalogue, such as `lab` or `lab-tiny`; `muster images list` names them all
        #[arg(value_name = "IMAGE")]
        variant: String,
    },
    /// Look into an image file the way a run does before it starts it. What is packed is unpacked into
    /// the cache, and a root file system made into a disk there
    Inspect {
        /// The file
        file: Utf8PathBuf,
        /// Its format [default: by its own magic bytes; of a packed file by its name]
        #[arg(long, aliases = session::EARLIER_NAMES, value_name = "FORMAT")]
        image_format: Option<Format>,
        /// The processor it is made for; decides between the images of an OCI layout
        #[arg(long, default_value_t = Arch::X86_64)]
        arch: Arch,
    },
    /// Run the disk image tests of the suites on image files, without starting anything
    Check(check::Arguments),
    /// Remove what the cache can do without, never what is in use
    Prune(prune::Arguments),
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    match arguments.command {
        Command::List { format } => list::list(format),
        Command::Show { image } => list::show(&image),
        Command::Pull(arguments) => pull::pull(&arguments),
        Command::Verify(arguments) => pull::verify(&arguments),
        Command::Build { variant } => build(&variant),
        Command::Check(arguments) => check::execute(&arguments),
        Command::Inspect { file, image_format, arch } => inspect::inspect(&file, image_format, arch),
        Command::Prune(arguments) => prune::execute(&arguments),
    }
}

fn build(variant: &str) -> Result<Exit, CliError> {
    let project = Project::find()?;
    let variants = muster_image::lab::variants(project.root().as_std_path());
    // An image of the catalogue may be made by the recipe of another.
    let recipe = match Catalogue::load(&project)?.get(variant).map(|spec| &spec.disk) {
        Some(DiskSource::LabBuild { variant }) => variant.clone(),
        _ => variant.to_owned(),
    };
    let variant = recipe.as_str();
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
