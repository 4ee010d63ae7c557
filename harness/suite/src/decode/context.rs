//! What every part of the decoder needs: where it reports to, which variables there are, and how
//! mappings and scalars are read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use camino::Utf8PathBuf;

use super::super::diagnostic::{Diagnostic, Diagnostics, Span, codes, did_you_mean};
use super::super::grammar::Grammar;
use super::super::value::ValueError;
use super::super::vocabulary::Vocabulary;
use super::super::yaml::{Node, NodeKind};
use super::data::DataFiles;
use super::feasible::Feasible;
use muster_base::Choice;
use muster_base::failure::Location;

pub(crate) mod fields;
mod patterns;
pub(super) mod substitution;

pub(crate) struct Context<'a> {
    pub(crate) file: Arc<str>,
    pub(crate) vocabulary: &'a Vocabulary<'a>,
    pub(crate) vars: BTreeMap<String, String>,
    /// Names whose definition has an error: what uses them is not reported as well.
    pub(crate) broken_vars: HashSet<String>,
    /// Names that are broken only within the test that is being decoded.
    shadowed: Vec<String>,
    /// What may still be spent on finding names that were meant.
    suggestions: usize,
    /// Conditions that some combination of a matrix must allow.
    pub(super) feasible: Feasible,
    /// A key stands next to `tests` that belongs to one of them, so that a test without it is no second mistake.
    pub(super) outside_tests: bool,
    /// The directory of the file, for files it names; `None` for a text that is not in a file.
    pub(crate) dir: Option<Utf8PathBuf>,
    /// The files that tests read: what they contain is part of the suite.
    pub(super) data: DataFiles,
    sink: &'a mut Diagnostics,
    substituted: usize,
    compiled: &'a mut Patterns,
    patterns: usize,
    said: Said,
    reported: usize,
    expanded: usize,
}

/// Characters of names that are compared in one file to find the one that was meant, where the names
/// are the file's own: a hostile one misspells ten thousand of ten thousand.
const MOST_SUGGESTED: usize = 1 << 20;

/// Values that combinations of a matrix and repetitions of a test may be decoded again, in one file.
const MOST_EXPANDED: usize = 500_000;

/// What was reported while the same text is decoded again and again: once is enough.
#[derive(Default)]
struct Said {
    before: HashSet<Mention>,
    now: Vec<Mention>,
}

type Mention = (&'static str, Arc<str>, Option<Span>);

/// Regular expressions that were compiled already, by their text: suites repeat them, and compiling
/// one takes longer than decoding the rest of a test.
pub(crate) type Patterns = HashMap<String, regex::Regex>;

/// A scalar after substitution.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) span: Span,
    pub(crate) quoted: bool,
    /// Whether variables were put in, so that a message about the text must show it.
    pub(crate) changed: bool,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        file: Arc<str>,
        vocabulary: &'a Vocabulary<'a>,
        compiled: &'a mut Patterns,
        sink: &'a mut Diagnostics,
    ) -> Self {
        Self {
            file,
            vocabulary,
            vars: BTreeMap::new(),
            broken_vars: HashSet::new(),
            shadowed: Vec::new(),
            suggestions: MOST_SUGGESTED,
            feasible: Default::default(),
            outside_tests: false,
            dir: None,
            data: DataFiles::default(),
            reported: 0,
            sink,
            substituted: 0,
            compiled,
            patterns: 0,
            said: Said::default(),
            expanded: 0,
        }
    }

    /// From here to [`Self::unshadow`] the name has no value that could be used.
    pub(super) fn shadow(&mut self, name: &str) {
        if self.broken_vars.insert(name.to_owned()) {
            self.shadowed.push(name.to_owned());
        }
    }

    /// The names that [`Self::shadow`] got are what they were before.
    pub(super) fn unshadow(&mut self) {
        for name in self.shadowed.drain(..) {
            self.broken_vars.remove(&name);
        }
    }

    /// The name among the file's own that was most likely meant, until looking has become too dear.
    pub(crate) fn near<'k>(&mut self, written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
        let left = &mut self.suggestions;
        let affordable = known.into_iter().take_while(|name| {
            *left = left.saturating_sub(name.len());
            *left > 0
        });
        did_you_mean(written, affordable)
    }

    /// How much has been found wrong so far, what was not said again included.
    pub(crate) fn problems(&self) -> usize {
        self.reported
    }

    /// Where files that are named in this one report to.
    pub(crate) fn sink(&mut self) -> &mut Diagnostics {
        self.sink
    }

    pub(crate) fn location(&self, span: Span) -> Location {
        Location { file: self.file.clone(), line: span.line, column: span.column }
    }

    /// Whether `id` is the first of its name among all files that are loaded together; `ids` holds those
    /// that came before, and `what` is what it names, with its article.
    pub(crate) fn is_first(&mut self, ids: &mut HashMap<String, Location>, id: &Text, what: &str) -> bool {
        if let Some(first) = ids.get(&id.text) {
            let problem = self
                .problem(codes::DUPLICATE_ID, id.span, format!("there is {what} `{}` already", id.text))
                .note(format!("first at {first}"));
            self.report(problem);
            return false;
        }
        ids.insert(id.text.clone(), self.location(id.span));
        true
    }

    /// A diagnostic about a place of this file, not yet reported.
    pub(crate) fn problem(&self, code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, &self.file, span, message)
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.reported += 1;
        let place = (diagnostic.code, diagnostic.file.clone(), diagnostic.span);
        if self.said.before.contains(&place) {
            return;
        }
        self.said.now.push(place);
        self.sink.push(diagnostic);
    }

    /// What follows is a text that was decoded before, with other values: what is wrong with the same
    /// place in the same way is not said again.
    pub(crate) fn next_pass(&mut self) {
        self.said.before.extend(self.said.now.drain(..));
    }

    /// Whether so many values may be decoded again. Reported at `span` when they are too many.
    pub(crate) fn may_repeat(&mut self, values: usize, span: Span) -> bool {
        let fine = self.expanded <= MOST_EXPANDED;
        self.expanded = self.expanded.saturating_add(values);
        if fine && self.expanded > MOST_EXPANDED {
            let problem = self
                .problem(codes::TOO_MANY, span, "the combinations make more tests than the limit")
                .note(format!("one file may make at most {MOST_EXPANDED} values"));
            self.report(problem.help("split it into several suites"));
        }
        self.expanded <= MOST_EXPANDED
    }

    /// Reports a scalar that is not what its key asks for.
    pub(crate) fn bad_value(&mut self, text: &Text, name: &str, error: &ValueError) {
        let code = if matches!(error, ValueError::Bare { .. }) { codes::BARE_NUMBER } else { codes::BAD_VALUE };
        let mut diagnostic = self.problem(code, text.span, format!("`{name}`: {}", error.message()));
        if let Some(suggestion) = error.suggestion() {
            diagnostic = diagnostic.label(format!("did you mean `{suggestion}`?"));
        }
        self.report(self.after_substitution(diagnostic, text));
    }

    /// With the text as it was read, when variables were put into it.
    pub(crate) fn after_substitution(&self, diagnostic: Diagnostic, text: &Text) -> Diagnostic {
        if text.changed {
            diagnostic.note(format!("after substitution it reads `{}`", muster_base::text::one_line(&text.text, 120)))
        } else {
            diagnostic
        }
    }

    pub(crate) fn wrong_shape(&mut self, node: &Node, name: &str, wanted: &str) -> Diagnostic {
        let code = if node.is_null() { codes::EMPTY_VALUE } else { codes::WRONG_SHAPE };
        let message = match node.is_null() {
            true => format!("{name} is empty"),
            false => format!("{name} must be {wanted}, not {}", node.what()),
        };
        let diagnostic = self.problem(code, node.span, message);
        if node.is_null() { diagnostic.note(format!("it must be {wanted}")) } else { diagnostic }
    }

    /// The items of a list that must have some.
    pub(crate) fn items<'n>(&mut self, node: &'n Node, name: &str) -> Option<&'n [Node]> {
        match &node.kind {
            NodeKind::Sequence(items) if !items.is_empty() => Some(items),
            NodeKind::Sequence(_) => {
                let problem = self.problem(codes::EMPTY_VALUE, node.span, format!("`{name}` is an empty list"));
                self.report(problem.help("give it an entry, or remove the key"));
                None
            }
            NodeKind::Scalar { text, .. } if !node.is_null() => {
                let text = muster_base::text::one_line(text, 60);
                let problem =
                    self.wrong_shape(node, &format!("`{name}`"), "a list").label(format!("did you mean `[{text}]`?"));
                self.report(problem);
                None
            }
            _ => {
                let problem = self.wrong_shape(node, &format!("`{name}`"), "a list");
                self.report(problem);
                None
            }
        }
    }

    /// A scalar that says something, with its variables put in.
    pub(crate) fn text(&mut self, node: &Node, name: &str) -> Option<Text> {
        let text = self.any_text(node, name)?;
        if text.text.trim().is_empty() {
            let problem = self.problem(codes::EMPTY_VALUE, node.span, format!("`{name}` is empty"));
            self.report(self.after_substitution(problem, &text));
            return None;
        }
        Some(text)
    }

    /// A scalar that may be empty when it is quoted.
    pub(crate) fn any_text(&mut self, node: &Node, name: &str) -> Option<Text> {
        match &node.kind {
            NodeKind::Scalar { text, quoted } if !node.is_null() => {
                let (text, changed) = self.substitute(text, node.span, *quoted)?;
                Some(Text { text, span: node.span, quoted: *quoted, changed })
            }
            NodeKind::Scalar { text, .. } if !text.is_empty() => {
                let problem = self
                    .problem(codes::EMPTY_VALUE, node.span, format!("`{name}` is `{text}`, which is YAML for nothing"))
                    .help(format!("quote it if the text is meant: \"{text}\""));
                self.report(problem);
                None
            }
            _ => {
                let problem = self.wrong_shape(node, &format!("`{name}`"), "a scalar");
                self.report(problem);
                None
            }
        }
    }

    /// Text of one line.
    pub(crate) fn line(&mut self, node: &Node, name: &str) -> Option<Text> {
        let text = self.text(node, name)?;
        if text.text.contains(['\n', '\r']) {
            let problem = self.problem(codes::BAD_VALUE, text.span, format!("`{name}` must be one line"));
            self.report(self.after_substitution(problem, &text));
            return None;
        }
        Some(text)
    }

    /// A key of a mapping whose keys are data, with its variables put in.
    pub(crate) fn key(&mut self, node: &Node, name: &str) -> Option<Text> {
        let (raw, quoted) = match &node.kind {
            NodeKind::Scalar { text, quoted } => (text.as_str(), *quoted),
            _ => ("", false),
        };
        let (text, changed) = self.substitute(raw, node.span, quoted)?;
        let text = Text { text, span: node.span, quoted: false, changed };
        if text.text.trim().is_empty() || text.text.contains(['\n', '\r']) {
            let problem = self.problem(codes::BAD_VALUE, node.span, format!("{name} must be one line of text"));
            self.report(self.after_substitution(problem, &text));
            return None;
        }
        Some(text)
    }

    /// Reports a key that was given before in the same mapping or list.
    pub(crate) fn duplicate_subject(&mut self, subject: &Text) {
        let shown = muster_base::text::one_line(&subject.text, 80);
        let problem = self.problem(codes::DUPLICATE_SUBJECT, subject.span, format!("the key `{shown}` is here twice"));
        self.report(self.after_substitution(problem, subject));
    }

    /// The text as a name of the grammar, in the one spelling that is compared. What can name nothing is
    /// reported.
    pub(crate) fn named(&mut self, text: Text, grammar: &Grammar) -> Option<Text> {
        let refusal = match grammar.read(&text.text) {
            Ok(read) => return Some(Text { text: read, ..text }),
            Err(refusal) => refusal,
        };
        let shown = muster_base::text::one_line(&text.text, 80);
        let message = format!("`{shown}` cannot be {}: {}", grammar.what, refusal.why);
        let mut problem = self.problem(codes::BAD_NAME, text.span, message);
        if let Some(near) = refusal.suggestion {
            problem = problem.label(format!("did you mean `{}`?", muster_base::text::one_line(&near, 80)));
        }
        let problem = problem.note(format!("{}: {}", grammar.what, grammar.form));
        self.report(self.after_substitution(problem, &text));
        None
    }

    /// A scalar read by `parse`; what is wrong with it is reported.
    pub(crate) fn parsed<T>(
        &mut self,
        node: &Node,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Option<T> {
        let text = self.text(node, name)?;
        match parse(&text.text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.bad_value(&text, name, &error);
                None
            }
        }
    }

    /// One of the names of a choice.
    pub(crate) fn choice<T: Choice>(&mut self, node: &Node, name: &str) -> Option<T> {
        self.keyword(node, name, T::NAMES)?.parse().ok()
    }

    /// One of a list of words.
    pub(crate) fn keyword(&mut self, node: &Node, name: &str, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text(node, name)?;
        let found = words.iter().copied().find(|word| *word == text.text);
        if found.is_none() {
            let shown = muster_base::text::one_line(&text.text, 80);
            let mut problem = self
                .problem(codes::BAD_VALUE, text.span, format!("`{name}` cannot be `{shown}`"))
                .note(format!("it is one of: {}", words.join(", ")));
            if let Some(near) = did_you_mean(&text.text, words.iter().copied()) {
                problem = problem.label(format!("did you mean `{near}`?"));
            }
            self.report(self.after_substitution(problem, &text));
        }
        found
    }

    /// A name.
    pub(crate) fn id(&mut self, node: &Node, name: &str) -> Option<Text> {
        let text = self.text(node, name)?;
        if is_id(&text.text) {
            return Some(text);
        }
        let shown = muster_base::text::one_line(&text.text, 80);
        let problem = self
            .problem(codes::BAD_ID, text.span, format!("`{name}` cannot be `{shown}`"))
            .note("names are lower-case letters, digits, `.`, `_` and `-`, begin with a letter or digit, and have at most 100");
        self.report(self.after_substitution(problem, &text));
        None
    }

    /// A list of names.
    pub(crate) fn ids(&mut self, node: &Node, name: &str) -> Vec<Text> {
        let Some(items) = self.items(node, name) else { return Vec::new() };
        items.iter().filter_map(|item| self.id(item, name)).collect()
    }
}

/// `[a-z0-9][a-z0-9._-]*`, at most 100.
pub fn is_id(text: &str) -> bool {
    text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}
