//! Files of snapshots that no test uses: what is left when a test was renamed or removed.

use camino::Utf8Path;

use super::place::Place;
use crate::error::CliError;
use crate::load::{self, Selection};
use crate::names;
use crate::output::OutputFormat;
use muster_suite::snapshot_files::beginning;

/// The names of the files, in order. Suites that are not valid are an error, and so is a directory without suites:
/// every file would be one that no test uses.
pub(super) fn find(place: &Place) -> Result<Vec<String>, CliError> {
    let loaded = load::suites(&Selection { suites: place.suites.clone(), ..Selection::default() }, OutputFormat::Text)?;
    let tests = || loaded.suites.iter().flat_map(|suite| suite.tests.iter().map(move |test| (suite, test)));
    if tests().next().is_none() {
        let suites: Vec<String> = place.suites.iter().map(ToString::to_string).collect();
        return Err(CliError::invalid(format!("there is no suite in {}", suites.join(", ")))
            .hint("the directory of snapshots is next to the suites that they are of: name it with --directory"));
    }
    let is_used = |file: &str| {
        tests().any(|(suite, test)| {
            test.snapshots.iter().any(|snapshot| file.starts_with(&beginning(&suite.name, &test.id, &snapshot.name)))
        })
    };
    let mut orphans = files(&place.dir)?;
    orphans.retain(|file| !is_used(file));
    orphans.sort();
    Ok(orphans)
}

/// Accepted and pending files.
fn files(dir: &Utf8Path) -> Result<Vec<String>, CliError> {
    let failed = |error| CliError::infrastructure(format!("cannot read the directory {dir}: {error}"));
    let entries = match dir.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name().to_owned();
        if name.ends_with(".snap") || name.ends_with(".snap.new") {
            files.push(name);
        }
    }
    Ok(files)
}

/// Those that are meant.
pub(super) fn chosen<'f>(orphans: &'f [String], all: bool, parts: &[String]) -> Result<Vec<&'f String>, CliError> {
    if let Some(part) = parts.iter().find(|part| !orphans.iter().any(|file| file.contains(*part))) {
        let known = orphans.iter().map(String::as_str);
        return Err(names::unknown("file that no test uses", part, known, "muster snapshots orphans"));
    }
    let chosen: Vec<_> = orphans.iter().filter(|file| all || parts.iter().any(|part| file.contains(part))).collect();
    if chosen.is_empty() {
        return Err(CliError::invalid("every file of a snapshot is used by a test"));
    }
    Ok(chosen)
}

/// Removes one.
pub(super) fn remove(dir: &Utf8Path, file: &str) -> Result<(), CliError> {
    let path = dir.join(file);
    std::fs::remove_file(&path).map_err(|error| CliError::infrastructure(format!("cannot remove {path}: {error}")))
}
