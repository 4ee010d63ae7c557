//! `muster check`: validates suites offline.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use super::load::{self, Selection};
use super::{Complaint, say, say_error};
use crate::exit::Exit;
use crate::machine::console::Rules;
use crate::suite::diagnostic::{Diagnostics, codes, sarif};
use crate::suite::model::{Suite, Test};
use crate::suite::{foreign, known, proofs, schema_of_file};
use crate::text::plural;

/// Validate suites, known issues, proofs, coverage and console rules offline: all errors of all files at once, nothing is started
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster check suites/kernel.yaml")]
pub struct Arguments {
    /// Files that muster reads, or directories of suites and what is in them [default: the suites of this checkout]
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
    let Arguments { paths, format } = arguments;
    let Found { problems, said, suites } = look(Files::sorted(paths))?;
    let none = problems.iter().all(Diagnostics::is_empty);
    match format {
        Format::Text => {
            problems.iter().filter(|problems| !problems.is_empty()).for_each(tell);
            said.iter().filter(|_| none).for_each(|line| say(line));
        }
        Format::Json => {
            let all: Vec<_> = problems.iter().flat_map(Diagnostics::iter).collect();
            say(&pretty(&all)?);
        }
        // Printed whatever is in it: a code host takes an empty log for "all is mended", and a missing one
        // for nothing.
        Format::Sarif => {
            say(&pretty(&sarif::log(&problems.iter().collect::<Vec<_>>(), env!("CARGO_PKG_VERSION")))?);
        }
    }
    if !none {
        return Err(Complaint::told(Exit::Invalid));
    }
    load::accept(suites).map(|_| Exit::Pass)
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Complaint> {
    serde_json::to_string_pretty(value)
        .map_err(|cause| Complaint::infrastructure(format!("the answer cannot be written: {cause}")))
}

/// The files that were named, by what they say they are. What says nothing is taken for a suite.
#[derive(Default)]
struct Files {
    rules: Vec<Utf8PathBuf>,
    known_issues: Vec<Utf8PathBuf>,
    proofs: Vec<Utf8PathBuf>,
    coverage: Vec<Utf8PathBuf>,
    suites: Vec<Utf8PathBuf>,
}

impl Files {
    fn sorted(paths: Vec<Utf8PathBuf>) -> Self {
        let mut files = Self::default();
        for path in paths {
            let kind = if path.is_file() { schema_of_file(&path) } else { None };
            let list = match kind.as_deref() {
                Some("console-rules/v1") => &mut files.rules,
                Some("known-issues/v1") => &mut files.known_issues,
                Some("proofs/v1") => &mut files.proofs,
                Some(foreign::SCHEMA) => &mut files.coverage,
                _ => &mut files.suites,
            };
            list.push(path);
        }
        files
    }

    /// Whether some are held against suites, be they named or not.
    fn beside_suites(&self) -> bool {
        [&self.known_issues, &self.proofs, &self.coverage].iter().any(|list| !list.is_empty())
    }
}

/// What was found.
#[derive(Default)]
struct Found {
    problems: Vec<Diagnostics>,
    /// A line for each kind of file, where nothing is wrong.
    said: Vec<String>,
    suites: Vec<Suite>,
}

fn look(files: Files) -> Result<Found, Complaint> {
    let mut found = Found::default();
    if !files.rules.is_empty() {
        let (count, problems) = Rules::check(&files.rules);
        found.problems.push(problems);
        found.said.push(format!("{count} console rules: all valid"));
        if !files.beside_suites() && files.suites.is_empty() {
            return Ok(found);
        }
    }
    let about_suites = !files.suites.is_empty() || !files.beside_suites();
    let selection = Selection { suites: files.suites, ..Selection::default() };
    load::tell_ignored(&selection);
    let (suites, problems) = load::decode(&selection)?;
    let sound = problems.is_empty();
    found.problems.push(problems);
    if about_suites {
        let tests: usize = suites.iter().map(|suite| suite.tests.len()).sum();
        let assertions: usize = suites.iter().flat_map(|suite| &suite.tests).map(assertions).sum();
        found.said.push(format!(
            "{} suite{}, {tests} test{}, {assertions} assertions and steps: all valid",
            suites.len(),
            plural(suites.len()),
            plural(tests)
        ));
    }
    // These are held against the suites, which must be whole for that.
    if sound {
        let folders = load::folders(&selection)?;
        let today = load::today();
        let paths: Vec<_> = folders.iter().cloned().chain(files.known_issues).collect();
        let (issues, problems) = known::load(&paths, &load::vocabulary(), &suites, today);
        found.problems.push(problems);
        if !issues.is_empty() {
            found.said.push(format!("{} known issues: all valid", issues.len()));
        }
        let beside = folders.iter().map(|folder| folder.join("proofs")).filter(|folder| folder.is_dir());
        let paths: Vec<_> = beside.chain(files.proofs).collect();
        if !paths.is_empty() {
            let (proofs, problems) = proofs::load(&paths, &load::vocabulary(), &suites);
            found.problems.push(problems);
            found.said.push(format!("{} proofs: all valid", proofs.len()));
        }
        let beside = folders.iter().map(|folder| folder.join("coverage")).filter(|folder| folder.is_dir());
        let paths: Vec<_> = beside.chain(files.coverage).collect();
        if !paths.is_empty() {
            let (lists, problems) = foreign::load(&paths, &load::vocabulary(), &suites);
            found.problems.push(problems);
            let checks: usize = lists.iter().map(|list| list.checks.len()).sum();
            found.said.push(format!("{checks} checks of {} other tools: all valid", lists.len()));
        }
    }
    found.suites = suites;
    Ok(found)
}

fn assertions(test: &Test) -> usize {
    let expected = test.expect.iter().map(|clause| clause.assertions(&|e| e.assertions.len() as u32)).sum::<u32>();
    expected as usize + test.steps.len() + test.snapshots.len()
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
