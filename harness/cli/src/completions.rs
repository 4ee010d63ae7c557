//! `muster completions` and `muster man`: made from the definitions that read the command line.

use camino::Utf8PathBuf;

use super::error::CliError;
use super::output::say;
use muster_base::exit::Exit;
use muster_base::text::shell_word;

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster completions bash >/etc/bash_completion.d/muster
  muster completions zsh >\"${fpath[1]}/_muster\"
  muster completions fish >~/.config/fish/completions/muster.fish")]
pub(crate) struct CompletionsArguments {
    /// Which shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Write the manual pages, one for each command
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster man /usr/local/share/man/man1")]
pub(crate) struct ManArguments {
    /// An existing directory
    #[arg(value_name = "DIR")]
    directory: Utf8PathBuf,
}

/// The scripts are made of `program`, the whole command line.
pub(crate) fn completions(arguments: CompletionsArguments, mut program: clap::Command) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut program, "muster", &mut text);
    say(String::from_utf8_lossy(&text).trim_end());
    Ok(Exit::Pass)
}

/// The pages are made of `program`, the whole command line.
pub(crate) fn man(arguments: ManArguments, mut program: clap::Command) -> Result<Exit, CliError> {
    let directory = &arguments.directory;
    if !directory.is_dir() {
        return Err(CliError::invalid(format!("{directory} is no directory"))
            .hint(format!("make it first: mkdir -p {}", shell_word(directory.as_str()))));
    }
    program = without_help_command(program);
    program.build();
    clap_mangen::generate_to(program, directory)
        .map_err(|error| CliError::infrastructure(format!("{directory}: the pages cannot be written: {error}")))?;
    Ok(Exit::Pass)
}

/// `help` as a command would have a page of its own below each command, which says only that there is `--help`.
fn without_help_command(program: clap::Command) -> clap::Command {
    program.disable_help_subcommand(true).mut_subcommands(without_help_command)
}
