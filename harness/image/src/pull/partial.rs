//! A file that grows over several connections. What it is a part of is noted next to it, so that the next
//! connection can ask for the rest of the same file and of no other.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::small_file;

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are there.
    pub done: u64,
    /// Bytes of the whole, when the server said.
    pub total: Option<u64>,
}

/// What a server said of the file when its first byte was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerState {
    pub(super) url: String,
    pub(super) etag: Option<String>,
    pub(super) modified: Option<String>,
    pub(super) total: Option<u64>,
}

impl ServerState {
    /// What `If-Range` may hold (RFC 9110, 13.1.5): a strong entity tag, else a date. Without either
    /// nobody can tell whether the file is still the same.
    pub(super) fn validator(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|tag| tag.starts_with('"'));
        strong.or(self.modified.as_deref()).filter(|value| value.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
    }
}

/// The file so far. Whoever has one holds the lock of its place.
#[derive(Debug, Clone)]
pub(super) struct Partial {
    path: PathBuf,
    note: PathBuf,
}

impl Partial {
    pub(super) fn new(path: PathBuf) -> Self {
        let mut note = path.clone().into_os_string();
        note.push(".json");
        Self { path, note: note.into() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are there.
    pub(super) fn length(&self) -> u64 {
        self.path.symlink_metadata().ok().filter(|metadata| metadata.is_file()).map_or(0, |metadata| metadata.len())
    }

    /// Where to go on with the file of that address, and what is known of it; 0 and nothing when there
    /// is nothing to go on with.
    pub(super) fn to_go_on(&self, url: &str) -> (u64, Option<ServerState>) {
        let length = self.length();
        let state: Option<ServerState> =
            small_file::read(&self.note).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        match state.filter(|state| state.url == url && state.total.is_none_or(|total| length <= total)) {
            Some(state) if length > 0 => (length, Some(state)),
            _ => (0, None),
        }
    }

    /// The empty file, to be written from its beginning.
    pub(super) fn begin(&self, state: &ServerState) -> std::io::Result<File> {
        self.discard();
        let dir = self.path.parent().unwrap_or(Path::new("."));
        small_file::write(dir, &self.note, &serde_json::to_vec(state)?)?;
        File::options().write(true).create_new(true).mode(0o600).open(&self.path)
    }

    /// The file, to be written from its end.
    pub(super) fn go_on(&self) -> std::io::Result<File> {
        let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        File::options().append(true).custom_flags(flags).open(&self.path)
    }

    /// Removes the file and its note.
    pub(super) fn discard(&self) {
        let _ = std::fs::remove_file(&self.path);
        self.forget();
    }

    /// Removes the note alone, when the file has got another name.
    pub(super) fn forget(&self) {
        let _ = std::fs::remove_file(&self.note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(etag: Option<&str>, modified: Option<&str>) -> ServerState {
        let own = |text: &str| text.to_owned();
        ServerState { url: own("http://h/x"), etag: etag.map(own), modified: modified.map(own), total: Some(10) }
    }

    #[test]
    fn only_a_strong_tag_or_a_date_distinguishes_a_file_from_another() {
        let date = "Wed, 01 Oct 2025 00:00:00 GMT";
        assert_eq!(state(Some("\"a\""), Some(date)).validator(), Some("\"a\""));
        assert_eq!(state(Some("W/\"a\""), Some(date)).validator(), Some(date));
        assert_eq!(state(Some("W/\"a\""), None).validator(), None);
        assert_eq!(state(Some("\"a\r\nX: y\""), None).validator(), None);
    }

    #[test]
    fn a_file_goes_on_only_as_a_part_of_what_it_was_begun_as() {
        use std::io::Write;
        let dir = tempfile::tempdir().unwrap();
        let partial = Partial::new(dir.path().join(".partial-x"));
        assert_eq!(partial.to_go_on("http://h/x"), (0, None));
        let begun = state(Some("\"a\""), None);
        partial.begin(&begun).unwrap().write_all(b"12345").unwrap();
        partial.go_on().unwrap().write_all(b"67").unwrap();
        assert_eq!(partial.to_go_on("http://h/x"), (7, Some(begun.clone())));
        assert_eq!(partial.to_go_on("http://h/y"), (0, None));
        partial.go_on().unwrap().write_all(b"too much").unwrap();
        assert_eq!(partial.to_go_on("http://h/x"), (0, None));
        partial.discard();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        // A link that somebody put there is not written through.
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "kept").unwrap();
        std::os::unix::fs::symlink(&victim, partial.path()).unwrap();
        assert!(partial.go_on().is_err());
        partial.begin(&begun).unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "kept");
    }
}
