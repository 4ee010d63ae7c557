//! In what the files that decide on results are others than those of an earlier run.

use std::collections::BTreeSet;

use muster_base::text::one_line;
use muster_record::deciding::{DecidingFile, IMAGE_DESCRIPTION, KNOWN_ISSUES};

/// In what the files of this run are not those of the earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OtherFiles {
    /// One of them, and what has become of it: for a sentence that ends with a run.
    pub(super) what: String,
    /// What it is for.
    pub(super) role: String,
    /// Whether only known issues are gone. What none of them was about ended as it would end now.
    pub(super) fewer_issues: bool,
}

impl OtherFiles {
    /// None where every result that is kept could stand in a record with the files of now.
    pub(super) fn between(then: &[DecidingFile], now: &[DecidingFile]) -> Option<Self> {
        let missing = |files: &[DecidingFile], from: &[DecidingFile]| -> Vec<DecidingFile> {
            let known: BTreeSet<_> = from.iter().map(DecidingFile::content).collect();
            files.iter().filter(|file| !known.contains(&file.content())).cloned().collect()
        };
        let added = missing(now, then);
        let mut gone = missing(then, now);
        // An image that is not named this time has its description all the same: the record gets it with the results.
        gone.retain(|file| file.role != IMAGE_DESCRIPTION || added.iter().any(|new| new.role == file.role));
        let file = added.first().or(gone.first())?;
        let is = |files: &[DecidingFile]| files.iter().any(|other| other.role == file.role);
        let verb = match (is(&added), is(&gone)) {
            (true, true) => "has changed since",
            (true, false) => "was not there in",
            (false, _) => "is not there any more and was in",
        };
        let role = one_line(&file.role, 40);
        let what = format!("{} ({role}) {verb}", one_line(&file.file, 400));
        let fewer_issues = added.is_empty() && gone.iter().all(|file| file.role == KNOWN_ISSUES);
        Some(Self { what, role, fewer_issues })
    }
}
