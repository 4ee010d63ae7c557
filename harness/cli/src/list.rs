//! `muster list`: the tests that would be selected.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use super::error::CliError;
use super::load::{self, Filter, Loaded, Selected, Selection};
use super::output::{OutputFormat, say, say_note};
use super::project::Project;
use super::session;
use super::shard::{Chosen, ShardOptions};
use muster_base::exit::Exit;
use muster_base::text::plural;
use muster_suite::model::{Suite, Test};
use muster_suite::select::TestIndex;

/// List the tests that would be selected, without starting anything
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster list -E 'tier0 and not slow'
  muster list kernel 'security/ssh*'
  muster list --shard 2/4 --image lab --image my.qcow2")]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    shard: ShardOptions,
    /// An image of the run, of the catalogue or a disk file; may be repeated. It decides what a shard has of the tests [default: lab];
    /// which of them apply to an image is decided in the run, by its facts
    #[arg(long, value_name = "NAME|FILE")]
    image: Vec<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
    /// Known issues of a run, which are read as the run reads them.
    #[arg(skip)]
    known_issues: Option<Vec<Utf8PathBuf>>,
}

impl Arguments {
    /// The same selection, as text: what `muster run --list` means.
    pub(crate) fn of(selection: Selection, image: Vec<String>, known_issues: Vec<Utf8PathBuf>) -> Self {
        let (filter, shard, format) = (Filter::default(), ShardOptions::default(), OutputFormat::Text);
        Self { filter, selection, shard, image, format, known_issues: Some(known_issues) }
    }
}

pub(crate) fn execute(mut arguments: Arguments) -> Result<Exit, CliError> {
    arguments.filter.add_to(&mut arguments.selection)?;
    if let Some(chosen) = arguments.shard.chosen()? {
        arguments.selection.shard = Some(chosen);
    }
    // A shard names its images itself.
    if !arguments.image.is_empty() && arguments.selection.shard.is_none() {
        session::image_ids(&Project::find()?, &arguments.image)?;
    }
    let loaded = load::suites(&arguments.selection, OutputFormat::Text)?;
    match &arguments.known_issues {
        Some(files) => {
            let (_, warnings) = load::known_issues(&loaded, &arguments.selection, files)?;
            warnings.iter().for_each(|line| say_note(line, 1000));
        }
        None => load::report_ignored(&arguments.selection),
    }
    let selected = load::select(&loaded, &arguments.selection)?;
    for line in load::not_meant(&loaded, &arguments.selection, &selected) {
        say_note(&line, 1000);
    }
    if let Some(chosen) = &arguments.selection.shard {
        return of_shard(chosen, &loaded, &selected, &arguments);
    }
    let tests = selected.tests.iter().map(|index| index.of(&loaded.suites));
    if arguments.format == OutputFormat::Json {
        let rows: Vec<_> = tests.map(|(suite, test)| row(suite, test)).collect();
        say(&serde_json::to_string_pretty(&rows).unwrap_or_default());
        return Ok(Exit::Pass);
    }
    let rows: Vec<(String, &str)> = tests.map(|(s, t)| (format!("{}/{}", s.name, t.id), t.summary.as_str())).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, summary) in &rows {
        say(&format!("{name:width$}  {}", muster_base::text::one_line(summary, 110)));
    }
    say(&format!("{} test{}", rows.len(), plural(rows.len())));
    Ok(Exit::Pass)
}

fn row(suite: &Suite, test: &Test) -> serde_json::Value {
    serde_json::json!({
        "name": format!("{}/{}", suite.name, test.id),
        "suite": suite.name,
        "test": test.id,
        "summary": test.summary,
        "tags": test.tags,
        "needs": test.needs,
        "machines": test.machine_names(),
        "when": test.when.as_ref().map(|when| when.condition.to_string()),
        "file": &*test.location.file,
        "line": test.location.line,
    })
}

/// The tests of one shard, on each image that it has.
fn of_shard(chosen: &Chosen, loaded: &Loaded, selected: &Selected, arguments: &Arguments) -> Result<Exit, CliError> {
    let typed = if arguments.image.is_empty() { vec!["lab".to_owned()] } else { arguments.image.clone() };
    let images = session::image_ids(&Project::find()?, &typed)?;
    let division = chosen.division(&loaded.suites, &selected.tests, &images)?;
    let part = chosen.part(&division)?;
    let tests = || {
        let on = |(image, tests): (&'_ String, &'_ BTreeSet<TestIndex>)| {
            tests.iter().map(|index| (image.clone(), *index)).collect::<Vec<_>>()
        };
        part.tests.iter().flat_map(on)
    };
    if arguments.format == OutputFormat::Json {
        let on_image = |(image, index): (String, TestIndex)| {
            let (suite, test) = index.of(&loaded.suites);
            let mut row = row(suite, test);
            row["image"] = image.into();
            row
        };
        say(&serde_json::to_string_pretty(&tests().map(on_image).collect::<Vec<_>>()).unwrap_or_default());
        return Ok(Exit::Pass);
    }
    for (image, index) in tests() {
        let (suite, test) = index.of(&loaded.suites);
        say(&format!("{}/{} [{image}]", suite.name, test.id));
    }
    let (count, shard, seconds) = (tests().count(), chosen.shard, part.seconds.round());
    say(&format!(
        "{count} of {} tests in shard {} of {}, about {seconds} s with its boots, on one machine at a time",
        division.tests, shard.number, shard.of
    ));
    Ok(Exit::Pass)
}
