//! The byte stream of a serial port becomes clean, bounded lines: NUL bytes and escape sequences are
//! taken out, CRLF, lone carriage returns and moves of the cursor end a piece, and a line may arrive in
//! any number of parts. Pure; the work is proportional to the bytes.

use super::message::{LONGEST_STAMP, next_stamp};

/// The longest piece that is kept, in bytes; a longer line continues in a further piece of the same
/// number.
pub(crate) const LONGEST: usize = 4096;

/// How far back from a cut a time stamp is looked for, so that a message is not torn by it: printk's
/// own messages are no longer than this.
const LONGEST_MESSAGE: usize = 1024;

/// One clean piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// 1-based number of the line in the raw log (newlines before it, plus one).
    pub number: u64,
    /// Its text, free of escape sequences; other control characters are made visible.
    pub text: String,
    /// Whether it stands at the beginning of a line of the screen, rather than going on from a long one.
    pub begins: bool,
    /// Whether the line ended here, rather than going on in a further piece.
    pub whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    No,
    /// After ESC.
    Begun,
    /// Inside `ESC [ …`, until a byte from `@` to `~`.
    Control,
    /// Inside `ESC ] …` or another string, until BEL or ESC `\`.
    String,
    /// One more byte belongs to the sequence (`ESC ( B`).
    OneMore,
}

/// Cuts a stream into pieces.
#[derive(Debug)]
pub(crate) struct Lines {
    number: u64,
    piece: Vec<u8>,
    begins: bool,
    escape: Escape,
    string_length: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self { number: 1, piece: Vec::new(), begins: true, escape: Escape::No, string_length: 0 }
    }
}

impl Lines {
    /// Takes bytes as they came; the pieces that ended in them. Empty ones are left out.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for &byte in bytes {
            // A newline ends whatever sequence was torn before it, or one lost byte would hide a panic.
            if byte == b'\n' {
                self.escape = Escape::No;
                self.end(&mut pieces);
                self.number += 1;
                continue;
            }
            let moves = self.escape == Escape::Control && b"HfJdEF".contains(&byte);
            if self.in_escape(byte) {
                // What follows stands elsewhere on the screen: boot loaders draw like this.
                if moves {
                    self.end(&mut pieces);
                }
                continue;
            }
            match byte {
                0x1b => {
                    self.escape = Escape::Begun;
                    self.string_length = 0;
                }
                b'\r' => self.end(&mut pieces),
                0 | 0x07 | 0x7f => {}
                0x08 => {
                    self.piece.pop();
                }
                byte => {
                    self.piece.push(byte);
                    if self.piece.len() >= LONGEST {
                        self.cut(&mut pieces);
                    }
                }
            }
        }
        pieces
    }

    /// What has come of a line that has not ended: a prompt, or a torn line. `None` when there is
    /// nothing.
    pub(crate) fn unfinished(&self) -> Option<Piece> {
        (!self.piece.is_empty()).then(|| self.make(false))
    }

    /// The number of the line that is being printed.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The last piece of a stream that has ended.
    pub(crate) fn finish(&mut self) -> Option<Piece> {
        let mut pieces = Vec::new();
        self.end(&mut pieces);
        pieces.pop()
    }

    fn in_escape(&mut self, byte: u8) -> bool {
        self.escape = match (self.escape, byte) {
            (Escape::No, _) => return false,
            (Escape::Begun, b'[') => Escape::Control,
            (Escape::Begun, b']' | b'P' | b'X' | b'^' | b'_') => Escape::String,
            (Escape::Begun, b'(' | b')' | b'*' | b'+' | b'#' | b'%' | b' ') => Escape::OneMore,
            (Escape::Begun | Escape::OneMore, _) => Escape::No,
            (Escape::Control, 0x40..=0x7e) => Escape::No,
            (Escape::String, 0x07) => Escape::No,
            (Escape::String | Escape::Control, 0x1b) => Escape::Begun,
            (kept, _) => kept,
        };
        // A string that never ends would swallow the log.
        self.string_length += 1;
        if self.string_length > 256 {
            self.escape = Escape::No;
        }
        true
    }

    /// Ends a piece with its line.
    fn end(&mut self, pieces: &mut Vec<Piece>) {
        if !self.piece.is_empty() {
            pieces.push(self.make(true));
            self.piece.clear();
        }
        self.begins = true;
    }

    /// Ends a piece because it is long, before the last message in it when that may be unfinished.
    fn cut(&mut self, pieces: &mut Vec<Piece>) {
        let mut at = self.piece.len() - LONGEST_MESSAGE;
        let mut last = None;
        while let Some((found, length)) = next_stamp(&self.piece, at) {
            last = Some(found);
            at = found + length;
        }
        // A stamp itself may be torn as well.
        let end = self.piece.len();
        let torn = (end.saturating_sub(LONGEST_STAMP)..end).rev().find(|at| self.piece[*at] == b'[');
        let rest = self.piece.split_off(last.or(torn).unwrap_or(end));
        pieces.push(self.make(false));
        self.piece = rest;
        self.begins = false;
    }

    fn make(&self, whole: bool) -> Piece {
        Piece { number: self.number, text: muster_base::text::escape_bytes(&self.piece), begins: self.begins, whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(chunks: &[&[u8]]) -> Vec<(u64, String)> {
        let mut lines = Lines::default();
        let mut pieces: Vec<Piece> = chunks.iter().flat_map(|chunk| lines.push(chunk)).collect();
        pieces.extend(lines.finish());
        pieces.into_iter().map(|piece| (piece.number, piece.text)).collect()
    }

    fn expect(chunks: &[&[u8]], lines: &[(u64, &str)]) {
        let lines: Vec<_> = lines.iter().map(|(number, text)| (*number, (*text).to_owned())).collect();
        assert_eq!(texts(chunks), lines);
    }

    #[test]
    fn torn_lines_escapes_and_nul_bytes() {
        expect(&[b"[  0.1] Ker", b"nel pan", b"ic\r", b"\nnext"], &[(1, "[  0.1] Kernel panic"), (2, "next")]);
        expect(&[b"\x1b[1;3", b"1mred\x1b[0m\0\0 x\x1b]0;title\x07y\x1b(Bz\n"], &[(1, "red xyz")]);
        expect(&[b"a\x1b[", b"\nb\x1b]never ends\nc\n"], &[(1, "a"), (2, "b"), (3, "c")]);
        expect(&[b"spin 1\rspin 2\r\n\n\nend\xff\x01"], &[(1, "spin 1"), (1, "spin 2"), (4, "end\u{fffd}\\x01")]);
    }

    #[test]
    fn a_flood_without_newline_stays_bounded() {
        let mut lines = Lines::default();
        let pieces = lines.push(&vec![b'x'; 3 * LONGEST + 5]);
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| piece.text.len() == LONGEST && piece.number == 1 && !piece.whole));
        assert_eq!(pieces.iter().map(|piece| piece.begins).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(lines.unfinished().map(|piece| piece.text), Some("xxxxx".to_owned()));
    }
    #[test]
    fn moves_of_the_cursor_end_a_piece() {
        expect(&[b"\x1b[2J\x1b[01;01Hmenu\x1b[05;02Herror: x\x1b[0m y\x1b[K z"], &[(1, "menu"), (1, "error: x y z")]);
    }

    #[test]
    fn a_long_line_is_cut_before_a_message_and_not_in_it() {
        for fill in [LONGEST - 30, LONGEST - 18, LONGEST - 5, LONGEST - 300] {
            let line = format!("{}[   12.345678] Kernel panic - not syncing: x\n", "y".repeat(fill));
            let pieces = Lines::default().push(line.as_bytes());
            let last = pieces.last().unwrap();
            assert!(last.text.contains("[   12.345678] Kernel panic - not syncing: x"), "{fill}: {last:?}");
            assert_eq!(pieces.iter().map(|piece| piece.text.len()).sum::<usize>(), line.len() - 1);
        }
    }
}
