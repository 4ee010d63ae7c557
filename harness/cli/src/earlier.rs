//! An earlier run, as a person names it: by its id, its directory, its archive, or `last`.

use std::ffi::OsString;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::CliError;
use super::output::say_error;
use super::project::{Project, short};
use super::settings::taken::{self, Named};
use muster_base::text::one_line;
use muster_record::journal;
use muster_record::layout::FileError;
use muster_record::open::{self, OpenError, Opened};
use muster_record::run::{EarlierRun, RunRecord};
use muster_suite::diagnostic::did_you_mean;

/// Stands for the newest run.
pub(crate) const LAST: &str = "last";

/// The same, as other programs call it.
const LATEST: &str = "latest";

/// Whether it stands for the newest run, which is another one later.
pub(crate) fn is_newest(typed: &str) -> bool {
    typed == LAST || typed == LATEST
}

/// An earlier run that was read.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    /// What is known of it.
    pub(crate) opened: Opened,
    /// Where it is: its directory, or its archive.
    pub(crate) place: Utf8PathBuf,
}

impl Earlier {
    /// Whether it was read from an archive, so that its directory is gone when this is.
    pub(crate) fn is_archive(&self) -> bool {
        self.opened.unpacked.is_some()
    }

    /// Whether it is an archive that has the suites of its run.
    pub(crate) fn brings_suites(&self) -> bool {
        self.is_archive() && self.opened.dir.suites().is_dir()
    }

    /// How a run that goes on with it refers to it.
    pub(crate) fn reference(&self) -> Result<EarlierRun, FileError> {
        self.opened.reference(&short(&self.place))
    }

    /// An error when what is to be written next to its files would be lost. `instead` says what to do.
    pub(crate) fn writable(&self, instead: &str) -> Result<(), CliError> {
        match self.is_archive() {
            false => Ok(()),
            true => {
                let what = format!("{} is an archive, in which nothing is written", short(&self.place));
                Err(CliError::invalid(what).hint(instead))
            }
        }
    }
}

/// Runs that are looked at for the one before.
const LOOKED_AT: usize = 10;

/// Reads the run that was named. `argument` is what took the name: `--failed`, `RUN`. What a reader should know of the
/// record is printed as a note.
pub(crate) fn open(project: &Project, argument: &str, typed: &str) -> Result<Earlier, CliError> {
    open_at(argument, find(project, argument, typed)?)
}

/// Reads the run that [`find`] has found, and prints the same notes.
pub(crate) fn open_at(argument: &str, place: Utf8PathBuf) -> Result<Earlier, CliError> {
    let earlier = read_at(argument, place)?;
    for note in &earlier.opened.notes {
        say_error(&format!("note: {}: {}", short(&earlier.place), muster_base::text::one_line(note, 500)));
    }
    Ok(earlier)
}

fn read(project: &Project, argument: &str, typed: &str) -> Result<Earlier, CliError> {
    read_at(argument, find(project, argument, typed)?)
}

/// Reads the run in this directory or archive.
pub(crate) fn read_at(argument: &str, place: Utf8PathBuf) -> Result<Earlier, CliError> {
    let opened = open::open(&place).map_err(|error| CliError::about(argument, error))?;
    Ok(Earlier { opened, place })
}

/// A run with which another one goes on, which must not be at work itself.
pub(crate) fn open_ended(project: &Project, argument: &str, typed: &str) -> Result<Earlier, CliError> {
    let earlier = open(project, argument, typed)?;
    if !earlier.is_archive() && journal::is_written(&earlier.opened.dir.events()) {
        let what = format!("{argument}: the run in {} goes on", short(&earlier.place));
        return Err(CliError::invalid(what).hint("wait for its end; `muster runs list` shows it"));
    }
    Ok(earlier)
}

impl Earlier {
    /// The run whose results are kept: this one, or the one that it was to go on with when it ended before it had a plan.
    pub(crate) fn with_results(self, project: &Project, argument: &str) -> Result<Self, CliError> {
        let mut earlier = self;
        while earlier.opened.record.tests.is_empty() {
            let Some(before) = earlier.opened.record.earlier.last().cloned() else { break };
            let what = format!("{argument}: the run in {} ended before it began", short(&earlier.place));
            let named = Utf8PathBuf::from(&before.directory);
            let place = if named.exists() { named } else { project.runs().join(one_line(&before.id, 120)) };
            let found = read_at(argument, place).map_err(|error| {
                let what = format!("{what}, and the one that it goes on with cannot be read: {}", error.what);
                CliError { what, ..error }
            })?;
            let reference = found.reference()?;
            if (&reference.id, &reference.sha256) != (&before.id, &before.sha256) {
                let other = one_line(&before.directory, 200);
                let what = format!("{what}, and {other} is not what it was then");
                return Err(CliError::invalid(what).hint("name the run itself whose results are to be kept"));
            }
            say_error(&format!("note: {what}; the results are those of {}", short(&found.place)));
            earlier = found;
        }
        Ok(earlier)
    }
}

/// The command line with the options of the run that it goes on with, and what there is to say of them.
pub(crate) fn taken(root: &clap::Command, words: Vec<OsString>) -> Result<(Vec<OsString>, Option<String>), CliError> {
    let Some(Named { option, run }) = taken::named(root, &words) else { return Ok((words, None)) };
    let earlier = read(&Project::find()?, option, &run)?;
    let record = &earlier.opened.record;
    let from = match earlier.is_archive() {
        true => taken::From::Archive { with_suites: earlier.brings_suites() },
        false => taken::From::Here,
    };
    let Some(taken) = taken::take(root, words, &record.arguments, from) else {
        let what = format!("{option}: {} was not made by a `muster run` of this version", short(&earlier.place));
        return Err(CliError::invalid(what).hint("its options cannot be taken over: name them with `--failed` instead"));
    };
    if taken.lacks_connect {
        let what = format!("{option}: {} was about a machine that was connected to", short(&earlier.place));
        let hint = "an archive does not decide whom to connect to: add --connect USER@HOST and --identity FILE";
        return Err(CliError::invalid(what).hint(hint));
    }
    let id = one_line(&record.id, 120);
    let mut note = match taken.shown.is_empty() {
        true => format!("no option is taken from {id}"),
        false => format!("taken from {id}: {}", taken.shown),
    };
    if !taken.given.is_empty() {
        let (given, them) = (taken.given.join(", "), if taken.given.len() == 1 { "it" } else { "them" });
        note.push_str(&format!(
            "; {given} {} typed here, and results that are kept may have been found without {them}: to run all tests with {them}, leave out {option}",
            if taken.given.len() == 1 { "is" } else { "are" }
        ));
    }
    Ok((taken.words, Some(note)))
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
    let whole = |record: &RunRecord| record.finished.is_some() && !record.interrupted && record.shard.is_none();
    records.into_iter().find(|record| whole(record) && about(record))
}

/// The directory or the archive of the run that was named.
pub(crate) fn find(project: &Project, argument: &str, typed: &str) -> Result<Utf8PathBuf, CliError> {
    let runs = project.runs();
    let is_run = |dir: &Utf8Path| dir.join("run.json").is_file() || dir.join("events.jsonl").is_file();
    let entries = runs.read_dir_utf8().into_iter().flatten().flatten();
    let mut ids: Vec<String> =
        entries.filter(|entry| is_run(entry.path())).map(|entry| entry.file_name().to_owned()).collect();
    ids.sort();
    let runs_shown = short(&runs);
    if is_newest(typed) {
        // Ids sort by time; what cargo's tests leave begins with a word.
        let newest = ids.iter().rev().find(|id| id.starts_with(|c: char| c.is_ascii_digit()));
        return newest.map(|id| runs.join(id)).ok_or_else(|| {
            let what = format!("{argument} last: there is no run in {runs_shown}");
            let named = match argument.strip_prefix("--") {
                Some(_) => format!(": `{argument} DIRECTORY`"),
                None => format!(" in place of `{typed}`"),
            };
            CliError::invalid(what).hint(format!("name the directory of a run{named}"))
        });
    }
    let path = Utf8PathBuf::from(typed);
    for place in [path.clone(), runs.join(typed)] {
        if is_run(&place) || place.is_file() {
            return Ok(place);
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
