//! `muster kconfig`: kernel configurations without a machine. [`check`] asks of files what suites ask
//! of guests, by the same judge; [`diff`] sorts the differences of two. [`source`] reads the files,
//! [`offline`](super::offline) decides what can be decided without a guest.

mod check;
mod diff;
pub(super) mod source;

use super::CliError;
use muster_base::exit::Exit;
use muster_base::text::one_line;

/// The schema of what `check --format json` prints.
pub(crate) const CHECK_SCHEMA: &str = include_str!("../../../../reports/schema/kconfig-check-v1.json");
/// The schema of what `diff --format json` prints.
pub(crate) const DIFF_SCHEMA: &str = include_str!("../../../../reports/schema/kconfig-diff-v1.json");

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

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// One object for programs
    Json,
    /// Tables for a pull request or a wiki
    Markdown,
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    match arguments.command {
        Command::Check(arguments) => check::execute(&arguments),
        Command::Diff(arguments) => diff::execute(&arguments),
    }
}

/// A text as the cell of a Markdown table: one harmless line that can neither end the cell nor become
/// a link, an image or HTML.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text, 300).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '!' | '~' | '#' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::cell;

    /// What a schema has against a document.
    pub(super) fn errors(schema: &str, document: &impl serde::Serialize) -> Vec<String> {
        let schema: Value = serde_json::from_str(schema).unwrap();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let document = serde_json::to_value(document).unwrap();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    #[test]
    fn a_cell_stays_a_cell() {
        assert_eq!(cell("a|b\n![x](y) <b>&"), r"a\|b \!\[x\](y) &lt;b>&amp;");
    }
}
