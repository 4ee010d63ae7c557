//! `muster submit slurm`: an array of jobs, and one that merges what they wrote.

use camino::Utf8PathBuf;

use super::Read;
use super::divided::{Divided, RunOptions};
use crate::error::CliError;
use muster_base::exit::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunOptions,
    /// The directory of the run on a file system that all nodes share; must not exist
    #[arg(long, short = 'o', value_name = "DIR")]
    out: Utf8PathBuf,
}

pub(super) fn execute(arguments: &Arguments, read: Read<'_>) -> Result<Exit, CliError> {
    let _divided = Divided::new(&arguments.run, read)?;
    Err(CliError::invalid(format!("--out {}: nothing is submitted yet", arguments.out)))
}
