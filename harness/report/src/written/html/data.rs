//! What the script of the page shows, as JSON. All text is escaped and bounded here: the script puts it into text nodes
//! as it is.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use serde::Serialize;

use self::limits::{LISTED, Limits, NAME, SENTENCE};
use self::machines::{Image, Machine, Time};
use self::test::{Issue, Maker, Meaning, Test};
use super::boots::Boots;
use super::known::Known;
use crate::evidence::Evidences;
use muster_base::text::one_line;
use muster_record::run::RunRecord;

/// All of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<'k> {
    seconds: Option<f64>,
    /// The day by which known issues are counted.
    day: Option<String>,
    causes: Vec<Group>,
    reasons: Vec<Group>,
    ids: BTreeMap<String, Meaning>,
    suites: BTreeMap<String, String>,
    images: Vec<Image>,
    machines: Vec<Machine>,
    machines_left_out: usize,
    findings: Vec<OnConsole>,
    issues: Vec<Issue>,
    consoles: BTreeMap<String, String>,
    time: Time,
    boots: &'k Boots,
    tests: Vec<Test>,
}

#[derive(Debug, Serialize)]
struct Group {
    id: String,
    message: String,
}

#[derive(Debug, Serialize)]
struct OnConsole {
    machine: String,
    category: String,
    severity: &'static str,
    line: String,
    number: u64,
}

impl<'k> Page<'k> {
    pub(super) fn of(record: &RunRecord, known: &'k Known<'_>, evidences: Evidences<'_>, limits: Limits) -> Self {
        let day = day(record);
        let seconds = seconds(record);
        let by_index = |groups: &[crate::causes::Cause]| -> HashMap<usize, usize> {
            groups.iter().enumerate().flat_map(|(at, group)| group.tests.iter().map(move |test| (*test, at))).collect()
        };
        let (causes, reasons) = (by_index(&known.failed), by_index(&known.not_run));
        let mut maker = Maker::new(limits, evidences, day);
        let tests = record.tests.iter().enumerate().map(|(index, test)| {
            let mut shown = maker.test(test);
            shown.since = known.since.as_ref().and_then(|since| since.changes[index]).map(crate::since::Change::name);
            shown.cause = causes.get(&index).copied();
            shown.why = reasons.get(&index).copied();
            shown
        });
        let tests = tests.collect();
        let groups = |groups: &[crate::causes::Cause]| {
            let group = |cause: &crate::causes::Cause| Group { id: cause.id.clone(), message: cause.message.clone() };
            groups.iter().map(group).collect::<Vec<_>>()
        };
        let finding = |found: &muster_record::finding::OnMachine| OnConsole {
            machine: one_line(&found.machine, NAME),
            category: one_line(&found.finding.category, NAME),
            severity: found.finding.severity.name(),
            line: one_line(&found.finding.line, SENTENCE),
            number: found.finding.line_number,
        };
        let suites =
            record.suites.iter().map(|(name, suite)| (one_line(name, NAME), one_line(&suite.summary, SENTENCE)));
        Self {
            seconds,
            day: day.map(|day| day.to_string()),
            causes: groups(&known.failed),
            reasons: groups(&known.not_run),
            suites: suites.collect(),
            images: record.images.iter().map(|(id, image)| machines::image(id, image)).collect(),
            machines: machines::listed(record),
            machines_left_out: record.machines.len().saturating_sub(LISTED),
            findings: record.findings.iter().take(LISTED).map(finding).collect(),
            time: machines::time(&record.machines, seconds),
            boots: &known.boots,
            tests,
            ids: maker.ids,
            issues: maker.issues,
            consoles: maker.consoles,
        }
    }
}

/// The day on which the run ended or began, in UTC.
fn day(record: &RunRecord) -> Option<Date> {
    let at: jiff::Timestamp = record.finished.as_deref().unwrap_or(&record.started).parse().ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

/// How long the run took.
pub(super) fn seconds(record: &RunRecord) -> Option<f64> {
    let started: jiff::Timestamp = record.started.parse().ok()?;
    let finished: jiff::Timestamp = record.finished.as_deref()?.parse().ok()?;
    Some(finished.duration_since(started).as_secs_f64().max(0.0))
}

pub(super) mod limits;
mod machines;
mod test;
