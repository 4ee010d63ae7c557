//! The end of a run on one screen: what did not pass, the worst first, what is new apart from what was known.

use std::collections::HashSet;

use crate::live::cut;
use crate::since::key;
use crate::words::{self, NAME};
use muster_base::text::{one_line, plural};
use muster_record::history::HistoryEntry;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// What failed before the run, as far as anybody knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedBefore {
    /// What it is known from: `run 20260301T100000Z-7`. Empty when nothing is known.
    from: String,
    /// `suite/test` and image.
    tests: HashSet<(String, String)>,
}

impl FailedBefore {
    /// What failed or errored in an earlier run.
    pub fn of_run(before: &RunRecord) -> Self {
        let tests = before.tests.iter().filter(|test| is_red(test.outcome));
        let tests = tests.map(|test| (test.name(), test.image.clone())).collect();
        Self { from: format!("run {}", one_line(&before.id, NAME)), tests }
    }

    /// What failed or errored the last time that it ran, by the entries of a history, the oldest first.
    pub fn of_history(entries: &[HistoryEntry]) -> Self {
        let mut tests = HashSet::new();
        for test in entries.iter().flat_map(|entry| &entry.tests) {
            let key = (test.name.clone(), test.image.clone());
            if is_red(test.outcome) {
                tests.insert(key);
            } else if test.outcome.has_run() {
                tests.remove(&key);
            }
        }
        let from = if entries.is_empty() { String::new() } else { "the history".to_owned() };
        Self { from, tests }
    }

    /// What is known from both.
    pub fn and(mut self, other: Self) -> Self {
        self.from = match (self.from.is_empty(), other.from.is_empty()) {
            (true, _) => other.from,
            (false, true) => self.from,
            (false, false) => format!("{} and {}", self.from, other.from),
        };
        self.tests.extend(other.tests);
        self
    }

    fn has(&self, test: &TestRecord) -> bool {
        self.tests.contains(&(test.name(), test.image.clone()))
    }
}

/// One kind of red, and the tests of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RedGroup {
    pub heading: String,
    /// One line for each test: its mark, and the rest.
    pub tests: Vec<(&'static str, String)>,
}

/// The groups of a run, those without a test left out, together of at most `rows` lines of at most `columns`; each is
/// cut by the same share, and counts what is left out.
pub(crate) fn groups(record: &RunRecord, before: &FailedBefore, rows: usize, columns: usize) -> Vec<RedGroup> {
    let red: Vec<&TestRecord> = record.tests.iter().filter(|test| is_red(test.outcome)).collect();
    let (old, new): (Vec<&TestRecord>, Vec<&TestRecord>) = red.into_iter().partition(|test| before.has(test));
    let known: Vec<&TestRecord> = record.tests.iter().filter(|test| test.outcome == Outcome::Known).collect();
    let what = match before.from.as_str() {
        "" => "Failures".to_owned(),
        from => format!("New failures, compared with {from}"),
    };
    let mut all: Vec<(String, Vec<&TestRecord>)> =
        vec![(what, new), (format!("Failed before, in {}", before.from), old), ("Known issues".to_owned(), known)];
    all.retain(|(_, tests)| !tests.is_empty());
    let mut left = rows;
    let count = all.len();
    let groups = all.into_iter().enumerate().map(|(at, (heading, tests))| {
        // What is new may take all but a heading, a test and a count of each group after it.
        let share = left.saturating_sub(3 * (count - at - 1)).saturating_sub(1).max(2);
        let group = group(heading, tests, share, columns);
        left = left.saturating_sub(group.tests.len() + 1);
        group
    });
    groups.collect()
}

fn group(heading: String, mut tests: Vec<&TestRecord>, rows: usize, columns: usize) -> RedGroup {
    tests.sort_by(|a, b| (rank(a), key(a)).cmp(&(rank(b), key(b))));
    let heading = format!("{heading} ({} test{}):", tests.len(), plural(tests.len()));
    let line = |test: &&TestRecord| {
        let mark = if test.outcome == Outcome::Known { "KNOWN" } else { words::mark(test.outcome) };
        let (name, image) = (one_line(&test.name(), 2 * NAME), one_line(&test.image, NAME));
        let text = format!("{name} [{image}]: {}", words::headline(test).1);
        (mark, cut(&text, columns.saturating_sub(mark.len() + 3)))
    };
    let mut lines: Vec<_> = tests.iter().map(line).collect();
    if lines.len() > rows {
        let more = lines.len() - rows + 1;
        lines.truncate(rows - 1);
        lines.push(("", format!("… and {more} more")));
    }
    RedGroup { heading: cut(&heading, columns), tests: lines }
}

/// The worst first: a machine that nothing could run on, then values that are not as expected, then what could not be
/// found out.
fn rank(test: &TestRecord) -> u8 {
    match test.outcome {
        _ if test.suite == muster_record::names::MACHINE_SUITE => 0,
        Outcome::Fail => 1,
        _ => 2,
    }
}

fn is_red(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Fail | Outcome::Error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    fn shown(groups: &[RedGroup]) -> Vec<String> {
        let lines = |group: &RedGroup| {
            let tests = group.tests.iter().map(|(mark, text)| format!("{mark} {text}"));
            [group.heading.clone()].into_iter().chain(tests).collect::<Vec<_>>()
        };
        groups.iter().flat_map(lines).collect()
    }

    #[test]
    fn what_is_new_stands_apart_from_what_was_known_and_the_worst_comes_first() {
        let record = Recorder::fold(&sample::events());
        let mut earlier = record.clone();
        earlier.id = "before".into();
        earlier.tests.retain(|test| test.test == "nginx-version");
        let lines = shown(&groups(&record, &FailedBefore::of_run(&earlier), 40, 60));
        assert_eq!(
            lines,
            [
                "New failures, compared with run before (3 tests):",
                "ERROR machine/health [lab-immutable]: the guest did not a…",
                "FAIL base/hostile [lab]: ]]></failure></testcase><testcas…",
                "ERROR kernel.core/connection [lab]: the connection broke …",
                "Failed before, in run before (1 test):",
                "FAIL base/nginx-version [lab]: package nginx: version is …",
                "Known issues (1 test):",
                "KNOWN base/known [lab]: bug 123 until 2026-09-30: foo fai…",
            ]
        );
        let lines = shown(&groups(&record, &FailedBefore::default(), 40, 60));
        assert_eq!((&*lines[0], &*lines[5]), ("Failures (4 tests):", "Known issues (1 test):"));
        assert!(shown(&groups(&RunRecord::default(), &FailedBefore::default(), 40, 60)).is_empty());
    }

    #[test]
    fn all_groups_fit_on_one_screen() {
        let mut record = Recorder::fold(&sample::events());
        let of = |test: &TestRecord, n: usize| TestRecord { test: format!("t{n}"), ..test.clone() };
        let tests: Vec<TestRecord> = (0..50).flat_map(|n| [1, 6].map(|at| of(&record.tests[at], n))).collect();
        record.tests = tests;
        let mut earlier = record.clone();
        earlier.tests.truncate(40);
        for rows in [9, 12, 20, 60, 200] {
            let found = groups(&record, &FailedBefore::of_run(&earlier), rows, 80);
            let lines = shown(&found);
            assert!(lines.len() <= rows, "{} lines of {rows}: {lines:#?}", lines.len());
            assert_eq!(found.len(), 3);
            assert!(lines.iter().all(|line| line.chars().count() < 80), "{lines:#?}");
        }
        let lines = shown(&groups(&record, &FailedBefore::default(), 12, 80));
        assert_eq!(lines[8], " … and 43 more", "{lines:#?}");
    }

    #[test]
    fn a_history_knows_the_last_result_of_a_test() {
        let record = Recorder::fold(&sample::events());
        let entry = |change: &dyn Fn(&mut HistoryEntry)| {
            let mut entry = HistoryEntry::of(&record);
            change(&mut entry);
            entry
        };
        let set = |name: &'static str, outcome| {
            move |entry: &mut HistoryEntry| {
                entry.tests.iter_mut().filter(|test| test.name == name).for_each(|test| test.outcome = outcome);
            }
        };
        let failed = |entries: &[HistoryEntry], at: usize| FailedBefore::of_history(entries).has(&record.tests[at]);
        let all = [
            entry(&|_| {}),
            entry(&set("base/nginx-version", Outcome::Pass)),
            entry(&set("base/hostile", Outcome::Skip)),
        ];
        assert!(failed(&all[..1], 1) && !failed(&all[..2], 1), "it passed the last time");
        assert!(failed(&all, 1), "and failed again");
        assert!(failed(&all, 2), "a skip says nothing");
        let both = FailedBefore::of_history(&all[..2]).and(FailedBefore::of_run(&record));
        assert_eq!(both.from, format!("the history and run {}", record.id));
        assert!(both.has(&record.tests[1]));
        assert_eq!(FailedBefore::of_history(&[]), FailedBefore::default());
    }
}
