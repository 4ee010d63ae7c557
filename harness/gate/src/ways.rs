//! What would open a closed gate, the shortest first.

use std::collections::BTreeMap;

use serde::Serialize;

use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_suite::policy::{Policy, may_allow_skip};

use crate::commands::{Batch, Commands};
use crate::decision::{Decision, FailureSeen, Requirement, RequirementKind, RequirementState, TestEvidence};
use crate::inputs::GateInputs;
use crate::near::failing;

/// Tests whose waivers are drafted at most: nobody lets more go one by one.
const DRAFTED: usize = 100;

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Way {
    /// How much it takes.
    pub effort: Effort,
    /// What it is, one line.
    pub what: String,
    /// A command line for it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// How many of the requirements that block it would satisfy.
    pub satisfies: usize,
    /// Entries of a file of waivers, to be completed by two persons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waivers: Option<String>,
}

/// How much something takes, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effort {
    /// Waiting.
    Wait,
    /// Other inputs.
    Inputs,
    /// Running tests.
    Run,
    /// Changing the image.
    Fix,
    /// Two persons who let it go.
    Waive,
}

/// The ways; together they satisfy everything that can be satisfied. None of an open gate. The commands are those of the runs of the
/// inputs, and work where these were started.
pub fn ways(decision: &Decision, inputs: &GateInputs<'_>) -> Vec<Way> {
    let (policy, commands) = (inputs.policy, Commands::new(decision, inputs.runs));
    let mut out = Vec::new();
    let tests = |states: &[RequirementState]| {
        let is = |requirement: &&Requirement| {
            requirement.kind == RequirementKind::Test && states.contains(&requirement.state)
        };
        decision.blocking().filter(is).collect::<Vec<_>>()
    };
    let running = tests(&[RequirementState::Running]);
    if !running.is_empty() {
        out.push(way(Effort::Wait, "wait until the run has ended, and decide again", None, running.len()));
    }
    for requirement in decision.blocking().filter(|requirement| requirement.kind != RequirementKind::Test) {
        out.push(of_circumstance(decision, inputs, &commands, requirement));
    }
    let run = |out: &mut Vec<Way>, effort, what: &dyn Fn(&[&Requirement]) -> String, requirements: &[&Requirement]| {
        for Batch { requirements, command, unknown_suite } in commands.batches(decision, requirements) {
            let where_is = unknown_suite.map_or_else(String::new, |suite| {
                format!("; no run had the suite {suite}: add `--suites FILE` if it is none of the project's")
            });
            let what = format!("{}{where_is}", what(&requirements));
            out.push(way(effort, &what, Some(command), requirements.len()));
        }
    };
    let (skipped, errored) = (tests(&[RequirementState::Skipped]), tests(&[RequirementState::Errored]));
    run(
        &mut out,
        Effort::Run,
        &|errored| {
            let it = if errored.len() > 1 { "them" } else { "it" };
            format!("{} ended in an error: remove the cause, and run {it} again", counted(errored))
        },
        &errored,
    );
    run(
        &mut out,
        Effort::Run,
        &|missing| format!("run {}, of which there is no result, and give the gate that run too", counted(missing)),
        &tests(&[RequirementState::Missing]),
    );
    let (allowed, never): (Vec<_>, Vec<_>) = skipped.into_iter().partition(|one| may_be_left_out(one));
    if !allowed.is_empty() {
        let what = format!(
            "run {} where it is not skipped, or let the policy leave such tests out (`allow-skips: [{}]`)",
            counted(&allowed),
            reasons(&allowed).join(", ")
        );
        out.push(way(Effort::Inputs, &what, None, allowed.len()));
    }
    for skipped in never {
        let why = skipped.message.split("; ").next().unwrap_or_default();
        let what =
            format!("{} was skipped, which no policy may leave out ({why}): remove that cause first", skipped.name);
        out.push(way(Effort::Fix, &what, None, 1));
    }
    let (flaky, failed): (Vec<_>, Vec<_>) =
        tests(&[RequirementState::Failed]).into_iter().partition(|requirement| passes_now(requirement));
    // As long as the gate knows of the failure, one more pass of the same image is one more pass after a failure.
    run(
        &mut out,
        Effort::Fix,
        &|flaky| {
            format!(
                "find out why {} failed before it passed, fix that, and run on the new image (another pass of this image is \
                 flaky, too); or let the policy accept what passes after a failure (`flaky: passes`)",
                counted(flaky)
            )
        },
        &flaky,
    );
    run(
        &mut out,
        Effort::Fix,
        &|failed| format!("fix what makes {} fail, and run on the new image", counted(failed)),
        &failed,
    );
    let waivable: Vec<&Requirement> = tests(&[
        RequirementState::Failed,
        RequirementState::Errored,
        RequirementState::Missing,
        RequirementState::Skipped,
    ])
    .into_iter()
    .filter(|requirement| is_waivable(policy, requirement) && !drafts(decision, requirement).is_empty())
    .collect();
    if (1..=DRAFTED).contains(&waivable.len()) && decision.subject.sha256.is_some() {
        let days = policy.waivers.as_ref().map_or(0, |rules| rules.max_days);
        let what = format!("have {} waived, for at most {days} days and by a second person", counted(&waivable));
        let drafts = waivable.iter().flat_map(|requirement| drafts(decision, requirement)).collect::<Vec<_>>();
        let text = format!("schema: waivers/v1\nwaivers:\n{}", drafts.concat());
        out.push(Way { waivers: Some(text), ..way(Effort::Waive, &what, None, waivable.len()) });
    }
    out.sort_by_key(|way| way.effort);
    out
}

fn way(effort: Effort, what: &str, command: Option<String>, satisfies: usize) -> Way {
    Way { effort, what: one_line(what, 1000), command, satisfies, waivers: None }
}

fn counted(requirements: &[&Requirement]) -> String {
    match requirements {
        [one] => one.name.clone(),
        more => format!("{} tests", more.len()),
    }
}

/// Whether a test that counts as failed passed in the end, wherever it ran.
fn passes_now(requirement: &Requirement) -> bool {
    let mut deciding = requirement.evidence.iter().filter(|evidence| evidence.decides).peekable();
    deciding.peek().is_some() && deciding.all(|evidence| evidence.has_passed())
}

fn of_circumstance(
    decision: &Decision,
    inputs: &GateInputs<'_>,
    commands: &Commands<'_>,
    requirement: &Requirement,
) -> Way {
    let name = &requirement.name;
    let in_cell = |dimension: &str| BTreeMap::from([(dimension.to_owned(), name.clone())]);
    match requirement.kind {
        RequirementKind::Image => {
            let what = "run the tests on the image file, which muster boots and hashes";
            way(Effort::Inputs, what, Some(commands.on_a_file(decision)), 1)
        }
        RequirementKind::Run | RequirementKind::Age => {
            let command = commands.again(decision, Some(name), &BTreeMap::new());
            way(Effort::Run, &format!("run again instead of {name}: {}", requirement.message), Some(command), 1)
        }
        RequirementKind::Suite => {
            let what = format!("run the suite {name} as it was locked, or lock the profile again after a review");
            let command = inputs.profile.map(|(profile, file)| commands.lock(profile, &file.file));
            way(Effort::Inputs, &what, command, 1)
        }
        RequirementKind::Minimum => {
            let what = match name.as_str() {
                "passed" => {
                    format!("let more required tests pass, {} (`machine/health` does not count)", requirement.message)
                }
                other => format!("let required tests with more {other} pass, {}", requirement.message),
            };
            way(Effort::Run, &what, None, 1)
        }
        RequirementKind::Environment => {
            let what = format!(
                "run the tests on the entry {name}, if it is an entry of this image; one of another image is required with `systems`"
            );
            way(Effort::Run, &what, Some(commands.again(decision, None, &in_cell("image"))), 1)
        }
        RequirementKind::Accelerator => {
            let command = commands.again(decision, None, &in_cell("accelerator"));
            way(Effort::Run, &format!("run the tests with the accelerator {name}"), Some(command), 1)
        }
        RequirementKind::System => {
            let what =
                format!("give the gate a run of the system {name} that satisfies the policy: {}", requirement.message);
            way(Effort::Run, &what, None, 1)
        }
        RequirementKind::Test => way(Effort::Run, &requirement.message, None, 1),
    }
}

/// Whether a policy may leave a skipped test out: for every reason of its skips.
fn may_be_left_out(requirement: &Requirement) -> bool {
    let mut ids = skips(requirement).peekable();
    ids.peek().is_some() && ids.all(may_allow_skip)
}

/// Why a test was skipped, as ids.
fn skips(requirement: &Requirement) -> impl Iterator<Item = &str> {
    let skipped = requirement.evidence.iter().filter(|seen| seen.decides && seen.outcome == Outcome::Skip);
    skipped.flat_map(|seen| &seen.failures).map(|failure| failure.id.as_str())
}

fn reasons(requirements: &[&Requirement]) -> Vec<String> {
    let ids = requirements.iter().flat_map(|requirement| skips(requirement)).map(str::to_owned);
    ids.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

fn is_waivable(policy: &Policy, requirement: &Requirement) -> bool {
    let (suite, test) = requirement.name.split_once('/').unwrap_or((&requirement.name, ""));
    policy.waivers.as_ref().is_some_and(|rules| rules.forbids(suite, test).is_none())
}

/// An entry for each failure of each place. What persons must say is left to them.
fn drafts(decision: &Decision, requirement: &Requirement) -> Vec<String> {
    let deciding: Vec<&TestEvidence> = requirement.evidence.iter().filter(|evidence| evidence.decides).collect();
    if deciding.is_empty() {
        return vec![draft(decision, &requirement.name, &requirement.cell, None)];
    }
    let mut out = Vec::new();
    for evidence in deciding.into_iter().filter_map(|evidence| failing(requirement, evidence)) {
        match evidence.outcome.has_run() {
            false => out.push(draft(decision, &evidence.test, &evidence.cell, None)),
            true => out.extend(
                evidence.failures.iter().map(|failure| draft(decision, &evidence.test, &evidence.cell, Some(failure))),
            ),
        }
    }
    out
}

fn draft(decision: &Decision, test: &str, cell: &BTreeMap<String, String>, failure: Option<&FailureSeen>) -> String {
    // JSON's strings are YAML's too; a variable of the language is written with two dollars.
    let text = |text: &str| serde_json::Value::from(text.replace("${", "$${")).to_string();
    let mut out = format!("  - image: {}\n", decision.subject.sha256.as_deref().unwrap_or_default());
    out += &format!("    test: {}\n", text(test));
    if !cell.is_empty() {
        let pairs: Vec<String> = cell.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect();
        out += &format!("    cell: {{{}}}\n", pairs.join(", "));
    }
    match failure {
        Some(failure) => {
            out += &format!("    failure: {}\n    signature: {}\n", text(&failure.id), text(&failure.signature));
        }
        None => out += "    missing: true\n",
    }
    out + "    reason:\n    tracker:\n    requested-by:\n    approved-by:\n    created:\n    expires:\n"
}

#[cfg(test)]
mod tests;
