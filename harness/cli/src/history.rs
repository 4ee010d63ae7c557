//! `muster history`: what is new, what goes on, what was fixed and what is flaky, over many runs and without a server.

use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::CliError;
use super::output::{OutputFormat, say, say_error};
use super::project::{Project, short};
use muster_base::exit::Exit;
use muster_base::glob;
use muster_record::history::{self, FILE, HistoryEntry};
use muster_record::open;
use muster_report::history::{SeriesState, json, series, text};

/// Show what is new, what goes on, what was fixed and what is flaky over many runs
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every run adds a line to history.jsonl in the directory of runs. The file is only appended to, and two files \
                  put one behind the other are one: keep it in a cache or an artifact of a nightly job. Of a directory without one, the \
                  runs in it are read. A series is one test on one distribution, shape of machine and accelerator.

Exit codes: 0 no failure is new · 1 one is, or fails in the only run that has a result · 2 a history cannot be read

Examples:
  muster history                                     the runs of this checkout
  muster history nightly/history.jsonl ci/runs       several histories as one
  muster history --test 'security/*' --all           every series of a suite"
)]
pub(crate) struct Arguments {
    /// Files (history.jsonl), archives of runs, or directories of runs [default: reports/runs of a checkout, else ./muster-runs]
    #[arg(value_name = "FILE|DIR")]
    from: Vec<Utf8PathBuf>,
    /// Only tests whose `suite/test` matches this glob
    #[arg(long, value_name = "GLOB")]
    test: Option<String>,
    /// List every series, not only the first twenty of a kind
    #[arg(long)]
    all: bool,
    /// How they are printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let mut from = arguments.from.clone();
    if from.is_empty() {
        from.push(Project::find()?.runs());
    }
    let mut entries = Vec::new();
    for path in &from {
        entries.extend(read(path)?);
    }
    let mut entries = history::merged(entries);
    if let Some(wanted) = &arguments.test {
        entries.iter_mut().for_each(|entry| entry.tests.retain(|test| glob::matches(wanted, &test.name)));
    }
    if entries.is_empty() {
        let places: Vec<String> = from.iter().map(|path| short(path).to_string()).collect();
        return Err(CliError::invalid(format!("there is no run in {}", places.join(", ")))
            .hint("name a history.jsonl, or a directory that holds the directories of runs"));
    }
    let found = series(&entries);
    if found.is_empty() {
        return Err(
            CliError::invalid("no test of these runs is meant by --test").hint("`muster history --all` lists them")
        );
    }
    match arguments.format {
        OutputFormat::Text => say(text(&found, entries.len(), arguments.all).trim_end()),
        OutputFormat::Json => {
            say(&serde_json::to_string_pretty(&json::document(&found, entries.len())).unwrap_or_default())
        }
    }
    let new = found.iter().any(|one| matches!(one.state, SeriesState::New | SeriesState::First));
    Ok(if new { Exit::Failed } else { Exit::Pass })
}

/// A history, the archive of a run, or the runs and archives of a directory that has none.
fn read(path: &Utf8Path) -> Result<Vec<HistoryEntry>, CliError> {
    if is_archive(path) {
        let opened = open::open(path)?;
        let entry = HistoryEntry::is_kept(&opened.record).then(|| HistoryEntry::of(&opened.record));
        return entry.map(|entry| vec![entry]).ok_or_else(|| {
            CliError::invalid(format!(
                "{}: the run did not end or is one shard, and is no part of a history",
                short(path)
            ))
        });
    }
    if !path.exists() {
        return Err(CliError::invalid(format!("there is no run in {}: the directory does not exist", short(path)))
            .hint("name a history.jsonl, or a directory that holds the directories of runs"));
    }
    let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
    if file.is_file() || !path.is_dir() {
        let (entries, cut) = history::read(&file)?;
        if cut > 0 {
            say_error(&format!("note: {}: {cut} cut line(s) were left out", short(&file)));
        }
        return Ok(entries);
    }
    let dirs = path.read_dir_utf8().map_err(|error| CliError::invalid(format!("{path}: {error}")))?;
    let mut entries = Vec::new();
    let is_run =
        |path: &Utf8Path| path.join("run.json").is_file() || path.extension() == Some("zip") && is_archive(path);
    for dir in dirs.flatten().filter(|entry| is_run(entry.path())) {
        match open::open(dir.path()) {
            Ok(opened) if HistoryEntry::is_kept(&opened.record) => entries.push(HistoryEntry::of(&opened.record)),
            Ok(_) => say_error(&format!(
                "note: {}: the run did not end or is one shard, and was left out",
                short(dir.path())
            )),
            Err(error) => say_error(&format!("note: {error}; the run was left out")),
        }
    }
    Ok(entries)
}

/// Whether a file begins as archives do.
fn is_archive(path: &Utf8Path) -> bool {
    let mut start = [0; 4];
    path.is_file()
        && std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == *b"PK\x03\x04"
}

/// Adds a run that ended to a history. One that cannot be written is no reason to fail a run.
pub(crate) fn keep(file: &Utf8Path, record: &muster_record::run::RunRecord) {
    if HistoryEntry::is_kept(record)
        && let Err(error) = history::append(file, &HistoryEntry::of(record))
    {
        say_error(&format!("note: {error}"));
    }
}
