//! `muster list`: the tests that would be selected.

use super::error::CliError;
use super::load::{self, Filter, Selection};
use super::output::{OutputFormat, say};
use muster_base::exit::Exit;

/// List the tests that would be selected, without starting anything
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster list -E 'tier0 and not slow'
  muster list kernel 'security/ssh*'")]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    selection: Selection,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

impl Arguments {
    /// The same selection, as text: what `muster run --list` means.
    pub(crate) fn of(selection: Selection) -> Self {
        Self { filter: Filter::default(), selection, format: OutputFormat::Text }
    }
}

pub(crate) fn execute(mut arguments: Arguments) -> Result<Exit, CliError> {
    arguments.filter.add_to(&mut arguments.selection)?;
    let loaded = load::suites(&arguments.selection, OutputFormat::Text)?;
    load::report_ignored(&arguments.selection);
    let selected = load::select(&loaded, &arguments.selection)?;
    for line in load::not_meant(&loaded, &arguments.selection, &selected) {
        crate::output::say_error(&format!("note: {}", muster_base::text::one_line(&line, 1000)));
    }
    let tests = selected.tests.iter().map(|index| index.of(&loaded.suites));
    if arguments.format == OutputFormat::Json {
        let rows: Vec<_> = tests
            .map(|(suite, test)| {
                serde_json::json!({
                    "name": format!("{}/{}", suite.name, test.id),
                    "suite": suite.name,
                    "test": test.id,
                    "summary": test.summary,
                    "tags": test.tags,
                    "needs": test.needs,
                    "when": test.when.as_ref().map(|when| when.condition.to_string()),
                    "file": &*test.location.file,
                    "line": test.location.line,
                })
            })
            .collect();
        say(&serde_json::to_string_pretty(&rows).unwrap_or_default());
        return Ok(Exit::Pass);
    }
    let rows: Vec<(String, &str)> = tests.map(|(s, t)| (format!("{}/{}", s.name, t.id), t.summary.as_str())).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, summary) in &rows {
        say(&format!("{name:width$}  {}", muster_base::text::one_line(summary, 110)));
    }
    say(&format!("{} tests", rows.len()));
    Ok(Exit::Pass)
}
