//! Where in a file something is written.

use std::sync::Arc;

/// A piece of one line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as it was named or as it was included.
    pub file: Arc<str>,
    /// Counted from 1. 0 where a file has no lines (a program, a package).
    pub line: u32,
    /// Bytes from the beginning of the file to the first and behind the last of what an edit would replace. Equal where
    /// nothing of the file can be replaced: a name that came out of a variable, a program.
    pub start: u32,
    /// See `start`.
    pub end: u32,
}

impl Place {
    /// A place in a file without lines.
    pub fn whole(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), line: 0, start: 0, end: 0 }
    }

    /// The same place, which no edit can replace.
    pub fn start_only(&self) -> Self {
        Self { end: self.start, ..self.clone() }
    }

    /// Whether an edit can replace what stands there.
    pub fn is_editable(&self) -> bool {
        self.end > self.start
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let file = muster_base::text::escape(&self.file);
        match self.line {
            0 => write!(to, "{file}"),
            line => write!(to, "{file}:{line}"),
        }
    }
}
