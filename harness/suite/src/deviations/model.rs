//! A documented deviation.

use jiff::civil::Date;

use crate::expiry;
use crate::model::{Condition, Matcher};
use muster_base::failure::Location;

/// One documented deviation.
#[derive(Debug, Clone)]
pub struct Deviation {
    /// A glob over the keys of differences, `*` and `?`.
    pub pattern: String,
    /// The kind that it is about: the first part of the pattern.
    pub kind: &'static str,
    /// A word of [`CATEGORIES`](super::keys::CATEGORIES).
    pub category: &'static str,
    /// A word of [`UPSTREAM_STATUSES`](super::keys::UPSTREAM_STATUSES).
    pub upstream_status: &'static str,
    /// Why it is meant.
    pub reason: String,
    /// Where it was decided or is followed up.
    pub link: String,
    /// The last day it holds; `None` is for good.
    pub expires: Option<Date>,
    /// On which candidates; `None` is all.
    pub condition: Option<Condition>,
    /// What the baseline must have had.
    pub before: Option<Matcher>,
    /// What the candidate must have.
    pub after: Option<Matcher>,
    /// Where it stands.
    pub location: Location,
}

impl Deviation {
    /// Whether its last day is over.
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| today > last)
    }
}

/// A line for each entry that has expired or soon will.
pub fn warnings(entries: &[Deviation], today: Date) -> Vec<String> {
    let line = |entry: &Deviation| {
        let about = format!("{}: the deviation of {}", entry.location, entry.pattern);
        entry.expires.and_then(|expires| expiry::warning(&about, expires, today))
    };
    entries.iter().filter_map(line).collect()
}
