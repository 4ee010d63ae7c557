//! From bytes of a text to lines and places.

use std::ops::Range;
use std::sync::Arc;

use crate::place::Place;
use crate::reader::{ReadError, Reading, Source};

/// A text, and where its lines begin.
#[derive(Debug)]
pub(crate) struct Positions {
    file: Arc<str>,
    text: Arc<str>,
    /// Of each line its first byte.
    starts: Vec<u32>,
    /// Bytes of a byte order mark, which parsers do not get.
    mark: usize,
}

impl Positions {
    /// Of the file that is read.
    ///
    /// # Errors
    /// It is not UTF-8, or too long.
    pub(crate) fn of(source: &Source<'_>, into: &Reading) -> Result<Self, ReadError> {
        Ok(Self::new(into.file(), source.text()?))
    }

    /// Of a file of this name.
    pub(crate) fn new(file: &Arc<str>, text: &str) -> Self {
        let lines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at as u32 + 1);
        let starts = std::iter::once(0).chain(lines).collect();
        let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { file: Arc::clone(file), text: Arc::from(text), starts, mark }
    }

    /// The file.
    pub(crate) fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The text behind a byte order mark.
    pub(crate) fn body(&self) -> &str {
        &self.text[self.mark..]
    }

    /// The line of a byte of [`Positions::body`], counted from 1.
    pub(crate) fn line(&self, at: usize) -> u32 {
        self.starts.partition_point(|start| *start as usize <= at + self.mark) as u32
    }

    /// The first byte of a line in [`Positions::body`].
    pub(crate) fn start(&self, line: u32) -> usize {
        let start = (line as usize).checked_sub(1).and_then(|line| self.starts.get(line));
        start.map_or(self.body().len(), |start| (*start as usize).saturating_sub(self.mark))
    }

    /// The text of a line, without what ends it.
    pub(crate) fn line_text(&self, line: u32) -> &str {
        let number = line as usize;
        let Some(start) = number.checked_sub(1).and_then(|number| self.starts.get(number)) else { return "" };
        let end = self.starts.get(number).map_or(self.text.len(), |next| *next as usize);
        self.text[*start as usize..end].trim_end_matches(['\n', '\r'])
    }

    /// [`Positions::line_text`] without a byte order mark.
    pub(crate) fn body_line(&self, line: u32) -> &str {
        self.line_text(line).trim_start_matches('\u{feff}')
    }

    /// What an edit can replace: these bytes of [`Positions::body`].
    pub(crate) fn place(&self, range: Range<usize>) -> Place {
        let end = range.end.max(range.start) + self.mark;
        let line = self.line(range.start);
        Place { file: Arc::clone(&self.file), line, start: (range.start + self.mark) as u32, end: end as u32 }
    }

    /// A place that no edit can replace.
    pub(crate) fn point(&self, at: usize) -> Place {
        self.place(at..at)
    }

    /// The place of a piece of [`Positions::body`] itself, which is found by its address; of another text its line only,
    /// `at`.
    pub(crate) fn piece(&self, piece: &str, at: usize) -> Place {
        match (piece.as_ptr() as usize).checked_sub(self.body().as_ptr() as usize) {
            Some(start) if start + piece.len() <= self.body().len() => self.place(start..start + piece.len()),
            _ => self.point(at),
        }
    }

    /// The lines that say something: no blanks, and no comments, which begin with one of these.
    pub(crate) fn saying(&self, comments: &[char]) -> impl Iterator<Item = u32> {
        (1..=self.starts.len() as u32).filter(move |line| {
            let text = self.line_text(*line).trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
            !matches!(text, "" | "---" | "...") && !text.starts_with(comments)
        })
    }

    /// Counts the lines that say something; of those in one of `joined`, which are one statement that was not understood,
    /// only the first.
    pub(crate) fn count(&self, comments: &[char], joined: &[Range<u32>], into: &mut Reading) {
        let mut joined: Vec<&Range<u32>> = joined.iter().collect();
        joined.sort_by_key(|range| range.start);
        let mut joined = joined.into_iter().peekable();
        for line in self.saying(comments) {
            while joined.next_if(|range| range.end <= line).is_some() {}
            if joined.peek().is_none_or(|range| line <= range.start) {
                into.line();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::ChainKind;

    #[test]
    fn bytes_have_lines_and_a_byte_order_mark_is_counted_in_places_only() {
        let file: Arc<str> = "f".into();
        let plain = Positions::new(&file, "a\nbc\r\n\nd");
        assert_eq!([0, 1, 2, 5, 6, 7].map(|at| plain.line(at)), [1, 1, 2, 2, 3, 4]);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|line| plain.line_text(line)), ["", "a", "bc", "", "d", ""]);
        let marked = Positions::new(&file, "\u{feff}a\nb");
        assert_eq!((marked.body(), marked.line(2)), ("a\nb", 2));
        let place = marked.piece(&marked.body()[2..], 0);
        assert_eq!((place.line, place.start, place.end), (2, 5, 6));
        assert!(!marked.piece("elsewhere", 2).is_editable());
    }

    #[test]
    fn statements_that_are_joined_count_once() {
        let positions = Positions::new(&"f".into(), "a\n# no\n\nb\nc\nd\ne");
        let count = |joined: &[Range<u32>]| {
            let mut into = Reading::new(&"f".into(), ChainKind::List);
            positions.count(&['#'], joined, &mut into);
            into.end().lines
        };
        assert_eq!((count(&[]), count(&[4..7]), count(&[4..5, 5..8])), (5, 3, 3));
    }
}
