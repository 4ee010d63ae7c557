//! Names that stand in a file which the chain brings and the host has: `$(cat list)`, `$(<list)`, `xargs … <list`,
//! `mapfile -t names <list`, `while read -r name; do … done <list`. A file that a command may have changed is not known.

use std::sync::Arc;

use super::arguments::Arguments;
use super::field::{Field, Value};
use super::filter::Filter;
use super::names;
use super::syntax::{AndOr, Command, Joint, Kind, List, Part, RedirectKind, Word};
use super::walk::{Line, Run};
use crate::limits;
use crate::place::Place;

/// Whether what xargs adds to this command names something.
pub(super) fn takes_names(first: &Field) -> bool {
    let name = first.text.as_str();
    names::is_manager(name)
        || names::is_foreign(name)
        || matches!(name, "sudo" | "rpm" | "systemctl" | "mkosi-install" | "mkosi-chroot")
}

impl Run<'_, '_> {
    /// What a list of commands prints, where it is one pipeline and all of that is known. It is walked through in any case.
    pub(super) fn printed_of(&mut self, list: &List) -> Option<Vec<Line>> {
        let variables = self.variables.clone();
        let piped = self.piped.take();
        let printed = match list.0.as_slice() {
            [AndOr { first, rest }] if rest.is_empty() && !first.negated => self.printing(first, true),
            _ => {
                self.list(list);
                None
            }
        };
        self.variables = variables;
        self.piped = piped;
        // A backslash may be one for the command that printed it.
        printed.filter(|lines| !lines.iter().any(|line| line.open || line.text.contains(['\\', '\0', '\u{1}'])))
    }

    /// What a command gets, if it is known: by its redirections, else from the one before it.
    pub(super) fn input(&mut self, command: Option<&Command>) -> Option<Vec<Line>> {
        let redirects = command.map_or(&[][..], |command| &command.redirects);
        let given = redirects.iter().rev().find(|redirect| {
            matches!(redirect.kind, RedirectKind::In | RedirectKind::Heredoc(_) | RedirectKind::String)
        });
        let Some(redirect) = given else { return self.piped.clone().flatten() };
        match redirect.kind {
            RedirectKind::Heredoc(_) => {
                let (number, quoted) = self.heredoc_of(command?)?;
                Some(self.heredoc(number, quoted))
            }
            RedirectKind::String => {
                let field = self.expand_one(&redirect.target);
                Some(lines_of(&field))
            }
            _ => match redirect.target.parts.as_slice() {
                // `< <(grep -v '^#' list)`
                [Part::Output { list, range, .. }] if self.unit.text[range.clone()].starts_with('<') => {
                    self.printed_of(list)
                }
                _ => {
                    let field = self.expand_one(&redirect.target);
                    let path = field.known()?.to_owned();
                    self.lines_of_file(&path)
                }
            },
        }
    }

    /// What a command leaves of the lines that it gets, or of those of the files that it names.
    pub(super) fn filtered(&mut self, name: &str, rest: &[Field], command: &Command) -> Option<Vec<Line>> {
        let arguments: Vec<&str> = rest.iter().map(Field::known).collect::<Option<_>>()?;
        let (filter, files) = Filter::of(name, &arguments)?;
        let mut lines = Vec::new();
        match files.is_empty() {
            true => lines = self.input(Some(command))?,
            false => {
                for file in files {
                    lines.append(&mut match file {
                        "-" => self.input(Some(command))?,
                        file => self.lines_of_file(file)?,
                    });
                }
            }
        }
        let left = |line: Line| {
            let kept = filter.left(&line.text)?.len();
            Some(cut(line, kept))
        };
        Some(lines.into_iter().filter_map(left).collect())
    }

    /// The lines of a file that the chain brings as the host has it.
    fn lines_of_file(&mut self, path: &str) -> Option<Vec<Line>> {
        let source = self.shell.list_of(path)?;
        if !self.into.may_list(0) {
            self.unread = Some(format!("more than {} MiB of lists, the most that are read", limits::LISTED >> 20));
            return None;
        }
        match self.shell.host.included(&self.shell.from, &source) {
            Ok((name, text)) => {
                if !self.into.may_list(text.len() as u64) || text.contains(['\0', '\u{1}']) {
                    self.unread = Some(format!("{source} is longer than is read, or no text"));
                    return None;
                }
                Some(lines(&name, &text))
            }
            Err(why) => {
                self.unread = Some(why.0);
                None
            }
        }
    }

    /// Words of lines, each where it stands. `None` when a line is not wholly known, or there are more than needs of a
    /// chain.
    pub(super) fn words_of(&mut self, lines: &[Line]) -> Option<Vec<Field>> {
        if lines.iter().any(|line| line.open) {
            return None;
        }
        let mut fields = Vec::new();
        for line in lines {
            for word in line.text.split_whitespace() {
                let start = word.as_ptr() as usize - line.text.as_ptr() as usize;
                fields.push(piece(line, start..start + word.len()));
            }
            if fields.len() > limits::NEEDS {
                self.unread = Some(format!("more than {} words, the most that are read of a list", limits::NEEDS));
                return None;
            }
        }
        self.count_listed(lines);
        Some(fields)
    }

    /// Counts lines of a list as lines of the chain, each once. Those of the file that is read are counted already.
    pub(super) fn count_listed(&mut self, lines: &[Line]) {
        for line in lines.iter().filter(|line| !line.text.trim().is_empty()) {
            let file = &line.place.file;
            if *file != *self.into.file()
                && !self.shell.read.contains(&**file)
                && self.shell.listed.insert((Arc::clone(file), line.place.line))
            {
                self.into.line();
            }
        }
    }

    /// `xargs`, where what it adds is known. `false` when it is not, or names nothing.
    pub(super) fn xargs(&mut self, rest: &[Field], command: Option<&Command>) -> bool {
        let Some(xargs) = Xargs::of(rest) else { return false };
        if !xargs.inner.first().is_some_and(takes_names) {
            return false;
        }
        let lines = match xargs.file {
            Some(path) => self.lines_of_file(path),
            None => self.input(command),
        };
        let Some(lines) = lines.filter(|lines| !lines.iter().any(|line| line.open)) else { return false };
        // Quotes and backslashes have a meaning of their own there.
        if lines.iter().any(|line| line.text.contains(['\'', '"', '\\'])) {
            return false;
        }
        let added = match xargs.whole {
            true => {
                self.count_listed(&lines);
                lines.iter().filter_map(whole).collect()
            }
            false => match self.words_of(&lines) {
                Some(fields) => fields,
                None => return false,
            },
        };
        if !self.deeper() {
            return false;
        }
        let all: Vec<Field> = match xargs.replaced {
            None => xargs.inner.iter().cloned().chain(added).collect(),
            Some(mark) => {
                let replaced = |field: &Field| match field.known() {
                    Some(text) if text == mark => added.clone(),
                    Some(text) if text.contains(mark) => added.iter().map(|one| inserted(text, mark, one)).collect(),
                    _ => vec![field.clone()],
                };
                xargs.inner.iter().flat_map(replaced).collect()
            }
        };
        if all.len() <= limits::NEEDS {
            self.simple(&all, None);
        } else {
            self.odd(&xargs.inner[0], &format!("more than {} words", limits::NEEDS));
        }
        self.back();
        true
    }

    /// `mapfile -t names <list`. `false` when what it reads is not known.
    pub(super) fn read_array(&mut self, rest: &[Field], command: Option<&Command>) -> bool {
        let arguments = Arguments::of(rest, &["-d", "-n", "-O", "-s", "-u", "-C", "-c"]);
        let plain = arguments.options.iter().all(|(option, _)| *option == "-t");
        let [name] = arguments.others[..] else { return false };
        let (true, Some(name)) = (plain, name.known().map(str::to_owned)) else { return false };
        let Some(lines) = self.input(command) else { return false };
        if lines.iter().any(|line| line.open) || lines.len() > limits::NEEDS {
            return false;
        }
        self.count_listed(&lines);
        let fields = lines.iter().filter_map(whole).collect();
        self.set(&name, Value::Array(fields));
        true
    }

    /// The variable and the lines of `while read -r name; do … done <list`.
    pub(super) fn read_by_line(&mut self, command: &Command, condition: &List) -> Option<(String, Vec<Line>)> {
        let [AndOr { first, rest }] = condition.0.as_slice() else { return None };
        // `|| [ -n "$name" ]`: a last line that nothing ends.
        if !rest.iter().all(|(joint, _)| *joint == Joint::Or) {
            return None;
        }
        let [Command { kind: Kind::Simple { words, .. }, redirects, .. }] = first.commands.as_slice() else {
            return None;
        };
        let bare: Vec<&str> = words.iter().map(Word::bare).collect::<Option<_>>()?;
        let name = match bare[..] {
            ["read", name] | ["read", "-r", name] => name,
            _ => return None,
        };
        if !redirects.is_empty() {
            return None;
        }
        let lines = self.input(Some(command)).filter(|lines| !lines.iter().any(|line| line.open))?;
        let lines: Vec<Line> = lines.into_iter().filter(|line| !line.text.trim().is_empty()).collect();
        self.count_listed(&lines);
        Some((name.to_owned(), lines))
    }
}

/// The lines of a field, in which `\n` may be written as two characters.
pub(super) fn lines_of(field: &Field) -> Vec<Line> {
    let open = field.unknown.is_some();
    if !open && field.text.contains("\\n") {
        let mut place = field.place.clone();
        place.end = place.start;
        let line = |text: &str| Line { text: text.trim().to_owned(), place: place.clone(), open };
        return field.text.split("\\n").map(line).collect();
    }
    let mut lines = Vec::new();
    let mut at = 0;
    for text in field.text.split_inclusive('\n') {
        let start = at + text.len() - text.trim_start().len();
        let (text_of, mut place) = field.piece(start..start + text.trim().len());
        place.line += field.text[..at].matches('\n').count() as u32 * u32::from(place.is_editable());
        lines.push(Line { text: text_of, place, open });
        at += text.len();
    }
    lines
}

/// The lines of a file, as they are written.
fn lines(name: &str, text: &str) -> Vec<Line> {
    let file: Arc<str> = Arc::from(name);
    let mut at = 0u32;
    let mut all = Vec::new();
    for (number, line) in (1u32..).zip(text.split_inclusive('\n')) {
        let bare = line.trim_end_matches('\n').trim_end_matches('\r');
        let place = Place { file: Arc::clone(&file), line: number, start: at, end: at + bare.len() as u32 };
        all.push(Line { text: bare.to_owned(), place, open: false });
        at += line.len() as u32;
    }
    all
}

/// The first bytes of a line.
fn cut(mut line: Line, length: usize) -> Line {
    if length < line.text.len() {
        line.text.truncate(length);
        if line.place.is_editable() {
            line.place.end = line.place.start + length as u32;
        }
    }
    line
}

/// A piece of a line as an argument.
fn piece(line: &Line, range: std::ops::Range<usize>) -> Field {
    let mut place = line.place.clone();
    if place.is_editable() {
        place.end = place.start + range.end as u32;
        place.start += range.start as u32;
    }
    Field { text: line.text[range].to_owned(), unknown: None, place, release: None }
}

/// A line as one argument, without the blanks around it; a blank one is none. No edit replaces it, since one with two words
/// would be one argument.
fn whole(line: &Line) -> Option<Field> {
    let bare = line.text.trim();
    (!bare.is_empty()).then(|| Field {
        text: bare.to_owned(),
        unknown: None,
        place: line.place.start_only(),
        release: None,
    })
}

/// An argument with a mark in it that is replaced.
fn inserted(text: &str, mark: &str, by: &Field) -> Field {
    let mut place = by.place.clone();
    place.end = place.start;
    Field { text: text.replace(mark, &by.text), place, ..by.clone() }
}

/// A command line of xargs.
struct Xargs<'f> {
    /// `-a FILE`
    file: Option<&'f str>,
    /// `-I MARK`
    replaced: Option<&'f str>,
    /// Each line is one argument, however many words it has.
    whole: bool,
    inner: &'f [Field],
}

impl<'f> Xargs<'f> {
    /// `None` when it has an option that is not known here.
    fn of(rest: &'f [Field]) -> Option<Self> {
        let mut found = Xargs { file: None, replaced: None, whole: false, inner: &[] };
        let mut at = 0;
        while let Some(option) = rest.get(at).and_then(Field::known).filter(|option| option.starts_with('-')) {
            at += 1;
            let mut value = |inline: &'f str| match inline {
                "" => {
                    at += 1;
                    rest.get(at - 1)?.known()
                }
                inline => Some(inline),
            };
            match option {
                "-r" | "-t" | "-x" | "--no-run-if-empty" | "--verbose" => {}
                "-0" | "--null" => found.whole = true,
                "--" => break,
                _ if option.starts_with("--arg-file=") => found.file = option.strip_prefix("--arg-file="),
                _ if option.starts_with("--max-") => {
                    option.split_once('=')?;
                }
                _ if option.starts_with("-a") => found.file = Some(value(&option[2..])?),
                _ if option.starts_with("-I") => {
                    found.replaced = Some(value(&option[2..])?);
                    found.whole = true;
                }
                _ if option.starts_with("-d") => {
                    found.whole = matches!(value(&option[2..])?, "\\n" | "\n").then_some(true)?;
                }
                _ if ["-n", "-L", "-P", "-s"].iter().any(|one| option.starts_with(one)) => {
                    value(&option[2..])?;
                }
                _ => return None,
            }
        }
        found.inner = rest.get(at..).unwrap_or_default();
        Some(found)
    }
}
