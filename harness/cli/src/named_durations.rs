//! `--durations`: how long tests took, by which a run is divided.

use camino::{Utf8Path, Utf8PathBuf};

use super::earlier;
use super::error::CliError;
use super::project::{Project, short};
use super::text_file;
use muster_base::text::one_line;
use muster_record::durations::Durations;
use muster_record::open;

/// Durations that a person names.
#[derive(Debug)]
pub(crate) struct NamedDurations {
    pub(crate) durations: Durations,
    /// As they are named again: of `last`, which another run may be by then, the directory.
    pub(crate) place: Utf8PathBuf,
}

/// Durations that a person names, by a file of them or by a run: they decide which test runs where, so a file that is none is an error.
pub(crate) fn read(path: &Utf8Path) -> Result<NamedDurations, CliError> {
    let named = |durations| NamedDurations { durations, place: path.to_owned() };
    if path.file_name() == Some("run.json") {
        let record = open::of_record(path).map_err(|error| CliError::about("--durations", error))?;
        return Ok(named(Durations::of_run(&record)));
    }
    let is_file = path.extension() == Some("json") || path.is_file() && path.extension() != Some("zip");
    if !is_file {
        // Those of one that goes on change, so that shards would be divided by different ones.
        let earlier = earlier::open_ended(&Project::find()?, "--durations", path.as_str()).map_err(|error| {
            let neither = !path.exists() && !earlier::is_newest(path.as_str());
            if neither { error.hint("name a run, or the durations.json that `muster merge` writes") } else { error }
        })?;
        let place = if earlier::is_newest(path.as_str()) { short(&earlier.place) } else { path.to_owned() };
        return Ok(NamedDurations { durations: Durations::of_run(&earlier.opened.record), place });
    }
    file_of_durations(path).map(named)
}

fn file_of_durations(path: &Utf8Path) -> Result<Durations, CliError> {
    let text =
        text_file::read(path).map_err(|error| CliError { what: format!("--durations: {}", error.what), ..error })?;
    Durations::parse(&text).map_err(|error| {
        let what = format!("--durations {path}: it has no durations: {}", one_line(&error.to_string(), 200));
        CliError::invalid(what).hint("name a run, or the durations.json that `muster merge` writes")
    })
}
