//! What got worse from one run to the next, and what the later run cannot say. The sentence and the exit code follow from the
//! same lists: "nothing got worse" is said where both are empty.

use std::collections::{BTreeSet, HashSet};

use muster_base::exit::Exit;
use muster_base::text::{one_line, plural};
use muster_record::finding::OnMachine;
use muster_record::outcome::Outcome;
use muster_record::run::RunRecord;

use crate::since::{Change, Since, key};
use crate::verdict;

/// What is worse beyond single tests, and what is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Worse<'r> {
    /// Tests that fail now and did not, or do not run any more although they are planned.
    pub tests: usize,
    /// Tests that fail now, and that the earlier run did not have or did not run.
    pub first_red: usize,
    /// Tests that ran, and that the later run does not have although it has their image.
    pub removed: usize,
    /// Images of the earlier run that the later does not have. Not escaped.
    pub images: Vec<&'r str>,
    /// Image and category of crashes that the earlier run did not have: no test need have failed for them. Not escaped.
    pub crashes: BTreeSet<(&'r str, &'r str)>,
    /// Tests that passed, and are flaky now or fail as a known issue says: no command ends with 1 for them.
    pub weaker: usize,
    /// Tests that take much longer; neither for them.
    pub slower: usize,
    /// Why the later run cannot show that nothing else got worse, in sentences.
    pub unknown: Vec<String>,
}

impl<'r> Worse<'r> {
    pub(super) fn of(before: &'r RunRecord, after: &'r RunRecord, since: &Since<'r>, slower: usize) -> Self {
        let count = |change: Change| since.with(change).len();
        let passed: HashSet<_> = before
            .tests
            .iter()
            .filter(|test| matches!(test.outcome, Outcome::Pass | Outcome::Flaky))
            .map(key)
            .collect();
        let weaker = [Change::NowKnown, Change::NowFlaky].into_iter().flat_map(|change| since.with(change));
        let images = verdict::images(after);
        let ran = since.gone.iter().filter(|test| test.outcome.has_run());
        // All findings of the earlier run, also those that a test said or answered for: none of them is new.
        let known = on_images(before, before.findings.iter());
        Self {
            tests: count(Change::NewlyRed) + count(Change::NoLongerRun),
            first_red: count(Change::AddedRed) + count(Change::NowRunRed),
            removed: ran.filter(|test| images.contains(test.image.as_str())).count(),
            images: verdict::images(before).into_iter().filter(|image| !images.contains(image)).collect(),
            crashes: on_images(after, verdict::crashes(after))
                .into_iter()
                .filter(|crash| !known.contains(crash))
                .collect(),
            weaker: weaker.filter(|index| passed.contains(&key(&after.tests[*index]))).count(),
            slower,
            unknown: unknown(after, since),
        }
    }

    /// 1 when something is worse, else 3 when the later run cannot show that nothing is.
    pub(super) fn exit(&self) -> Exit {
        let worse = self.tests + self.first_red + self.removed + self.images.len() + self.crashes.len() > 0;
        match (worse, self.unknown.is_empty()) {
            (true, _) => Exit::Failed,
            (false, false) => Exit::Error,
            (false, true) => Exit::Pass,
        }
    }

    /// All of it, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.tests > 0 {
            lines.push(format!("{} test{} got worse", self.tests, plural(self.tests)));
        }
        if self.first_red > 0 {
            let (count, fail) = (self.first_red, if self.first_red == 1 { "fails" } else { "fail" });
            lines.push(format!("{count} test{} that the first run did not run {fail}", plural(count)));
        }
        if self.removed > 0 {
            let (count, are) = (self.removed, if self.removed == 1 { "is" } else { "are" });
            lines.push(format!("{count} test{} that ran in the first run {are} not in the second", plural(count)));
        }
        lines.extend(self.images.iter().map(|image| format!("{} is not in the second run", one_line(image, 80))));
        lines.extend(self.crashes.iter().map(|(image, category)| {
            format!("{}: {} on a console, and not in the first run", one_line(image, 80), one_line(category, 80))
        }));
        if self.weaker > 0 {
            let (count, are) = (self.weaker, if self.weaker == 1 { "is" } else { "are" });
            lines.push(format!("{count} test{} that passed {are} now flaky or a known issue", plural(count)));
        }
        if self.slower > 0 {
            lines.push(format!("{} test{} slower", self.slower, if self.slower == 1 { " is" } else { "s are" }));
        }
        lines.extend(self.unknown.iter().cloned());
        lines
    }
}

/// Findings by image and category: lines and machines have other numbers in every run.
fn on_images<'r>(record: &'r RunRecord, findings: impl Iterator<Item = &'r OnMachine>) -> BTreeSet<(&'r str, &'r str)> {
    let image = |machine: &str| record.machines.iter().find(|of| of.id == machine).map_or("", |of| of.image.as_str());
    findings.map(|found| (image(&found.machine), &*found.finding.category)).collect()
}

fn unknown(after: &RunRecord, since: &Since<'_>) -> Vec<String> {
    let mut out = Vec::new();
    if after.interrupted {
        out.push("the second run was interrupted: what it did not reach is not known".to_owned());
    } else if after.finished.is_none() {
        out.push("the second run did not end: what it did not reach is not known".to_owned());
    }
    // One that is newly an error is worse already.
    let still = since.with(Change::StillRed);
    let errors = still.iter().filter(|index| after.tests[**index].outcome == Outcome::Error).count();
    if errors > 0 {
        let tests = format!("{errors} test{}", plural(errors));
        out.push(format!(
            "{tests} of the second run ended in an error again: whether the image got worse is not known"
        ));
    }
    // One that ran before is worse already.
    let unreached = after.tests.iter().filter(|test| test.outcome == Outcome::NotRun).count()
        - since
            .with(Change::NoLongerRun)
            .iter()
            .filter(|index| after.tests[**index].outcome == Outcome::NotRun)
            .count();
    if unreached > 0 && out.is_empty() {
        let tests = format!("{unreached} test{}", plural(unreached));
        out.push(format!("{tests} of the second run did not run: whether the image got worse is not known"));
    }
    let exit = after.exit_code.and_then(Exit::of_code);
    if let Some(exit @ (Exit::Invalid | Exit::Error)) = exit
        && out.is_empty()
    {
        let (code, (meaning, _)) = (exit as u8, exit.words());
        out.push(format!(
            "the second run ended with exit code {code} ({meaning}): what it did not find out is not known"
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difference::{Difference, json, markdown, text};
    use muster_record::finding::Severity;
    use muster_record::fold::Recorder;
    use muster_record::names::MACHINE_SUITE;
    use muster_record::sample;

    /// A run in which one test passed on each of two images.
    fn green() -> RunRecord {
        let mut record = Recorder::fold(&sample::events());
        record.findings.clear();
        record.tests = ["lab", "lab-immutable"]
            .into_iter()
            .flat_map(|image| {
                ["x", "y"].map(|name| {
                    let mut test = sample::test("base", name, Outcome::Pass);
                    test.image = image.into();
                    test
                })
            })
            .collect();
        record.exit_code = Some(0);
        record
    }

    /// What the comparison of two runs says, and that every form of it says so.
    fn said(before: &RunRecord, after: &RunRecord) -> (Exit, String) {
        let difference = Difference::of(before, after).unwrap();
        let exit = difference.exit();
        let (text, page) = (text(&difference, true), markdown(&difference));
        for form in [&text, &page] {
            let nothing = form.contains("nothing got worse");
            assert!(exit == Exit::Pass || !nothing, "{form}");
            assert!(exit != Exit::Pass || nothing || form.contains("that passed is now"), "{form}");
        }
        assert_eq!(json::document(&difference)["worse"], exit != Exit::Pass);
        (exit, text)
    }

    fn changed(change: impl FnOnce(&mut RunRecord)) -> RunRecord {
        let mut record = green();
        change(&mut record);
        record
    }

    #[test]
    fn what_is_gone_or_not_known_is_never_nothing() {
        let before = green();
        assert_eq!(said(&before, &before).0, Exit::Pass);
        let oops = |record: &mut RunRecord, severity| {
            record.findings.push(sample::crash(record, "lab", "oops", severity));
            record.exit_code = Some(1);
        };
        let error = |record: &mut RunRecord| {
            record.tests[0].outcome = Outcome::Error;
            record.exit_code = Some(3);
        };
        let of = |exit: Exit, part: &str, after: RunRecord| {
            let (found, text) = said(&before, &after);
            assert_eq!(found, exit, "{text}");
            assert!(text.contains(part), "{part}: {text}");
        };
        let no_image = |record: &mut RunRecord| {
            record.images.remove("lab-immutable");
            record.tests.retain(|test| test.image == "lab");
        };
        of(Exit::Failed, "1 test that ran in the first run is not in the second", changed(|run| drop(run.tests.pop())));
        of(Exit::Failed, "lab-immutable is not in the second run", changed(no_image));
        of(Exit::Failed, "lab: oops on a console, and not in the first run", changed(|run| oops(run, Severity::Fatal)));
        of(Exit::Failed, "lab: oops on a console", changed(|run| oops(run, Severity::Fail)));
        of(Exit::Failed, "1 test got worse", changed(error));
        of(Exit::Error, "the second run was interrupted", changed(|run| run.interrupted = true));
        of(Exit::Error, "the second run did not end", changed(|run| (run.finished, run.exit_code) = (None, None)));
        for code in [2, 3] {
            let ended = format!("the second run ended with exit code {code} (");
            of(Exit::Error, &ended, changed(|run| run.exit_code = Some(code)));
        }
        // What was so already is no news, but an error is no answer however often it comes.
        let crashed = changed(|run| oops(run, Severity::Fatal));
        assert_eq!(said(&crashed, &crashed).0, Exit::Pass);
        // Also where a test said it then that is fixed.
        let failed = changed(|run| {
            oops(run, Severity::Fail);
            run.tests[0].outcome = Outcome::Fail;
        });
        assert_eq!(said(&failed, &changed(|run| oops(run, Severity::Fail))).0, Exit::Pass);
        let (exit, text) = said(&changed(error), &changed(error));
        assert!(exit == Exit::Error && text.contains("1 test of the second run ended in an error again"), "{text}");
        // A test of a suite that did not run, and the test of machines, can go.
        let mut skipped = changed(|run| {
            run.tests[3].outcome = Outcome::Skip;
            run.tests.push(sample::test(MACHINE_SUITE, "health", Outcome::Fail));
            run.tests[4].image = "lab".into();
        });
        let after = changed(|run| drop(run.tests.pop()));
        assert_eq!(said(&skipped, &after).0, Exit::Pass);
        skipped.interrupted = true;
        assert!(said(&skipped, &after).1.contains("the first run was interrupted"));
    }

    #[test]
    fn the_sentence_is_true_of_every_pair_of_outcomes() {
        for then in Outcome::ALL {
            for now in Outcome::ALL {
                let ended = |outcome| changed(|run| run.tests[0].outcome = outcome);
                let (exit, text) = said(&ended(then), &ended(now));
                let red = |outcome| matches!(outcome, Outcome::Fail | Outcome::Error);
                let worse = (red(now) && !(then == Outcome::Fail || then == now)) || (then.has_run() && !now.has_run());
                let expected = match (worse, now) {
                    (true, _) => Exit::Failed,
                    (false, Outcome::Error | Outcome::NotRun) => Exit::Error,
                    (false, _) => Exit::Pass,
                };
                assert_eq!(exit, expected, "{now:?} after {then:?}: {text}");
                let passed = |outcome| matches!(outcome, Outcome::Pass | Outcome::Flaky);
                let weaker = then != now && passed(then) && matches!(now, Outcome::Known | Outcome::Flaky);
                assert_eq!(text.contains("1 test that passed is now"), weaker, "{now:?} after {then:?}: {text}");
                let fixed = text.contains("1 test fixed");
                assert!(!fixed || now == Outcome::Pass, "{now:?} after {then:?}: {text}");
            }
        }
    }
}
