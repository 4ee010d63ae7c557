//! Why a waiver covers nothing although its test is not satisfied: what it says, next to what was found.

use std::collections::BTreeMap;

use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_suite::model::base_id;
use muster_suite::waivers::Waiver;

use crate::decision::{FailureSeen, Requirement, RequirementKind, TestEvidence};
use crate::observation::{add, is_failure};

/// What is different, in one line; `None` where no requirement that is not satisfied is about its test.
pub(crate) fn difference(waiver: &Waiver, requirements: &[Requirement]) -> Option<String> {
    let open = || requirements.iter().filter(|one| one.kind == RequirementKind::Test && !one.satisfied);
    let about = |name: &str| open().filter(|one| is_about(one, name)).collect::<Vec<_>>();
    let mine = about(&waiver.test);
    if mine.is_empty() {
        // Written without the cell of the suite's matrix.
        let full = open().find(|one| base_id(&one.name) == waiver.test)?;
        return Some(said(&format!("the test is called {}, the waiver says {}", full.name, waiver.test)));
    }
    let places: Vec<TestEvidence> = mine
        .iter()
        .flat_map(|one| one.evidence.iter().map(move |seen| (*one, seen)))
        .filter(|(_, seen)| seen.decides && seen.test == waiver.test)
        .filter_map(|(one, seen)| failing(one, seen))
        .collect();
    if places.is_empty() {
        return Some(said(&never_ran(waiver, &mine)));
    }
    let Some(seen) = places.iter().find(|seen| seen.cell == waiver.cell) else {
        let found: Vec<String> = places.iter().map(|seen| cell(&seen.cell)).collect();
        return Some(said(&format!("its cell is {}, the waiver says {}", found.join(" or "), cell(&waiver.cell))));
    };
    Some(said(&of_result(waiver, seen)))
}

fn said(text: &str) -> String {
    one_line(text, 1000)
}

fn is_about(requirement: &Requirement, test: &str) -> bool {
    requirement.name == test || requirement.evidence.iter().any(|seen| seen.test == test)
}

/// Of a test of which there is no result.
fn never_ran(waiver: &Waiver, requirements: &[&Requirement]) -> String {
    let places: Vec<&BTreeMap<String, String>> = requirements.iter().map(|one| &one.cell).collect();
    let has_none = places.iter().any(|place| place.is_empty());
    if !waiver.missing {
        return "no run has a result of it there, and the waiver does not say `missing: true`".to_owned();
    }
    if has_none {
        return format!("a test that never ran has no cell, the waiver says {}", cell(&waiver.cell));
    }
    let found: Vec<String> = places.into_iter().map(cell).collect();
    format!("it is missing where {}, the waiver says {}", found.join(" or "), cell(&waiver.cell))
}

/// Of a result in the place that the waiver names.
fn of_result(waiver: &Waiver, seen: &TestEvidence) -> String {
    let has_run = seen.outcome.has_run();
    let ids = |failures: &[FailureSeen]| failures.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
    let wanted = waiver.failure.as_deref().unwrap_or_default();
    if has_run && waiver.missing {
        return format!("it ran ({}), and the waiver is of a test that did not", seen.outcome.name());
    }
    if !has_run && !waiver.missing {
        return format!("it did not run ({}), and the waiver does not say `missing: true`", ids(&seen.failures));
    }
    let of_id: Vec<&FailureSeen> = seen.failures.iter().filter(|one| one.id == wanted).collect();
    if of_id.is_empty() {
        return format!("its failure is {}, the waiver says {wanted}", ids(&seen.failures));
    }
    let signature = waiver.signature.as_deref().unwrap_or_default();
    if !of_id.iter().any(|one| one.signature == signature) {
        let found: Vec<String> = of_id.iter().map(|one| format!("`{}`", one.signature)).collect();
        return format!("its signature is {}, the waiver says `{signature}`", found.join(" or "));
    }
    let others = seen.failures.iter().filter(|one| one.id != wanted || one.signature != signature);
    let others: Vec<String> = others.map(|one| format!("{}: {}", one.id, one.message)).collect();
    format!("it is one of several failures, and no waiver covers {}", others.join("; "))
}

/// `{accelerator: kvm, image: lab}`.
fn cell(cell: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = cell.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// What a waiver is about in a place: the result that counts, or where that is a pass the failure before it, with all earlier failures
/// that were given. None where no run that was given has that failure: what is known of it is not all of it.
pub(crate) fn failing(requirement: &Requirement, deciding: &TestEvidence) -> Option<TestEvidence> {
    let before = || {
        let here = |one: &&TestEvidence| !one.decides && one.cell == deciding.cell && is_failure(one.outcome);
        requirement.evidence.iter().filter(here)
    };
    let mut out = match deciding.outcome {
        Outcome::Pass => before().next_back()?.clone(),
        _ => deciding.clone(),
    };
    if deciding.outcome.has_run() {
        add(&mut out.failures, before().flat_map(|one| one.failures.clone()));
    }
    Some(out)
}
