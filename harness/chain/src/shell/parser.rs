//! Where a parser of shell text is in it, and what it found so far. The grammar of commands and that of words, which hold
//! each other, are in modules of their own, which add to [`Parser`].

use std::ops::Range;

use super::syntax::Heredoc;

/// Commands and words in each other: `$( … "$( … )" … )`. Each costs stack, and nobody writes more by hand.
const DEPTH: usize = 48;

/// A range, of some lines, that does not parse.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) range: Range<usize>,
    pub(super) why: String,
}

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) faults: Vec<Fault>,
    pub(super) heredocs: Vec<Heredoc>,
    /// Heredocs whose bodies begin behind the line: number and end mark.
    pub(super) pending: Vec<(usize, String)>,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at, depth: 0, faults: Vec::new(), heredocs: Vec::new(), pending: Vec::new() }
    }

    /// Counts a level of nesting. At the limit, the rest of the text is given up.
    pub(super) fn enter(&mut self) -> bool {
        self.depth += 1;
        if self.depth <= DEPTH {
            return true;
        }
        self.give_up(self.at, format!("nested deeper than {DEPTH} levels; the rest is not read"));
        false
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Says that everything from `start` on is not parsed.
    pub(super) fn give_up(&mut self, start: usize, why: impl Into<String>) {
        if start < self.text.len() {
            self.fault(start..self.text.len(), why);
        }
        self.at = self.text.len();
    }

    pub(super) fn fault(&mut self, range: Range<usize>, why: impl Into<String>) {
        self.faults.push(Fault { range, why: why.into() });
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn looking_at(&self, what: &str) -> bool {
        self.text.as_bytes()[self.at..].starts_with(what.as_bytes())
    }

    pub(super) fn take(&mut self, what: &str) -> bool {
        let found = self.looking_at(what);
        if found {
            self.at += what.len();
        }
        found
    }

    /// Blanks, and line ends behind a backslash.
    pub(super) fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\r') if self.text.as_bytes().get(self.at + 1).is_none_or(|next| *next == b'\n') => self.at += 1,
                Some(b'\\') if self.looking_at("\\\n") => self.at += 2,
                Some(b'\\') if self.looking_at("\\\r\n") => self.at += 3,
                _ => return,
            }
        }
    }
}
