//! `muster check`: validates suites offline.

use camino::Utf8PathBuf;

use super::load::{self, Selection};
use super::{Complaint, OutputFormat, say};
use crate::exit::Exit;
use crate::machine::console::Rules;
use crate::suite::console_rules;

/// Validate suites and console rules offline: all errors of all files at once, nothing is started
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster check suites/kernel.yaml")]
pub struct Arguments {
    /// Files of suites or console rules, or folders of suites [default: the suites of this checkout]
    paths: Vec<Utf8PathBuf>,
    /// How errors are printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

pub fn execute(arguments: Arguments) -> Result<Exit, Complaint> {
    let (rules, suites): (Vec<_>, Vec<_>) = arguments.paths.into_iter().partition(console_rules::is_one);
    if !rules.is_empty() {
        check_rules(&rules, arguments.format)?;
        if suites.is_empty() {
            return Ok(Exit::Pass);
        }
    }
    let selection = Selection { suites, ..Selection::default() };
    let loaded = load::suites(&selection, arguments.format)?;
    if arguments.format == OutputFormat::Text {
        let tests: usize = loaded.suites.iter().map(|suite| suite.tests.len()).sum();
        let assertions: usize = loaded
            .suites
            .iter()
            .flat_map(|suite| &suite.tests)
            .map(|test| {
                test.expect.iter().map(|e| e.assertions.len()).sum::<usize>() + test.steps.len() + test.snapshots.len()
            })
            .sum();
        say(&format!("{} suites, {tests} tests, {assertions} assertions and steps: all valid", loaded.suites.len()));
    }
    Ok(Exit::Pass)
}

fn check_rules(files: &[Utf8PathBuf], format: OutputFormat) -> Result<(), Complaint> {
    let (count, diagnostics) = Rules::check(files);
    match format {
        OutputFormat::Json if !diagnostics.is_empty() => {
            say(&serde_json::to_string_pretty(&diagnostics).unwrap_or_default());
        }
        OutputFormat::Json => {}
        OutputFormat::Text if diagnostics.is_empty() => say(&format!("{count} console rules: all valid")),
        OutputFormat::Text => load::tell(&diagnostics),
    }
    if diagnostics.is_empty() { Ok(()) } else { Err(Complaint::told(Exit::Invalid)) }
}
