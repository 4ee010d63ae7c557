//! The sentence about each image. Every report says it in the same words, and no report is greener
//! than the run.

use std::collections::BTreeSet;

use crate::failure::FailureId;
use crate::run::outcome::Outcome;
use crate::run::prove::PREFIX;
use crate::run::record::{FindingRecord, RunRecord, TestRecord};
use crate::text::one_line;

/// What a run says of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Image id, harmless.
    pub image: String,
    /// Whether it passes muster. False whenever anything is in doubt.
    pub passes: bool,
    /// Tests that passed, on a retry included.
    pub passed: u32,
    /// Tests that were asked: all but the skipped.
    pub asked: u32,
    /// Tests that were not asked.
    pub not_asked: u32,
    /// Tests that failed as a known issue says.
    pub known: u32,
    /// Why it does not pass beyond its tests: one clause each.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// `lab passes muster: 92 of 92 tests asked passed, 11 not asked`.
    pub fn sentence(&self) -> String {
        let Self { image, passed, asked, not_asked, known, .. } = self;
        let word = if self.passes { "passes" } else { "does not pass" };
        let tests = if *asked == 1 { "test" } else { "tests" };
        let mut out = format!("{image} {word} muster: {passed} of {asked} {tests} asked passed");
        if *known > 0 {
            out.push_str(&format!(", {known} failed as documented"));
        }
        if *not_asked > 0 {
            out.push_str(&format!(", {not_asked} not asked"));
        }
        for reason in &self.reasons {
            out.push_str("; ");
            out.push_str(reason);
        }
        out
    }
}

/// One verdict for each image that the run has or plans to test, by name.
pub fn of_images(record: &RunRecord) -> Vec<Verdict> {
    let images: BTreeSet<&str> =
        record.images.keys().map(String::as_str).chain(record.tests.iter().map(|test| test.image.as_str())).collect();
    images.into_iter().map(|image| of_image(record, image)).collect()
}

fn of_image(record: &RunRecord, image: &str) -> Verdict {
    let count = |outcomes: &[Outcome]| {
        record.tests.iter().filter(|test| test.image == image && outcomes.contains(&test.outcome)).count() as u32
    };
    let passed = count(&[Outcome::Pass, Outcome::Flaky]);
    let known = count(&[Outcome::Known]);
    let bad = count(&[Outcome::Fail, Outcome::Error]);
    let not_asked = count(&[Outcome::Skip]);
    let asked = passed + known + bad;
    let mut reasons: Vec<String> = crashes(record)
        .filter(|finding| record.machines.iter().any(|m| m.id == finding.machine && m.image == image))
        .map(|finding| format!("{} on the console of {}", plain(&finding.category), plain(&finding.machine)))
        .collect();
    reasons.dedup();
    if asked == 0 {
        reasons.push("nothing was asked".into());
    }
    if record.interrupted {
        reasons.push("the run was interrupted".into());
    } else if record.finished.is_none() {
        reasons.push("the run did not end".into());
    }
    let passes = bad == 0 && reasons.is_empty();
    Verdict { image: plain(image), passes, passed, asked, not_asked, known, reasons }
}

/// The findings that count against an image: those that ended a machine, and all of them when the
/// run says by its exit code that something is wrong and no test says what. One that a test answers for
/// does not.
pub(crate) fn crashes(record: &RunRecord) -> impl Iterator<Item = &FindingRecord> {
    let unexplained = record.exit_code == Some(1)
        && !record.tests.iter().any(|test| matches!(test.outcome, Outcome::Fail | Outcome::Error));
    let counts = move |finding: &&FindingRecord| finding.fatal || unexplained;
    record.findings.iter().filter(counts).filter(|finding| !record.tests.iter().any(|test| answers_for(test, finding)))
}

/// Whether the finding is that of a guest that was changed on purpose, or a failure that is documented.
fn answers_for(test: &TestRecord, finding: &FindingRecord) -> bool {
    let documented = || test.failures.iter().any(|failure| failure.id == FailureId::of_console(&finding.category));
    test.machine.as_deref() == Some(finding.machine.as_str())
        && match test.outcome {
            Outcome::Pass => test.suite.starts_with(PREFIX),
            Outcome::Known => documented(),
            _ => false,
        }
}

/// Why the run as a whole is not a pass although no test failed; `None` when a test says it, or
/// when the run is a pass.
pub fn unexplained(record: &RunRecord) -> Option<String> {
    if record.tests.iter().any(|test| matches!(test.outcome, Outcome::Fail | Outcome::Error)) {
        return None;
    }
    let findings: Vec<String> = crashes(record)
        .map(|f| format!("{} on the console of {}, line {}", plain(&f.category), plain(&f.machine), f.line_number))
        .collect();
    if !findings.is_empty() {
        return Some(findings.join("; "));
    }
    if record.interrupted {
        return Some("the run was interrupted".into());
    }
    match record.exit_code {
        Some(0) => None,
        Some(4) => Some("a known issue is stale or has expired".into()),
        Some(code) => Some(format!("the run ended with exit code {code}")),
        None => Some("the run did not end".into()),
    }
}

fn plain(name: &str) -> String {
    one_line(name, 120)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::report::fold::Recorder;
    use crate::report::sample;

    fn green() -> RunRecord {
        let mut record = Recorder::fold(&sample::events());
        record.tests.retain(|test| test.image == "lab" && matches!(test.outcome, Outcome::Pass | Outcome::Skip));
        record.findings.clear();
        record.exit_code = Some(0);
        record.images.retain(|image, _| image == "lab");
        record
    }

    #[test]
    fn a_pass_is_said_plainly() {
        let record = green();
        let verdicts = of_images(&record);
        assert_eq!(verdicts.len(), 1);
        assert_eq!(verdicts[0].sentence(), "lab passes muster: 1 of 1 test asked passed, 2 not asked");
        assert_eq!(unexplained(&record), None);
    }

    #[test]
    fn nothing_in_doubt_is_a_pass() {
        let spoil = |change: &dyn Fn(&mut RunRecord)| {
            let mut record = green();
            change(&mut record);
            (of_images(&record)[0].passes, of_images(&record)[0].sentence(), unexplained(&record))
        };
        let interrupted = spoil(&|r| r.interrupted = true);
        assert!(!interrupted.0 && interrupted.1.ends_with("; the run was interrupted"), "{interrupted:?}");
        assert_eq!(interrupted.2.as_deref(), Some("the run was interrupted"));
        let killed = spoil(&|r| (r.finished, r.exit_code) = (None, None));
        assert!(!killed.0 && killed.2.as_deref() == Some("the run did not end"), "{killed:?}");
        let asked_nothing = spoil(&|r| r.tests.retain(|test| test.outcome == Outcome::Skip));
        assert!(!asked_nothing.0 && asked_nothing.1.ends_with("; nothing was asked"), "{asked_nothing:?}");
        let panicked = spoil(&|r| {
            let machine = r.machines[0].id.clone();
            r.findings.push(FindingRecord { machine, category: "oops".into(), line_number: 7, ..Default::default() });
            r.exit_code = Some(1);
        });
        assert!(!panicked.0, "{panicked:?}");
        let answered = |change: &dyn Fn(&mut TestRecord)| {
            spoil(&|r| {
                let machine = r.machines[0].id.clone();
                let finding = FindingRecord { category: "oops".into(), fatal: true, ..Default::default() };
                r.findings.push(FindingRecord { machine: machine.clone(), ..finding });
                let asked = r.tests.iter().find(|test| test.outcome == Outcome::Pass).cloned().expect("a pass");
                let mut test = TestRecord { test: "other".into(), machine: Some(machine), ..asked };
                change(&mut test);
                r.tests.push(test);
            })
            .0
        };
        let documented = |id: &str| vec![Failure::new(FailureId::of_console(id), "it is")];
        assert!(answered(&|test| test.suite = format!("{PREFIX}{}", test.suite)), "a proof broke its own guest");
        assert!(answered(&|test| (test.outcome, test.failures) = (Outcome::Known, documented("oops"))));
        assert!(!answered(&|test| (test.outcome, test.failures) = (Outcome::Known, documented("oom"))));
        assert!(!answered(&|_| {}), "a test that passes says nothing of its machine's end");
        assert!(!answered(&|test| {
            test.suite = format!("{PREFIX}{}", test.suite);
            test.machine = Some("another".into());
        }));
        assert_eq!(panicked.2.as_deref(), Some("oops on the console of m1, line 7"));
        assert_eq!(spoil(&|r| r.exit_code = Some(4)).2.as_deref(), Some("a known issue is stale or has expired"));
    }
}
