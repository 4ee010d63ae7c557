//! Parses shell text: POSIX, with what bash adds to it and people use. It goes on after what it does not understand,
//! so that one odd line of a script does not hide the others.

use std::ops::Range;
use std::rc::Rc;

use super::parser::{Fault, Parser};
use super::syntax::{
    AndOr, Arm, Assigned, Assignment, Command, Heredoc, Joint, Kind, List, Pipeline, Redirect, RedirectKind, Word,
};

/// What was parsed.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) list: List,
    pub(super) heredocs: Vec<Heredoc>,
    /// What was not, in no order.
    pub(super) faults: Vec<Fault>,
}

/// Parses a text.
pub(super) fn parse(text: &str) -> Parsed {
    let mut parser = Parser::new(text, 0);
    let list = parser.all();
    Parsed { list, heredocs: parser.heredocs, faults: parser.faults }
}

/// Words that end a list, at the place of a command.
const CLOSERS: [&str; 8] = ["then", "elif", "else", "fi", "do", "done", "esac", "}"];

/// Commands whose arguments are assignments.
const DECLARES: [&str; 5] = ["export", "local", "declare", "readonly", "typeset"];

impl<'t> Parser<'t> {
    /// The whole text; what closes nothing is a fault.
    fn all(&mut self) -> List {
        let mut all = List::default();
        loop {
            all.0.append(&mut self.list().0);
            if self.peek().is_none() {
                break all;
            }
            let start = self.at;
            let closer = self.closer().unwrap_or_else(|| self.text[start..].chars().take(1).collect());
            self.at += closer.len().max(1);
            self.fault(start..self.at, format!("`{}` closes nothing", closer.trim()));
        }
    }

    /// Commands until something that closes a list, or the end.
    pub(super) fn list(&mut self) -> List {
        let mut list = List::default();
        loop {
            self.separators();
            if self.peek().is_none() || self.closer().is_some() {
                return list;
            }
            let before = self.at;
            if let Some(and_or) = self.and_or() {
                list.0.push(and_or);
            }
            if self.at == before {
                let next = self.text[before..].chars().next().map_or(1, char::len_utf8);
                self.at += next;
                let written = self.text[before..self.at].to_owned();
                self.fault(before..self.at, format!("`{written}` is not expected here"));
            }
        }
    }

    /// Blanks, line ends, comments and `;`, with the heredocs that begin there.
    fn separators(&mut self) {
        loop {
            self.blanks();
            match self.peek() {
                Some(b'\n') => self.newline(),
                Some(b'#') => self.comment(),
                Some(b';') if !self.looking_at(";;") && !self.looking_at(";&") => self.at += 1,
                Some(b'&') if !self.looking_at("&&") && !self.looking_at("&>") => self.at += 1,
                _ => return,
            }
        }
    }

    /// Blanks, line ends and comments.
    fn newlines(&mut self) {
        loop {
            self.blanks();
            match self.peek() {
                Some(b'\n') => self.newline(),
                Some(b'#') => self.comment(),
                _ => return,
            }
        }
    }

    fn comment(&mut self) {
        self.at = self.text[self.at..].find('\n').map_or(self.text.len(), |end| self.at + end);
    }

    /// A line end, and the bodies of heredocs behind it.
    fn newline(&mut self) {
        self.at += 1;
        for (number, mark) in std::mem::take(&mut self.pending) {
            let start = self.at;
            let mut end = None;
            for line in self.text[start..].split_inclusive('\n') {
                let bare = line.trim_end_matches(['\n', '\r']);
                let bare = if self.heredocs[number].tabs { bare.trim_start_matches('\t') } else { bare };
                if bare == mark {
                    end = Some((self.at, self.at + line.len()));
                    break;
                }
                self.at += line.len();
            }
            match end {
                Some((end, behind)) => {
                    self.heredocs[number].body = start..end;
                    self.at = behind;
                }
                None => {
                    self.at = start;
                    self.give_up(start, format!("the heredoc is never ended by `{mark}`"));
                }
            }
        }
    }

    /// What closes a list here, if something does.
    fn closer(&self) -> Option<String> {
        if self.peek() == Some(b')') {
            return Some(")".to_owned());
        }
        for mark in [";;&", ";;", ";&"] {
            if self.looking_at(mark) {
                return Some(mark.to_owned());
            }
        }
        let word = self.bare_word()?;
        CLOSERS.contains(&word).then(|| word.to_owned())
    }

    /// The word that begins here, as long as it is of letters, `{`, `}`, `[`, `]` and `!` alone.
    fn bare_word(&self) -> Option<&'t str> {
        let rest = &self.text[self.at..];
        let length = rest
            .bytes()
            .position(|byte| !(byte.is_ascii_lowercase() || b"{}[]!".contains(&byte)))
            .unwrap_or(rest.len());
        let ends = match rest.as_bytes().get(length) {
            None => true,
            Some(byte) => b" \t\r\n;&|()<>".contains(byte) || rest[length..].starts_with("\\\n"),
        };
        (length > 0 && ends).then(|| &rest[..length])
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found = self.bare_word() == Some(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn and_or(&mut self) -> Option<AndOr> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let joint = if self.take("&&") {
                Joint::And
            } else if self.take("||") {
                Joint::Or
            } else {
                break;
            };
            let start = self.at;
            self.newlines();
            match self.pipeline() {
                Some(pipeline) => rest.push((joint, pipeline)),
                None => {
                    self.fault(start.saturating_sub(2)..start, "nothing follows `&&` or `||`");
                    break;
                }
            }
        }
        Some(AndOr { first, rest })
    }

    fn pipeline(&mut self) -> Option<Pipeline> {
        let mut negated = false;
        loop {
            self.blanks();
            if self.keyword("!") {
                negated = !negated;
            } else if self.keyword("time") {
                self.blanks();
                self.take("-p ");
            } else {
                break;
            }
        }
        let mut commands = vec![self.command()?];
        loop {
            self.blanks();
            if self.looking_at("||") || !(self.take("|&") || self.take("|")) {
                break;
            }
            let start = self.at;
            self.newlines();
            match self.command() {
                Some(command) => commands.push(command),
                None => {
                    self.fault(start - 1..start, "nothing follows `|`");
                    break;
                }
            }
        }
        Some(Pipeline { negated, commands })
    }

    fn command(&mut self) -> Option<Command> {
        self.blanks();
        let start = self.at;
        if !self.enter() {
            self.leave();
            return None;
        }
        let kind = self.compound().or_else(|| self.simple(start));
        self.leave();
        let (kind, mut redirects) = kind?;
        // Of a compound command, they stand behind it.
        while redirects.is_empty() || !matches!(kind, Kind::Simple { .. }) {
            self.blanks();
            let Some(redirect) = self.redirect() else { break };
            redirects.push(redirect);
        }
        Some(Command { kind, redirects, range: start..self.at })
    }

    fn compound(&mut self) -> Option<(Kind, Vec<Redirect>)> {
        let start = self.at;
        let kind = if self.looking_at("((") && self.arithmetic() {
            Kind::Arithmetic
        } else if self.take("(") {
            let list = self.list();
            self.expect(start, "(", ")");
            Kind::Group(list)
        } else {
            match self.bare_word()? {
                "{" => {
                    self.at += 1;
                    let list = self.list();
                    self.expect(start, "{", "}");
                    Kind::Group(list)
                }
                "if" => self.branches(start),
                "for" | "select" => self.repeat(start),
                "while" | "until" => {
                    self.at += 5;
                    let condition = self.list();
                    self.expect(start, "while", "do");
                    let body = self.list();
                    self.expect(start, "do", "done");
                    Kind::Loop { condition, body }
                }
                "case" => self.case(start),
                "function" => {
                    self.at += "function".len();
                    self.blanks();
                    let name = self.word()?.literal()?;
                    self.blanks();
                    if self.take("(") {
                        self.blanks();
                        self.take(")");
                    }
                    self.function(start, name)?
                }
                "[[" => self.test(start),
                _ => return None,
            }
        };
        Some((kind, Vec::new()))
    }

    fn expect(&mut self, start: usize, opened: &str, close: &str) {
        self.separators();
        let found = if close == ")" { self.take(close) } else { self.keyword(close) };
        if !found {
            self.fault(start..start + 1, format!("`{opened}` without `{close}`"));
        }
    }

    fn branches(&mut self, start: usize) -> Kind {
        let mut branches = Vec::new();
        let mut otherwise = None;
        self.at += 2;
        loop {
            let condition = self.list();
            self.expect(start, "if", "then");
            branches.push((condition, self.list()));
            if self.keyword("elif") {
                continue;
            }
            if self.keyword("else") {
                otherwise = Some(self.list());
            }
            self.expect(start, "if", "fi");
            return Kind::If { branches, otherwise };
        }
    }

    fn repeat(&mut self, start: usize) -> Kind {
        while self.peek().is_some_and(|byte| byte.is_ascii_lowercase()) {
            self.at += 1;
        }
        self.blanks();
        let mut words = None;
        let mut name = String::new();
        if !(self.looking_at("((") && self.arithmetic()) {
            name = self.word().and_then(|word| word.literal()).unwrap_or_default();
            self.newlines();
            if self.keyword("in") {
                let mut list = Vec::new();
                loop {
                    self.blanks();
                    match self.word() {
                        Some(word) => list.push(word),
                        None => break,
                    }
                }
                words = Some(list);
            }
        }
        self.separators();
        self.expect(start, "for", "do");
        let body = self.list();
        self.expect(start, "do", "done");
        Kind::For { name, words, body }
    }

    fn case(&mut self, start: usize) -> Kind {
        self.at += "case".len();
        self.blanks();
        let word = self.word().unwrap_or(Word { parts: Vec::new(), range: self.at..self.at });
        self.newlines();
        if !self.keyword("in") {
            self.fault(start..self.at, "`case` without `in`");
            return Kind::Case { word, arms: Vec::new() };
        }
        let mut arms = Vec::new();
        loop {
            self.newlines();
            if self.keyword("esac") {
                break;
            }
            self.take("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                patterns.extend(self.word());
                self.blanks();
                if !self.take("|") {
                    break;
                }
            }
            if !self.take(")") {
                self.fault(start..start + 1, "`case` without `esac`");
                break;
            }
            arms.push(Arm { patterns, body: self.list() });
            let _ = self.take(";;&") || self.take(";;") || self.take(";&");
        }
        Kind::Case { word, arms }
    }

    fn function(&mut self, start: usize, name: String) -> Option<Kind> {
        self.newlines();
        match self.command() {
            Some(body) => Some(Kind::Function { name, body: Rc::new(body) }),
            None => {
                self.fault(start..self.at, "a function without a body");
                None
            }
        }
    }

    /// `(( … ))`: skipped. `false` where it is not one, and nothing is taken.
    pub(super) fn arithmetic(&mut self) -> bool {
        let mut depth = 0usize;
        for (at, byte) in self.text.bytes().enumerate().skip(self.at) {
            match byte {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 1 {
                        let closed = self.text.as_bytes().get(at + 1) == Some(&b')');
                        if closed {
                            self.at = at + 2;
                        }
                        return closed;
                    }
                }
                _ => {}
            }
        }
        false
    }

    fn test(&mut self, start: usize) -> Kind {
        self.at += 2;
        let mut words: Vec<Word> = Vec::new();
        loop {
            self.newlines();
            let at = self.at;
            if self.take("]]") {
                break;
            }
            let operator = ["&&", "||", "(", ")", "<", ">", "!"].into_iter().find(|mark| self.looking_at(mark));
            let expression = words.last().and_then(Word::bare) == Some("=~");
            let word = match operator {
                _ if expression => Some(self.expression()),
                // `!` alone, not `!=`
                Some(mark) if mark != "!" || self.keyword("!") => {
                    if mark != "!" {
                        self.at += mark.len();
                    }
                    Some(super::words::literal(mark, at))
                }
                _ => self.word(),
            };
            match word {
                Some(word) => words.push(word),
                None => {
                    self.fault(start..start + 2, "`[[` without `]]`");
                    break;
                }
            }
        }
        Kind::Test(words)
    }

    fn simple(&mut self, start: usize) -> Option<(Kind, Vec<Redirect>)> {
        let mut assignments = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut redirects = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                None | Some(b'\n' | b';' | b'|' | b')') => break,
                Some(b'#') => {
                    self.comment();
                    break;
                }
                Some(b'(') => {
                    // `name() …`
                    if let ([name], true) = (words.as_slice(), assignments.is_empty())
                        && self.text[self.at + 1..].trim_start_matches([' ', '\t']).starts_with(')')
                        && let Some(name) = name.literal()
                    {
                        self.at += 1;
                        self.blanks();
                        self.take(")");
                        return Some((self.function(start, name)?, Vec::new()));
                    }
                    if words.is_empty() && redirects.is_empty() && assignments.is_empty() {
                        break;
                    }
                    self.fault(self.at..self.at + 1, "`(` is not expected here");
                    self.at += 1;
                    continue;
                }
                Some(b'&') if !self.looking_at("&>") => break,
                Some(_) => {}
            }
            if let Some(redirect) = self.redirect() {
                redirects.push(redirect);
                continue;
            }
            let declares = words.first().and_then(Word::bare).is_some_and(|word| DECLARES.contains(&word));
            if (words.is_empty() || declares)
                && let Some(assignment) = self.assignment()
            {
                assignments.push(assignment);
                continue;
            }
            match self.word() {
                Some(word) => words.push(word),
                None => break,
            }
        }
        let something = !(words.is_empty() && assignments.is_empty() && redirects.is_empty());
        something.then_some((Kind::Simple { assignments, words }, redirects))
    }

    fn assignment(&mut self) -> Option<Assignment> {
        let rest = &self.text[self.at..];
        let length = super::words::name_length(rest)?;
        let name = rest[..length].to_owned();
        let behind = &rest[length..];
        let appends = behind.starts_with("+=");
        if !appends && !behind.starts_with('=') {
            return None;
        }
        self.at += length + 1 + usize::from(appends);
        if !self.take("(") {
            let nothing = || Word { parts: Vec::new(), range: 0..0 };
            return Some(Assignment { name, appends, value: Assigned::One(self.word().unwrap_or_else(nothing)) });
        }
        let start = self.at;
        let mut words = Vec::new();
        loop {
            self.newlines();
            if self.take(")") {
                break;
            }
            match self.word() {
                Some(word) => words.push(word),
                None => {
                    self.give_up(start, "`(` without `)`");
                    break;
                }
            }
        }
        Some(Assignment { name, appends, value: Assigned::Array(words) })
    }

    fn redirect(&mut self) -> Option<Redirect> {
        let start = self.at;
        let digits = self.text[start..].bytes().take_while(u8::is_ascii_digit).count();
        self.at += digits;
        if digits == 0 && (self.take("&>>") || self.take("&>")) {
            return self.target(start, RedirectKind::Out);
        }
        // `<( … )` and `>( … )` are words.
        if self.looking_at("<(") || self.looking_at(">(") {
            self.at = start;
            return None;
        }
        for (mark, kind) in [
            ("<<<", RedirectKind::String),
            ("<<-", RedirectKind::Heredoc(1)),
            ("<<", RedirectKind::Heredoc(0)),
            ("<&", RedirectKind::Duplicate),
            (">&", RedirectKind::Duplicate),
            ("<>", RedirectKind::In),
            ("<", RedirectKind::In),
            (">>", RedirectKind::Out),
            (">|", RedirectKind::Out),
            (">", RedirectKind::Out),
        ] {
            if !self.take(mark) {
                continue;
            }
            let mut redirect = self.target(start, kind)?;
            redirect.errors = &self.text[start..start + digits] == "2";
            if let RedirectKind::Heredoc(tabs) = kind {
                let mark = redirect.target.literal().unwrap_or_default();
                redirect.kind = RedirectKind::Heredoc(self.heredocs.len());
                self.pending.push((self.heredocs.len(), mark));
                self.heredocs.push(Heredoc { body: self.at..self.at, tabs: tabs == 1 });
            }
            return Some(redirect);
        }
        self.at = start;
        None
    }

    fn target(&mut self, start: usize, kind: RedirectKind) -> Option<Redirect> {
        self.blanks();
        match self.word() {
            Some(target) => Some(Redirect { kind, target, errors: false }),
            None => {
                self.fault(start..self.at, "a redirection to nothing");
                None
            }
        }
    }

    /// A list in a part of the text that ends before the text does, at the same depth.
    pub(super) fn inner(&mut self, range: Range<usize>) -> List {
        let mut inner = Parser::new(&self.text[..range.end], range.start);
        inner.depth = self.depth;
        // Numbers of heredocs go on.
        inner.heredocs = std::mem::take(&mut self.heredocs);
        let list = inner.all();
        self.heredocs = inner.heredocs;
        self.faults.append(&mut inner.faults);
        list
    }
}
