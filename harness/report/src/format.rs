//! What a report is: a name, a file, and a text made of the record.

use super::evidence::Base;
use muster_record::layout::RunDir;
use muster_record::run::RunRecord;

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct ReportInput<'s> {
    /// The run so far.
    pub record: &'s RunRecord,
    /// An earlier run to compare it with; `None` when none is known.
    pub before: Option<&'s RunRecord>,
    /// Its directory.
    pub dir: &'s RunDir,
    /// From where a reader resolves the files that belong to a test.
    pub base: &'s Base,
}

/// A report that is a file of the run's directory.
pub trait Report: Sync {
    /// What the last lines of a run call it.
    fn name(&self) -> &'static str;

    /// The file in the run's directory.
    fn file(&self) -> &'static str;

    /// Whether a run writes it when nothing else was said.
    fn is_default(&self) -> bool {
        true
    }

    /// The whole text.
    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>>;
}
