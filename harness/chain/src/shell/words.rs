//! Words of shell text: quotes and expansions.

use super::parser::Parser;
use super::syntax::{Operator, Part, Word};

/// Bytes of the name of a variable at the beginning of a text.
pub(super) fn name_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
        return None;
    }
    Some(bytes.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_')).unwrap_or(bytes.len()))
}

/// A word that is one literal, as it is written at `at`.
pub(super) fn literal(text: &str, at: usize) -> Word {
    let range = at..at + text.len();
    let part = Part::Literal { text: text.to_owned(), quoted: false, range: Some(range.clone()) };
    Word { parts: vec![part], range }
}

/// What ends a piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// A blank or an operator.
    Word,
    /// `"`
    Quote,
    /// `}` of `${x:-…}`, in quotes or not.
    Brace,
}

impl Parser<'_> {
    /// A word, if one begins here.
    pub(super) fn word(&mut self) -> Option<Word> {
        let start = self.at;
        let mut parts = Vec::new();
        self.parts(Until::Word, false, &mut parts);
        (self.at > start).then_some(Word { parts, range: start..self.at })
    }

    /// The right side of `=~`: up to a blank outside of brackets and quotes.
    pub(super) fn expression(&mut self) -> Word {
        let start = self.at;
        let mut depth = 0usize;
        let mut quote = None;
        for (at, byte) in self.text.bytes().enumerate().skip(start) {
            self.at = at;
            match (quote, byte) {
                (Some(mark), _) if mark == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'(') => depth += 1,
                (None, b')') => depth = depth.saturating_sub(1),
                (None, b' ' | b'\t' | b'\n') if depth == 0 || byte == b'\n' => {
                    return literal(&self.text[start..at], start);
                }
                _ => {}
            }
        }
        self.at = self.text.len();
        literal(&self.text[start..], start)
    }

    fn parts(&mut self, until: Until, quoted: bool, into: &mut Vec<Part>) {
        if !self.enter() {
            self.leave();
            return;
        }
        let mut literal = Literal::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'"' if until == Until::Quote => break,
                b'}' if until == Until::Brace => break,
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b')' if until == Until::Word => break,
                b'\r' if until == Until::Word && self.looking_at("\r\n") => break,
                b'<' | b'>' if until == Until::Word => {
                    let inside = self.text.as_bytes().get(self.at + 1) == Some(&b'(');
                    if !inside || !literal.is_empty() || !into.is_empty() {
                        break;
                    }
                    let start = self.at;
                    self.at += 2;
                    self.output(start, false, into);
                }
                b'(' if until == Until::Word => {
                    // `@(a|b)`; any other `(` is an operator.
                    let before = self.at.checked_sub(1).map(|before| self.text.as_bytes()[before]);
                    let pattern = matches!(before, Some(b'@' | b'?' | b'*' | b'+' | b'!')) && !literal.is_empty();
                    let near = &self.text.as_bytes()[self.at..self.text.len().min(self.at + 200)];
                    let end = near.iter().position(|byte| b")\n".contains(byte)).filter(|end| near[*end] == b')');
                    match end.map(|end| self.at + end + 1) {
                        Some(end) if pattern => {
                            literal.push(&self.text[self.at..end], self.at);
                            self.at = end;
                        }
                        _ => break,
                    }
                }
                b'\\' => self.escape(until == Until::Quote || quoted, &mut literal),
                b'\'' if until != Until::Quote && !quoted => {
                    literal.flush(quoted, into);
                    self.single(into);
                }
                b'"' => {
                    let start = self.at;
                    literal.flush(quoted, into);
                    self.at += 1;
                    let before = into.len();
                    self.parts(Until::Quote, true, into);
                    if into.len() == before {
                        into.push(Part::Literal { text: String::new(), quoted: true, range: None });
                    }
                    if !self.take("\"") {
                        self.give_up(start, "the quote is never closed");
                    }
                }
                b'`' => {
                    literal.flush(quoted, into);
                    self.backquotes(quoted, into);
                }
                b'$' => {
                    if !self.expands() {
                        literal.push("$", self.at);
                        self.at += 1;
                        continue;
                    }
                    literal.flush(quoted, into);
                    self.dollar(quoted, into);
                }
                _ => {
                    let rest = &self.text[self.at..];
                    let plain = |byte: u8| b"\"'`$\\ \t\r\n;&|()<>}".contains(&byte);
                    // The first is not, or not here.
                    let length = rest.bytes().skip(1).position(plain).map_or(rest.len(), |length| length + 1);
                    let length = (length..=rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
                    literal.push(&rest[..length], self.at);
                    self.at += length;
                }
            }
        }
        literal.flush(quoted, into);
        self.leave();
    }

    fn escape(&mut self, quoted: bool, literal: &mut Literal) {
        if self.take("\\\r\n") || self.take("\\\n") {
            return;
        }
        let next = self.text[self.at + 1..].chars().next();
        match next {
            Some(next) if !quoted || "$`\"\\".contains(next) => {
                literal.escaped(next);
                self.at += 1 + next.len_utf8();
            }
            _ => {
                literal.push("\\", self.at);
                self.at += 1;
            }
        }
    }

    fn single(&mut self, into: &mut Vec<Part>) {
        let start = self.at + 1;
        match self.text[start..].find('\'') {
            Some(length) => {
                let text = self.text[start..start + length].to_owned();
                into.push(Part::Literal { text, quoted: true, range: Some(start..start + length) });
                self.at = start + length + 1;
            }
            None => self.give_up(self.at, "the quote is never closed"),
        }
    }

    fn backquotes(&mut self, quoted: bool, into: &mut Vec<Part>) {
        let start = self.at;
        let mut escaped = false;
        let end = self.text[start + 1..].bytes().position(|byte| {
            let ends = byte == b'`' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let Some(length) = end else { return self.give_up(start, "the backquote is never closed") };
        let inside = start + 1..start + 1 + length;
        self.at = inside.end + 1;
        if self.text[inside.clone()].contains('\\') || !self.enter() {
            into.push(Part::Unknown(self.text[start..inside.end + 1].to_owned()));
            return;
        }
        let list = self.inner(inside.clone());
        self.leave();
        into.push(Part::Output { list, range: start..inside.end + 1, quoted });
    }

    /// Behind `$(` or `<(`.
    fn output(&mut self, start: usize, quoted: bool, into: &mut Vec<Part>) {
        if !self.enter() {
            return self.leave();
        }
        let list = self.list();
        self.leave();
        if !self.take(")") {
            self.give_up(start, "`(` without `)`");
        }
        into.push(Part::Output { list, range: start..self.at, quoted });
    }

    fn expands(&self) -> bool {
        match self.text.as_bytes().get(self.at + 1) {
            Some(byte) => byte.is_ascii_alphanumeric() || b"_{(@*#?-$!'\"".contains(byte),
            None => false,
        }
    }

    fn dollar(&mut self, quoted: bool, into: &mut Vec<Part>) {
        let start = self.at;
        self.at += 1;
        if self.looking_at("((") && self.arithmetic() {
            into.push(Part::Unknown(self.text[start..self.at].to_owned()));
        } else if self.take("(") {
            self.output(start, quoted, into);
        } else if self.take("{") {
            self.braces(start, quoted, into);
        } else if self.looking_at("'") && !quoted {
            self.single(into);
            // `$'…'` has escapes of its own.
            if let Some(Part::Literal { text, range, .. }) = into.last_mut()
                && text.contains('\\')
            {
                (*text, *range) = (text.replace("\\n", "\n").replace("\\t", "\t"), None);
            }
        } else if self.looking_at("\"") || self.looking_at("'") {
            // `$"…"`: translated, which is the same here. In quotes, the dollar is one.
            if quoted {
                into.push(Part::Literal { text: "$".to_owned(), quoted, range: None });
            }
        } else {
            let rest = &self.text[self.at..];
            let length = name_length(rest).unwrap_or(1);
            let name = rest[..length].to_owned();
            self.at += length;
            into.push(Part::Variable { name, quoted, otherwise: None });
        }
    }

    /// Behind `${`.
    fn braces(&mut self, start: usize, quoted: bool, into: &mut Vec<Part>) {
        let rest = &self.text[self.at..];
        let length = name_length(rest).or_else(|| {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let special = rest.starts_with(['@', '*']) || rest.starts_with("#}");
            (digits > 0).then_some(digits).or(special.then_some(1))
        });
        if let Some(length) = length {
            let mut name = rest[..length].to_owned();
            let mut behind = self.at + length;
            if rest[length..].starts_with("[@]") || rest[length..].starts_with("[*]") {
                name.push_str("[@]");
                behind += 3;
            }
            let after = &self.text[behind..];
            let operators = [
                (":-", Operator::Default),
                ("-", Operator::Default),
                (":=", Operator::Default),
                ("=", Operator::Default),
                (":+", Operator::Alternative),
                ("+", Operator::Alternative),
                (":?", Operator::Required),
                ("?", Operator::Required),
            ];
            if after.starts_with('}') {
                self.at = behind + 1;
                return into.push(Part::Variable { name, quoted, otherwise: None });
            }
            if let Some((mark, operator)) = operators.into_iter().find(|(mark, _)| after.starts_with(mark)) {
                self.at = behind + mark.len();
                let begin = self.at;
                let mut parts = Vec::new();
                self.parts(Until::Brace, quoted, &mut parts);
                let word = Word { parts, range: begin..self.at };
                if !self.take("}") {
                    self.give_up(start, "`${` without `}`");
                }
                return into.push(Part::Variable { name, quoted, otherwise: Some((operator, word)) });
            }
        }
        let mut depth = 1usize;
        for (at, byte) in self.text.bytes().enumerate().skip(self.at) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at = at + 1;
                return into.push(Part::Unknown(self.text[start..self.at].to_owned()));
            }
        }
        self.give_up(start, "`${` without `}`");
    }
}

/// Plain text that is collected, and whether it stands as it is in one place.
#[derive(Default)]
struct Literal {
    text: String,
    start: Option<usize>,
    /// It does not.
    broken: bool,
}

impl Literal {
    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn push(&mut self, text: &str, at: usize) {
        let start = *self.start.get_or_insert(at);
        self.broken |= start + self.text.len() != at;
        self.text.push_str(text);
    }

    fn escaped(&mut self, c: char) {
        self.broken = true;
        self.text.push(c);
    }

    fn flush(&mut self, quoted: bool, into: &mut Vec<Part>) {
        let Self { text, start, broken } = std::mem::take(self);
        if text.is_empty() {
            return;
        }
        let range = start.filter(|_| !broken).map(|start| start..start + text.len());
        into.push(Part::Literal { text, quoted, range });
    }
}
