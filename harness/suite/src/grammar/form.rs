//! What a grammar is, and how a text is read by one.

use crate::diagnostic::did_you_mean;
use muster_base::text::one_line;

/// What can be a name, and how a name that is written in several ways is written once.
#[derive(Debug)]
pub struct Grammar {
    /// What it is, with its article: `a package name`.
    pub what: &'static str,
    /// The form in words, as the reference page and messages say it after a colon.
    pub form: &'static str,
    /// The form as a regular expression of JSON Schema (ECMA 262) that matches a whole name. It may accept
    /// more than [`Grammar::read`], never less.
    pub pattern: &'static str,
    /// How a text is read.
    pub(crate) reading: Reading,
    /// Spellings that are read, each with what it is then.
    pub good: &'static [(&'static str, &'static str)],
    /// Spellings that are refused, each with the spelling that is suggested, or nothing.
    pub bad: &'static [(&'static str, &'static str)],
}

/// How a text is read as a name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reading {
    /// Any text.
    Free,
    /// A form.
    Form(fn(&str) -> Result<String, Refusal>),
    /// One of these and nothing else.
    Closed(&'static [&'static str]),
    /// A form whose names are mostly these. An unknown name that differs from a known one by one letter is
    /// refused; one that differs by a digit is a sibling, not a slip.
    Known(fn(&str) -> Result<String, Refusal>, &'static [&'static str]),
}

/// Why a text cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong with it, as the end of a sentence: `a package name has no \`*\``.
    pub why: String,
    /// What was most likely meant.
    pub suggestion: Option<String>,
}

/// Most bytes of a name that is not a path.
pub(super) const LONGEST: usize = 255;
/// Most bytes of a path (PATH_MAX, with the end).
pub(super) const LONGEST_PATH: usize = 4095;

impl Grammar {
    /// The text as a name, in the one spelling that is compared.
    ///
    /// # Errors
    /// The text can name nothing.
    pub fn read(&self, text: &str) -> Result<String, Refusal> {
        if matches!(self.reading, Reading::Free) {
            return Ok(text.to_owned());
        }
        let trimmed = text.trim();
        if trimmed != text {
            let suggestion = self.read(trimmed).ok();
            return Err(Refusal { why: "there is a blank at its end or beginning".to_owned(), suggestion });
        }
        if text.is_empty() {
            return refuse("it is empty");
        }
        if let Some(odd) = text.chars().find(|c| c.is_control()) {
            return refuse(format!("it has the control character U+{:04X}", u32::from(odd)));
        }
        match self.reading {
            Reading::Free => Ok(text.to_owned()),
            Reading::Form(form) => form(text),
            Reading::Closed(words) => closed(text, words),
            Reading::Known(form, words) => known(&form(text)?, words),
        }
    }

    /// Names of the vocabulary, where they are known.
    pub fn words(&self) -> &'static [&'static str] {
        match self.reading {
            Reading::Closed(words) | Reading::Known(_, words) => words,
            Reading::Free | Reading::Form(_) => &[],
        }
    }

    /// Whether there is no other name than [`Grammar::words`].
    pub fn is_closed(&self) -> bool {
        matches!(self.reading, Reading::Closed(_))
    }

    /// Whether every text is a name.
    pub fn is_free(&self) -> bool {
        matches!(self.reading, Reading::Free)
    }
}

/// A refusal without a suggestion.
pub(crate) fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { why: why.into(), suggestion: None })
}

/// A refusal with what was most likely meant.
pub(crate) fn meant<T>(why: impl Into<String>, suggestion: impl Into<String>) -> Result<T, Refusal> {
    let suggestion = suggestion.into();
    Err(Refusal { why: why.into(), suggestion: Some(suggestion).filter(|text| !text.is_empty()) })
}

fn closed(text: &str, words: &[&'static str]) -> Result<String, Refusal> {
    if words.contains(&text) {
        return Ok(text.to_owned());
    }
    let suggestion = did_you_mean(text, words.iter().copied()).map(str::to_owned);
    Err(Refusal { why: format!("it is one of {}", one_line(&words.join(", "), 400)), suggestion })
}

fn known(text: &str, words: &[&'static str]) -> Result<String, Refusal> {
    if words.contains(&text) {
        return Ok(text.to_owned());
    }
    let slip = words.iter().find(|word| text.len().min(word.len()) >= 3 && is_slip(text, word));
    match slip {
        Some(near) => {
            meant("no kernel or tool that is known has it, and a name that differs by one letter is known", *near)
        }
        None => Ok(text.to_owned()),
    }
}

/// Whether the texts differ by one letter (one more, one less, another, or two exchanged) that is not a digit,
/// or only in case and the dashes between words.
pub(super) fn is_slip(written: &str, known: &str) -> bool {
    if written.len().abs_diff(known.len()) > 1 {
        return false;
    }
    crate::effort::spent(known.len());
    let same =
        |a: u8, b: u8| a == b || (a.eq_ignore_ascii_case(&b)) || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_'));
    let (written, known) = (written.as_bytes(), known.as_bytes());
    let shorter = written.len().min(known.len());
    let before = (0..shorter).take_while(|at| same(written[*at], known[*at])).count();
    let after = (0..shorter - before)
        .take_while(|at| same(written[written.len() - 1 - at], known[known.len() - 1 - at]))
        .count();
    match (&written[before..written.len() - after], &known[before..known.len() - after]) {
        ([], []) => true,
        ([one], []) | ([], [one]) => !one.is_ascii_digit(),
        ([one], [other]) => !(one.is_ascii_digit() || other.is_ascii_digit()),
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

/// The first character that is not one of a name's, for messages.
fn odd_one(text: &str, fits: impl Fn(char) -> bool) -> Option<char> {
    text.chars().find(|c| !fits(*c))
}

/// Refuses a text that holds a character of no name, with the reason that fits the character.
pub(super) fn only(text: &str, what: &str, fits: impl Fn(char) -> bool) -> Result<(), Refusal> {
    match odd_one(text, fits) {
        None if text.len() > LONGEST => refuse(format!("{what} has at most {LONGEST} bytes")),
        None => Ok(()),
        Some(c @ ('*' | '?' | '[' | ']')) => refuse(format!("{what} has no `{c}`, and patterns are not expanded here")),
        Some(c) if c.is_whitespace() => refuse(format!("{what} has no blank")),
        Some(c) => refuse(format!("{what} has no `{c}`")),
    }
}
