//! What a console finding means for whoever ran meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::sink::Events;
use muster_base::failure::{Failure, FailureId};
use muster_record::event::Event;
use muster_record::finding::{Finding, OnMachine, Severity};
use muster_suite::model::BaseCheck;

/// Lines that the trace of a crash may have (`muster_console` follows one for 80).
const LONGEST_TRACE: u64 = 80;

/// Failures of one category that a test has, or an image of its machines. One more says for each machine how
/// many findings came after them; it shows none, so that no known issue about one explains it.
const MOST: usize = 20;

/// Adds findings to the failures or the notes, as the suite treats their base checks.
pub(crate) fn note_findings(
    failures: &mut Vec<Failure>,
    remarks: &mut Vec<String>,
    machine: &str,
    findings: Vec<Finding>,
    events: &Events,
    base_checks: &BTreeMap<String, BaseCheck>,
) {
    let lines: Vec<(Arc<str>, u64, String)> =
        findings.iter().map(|one| (one.rule.clone(), one.line_number, in_excerpt(one))).collect();
    let mut beyond: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for finding in findings {
        let shown = OnMachine { machine: machine.to_owned(), finding: finding.without_excerpt() };
        events.emit(Event::ConsoleFinding(shown));
        let treatment = finding.base_check.as_deref().and_then(|name| base_checks.get(name));
        let treatment = treatment.copied().unwrap_or(BaseCheck::Fail);
        let text = format!("console of {machine}, line {}: {}", finding.line_number, finding.line);
        if finding.severity < Severity::Fail || treatment != BaseCheck::Fail {
            if treatment != BaseCheck::Off {
                remarks.push(format!("{}: {text}", finding.category));
            }
            continue;
        }
        let id = FailureId::of_console(&finding.category);
        // A machine's death by this very line was already reported as the reason that it died.
        if failures.iter().any(|failure| failure.id == id && says(failure, &text)) {
            continue;
        }
        if failures.iter().filter(|failure| failure.id == id).count() < MOST {
            failures.push(Failure::new(id, text).with_detail(own_excerpt(&finding, &lines)));
        } else {
            *beyond.entry(finding.category.clone()).or_default() += 1;
        }
    }
    for (category, count) in beyond {
        let message = format!("console of {machine}: {count} more like these are in console.log");
        failures.push(Failure::new(FailureId::of_console(&category), message));
    }
}

/// Whether a failure is about this line of a console; where a test has several machines, the name of one
/// stands before it.
pub(crate) fn says(failure: &Failure, line: &str) -> bool {
    failure.message.strip_suffix(line).is_some_and(|before| before.is_empty() || before.ends_with(": "))
}

/// The line of a finding as excerpts show it.
fn in_excerpt(finding: &Finding) -> String {
    finding.excerpt.get(finding.excerpt_hit).map_or_else(|| finding.line.clone(), ToString::to_string)
}

/// The lines around a finding, up to those in which the same rule found something else: a known issue about
/// that must not match this one. Lines of other rules stay, since one crash is found by several.
fn own_excerpt(finding: &Finding, all: &[(Arc<str>, u64, String)]) -> String {
    // What stands before it may all be the trace of an earlier one, whose first line is beyond the excerpt.
    let follows = all.iter().any(|(rule, number, _)| {
        *rule == finding.rule
            && *number < finding.line_number
            && finding.line_number - number <= LONGEST_TRACE + finding.excerpt_hit as u64
    });
    let other = |line: &Arc<str>| {
        all.iter().any(|(rule, number, text)| {
            *rule == finding.rule && *number != finding.line_number && text.as_str() == &**line
        })
    };
    let (before, rest) = finding.excerpt.split_at(finding.excerpt_hit.min(finding.excerpt.len()));
    let from = if follows { before.len() } else { 0 };
    let to = rest.iter().skip(1).position(other).map_or(rest.len(), |at| at + 1);
    before[from..].iter().chain(&rest[..to]).map(|line| &**line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(severity: Severity, base_check: Option<&str>, suite: &[(&str, BaseCheck)]) -> (usize, Vec<String>) {
        let finding = Finding {
            rule: "kernel-oops".into(),
            category: "oops".into(),
            severity,
            base_check: base_check.map(Into::into),
            line: "Oops: 0000".to_owned(),
            line_number: 7,
            excerpt: vec!["Oops: 0000".into(), "RIP: x".into()],
            excerpt_hit: 0,
        };
        let base_checks = suite.iter().map(|(name, treatment)| ((*name).to_owned(), *treatment)).collect();
        let (mut failures, mut remarks) = (Vec::new(), Vec::new());
        let (events, stream) = Events::channel();
        note_findings(&mut failures, &mut remarks, "m1", vec![finding], &events, &base_checks);
        let shown: Vec<Event> = stream.try_iter().collect();
        assert!(matches!(&shown[..], [Event::ConsoleFinding(found)] if found.finding.excerpt.is_empty()), "{shown:?}");
        assert!(failures.iter().all(|failure| failure.detail.as_deref() == Some("Oops: 0000\nRIP: x")));
        (failures.len(), remarks)
    }

    #[test]
    fn a_finding_counts_by_its_severity_and_by_what_the_suite_says_of_its_base_check() {
        let note = || vec!["oops: console of m1, line 7: Oops: 0000".to_owned()];
        for severity in [Severity::Fail, Severity::Fatal] {
            assert_eq!(noted(severity, Some("oops"), &[]), (1, vec![]));
            assert_eq!(noted(severity, Some("oops"), &[("oops", BaseCheck::Info)]), (0, note()));
            assert_eq!(noted(severity, Some("oops"), &[("oops", BaseCheck::Off)]), (0, vec![]));
            assert_eq!(noted(severity, Some("oops"), &[("oom", BaseCheck::Off)]), (1, vec![]));
            assert_eq!(noted(severity, None, &[("oops", BaseCheck::Off)]), (1, vec![]));
        }
        for severity in [Severity::Info, Severity::Warn] {
            assert_eq!(noted(severity, Some("oops"), &[]), (0, note()));
            assert_eq!(noted(severity, Some("oops"), &[("oops", BaseCheck::Off)]), (0, vec![]));
        }
    }

    /// A line that the rule found, with these lines around it.
    fn found(rule: &str, line_number: u64, line: &str, before: &[&str], after: &[&str]) -> Finding {
        Finding {
            rule: rule.into(),
            category: "oops".into(),
            severity: Severity::Fail,
            base_check: None,
            line: line.to_owned(),
            line_number,
            excerpt: before.iter().chain(&[line]).chain(after).map(|line| (*line).into()).collect(),
            excerpt_hit: before.len(),
        }
    }

    fn failures_of(findings: Vec<Finding>, mut failures: Vec<Failure>) -> Vec<Failure> {
        let (events, _stream) = Events::channel();
        note_findings(&mut failures, &mut Vec::new(), "m1", findings, &events, &BTreeMap::new());
        failures
    }

    #[test]
    fn a_second_crash_of_a_category_is_a_failure_of_its_own() {
        let (first, second) = ("Oops: 0000 [#1] known_driver", "Oops: 0002 [#2] new_driver");
        let findings = vec![
            found("kernel-oops", 7, first, &["quiet"], &["RIP: known_driver", second, "RIP: new_driver"]),
            found("kernel-oops", 9, second, &["quiet", first, "RIP: known_driver"], &["RIP: new_driver"]),
        ];
        let failures = failures_of(findings, Vec::new());
        let shown: Vec<(&str, Option<&str>)> =
            failures.iter().map(|one| (one.message.as_str(), one.detail.as_deref())).collect();
        assert_eq!(
            shown,
            [
                (
                    "console of m1, line 7: Oops: 0000 [#1] known_driver",
                    Some("quiet\nOops: 0000 [#1] known_driver\nRIP: known_driver")
                ),
                (
                    "console of m1, line 9: Oops: 0002 [#2] new_driver",
                    Some("Oops: 0002 [#2] new_driver\nRIP: new_driver")
                ),
            ]
        );
        assert!(failures.iter().all(|failure| failure.id == FailureId::of_console("oops")));
    }

    #[test]
    fn what_several_rules_found_of_one_crash_stays_together() {
        let findings = vec![
            found("page-fault", 7, "BUG: unable to handle page fault", &[], &["Oops: 0000", "RIP: x"]),
            found("kernel-oops", 8, "Oops: 0000", &["BUG: unable to handle page fault"], &["RIP: x"]),
        ];
        let failures = failures_of(findings, Vec::new());
        let whole = "BUG: unable to handle page fault\nOops: 0000\nRIP: x";
        assert!(failures.iter().all(|failure| failure.detail.as_deref() == Some(whole)), "{failures:?}");
    }

    #[test]
    fn the_line_by_which_a_machine_died_is_reported_once_and_another_besides() {
        let line = "console of m1, line 7: Oops: 0000";
        let of = |message: String| Failure::new(FailureId::of_console("oops"), message);
        for message in [line.to_owned(), format!("server: {line}")] {
            let findings = || vec![found("r", 7, "Oops: 0000", &[], &[]), found("r", 17, "Oops: 0000", &[], &[])];
            let failures = failures_of(findings(), vec![of(message)]);
            assert_eq!(failures.len(), 2);
            assert_eq!(failures[1].message, "console of m1, line 17: Oops: 0000");
        }
    }

    #[test]
    fn a_storm_is_bounded_and_what_is_not_shown_is_a_failure_without_its_words() {
        let storm = |count: u64| (1..=count).map(|at| found("r", at, &format!("Oops: {at}"), &[], &[])).collect();
        assert_eq!(failures_of(storm(20), Vec::new()).len(), 20);
        let failures = failures_of(storm(23), Vec::new());
        assert_eq!(failures.len(), 21);
        assert_eq!(failures[20].message, "console of m1: 3 more like these are in console.log");
        assert_eq!((&failures[20].id, &failures[20].detail), (&FailureId::of_console("oops"), &None));
    }
}
