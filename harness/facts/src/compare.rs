//! The verdict on one snapshot, and which files are written when.

use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::format::{self, FormatError, Header};
use super::{diff, pending};
use muster_base::files;
use muster_base::files::FileError;

/// Bytes of an accepted snapshot that are read at most.
const FILE_LIMIT: u64 = 16 << 20;

/// What happens to a snapshot that is new or has changed. It is written into the run directory in all
/// three: the evidence outlives the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateMode {
    /// It is also written beside the accepted one, where `cargo insta review` and
    /// `muster snapshots review` find it.
    Review,
    /// It becomes the accepted one.
    Accept,
    /// Nothing outside the run directory is touched.
    Ci,
}

/// One snapshot to compare.
#[derive(Debug, Clone)]
pub struct SnapshotRequest {
    /// Where the accepted ones lie: `snapshots/` beside the suites.
    pub directory: Utf8PathBuf,
    /// Where accepted ones lie beside, that are never written: those that ship with an installed muster.
    pub shipped: Option<Utf8PathBuf>,
    /// `snapshots/` of the run directory.
    pub pending_directory: Utf8PathBuf,
    /// `suite__test__snapshot@image`; see [`file_name`].
    pub name: String,
    /// The text, as [`crate::sources::render`] made it.
    pub body: String,
    /// The suite file, as the person named it, and the line of the snapshot in it.
    pub source: muster_base::failure::Location,
    /// One sentence: what it is a snapshot of.
    pub description: String,
    /// Names and values shown in a review: image, distribution, kernel.
    pub info: Vec<(String, String)>,
    /// What happens when it is new or has changed.
    pub update: UpdateMode,
}

/// How a snapshot compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotVerdict {
    /// As accepted.
    Same,
    /// Not as accepted.
    Changed {
        /// Unified, from accepted to new, harmless, bounded.
        diff: String,
        /// The pending file in the run directory.
        pending: Utf8PathBuf,
    },
    /// Never accepted for this image.
    New {
        /// The first lines of what would be accepted, as a diff, bounded.
        diff: String,
        /// The pending file in the run directory.
        pending: Utf8PathBuf,
    },
    /// It was new or had changed, and has been accepted by this run.
    Accepted {
        /// The difference from what was accepted before; everything when there was nothing.
        diff: String,
    },
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
    /// A file or directory could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The name of a snapshot without its suffix: `suite__test__snapshot@image`, with whatever a file
/// name should not have replaced as everywhere in the run directory.
pub fn file_name(suite: &str, test: &str, snapshot: &str, image: &str) -> String {
    files::safe_name(&format!("{suite}__{test}__{snapshot}@{image}"))
}

/// Compares, and writes what the mode asks for. Files are replaced whole. A pending file that an
/// earlier run left beside the accepted one is removed once the snapshot is as accepted again.
pub fn compare(request: &SnapshotRequest) -> Result<SnapshotVerdict, SnapshotError> {
    let name = files::safe_name(&request.name);
    let accepted_path = request.directory.join(format!("{name}.snap"));
    let next_to = request.directory.join(format!("{name}.snap.new"));
    let body = format::normal(&request.body);
    let accepted = match (read_accepted(&accepted_path)?, &request.shipped) {
        (None, Some(shipped)) => read_accepted(&shipped.join(format!("{name}.snap")))?,
        (accepted, _) => accepted,
    };
    if accepted.as_deref() == Some(body.as_str()) {
        if request.update != UpdateMode::Ci {
            pending::remove_if_there(&next_to)?;
        }
        return Ok(SnapshotVerdict::Same);
    }

    let header = Header {
        source: request.source.file.to_string(),
        line: Some(request.source.line),
        description: Some(request.description.clone()).filter(|text| !text.is_empty()),
        info: request.info.clone(),
    };
    let text = format::write(&header, &body);
    let pending = request.pending_directory.join(format!("{name}.snap.new"));
    store(&pending, &text)?;
    let diff = diff::unified(accepted.as_deref().unwrap_or(""), &body);
    match request.update {
        UpdateMode::Ci => {}
        UpdateMode::Review => store(&next_to, &text)?,
        UpdateMode::Accept => {
            store(&accepted_path, &format::write(&Header { line: None, ..header }, &body))?;
            pending::remove_if_there(&next_to)?;
            return Ok(SnapshotVerdict::Accepted { diff });
        }
    }
    Ok(match accepted {
        Some(_) => SnapshotVerdict::Changed { diff, pending },
        None => SnapshotVerdict::New { diff, pending },
    })
}

/// The accepted text; `None` only when there is no such file. A file that cannot be read or
/// understood is an error: taken for missing, a broken one would be replaced unseen.
/// The text of an accepted snapshot; `None` when there is no such file.
pub fn read_accepted(path: &Utf8Path) -> Result<Option<String>, SnapshotError> {
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
    Ok(Some(format::normal(parts.body)))
}

pub(super) fn store(path: &Utf8Path, text: &str) -> Result<(), FileError> {
    if let Some(dir) = path.parent() {
        files::ensure(dir)?;
    }
    files::write_atomically(path, text.as_bytes())
}

#[cfg(test)]
mod tests;
