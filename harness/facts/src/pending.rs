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

/// What a review shows of a pending file: its description, escaped, and the difference from the
/// accepted one.
pub fn review(pending: &Pending) -> Result<(String, String), SnapshotError> {
    let new = read(&pending.path)?;
    let parts = parts(&pending.path, &new)?;
    let old = if pending.is_new { None } else { Some(read(&pending.accepted)?) };
    let old = match &old {
        Some(bytes) => format::normal(self::parts(&pending.accepted, bytes)?.body),
        None => String::new(),
    };
    Ok((muster_base::text::one_line(&parts.description(), 200), diff::unified(&old, &format::normal(parts.body))))
}

/// Makes a pending file the accepted one.
pub fn accept(pending: &Pending) -> Result<(), SnapshotError> {
    let bytes = read(&pending.path)?;
    store(&pending.accepted, &format::accepted(&parts(&pending.path, &bytes)?))?;
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
