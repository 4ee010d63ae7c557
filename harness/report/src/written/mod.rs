//! The files that a run's directory gets of its record. A format is a file here, its `mod` line and its line in [`registry`].

mod budget;
mod compared;
mod ctrf;
mod html;
mod junit;
mod kcidb;
pub mod markdown;
mod otlp;
mod resultsdb;
mod sarif;
mod tap;
mod tmt;

use camino::{Utf8Path, Utf8PathBuf};

pub use super::format::{Report, ReportInput};
pub use compared::junit_differs;
use muster_base::fault::Fault;
use muster_record::json;
use muster_record::layout::{FileError, RunDir, write_atomically};

/// All of them, in the order in which they are named.
pub fn registry() -> &'static [&'static dyn Report] {
    &[
        &html::Html,
        &junit::Junit,
        &junit::strict::Strict,
        &RunJson,
        &ctrf::Ctrf,
        &markdown::Markdown,
        &tap::Tap,
        &sarif::Sarif,
        &tmt::Tmt,
        &otlp::Otlp,
        &resultsdb::ResultsDb,
        &kcidb::Kcidb,
    ]
}

/// A report could not be made or written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It could not be made.
    #[error("cannot make {file}: {why}")]
    Render {
        /// Its file.
        file: &'static str,
        /// What the format says.
        why: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Fault for ReportError {}

/// Which reports are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen(Vec<&'static str>);

impl Default for Chosen {
    /// What a run writes when nothing else was said.
    fn default() -> Self {
        Self(registry().iter().filter(|report| report.is_default()).map(|report| report.name()).collect())
    }
}

impl Chosen {
    /// Those with these names, in the order of the registry. The record is always one of them where `record` says so:
    /// a run's directory without it is that of no run.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str> + Clone, record: bool) -> Self {
        let named = |report: &&&dyn Report| {
            names.clone().into_iter().any(|name| name == report.name()) || (record && report.name() == RunJson.name())
        };
        Self(registry().iter().filter(named).map(|report| report.name()).collect())
    }

    /// They themselves.
    pub fn reports(&self) -> impl Iterator<Item = &'static dyn Report> {
        registry().iter().copied().filter(|report| self.0.contains(&report.name()))
    }
}

/// Writes the reports into a directory, each whole or not at all. The first error; the others are written all the same.
pub fn write(source: ReportInput<'_>, chosen: &Chosen, into: &Utf8Path) -> Result<(), ReportError> {
    let one = |report: &'static dyn Report| -> Result<(), ReportError> {
        let text = report.render(source).map_err(|why| ReportError::Render { file: report.file(), why })?;
        Ok(write_atomically(&into.join(report.file()), text.as_bytes())?)
    };
    let results: Vec<Result<(), ReportError>> = chosen.reports().map(one).collect();
    results.into_iter().collect()
}

/// Name and file of each of the reports in a directory.
pub fn files(chosen: &Chosen, dir: &Utf8Path) -> Vec<(&'static str, Utf8PathBuf)> {
    chosen.reports().map(|report| (report.name(), dir.join(report.file()))).collect()
}

/// The record itself.
struct RunJson;

impl Report for RunJson {
    fn name(&self) -> &'static str {
        "json"
    }

    fn file(&self) -> &'static str {
        RunDir::RUN_JSON
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(json::render(source.record)?)
    }
}

#[cfg(test)]
mod greener_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Base;
    use camino::Utf8Path;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn every_report_is_a_file_of_its_own_and_all_are_written_when_one_cannot_be() {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temporary.path()).unwrap().join("run");
        let dir = RunDir::create(&root).unwrap();
        let base = Base::of(&root, None).unwrap();
        let record = Recorder::fold(&sample::events());
        let source = ReportInput { record: &record, before: None, dir: &dir, base: &base };
        let all = Chosen::of(registry().iter().map(|report| report.name()), true);
        let mut files: Vec<&str> = registry().iter().map(|report| report.file()).collect();
        let mut names: Vec<&str> = registry().iter().map(|report| report.name()).collect();
        // A directory is in the way of the first.
        std::fs::create_dir(root.join(files[0])).unwrap();
        assert!(write(source, &all, &root).is_err());
        assert!(files[1..].iter().all(|file| root.join(file).is_file()), "{files:?}");
        std::fs::remove_dir(root.join(files[0])).unwrap();
        write(source, &all, &root).unwrap();
        assert!(files.iter().all(|file| root.join(file).is_file()), "{files:?}");
        for list in [&mut files, &mut names] {
            let all = list.len();
            list.sort_unstable();
            list.dedup();
            assert_eq!(list.len(), all);
        }
    }
}
