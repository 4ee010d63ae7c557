//! `reports DIR`: made-up runs with all their reports, one directory each, for programs that read them (`ci/report-readers`):
//! the sample run, the same with hostile text in every field, one that was cut at each third of its events, one of 2,000 tests, one with a crash on
//! an image whose tests pass.

use camino::{Utf8Path, Utf8PathBuf};
use muster_record::event::Event;
use muster_record::finding::Severity;
use muster_record::fold::Recorder;
use muster_record::layout::RunDir;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};
use muster_record::sample;
use muster_report::evidence::Base;
use muster_report::written::{Chosen, ReportInput, registry, write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Utf8PathBuf::from(std::env::args().nth(1).ok_or("reports DIR")?);
    let events = sample::events();
    render(&root, "sample", Recorder::fold(&events))?;
    let mut hostile = Recorder::fold(&events);
    sample::make_hostile(&mut hostile);
    render(&root, "hostile", hostile)?;
    for third in 1..3 {
        render(&root, &format!("cut-{third}"), Recorder::fold(&events[..events.len() * third / 3]))?;
    }
    render(&root, "many", many(&events))?;
    render(&root, "crashed", crashed(&events))?;
    Ok(())
}

fn render(root: &Utf8Path, name: &str, record: RunRecord) -> Result<(), Box<dyn std::error::Error>> {
    let dir = RunDir::create(&root.join(name))?;
    let base = Base::of(dir.root(), None)?;
    let all = Chosen::of(registry().iter().map(|report| report.name()), true);
    let input = ReportInput { record: &record, before: None, dir: &dir, base: &base };
    Ok(write(input, &all, dir.root())?)
}

/// Tests fail on one image, and all pass on another, whose console shows a crash.
fn crashed(events: &[Event]) -> RunRecord {
    let mut record = Recorder::fold(events);
    for test in record.tests.iter_mut().filter(|test| test.image == "lab-immutable") {
        test.outcome = Outcome::Pass;
        (test.failures, test.skipped, test.issue) = (Vec::new(), None, None);
    }
    let machine = record.machines.iter().find(|machine| machine.image == "lab-immutable").map(|of| of.id.clone());
    for found in record.findings.iter_mut() {
        found.finding.severity = Severity::Fatal;
        found.machine = machine.clone().unwrap_or_default();
    }
    record
}

fn many(events: &[Event]) -> RunRecord {
    let mut record = Recorder::fold(events);
    let like = |n: usize| record.tests[n % record.tests.len()].clone();
    let tests: Vec<TestRecord> = (0..2000)
        .map(|n| TestRecord { test: format!("t{n}"), ..like(n) })
        // Of those that know nothing there is one in the sample, and it is enough.
        .filter(|test| test.outcome != Outcome::Error || test.machine.is_some())
        .collect();
    record.tests = tests;
    record
}
