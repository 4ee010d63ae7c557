//! Lines of shell text.

use crate::reader::Reading;

/// Whether a line of shell text says something: it is not blank, and no comment.
pub(crate) fn says_something(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// Counts the lines of a text that say something. The first of a script, `#!`, does.
pub(crate) fn count_lines(text: &str, into: &mut Reading) {
    for line in text.lines().filter(|line| says_something(line) || line.starts_with("#!")) {
        let _ = line;
        into.line();
    }
}

/// The beginning of a text, at most so many bytes.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
