//! What the page shows of each test, and what several of them share.

use std::collections::BTreeMap;

use camino::Utf8Path;
use jiff::civil::Date;
use serde::Serialize;

use super::limits::{Budget, COMMAND, Limits, NAME, PARTS, SENTENCE};
use crate::evidence::{Evidence, Evidences};
use crate::words;
use crate::written::html::seconds::finite;
use muster_base::failure::{self, Failure};
use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_record::run::{IssueRecord, Ruled, TestRecord};

#[derive(Debug, Serialize)]
pub(super) struct Meaning {
    meaning: &'static str,
    next: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Issue {
    ruled: &'static str,
    tracker: String,
    because: String,
    expires: String,
    /// From the day of the run to the last day of the entry; negative when it is over.
    days: Option<i32>,
    owner: String,
    at: String,
    note: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Test {
    suite: String,
    test: String,
    image: String,
    outcome: &'static str,
    summary: String,
    at: String,
    seconds: f64,
    rerun: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Wrong>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Wrong>,
    /// Of each assertion that was met: what it is about, what was expected, what was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    met: Vec<[String; 3]>,
    /// How many more were met.
    #[serde(skip_serializing_if = "is_zero")]
    met_more: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<Attempt>,
    /// Index into the issues of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    issue: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
    /// Where it has several: the name in the suite and the id of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    machines: Vec<[String; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<String>,
    /// Paths in the run's directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<&'static str>,
    /// Index into the causes of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<usize>,
    /// Index into the reasons of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<usize>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[derive(Debug, Serialize)]
struct Wrong {
    id: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

#[derive(Debug, Serialize)]
struct Attempt {
    /// The earlier run in which it was, and how it ended there; an attempt of this run has neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    machine: Option<String>,
    seconds: f64,
    failures: Vec<Wrong>,
}

/// Makes tests, and collects what several of them share.
pub(super) struct Maker<'a> {
    budget: Budget,
    evidences: Evidences<'a>,
    pub(super) consoles: BTreeMap<String, String>,
    pub(super) ids: BTreeMap<String, Meaning>,
    pub(super) issues: Vec<Issue>,
    day: Option<Date>,
}

impl<'a> Maker<'a> {
    pub(super) fn new(limits: Limits, evidences: Evidences<'a>, day: Option<Date>) -> Self {
        let (consoles, ids, issues) = Default::default();
        Self { budget: Budget::new(limits), evidences, consoles, ids, issues, day }
    }

    pub(super) fn test(&mut self, test: &TestRecord) -> Test {
        let shown = !matches!(test.outcome, Outcome::Pass | Outcome::Skip | Outcome::NotRun);
        let evidence = if shown { self.evidences.of(test) } else { Evidence::default() };
        if let Some(machine) = test.machine.as_ref().filter(|_| !evidence.console_tail.is_empty()) {
            let console = self.budget.take(&evidence.console_tail);
            self.consoles.insert(one_line(machine, NAME), console);
        }
        let lines = |texts: &[String], max: usize| -> Vec<String> {
            texts.iter().take(PARTS).map(|text| one_line(text, max)).collect()
        };
        let mut attempts: Vec<Attempt> = Vec::new();
        // The last ones, where there are many.
        for earlier in &test.earlier[test.earlier.len().saturating_sub(PARTS)..] {
            attempts.push(Attempt {
                run: Some(one_line(&earlier.run, NAME)),
                outcome: Some(earlier.outcome.name()),
                machine: None,
                seconds: 0.0,
                failures: earlier.failure.iter().map(|failure| self.wrong(failure)).collect(),
            });
        }
        attempts.extend(test.attempts.iter().take(PARTS).map(|attempt| Attempt {
            run: None,
            outcome: None,
            machine: attempt.machine.as_ref().map(|machine| one_line(machine, NAME)),
            seconds: finite(attempt.seconds),
            failures: attempt.failures.iter().take(PARTS).map(|failure| self.wrong(failure)).collect(),
        }));
        let (met, met_more) = self.budget.met(test);
        let notes = words::kept(test).into_iter().chain(lines(&test.remarks, SENTENCE)).collect();
        Test {
            suite: one_line(&test.suite, NAME),
            test: one_line(&test.test, NAME),
            image: one_line(&test.image, NAME),
            outcome: test.outcome.name(),
            summary: one_line(&test.summary, SENTENCE),
            at: one_line(&test.location.to_string(), NAME),
            seconds: finite(test.seconds),
            rerun: one_line(&test.rerun, COMMAND),
            tags: lines(&test.tags, NAME),
            links: lines(&test.links, SENTENCE),
            message: (test.outcome != Outcome::Pass).then(|| words::headline(test).1),
            failures: test.failures.iter().take(PARTS).map(|failure| self.wrong(failure)).collect(),
            reason: test.skipped.as_ref().map(|failure| self.wrong(failure)),
            met,
            met_more,
            notes,
            attempts,
            issue: test.issue.as_ref().map(|issue| self.issue(issue)),
            machine: test.machine.as_ref().map(|machine| one_line(machine, NAME)),
            machines: test
                .machines
                .iter()
                .take(PARTS)
                .map(|one| [&one.name, &one.id].map(|s| one_line(s, NAME)))
                .collect(),
            resume: words::resume(test),
            files: evidence.attachments.into_iter().filter(|path| stays_below(path)).collect(),
            since: None,
            cause: None,
            why: None,
        }
    }

    fn wrong(&mut self, failure: &Failure) -> Wrong {
        let id = one_line(failure.id.as_str(), NAME);
        if let Some(row) = failure::row(&failure.id) {
            self.ids.entry(id.clone()).or_insert(Meaning { meaning: row.meaning, next: row.next });
        }
        let detail = words::detail(failure).join("\n");
        Wrong {
            id,
            message: one_line(&failure.message, SENTENCE),
            expected: failure.expected.as_ref().map(|value| self.budget.take(&words::visible(value))),
            actual: failure.actual.as_ref().map(|value| self.budget.take(&words::visible(value))),
            detail: (!detail.is_empty()).then(|| self.budget.take(&detail)),
            at: failure.location.as_ref().map(|at| one_line(&at.to_string(), NAME)),
        }
    }

    fn issue(&mut self, issue: &IssueRecord) -> usize {
        let last = issue.expires.parse::<Date>().ok();
        let days = last.zip(self.day).and_then(|(last, day)| last.since(day).ok()).map(|span| span.get_days());
        let issue = Issue {
            ruled: ruled(issue.ruled),
            tracker: one_line(&issue.tracker, SENTENCE),
            because: one_line(&issue.because, SENTENCE),
            expires: one_line(&issue.expires, NAME),
            days,
            owner: one_line(&issue.owner, NAME),
            at: one_line(&issue.location.to_string(), NAME),
            note: one_line(&issue.note, SENTENCE),
        };
        self.issues.iter().position(|known| *known == issue).unwrap_or_else(|| {
            self.issues.push(issue);
            self.issues.len() - 1
        })
    }
}

/// What an entry of the known issues came to, in words.
fn ruled(ruled: Ruled) -> &'static str {
    match ruled {
        Ruled::Known => "failed as documented",
        Ruled::Skipped => "skipped",
        Ruled::UnexpectedPass => "passed, although it is documented to fail",
        Ruled::Unexplained => "failed in another way than documented",
        Ruled::Expired => "failed as documented, and the entry has expired",
        Ruled::Stale => "passed, and the entry has expired",
    }
}

/// A path that a link of the page may have: below the run's directory, of plain segments.
fn stays_below(path: &str) -> bool {
    let path = Utf8Path::new(path);
    !path.as_str().is_empty()
        && path.is_relative()
        && path.components().all(|part| matches!(part, camino::Utf8Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn days_left_are_those_of_the_day_of_the_run() {
        let record = Recorder::fold(&sample::events());
        let dir = tempfile::tempdir().unwrap();
        let root = camino::Utf8PathBuf::from_path_buf(dir.path().join("r")).unwrap();
        let dir = muster_record::layout::RunDir::create(&root).unwrap();
        let mut maker = Maker::new(Limits::STEPS[0], Evidences::new(&dir), super::super::day(&record));
        let mut issue = record.tests.iter().find_map(|test| test.issue.clone()).unwrap();
        let mut days = |expires: &str| {
            issue.expires = expires.into();
            let at = maker.issue(&issue);
            (maker.issues[at].days, maker.issues.len())
        };
        let expected = [("2026-03-01", Some(0)), ("2026-03-31", Some(30)), ("2026-02-27", Some(-2))];
        for (number, (expires, left)) in expected.into_iter().enumerate() {
            assert_eq!(days(expires), (left, number + 1));
        }
        assert_eq!(days("2027-03-01").0, Some(365), "days, not years and months");
        assert_eq!(days("\u{202e}soon").0, None);
        assert_eq!(days("2026-03-31"), (Some(30), 5), "tests share their issue");
    }

    #[test]
    fn a_link_leads_nowhere_but_into_the_run() {
        assert!(stays_below("machines/m1/console.log"));
        for path in ["/etc/passwd", "../x", "a/../../x", "./a/..", ""] {
            assert!(!stays_below(path), "{path}");
        }
    }
}
