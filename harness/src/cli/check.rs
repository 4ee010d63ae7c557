//! `muster check`: validates suites offline.

use camino::Utf8PathBuf;

use super::load::{self, Selection};
use super::{Complaint, OutputFormat, say};
use crate::exit::Exit;

/// Validate suites offline: all errors of all files at once, nothing is started
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster check suites/kernel.yaml")]
pub struct Arguments {
    /// Suite files or folders [default: the suites of this checkout]
    paths: Vec<Utf8PathBuf>,
    /// How errors are printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

pub fn execute(arguments: Arguments) -> Result<Exit, Complaint> {
    let selection = Selection { suites: arguments.paths, ..Selection::default() };
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
