//! Suites that an earlier run had and that are not here.

use super::Again;
use crate::error::CliError;
use muster_base::text::one_line;
use muster_record::names::PREFIX;
use muster_record::outstanding::listed;
use muster_record::run::SuiteRecord;

impl Again {
    /// That suites of the earlier run are not here: which files they were, and by which digest one knows them. `is_here` says of a suite
    /// whether it is.
    pub(crate) fn lacks(&self, is_here: impl Fn(&str, &SuiteRecord) -> bool) -> Option<CliError> {
        let lacking: Vec<String> = self
            .record
            .suites
            .iter()
            .filter(|(name, suite)| !name.starts_with(PREFIX) && !is_here(name, suite))
            .map(|(name, suite)| {
                let (file, sha256) = (one_line(&suite.file, 120), one_line(&suite.sha256, 64));
                format!("`{}` ({file}, SHA-256 {sha256})", one_line(name, 80))
            })
            .collect();
        if lacking.is_empty() {
            return None;
        }
        let archive = if self.archive { ", and its archive has none of them" } else { "" };
        let run = self.id();
        let what =
            format!("{}: suites of the run {run} are not here{archive}: {}", self.mode.option(), listed(&lacking));
        Some(CliError::invalid(one_line(&what, 2400)).hint("name the same suites as that run: `--suites PATH`"))
    }
}
