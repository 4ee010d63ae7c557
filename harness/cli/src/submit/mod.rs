//! `muster submit`: a run in shards, as the jobs of something that runs jobs on many hosts.

mod kubernetes;
mod next;
mod slurm;
mod yaml;

use super::divided::Read;
use super::error::CliError;
use muster_base::exit::Exit;

/// Run in shards on the hosts of a cluster
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The tests are divided as `muster plan` and `muster run --shard` divide them. Each shard goes on with what it has found when \
                  its job is started again, and what all of them found is merged. Behind `--` stand the options of the run.

Examples:
  muster submit slurm --shards 4 -o /shared/run-7 -- --image /shared/my.qcow2
  muster submit kubernetes --shards 4 --container muster:0.1.0 --claim results -o run.yaml -- --image /images/my.qcow2"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    engine: Engine,
}

/// What runs the jobs.
#[derive(Debug, clap::Subcommand)]
enum Engine {
    /// As an indexed job of Kubernetes, and a job that merges them
    Kubernetes(Box<kubernetes::Arguments>),
    /// As an array of jobs of Slurm, and a job that merges them
    Slurm(Box<slurm::Arguments>),
}

pub(crate) fn execute(arguments: Arguments, read: Read<'_>) -> Result<Exit, CliError> {
    match arguments.engine {
        Engine::Kubernetes(arguments) => kubernetes::execute(&arguments, read),
        Engine::Slurm(arguments) => slurm::execute(&arguments, read),
    }
}
