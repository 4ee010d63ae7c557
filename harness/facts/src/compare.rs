//! The verdict on one snapshot, and which files are written when.

use camino::Utf8PathBuf;

use super::diff;
use super::format::{self, Header};
pub use super::stored::{AcceptedSnapshot, SnapshotError, read_accepted};
use super::stored::{remove_if_there, store};
use muster_base::files;
use muster_suite::snapshot_files::{ENDING, Places};

/// What happens to a snapshot that is new or has changed. It is written into the run directory in all
/// three: the evidence outlives the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateMode {
    /// It is also written next to the accepted one, where `cargo insta review` and
    /// `muster snapshots review` find it.
    Review,
    /// It becomes the accepted one.
    Accept,
    /// Nothing outside the run directory is touched.
    Ci,
}

/// What an accepted snapshot was when its suite was read: the digest of the suite in the record of a run is of that one, and no
/// verdict may rest on another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadAs {
    /// It was not read: whatever there is becomes the accepted one, or the suite is in no file.
    Unread,
    /// There was none.
    Absent,
    /// SHA-256 of the file, hex.
    Sha256(String),
}

/// One snapshot to compare.
#[derive(Debug, Clone)]
pub struct SnapshotRequest {
    /// Where the accepted ones lie.
    pub places: Places,
    /// What the accepted one was when the suite was read.
    pub read_as: ReadAs,
    /// `snapshots/` of the run directory.
    pub pending_directory: Utf8PathBuf,
    /// `suite__test__snapshot@image`; see [`muster_suite::snapshot_files::file_name`].
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
        /// Unified, from accepted to new, escaped, bounded.
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

/// Compares, and writes what the mode asks for. Files are replaced whole. A pending file that an
/// earlier run left next to the accepted one is removed once the snapshot is as accepted again.
pub fn compare(request: &SnapshotRequest) -> Result<SnapshotVerdict, SnapshotError> {
    let name = files::safe_name(&request.name);
    let Places { directory, shipped } = &request.places;
    let accepted_path = directory.join(format!("{name}{ENDING}"));
    let next_to = directory.join(format!("{name}{ENDING}.new"));
    let body = format::normal(&request.body);
    let accepted = match (read_accepted(&accepted_path)?, shipped) {
        (None, Some(shipped)) => read_accepted(&shipped.join(format!("{name}{ENDING}")))?,
        (accepted, _) => accepted,
    };
    let now = accepted.as_ref().map(|accepted| &accepted.sha256);
    let is_the_one = match &request.read_as {
        ReadAs::Unread => true,
        ReadAs::Absent => now.is_none(),
        ReadAs::Sha256(then) => now == Some(then),
    };
    if !is_the_one {
        return Err(SnapshotError::Another { path: accepted_path });
    }
    let accepted = accepted.map(|accepted| accepted.text);
    if accepted.as_deref() == Some(body.as_str()) {
        if request.update != UpdateMode::Ci {
            remove_if_there(&next_to)?;
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
            remove_if_there(&next_to)?;
            return Ok(SnapshotVerdict::Accepted { diff });
        }
    }
    Ok(match accepted {
        Some(_) => SnapshotVerdict::Changed { diff, pending },
        None => SnapshotVerdict::New { diff, pending },
    })
}

#[cfg(test)]
mod tests;
