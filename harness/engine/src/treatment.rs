//! What a console finding means for whoever ran meanwhile.

use std::collections::BTreeMap;

use super::console_hit::{ConsoleHit, Weight};
use super::sink::Events;
use muster_base::failure::{Failure, FailureId};
use muster_record::event::Event;
use muster_suite::model::BaseCheck;

/// The suite's base-check word for a console category, when one covers it.
fn base_name(category: &str) -> Option<&'static str> {
    match category {
        "avc" => Some("avc"),
        "oom" => Some("oom"),
        "segfault" | "coredump" => Some("coredump"),
        "oops"
        | "bug"
        | "warning"
        | "page-fault"
        | "general-protection-fault"
        | "atomic-sleep"
        | "bad-page"
        | "list-corruption"
        | "slab-corruption"
        | "stack-corruption"
        | "refcount"
        | "usercopy" => Some("oops"),
        "kernel-panic" => Some("crash"),
        _ => None,
    }
}

/// Adds a finding to the failures or the remarks, as the suite treats its category.
pub(crate) fn note_hit(
    failures: &mut Vec<Failure>,
    remarks: &mut Vec<String>,
    machine: &str,
    hit: ConsoleHit,
    events: &Events,
    base_checks: &BTreeMap<String, BaseCheck>,
) {
    events.emit(Event::ConsoleFinding {
        machine: machine.to_owned(),
        category: hit.category.clone(),
        fatal: hit.weight == Weight::Fatal,
        line: hit.line.clone(),
        line_number: hit.line_number,
    });
    let treatment = base_name(&hit.category).and_then(|name| base_checks.get(name)).copied().unwrap_or(BaseCheck::Fail);
    let text = format!("console of {machine}, line {}: {}", hit.line_number, hit.line);
    if hit.weight == Weight::Info || treatment != BaseCheck::Fail {
        if treatment != BaseCheck::Off {
            remarks.push(format!("{}: {text}", hit.category));
        }
        return;
    }
    let id = FailureId::of_console(&hit.category);
    // A machine's death by this very line was already told as the reason that it died.
    if failures.iter().any(|failure| failure.id == id) {
        return;
    }
    failures.push(Failure::new(id, text).with_detail(hit.excerpt));
}
