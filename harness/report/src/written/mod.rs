//! The files that a run's directory gets of its record. A format is a file here, its `mod` line and its line in [`registry`].

mod html;
mod junit;

use camino::Utf8PathBuf;

pub use super::format::{Report, ReportInput};
use muster_base::fault::Fault;
use muster_record::json;
use muster_record::layout::{FileError, RunDir, write_atomically};

/// All of them, in the order in which they are named.
pub fn registry() -> &'static [&'static dyn Report] {
    &[&html::Html, &junit::Junit, &RunJson]
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

/// Writes all reports, each whole or not at all. The first error; the others are written all the same.
pub fn write(source: ReportInput<'_>) -> Result<(), ReportError> {
    let one = |report: &&dyn Report| -> Result<(), ReportError> {
        let text = report.render(source).map_err(|why| ReportError::Render { file: report.file(), why })?;
        Ok(write_atomically(&source.dir.root().join(report.file()), text.as_bytes())?)
    };
    let results: Vec<Result<(), ReportError>> = registry().iter().map(one).collect();
    results.into_iter().collect()
}

/// Name and file of every report in a run's directory.
pub fn files(dir: &RunDir) -> Vec<(&'static str, Utf8PathBuf)> {
    registry().iter().map(|report| (report.name(), dir.root().join(report.file()))).collect()
}

/// The record itself.
struct RunJson;

impl Report for RunJson {
    fn name(&self) -> &'static str {
        "record"
    }

    fn file(&self) -> &'static str {
        RunDir::RUN_JSON
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(json::render(source.record)?)
    }
}

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
        let mut files: Vec<&str> = registry().iter().map(|report| report.file()).collect();
        let mut names: Vec<&str> = registry().iter().map(|report| report.name()).collect();
        // A directory is in the way of the first.
        std::fs::create_dir(root.join(files[0])).unwrap();
        assert!(write(source).is_err());
        assert!(files[1..].iter().all(|file| root.join(file).is_file()), "{files:?}");
        std::fs::remove_dir(root.join(files[0])).unwrap();
        write(source).unwrap();
        assert!(files.iter().all(|file| root.join(file).is_file()), "{files:?}");
        for list in [&mut files, &mut names] {
            let all = list.len();
            list.sort_unstable();
            list.dedup();
            assert_eq!(list.len(), all);
        }
    }
}
