//! How fast the file system of a directory takes what machines write. Reading is left out: what was just written is in memory.

use std::io::Write as _;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use serde::Serialize;

/// Bytes that are written at most.
const MOST: usize = 128 << 20;
/// Written at a time.
const PIECE: usize = 1 << 20;
/// After so long no further piece is begun: a slow disk has then said enough.
const LONG_ENOUGH: Duration = Duration::from_secs(6);
/// Small writes, each of which waits until the disk has it.
const SMALL: u32 = 8;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct DiskSpeed {
    /// MiB a second, until the disk has them all.
    pub(super) mib_per_second: f64,
    /// Milliseconds until the disk has one block of 4 KiB: the mean.
    pub(super) sync_ms: f64,
}

/// Writes into a file without a name, which is gone afterwards. Blocks for some seconds at most, unless the disk itself does.
pub(super) fn measure(dir: &Utf8Path) -> std::io::Result<DiskSpeed> {
    let mut file = tempfile::tempfile_in(dir)?;
    let piece = noise();
    let begun = Instant::now();
    let mut written = 0;
    while written < MOST && begun.elapsed() < LONG_ENOUGH {
        file.write_all(&piece)?;
        written += PIECE;
    }
    file.sync_all()?;
    let took = begun.elapsed().as_secs_f64().max(1e-6);
    let begun = Instant::now();
    let mut small = 0;
    while small < SMALL && (small == 0 || begun.elapsed() < LONG_ENOUGH) {
        file.write_all(&piece[..4096])?;
        file.sync_data()?;
        small += 1;
    }
    let sync_ms = begun.elapsed().as_secs_f64() * 1e3 / f64::from(small);
    Ok(DiskSpeed { mib_per_second: (written >> 20) as f64 / took, sync_ms })
}

/// Bytes that no file system makes smaller.
fn noise() -> Vec<u8> {
    let mut state = 0x2545_f491u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).take(PIECE / 4).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_measured_and_stays_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        let speed = measure(path).unwrap();
        assert!(speed.mib_per_second > 0.0 && speed.sync_ms >= 0.0, "{speed:?}");
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
        assert!(measure(&path.join("not-there")).is_err());
    }
}
