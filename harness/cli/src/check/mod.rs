//! `muster check`: validates every kind of file that people write, offline.

mod files;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use self::files::{Files, count};
use super::error::CliError;
use super::gate::inputs::against_profile;
use super::load::{self, Selection};
use super::output::{say, say_error, say_note};
use super::project::Project;
use muster_base::exit::Exit;
use muster_compare::kinds;
use muster_console::Rules;
use muster_facts::compare::read_accepted;
use muster_suite::diagnostic::{Diagnostic, Diagnostics, codes, sarif};
use muster_suite::model::{Suite, Test};
use muster_suite::policy::{Policy, PolicyRead};
use muster_suite::{FileKind, deviations, foreign, images, known, policy, proofs, waivers};

/// Validate every kind of file offline: all errors of all files at once, nothing is started
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster check suites images

A file is what its `schema:` says. A directory means its files, and those in its `proofs`, `coverage` and `snapshots`.")]
pub(crate) struct Arguments {
    /// Suites, images, known issues, proofs, console rules, deviations, lists of checks, policies, waivers, snapshots; files or
    /// directories
    /// [default: all that ship with muster, and ./suites and ./images]
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

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    let Arguments { paths, format } = arguments;
    let by_name = !paths.is_empty();
    let paths = match by_name {
        false => {
            let project = Project::find()?;
            [project.all_suites(), project.images()].concat()
        }
        true => paths,
    };
    let files = Files::of(&paths);
    let suites = paths.iter().filter(|path| path.is_dir()).cloned().collect();
    load::report_ignored(&Selection { suites, ..Selection::default() });
    // What else is in a directory is reported only to whoever named the directory.
    let passed = if by_name { files.not_checked() } else { Vec::new() };
    if files.is_empty() {
        passed.iter().for_each(|line| say_error(line));
        let hint = "name a file that has a `schema:`, or a directory of such files";
        return Err(CliError::invalid("nothing was checked").hint(hint));
    }
    let Found { problems, said, notes, suites, .. } = look(files)?;
    notes.iter().for_each(|line| say_note(line, 1000));
    let none = problems.is_empty();
    match format {
        Format::Text => {
            if !none {
                report(&problems, Project::find().ok().as_ref());
            }
            said.iter().filter(|_| none).for_each(|line| say(line));
            passed.iter().for_each(|line| if none { say(line) } else { say_error(line) });
        }
        Format::Json => {
            let all: Vec<_> = problems.iter().collect();
            say(&pretty(&all)?);
        }
        // Printed whatever is in it: a code host takes an empty log for "all is fixed", and a missing one
        // for nothing.
        Format::Sarif => {
            say(&pretty(&sarif::log(&[&problems], env!("CARGO_PKG_VERSION")))?);
        }
    }
    if !none {
        return Err(CliError::reported(Exit::Invalid));
    }
    load::accept(suites).map(|_| Exit::Pass)
}

fn pretty(value: &impl serde::Serialize) -> Result<String, CliError> {
    serde_json::to_string_pretty(value)
        .map_err(|cause| CliError::infrastructure(format!("the answer cannot be written: {cause}")))
}

/// What was found.
#[derive(Default)]
struct Found {
    problems: Diagnostics,
    /// A line for each kind of file, where nothing is wrong.
    said: Vec<String>,
    /// What is no error and is to be said all the same: entries that have expired or soon will.
    notes: Vec<String>,
    suites: Vec<Suite>,
    /// Whether the suites are all that others are to be compared with; `None` before they were read.
    whole: Option<bool>,
}

fn look(files: Files) -> Result<Found, CliError> {
    let mut found = Found::default();
    for kind in FileKind::ALL {
        if files.documents(kind).is_empty() {
            continue;
        }
        let (said, problems) = read(kind, &files, &mut found)?;
        found.said.push(format!("{said}: all valid"));
        found.problems.absorb(problems);
    }
    if !files.snapshots.is_empty() {
        found.problems.absorb(snapshots(&files.snapshots));
        found.said.push(format!("{}: all valid", count(files.snapshots.len(), "snapshot")));
    }
    found.problems.absorb(files.problems);
    found.problems.settle();
    Ok(found)
}

/// Reads the files of a kind: what they are, and what is wrong with them. Suites come first, since others are compared
/// with them.
fn read(kind: FileKind, files: &Files, found: &mut Found) -> Result<(String, Diagnostics), CliError> {
    let vocabulary = load::vocabulary();
    let paths = files.paths(kind);
    let number = paths.len();
    Ok(match kind {
        FileKind::Suite => {
            // A file of tests in a directory must be included by one of these.
            let tests = files.documents(FileKind::Tests).iter().filter(|source| source.found);
            let sources: Vec<_> = files.documents(kind).iter().chain(tests).cloned().collect();
            let mut problems = Diagnostics::new();
            found.suites = muster_suite::load_sources(&sources, &vocabulary, &mut problems);
            found.whole = Some(problems.is_empty());
            let suites = &found.suites;
            let tests: usize = suites.iter().map(|suite| suite.tests.len()).sum();
            let assertions: usize = suites.iter().flat_map(|suite| &suite.tests).map(assertions).sum();
            let (suites, tests) = (count(suites.len(), "suite"), count(tests, "test"));
            (format!("{suites}, {tests}, {assertions} assertions and steps"), problems)
        }
        FileKind::Tests => {
            let mut problems = Diagnostics::new();
            for source in files.documents(kind) {
                muster_suite::load_tests(source, &vocabulary, &mut problems);
            }
            (format!("{} of tests that suites include", count(number, "file")), problems)
        }
        FileKind::Images => {
            let (entries, problems) = images::load(&paths, &vocabulary);
            (format!("{} in {}", count(entries.len(), "image"), count(number, "file")), problems)
        }
        FileKind::KnownIssues => {
            let compared = compared(found)?;
            let today = load::today();
            let (issues, problems) = known::load(&paths, &vocabulary, &found.suites, today);
            found.notes.extend(known::warnings(&issues, today));
            let problems =
                if compared { problems } else { problems.without(&[codes::UNKNOWN_TEST, codes::NEVER_TRUE]) };
            (format!("{} in {}", count(issues.len(), "known issue"), count(number, "file")), problems)
        }
        FileKind::Proofs => {
            let compared = compared(found)?;
            let (proofs, problems) = proofs::load(&paths, &vocabulary, &found.suites);
            let problems = if compared { problems } else { problems.without(&[codes::UNKNOWN_TEST]) };
            (format!("{} in {}", count(proofs.len(), "proof"), count(number, "file")), problems)
        }
        FileKind::ConsoleRules => {
            let (rules, problems) = Rules::check(&paths);
            (format!("{} in {}", count(rules, "console rule"), count(number, "file")), problems)
        }
        FileKind::Deviations => {
            let mut problems = Diagnostics::new();
            let entries = deviations::load(&paths, &kinds::names(), &vocabulary, &mut problems);
            found.notes.extend(deviations::warnings(&entries, load::today()));
            (format!("{} in {}", count(entries.len(), "deviation"), count(number, "file")), problems)
        }
        FileKind::ForeignChecks => {
            let (lists, problems) = match compared(found)? {
                true => foreign::load(&paths, &vocabulary, &found.suites),
                false => foreign::load_alone(&paths, &vocabulary),
            };
            let checks: usize = lists.iter().map(|list| list.checks.len()).sum();
            (format!("{} of {}", count(checks, "check"), count(lists.len(), "other tool")), problems)
        }
        FileKind::Policy => {
            let mut problems = Diagnostics::new();
            let read = policy::load_in_part(&paths, &vocabulary, &mut problems);
            for PolicyRead { policy, is_whole } in &read {
                let mut found = Diagnostics::new();
                if let Err(error) = against_profile(policy, &mut found) {
                    let file = &policy.location.file;
                    let problem = Diagnostic::new(codes::BAD_VALUE, file, policy.profile_span, error.what);
                    found.push(problem.help("`muster profile lock -o FILE` writes one"));
                }
                // Of a part, what is missing may be in the rest; whether the profile is there depends on nothing else.
                let certain = |problem: &&Diagnostic| *is_whole || problem.span == Some(policy.profile_span);
                found.iter().filter(certain).for_each(|problem| problems.push(problem.clone()));
            }
            let policies: Vec<&Policy> = read.iter().map(|read| &read.policy).collect();
            policies.iter().for_each(|policy| found.notes.extend(policy.unfamiliar()));
            // What it requires may come from a profile, whose tests are not counted here.
            let rules: usize = policies.iter().map(|policy| policy.rules.len()).sum();
            let number = policies.len();
            (format!("{number} polic{}, {}", if number == 1 { "y" } else { "ies" }, count(rules, "rule")), problems)
        }
        FileKind::Waivers => {
            let mut problems = Diagnostics::new();
            let entries = waivers::load(&paths, &vocabulary, &mut problems);
            found.notes.extend(waivers::warnings(&entries, load::today()));
            (format!("{} in {}", count(entries.len(), "waiver"), count(number, "file")), problems)
        }
    })
}

/// Whether there are suites to compare with: those that were named, which must be valid for that, else the project's.
/// With suites that are not valid, a test that seems to be missing may be one of theirs.
fn compared(found: &mut Found) -> Result<bool, CliError> {
    if let Some(whole) = found.whole {
        return Ok(whole);
    }
    let (suites, problems) = load::decode(&Selection::default())?;
    let whole = problems.is_empty();
    found.suites = suites;
    found.whole = Some(whole);
    found.problems.absorb(problems);
    Ok(whole)
}

fn snapshots(paths: &[Utf8PathBuf]) -> Diagnostics {
    let mut problems = Diagnostics::new();
    for path in paths {
        // Neither a device nor a pipe is opened.
        let why = match path.is_file() {
            true => read_accepted(path).err().map(|error| error.to_string()),
            false => Some("this is not a plain file".to_owned()),
        };
        if let Some(why) = why {
            problems.push(Diagnostic::about_file(codes::BAD_SNAPSHOT, &path.as_str().into(), why));
        }
    }
    problems
}

fn assertions(test: &Test) -> usize {
    let expected = test.expect.iter().map(|clause| clause.assertions(&|e| e.assertions.len() as u32)).sum::<u32>();
    expected as usize + test.steps.len() + test.snapshots.len()
}

/// The errors, what their codes mean, and where what they are about is explained.
fn report(diagnostics: &Diagnostics, project: Option<&Project>) {
    load::report(diagnostics);
    footer(diagnostics, project).iter().for_each(|line| say_error(line));
}

/// A line for each code that is explained somewhere. A page is named where it is: in a checkout.
fn footer(diagnostics: &Diagnostics, project: Option<&Project>) -> Vec<String> {
    let kind = |diagnostic: &Diagnostic| diagnostics.sources().get(&diagnostic.file).and_then(FileKind::of_text);
    let found: BTreeSet<(&str, FileKind)> = diagnostics
        .iter()
        .filter(|diagnostic| codes::explained(diagnostic.code).is_some())
        .map(|diagnostic| (diagnostic.code, kind(diagnostic).unwrap_or(FileKind::Suite)))
        .collect();
    let width = found.iter().map(|(code, _)| code.len()).max().unwrap_or_default();
    let mut lines: Vec<String> = Vec::new();
    for (code, kind) in found {
        let page = project.and_then(|project| project.page(kind.page()));
        let place = match (page, codes::explained(code)) {
            // The headings are those of the page about suites.
            (Some(page), Some((line, heading))) if kind.page() == FileKind::Suite.page() => {
                format!(" See {page}:{line} ({heading})")
            }
            (Some(page), _) => format!(" See {page}"),
            (None, _) => String::new(),
        };
        let line = format!("{code:width$}  {}{place}", codes::meaning(code).unwrap_or_default());
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if !lines.is_empty() {
        lines.push("`muster reference NAME` explains a key or a check type".to_owned());
    }
    lines
}
