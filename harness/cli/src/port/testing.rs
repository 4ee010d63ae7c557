//! For the tests of what is read of this host.

use camino::Utf8PathBuf;

/// A directory of its own, and its real path.
pub(super) fn place() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().canonicalize().unwrap()).unwrap();
    (dir, path)
}
