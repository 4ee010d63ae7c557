//! A console rule.

use crate::diagnostic::Span;
use muster_base::failure::Location;

/// One rule.
#[derive(Debug, Clone)]
pub struct ConsoleRule {
    /// Its name, unique among all files that are used together.
    pub id: String,
    /// What it is a sign of: the second half of the failure id `console.<category>`.
    pub category: String,
    /// One of [`SEVERITIES`](super::keys::SEVERITIES).
    pub severity: &'static str,
    /// The base check that it belongs to, one of [`RULE_BASE_CHECKS`](super::keys::RULE_BASE_CHECKS).
    pub base_check: Option<&'static str>,
    /// What a message must match.
    pub pattern: regex::Regex,
    /// A message that matches one of these is none of this rule's.
    pub except: Vec<regex::Regex>,
    /// Lines that must be found; at least one.
    pub samples: Vec<Sample>,
    /// Lines that must not be; at least one.
    pub near_misses: Vec<Sample>,
    /// What the line means, or where its form comes from.
    pub because: String,
    /// Whether a trace follows the line, so that more of the log belongs to it.
    pub trace: bool,
    /// Whether it only says that something took too long.
    pub about_time: bool,
    /// One of [`EARLIER`](super::keys::EARLIER): the line counts only after such, and after no announced restart.
    pub after: Option<&'static str>,
    /// Messages that show later that it did no harm.
    pub unless_later: Vec<regex::Regex>,
    /// Where it stands.
    pub location: Location,
}

/// An example line and its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The line.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}
