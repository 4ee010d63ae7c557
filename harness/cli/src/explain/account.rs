//! Everything that can be said of one test before it is asked. Pure: a function of suites and of what
//! is known of a system.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::commands::{self, Command};
use super::system::System;
use muster_base::failure::Location;
use muster_check::base::BaseCheckKind;
use muster_check::wording::{expected, subject_of};
use muster_engine::plan::{self, Isolation};
use muster_engine::records;
use muster_engine::rerun::Rerun;
use muster_record::names::{HEALTH_TEST, MACHINE_SUITE};
use muster_suite::clause::{Clause, Joined};
use muster_suite::condition::{Truth, evaluate};
use muster_suite::model::{
    Action, Adjustment, Assertion, BaseCheck, Change, Expectation, MachineOverrides, ServiceState, SnapshotSource,
    SnapshotSpec, Step, Suite, Test, When,
};
use muster_suite::select::TestIndex;
use muster_suite::value::show_duration;

/// So many open adjustments are shown in every combination; of more, each is shown alone.
const COMBINED: usize = 3;

/// What a test is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Account {
    /// `suite/test`.
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) tags: Vec<String>,
    pub(super) links: Vec<String>,
    pub(super) covers: Vec<String>,
    /// Of which image it is explained; absent when none was named.
    pub(super) image: Option<String>,
    /// What must hold for it to be asked.
    pub(super) gates: Vec<Gate>,
    pub(super) machine: Machine,
    /// The tests that are asked on its machine before it, then itself, in order.
    pub(super) chain: Vec<String>,
    /// Before emulation extends it.
    pub(super) timeout: String,
    pub(super) retry: u32,
    pub(super) setup: Vec<Line>,
    pub(super) steps: Vec<Line>,
    pub(super) teardown: Vec<Line>,
    /// As adjusted by what is known to apply.
    pub(super) expect: Vec<Line>,
    pub(super) adjustments: Vec<Adjusting>,
    /// What else it may be, when it is not known yet which adjustments apply.
    pub(super) variants: Vec<Variant>,
    /// Whether the adjustments leave nothing to ask, which is an error in a run.
    pub(super) nothing_left: bool,
    pub(super) snapshots: Vec<Line>,
    pub(super) base_checks: Vec<String>,
    /// What is run in the guest, in order.
    pub(super) commands: Vec<Command>,
}

/// A sentence and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) at: String,
}

impl Line {
    fn new(text: impl Into<String>, at: &Location) -> Self {
        Self { text: text.into(), at: at.to_string() }
    }
}

/// A condition, with its answer for the image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Gate {
    /// `suite` or `test`: whose condition it is.
    pub(super) of: &'static str,
    pub(super) when: String,
    pub(super) because: Option<String>,
    #[serde(flatten)]
    pub(super) answer: Answer,
}

/// Whether a condition holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "holds", rename_all = "kebab-case")]
pub(super) enum Answer {
    Yes,
    No {
        why: String,
    },
    /// It depends on what only a booted guest, or the run, can tell.
    Unknown {
        dimension: String,
    },
}

impl Answer {
    fn of(when: &When, system: &System) -> Self {
        match evaluate(&when.condition, &|name| system.lookup(name)) {
            Truth::True => Self::Yes,
            Truth::False { why } => Self::No { why },
            Truth::Unknown { dimension } => Self::Unknown { dimension },
        }
    }
}

/// The machine that a test gets.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Machine {
    /// As written: shared, clone or fresh.
    pub(super) guest: &'static str,
    /// What that comes to, in words.
    pub(super) isolation: &'static str,
    /// The names of its machines, where it has several.
    pub(super) machines: Vec<String>,
    /// What a matrix wishes of it.
    pub(super) overrides: Vec<String>,
    pub(super) internet: bool,
}

/// An adjustment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Adjusting {
    pub(super) when: String,
    pub(super) because: Option<String>,
    #[serde(flatten)]
    pub(super) answer: Answer,
    pub(super) changes: Vec<Line>,
}

/// The test as it is when some of the open adjustments apply.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Variant {
    /// The conditions that then hold.
    #[serde(rename = "if")]
    pub(super) conditions: Vec<String>,
    pub(super) timeout: String,
    pub(super) expect: Vec<Line>,
    /// Whether nothing is left to ask, which is an error in a run.
    pub(super) nothing_left: bool,
    /// The readings of its checks.
    pub(super) commands: Vec<Command>,
}

/// The account of one test of a suite.
pub(super) fn of(suite: &Arc<Suite>, index: usize, system: &System) -> Account {
    let test = &suite.tests[index];
    let system = &system.with_spec(&test.machine);
    let (settled, open) = adjusted(test, system);
    let plan =
        plan::plan(std::slice::from_ref(suite), &BTreeSet::from([TestIndex { suite: 0, test: index }]), Vec::new());
    let planned: Vec<String> =
        plan.groups.iter().flat_map(|group| &group.tests).map(|planned| planned.test().id.clone()).collect();
    let isolation = plan.groups.first().map_or(Isolation::Shared, |group| group.isolation);
    let facts = system.facts();
    let mut runs = commands::of_steps("setup", &suite.setup, &facts);
    runs.extend(commands::of_steps("step", &test.steps, &facts));
    runs.extend(commands::of_checks(&settled.expect, system));
    runs.extend(commands::of_snapshots(test));
    runs.extend(commands::of_base_checks(system));
    runs.extend(commands::of_steps("teardown", &suite.teardown, &facts));
    Account {
        name: format!("{}/{}", suite.name, test.id),
        summary: test.summary.clone(),
        file: test.location.file.to_string(),
        line: test.location.line,
        column: test.location.column,
        tags: test.tags.clone(),
        links: test.links.clone(),
        covers: test.covers.iter().map(|cover| cover.name.clone()).collect(),
        image: system.image.clone(),
        gates: [("suite", &suite.images), ("test", &test.when)]
            .into_iter()
            .filter_map(|(of, when)| when.as_ref().map(|when| gate(of, when, system)))
            .collect(),
        machine: Machine {
            guest: test.guest.name(),
            isolation: isolation_text(isolation),
            machines: test.machine_names().into_iter().map(str::to_owned).collect(),
            overrides: overrides(&test.machine),
            internet: test.internet,
        },
        chain: planned,
        timeout: show_duration(settled.timeout),
        retry: test.retry,
        setup: suite.setup.iter().map(step).collect(),
        steps: test.steps.iter().map(step).collect(),
        teardown: suite.teardown.iter().map(step).collect(),
        expect: lines(&settled.expect),
        adjustments: test.adjust.iter().map(|adjustment| adjusting(adjustment, system)).collect(),
        variants: variants(test, &open, system),
        nothing_left: settled.assertions() == 0,
        snapshots: test.snapshots.iter().map(snapshot).collect(),
        base_checks: base_checks(suite),
        commands: runs,
    }
}

/// The account of the test that every image gets: it is of no suite.
pub(super) fn of_health(system: &System) -> Account {
    let image = system.image.clone();
    let record = records::unreached_health(image.as_deref().unwrap_or_default(), &Rerun::default());
    Account {
        name: format!("{MACHINE_SUITE}/{HEALTH_TEST}"),
        summary: record.summary,
        file: record.location.file.to_string(),
        line: record.location.line,
        column: record.location.column,
        tags: record.tags,
        links: Vec::new(),
        covers: Vec::new(),
        image,
        gates: Vec::new(),
        machine: Machine {
            guest: "shared",
            isolation: "it is about every machine of the image, at boot and at its end",
            machines: Vec::new(),
            overrides: Vec::new(),
            internet: false,
        },
        chain: vec![HEALTH_TEST.to_owned()],
        timeout: "none of its own".to_owned(),
        retry: 0,
        setup: Vec::new(),
        steps: Vec::new(),
        teardown: Vec::new(),
        expect: Vec::new(),
        adjustments: Vec::new(),
        variants: Vec::new(),
        nothing_left: false,
        snapshots: Vec::new(),
        base_checks: BaseCheckKind::ALL.iter().map(|kind| kind.name().to_owned()).collect(),
        commands: commands::of_a_boot(system),
    }
}

/// The test with every adjustment that is known to apply, and those of which it is not known, by their
/// place in the list.
fn adjusted(test: &Test, system: &System) -> (Test, Vec<usize>) {
    let answers: Vec<Answer> = test.adjust.iter().map(|adjustment| Answer::of(&adjustment.when, system)).collect();
    let open = (0..answers.len()).filter(|at| matches!(answers[*at], Answer::Unknown { .. })).collect();
    (with(test, system, &[]), open)
}

/// The test with the adjustments that are known to apply and these, in the order of the file, in which
/// each applies to what the ones before it made.
fn with(test: &Test, system: &System, chosen: &[usize]) -> Test {
    let applies = |at: usize, adjustment: &Adjustment| {
        chosen.contains(&at) || Answer::of(&adjustment.when, system) == Answer::Yes
    };
    let some = test.adjust.iter().enumerate().filter(|(at, adjustment)| applies(*at, adjustment));
    some.fold(test.clone(), |test, (_, adjustment)| adjustment.applied(&test))
}

fn variants(test: &Test, open: &[usize], system: &System) -> Vec<Variant> {
    let choices: Vec<Vec<usize>> = if open.len() <= COMBINED {
        let subsets = 1..(1_usize << open.len());
        let chosen = |subset: usize| {
            let bits = open.iter().enumerate().filter(move |(bit, _)| subset & (1 << *bit) != 0);
            bits.map(|(_, at)| *at).collect::<Vec<_>>()
        };
        let mut all: Vec<Vec<usize>> = subsets.map(chosen).collect();
        all.sort_by_key(Vec::len);
        all
    } else {
        open.iter().map(|at| vec![*at]).collect()
    };
    let variant = |chosen: Vec<usize>| {
        let made = with(test, system, &chosen);
        Variant {
            conditions: chosen.iter().map(|at| test.adjust[*at].when.condition.to_string()).collect(),
            timeout: show_duration(made.timeout),
            expect: lines(&made.expect),
            nothing_left: made.assertions() == 0,
            commands: commands::of_checks(&made.expect, system),
        }
    };
    choices.into_iter().map(variant).collect()
}

fn gate(of: &'static str, when: &When, system: &System) -> Gate {
    Gate { of, when: when.condition.to_string(), because: when.because.clone(), answer: Answer::of(when, system) }
}

fn adjusting(adjustment: &Adjustment, system: &System) -> Adjusting {
    let mut changes: Vec<Line> = adjustment.changes.iter().flat_map(change).collect();
    if let Some(timeout) = adjustment.timeout {
        changes.push(Line::new(format!("timeout {}", show_duration(timeout)), &adjustment.when.location));
    }
    Adjusting {
        when: adjustment.when.condition.to_string(),
        because: adjustment.when.because.clone(),
        answer: Answer::of(&adjustment.when, system),
        changes,
    }
}

fn change(change: &Change) -> Vec<Line> {
    match change {
        Change::Remove { check, subject, attribute, location } => {
            let subject = subject.as_deref().map(|subject| format!(" {subject}")).unwrap_or_default();
            let attribute = attribute.map(|name| format!(": {name}")).unwrap_or_default();
            vec![Line::new(format!("{check}{subject}{attribute} is not checked"), location)]
        }
        Change::Replace(expectation) => lines_of(expectation)
            .into_iter()
            .map(|line| Line { text: format!("{} (and nothing else of it)", line.text), ..line })
            .collect(),
        Change::Merge(expectation) => lines_of(expectation),
        Change::RemoveJoined { join, location } => {
            vec![Line::new(format!("{} is not checked", join.name()), location)]
        }
        Change::ReplaceJoined(joined) => lines(&[Clause::Joined(joined.clone())]),
    }
}

/// Each assertion as a failure says it, and which of them are alternatives.
fn lines(expect: &[Clause]) -> Vec<Line> {
    let mut out = Vec::new();
    for clause in expect {
        match clause {
            Clause::Plain(expectation) => out.extend(lines_of(expectation)),
            Clause::On(on) => {
                let below = lines(&on.clauses).into_iter();
                out.extend(below.map(|line| Line { text: format!("on {}: {}", on.machine, line.text), ..line }));
            }
            Clause::Joined(Joined { join, branches, .. }) => {
                let count = branches.len();
                for (number, branch) in branches.iter().enumerate() {
                    let number = number + 1;
                    let place = format!("{} {number} of {count}: ", join.name());
                    let below = lines(&branch.clauses).into_iter();
                    out.extend(below.map(|line| Line { text: format!("{place}{}", line.text), ..line }));
                }
            }
        }
    }
    out
}

fn lines_of(expectation: &Expectation) -> Vec<Line> {
    let subject = subject_of(expectation);
    let patience = expectation
        .eventually
        .map(|limit| format!(" (may arrive within {})", show_duration(limit)))
        .unwrap_or_default();
    let line =
        |assertion: &Assertion| Line::new(format!("{subject}: {}{patience}", expected(assertion)), &assertion.location);
    let mut out: Vec<Line> = expectation.assertions.iter().map(line).collect();
    // Nothing else says that a status has to be 0.
    if expectation.check == "command" && !expectation.assertions.iter().any(|a| a.attribute == "exit") {
        out.push(Line::new(format!("{subject}: exit is 0{patience}"), &expectation.location));
    }
    out
}

fn step(step: &Step) -> Line {
    let limit = step.timeout.map(|limit| format!(" (within {})", show_duration(limit))).unwrap_or_default();
    let scriptlets = |refuse: &bool| if *refuse { ", and no scriptlet may fail" } else { "" };
    let text = match &step.action {
        Action::Run { command, expect, eventually } => {
            let mut asked: Vec<String> = expect.iter().map(expected).collect();
            if !expect.iter().any(|assertion| assertion.attribute == "exit") {
                asked.insert(0, "exit is 0".to_owned());
            }
            let patience =
                eventually.map(|limit| format!(" (tried again for {})", show_duration(limit))).unwrap_or_default();
            format!("run {}: {}{patience}", muster_base::text::one_line(command, 160), asked.join(", "))
        }
        Action::Install { packages, refuse_scriptlet_errors } => {
            format!("install {}{}", packages.join(", "), scriptlets(refuse_scriptlet_errors))
        }
        Action::Remove { packages, refuse_scriptlet_errors } => {
            format!("remove {}{}", packages.join(", "), scriptlets(refuse_scriptlet_errors))
        }
        Action::Update { packages, refuse_scriptlet_errors } => {
            let what = if packages.is_empty() { "all".to_owned() } else { packages.join(", ") };
            format!("update {what}{}", scriptlets(refuse_scriptlet_errors))
        }
        Action::Service { unit, state, enabled } => {
            let state = state.map(|state| match state {
                ServiceState::Started => "started",
                ServiceState::Stopped => "stopped",
                ServiceState::Restarted => "restarted",
                ServiceState::Reloaded => "reloaded",
            });
            let enabled = enabled.map(|enabled| if enabled { "enabled" } else { "disabled" });
            let wanted: Vec<&str> = state.into_iter().chain(enabled).collect();
            format!("service {unit}: {}", wanted.join(", "))
        }
        Action::Write { path, .. } => format!("write {path}"),
        Action::Reboot(kind) => format!("reboot: {}", kind.name()),
        Action::Upload { source, path, .. } => format!("upload {source} to {path}"),
        Action::Wait(duration) => format!("wait {}", show_duration(*duration)),
        Action::BootSamples { samples, discard } => format!("boot-samples {samples}, discard {discard}"),
        Action::Collect { paths } => format!("collect {}", paths.join(", ")),
    };
    let on = step.on.as_ref().map(|machine| format!("on {machine}: ")).unwrap_or_default();
    Line::new(format!("{on}{text}{limit}"), &step.location)
}

fn snapshot(spec: &SnapshotSpec) -> Line {
    let of = match &spec.of {
        SnapshotSource::Run(command) => format!("what `{}` prints", muster_base::text::one_line(command, 120)),
        SnapshotSource::Packages => "packages".to_owned(),
        SnapshotSource::Units => "units".to_owned(),
        SnapshotSource::Sysctl => "sysctl".to_owned(),
        SnapshotSource::Kconfig => "kconfig".to_owned(),
        SnapshotSource::Users => "users".to_owned(),
        SnapshotSource::Ports => "ports".to_owned(),
    };
    let mut with = Vec::new();
    let mut list = |word: &str, items: Vec<String>| {
        if !items.is_empty() {
            with.push(format!("{word} {}", items.join(", ")));
        }
    };
    list("keep", spec.keep.clone());
    list("only", spec.only.clone());
    let redacted = |(glob, with): &(String, Option<String>)| match with {
        Some(text) => format!("{glob} as {text}"),
        None => format!("{glob} dropped"),
    };
    list("redact", spec.redact.iter().map(redacted).collect());
    list("filter", spec.filters.iter().map(|(regex, with)| format!("{} to {with}", regex.as_str())).collect());
    if spec.unordered {
        with.push("in any order".to_owned());
    }
    let with = if with.is_empty() { String::new() } else { format!(" ({})", with.join("; ")) };
    Line::new(format!("{}: {of}{with}", spec.name), &spec.location)
}

fn base_checks(suite: &Suite) -> Vec<String> {
    let treated = |word: &str| match suite.base_checks.get(word) {
        None | Some(BaseCheck::Fail) => word.to_owned(),
        Some(BaseCheck::Info) => format!("{word} (only reported)"),
        Some(BaseCheck::Off) => format!("{word} (does not count here)"),
    };
    BaseCheckKind::ALL.iter().map(|kind| treated(kind.name())).collect()
}

fn isolation_text(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::Booted => "one that was booted and not cloned, with other tests of its boot",
        Isolation::Shared => "one for all tests that only read, or are marked to share",
        Isolation::Clone => "a clone of the booted machine for this chain alone",
        Isolation::Fresh => "a cold boot for this chain alone",
    }
}

fn overrides(overrides: &MachineOverrides) -> Vec<String> {
    let mut out = Vec::new();
    let mut add = |name: &str, value: Option<String>| out.extend(value.map(|value| format!("{name} {value}")));
    add("image", overrides.image.clone());
    add("cpu", overrides.cpu.clone());
    add("firmware", overrides.firmware.map(|firmware| firmware.to_string()));
    add("tpm", overrides.tpm.map(|tpm| tpm.to_string()));
    add("bus", overrides.bus.map(|bus| bus.to_string()));
    add("memory", overrides.memory.map(|bytes| format!("{} MiB", bytes >> 20)));
    add("cpus", overrides.cpus.map(|count| count.to_string()));
    add("kernel", overrides.kernel.as_ref().map(ToString::to_string));
    out
}
