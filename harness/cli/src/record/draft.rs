//! A suite before it is written: its tests, and what was left out.

/// What was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) tests: Vec<Drafted>,
    /// What was seen and becomes no test, with the reason: one sentence each.
    pub(super) left_out: Vec<String>,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drafted {
    pub(super) id: String,
    /// What it holds the image to; why that matters is for the person to say.
    pub(super) summary: String,
    /// All of one check type, by subject.
    pub(super) entries: Vec<Entry>,
}

/// What one subject must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) check: &'static str,
    /// Empty for what a system has one of.
    pub(super) subject: String,
    pub(super) asked: Vec<(&'static str, Want)>,
}

/// What an attribute must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Want {
    /// Just this.
    Is(String),
    /// This version or a newer one.
    AtLeast(String),
    /// This set and nothing else; of nothing, none.
    Only(Vec<String>),
}
