//! `muster runs`: the directories of earlier runs, and of measured boots, which lie next to them.

use std::time::{Duration, SystemTime};

use camino::Utf8PathBuf;
use serde_json::json;

use super::error::CliError;
use super::output::{OutputFormat, say};
use super::project::{Project, short};
use muster_base::exit::Exit;
use muster_record::kept::{self, Kept};
use muster_report::list::columns;

/// List the directories of earlier runs and measured boots, and remove old ones
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster runs list                               the newest first
  muster runs prune --keep 20 --dry-run          what would go
  muster runs prune --keep 20 --older-than 30d   what is neither of the newest 20 nor of the last month")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List runs and measured boots: when each began, how it ended, and what it takes on the disk
    #[command(after_help = "Example: muster runs list --format json")]
    List {
        #[command(flatten)]
        place: RunsDir,
        /// How it is printed: text for people, json for programs (an array of objects)
        #[arg(long, value_enum, default_value_t)]
        format: OutputFormat,
    },
    /// Remove old runs and measured boots, never one that goes on or whose machine is up
    Prune(Prune),
}

/// Which runs.
#[derive(Debug, clap::Args)]
struct RunsDir {
    /// The directory of runs [default: reports/runs of a checkout, else ./muster-runs]
    #[arg(long, value_name = "DIR")]
    dir: Option<Utf8PathBuf>,
}

/// What either option spares stays.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster runs prune --keep 20 --older-than 30d --dry-run")]
struct Prune {
    #[command(flatten)]
    place: RunsDir,
    /// The newest so many stay, whatever their age
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// What is younger stays
    #[arg(long, value_name = "DURATION", value_parser = muster_suite::value::duration_in("d"))]
    older_than: Option<Duration>,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// How it is printed: text for people, json for programs (one object)
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    match arguments.command {
        Command::List { place, format } => list(&place, format),
        Command::Prune(arguments) => prune(&arguments),
    }
}

impl RunsDir {
    fn directory(&self) -> Result<Utf8PathBuf, CliError> {
        match &self.dir {
            Some(dir) if !dir.is_dir() => {
                Err(CliError::invalid(format!("--dir {dir} is no directory"))
                    .hint("name the directory that holds runs"))
            }
            Some(dir) => Ok(dir.clone()),
            None => Ok(Project::find()?.runs()),
        }
    }
}

fn runs(directory: &Utf8PathBuf) -> Result<Vec<Kept>, CliError> {
    Ok(kept::list(directory, &muster_image::opened())?)
}

fn list(place: &RunsDir, format: OutputFormat) -> Result<Exit, CliError> {
    let directory = place.directory()?;
    let runs = runs(&directory)?;
    if format == OutputFormat::Json {
        say(&serde_json::to_string_pretty(&runs.iter().map(entry).collect::<Vec<_>>()).unwrap_or_default());
        return Ok(Exit::Pass);
    }
    if !runs.is_empty() {
        let rows: Vec<_> = runs.iter().map(|run| row(run, run.verdict.name())).collect();
        say(columns(&["RUN", "BEGAN", "SIZE", "VERDICT", "WHERE"], &rows).trim_end());
    }
    let total: u64 = runs.iter().map(|run| run.bytes).sum();
    let place = short(&directory);
    say(&format!("{} run{} in {place}, {} MiB", runs.len(), muster_base::text::plural(runs.len()), total >> 20));
    Ok(Exit::Pass)
}

fn prune(arguments: &Prune) -> Result<Exit, CliError> {
    if arguments.keep.is_none() && arguments.older_than.is_none() {
        return Err(CliError::invalid("which runs are to go is not said")
            .hint("name how many stay (--keep 20), or the age from which they go (--older-than 30d), or both"));
    }
    let directory = arguments.place.directory()?;
    let runs = runs(&directory)?;
    let leftovers = kept::leftovers(&directory)?;
    let chosen = kept::superfluous(&runs, arguments.keep, arguments.older_than, SystemTime::now());
    let mut freed: u64 = leftovers.iter().map(|path| kept::size(path)).sum();
    let (mut gone, mut wrong) = (Vec::new(), Vec::new());
    for run in chosen.iter().map(|index| &runs[*index]) {
        match if arguments.dry_run { Ok(true) } else { kept::remove(run) } {
            Ok(true) => gone.push(run),
            // It has come into use since it was listed.
            Ok(false) => {}
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if !arguments.dry_run {
        wrong.extend(leftovers.iter().filter_map(|path| kept::remove_leftover(path).err()).map(|e| e.to_string()));
    }
    freed += gone.iter().map(|run| run.bytes).sum::<u64>();
    let stay: Vec<&Kept> = runs.iter().filter(|run| !gone.iter().any(|other| other.path == run.path)).collect();
    match arguments.format {
        OutputFormat::Json => {
            let document = json!({
                "dry-run": arguments.dry_run,
                "bytes": freed,
                "removed": gone.iter().map(|run| entry(run)).collect::<Vec<_>>(),
                "kept": stay.iter().map(|run| entry(run)).collect::<Vec<_>>(),
            });
            say(&serde_json::to_string_pretty(&document).unwrap_or_default());
        }
        OutputFormat::Text => {
            let in_use = stay.iter().filter(|run| run.in_use).map(|run| row(run, "stays: in use"));
            let rows: Vec<_> = gone.iter().map(|run| row(run, run.verdict.name())).chain(in_use).collect();
            if !rows.is_empty() {
                say(columns(&["RUN", "BEGAN", "SIZE", "VERDICT", "WHERE"], &rows).trim_end());
            }
            let verb = if arguments.dry_run { "would remove" } else { "removed" };
            let count = format!("{} run{}", gone.len(), muster_base::text::plural(gone.len()));
            say(&format!("{verb} {count}, {} MiB; {} stay", freed >> 20, stay.len()));
        }
    }
    match wrong.is_empty() {
        true => Ok(Exit::Pass),
        false => Err(CliError::infrastructure(wrong.join("; ")).hint("look at the owner of these directories")),
    }
}

fn row(run: &Kept, verdict: &str) -> Vec<String> {
    let size = format!("{} MiB", run.bytes >> 20);
    let began = run.started.get(..19).unwrap_or(&run.started).replace('T', " ");
    // Runs of `muster test` have one id; their directories do not share a name.
    let name = run.path.file_name().unwrap_or(&run.id).to_owned();
    vec![name, began, size, verdict.to_owned(), short(&run.path).to_string()]
}

fn entry(run: &Kept) -> serde_json::Value {
    json!({
        "id": run.id,
        "path": run.path.as_str(),
        "started": run.started,
        "verdict": run.verdict.name(),
        "bytes": run.bytes,
        "in-use": run.in_use,
    })
}
