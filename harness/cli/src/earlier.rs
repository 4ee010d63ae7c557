//! An earlier run, as a person names it: by its id, its directory, or `last`.

use camino::{Utf8Path, Utf8PathBuf};

use super::error::CliError;
use super::output::say_error;
use super::project::{Project, short};
use muster_record::open::{self, OpenError, Opened};
use muster_record::run::RunRecord;
use muster_suite::diagnostic::did_you_mean;

/// Stands for the newest run.
pub(crate) const LAST: &str = "last";

/// Runs that are looked at for the one before.
const LOOKED_AT: usize = 10;

/// Reads the run that was named. `argument` is what took the name: `--failed`, `RUN`. What a reader should know of the
/// record is printed as a note.
pub(crate) fn open(project: &Project, argument: &str, typed: &str) -> Result<Opened, CliError> {
    let dir = find(project, argument, typed)?;
    let opened = open::open(&dir).map_err(|error| CliError::about(argument, error))?;
    for note in &opened.notes {
        say_error(&format!("note: {}: {}", short(&dir), muster_base::text::one_line(note, 500)));
    }
    Ok(opened)
}

/// The newest run of the project that ended and was about one of these images; none where there is none or it cannot be
/// read. Nobody asked for it, so that is not said.
pub(crate) fn newest(project: &Project, images: &[String]) -> Option<RunRecord> {
    let mut ids: Vec<Utf8PathBuf> =
        project.runs().read_dir_utf8().ok()?.flatten().map(|entry| entry.into_path()).collect();
    ids.retain(|path| path.file_name().is_some_and(|name| name.starts_with(|c: char| c.is_ascii_digit())));
    ids.sort();
    let about = |record: &RunRecord| images.iter().any(|image| record.images.contains_key(image));
    let records = ids.iter().rev().take(LOOKED_AT).filter_map(|dir| open::of_record(&dir.join("run.json")).ok());
    records.into_iter().find(|record| record.finished.is_some() && !record.interrupted && about(record))
}

/// The directory of the run that was named.
pub(crate) fn find(project: &Project, argument: &str, typed: &str) -> Result<Utf8PathBuf, CliError> {
    let runs = project.runs();
    let is_run = |dir: &Utf8Path| dir.join("run.json").is_file() || dir.join("events.jsonl").is_file();
    let entries = runs.read_dir_utf8().into_iter().flatten().flatten();
    let mut ids: Vec<String> =
        entries.filter(|entry| is_run(entry.path())).map(|entry| entry.file_name().to_owned()).collect();
    ids.sort();
    let runs_shown = short(&runs);
    if typed == LAST {
        // Ids sort by time; what cargo's tests leave begins with a word.
        let newest = ids.iter().rev().find(|id| id.starts_with(|c: char| c.is_ascii_digit()));
        return newest.map(|id| runs.join(id)).ok_or_else(|| {
            let what = format!("{argument} last: there is no run in {runs_shown}");
            CliError::invalid(what).hint(format!("name the directory of a run: `{argument} DIRECTORY`"))
        });
    }
    let path = Utf8PathBuf::from(typed);
    for dir in [path.clone(), runs.join(typed)] {
        if is_run(&dir) {
            return Ok(dir);
        }
    }
    if path.is_dir() {
        return Err(CliError::about(argument, OpenError::NoRun(path)));
    }
    let error = CliError::invalid(format!("{argument} {typed}: there is no such run"));
    Err(error.hint(match did_you_mean(typed, ids.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? `last` is the newest in {runs_shown}"),
        None => format!("name an id in {runs_shown}, the directory of a run, or `last`"),
    }))
}
