//! What the language learns from outside.

use crate::table::CheckTable;

/// What suites may speak of beyond the language itself.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary<'a> {
    /// The check types.
    pub tables: &'a [&'static CheckTable],
    /// What a guest may offer, each with what it means: words of `capability`.
    pub capabilities: &'a [(&'a str, &'a str)],
    /// Commands a guest may have: words of `tool`.
    pub tools: &'a [&'a str],
}

impl Vocabulary<'_> {
    /// The check type of that name.
    pub fn table(&self, name: &str) -> Option<&'static CheckTable> {
        self.tables.iter().copied().find(|table| table.name == name)
    }
}
