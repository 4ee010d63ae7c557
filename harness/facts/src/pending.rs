//! Snapshots that wait for a decision: `.snap.new` files next to the accepted ones.

use camino::{Utf8Path, Utf8PathBuf};

use super::stored::{SnapshotError, remove_if_there, store};
use super::{diff, format};
use muster_base::files::FileError;

/// A pending file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// `suite__test__snapshot@image`.
    pub name: String,
    /// The pending file.
    pub path: Utf8PathBuf,
    /// Where the accepted one is, or will be.
    pub accepted: Utf8PathBuf,
    /// Whether one has been accepted before.
    pub is_new: bool,
}

/// The pending files of a directory, by name. A directory that is not there has none.
pub fn list(directory: &Utf8Path) -> Result<Vec<Pending>, FileError> {
    let entries = match directory.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::because("read the directory", directory)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(FileError::because("read the directory", directory))?.into_path();
        let Some(name) = path.file_name().and_then(|name| name.strip_suffix(".snap.new")) else { continue };
        let accepted = directory.join(format!("{name}.snap"));
        found.push(Pending { name: name.to_owned(), is_new: !accepted.exists(), accepted, path: path.clone() });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// What a review shows of a pending file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What it is a snapshot of, escaped.
    pub description: String,
    /// The difference from the accepted one, escaped and bounded.
    pub diff: String,
    /// The pending file, as it was shown.
    content: Vec<u8>,
}

/// Reads a pending file and compares it with the accepted one.
pub fn review(pending: &Pending) -> Result<Review, SnapshotError> {
    let content = read(&pending.path)?;
    let parts = parts(&pending.path, &content)?;
    let old = if pending.is_new { None } else { Some(read(&pending.accepted)?) };
    let old = match &old {
        Some(bytes) => format::normal(self::parts(&pending.accepted, bytes)?.body),
        None => String::new(),
    };
    let description = muster_base::text::one_line(&parts.description(), 200);
    let diff = diff::unified(&old, &format::normal(parts.body));
    Ok(Review { description, diff, content })
}

/// Makes a pending file the accepted one.
pub fn accept(pending: &Pending) -> Result<(), SnapshotError> {
    accept_content(pending, &read(&pending.path)?)
}

/// The same after a review: what was shown is what is accepted. A file that a run has replaced meanwhile is an error.
pub fn accept_reviewed(pending: &Pending, review: &Review) -> Result<(), SnapshotError> {
    if read(&pending.path)? != review.content {
        return Err(SnapshotError::Replaced { path: pending.path.clone() });
    }
    accept_content(pending, &review.content)
}

fn accept_content(pending: &Pending, bytes: &[u8]) -> Result<(), SnapshotError> {
    store(&pending.accepted, &format::accepted(&parts(&pending.path, bytes)?))?;
    Ok(remove_if_there(&pending.path)?)
}

/// Removes a pending file; the accepted one stays.
pub fn reject(pending: &Pending) -> Result<(), FileError> {
    remove_if_there(&pending.path)
}

fn read(path: &Utf8Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(FileError::because("read", path))
}

fn parts<'a>(path: &Utf8Path, bytes: &'a [u8]) -> Result<format::Parts<'a>, SnapshotError> {
    format::read(bytes).map_err(|why| SnapshotError::Accepted { path: path.to_owned(), why })
}
