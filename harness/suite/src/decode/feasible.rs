//! Conditions that some combination of a matrix must allow, until all have been seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Span};

/// Conditions that were checked against combinations, until all combinations have been seen.
#[derive(Default)]
pub(crate) struct Feasible {
    /// By place: what to say when the condition was impossible each time.
    places: BTreeMap<(Arc<str>, Span), Option<Diagnostic>>,
}

impl Feasible {
    pub(super) fn tried(&mut self, file: Arc<str>, span: Span, problem: Option<Diagnostic>) {
        match problem {
            None => {
                self.places.insert((file, span), None);
            }
            Some(problem) => {
                self.places.entry((file, span)).or_insert(Some(problem));
            }
        }
    }

    /// What is wrong in all combinations.
    pub(super) fn take(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.places).into_values().flatten().collect()
    }
}
