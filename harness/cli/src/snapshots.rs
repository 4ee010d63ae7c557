//! `muster snapshots`: what waits for a decision, without cargo.

use camino::Utf8PathBuf;

use super::error::CliError;
use super::names;
use super::output::say;
use super::project::{self, Project};
use muster_base::exit::Exit;
use muster_facts::pending::{self, Pending};

/// List, show, accept or reject snapshots that have changed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster snapshots review
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
    /// Show each with its difference from the accepted one
    Review,
    /// Accept those whose name contains one of these texts; all with `--all`
    Accept(Which),
    /// Discard those whose name contains one of these texts; all with `--all`
    Reject(Which),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Every snapshot that is not accepted yet
    #[arg(long)]
    all: bool,
    /// Parts of names
    names: Vec<String>,
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    let dir = match arguments.dir {
        // One that a person names is there; without one there is nothing yet.
        Some(dir) if !dir.is_dir() => {
            return Err(CliError::invalid(format!("--directory {dir}: there is no such directory")));
        }
        Some(dir) => dir,
        None => {
            let project = Project::find()?;
            project.own_snapshots().unwrap_or_else(|| project.suites().join("snapshots"))
        }
    };
    let broken = |error: String| CliError::infrastructure(error);
    let waiting = pending::list(&dir).map_err(|error| broken(error.to_string()))?;
    match arguments.command {
        Command::List => {
            for one in &waiting {
                say(&name(one));
            }
            say(&format!("{} waiting in {}", waiting.len(), project::short(&dir)));
        }
        Command::Review => {
            for one in &waiting {
                let (description, diff) = pending::review(one).map_err(|error| broken(error.to_string()))?;
                say(&format!("{}\n{description}\n{diff}", name(one)));
            }
            say(&format!("{} waiting; accept with `muster snapshots accept NAME`", waiting.len()));
        }
        Command::Accept(which) => {
            for one in chosen(&waiting, &which)? {
                pending::accept(one).map_err(|error| broken(error.to_string()))?;
                say(&format!("accepted {}", name(one)));
            }
        }
        Command::Reject(which) => {
            for one in chosen(&waiting, &which)? {
                pending::reject(one).map_err(|error| broken(error.to_string()))?;
                say(&format!("rejected {}", name(one)));
            }
        }
    }
    Ok(Exit::Pass)
}

fn name(one: &Pending) -> String {
    muster_base::text::one_line(&one.name, 200)
}

fn chosen<'p>(waiting: &'p [Pending], which: &Which) -> Result<Vec<&'p Pending>, CliError> {
    let has = |one: &Pending, part: &str| one.name.contains(part);
    // One that is misspelt must not be passed over because others are there.
    if let Some(part) = which.names.iter().find(|part| !waiting.iter().any(|one| has(one, part))) {
        let known = waiting.iter().map(|one| one.name.as_str());
        return Err(names::unknown("waiting snapshot", part, known, "muster snapshots list"));
    }
    let meant = |one: &&Pending| which.all || which.names.iter().any(|part| has(one, part));
    let chosen: Vec<&Pending> = waiting.iter().filter(meant).collect();
    if chosen.is_empty() {
        return Err(CliError::invalid("no snapshot waits").hint("`muster snapshots list` says where it looks"));
    }
    Ok(chosen)
}
