//! Why a waiver covers nothing although its test is not satisfied: what it says, next to what was found.

use std::collections::BTreeMap;

use muster_base::text::one_line;
use muster_suite::model::base_id;
use muster_suite::waivers::Waiver;

use crate::decision::{FailureSeen, Requirement, RequirementKind, TestEvidence};

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
    let places: Vec<(&Requirement, &TestEvidence)> = mine
        .iter()
        .flat_map(|one| one.evidence.iter().map(move |seen| (*one, seen)))
        .filter(|(_, seen)| seen.decides && seen.test == waiver.test)
        .filter_map(|(one, seen)| Some((one, failing(one, seen)?)))
        .collect();
    if places.is_empty() {
        return Some(said(&never_ran(waiver, &mine)));
    }
    let Some((_, seen)) = places.iter().find(|(_, seen)| seen.cell == waiver.cell) else {
        let found: Vec<String> = places.iter().map(|(_, seen)| cell(&seen.cell)).collect();
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
    let has_run = !matches!(seen.outcome.as_str(), "skip" | "not-run");
    let ids = |failures: &[FailureSeen]| failures.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
    let wanted = waiver.failure.as_deref().unwrap_or_default();
    if has_run && waiver.missing {
        return format!("it ran ({}), and the waiver is of a test that did not", seen.outcome);
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

/// The result of a place that a waiver is about: the one that counts, or where that is a pass the failure before it. None
/// where no run that was given has that failure: what is known of it is not all of it.
pub(crate) fn failing<'d>(requirement: &'d Requirement, deciding: &'d TestEvidence) -> Option<&'d TestEvidence> {
    if deciding.outcome != "pass" {
        return Some(deciding);
    }
    requirement.evidence.iter().rfind(|evidence| {
        let failed = matches!(evidence.outcome.as_str(), "fail" | "flaky" | "known");
        !evidence.decides && evidence.cell == deciding.cell && failed
    })
}
