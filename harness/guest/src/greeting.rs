//! What a server sends before its greeting. RFC 4253, section 4.2, lets it send other lines first;
//! the client of OpenSSH reads at most 1024 of them, and so does this side.

use std::io;

use muster_base::text;

/// Lines before the greeting, at most.
const MOST_LINES: usize = 1024;
/// Bytes before the greeting, at most. The greeting itself has no more than 255.
const MOST_BYTES: usize = 64 << 10;
/// Bytes kept for an error message.
const EXCERPT: usize = 200;

/// Finds the greeting in what a server sends, and keeps everything before it from libssh2, which would
/// read lines without end as long as they come.
#[derive(Debug, Default)]
pub(super) struct Greeting {
    found: bool,
    line: Vec<u8>,
    lines: usize,
    bytes: usize,
    excerpt: Vec<u8>,
}

impl Greeting {
    /// Leaves in `bytes` what libssh2 may see: the greeting and everything behind it. An error when
    /// there is more text before it than a server of SSH sends.
    pub(super) fn filter(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let room = EXCERPT.saturating_sub(self.excerpt.len());
        self.excerpt.extend(bytes.iter().take(room));
        self.bytes += bytes.len();
        let mut rest = &bytes[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end + 1);
            self.line.extend_from_slice(line);
            rest = after;
            if self.line.starts_with(b"SSH-") {
                self.found = true;
                self.excerpt.clear();
                let mut seen = std::mem::take(&mut self.line);
                seen.extend_from_slice(rest);
                *bytes = seen;
                return Ok(());
            }
            self.lines += 1;
            self.line.clear();
        }
        self.line.extend_from_slice(rest);
        bytes.clear();
        if self.lines > MOST_LINES || self.bytes > MOST_BYTES {
            return Err(io::Error::other("text without end comes before a greeting"));
        }
        Ok(())
    }

    /// Whether the greeting has come: what comes now is none of this filter's business.
    pub(super) fn is_found(&self) -> bool {
        self.found
    }

    /// The beginning of what came while there is no greeting, printable and on one line.
    pub(super) fn excerpt(&self) -> String {
        let said = text::one_line(&text::escape_bytes(&self.excerpt), EXCERPT);
        if said.trim().is_empty() && !self.excerpt.is_empty() { "blank lines".to_owned() } else { said }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libssh2 sees of `sent`, given in pieces of `size` bytes.
    fn seen(sent: &[u8], size: usize) -> io::Result<Vec<u8>> {
        let mut greeting = Greeting::default();
        let mut seen = Vec::new();
        for piece in sent.chunks(size) {
            let mut piece = piece.to_vec();
            if !greeting.is_found() {
                greeting.filter(&mut piece)?;
            }
            seen.extend(piece);
        }
        Ok(seen)
    }

    #[test]
    fn lines_before_the_greeting_are_dropped_however_they_are_torn() {
        let sent = b"hello\r\n\r\nnot SSH-1\r\nSSH-2.0-x y\r\n\0\0\nSSH-\n";
        for size in 1..sent.len() {
            assert_eq!(seen(sent, size).unwrap(), b"SSH-2.0-x y\r\n\0\0\nSSH-\n", "pieces of {size}");
        }
    }

    #[test]
    fn text_without_end_is_an_error_and_as_much_as_openssh_reads_is_not() {
        let mut lines = b"x\n".repeat(1024);
        lines.extend(b"SSH-2.0-late\n");
        assert_eq!(seen(&lines, 4096).unwrap(), b"SSH-2.0-late\n");
        for flood in [b"x\n".repeat(2000), vec![b'A'; 70_000], vec![0; 70_000]] {
            assert!(seen(&flood, 4096).is_err());
        }
        let mut greeting = Greeting::default();
        greeting.filter(&mut b"HTTP/1.1 400 Bad\x1b[31m\r\n".to_vec()).unwrap();
        assert!(greeting.excerpt().starts_with("HTTP/1.1 400 Bad"), "{}", greeting.excerpt());
        assert!(!greeting.excerpt().contains('\x1b'));
    }
}
