//! What is known of one failure, put together.

use std::borrow::Cow;

use super::awaited;
use super::class::{self, CauseClass};
use super::statement::{Evidence, console_file};
use crate::difference::facts::{self, FactChange};
use crate::evidence::Evidences;
use crate::since::key;
use crate::words;
use muster_base::failure::{self, Location};
use muster_base::text::{self, one_line};
use muster_record::layout::RunDir;
use muster_record::names::NO_NETWORK;
use muster_record::run::{RunRecord, TestRecord};

/// Characters of a statement at most.
const SENTENCE: usize = 400;
/// Bytes of output of the guest that a packet repeats at most, in all: it is to be handed around.
const OUTPUT: usize = 8 << 10;
/// Lines of the console before a finding, or at its end.
const CONSOLE_LINES: usize = 25;

/// What a person does next where a machine was cut off and the test failed for it.
const NEXT_WITHOUT_A_NETWORK: &str = "The machine reached no network, as no machine does without the tag `needs-internet`. Give the test \
     that tag if it needs one; if it should pass without, the image uses a network where it should not.";

/// A piece of a console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleExcerpt {
    /// In the run's directory.
    pub file: String,
    /// The line of the finding, counted from 1; `None` for the end of the console.
    pub line: Option<u64>,
    /// Escaped; what a guest said.
    pub lines: Vec<String>,
}

/// What is known of one failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet<'r> {
    /// The test.
    pub test: &'r TestRecord,
    /// The failure id.
    pub id: String,
    /// What the id means, where it is of the table.
    pub meaning: Option<&'static str>,
    /// What a person does next, where it is of the table.
    pub next: Option<Cow<'static, str>>,
    /// What it speaks against.
    pub class: CauseClass,
    /// What happened, in one line.
    pub message: String,
    /// What says so, in the order in which one reads it.
    pub evidence: Vec<Evidence>,
    /// Expected, actual and output of its failures, escaped and bounded; what a guest said.
    pub output: Vec<String>,
    /// Of its machine.
    pub console: Option<ConsoleExcerpt>,
    /// Command lines that run it again, and that enter its machine where that was kept.
    pub reproduce: Vec<String>,
    /// The last good run and what has changed since; `None` where none was given.
    pub since: Option<Since<'r>>,
}

/// What has changed since the last good run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since<'r> {
    /// The run's id.
    pub run: &'r str,
    /// Whether the test passed in it: otherwise the difference says little.
    pub passed: bool,
    /// Facts of the image that changed; `None` where one of the runs does not know them.
    pub facts: Option<Vec<FactChange>>,
}

/// The packet of a test that did not pass. `good` is a run in which it did.
pub fn packet<'r>(
    record: &'r RunRecord,
    dir: &RunDir,
    test: &'r TestRecord,
    good: Option<&'r RunRecord>,
) -> Packet<'r> {
    let (id, message) = words::headline(test);
    let row = failure::TABLE.iter().find(|row| row.id == id);
    let mut output: Vec<String> = test
        .failures
        .iter()
        .flat_map(|failure| words::values(failure).into_iter().chain(words::detail(failure)))
        .collect();
    bound(&mut output);
    let files = Evidences::new(dir).of(test);
    let reproduce = std::iter::once(one_line(&test.rerun, 1000)).chain(words::resume(test)).collect();
    Packet {
        test,
        meaning: row.map(|row| row.meaning),
        next: match awaited::next(record, test, &id) {
            Some(next) => Some(Cow::Owned(next)),
            None if class::no_network(test) => Some(Cow::Borrowed(NEXT_WITHOUT_A_NETWORK)),
            None => row.map(|row| Cow::Borrowed(row.next)),
        },
        class: CauseClass::of(record, test, &id),
        message,
        evidence: evidence(record, test, &files.attachments),
        output,
        console: console(record, test, &files.console_tail),
        reproduce,
        since: good.map(|good| since(record, test, good)),
        id,
    }
}

/// The first and last lines, and at most [`OUTPUT`] bytes.
fn bound(lines: &mut Vec<String>) {
    let text = text::tail(&lines.join("\n"), OUTPUT);
    *lines = words::ends(text.lines().map(str::to_owned).collect(), 120);
}

fn evidence(record: &RunRecord, test: &TestRecord, attachments: &[String]) -> Vec<Evidence> {
    let at = |location: &Location| {
        (one_line(&location.file, SENTENCE), Some(u64::from(location.line)).filter(|line| *line > 0))
    };
    let (file, line) = at(&test.location);
    let says = format!("the test {} is defined here: {}", test.name(), test.summary);
    let mut found = vec![Evidence { says: one_line(&says, SENTENCE), file, line, untrusted: false }];
    for failure in &test.failures {
        let (file, line) = at(failure.location.as_ref().unwrap_or(&test.location));
        let says = one_line(&format!("{}: {}", failure.id, failure.message), SENTENCE);
        found.push(Evidence { says, file, line, untrusted: true });
    }
    if let Some(machine) = &test.machine {
        let console = console_file(machine);
        let of = record.findings.iter().filter(|found| found.machine == *machine).take(10);
        found.extend(of.map(|on| Evidence {
            says: one_line(&format!("{}: {}", on.finding.category, on.finding.line), SENTENCE),
            file: console.clone(),
            line: Some(on.finding.line_number),
            untrusted: true,
        }));
        if let Some(end) = record.machines.iter().find(|one| one.id == *machine).and_then(|one| one.end.as_deref()) {
            let says = one_line(&format!("the machine {machine} ended: {end}"), SENTENCE);
            found.push(Evidence { says, file: RunDir::RUN_JSON.to_owned(), line: None, untrusted: true });
        }
    }
    found.extend(awaited::evidence(record, test));
    if class::no_network(test) {
        let (file, line) = at(&test.location);
        found.push(Evidence { says: NO_NETWORK.to_owned(), file, line, untrusted: false });
    }
    for path in attachments.iter().take(20).cloned() {
        found.push(Evidence {
            says: "a file of the test or its machine".to_owned(),
            file: path,
            line: None,
            untrusted: true,
        });
    }
    found
}

/// What stood on the console around the first finding of the test's machine, else the end of its console.
fn console(record: &RunRecord, test: &TestRecord, tail: &str) -> Option<ConsoleExcerpt> {
    let machine = test.machine.as_ref()?;
    let file = console_file(machine);
    let on = record.findings.iter().find(|found| found.machine == *machine);
    let end = || {
        let lines: Vec<&str> = tail.lines().collect();
        lines[lines.len().saturating_sub(CONSOLE_LINES)..].iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()
    };
    let excerpt = match on {
        Some(on) if !on.finding.excerpt.is_empty() => {
            let lines = on.finding.excerpt.iter().map(|line| one_line(line, SENTENCE)).collect();
            ConsoleExcerpt { file, line: Some(on.finding.line_number), lines }
        }
        Some(on) => ConsoleExcerpt {
            file,
            line: Some(on.finding.line_number),
            lines: vec![one_line(&on.finding.line, SENTENCE)],
        },
        None => ConsoleExcerpt { file, line: None, lines: end() },
    };
    (!excerpt.lines.is_empty()).then_some(excerpt)
}

fn since<'r>(record: &RunRecord, test: &TestRecord, good: &'r RunRecord) -> Since<'r> {
    let of = |run: &'r RunRecord| run.images.get(&test.image).and_then(|image| image.facts.as_ref());
    let now = record.images.get(&test.image).and_then(|image| image.facts.as_ref());
    let same = |other: &&TestRecord| key(other) == key(test);
    use muster_record::outcome::Outcome::{Flaky, Pass};
    let passed = good.tests.iter().find(same).is_some_and(|other| matches!(other.outcome, Pass | Flaky));
    let facts = of(good).zip(now).map(|(then, now)| facts::changes(then, now));
    Since { run: &good.id, passed, facts }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use camino::Utf8Path;
    use muster_record::fold::Recorder;
    use muster_record::outcome::Outcome;
    use muster_record::sample;

    pub(crate) fn run() -> (tempfile::TempDir, RunDir, RunRecord) {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temporary.path()).unwrap().join("run");
        let dir = RunDir::create(&root).unwrap();
        let record = Recorder::fold(&sample::events());
        for machine in &record.machines {
            std::fs::create_dir_all(dir.machine(&machine.id)).unwrap();
            std::fs::write(dir.machine(&machine.id).join("console.log"), "a\nlogin:\x1b[2J\n").unwrap();
        }
        (temporary, dir, record)
    }

    #[test]
    fn every_failure_has_a_packet_whose_statements_name_files_that_are_there() {
        let (_temporary, dir, record) = run();
        let open = |test: &&TestRecord| matches!(test.outcome, Outcome::Fail | Outcome::Error);
        assert!(record.tests.iter().filter(open).count() >= 4);
        for test in record.tests.iter().filter(open) {
            let packet = packet(&record, &dir, test, Some(&record));
            assert!(packet.evidence.len() > test.failures.len(), "{packet:?}");
            for evidence in packet.evidence.iter().filter(|evidence| evidence.file.starts_with("machines/")) {
                assert!(dir.root().join(&evidence.file).is_file(), "{evidence:?}");
            }
            assert!(packet.reproduce[0].starts_with("muster run "), "{packet:?}");
            let since = packet.since.unwrap();
            assert!(!since.passed && since.facts.is_none_or(|facts| facts.is_empty()));
            assert!(packet.output.iter().map(String::len).sum::<usize>() <= OUTPUT);
        }
    }

    #[test]
    fn facts_that_changed_since_a_good_run_are_named() {
        let (_temporary, dir, record) = run();
        let mut good = record.clone();
        let test = record.tests.iter().find(|test| test.outcome == Outcome::Fail && test.image == "lab").unwrap();
        good.tests.iter_mut().for_each(|test| test.outcome = Outcome::Pass);
        good.images.get_mut("lab").unwrap().facts.as_mut().unwrap().kernel = "5.15".into();
        let since = packet(&record, &dir, test, Some(&good)).since.unwrap();
        assert!(since.passed);
        assert_eq!(since.facts.unwrap().iter().map(|change| change.fact.as_str()).collect::<Vec<_>>(), ["kernel"]);
    }
}
