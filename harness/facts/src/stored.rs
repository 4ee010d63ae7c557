//! Files of snapshots: read within bounds, replaced whole.

use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use super::format::{self, FormatError};
use muster_base::failure::{self, FailureId};
use muster_base::fault::Fault;
use muster_base::files::{self, FileError};
use muster_base::text::hex;
use muster_suite::snapshot_files::FILE_LIMIT;

/// An accepted snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedSnapshot {
    /// What a snapshot is compared with.
    pub text: String,
    /// SHA-256 of its file, hex.
    pub sha256: String,
}

/// The question could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The accepted file is there and cannot be compared with.
    #[error("the accepted snapshot {path} cannot be compared with: {why}")]
    Accepted {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        why: FormatError,
    },
    /// It is larger than any snapshot.
    #[error("the accepted snapshot {path} is larger than {FILE_LIMIT} bytes; delete it and accept the snapshot again")]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
    },
    /// It is another one than the one that the suite was read with.
    #[error(
        "the accepted snapshot {path} was replaced, added or removed after the run had read its suite; run the test again"
    )]
    Another {
        /// The file.
        path: Utf8PathBuf,
    },
    /// It is another one than the one that was shown.
    #[error("the pending snapshot {path} has been replaced since it was shown; review it again")]
    Replaced {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A file or directory could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Fault for SnapshotError {
    fn failure_id(&self) -> Option<FailureId> {
        Some(failure::PROBE_FAILED)
    }
}

/// The accepted text; `None` only when there is no such file. A file that cannot be read or
/// understood is an error: taken for missing, a broken one would be replaced unseen.
pub fn read_accepted(path: &Utf8Path) -> Result<Option<AcceptedSnapshot>, SnapshotError> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::because("read", path)(error).into()),
    };
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(FileError::because("read", path))?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(SnapshotError::TooLarge { path: path.to_owned() });
    }
    let parts = format::read(&bytes).map_err(|why| SnapshotError::Accepted { path: path.to_owned(), why })?;
    Ok(Some(AcceptedSnapshot { text: format::normal(parts.body), sha256: hex(Sha256::digest(&bytes)) }))
}

pub(super) fn store(path: &Utf8Path, text: &str) -> Result<(), FileError> {
    if let Some(dir) = path.parent() {
        files::ensure(dir)?;
    }
    files::write_atomically(path, text.as_bytes())
}

/// Removes a file; one that is not there is removed already.
pub(super) fn remove_if_there(path: &Utf8Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(FileError::because("remove", path)(error)),
        _ => Ok(()),
    }
}
