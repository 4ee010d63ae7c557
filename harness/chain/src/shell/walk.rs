//! One walk through shell text: what is known where it stands, and how it says what it finds. Commands, conditions and
//! words are walked through in modules of their own, which add to [`Run`].

use std::collections::BTreeMap;
use std::rc::Rc;

use super::field::{Field, Value};
use super::names;
use super::origin::Origin;
use super::state::Shell;
use super::syntax::{Command, Heredoc, RedirectKind};
use crate::need::{Need, Verb, Want};
use crate::place::Place;
use crate::reader::Reading;

/// Functions and scripts in each other.
pub(super) const CALLS: usize = 8;
/// Values that one variable can have.
pub(super) const VALUES: usize = 16;

/// A text, and where it stands.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) text: String,
    pub(super) origin: Origin,
    pub(super) heredocs: Vec<Heredoc>,
}

/// A line of what a command gets or prints, where it is known.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) place: Place,
    /// It has expansions, which were not worked out.
    pub(super) open: bool,
}

/// A function, and whether something called it.
pub(super) struct Function {
    pub(super) body: Rc<Command>,
    pub(super) unit: Rc<Unit>,
    pub(super) called: bool,
}

/// One walk.
pub(super) struct Run<'r, 'a> {
    pub(super) shell: &'r mut Shell<'a>,
    pub(super) into: &'r mut Reading,
    pub(super) unit: Rc<Unit>,
    pub(super) variables: BTreeMap<String, Value>,
    /// `$1` and the others, where they are known.
    pub(super) arguments: Option<Vec<Field>>,
    /// os-release was sourced.
    pub(super) sourced: bool,
    /// What the command at hand gets from the one before it in its pipeline: `Some(None)` is not known.
    pub(super) piped: Option<Option<Vec<Line>>>,
    /// The same, for the command that is being read.
    pub(super) stdin: Option<Vec<Line>>,
    /// What the command at hand prints is used: by the next of its pipeline, or by who stands around `$(…)`.
    pub(super) wanted: bool,
    /// Why a file of the chain's whose lines were wanted could not be read.
    pub(super) unread: Option<String>,
    /// The command at hand runs in the image, where the text itself runs elsewhere.
    pub(super) in_image: bool,
    /// Where the command at hand stands.
    pub(super) here: Place,
    /// Scripts that are being read, outermost first.
    pub(super) scripts: Vec<String>,
    /// Levels of what may fail.
    pub(super) optional: usize,
    /// Levels of conditions under which commands run.
    pub(super) conditional: usize,
    /// Levels of conditions that look for one of several package managers.
    pub(super) managers: usize,
    /// Commands that a condition found.
    pub(super) guards: Vec<String>,
    pub(super) functions: BTreeMap<String, Function>,
    pub(super) steps: usize,
    pub(super) calls: usize,
    /// Levels of conditions that are evaluated: what they find is for what surrounds them.
    pub(super) collecting: usize,
}

impl<'r, 'a> Run<'r, 'a> {
    pub(super) fn new(shell: &'r mut Shell<'a>, into: &'r mut Reading) -> Self {
        let variables = shell.variables.iter().map(|(name, value)| (name.clone(), Value::Known(vec![value.clone()])));
        let release = shell.distribution.iter().map(|name| (name.clone(), Value::Release(name.clone())));
        Self {
            variables: variables.chain(release).collect(),
            unit: Rc::new(Unit { text: String::new(), origin: Origin::new(into.file()), heredocs: Vec::new() }),
            optional: usize::from(shell.optional),
            arguments: None,
            sourced: false,
            piped: None,
            stdin: None,
            wanted: false,
            unread: None,
            in_image: false,
            here: Place { file: std::sync::Arc::clone(into.file()), line: 0, start: 0, end: 0 },
            scripts: Vec::new(),
            conditional: 0,
            managers: 0,
            guards: Vec::new(),
            functions: BTreeMap::new(),
            steps: 0,
            calls: 0,
            collecting: 0,
            shell,
            into,
        }
    }

    /// Says that the line at `at` of the text was not understood.
    pub(super) fn odd_at(&mut self, at: usize, why: &str) {
        let text = &self.unit.text;
        let start = text[..at].rfind('\n').map_or(0, |start| start + 1);
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let place = self.unit.origin.line(at);
        // Of a long line, the piece around it.
        let start = (start.max(at.saturating_sub(400))..=at).find(|start| text.is_char_boundary(*start)).unwrap_or(at);
        let end = (at..=end.min(at + 400)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(at);
        self.into.not_understood(place, &text[start..end], why);
    }

    /// Says that the line of a field was not understood.
    pub(super) fn odd(&mut self, field: &Field, why: &str) {
        let mut place = field.place.clone();
        place.end = place.start;
        let written = self.shell.command.clone();
        self.into.not_understood(place, &written, why);
    }

    /// A need.
    pub(super) fn need(&mut self, want: Want, verb: Verb, written: &str, place: Place) {
        if self.is_elsewhere(&want, verb) {
            return;
        }
        let optional = self.optional > 0 || self.is_guarded(&want);
        if self.shell.is_new(&want, verb, optional, &place) {
            let within = self.shell.within.clone();
            let written = written.to_owned();
            self.into.need(Need { want, verb, optional, place, written, within });
        }
    }

    /// A need that is written as a field.
    pub(super) fn need_of(&mut self, want: Want, verb: Verb, field: &Field) {
        self.need(want, verb, &field.text, field.place.clone());
    }

    /// Whether it is what the host needs on which the text runs, and not the image that is made.
    fn is_elsewhere(&self, want: &Want, verb: Verb) -> bool {
        let of_image =
            verb != Verb::Use || matches!(want, Want::Unit { .. } | Want::Repository(_) | Want::Package { .. });
        self.shell.elsewhere && !self.in_image && !of_image
    }

    fn is_guarded(&self, want: &Want) -> bool {
        match want {
            Want::Command(name) => {
                self.guards.contains(name)
                    || (self.managers > 0 && (names::is_manager(name) || names::is_foreign(name)))
                    || (self.shell.opaque && !names::is_usual(name) && !names::is_manager(name))
            }
            Want::Path(path) => self.guards.contains(path),
            _ => false,
        }
    }

    pub(super) fn has_function(&self, name: &str) -> bool {
        self.functions.contains_key(name)
    }

    /// Takes one level of calls, if there is one left.
    pub(super) fn deeper(&mut self) -> bool {
        let deeper = self.calls < CALLS;
        self.calls += usize::from(deeper);
        deeper
    }

    pub(super) fn back(&mut self) {
        self.calls -= 1;
    }

    /// Gives a variable a value; under a condition, one more.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        let before = self.variables.get(name).filter(|_| self.conditional > 0);
        let value = match (before, value) {
            (Some(Value::Known(old)), Value::Known(new)) => {
                let mut all = old.clone();
                for value in new {
                    match all.iter_mut().find(|one| value.starts_with(one.as_str())) {
                        // Longer: what names packages names all of them.
                        Some(one) => *one = value,
                        None => all.push(value),
                    }
                }
                if all.len() <= VALUES { Value::Known(all) } else { Value::Unknown }
            }
            (Some(Value::Unknown), Value::Known(_)) => Value::Unknown,
            (Some(Value::Release(key)), Value::Known(_)) => Value::Release(key.clone()),
            (_, value) => value,
        };
        if self.variables.len() < 10_000 {
            self.variables.insert(name.to_owned(), value);
        }
    }

    /// The lines of a heredoc of this text.
    pub(super) fn heredoc(&self, number: usize, quoted: bool) -> Vec<Line> {
        let Some(heredoc) = self.unit.heredocs.get(number) else { return Vec::new() };
        let mut at = heredoc.body.start;
        let mut lines = Vec::new();
        for line in self.unit.text[heredoc.body.clone()].split_inclusive('\n') {
            let text = line.trim();
            let start = at + line.len() - line.trim_start().len();
            let open = !quoted && text.contains(['$', '`', '\\']);
            lines.push(Line { text: text.to_owned(), place: self.unit.origin.place(start..start + text.len()), open });
            at += line.len();
        }
        lines
    }

    /// The text of a heredoc as a text to walk through.
    pub(super) fn heredoc_text(&self, number: usize) -> Option<(String, Origin)> {
        let heredoc = self.unit.heredocs.get(number)?;
        let mut origin = Origin::new(self.unit.origin.file());
        let mut at = heredoc.body.start;
        let text = &self.unit.text[heredoc.body.clone()];
        for line in text.split_inclusive('\n') {
            let place = self.unit.origin.place(at..at + line.len());
            origin.push(at - heredoc.body.start, place.line, place.is_editable().then_some(place.start));
            at += line.len();
        }
        Some((text.to_owned(), origin))
    }

    /// The first heredoc of a command, and whether its mark is quoted.
    pub(super) fn heredoc_of(&self, command: &Command) -> Option<(usize, bool)> {
        command.redirects.iter().rev().find_map(|redirect| match redirect.kind {
            RedirectKind::Heredoc(number) => {
                let quoted = self
                    .unit
                    .text
                    .get(redirect.target.range.clone())
                    .is_some_and(|mark| mark.contains(['\'', '"', '\\']));
                Some((number, quoted))
            }
            _ => None,
        })
    }
}
