//! Distributions in the conditions of suites that nobody knows and that are spelt nearly as one that is known. Any ID is
//! legal, so this is a note and not an error.

use std::collections::BTreeSet;

use super::values::familiar;
use crate::model::{Condition, Suite, When};

/// A line for each such value: where it stands, and what was probably meant. Each place is named once, whatever the
/// number of tests that a matrix makes of it.
pub fn unfamiliar(suites: &[Suite]) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for suite in suites {
        let of_tests = suite
            .tests
            .iter()
            .flat_map(|test| test.when.iter().chain(test.adjust.iter().map(|adjustment| &adjustment.when)));
        suite.images.iter().chain(of_tests).for_each(|when| look(when, &when.condition, &mut lines));
    }
    lines.into_iter().collect()
}

fn look(when: &When, condition: &Condition, lines: &mut BTreeSet<String>) {
    match condition {
        Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| look(when, part, lines)),
        Condition::Not(inner) => look(when, inner, lines),
        Condition::Defined(..) => {}
        Condition::Compare { dimension, values, .. } => {
            for value in values {
                if let Some(near) = familiar(dimension, value) {
                    lines.insert(format!(
                        "{}: no distribution that muster knows has the `{dimension}` `{value}`; did you mean `{near}`?",
                        when.location
                    ));
                }
            }
        }
    }
}
