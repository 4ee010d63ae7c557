//! What a console finding means for whoever ran meanwhile.

use std::collections::BTreeMap;

use super::sink::Events;
use muster_base::failure::{Failure, FailureId};
use muster_record::event::Event;
use muster_record::finding::{Finding, OnMachine, Severity};
use muster_suite::model::BaseCheck;

/// Adds a finding to the failures or the notes, as the suite treats its base check.
pub(crate) fn note_finding(
    failures: &mut Vec<Failure>,
    remarks: &mut Vec<String>,
    machine: &str,
    finding: Finding,
    events: &Events,
    base_checks: &BTreeMap<String, BaseCheck>,
) {
    let shown = OnMachine { machine: machine.to_owned(), finding: finding.without_excerpt() };
    events.emit(Event::ConsoleFinding(shown));
    let treatment = finding.base_check.as_deref().and_then(|name| base_checks.get(name));
    let treatment = treatment.copied().unwrap_or(BaseCheck::Fail);
    let text = format!("console of {machine}, line {}: {}", finding.line_number, finding.line);
    if finding.severity < Severity::Fail || treatment != BaseCheck::Fail {
        if treatment != BaseCheck::Off {
            remarks.push(format!("{}: {text}", finding.category));
        }
        return;
    }
    let id = FailureId::of_console(&finding.category);
    // A machine's death by this very line was already reported as the reason that it died.
    if failures.iter().any(|failure| failure.id == id) {
        return;
    }
    failures.push(Failure::new(id, text).with_detail(finding.excerpt.join("\n")));
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
        note_finding(&mut failures, &mut remarks, "m1", finding, &events, &base_checks);
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
}
