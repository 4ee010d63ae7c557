//! `muster diff`: two runs compared, from their directories alone.

use super::earlier;
use super::error::CliError;
use super::output::say;
use super::project::Project;
use muster_base::exit::Exit;
use muster_record::run::RunRecord;
use muster_report::difference::{self, Difference};

/// Compare two runs: what fails now and did not, what was fixed, and which facts of the images changed
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Runs are named by their ids, their directories or archives, or `last`. Neither the images nor the suites are needed.

Exit codes: 0 nothing got worse · 1 a test fails that did not, does not run any more or was removed, an image is gone, or a console \
                  shows a new crash · 2 a run cannot be read, or the two have no image in common · 3 the later run was interrupted, or ended with 2 or \
                  3, or has errors: whether something got worse is not known

Examples:
  muster diff runs/yesterday last                    the nightly question
  muster diff runs/a runs/b --rename lab=lab-next    the same image under two names
  muster diff runs/a runs/b --format markdown        for the comment of a pull request"
)]
pub(crate) struct Arguments {
    /// The earlier run
    #[arg(value_name = "BEFORE")]
    before: String,
    /// The later run
    #[arg(value_name = "AFTER")]
    after: String,
    /// An image of the earlier run that has another name in the later one; may be repeated
    #[arg(long, value_name = "OLD=NEW", value_parser = rename)]
    rename: Vec<(String, String)>,
    /// List every test and fact, not only the first twenty of a kind
    #[arg(long)]
    all: bool,
    /// How the comparison is printed
    #[arg(long, value_enum, default_value_t)]
    format: Output,
}

/// How the comparison is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    #[default]
    Text,
    /// For programs (diff/v1)
    Json,
    /// For the comment of a pull request
    Markdown,
}

/// What `--rename` is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("two names of one image, as OLD=NEW")]
struct NoRename;

fn rename(text: &str) -> Result<(String, String), NoRename> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_owned(), new.to_owned())),
        _ => Err(NoRename),
    }
}

pub(crate) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let project = Project::find()?;
    let mut before = earlier::open(&project, "BEFORE", &arguments.before)?.opened.record;
    let after = earlier::open(&project, "AFTER", &arguments.after)?.opened.record;
    for (old, new) in &arguments.rename {
        renamed(&mut before, old, new)?;
    }
    let difference = Difference::of(&before, &after)?;
    match arguments.format {
        Output::Text => say(difference::text(&difference, arguments.all).trim_end()),
        Output::Markdown => say(difference::markdown(&difference).trim_end()),
        Output::Json => {
            say(&serde_json::to_string_pretty(&difference::json::document(&difference)).unwrap_or_default())
        }
    }
    Ok(difference.exit())
}

/// Gives an image of a run the name that the later run has for it.
pub(crate) fn renamed(run: &mut RunRecord, old: &str, new: &str) -> Result<(), CliError> {
    let known: Vec<String> = run.images.keys().cloned().collect();
    let Some(image) = run.images.remove(old) else {
        return Err(super::names::unknown("image in the earlier run", old, known.iter().map(String::as_str), ""));
    };
    if run.images.contains_key(new) {
        return Err(CliError::invalid(format!("--rename {old}={new}: the earlier run has an image of that name, too")));
    }
    run.images.insert(new.to_owned(), image);
    run.tests.iter_mut().filter(|test| test.image == old).for_each(|test| test.image = new.to_owned());
    run.machines.iter_mut().filter(|machine| machine.image == old).for_each(|machine| machine.image = new.to_owned());
    Ok(())
}
