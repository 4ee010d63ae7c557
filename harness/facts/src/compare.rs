//! The verdict on one snapshot, and which files are written when.

use camino::Utf8PathBuf;

use super::diff;
use super::format::{self, Header};
pub use super::stored::{SnapshotError, read_accepted};
use super::stored::{remove_if_there, store};
use muster_base::files;

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

/// One snapshot to compare.
#[derive(Debug, Clone)]
pub struct SnapshotRequest {
    /// Where the accepted ones lie: `snapshots/` next to the suites.
    pub directory: Utf8PathBuf,
    /// Where accepted ones lie too, that are never written: those that ship with an installed muster.
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

/// The name of a snapshot without its suffix: `suite__test__snapshot@image`, with whatever a file
/// name should not have replaced as everywhere in the run directory.
pub fn file_name(suite: &str, test: &str, snapshot: &str, image: &str) -> String {
    files::safe_name(&format!("{suite}__{test}__{snapshot}@{image}"))
}

/// Whether a file may be of this snapshot, whatever the image. A name that had to be changed or cut says less, so that
/// some files count as of a snapshot that they are not of, and never the other way round.
pub fn is_of(file: &str, suite: &str, test: &str, snapshot: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "._-@+".contains(c);
    let name: String =
        format!("{suite}__{test}__{snapshot}@").chars().map(|c| if known(c) { c } else { '_' }).collect();
    // What a cut name has at least of the whole.
    file.starts_with(&name[..name.len().min(CERTAIN)])
}

/// Characters of a name that `safe_name` keeps in every case.
const CERTAIN: usize = 100;

/// Compares, and writes what the mode asks for. Files are replaced whole. A pending file that an
/// earlier run left next to the accepted one is removed once the snapshot is as accepted again.
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
