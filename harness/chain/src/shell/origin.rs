//! Where text that is read as a whole stands in its file: a script that is the file, a body of `RUN` whose comment lines
//! were taken out, a block of YAML whose indentation was.

use std::ops::Range;
use std::sync::Arc;

use crate::place::Place;

/// The places of a text, line by line of its file.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    file: Arc<str>,
    pieces: Vec<Piece>,
}

/// From here to the next piece, the text is as it stands in one line of the file.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// Bytes from the beginning of the text.
    at: usize,
    /// The line in the file, from 1.
    line: u32,
    /// Bytes from the beginning of the file, where an edit of the text is an edit of the file.
    start: Option<u32>,
}

impl Origin {
    /// Of a text that is put together piece by piece with [`Self::push`].
    pub(crate) fn new(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), pieces: Vec::new() }
    }

    /// Of a text that is a file.
    pub(crate) fn whole(file: &Arc<str>, text: &str) -> Self {
        Self::part(file, text, 1, Some(0))
    }

    /// Of a text that stands in a file as it is, from `start` in `line` on. Without `start` no place can be edited.
    pub(crate) fn part(file: &Arc<str>, text: &str, line: u32, start: Option<u32>) -> Self {
        let mut origin = Self::new(file);
        let mut at = 0;
        for (number, one) in (line..).zip(text.split_inclusive('\n')) {
            origin.push(at, number, start.map(|start| start + at as u32));
            at += one.len();
        }
        origin
    }

    /// Says that the text from `at` on (until the next piece) stands in `line` of the file, there from `start` on.
    /// In order of `at`.
    pub(crate) fn push(&mut self, at: usize, line: u32, start: Option<u32>) {
        self.pieces.push(Piece { at, line, start });
    }

    /// The file.
    pub(crate) fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The place of a piece of the text. It can be edited where all of it stands in the file.
    pub(crate) fn place(&self, range: Range<usize>) -> Place {
        let file = Arc::clone(&self.file);
        let Some(first) = self.piece(range.start) else { return Place { file, line: 1, start: 0, end: 0 } };
        let last = self.piece(range.end.saturating_sub(1).max(range.start)).unwrap_or(first);
        let start = first.start.map(|start| start + (range.start - first.at) as u32);
        let end = last.start.map(|start| start + (range.end - last.at) as u32);
        match (start, end) {
            (Some(start), Some(end)) if !range.is_empty() => Place { file, line: first.line, start, end },
            (start, _) => {
                let start = start.unwrap_or(0);
                Place { file, line: first.line, start, end: start }
            }
        }
    }

    /// The place of the line in which `at` stands, which no edit replaces.
    pub(crate) fn line(&self, at: usize) -> Place {
        self.place(at..at)
    }

    fn piece(&self, at: usize) -> Option<Piece> {
        let behind = self.pieces.partition_point(|piece| piece.at <= at);
        self.pieces.get(behind.saturating_sub(1)).copied()
    }
}
