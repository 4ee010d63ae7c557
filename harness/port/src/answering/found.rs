//! An answer on its way.

use muster_repodata::Wanted;

use crate::answer::{Answer, Difference};
use crate::edit::Edit;

/// An answer on its way.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) answer: Answer,
    pub(super) evidence: Vec<String>,
    pub(super) differences: Vec<Difference>,
    pub(super) edit: Option<Edit>,
    /// What is installed for it, as it is named.
    pub(super) wanted: Vec<(String, Wanted)>,
}

impl Found {
    pub(super) fn new(answer: Answer) -> Self {
        Self { answer, evidence: Vec::new(), differences: Vec::new(), edit: None, wanted: Vec::new() }
    }

    /// With names that are installed for it.
    pub(super) fn installing(mut self, names: &[String]) -> Self {
        self.wanted.extend(names.iter().map(|name| (name.clone(), Wanted::Spec(name.clone()))));
        self
    }

    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self::new(Answer::Unknown(why.into()))
    }

    pub(super) fn because(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }
}
