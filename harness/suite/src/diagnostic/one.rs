//! One thing that is wrong.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::codes;
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
    /// What stands next to the caret; may be empty.
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

    /// With words next to the caret.
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
}
