//! The checks of another tool, and how each stands to the suites.

use crate::diagnostic::Span;
use muster_base::failure::Location;

/// The checks of one tool.
#[derive(Debug, Clone)]
pub struct List {
    /// Its name, as `covers:` writes it before the `/`.
    pub tool: String,
    /// What it is, one line.
    pub summary: String,
    /// Where its checks are.
    pub source: String,
    /// The checks, in the order of the file.
    pub checks: Vec<Check>,
}

/// One check of another tool.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its name there.
    pub id: String,
    /// What it asks, one line.
    pub what: String,
    /// Where more is said of it.
    pub link: Option<String>,
    /// Why no test takes its place.
    pub reason: Option<Reason>,
    /// What the tests that take its place do not ask.
    pub partly: Option<String>,
    /// The tests that take its place, as `suite/test`.
    pub tests: Vec<String>,
    /// Where it stands.
    pub location: Location,
    pub(super) span: Span,
    /// The keys that speak of how it stands, for carets.
    pub(super) written: Option<Span>,
}

/// Why no test takes the place of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is missing.
    Gap(String),
    /// Something other than a test asks it.
    By(String),
    /// It means nothing here.
    Outside(String),
}

/// How a check stands to the suites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Tests ask what it asks.
    Covered,
    /// Tests ask a part of what it asks.
    Partly,
    /// Something other than a test asks it.
    ByOtherMeans,
    /// It means nothing here.
    Outside,
    /// It is missing.
    Gap,
}

impl Standing {
    /// All, in the order in which they are reported.
    pub const ALL: [Self; 5] = [Self::Covered, Self::Partly, Self::ByOtherMeans, Self::Outside, Self::Gap];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Partly => "partly",
            Self::ByOtherMeans => "by other means",
            Self::Outside => "outside",
            Self::Gap => "gap",
        }
    }
}

impl Check {
    /// How it stands to the suites.
    pub fn standing(&self) -> Standing {
        match &self.reason {
            _ if !self.tests.is_empty() && self.partly.is_some() => Standing::Partly,
            _ if !self.tests.is_empty() => Standing::Covered,
            Some(Reason::By(_)) => Standing::ByOtherMeans,
            Some(Reason::Outside(_)) => Standing::Outside,
            Some(Reason::Gap(_)) | None => Standing::Gap,
        }
    }

    /// What is said about how it stands: the reason, or what is missing.
    pub fn note(&self) -> &str {
        match &self.reason {
            Some(Reason::Gap(text) | Reason::By(text) | Reason::Outside(text)) => text,
            None => self.partly.as_deref().unwrap_or_default(),
        }
    }
}
