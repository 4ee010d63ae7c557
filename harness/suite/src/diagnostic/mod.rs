//! What is wrong with a file, where, and what to do about it. Diagnostics are collected, never
//! thrown: a person sees everything that is wrong with all files at once.

pub mod codes;
mod render;
pub mod sarif;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::effort;

use muster_base::failure::Location;

/// A piece of a source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
    /// 1-based line of the first byte.
    pub line: u32,
    /// 1-based column of the first byte, in characters.
    pub column: u32,
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// One of [`codes::TABLE`].
    pub code: &'static str,
    /// One sentence, without a full stop.
    pub message: String,
    /// The file, as the person named it.
    pub file: Arc<str>,
    /// Where; `None` when the whole file is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// What stands beside the caret; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// More facts, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic about a place in a file.
    pub fn new(code: &'static str, file: &Arc<str>, span: Span, message: impl Into<String>) -> Self {
        debug_assert!(codes::TABLE.iter().any(|(known, _)| *known == code), "{code} is not in the table of codes");
        Self {
            code,
            message: message.into(),
            file: file.clone(),
            span: Some(span),
            label: String::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// A diagnostic about a whole file.
    pub fn about_file(code: &'static str, file: &Arc<str>, message: impl Into<String>) -> Self {
        Self { span: None, ..Self::new(code, file, Span::default(), message) }
    }

    /// With words beside the caret.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With one more fact.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// With what to write instead.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Where it is, when it is about a place.
    pub fn location(&self) -> Option<Location> {
        self.span.map(|span| Location { file: self.file.clone(), line: span.line, column: span.column })
    }

    /// The text a person reads, ending in a newline. `sources` gives the line to show; without it
    /// the excerpt is left out. Whatever the file holds, the result has no control characters but
    /// newlines and, when `color` is set, our own colours.
    pub fn render(&self, sources: &Sources, color: bool) -> String {
        render::render(self, sources.get(&self.file), color)
    }
}

/// The texts of the files that diagnostics are about, by the name of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<Arc<str>, Arc<str>>);

impl Sources {
    /// Remembers a text.
    pub fn insert(&mut self, file: &Arc<str>, text: Arc<str>) {
        self.0.insert(file.clone(), text);
    }

    /// The text of a file.
    pub fn get(&self, file: &str) -> Option<&str> {
        self.0.get(file).map(|text| &**text)
    }
}

/// Of one file, no more than so many diagnostics are kept: the rest only repeats a hostile file.
const LIMIT_PER_FILE: usize = 100;

/// Everything that is wrong with all files, in the order of files and lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    /// The diagnostics.
    #[serde(rename = "diagnostics")]
    list: Vec<Diagnostic>,
    /// How many more there were than are kept.
    omitted: usize,
    /// The texts they are about.
    #[serde(skip)]
    sources: Sources,
    #[serde(skip)]
    counts: BTreeMap<Arc<str>, usize>,
}

impl Diagnostics {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, unless its file has had its hundred.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let count = self.counts.entry(diagnostic.file.clone()).or_default();
        *count += 1;
        if *count > LIMIT_PER_FILE {
            self.omitted += 1;
        } else {
            self.list.push(diagnostic);
        }
    }

    /// Remembers the text of a file, so that its lines can be shown.
    pub fn add_source(&mut self, file: &Arc<str>, text: impl Into<Arc<str>>) {
        self.sources.insert(file, text.into());
    }

    /// Adds those of another list, with the texts they are about. Not settled.
    pub fn absorb(&mut self, other: Self) {
        for diagnostic in other.list {
            self.push(diagnostic);
        }
        self.omitted += other.omitted;
        other.sources.0.into_iter().for_each(|(file, text)| self.sources.insert(&file, text));
    }

    /// Those that are of none of these codes.
    pub fn without(self, codes: &[&str]) -> Self {
        let Self { list, omitted, sources, .. } = self;
        let mut out = Self { omitted, sources, ..Self::default() };
        list.into_iter().filter(|diagnostic| !codes.contains(&diagnostic.code)).for_each(|kept| out.push(kept));
        out
    }

    /// Forgets texts nothing is said about, and puts the diagnostics in order.
    pub fn settle(&mut self) {
        let Self { sources, counts, .. } = self;
        sources.0.retain(|file, _| counts.contains_key(file));
        self.list.sort_by(|a, b| (&a.file, a.span, a.code).cmp(&(&b.file, b.span, b.code)));
        self.list.dedup();
    }

    /// True when nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many, including those not kept.
    pub fn len(&self) -> usize {
        self.list.len() + self.omitted
    }

    /// How many are known of one file, including those not kept.
    pub fn count_in(&self, file: &str) -> usize {
        self.counts.get(file).copied().unwrap_or(0)
    }

    /// One after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// The texts of the files.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// All of them as a person reads them, a blank line between, and the sum at the end. Empty
    /// when nothing is wrong.
    pub fn render(&self, color: bool) -> String {
        if self.list.is_empty() {
            return String::new();
        }
        let mut out = String::new();
        for diagnostic in &self.list {
            out.push_str(&diagnostic.render(&self.sources, color));
            out.push('\n');
        }
        if self.omitted > 0 {
            out.push_str(&format!("{} more are not shown\n", self.omitted));
        }
        let files = self.counts.len();
        out.push_str(&format!(
            "{} error{} in {files} file{}\n",
            self.len(),
            if self.len() == 1 { "" } else { "s" },
            if files == 1 { "" } else { "s" }
        ));
        out
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The name among `known` that `written` was most likely meant to be.
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = written.chars().count();
    // Longer words are not misspelt names, and the comparison takes the product of both lengths.
    if length == 0 || length > 64 {
        return None;
    }
    let lower = written.to_lowercase().replace('_', "-");
    let distance = |name: &str| {
        let name = name.to_lowercase();
        effort::spent(lower.len() * name.len());
        strsim::damerau_levenshtein(&lower, &name)
    };
    let allowed = |name: &str| 1.max(length.max(name.len()) / 3);
    known
        .into_iter()
        // Words of different lengths differ at least by those letters; this is much cheaper to see.
        .filter(|name| name.len().abs_diff(lower.len()) <= 2 * allowed(name) && name.len() <= 256)
        .map(|name| (distance(name), name))
        .filter(|(distance, name)| *distance <= allowed(name))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_have_a_meaning() {
        let unique: std::collections::BTreeSet<_> = codes::TABLE.iter().map(|(code, _)| code).collect();
        assert_eq!(unique.len(), codes::TABLE.len());
        for (code, meaning) in codes::TABLE {
            assert!(code.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{code}");
            assert!(meaning.ends_with('.'), "{code}: {meaning}");
        }
    }

    #[test]
    fn suggestions_are_near_or_absent() {
        let known = ["installed", "version", "arch"];
        assert_eq!(did_you_mean("instaled", known), Some("installed"));
        assert_eq!(did_you_mean("Version", known), Some("version"));
        assert_eq!(did_you_mean("zebra", known), None);
        assert_eq!(did_you_mean(&"a".repeat(100_000), known), None);
    }

    #[test]
    fn a_file_with_endless_errors_keeps_a_hundred_and_counts_the_rest() {
        let file: Arc<str> = "x.yaml".into();
        let mut all = Diagnostics::new();
        for n in 0..250 {
            let span = Span { start: n, end: n, line: n + 1, column: 1 };
            all.push(Diagnostic::new(codes::SYNTAX, &file, span, "m"));
        }
        assert_eq!((all.iter().count(), all.len()), (100, 250));
        assert!(all.render(false).ends_with("150 more are not shown\n250 errors in 1 file\n"));
    }

    #[test]
    fn the_json_form_names_code_file_and_place() {
        let file: Arc<str> = "x.yaml".into();
        let mut all = Diagnostics::new();
        let span = Span { start: 3, end: 5, line: 1, column: 4 };
        all.push(Diagnostic::new(codes::SYNTAX, &file, span, "m").help("h"));
        assert_eq!(
            serde_json::to_value(&all).unwrap(),
            serde_json::json!({"omitted": 0, "diagnostics": [{"code": "syntax", "message": "m", "file": "x.yaml",
                "span": {"start": 3, "end": 5, "line": 1, "column": 4}, "help": "h"}]})
        );
    }
}
