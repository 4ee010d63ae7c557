//! `muster kconfig`: kernel configurations without a machine. [`check`] asks of files what suites ask
//! of guests, by the same evaluation; [`diff`] sorts the differences of two. [`source`] reads the files,
//! [`offline`](super::offline) decides what can be decided without a guest.

mod check;
mod diff;
mod format;
pub(super) mod source;
#[cfg(test)]
mod testing;

pub(crate) use check::SCHEMA as CHECK_SCHEMA;
pub(crate) use diff::SCHEMA as DIFF_SCHEMA;

use super::error::CliError;
use muster_base::exit::Exit;

/// Check and compare kernel configurations offline
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster kconfig check /boot/config-$(uname -r)")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the kernel configuration tests of the suites on configuration files
    Check(check::Arguments),
    /// Sort the differences of two configurations by how each symbol changed
    Diff(diff::Arguments),
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    match arguments.command {
        Command::Check(arguments) => check::execute(&arguments),
        Command::Diff(arguments) => diff::execute(&arguments),
    }
}
