//! What is expected of one subject, and of one value.

use std::time::Duration;

use crate::operator::Operator;
use muster_base::failure::Location;

/// What one subject of one check type must be.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Name of the check type's table.
    pub check: &'static str,
    /// The subject (`nginx`, `/etc/passwd`); empty for types with [`crate::table::Subject::Whole`].
    pub subject: String,
    /// At least one.
    pub assertions: Vec<Assertion>,
    /// Poll until all assertions hold, at most so long.
    pub eventually: Option<Duration>,
    /// Where it stands.
    pub location: Location,
}

/// One attribute and what its value must match.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// Name of the attribute in the check's table.
    pub attribute: &'static str,
    /// The key below it, for attributes of kind `Map`.
    pub key: Option<String>,
    /// What the value must match.
    pub matcher: Matcher,
    /// Where it stands.
    pub location: Location,
}

/// What a value must match. The scalars have been validated against the attribute's kind and are
/// kept as source text (`0644`, `1.10`, `1:1.26`), so nothing is re-interpreted on the way.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// Equal, as the attribute's kind understands equality.
    Equals(String),
    /// All comparisons hold: `">= 1:1.26, < 2:0"`.
    Compare(Vec<(Operator, String)>),
    /// One of them matches.
    AnyOf(Vec<Matcher>),
    /// It does not match.
    Not(Box<Matcher>),
    /// The text contains each of these.
    Contains(Vec<String>),
    /// The text, or the set, contains none of these.
    Lacks(Vec<String>),
    /// The regular expression matches somewhere in the text.
    Matches(regex::Regex),
    /// Some line equals the text.
    Line(String),
    /// The text or set is empty (true) or not (false).
    Empty(bool),
    /// The set has each of these.
    Has(Vec<String>),
    /// The set has these and no others. For text of kind `List`, order is not looked at.
    Only(Vec<String>),
    /// The number of elements (or lines).
    Count(Box<Matcher>),
    /// JSON paths (`.a.b[0]`) into the text, each with its matcher.
    Json(Vec<(String, Matcher)>),
    /// Nothing is there: the empty set, no value.
    None,
    /// The subject is not there. Of a subject that is there, nothing matches it.
    Absent,
    /// All hold: a mapping with several matchers.
    All(Vec<Matcher>),
}
