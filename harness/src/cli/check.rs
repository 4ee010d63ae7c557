//! `muster check`: validates suites offline.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use super::load::{self, Selection};
use super::{Complaint, OutputFormat, say, say_error};
use crate::exit::Exit;
use crate::machine::console::Rules;
use crate::suite::console_rules;
use crate::suite::diagnostic::{Diagnostics, codes, sarif};

/// Validate suites and console rules offline: all errors of all files at once, nothing is started
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster check suites/kernel.yaml")]
pub struct Arguments {
    /// Files of suites or console rules, or folders of suites [default: the suites of this checkout]
    paths: Vec<Utf8PathBuf>,
    /// How errors are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// Objects for programs
    Json,
    /// SARIF 2.1.0, for code hosts and editors
    Sarif,
}

pub fn execute(arguments: Arguments) -> Result<Exit, Complaint> {
    let (rules, suites): (Vec<_>, Vec<_>) = arguments.paths.into_iter().partition(console_rules::is_one);
    let with_suites = rules.is_empty() || !suites.is_empty();
    let selection = Selection { suites, ..Selection::default() };
    if arguments.format == Format::Sarif {
        return in_one_log(&rules, with_suites.then_some(&selection));
    }
    if !rules.is_empty() {
        check_rules(&rules, arguments.format)?;
        if !with_suites {
            return Ok(Exit::Pass);
        }
    }
    if arguments.format == Format::Json {
        load::suites(&selection, OutputFormat::Json)?;
        return Ok(Exit::Pass);
    }
    let (suites, problems) = load::decode(&selection)?;
    if !problems.is_empty() {
        tell(&problems);
        return Err(Complaint::told(Exit::Invalid));
    }
    let loaded = load::accept(suites)?;
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
    Ok(Exit::Pass)
}

/// Rules and suites in one log, which is printed whatever is in it: a code host takes an empty one for
/// "all is mended", and a missing one for nothing.
fn in_one_log(rules: &[Utf8PathBuf], suites: Option<&Selection>) -> Result<Exit, Complaint> {
    let mut all = Vec::new();
    if !rules.is_empty() {
        all.push(Rules::check(rules).1);
    }
    let mut decoded = Vec::new();
    if let Some(selection) = suites {
        let (suites, problems) = load::decode(selection)?;
        decoded = suites;
        all.push(problems);
    }
    let log = sarif::log(&all.iter().collect::<Vec<_>>(), env!("CARGO_PKG_VERSION"));
    let text = serde_json::to_string_pretty(&log)
        .map_err(|cause| Complaint::infrastructure(format!("the log cannot be written: {cause}")))?;
    say(&text);
    if all.iter().any(|problems| !problems.is_empty()) {
        return Err(Complaint::told(Exit::Invalid));
    }
    load::accept(decoded).map(|_| Exit::Pass)
}

fn check_rules(files: &[Utf8PathBuf], format: Format) -> Result<(), Complaint> {
    let (count, diagnostics) = Rules::check(files);
    match format {
        Format::Json if !diagnostics.is_empty() => {
            say(&serde_json::to_string_pretty(&diagnostics).unwrap_or_default());
        }
        Format::Json | Format::Sarif => {}
        Format::Text if diagnostics.is_empty() => say(&format!("{count} console rules: all valid")),
        Format::Text => tell(&diagnostics),
    }
    if diagnostics.is_empty() { Ok(()) } else { Err(Complaint::told(Exit::Invalid)) }
}

/// The errors, and where what they are about is explained.
fn tell(diagnostics: &Diagnostics) {
    load::tell(diagnostics);
    let found: BTreeSet<&str> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    let width = found.iter().map(|code| code.len()).max().unwrap_or_default();
    for code in found {
        if let (Some(meaning), Some(place)) = (codes::meaning(code), codes::explained(code)) {
            say_error(&format!("{code:width$}  {meaning} See {place}"));
        }
    }
}
