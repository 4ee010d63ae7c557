//! Results of the earlier run that are none of this one, since a file that decides on them is another now: console rules, known issues,
//! boots of before, descriptions of images. The record of a run names one list of them, which must be that of every result in it.

use std::collections::BTreeSet;

use super::other_files::OtherFiles;
use super::{Again, Mode};
use crate::error::CliError;
use muster_engine::settings::KeptResults;
use muster_record::deciding::{DecidingFile, IMAGE_DESCRIPTION};

impl Again {
    /// The same, for a run on these images with these files that decide on results. Of `--rerun` what they could change runs again.
    ///
    /// # Errors
    /// They are other files, and the run is to go on as it began.
    pub(crate) fn with_files(mut self, files: &[DecidingFile], images: &[String]) -> Result<Self, CliError> {
        self.other_files = OtherFiles::between(&self.record.files, files).filter(|_| self.mode.keeps());
        let Some(other) = &self.other_files else { return Ok(self) };
        if self.mode != Mode::Rerun {
            self.same_images(images)?;
            self.can_be_kept()?;
        }
        let rows = self.record.tests.iter().filter(|test| !other.fewer_issues || test.issue.is_some());
        for test in rows {
            self.decided.entry(test.name()).or_default().insert(test.image.clone());
        }
        Ok(self)
    }

    /// An error when a file is another that decides on results which would be kept.
    pub(crate) fn can_be_kept(&self) -> Result<(), CliError> {
        let Some(other) = &self.other_files else { return Ok(()) };
        let what = format!("{}: {} the run {}, whose results would be kept", self.mode.option(), other.what, self.id());
        let hint = match self.mode {
            Mode::Attempt => {
                "give it the file of that run again, or name another directory: one is of one run".to_owned()
            }
            mode => {
                format!("give it the file of that run again, or start a run of its own, without `{}`", mode.option())
            }
        };
        Err(CliError::invalid(what).hint(hint))
    }

    /// Why a test of the earlier run that does not run here has no result here either; None where its result stays.
    pub(super) fn why_not_kept(&self, name: &str, image: &str) -> Option<String> {
        let other = self.other_files.as_ref()?;
        self.is_decided(name, image).then(|| other.what.clone())
    }

    /// Whether another file now decides on this result.
    pub(super) fn is_decided(&self, name: &str, image: &str) -> bool {
        self.decided.get(name).is_some_and(|images| images.contains(image))
    }

    /// What the other file is for.
    pub(super) fn decided_by(&self) -> &str {
        self.other_files.as_ref().map(|other| other.role.as_str()).unwrap_or_default()
    }

    /// Descriptions of images that are not named this time, and of which results are kept: with these, the record has every file that
    /// decides on a result in it.
    pub(crate) fn descriptions_of(&self, kept: &KeptResults, files: &[DecidingFile]) -> Vec<DecidingFile> {
        if !kept.tests.iter().any(|test| test.outcome.has_run()) {
            return Vec::new();
        }
        let known: BTreeSet<_> = files.iter().map(DecidingFile::content).collect();
        let is_new = |file: &&DecidingFile| file.role == IMAGE_DESCRIPTION && !known.contains(&file.content());
        self.record.files.iter().filter(is_new).cloned().collect()
    }
}

#[cfg(test)]
#[path = "decided_tests.rs"]
mod tests;
