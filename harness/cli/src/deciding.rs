//! Files of this host that decide on the results of a run and are no suite, no image and no product, with their digests. What else decides,
//! and which digest has it, is a table in the tests of this module: whoever comes to read another file that decides adds a row, and the
//! test changes each and looks for another digest.

use std::collections::BTreeSet;

use camino::Utf8Path;
use sha2::{Digest as _, Sha256};

use super::error::CliError;
use super::text_file;
use muster_base::text::hex;
use muster_engine::known::KnownIssues;
use muster_record::deciding::{DecidingFile, KNOWN_ISSUES};

/// The files of one role, each once, with their digests.
pub(crate) fn read<'f>(
    role: &'static str,
    files: impl Iterator<Item = &'f Utf8Path>,
) -> Result<Vec<DecidingFile>, CliError> {
    let files: BTreeSet<&Utf8Path> = files.collect();
    let one = |file: &Utf8Path| {
        let sha256 = hex(Sha256::digest(text_file::read(file)?));
        Ok(DecidingFile { role: role.to_owned(), sha256, file: file.to_string() })
    };
    files.into_iter().map(one).collect()
}

/// The files that known issues of the run stand in.
pub(crate) fn known_issues(known: &KnownIssues) -> Result<Vec<DecidingFile>, CliError> {
    read(KNOWN_ISSUES, known.files().into_iter().map(Utf8Path::new))
}

/// What shards of one run must have in common of these files, each role with a SHA-256: each host has its own paths.
pub(crate) fn contents(files: &[DecidingFile]) -> Vec<(String, String)> {
    let contents: BTreeSet<_> = files.iter().map(DecidingFile::content).collect();
    contents.into_iter().map(|(role, sha256)| (role.to_owned(), sha256.to_owned())).collect()
}

#[cfg(test)]
#[path = "deciding_tests.rs"]
mod tests;
