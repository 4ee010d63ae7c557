//! The last line of what a program said: the one that tells why it ended.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use muster_base::text::one_line;

/// Bytes at the end of a log in which it is looked for. The logs of QEMU and of its helpers are short.
const END: u64 = 4096;

/// The last line of a log that is not blank, escaped and bounded; `None` when there is none, or the log cannot be read.
pub(super) fn last_line(log: &Path) -> Option<String> {
    last_line_of(File::open(log).ok()?).ok()?
}

/// The same of a log that has no name.
///
/// # Errors
/// It cannot be read.
pub(super) fn last_line_of(mut log: File) -> std::io::Result<Option<String>> {
    let length = log.metadata()?.len();
    log.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut end = Vec::new();
    log.take(END).read_to_end(&mut end)?;
    Ok(last_line_in(&end))
}

/// The same of bytes.
pub(super) fn last_line_in(said: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(said);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(|line| one_line(line, 300))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn the_last_line_that_says_something_is_found_in_a_long_log_too() {
        let mut log = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(last_line(log.path()), None);
        log.write_all(&b"first\n".repeat(2000)).unwrap();
        log.write_all(b"qemu: no\x1b such device\n\n \n").unwrap();
        assert_eq!(last_line(log.path()).as_deref(), Some("qemu: no\\x1b such device"));
        // Whatever was written or read of it before.
        assert_eq!(last_line_of(log.reopen().unwrap()).unwrap(), last_line(log.path()));
        assert_eq!(last_line(Path::new("/nonexistent")), None);
    }
}
