//! What known issues make of the tests of a run. The rules are [`muster_suite::known`]'s; here a
//! record learns of them.

use std::collections::BTreeSet;

use jiff::civil::Date;

use muster_base::failure::{self, Failure};
use muster_check::matching;
use muster_check::observed::Value;
use muster_record::outcome::Outcome;
use muster_record::run::{IssueRecord, Ruled, TestRecord};
use muster_suite::known::{self, Ended, KnownIssue, Ruling};
use muster_suite::model::Matcher;
use muster_suite::table::AttributeKind;

/// The known issues of a run.
#[derive(Debug, Clone)]
pub struct KnownIssues {
    issues: Vec<KnownIssue>,
    today: Date,
}

impl Default for KnownIssues {
    fn default() -> Self {
        Self { issues: Vec::new(), today: Date::constant(1970, 1, 1) }
    }
}

/// Values of a dimension of conditions on the system that a test ran on.
pub(crate) type Lookup<'l> = &'l dyn Fn(&str) -> Option<Vec<String>>;

impl KnownIssues {
    /// The issues, and the day of the run by which they are over or not.
    pub fn new(issues: Vec<KnownIssue>, today: Date) -> Self {
        Self { issues, today }
    }

    /// The files that the issues stand in, each once.
    pub fn files(&self) -> BTreeSet<&str> {
        self.issues.iter().map(|issue| &*issue.location.file).collect()
    }

    /// Why a test is not asked at all; `None` when no entry says so.
    pub fn skip(&self, suite: &str, test: &str, lookup: Lookup<'_>) -> Option<(Failure, IssueRecord)> {
        let issue = known::skipped(&self.issues, (suite, test), lookup, self.today)?;
        let reason = Failure::new(failure::SKIP_KNOWN, issue.summary()).at(&issue.location);
        Some((reason, record_of(issue, Ruled::Skipped, String::new())))
    }

    /// Changes the record of a test that has ended as the entries about it say.
    pub fn rule(&self, record: &mut TestRecord, lookup: Lookup<'_>) {
        let ended = match record.outcome {
            Outcome::Pass => Ended::Passed,
            Outcome::Fail => Ended::Failed(&record.failures),
            _ => Ended::Otherwise,
        };
        let about = (record.suite.as_str(), record.test.as_str());
        let ruling = known::apply(&self.issues, about, ended, lookup, self.today, &matches);
        let (index, ruled, note) = match ruling {
            Ruling::Stands => return,
            Ruling::Known { issues } => {
                let Some(first) = issues.first().copied() else { return };
                record.outcome = Outcome::Known;
                let summaries: Vec<String> = issues.iter().map(|index| self.issues[*index].summary()).collect();
                let id = record.failures.first().map_or(failure::STEP_RUN, |failure| failure.id.clone());
                record.skipped = Some(Failure::new(id, summaries.join("; ")).at(&self.issues[first].location));
                (first, Ruled::Known, String::new())
            }
            Ruling::UnexpectedPass { issue, message } => {
                record.outcome = Outcome::Fail;
                let failure = Failure::new(failure::KNOWN_UNEXPECTED_PASS, message.clone());
                record.failures.push(failure.at(&self.issues[issue].location));
                (issue, Ruled::UnexpectedPass, message)
            }
            Ruling::Unexplained { issue, note } => (issue, Ruled::Unexplained, note),
            Ruling::Expired { issue, note } => (issue, Ruled::Expired, note),
            Ruling::Stale { issue, note } => (issue, Ruled::Stale, note),
        };
        if !note.is_empty() && ruled != Ruled::UnexpectedPass {
            record.remarks.push(note.clone());
        }
        record.issue = Some(record_of(&self.issues[index], ruled, note));
    }
}

fn record_of(issue: &KnownIssue, ruled: Ruled, note: String) -> IssueRecord {
    IssueRecord {
        ruled,
        tracker: issue.tracker.clone(),
        because: issue.because.clone(),
        expires: issue.expires.to_string(),
        owner: issue.owner.clone(),
        location: issue.location.clone(),
        note,
    }
}

/// `failure:` of an entry, compared with the text of a failure.
fn matches(matcher: &Matcher, text: &str) -> bool {
    // A matcher that cannot be evaluated explains nothing.
    matching::compare(matcher, &AttributeKind::Output, &Value::text(text)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::exit::Exit;
    use muster_base::failure::FailureId;
    use muster_record::sample;

    const ISSUES: &str = r#"schema: known-issues/v1
known-issues:
  - {tests: base/slow, tracker: bug 1, because: it is slow, failure: {contains: refused}, expires: 2027-01-31, owner: web}
  - {tests: base/gone, tracker: bug 2, because: it breaks the machine, expires: 2027-01-31, effect: skip}
"#;

    fn book(day: &str) -> KnownIssues {
        let suite =
            "schema: suite/v1\nsuite: base\ntests:\n- {id: slow, steps: [run: x]}\n- {id: gone, steps: [run: x]}\n";
        let vocabulary = muster_suite::Vocabulary { tables: muster_check::tables(), capabilities: &[], tools: &[] };
        let suites = vec![muster_suite::decode_source("s.yaml", suite, &vocabulary).0.unwrap()];
        let read = "2026-12-01".parse().unwrap();
        let (issues, problems) = known::decode_source("k.yaml", ISSUES, &vocabulary, &suites, read);
        assert_eq!(problems.render(false), "");
        KnownIssues::new(issues, day.parse().unwrap())
    }

    fn ruled(outcome: Outcome, message: &str, day: &str) -> TestRecord {
        let mut record = sample::test("base", "slow", outcome);
        record.failures = match outcome {
            Outcome::Fail | Outcome::Error => vec![Failure::new(FailureId::of_check("port", "listening"), message)],
            _ => Vec::new(),
        };
        book(day).rule(&mut record, &|_| None);
        record
    }

    fn exit(records: &[TestRecord]) -> Exit {
        muster_record::verdict::exit_of_records(records.iter())
    }

    #[test]
    fn a_failure_as_documented_is_known_and_says_by_whom() {
        let record = ruled(Outcome::Fail, "connection refused", "2026-12-24");
        assert_eq!(record.outcome, Outcome::Known);
        let why = record.skipped.as_ref().unwrap();
        assert_eq!((why.id.as_str(), why.message.as_str()), ("port.listening", "bug 1 until 2027-01-31: it is slow"));
        assert_eq!(record.issue.as_ref().unwrap().ruled, Ruled::Known);
        assert_eq!(exit(&[record]), Exit::Pass);
    }

    #[test]
    fn another_failure_a_pass_and_an_error_are_not_masked() {
        let other = ruled(Outcome::Fail, "oops", "2026-12-24");
        assert_eq!((other.outcome, other.issue.as_ref().unwrap().ruled), (Outcome::Fail, Ruled::Unexplained));
        assert!(other.remarks[0].starts_with("this is not the known issue at k.yaml:3"), "{:?}", other.remarks);
        let pass = ruled(Outcome::Pass, "", "2026-12-24");
        assert_eq!((pass.outcome, pass.failures[0].id.as_str()), (Outcome::Fail, "known-issue.unexpected-pass"));
        let error = ruled(Outcome::Error, "connection refused", "2026-12-24");
        assert_eq!((error.outcome, &error.issue), (Outcome::Error, &None));
        assert_eq!(
            [&other, &pass, &error].map(|r| exit(std::slice::from_ref(r))),
            [Exit::Failed, Exit::Failed, Exit::Error]
        );
    }

    #[test]
    fn what_is_over_ends_a_run_with_a_code_of_its_own_and_only_alone() {
        let expired = ruled(Outcome::Fail, "connection refused", "2027-02-01");
        assert_eq!((expired.outcome, expired.issue.as_ref().unwrap().ruled), (Outcome::Fail, Ruled::Expired));
        let stale = ruled(Outcome::Pass, "", "2027-02-01");
        assert_eq!((stale.outcome, stale.issue.as_ref().unwrap().ruled), (Outcome::Pass, Ruled::Stale));
        assert_eq!(exit(&[expired.clone(), stale.clone()]), Exit::Stale);
        let real = ruled(Outcome::Fail, "oops", "2027-02-01");
        assert_eq!(exit(&[expired, stale, real]), Exit::Failed);
    }

    #[test]
    fn an_entry_that_skips_gives_its_reason() {
        let (reason, issue) = book("2026-12-24").skip("base", "gone", &|_| None).unwrap();
        assert_eq!(reason.id, failure::SKIP_KNOWN);
        assert_eq!(
            (reason.message.as_str(), issue.ruled),
            ("bug 2 until 2027-01-31: it breaks the machine", Ruled::Skipped)
        );
        assert!(book("2027-02-01").skip("base", "gone", &|_| None).is_none());
        assert!(book("2026-12-24").skip("base", "slow", &|_| None).is_none());
    }
}
