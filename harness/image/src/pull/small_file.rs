//! Small files of the cache: read within bounds, replaced whole.

use std::io::Write;
use std::path::Path;

/// The most that is read of one.
const LARGEST: u64 = 4 << 20;

/// Replaces a small file whole or not at all.
pub(super) fn write(dir: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A small file; nothing when it is not there, not plain, or not small.
pub(super) fn read(path: &Path) -> Option<Vec<u8>> {
    use std::io::Read;
    let metadata = path.symlink_metadata().ok()?;
    if !metadata.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(LARGEST + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= LARGEST).then_some(bytes)
}
