//! `muster compare`: two systems compared, and the gate on what nobody has documented.

mod after;
mod facts_file;
mod reading;
mod sides;

use camino::{Utf8Path, Utf8PathBuf};

use self::after::After;
pub(crate) use self::facts_file::is_facts;
pub(crate) use self::reading::Reading;
use self::reading::System;
use self::sides::{Side, Sides};
use super::error::CliError;
use super::load::{self, Selection};
use super::output::{OutputFormat, say, say_error};
use super::session::MachineOptions;
use muster_base::exit::Exit;
use muster_base::text::one_line;
use muster_compare::azldev;
use muster_compare::comparison::compare;
use muster_compare::facts::Facts;
use muster_compare::item::Part;
use muster_compare::kind::{FactKind, Scope};
use muster_compare::kinds;
use muster_compare::verdict::{ComparisonResult, evaluate};
use muster_compare::{json, markdown, text};
use muster_suite::deviations::{self, Deviation};
use muster_suite::diagnostic::Diagnostics;

/// Compare two systems, and fail on differences that nobody has documented
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 every difference is documented · 1 some are not · 2 invalid ledger or usage · \
3 a system, or a kind of facts, could not be read · 4 only stale or expired entries

Examples:
  muster compare fedora-43 my.vhd --candidate-image-format vhd --ledger deviations.yaml
  muster compare fedora-43.facts.json my.qcow2 --azldev ~/azurelinux --format markdown
  muster compare lab --save-facts lab.facts.json       only read one system
  muster compare next.qcow2 my.qcow2 --candidate-after upgrade/restarts-well
                                                       an upgraded system and a new one
  muster compare old.json new.json --only package,unit --all")]
pub(crate) struct Arguments {
    /// What is compared with: an image, a disk file, the directory of a run (its image boots again), or a facts file (*.json)
    #[arg(value_name = "BASELINE")]
    baseline: String,
    /// What is checked, in the same ways; may be left out with --save-facts
    #[arg(value_name = "CANDIDATE", required_unless_present = "save_facts")]
    candidate: Option<String>,
    /// Run this test on the baseline first, with those that it needs, and compare the result
    #[arg(long, value_name = "SUITE/TEST")]
    baseline_after: Option<String>,
    /// The same of the candidate: what an upgrade or an installation makes of it
    #[arg(long, value_name = "SUITE/TEST", requires = "candidate")]
    candidate_after: Option<String>,
    /// Where these tests are: suite files or directories [default: those that ship with muster, and ./suites]
    #[arg(long, value_name = "PATH")]
    suites: Vec<Utf8PathBuf>,
    /// Ledgers of documented deviations (deviations/v1): files or directories; may be repeated
    #[arg(long, value_name = "PATH")]
    ledger: Vec<Utf8PathBuf>,
    /// Azure Linux's TOML tree, whose overlays document differences of their packages
    #[arg(long, value_name = "DIR")]
    azldev: Option<Utf8PathBuf>,
    /// Keep the facts of the last system that is named, for later comparisons
    #[arg(long, value_name = "FILE")]
    save_facts: Option<Utf8PathBuf>,
    /// Only these kinds of facts
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds_parser())]
    only: Vec<String>,
    /// All kinds of facts but these
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds_parser(), conflicts_with = "only")]
    ignore: Vec<String>,
    /// Compare the files below this directory instead of the default ones; may be repeated
    #[arg(long = "tree", value_name = "DIR", value_parser = tree)]
    trees: Vec<String>,
    /// How the comparison is printed
    #[arg(long, value_enum, default_value_t)]
    format: Output,
    /// List documented differences too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    machines: Sides,
}

/// How a comparison is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    #[default]
    Text,
    /// For programs (comparison/v1)
    Json,
    /// For the comment of a pull request
    Markdown,
}

fn kinds_parser() -> clap::builder::PossibleValuesParser {
    kinds::names().into()
}

/// What a tree is, said of what is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an absolute path of a directory, without `..`, and not / itself")]
struct NoTree;

fn tree(text: &str) -> Result<String, NoTree> {
    let path = Utf8Path::new(text);
    let plain = path.is_absolute() && !path.as_str().chars().any(char::is_control);
    let inside = path.components().all(|part| part.as_str() != "..");
    match plain && inside && path.parent().is_some() {
        true => Ok(text.trim_end_matches('/').to_owned()),
        false => Err(NoTree),
    }
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    let kinds: Vec<&'static dyn FactKind> = kinds::all()
        .iter()
        .copied()
        .filter(|kind| arguments.only.is_empty() || arguments.only.iter().any(|word| word == kind.name()))
        .filter(|kind| !arguments.ignore.iter().any(|word| word == kind.name()))
        .collect();
    if kinds.is_empty() {
        return Err(CliError::invalid("--ignore leaves no kind of facts to compare"));
    }
    // Before anything is booted for minutes.
    let (entries, overlays) = documents(&arguments)?;
    let scope = match arguments.trees.is_empty() {
        true => Scope::default(),
        false => Scope { trees: arguments.trees.clone() },
    };
    let (before_baseline, before_candidate) = tests_before(&arguments)?;
    let reading = Reading { kinds: &kinds, scope: &scope };
    let [of_baseline, of_candidate] = machines(&arguments)?;
    // Both are found before one is booted.
    let baseline = System::find(&arguments.baseline, &of_baseline)?;
    let candidate = arguments.candidate.as_ref().map(|named| System::find(named, &of_candidate)).transpose()?;
    let baseline = reading.facts(baseline, before_baseline, &of_baseline)?;
    let candidate = candidate.map(|system| reading.facts(system, before_candidate, &of_candidate)).transpose()?;
    if let Some(path) = &arguments.save_facts {
        save(path, candidate.as_ref().unwrap_or(&baseline))?;
    }
    let Some(candidate) = candidate else {
        return Ok(read_one(&baseline, &kinds));
    };
    let today = jiff::Zoned::now().date();
    let comparison = compare(&kinds, &baseline, &candidate);
    let verdict = evaluate(comparison, (&baseline, &candidate), &entries, overlays.as_ref(), today);
    print(&verdict, &arguments)
}

/// How the baseline and the candidate are booted. An option that changes nothing is refused.
fn machines(arguments: &Arguments) -> Result<[MachineOptions; 2], CliError> {
    let named = [(Side::Baseline, Some(&arguments.baseline)), (Side::Candidate, arguments.candidate.as_ref())];
    let is_booted = |(_, named): &&(Side, Option<&String>)| named.is_some_and(|named| !is_facts(named));
    let booted: Vec<Side> = named.iter().filter(is_booted).map(|(side, _)| *side).collect();
    let idle = arguments.machines.idle(&booted);
    if !idle.is_empty() {
        let what = format!("{} says how a system is booted that is not booted here", idle.join(", "));
        return Err(CliError::invalid(what).hint("leave it out, or name an image in place of the facts file"));
    }
    Ok([arguments.machines.of(Side::Baseline)?, arguments.machines.of(Side::Candidate)?])
}

/// The tests that are run on the baseline and the candidate before they are read.
fn tests_before(arguments: &Arguments) -> Result<(Option<After>, Option<After>), CliError> {
    let Arguments { suites, baseline, baseline_after, candidate, candidate_after, .. } = arguments;
    if baseline_after.is_none() && candidate_after.is_none() {
        return match suites.is_empty() {
            true => Ok((None, None)),
            false => Err(CliError::invalid("--suites needs --baseline-after or --candidate-after; neither is given")
                .hint("name it: --candidate-after SUITE/TEST")),
        };
    }
    let loaded = load::suites(&Selection { suites: suites.clone(), ..Selection::default() }, OutputFormat::Text)?;
    let find = |system: Option<&String>, test: &Option<String>| match (system, test) {
        (Some(system), Some(test)) => After::find(&loaded, suites, test, system).map(Some),
        _ => Ok(None),
    };
    Ok((find(Some(baseline), baseline_after)?, find(candidate.as_ref(), candidate_after)?))
}

/// What documents differences; everything that is wrong with it is printed.
fn documents(arguments: &Arguments) -> Result<(Vec<Deviation>, Option<azldev::Tree>), CliError> {
    let mut sink = Diagnostics::new();
    let entries = match arguments.ledger.is_empty() {
        true => Vec::new(),
        false => deviations::load(&arguments.ledger, &kinds::names(), &load::vocabulary(), &mut sink),
    };
    let tree = arguments.azldev.as_ref().map(|dir| azldev::load(dir, &mut sink));
    sink.settle();
    load::valid(((entries, tree), sink))
}

/// When only one system was read: whether all of it could be.
fn read_one(facts: &Facts, kinds: &[&'static dyn FactKind]) -> Exit {
    let mut exit = Exit::Pass;
    for kind in kinds {
        if let Part::Unreadable(why) = facts.part(kind.name()) {
            say_error(&format!("error: {}: {}", kind.name(), one_line(&why, 400)));
            exit = Exit::Error;
        }
    }
    exit
}

fn save(path: &Utf8Path, facts: &Facts) -> Result<(), CliError> {
    let text = facts
        .to_json()
        .map_err(|error| CliError::infrastructure(format!("the facts cannot be written as JSON: {error}")))?;
    Ok(muster_base::files::write_atomically(path, text.as_bytes())?)
}

fn print(verdict: &ComparisonResult, arguments: &Arguments) -> Result<Exit, CliError> {
    match arguments.format {
        Output::Text => say(text::render(verdict, arguments.all).trim_end()),
        Output::Markdown => say(markdown::render(verdict).trim_end()),
        Output::Json => say(&json::render(verdict).map_err(|error| CliError::infrastructure(error.to_string()))?),
    }
    let exit = verdict.exit();
    if exit == Exit::Invalid {
        return Err(CliError::invalid("nothing was compared: neither system has any of these kinds of facts"));
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_absolute_and_not_everything() {
        assert_eq!(tree("/usr/share/").as_deref(), Ok("/usr/share"));
        for bad in ["/", "etc", "/etc/../root", "/a\nb", ""] {
            assert!(tree(bad).is_err(), "{bad}");
        }
    }
}
