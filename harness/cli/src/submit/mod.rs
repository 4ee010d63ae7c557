//! `muster submit`: a run in shards, as the jobs of something that runs jobs on many hosts.

mod divided;
mod slurm;

use super::error::CliError;
use super::run::Ready;
use muster_base::exit::Exit;

/// Run in shards on the hosts of a cluster
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    engine: Engine,
}

/// What runs the jobs.
#[derive(Debug, clap::Subcommand)]
enum Engine {
    /// As an array of jobs of Slurm, and a job that merges them
    Slurm(Box<slurm::Arguments>),
}

/// Reads the command line of a `muster run`, without the program's name, as this process would read its own.
type Read<'r> = &'r dyn Fn(&[String]) -> Result<Ready, CliError>;

pub(crate) fn execute(arguments: Arguments, read: Read<'_>) -> Result<Exit, CliError> {
    match arguments.engine {
        Engine::Slurm(arguments) => slurm::execute(&arguments, read),
    }
}
