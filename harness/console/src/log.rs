//! `console.log` of a machine, bounded.

use std::fs::File;
use std::io::Write;

/// Bytes of `console.log`. What comes after is read and evaluated, but not kept.
pub const LOG_LIMIT: u64 = 64 << 20;

/// `console.log`, up to its limit.
pub(super) struct Log {
    file: Option<File>,
    limit: u64,
    left: u64,
}

impl Log {
    pub(super) fn new(file: File, limit: u64) -> Self {
        Self { file: Some(file), limit, left: limit }
    }

    /// A full disk of the host ends the log, not the machine: the evaluator needs no log.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        let kept = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let mut written = file.write_all(&bytes[..kept]);
        self.left -= kept as u64;
        if kept < bytes.len() && written.is_ok() {
            written =
                writeln!(file, "\n[muster: the log ends here, at {} bytes; the guest went on printing]", self.limit);
            self.file = None;
        }
        if written.is_err() {
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_says_so() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut log = Log::new(file.reopen().unwrap(), 10);
        log.write(b"12345678");
        log.write(b"90abc");
        log.write(b"more");
        let kept = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(kept, "1234567890\n[muster: the log ends here, at 10 bytes; the guest went on printing]\n");
    }
}
