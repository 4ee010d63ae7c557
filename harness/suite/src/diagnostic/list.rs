//! All that is wrong, and the texts it is wrong with.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::one::Diagnostic;

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
    pub(super) list: Vec<Diagnostic>,
    /// How many more there were than are kept.
    pub(super) omitted: usize,
    /// The texts they are about.
    #[serde(skip)]
    sources: Sources,
    #[serde(skip)]
    pub(super) counts: BTreeMap<Arc<str>, usize>,
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
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
