//! What every form of a decision says: the same sentences, whatever stands around them.

use muster_base::text::plural;

use crate::decision::{
    Decision, Requirement, RequirementKind, RequirementState, RunUsed, WaiverFate, WaiverUse, in_words,
};

/// The first line: whether the gate is open, and why.
pub(super) fn headline(decision: &Decision) -> String {
    let policy = &decision.policy;
    let blocking = decision.blocking().count();
    match decision.open {
        true => format!("OPEN: {} ({}) is satisfied", policy.id, policy.context),
        false => format!(
            "CLOSED: {} ({}): {blocking} of {} requirements keep it closed",
            policy.id,
            policy.context,
            decision.requirements.len()
        ),
    }
}

/// What was decided about, a line each.
pub(super) fn about(decision: &Decision) -> Vec<String> {
    let subject = &decision.subject;
    let digest = subject.sha256.as_deref().unwrap_or("unknown");
    let system = [&subject.distro, &subject.version, &subject.arch].into_iter().flatten().map(String::as_str);
    let system = system.collect::<Vec<_>>().join(" ");
    let system = if system.is_empty() { String::new() } else { format!(", {system}") };
    let mut out = vec![
        format!("image: {} (sha256 {digest}){system}", subject.paths.join(", ")),
        format!("built: {}, from {}", subject.built, subject.built_from),
        format!("at: {}", decision.at),
    ];
    out.extend(decision.profile.as_ref().map(|profile| format!("profile: {} ({})", profile.id, profile.file)));
    out.extend(decision.runs.iter().map(run));
    let counts: Vec<String> = RequirementState::ALL
        .into_iter()
        .map(|state| (decision.tests(state), state.name()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    out.push(format!("tests: {}", if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }));
    out
}

/// `run: r1 (r1/run.json, muster 1.0, kvm)`, without what its record does not have: that of a run which never began a
/// machine has no accelerator.
fn run(run: &RunUsed) -> String {
    let parts = [("", &run.file), ("muster ", &run.muster), ("", &run.accelerator)];
    let known = parts.iter().filter(|(_, value)| !value.is_empty());
    let known: Vec<String> = known.map(|(before, value)| format!("{before}{value}")).collect();
    format!("run: {} ({})", run.id, known.join(", "))
}

/// The requirements in groups, each with its title: what blocks first, what is satisfied last.
pub(super) fn groups(decision: &Decision) -> Vec<(String, Vec<&Requirement>)> {
    let all = &decision.requirements;
    let waived = |one: &&Requirement| one.state == RequirementState::Waived;
    let excluded = |one: &&Requirement| one.state == RequirementState::Excluded;
    let groups: [(&str, Vec<&Requirement>); 5] = [
        ("Not satisfied", all.iter().filter(|one| one.blocks).collect()),
        ("Notes: not satisfied, and not required", all.iter().filter(|one| !one.blocks && !one.satisfied).collect()),
        ("Waived", all.iter().filter(waived).collect()),
        ("Left out by the policy", all.iter().filter(excluded).collect()),
        ("Satisfied", all.iter().filter(|one| one.state == RequirementState::Passed).collect()),
    ];
    let titled = groups.into_iter().filter(|(_, members)| !members.is_empty());
    titled.map(|(title, members)| (format!("{title} ({})", members.len()), members)).collect()
}

/// `test base/boots [firmware=uefi]`.
pub(super) fn named(requirement: &Requirement) -> String {
    let cell = &requirement.cell;
    let cell = if cell.is_empty() { String::new() } else { format!(" {{{}}}", in_words(cell)) };
    let level = match requirement.kind {
        RequirementKind::Test => format!(" ({})", requirement.level.name()),
        _ => String::new(),
    };
    format!("{} {}{cell}{level}", requirement.kind.name(), requirement.name)
}

/// The evidence of a requirement, a line each.
pub(super) fn evidence(requirement: &Requirement) -> Vec<String> {
    let one = |seen: &crate::decision::TestEvidence| {
        let cell = ["image", "accelerator"].into_iter().filter_map(|name| seen.cell.get(name).map(String::as_str));
        let cell: Vec<&str> = cell.filter(|value| !value.is_empty()).collect();
        let earlier = if seen.decides { "" } else { ", not the final result" };
        let failures: Vec<String> =
            seen.failures.iter().map(|failure| format!("{}: {}", failure.id, failure.message)).collect();
        let failures = if failures.is_empty() { String::new() } else { format!(": {}", failures.join("; ")) };
        let kept = seen.kept_from.as_ref().map_or_else(String::new, |run| format!(", kept from {run}"));
        let (outcome, cell, attempt) = (seen.outcome.name(), cell.join(" "), seen.attempt);
        format!("{outcome} [{cell}] in {}{kept}, attempt {attempt}{earlier}{failures}", seen.file)
    };
    requirement.evidence.iter().map(one).collect()
}

/// A line for each waiver.
pub(super) fn waivers(decision: &Decision) -> Vec<String> {
    decision.waivers.iter().map(waiver).collect()
}

fn waiver(found: &WaiverUse) -> String {
    let waiver = &found.waiver;
    let fate = match found.fate {
        WaiverFate::Used => format!("used until {}", waiver.expires),
        WaiverFate::Unused => match &found.uncovered {
            Some(why) => format!("does not cover it: {why}"),
            None => "unused: delete it".to_owned(),
        },
        WaiverFate::OtherImage => "unused: it is about another image".to_owned(),
        WaiverFate::Refused => {
            let why: Vec<&str> = found.refused.iter().map(|refused| refused.message.as_str()).collect();
            format!("refused: {}", why.join("; "))
        }
    };
    let due = found.days_left.map(|days| match days {
        0 => ", it expires today".to_owned(),
        days => format!(", it expires in {days} day{}", plural(usize::try_from(days).unwrap_or(2))),
    });
    format!(
        "{} ({}, requested by {}, approved by {}, {}): {fate}{}",
        waiver.test,
        waiver.location,
        waiver.requested_by,
        waiver.approved_by,
        waiver.tracker,
        due.unwrap_or_default()
    )
}
