//! Every command that a test has run in its guest, in the order in which it is run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::steps::describe_step;
use super::system::System;
use muster_check::{Probe, base};
use muster_record::facts::Facts;
use muster_suite::clause::{Clause, expectations};
use muster_suite::model::{Expectation, Step, Test};
use muster_suite::value::show_duration;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Command {
    /// What it is for: `step 1`, `check package`, `snapshot units`, `base checks`.
    pub(super) of: String,
    /// POSIX sh; a comment alone where there is no script yet.
    pub(super) script: String,
    /// Its limit before emulation extends it; absent where the test's own holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timeout: Option<String>,
    /// On which guests it is run, where that is known only after the boot.
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub(super) only_if: Option<String>,
}

/// The commands of steps.
pub(super) fn of_steps(of: &str, steps: &[Step], facts: &Facts) -> Vec<Command> {
    let numbered = steps.iter().enumerate();
    numbered
        .flat_map(|(at, step)| {
            describe_step(step, facts).into_iter().map(move |script| Command {
                of: match &step.on {
                    Some(machine) => format!("{of} {} on {machine}", at + 1),
                    None => format!("{of} {}", at + 1),
                },
                script,
                timeout: step.timeout.map(show_duration),
                only_if: None,
            })
        })
        .collect()
}

/// The readings of a test's checks, as the engine asks for them: all expectations of a type at once,
/// and what two types read alike only once.
pub(super) fn of_checks(expect: &[Clause], system: &System) -> Vec<Command> {
    let mut by_check: BTreeMap<&str, Vec<&Expectation>> = BTreeMap::new();
    for expectation in expectations(expect) {
        by_check.entry(expectation.check).or_default().push(expectation);
    }
    let mut out: Vec<Command> = Vec::new();
    for (name, asked) in by_check {
        let Some(check) = muster_check::find(name) else { continue };
        for command in on_each_guest(&format!("check {name}"), system, |facts| check.probes(&asked, facts)) {
            if !out.iter().any(|known| known.script == command.script && known.only_if == command.only_if) {
                out.push(command);
            }
        }
    }
    out
}

/// The readings of a test's snapshots.
pub(super) fn of_snapshots(test: &Test) -> Vec<Command> {
    let command = |spec: &muster_suite::model::SnapshotSpec| {
        command(&format!("snapshot {}", spec.name), muster_facts::sources::probe(&spec.of), None)
    };
    test.snapshots.iter().map(command).collect()
}

/// The readings of the base checks after a test.
pub(super) fn of_base_checks(system: &System) -> Vec<Command> {
    on_each_guest("base checks", system, base::shown)
}

/// The readings of the base checks after a boot.
pub(super) fn of_a_boot(system: &System) -> Vec<Command> {
    let mut out = on_each_guest("base checks after a boot", system, base::since_boot_probes);
    out.extend(on_each_guest("base checks before the first test", system, base::baseline));
    out
}

/// What a guest may turn out to be that decides which readings there are. Only whether it has these is
/// of importance here, so that any version stands for all.
const LATER: &[(&str, &str)] = &[("systemd", "systemd is PID 1"), ("selinux", "SELinux is enforcing or permissive")];

/// The probes of every guest that the system may turn out to be: what all have, and what is there only
/// with something that is not known yet.
fn on_each_guest(of: &str, system: &System, probes: impl Fn(&Facts) -> Vec<Probe>) -> Vec<Command> {
    let known = system.facts();
    let without = probes(&known);
    let mut later: Vec<(Probe, &str)> = Vec::new();
    for (dimension, words) in LATER.iter().filter(|(dimension, _)| system.lookup(dimension).is_none()) {
        let mut facts = known.clone();
        match *dimension {
            "systemd" => facts.systemd = Some(257),
            _ => facts.selinux = Some("enforcing".to_owned()),
        }
        later.extend(probes(&facts).into_iter().filter(|probe| !without.contains(probe)).map(|probe| (probe, *words)));
    }
    // What another guest reads in another way is read in this way only on guests without it.
    let otherwise = |probe: &Probe| {
        later.iter().find(|(other, _)| other.key == probe.key).map(|(_, words)| format!("not: {words}"))
    };
    let always: Vec<Command> = without
        .into_iter()
        .map(|probe| (otherwise(&probe), probe))
        .map(|(only_if, probe)| command(of, probe, only_if))
        .collect();
    always
        .into_iter()
        .chain(later.iter().map(|(probe, words)| command(of, probe.clone(), Some((*words).to_owned()))))
        .collect()
}

fn command(of: &str, probe: Probe, only_if: Option<String>) -> Command {
    Command { of: of.to_owned(), script: probe.script, timeout: Some(show_duration(probe.timeout)), only_if }
}
