//! What known issues make of how a test ended.
//!
//! | the test | an entry that holds | an expired entry |
//! |---|---|---|
//! | passed | fails: the entry must be deleted | passes; the entry is stale |
//! | failed as documented | known | fails, with a note |
//! | failed otherwise | fails, with a note | fails |
//! | error, skip, flaky | stays what it is | stays what it is |
//!
//! A run ends with the exit code for stale issues when nothing else is wrong with it than
//! [`Ruling::Expired`] and [`Ruling::Stale`]. A known failure is no pass: what needs the test is skipped.

use jiff::civil::Date;

use super::super::condition::{Truth, evaluate};
use super::super::model::Matcher;
use super::fits::covers;
use super::model::{Effect, KnownIssue};
use crate::expiry;
use muster_base::failure::{self, Failure};

/// How a test ended, before known issues were looked at.
#[derive(Debug, Clone, Copy)]
pub enum Ended<'f> {
    /// It passed at the first attempt.
    Passed,
    /// It failed, in these ways.
    Failed(&'f [Failure]),
    /// It passed on a retry, was skipped, or ended in an error of infrastructure.
    Otherwise,
}

/// What becomes of a test. The indexes are into the list of issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// No entry changes anything.
    Stands,
    /// It failed as documented: its outcome is `known`.
    Known {
        /// The entries, in the order of the failures, each once.
        issues: Vec<usize>,
    },
    /// It passed although it is known to fail: its outcome is `fail`, with this message.
    UnexpectedPass {
        /// The entry to delete.
        issue: usize,
        /// For the report.
        message: String,
    },
    /// It failed, and an entry is about it that does not explain the failure. The failure stands.
    Unexplained {
        /// The entry.
        issue: usize,
        /// For the report: why the entry does not apply.
        note: String,
    },
    /// It failed as documented, and the entry's time is over. The failure stands.
    Expired {
        /// The entry.
        issue: usize,
        /// For the report.
        note: String,
    },
    /// It passed, and an expired entry is about it. The pass stands, the run is not clean.
    Stale {
        /// The entry to delete.
        issue: usize,
        /// For the report.
        note: String,
    },
}

/// What the entries make of a test, by suite and full id, that has ended. `lookup` as in
/// [`evaluate`]: the system the test ran on. `matches` evaluates a matcher on the text of a failure:
/// its id, its message and, each on a line of its own, what was expected, what was seen and the
/// detail. Every failure must be explained by an entry, or none is masked.
pub fn apply(
    issues: &[KnownIssue],
    (suite, test): (&str, &str),
    ended: Ended<'_>,
    lookup: &dyn Fn(&str) -> Option<Vec<String>>,
    today: Date,
    matches: &dyn Fn(&Matcher, &str) -> bool,
) -> Ruling {
    let about = |(_, issue): &(usize, &KnownIssue)| issue.is_about(suite, test);
    let mut here = Vec::new();
    let mut undecided = None;
    for (index, issue) in issues.iter().enumerate().filter(about) {
        match issue.condition.as_ref().map(|condition| evaluate(condition, lookup)) {
            None | Some(Truth::True) => here.push((index, issue)),
            Some(Truth::False { .. }) => {}
            Some(Truth::Unknown { dimension }) => undecided = undecided.or(Some((index, dimension))),
        }
    }
    match ended {
        Ended::Otherwise => Ruling::Stands,
        Ended::Passed => passed(&here, today),
        Ended::Failed(failures) => failed(&here, failures, today, matches).unwrap_or_else(|| match undecided {
            Some((issue, dimension)) => {
                let note = format!("a known issue may explain this, but `{dimension}` is not known here");
                Ruling::Unexplained { issue, note }
            }
            None => Ruling::Stands,
        }),
    }
}

fn passed(here: &[(usize, &KnownIssue)], today: Date) -> Ruling {
    if let Some((issue, entry)) = here.iter().find(|(_, entry)| !entry.is_expired(today)) {
        let message = format!(
            "passed, although it is known to fail: delete the entry at {} ({})",
            entry.location,
            entry.summary()
        );
        return Ruling::UnexpectedPass { issue: *issue, message };
    }
    match here.first() {
        Some((issue, entry)) => {
            let note = format!("an expired known issue is still written at {}: delete it", entry.location);
            Ruling::Stale { issue: *issue, note }
        }
        None => Ruling::Stands,
    }
}

fn failed(
    here: &[(usize, &KnownIssue)],
    failures: &[Failure],
    today: Date,
    matches: &dyn Fn(&Matcher, &str) -> bool,
) -> Option<Ruling> {
    let (first, entry) = *here.first()?;
    let mut explaining = Vec::new();
    let mut expired = None;
    for failure in failures {
        let text = shown(failure);
        let explains = |entry: &KnownIssue| covers(entry.failure.as_ref(), &failure.id, &text, matches);
        // Of several entries one that still holds is enough.
        let found = here
            .iter()
            .filter(|(_, entry)| explains(entry))
            .min_by_key(|(index, entry)| (entry.is_expired(today), *index));
        match found {
            None => {
                let mut note = format!("this is not the known issue at {} ({})", entry.location, entry.summary());
                if failure::class(&failure.id) == failure::Class::Error {
                    note.push_str(&format!("; {} is an error, which no known issue covers", failure.id));
                } else if failure::must_be_named(&failure.id) {
                    note.push_str(&format!("; only an entry whose `failure` names {} covers it", failure.id));
                }
                return Some(Ruling::Unexplained { issue: first, note });
            }
            Some((index, entry)) if entry.is_expired(today) => expired = expired.or(Some((*index, *entry))),
            Some((index, _)) if explaining.contains(index) => {}
            Some((index, _)) => explaining.push(*index),
        }
    }
    if let Some((issue, entry)) = expired {
        let note = format!("the known issue at {} expired on {} ({})", entry.location, entry.expires, entry.tracker);
        return Some(Ruling::Expired { issue, note });
    }
    // A failure without any failure to show is explained by nothing.
    (!explaining.is_empty()).then_some(Ruling::Known { issues: explaining })
}

/// What `failure:` is held against.
fn shown(failure: &Failure) -> String {
    let more = [&failure.expected, &failure.actual, &failure.detail];
    let mut out = format!("{}: {}", failure.id, failure.message);
    for text in more.into_iter().flatten() {
        out.push('\n');
        out.push_str(text);
    }
    out
}

/// The entry because of which a test is not asked at all, when one says so and still holds. Where its
/// condition cannot be evaluated the test is asked.
pub fn skipped<'i>(
    issues: &'i [KnownIssue],
    (suite, test): (&str, &str),
    lookup: &dyn Fn(&str) -> Option<Vec<String>>,
    today: Date,
) -> Option<&'i KnownIssue> {
    issues.iter().find(|issue| {
        issue.effect == Effect::Skip
            && !issue.is_expired(today)
            && issue.is_about(suite, test)
            && issue.condition.as_ref().is_none_or(|condition| evaluate(condition, lookup) == Truth::True)
    })
}

/// Entries that are over or soon will be, one line each, for the beginning of a run.
pub fn warnings(issues: &[KnownIssue], today: Date) -> Vec<String> {
    let line = |issue: &KnownIssue| {
        let owner = if issue.owner.is_empty() { String::new() } else { format!(" ({})", issue.owner) };
        let about = format!("{}: the known issue of {}{owner}", issue.location, issue.tests.as_str());
        expiry::warning(&about, issue.expires, today)
    };
    issues.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::failure::FailureId;

    const ISSUES: &str = r#"schema: known-issues/v1
known-issues:
  - tests: nginx/survives-reboot
    where: distro == fedora-43
    tracker: https://bugs.example/1
    because: ordering loop
    failure: {contains: connection refused}
    expires: 2027-01-31
  - {tests: "nginx/*", where: distro == fedora-43, tracker: "2", because: slow, failure: {contains: timed out}, expires: 2027-03-01}
  - {tests: nginx/old, tracker: "3", because: old, expires: 2027-01-01, owner: web}
  - {tests: nginx/gone, tracker: "4", because: breaks the machine, expires: 2027-01-31, effect: skip}
"#;

    fn issues() -> Vec<KnownIssue> {
        let tests: String = ["survives-reboot", "other", "old", "gone"]
            .iter()
            .map(|id| format!("- {{id: {id}, steps: [run: x]}}\n"))
            .collect();
        let suite = format!("schema: suite/v1\nsuite: nginx\ntests:\n{tests}");
        let vocabulary = &super::super::super::testing::VOCABULARY;
        let suites = vec![crate::decode_source("s.yaml", &suite, vocabulary).0.unwrap()];
        let today = "2026-12-01".parse().unwrap();
        let (issues, problems) = super::super::decode_source("k.yaml", ISSUES, vocabulary, &suites, today);
        assert_eq!(problems.render(false), "");
        issues
    }

    fn fedora(name: &str) -> Option<Vec<String>> {
        (name == "distro").then(|| vec!["fedora-43".to_owned()])
    }

    fn ruling(
        test: &str,
        failures: Option<&[&str]>,
        lookup: &dyn Fn(&str) -> Option<Vec<String>>,
        day: &str,
    ) -> Ruling {
        let failures: Option<Vec<Failure>> = failures.map(|messages| {
            messages.iter().map(|message| Failure::new(FailureId::of_check("port", "listening"), *message)).collect()
        });
        let ended = failures.as_deref().map_or(Ended::Passed, Ended::Failed);
        let matches = |matcher: &Matcher, text: &str| match matcher {
            Matcher::Contains(parts) => parts.iter().all(|part| text.contains(part.as_str())),
            other => panic!("{other}"),
        };
        apply(&issues(), ("nginx", test), ended, lookup, day.parse().unwrap(), &matches)
    }

    const DAY: &str = "2026-12-24";

    #[test]
    fn a_failure_as_documented_is_known_and_only_that() {
        let known = |failures: &[&str]| ruling("survives-reboot", Some(failures), &fedora, DAY);
        assert_eq!(known(&["connection refused"]), Ruling::Known { issues: vec![0] });
        assert_eq!(known(&["connection refused", "curl timed out"]), Ruling::Known { issues: vec![0, 1] });
        assert_eq!(known(&["timed out", "also timed out"]), Ruling::Known { issues: vec![1] });
        let Ruling::Unexplained { issue: 0, note } = known(&["connection refused", "oops"]) else { panic!() };
        assert_eq!(
            note,
            "this is not the known issue at k.yaml:3:5 (https://bugs.example/1 until 2027-01-31: ordering loop)"
        );
        assert_eq!(known(&[]), Ruling::Stands, "a failure that shows nothing is explained by nothing");
        let elsewhere = |_: &str| Some(vec!["fedora-42".to_owned()]);
        assert_eq!(ruling("survives-reboot", Some(&["connection refused"]), &elsewhere, DAY), Ruling::Stands);
        let Ruling::Unexplained { note, .. } = ruling("other", Some(&["timed out"]), &|_| None, DAY) else { panic!() };
        assert_eq!(note, "a known issue may explain this, but `distro` is not known here");
    }

    #[test]
    fn the_console_and_the_base_checks_are_never_covered_by_the_way() {
        let of = |ids: &[FailureId]| {
            let failures: Vec<Failure> = ids.iter().map(|id| Failure::new(id.clone(), "as ever")).collect();
            let ended = Ended::Failed(&failures);
            apply(&issues(), ("nginx", "old"), ended, &|_| None, DAY.parse().unwrap(), &|_, _| true)
        };
        let miss = FailureId::of_check("port", "listening");
        assert_eq!(of(std::slice::from_ref(&miss)), Ruling::Known { issues: vec![2] });
        for id in
            [FailureId::of_console("oops"), failure::BASE_COREDUMP, failure::BASE_FAILED_UNITS, failure::PROBE_FAILED]
        {
            for ids in [vec![id.clone()], vec![miss.clone(), id.clone()]] {
                let Ruling::Unexplained { note, .. } = of(&ids) else { panic!("{id} is covered") };
                assert!(note.contains(id.as_str()), "{note}");
            }
        }
    }

    #[test]
    fn a_pass_asks_to_delete_the_entry() {
        let Ruling::UnexpectedPass { issue: 0, message } = ruling("survives-reboot", None, &fedora, DAY) else {
            panic!()
        };
        assert!(
            message.starts_with("passed, although it is known to fail: delete the entry at k.yaml:3:5"),
            "{message}"
        );
        assert_eq!(ruling("survives-reboot", None, &|_| Some(vec![]), DAY), Ruling::Stands);
        let stale = ruling("old", None, &|_| Some(vec![]), "2027-01-02");
        assert!(matches!(stale, Ruling::Stale { issue: 2, .. }), "{stale:?}");
    }

    #[test]
    fn an_entry_holds_until_the_end_of_its_last_day() {
        let old = |day| ruling("old", Some(&["any"]), &|_| Some(vec![]), day);
        assert_eq!(old("2027-01-01"), Ruling::Known { issues: vec![2] });
        let Ruling::Expired { issue: 2, note } = old("2027-01-02") else { panic!() };
        assert_eq!(note, "the known issue at k.yaml:10:5 expired on 2027-01-01 (3)");
        // An expired entry does not hide one that still holds.
        let both = ruling("survives-reboot", Some(&["connection refused timed out"]), &fedora, "2027-02-01");
        assert_eq!(both, Ruling::Known { issues: vec![1] });
    }

    #[test]
    fn what_is_no_failure_is_never_masked() {
        let none = |_: &Matcher, _: &str| true;
        let ended = apply(&issues(), ("nginx", "old"), Ended::Otherwise, &|_| None, DAY.parse().unwrap(), &none);
        assert_eq!(ended, Ruling::Stands);
    }

    #[test]
    fn a_skip_lasts_as_long_as_its_entry() {
        let skip = |test: &str, day: &str| {
            skipped(&issues(), ("nginx", test), &|_| None, day.parse().unwrap()).map(|issue| issue.tracker.clone())
        };
        assert_eq!(skip("gone", DAY).as_deref(), Some("4"));
        assert_eq!(skip("gone", "2027-02-01"), None);
        assert_eq!(skip("old", DAY), None);
    }

    #[test]
    fn what_ends_soon_is_said() {
        assert_eq!(warnings(&issues(), "2026-12-01".parse().unwrap()), Vec::<String>::new());
        assert_eq!(
            warnings(&issues(), "2026-12-31".parse().unwrap()),
            ["k.yaml:10:5: the known issue of nginx/old (web) expires in 1 day"]
        );
        let late = warnings(&issues(), "2027-01-31".parse().unwrap());
        assert_eq!(late.len(), 3);
        assert!(late[0].ends_with("expires today") && late[1].ends_with("expired on 2027-01-01"), "{late:?}");
    }
}
