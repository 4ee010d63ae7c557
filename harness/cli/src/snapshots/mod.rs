//! `muster snapshots`: what waits for a decision, without cargo, and what no test uses any more.

mod keys;
mod orphans;
mod place;
mod review;
mod waiting;

use camino::Utf8PathBuf;

use self::place::Place;
use self::waiting::{list, name};
use super::error::CliError;
use super::names;
use super::output::say;
use super::project;
use muster_base::exit::Exit;
use muster_base::text::{one_line, plural};
use muster_facts::pending::{self, Pending};

/// List, show, accept or reject snapshots that have changed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster snapshots review                  one after the other, in the terminal
  muster snapshots show base__facts        the differences of some, for a pipe or a log
  muster snapshots accept --all            every one
  muster snapshots orphans                 those that no test uses

`cargo insta review` works on the same files.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The directory of accepted snapshots [default: suites/snapshots of the checkout; else of the project, or ./muster-snapshots]
    #[arg(long = "directory", alias = "folder", global = true, value_name = "DIR")]
    dir: Option<Utf8PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List snapshots that are not accepted yet
    List,
    /// Show each with its difference from the accepted one, and accept or reject it with a key; needs a terminal
    Review,
    /// Print those whose name contains one of these texts, each with its difference [default: all]
    Show {
        /// Parts of names
        names: Vec<String>,
    },
    /// Accept those whose name contains one of these texts; all with `--all`
    Accept(Which),
    /// Discard those whose name contains one of these texts; all with `--all`
    Reject(Which),
    /// List the files of snapshots that no test uses
    Orphans,
    /// Remove files that no test uses: those whose name contains one of these texts; all with `--all`
    RemoveOrphans(Which),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Every one
    #[arg(long)]
    all: bool,
    /// Parts of names
    names: Vec<String>,
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    let place = Place::find(arguments.dir)?;
    let dir = &place.dir;
    let broken = |error: String| CliError::infrastructure(error);
    let waiting = || pending::list(dir).map_err(|error| CliError::infrastructure(error.to_string()));
    match arguments.command {
        Command::List => {
            let waiting = waiting()?;
            list(&waiting);
            say(&format!("{} waiting in {}", waiting.len(), project::short(dir)));
        }
        Command::Review => return review::execute(&waiting()?, dir),
        Command::Show { names } => {
            let waiting = waiting()?;
            let shown = if names.is_empty() { waiting.iter().collect() } else { chosen(&waiting, &names)? };
            for one in &shown {
                let review = pending::review(one).map_err(|error| broken(error.to_string()))?;
                say(&format!("{}\n{}\n{}", name(one), review.description, review.diff));
            }
            say(&format!("{} waiting; accept with `muster snapshots accept NAME`", waiting.len()));
        }
        Command::Accept(which) => {
            for one in which.of(&waiting()?)? {
                pending::accept(one).map_err(|error| broken(error.to_string()))?;
                say(&format!("accepted {}", name(one)));
            }
        }
        Command::Reject(which) => {
            for one in which.of(&waiting()?)? {
                pending::reject(one).map_err(|error| broken(error.to_string()))?;
                say(&format!("rejected {}", name(one)));
            }
        }
        Command::Orphans => {
            let orphans = orphans::find(&place)?;
            orphans.iter().for_each(|file| say(&one_line(file, 200)));
            let (count, dir) = (orphans.len(), project::short(dir));
            say(&format!("{count} file{} in {dir} that no test uses", plural(count)));
        }
        Command::RemoveOrphans(which) => {
            for file in orphans::chosen(&orphans::find(&place)?, which.all, &which.names)? {
                orphans::remove(dir, file)?;
                say(&format!("removed {}", one_line(file, 200)));
            }
        }
    }
    Ok(Exit::Pass)
}

impl Which {
    fn of<'p>(&self, waiting: &'p [Pending]) -> Result<Vec<&'p Pending>, CliError> {
        let chosen = if self.all { waiting.iter().collect() } else { chosen(waiting, &self.names)? };
        if chosen.is_empty() {
            return Err(CliError::invalid("no snapshot waits").hint("`muster snapshots list` says where it looks"));
        }
        Ok(chosen)
    }
}

fn chosen<'p>(waiting: &'p [Pending], parts: &[String]) -> Result<Vec<&'p Pending>, CliError> {
    let has = |one: &Pending, part: &str| one.name.contains(part);
    // One that is misspelt must not be passed over because others are there.
    if let Some(part) = parts.iter().find(|part| !waiting.iter().any(|one| has(one, part))) {
        let known = waiting.iter().map(|one| one.name.as_str());
        return Err(names::unknown("waiting snapshot", part, known, "muster snapshots list"));
    }
    Ok(waiting.iter().filter(|one| parts.iter().any(|part| has(one, part))).collect())
}
