//! What would open a closed gate, the shortest first.

use std::collections::BTreeMap;

use serde::Serialize;

use muster_base::text::{one_line, shell_word};
use muster_suite::policy::Policy;

use crate::decision::{Decision, FailureSeen, Requirement, RequirementKind, RequirementState, TestEvidence};

/// Tests that one command line names at most.
const NAMED: usize = 20;
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

/// The ways; together they satisfy everything that can be satisfied. None of an open gate.
pub fn ways(decision: &Decision, policy: &Policy) -> Vec<Way> {
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
        out.push(of_circumstance(decision, requirement));
    }
    let (skipped, errored) = (tests(&[RequirementState::Skipped]), tests(&[RequirementState::Errored]));
    if !errored.is_empty() {
        let what = format!("{} ended in an error: remove the cause, and run it again", counted(&errored));
        let what = if errored.len() > 1 { what.replace("run it again", "run them again") } else { what };
        out.push(way(Effort::Run, &what, Some(command(decision, &errored)), errored.len()));
    }
    let to_run = tests(&[RequirementState::Missing]);
    if !to_run.is_empty() {
        let what = format!("run {}, of which there is no result, and give the gate that run too", counted(&to_run));
        out.push(way(Effort::Run, &what, Some(command(decision, &to_run)), to_run.len()));
    }
    if !skipped.is_empty() {
        let what = format!(
            "run {} where it is not skipped, or let the policy leave such tests out (`allow-skips: [{}]`)",
            counted(&skipped),
            reasons(&skipped).join(", ")
        );
        out.push(way(Effort::Inputs, &what, None, skipped.len()));
    }
    let (flaky, failed): (Vec<_>, Vec<_>) =
        tests(&[RequirementState::Failed]).into_iter().partition(|requirement| passes_now(requirement));
    if !flaky.is_empty() {
        // As long as the gate knows of the failure, one more pass of the same image is one more pass after a failure.
        let what = format!(
            "find out why {} failed before it passed, fix that, and run on the new image (another pass of this image is \
             flaky, too); or let the policy accept what passes after a failure (`flaky: passes`)",
            counted(&flaky)
        );
        out.push(way(Effort::Fix, &what, Some(command(decision, &flaky)), flaky.len()));
    }
    if !failed.is_empty() {
        let what = format!("fix what makes {} fail, and run on the new image", counted(&failed));
        out.push(way(Effort::Fix, &what, Some(command(decision, &failed)), failed.len()));
    }
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
    deciding.peek().is_some() && deciding.all(|evidence| matches!(evidence.outcome.as_str(), "pass" | "flaky"))
}

fn of_circumstance(decision: &Decision, requirement: &Requirement) -> Way {
    let name = &requirement.name;
    let again = || format!("muster run {} --image {}", suites(decision), image(decision));
    match requirement.kind {
        RequirementKind::Image => {
            way(Effort::Inputs, "run the tests on the image file, which muster boots and hashes", Some(again()), 1)
        }
        RequirementKind::Run => {
            way(Effort::Run, &format!("run again instead of {name}: {}", requirement.message), Some(again()), 1)
        }
        RequirementKind::Age => {
            way(Effort::Run, &format!("run again instead of {name}: {}", requirement.message), Some(again()), 1)
        }
        RequirementKind::Suite => {
            let what = format!("run the suite {name} as it was locked, or lock the profile again after a review");
            let file = decision.profile.as_ref().map_or("", |profile| &profile.file);
            let command = format!(
                "muster profile lock {name} -o later.lock.json && muster profile diff {} later.lock.json",
                shell_word(file)
            );
            way(Effort::Inputs, &what, Some(command), 1)
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
            let command = format!("muster run {} --image {}", suites(decision), shell_word(name));
            way(Effort::Run, &format!("run the tests on the entry {name}"), Some(command), 1)
        }
        RequirementKind::Accelerator => {
            let command = format!("{} --accel {}", again(), shell_word(name));
            way(Effort::Run, &format!("run the tests with the accelerator {name}"), Some(command), 1)
        }
        RequirementKind::Test => way(Effort::Run, &requirement.message, None, 1),
    }
}

/// The suites of required tests, as words of a command line.
fn suites(decision: &Decision) -> String {
    let tests = decision.requirements.iter().filter(|requirement| requirement.kind == RequirementKind::Test);
    let names = tests.filter_map(|requirement| requirement.name.split_once('/')).map(|(suite, _)| suite);
    let names: std::collections::BTreeSet<&str> =
        names.filter(|suite| *suite != muster_record::names::MACHINE_SUITE).collect();
    names.into_iter().map(shell_word).collect::<Vec<_>>().join(" ")
}

fn image(decision: &Decision) -> String {
    shell_word(decision.subject.paths.first().map_or("IMAGE", String::as_str))
}

/// The command that runs these tests again: that of the run where there is one test, else all by their names.
fn command(decision: &Decision, requirements: &[&Requirement]) -> String {
    if let [one] = requirements
        && let Some(evidence) = one.evidence.iter().rev().find(|evidence| !evidence.rerun.is_empty())
    {
        return evidence.rerun.clone();
    }
    let entry = decision.subject.entries.first().map_or_else(|| image(decision), |entry| shell_word(entry));
    if requirements.len() > NAMED {
        return format!("muster run {} --image {entry}", suites(decision));
    }
    let health = format!("{}/", muster_record::names::MACHINE_SUITE);
    let names: Vec<String> =
        requirements.iter().filter(|one| !one.name.starts_with(&health)).map(|one| shell_word(&one.name)).collect();
    format!("muster run {} --image {entry}", names.join(" "))
}

fn reasons(requirements: &[&Requirement]) -> Vec<String> {
    let evidence = requirements.iter().flat_map(|requirement| &requirement.evidence);
    let ids = evidence.flat_map(|evidence| &evidence.failures).map(|failure| failure.id.clone());
    ids.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

fn is_waivable(policy: &Policy, requirement: &Requirement) -> bool {
    let (suite, test) = requirement.name.split_once('/').unwrap_or((&requirement.name, ""));
    policy.waivers.as_ref().is_some_and(|rules| !rules.not_waivable.iter().any(|glob| glob.matches(suite, test)))
}

/// An entry for each failure of each place. What persons must say is left to them.
fn drafts(decision: &Decision, requirement: &Requirement) -> Vec<String> {
    let deciding: Vec<&TestEvidence> = requirement.evidence.iter().filter(|evidence| evidence.decides).collect();
    if deciding.is_empty() {
        return vec![draft(decision, &requirement.name, &requirement.cell, None)];
    }
    let mut out = Vec::new();
    for evidence in deciding.into_iter().filter_map(|evidence| failing(requirement, evidence)) {
        match evidence.outcome.as_str() {
            "skip" | "not-run" => out.push(draft(decision, &evidence.test, &evidence.cell, None)),
            _ => out.extend(
                evidence.failures.iter().map(|failure| draft(decision, &evidence.test, &evidence.cell, Some(failure))),
            ),
        }
    }
    out
}

/// The result of a place that a waiver is about: the one that counts, or where that is a pass the failure before it. None
/// where no run that was given has that failure: what is known of it is not all of it.
fn failing<'d>(requirement: &'d Requirement, deciding: &'d TestEvidence) -> Option<&'d TestEvidence> {
    if deciding.outcome != "pass" {
        return Some(deciding);
    }
    requirement.evidence.iter().rfind(|evidence| {
        let failed = matches!(evidence.outcome.as_str(), "fail" | "flaky" | "known");
        !evidence.decides && evidence.cell == deciding.cell && failed
    })
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
