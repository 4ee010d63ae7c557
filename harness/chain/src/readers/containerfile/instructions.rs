//! A file taken apart: instructions with their continuation lines and heredocs, as the builder gets them.

use std::sync::Arc;

use crate::reader::Reading;
use crate::shell::Origin;

/// An instruction with its continuation lines, as the builder gets it.
pub(super) struct Instruction {
    /// In capitals.
    pub(super) keyword: String,
    /// The instruction without line ends, then its heredocs with theirs.
    pub(super) text: String,
    pub(super) origin: Origin,
    /// Bytes of `text` before the heredocs.
    pub(super) length: usize,
    pub(super) heredocs: Vec<Heredoc>,
}

pub(super) struct Heredoc {
    /// Where its body is in the text.
    pub(super) body: std::ops::Range<usize>,
}

/// Takes a file apart, and counts its lines.
pub(super) fn instructions(text: &str, file: &Arc<str>, into: &mut Reading) -> Vec<Instruction> {
    let mut lines = Lines { text, at: 0, number: 0 };
    let mut escape = '\\';
    let mut directives = true;
    let mut all = Vec::new();
    while let Some((number, start, line)) = lines.next() {
        let bare = line.trim();
        if let Some(comment) = bare.strip_prefix('#') {
            // `# escape=` counts before anything else does.
            match comment.split_once('=').map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim())) {
                Some((key, "`")) if directives && key == "escape" => escape = '`',
                Some(_) if directives => {}
                _ => directives = false,
            }
            continue;
        }
        directives = false;
        if bare.is_empty() {
            continue;
        }
        all.push(instruction(&mut lines, (number, start, line), escape, file, into));
    }
    all
}

fn instruction(
    lines: &mut Lines<'_>,
    first: (u32, usize, &str),
    escape: char,
    file: &Arc<str>,
    into: &mut Reading,
) -> Instruction {
    let mut text = String::new();
    let mut origin = Origin::new(file);
    let mut next = Some(first);
    while let Some((number, start, line)) = next {
        let content = line.trim_end_matches(['\n', '\r']);
        let comment = content.trim_start().starts_with('#') && !text.is_empty();
        let blank = content.trim().is_empty();
        let mut goes_on = comment || blank;
        if !comment && !blank {
            into.line();
            // Blanks before the instruction are none of it, so that a body begins where it says.
            let bare = content.trim_end_matches([' ', '\t']);
            let kept = match bare.strip_suffix(escape) {
                Some(kept) => {
                    goes_on = true;
                    kept
                }
                None => content,
            };
            origin.push(text.len(), number, Some(start as u32));
            text.push_str(kept);
        }
        if !goes_on {
            break;
        }
        next = lines.next();
    }
    let begin = text.len() - text.trim_start().len();
    let length = text[begin..].find(char::is_whitespace).unwrap_or(text.len() - begin);
    let mut keyword = text[begin..begin + length].to_ascii_uppercase();
    // ONBUILD: the instruction that it delays.
    let mut skip = begin + length;
    if keyword == "ONBUILD" {
        let rest = &text[skip..];
        let from = skip + rest.len() - rest.trim_start().len();
        let length = text[from..].find(char::is_whitespace).unwrap_or(text.len() - from);
        keyword = text[from..from + length].to_ascii_uppercase();
        skip = from + length;
    }
    // What stands before the arguments is blanked, so that places stay.
    text.replace_range(..skip, &" ".repeat(skip));
    let length = text.len();
    let mut heredocs = Vec::new();
    if matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
        let marks = marks(&text);
        if !marks.is_empty() {
            origin.push(text.len(), first.0, None);
            text.push('\n');
        }
        for (mark, tabs) in marks {
            let start = text.len();
            let mut end = None;
            for (number, at, line) in lines.by_ref() {
                let bare = line.trim_end_matches(['\n', '\r']);
                let bare = if tabs { bare.trim_start_matches('\t') } else { bare };
                origin.push(text.len(), number, Some(at as u32));
                if bare == mark {
                    into.line();
                    end = Some(text.len());
                    text.push_str(line);
                    break;
                }
                if crate::shell::says_something(line) || line.starts_with("#!") {
                    into.line();
                }
                text.push_str(line);
            }
            if end.is_none() {
                into.not_understood(origin.line(0), &text[..length], format!("the heredoc is never ended by `{mark}`"));
            }
            heredocs.push(Heredoc { body: start..end.unwrap_or(text.len()) });
        }
    }
    Instruction { keyword, text, origin, length, heredocs }
}

/// Marks of heredocs on a line, outside of quotes, and whether tabs are taken off.
fn marks(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut quote = None;
    let mut at = 0;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(mark), byte) if mark == byte => quote = None,
            (Some(_), _) => {}
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, b'\\') => at += 1,
            (None, b'<') if bytes[at..].starts_with(b"<<<") => at += 2,
            (None, b'<') if bytes[at..].starts_with(b"<<") => {
                let mut from = at + 2;
                let tabs = bytes.get(from) == Some(&b'-');
                from += usize::from(tabs);
                let quoted = bytes.get(from).copied().filter(|byte| matches!(byte, b'"' | b'\''));
                from += usize::from(quoted.is_some());
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
                let length = bytes[from.min(bytes.len())..].iter().take_while(|byte| plain(byte)).count();
                if length > 0 && !bytes[from].is_ascii_digit() {
                    found.push((text[from..from + length].to_owned(), tabs));
                }
                at = from + length + usize::from(quoted.is_some());
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Lines with their numbers and where they begin.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    number: u32,
}

impl<'t> Iterator for Lines<'t> {
    type Item = (u32, usize, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let line = self.text[start..].split_inclusive('\n').next()?;
        self.at += line.len();
        self.number += 1;
        // A byte order mark is no part of an instruction.
        let mark = if start == 0 && line.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Some((self.number, start + mark, &line[mark..]))
    }
}
