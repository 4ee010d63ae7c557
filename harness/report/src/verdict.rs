//! The sentence about each image. Every report says it in the same words, and no report is greener
//! than the run.

use std::collections::BTreeSet;

use muster_base::exit::Exit;
use muster_base::failure::{self, FailureId};
use muster_base::text::one_line;
use muster_record::finding::OnMachine;
use muster_record::names::{MACHINE_SUITE, PREFIX};
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};
use muster_record::verdict::exit_of_records;

/// How an image stands after a run. The sentence, its colour and, for the run as a whole, the exit
/// code all follow from the same outcomes: a run ends with 0 exactly when no image fails and at least
/// one passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Tests ran, and nothing is in doubt.
    Passes,
    /// Every test was skipped, while the run came to a result on another image.
    NotTested,
    /// Anything else.
    Fails,
}

/// What a run says of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageVerdict {
    /// Image id, escaped.
    pub image: String,
    /// Whether it passes muster. Only [`Standing::Passes`] is a pass.
    pub standing: Standing,
    /// Tests that passed, on a retry included.
    pub passed: u32,
    /// Tests that failed.
    pub failed: u32,
    /// Tests that could not be run to a result.
    pub errors: u32,
    /// Tests that were skipped.
    pub skipped: u32,
    /// Tests that were never reached.
    pub not_run: u32,
    /// Tests that failed as a known issue says.
    pub known: u32,
    /// Crashes on the consoles of its machines.
    pub crashes: u32,
    /// Why it does not pass beyond its tests: one clause each.
    pub reasons: Vec<String>,
}

impl ImageVerdict {
    /// `PASS lab: 92 passed, 11 skipped`.
    pub(crate) fn sentence(&self) -> String {
        let Self { image, passed, failed, errors, known, skipped, not_run, .. } = self;
        let word = match self.standing {
            Standing::Passes => "PASS",
            Standing::NotTested => return format!("SKIP {image}: {skipped} skipped, none run"),
            // Nothing speaks against the image: its tests could not be run, or not to a result.
            Standing::Fails if *failed == 0 && errors + not_run > 0 && self.crashes == 0 => "ERROR",
            Standing::Fails => "FAIL",
        };
        let counts = [
            (failed, "failed"),
            (errors, if *errors == 1 { "error" } else { "errors" }),
            (known, "failed as documented"),
            (skipped, "skipped"),
            (not_run, "not run"),
        ];
        let counts = counts.iter().filter(|(count, _)| **count > 0).map(|(count, what)| format!(", {count} {what}"));
        let reasons = self.reasons.iter().map(|reason| format!("; {reason}"));
        format!("{word} {image}: {passed} passed{}{}", counts.collect::<String>(), reasons.collect::<String>())
    }
}

/// One verdict for each image that the run has or plans to test, by name.
pub(crate) fn of_images(record: &RunRecord) -> Vec<ImageVerdict> {
    images(record).into_iter().map(|image| of_image(record, image)).collect()
}

/// The images that the run has or plans to test, by name.
pub(crate) fn images(record: &RunRecord) -> BTreeSet<&str> {
    record.images.keys().map(String::as_str).chain(record.tests.iter().map(|test| test.image.as_str())).collect()
}

fn of_image(record: &RunRecord, image: &str) -> ImageVerdict {
    let count = |outcomes: &[Outcome]| {
        record.tests.iter().filter(|test| test.image == image && outcomes.contains(&test.outcome)).count() as u32
    };
    let passed = count(&[Outcome::Pass, Outcome::Flaky]);
    let known = count(&[Outcome::Known]);
    let (failed, errors) = (count(&[Outcome::Fail]), count(&[Outcome::Error]));
    let (skipped, not_run) = (count(&[Outcome::Skip]), count(&[Outcome::NotRun]));
    let mut reasons: Vec<String> = crashes(record)
        .filter(|found| is_on(record, found, image))
        .map(|found| format!("{} on the console of {}", plain(&found.finding.category), plain(&found.machine)))
        .collect();
    reasons.dedup();
    let crashes = reasons.len() as u32;
    let of_image = |test: &&TestRecord| test.image == image;
    let tested = |test: &TestRecord| test.suite != MACHINE_SUITE && test.outcome.has_run();
    let nothing = !record.tests.iter().filter(of_image).any(tested);
    let own = exit_of_records(record.tests.iter().filter(of_image));
    if own == Exit::Stale {
        reasons.push(STALE.into());
    }
    let doubt = doubt(record);
    let standing = match (own, nothing, &doubt) {
        (Exit::Pass, false, None) if reasons.is_empty() => Standing::Passes,
        (Exit::Pass, true, None) if reasons.is_empty() => Standing::NotTested,
        _ => Standing::Fails,
    };
    if nothing && standing == Standing::Fails {
        reasons.push(NOTHING.into());
    }
    reasons.extend(doubt.filter(|doubt| !nothing || doubt != NOTHING));
    ImageVerdict { image: plain(image), standing, passed, failed, errors, skipped, not_run, known, crashes, reasons }
}

fn is_on(record: &RunRecord, found: &OnMachine, image: &str) -> bool {
    record.machines.iter().any(|machine| machine.id == found.machine && machine.image == image)
}

const NOTHING: &str = "no test ran";
const STALE: &str = "a known issue is stale or has expired";

/// Why the run is no pass beyond what the outcomes of its tests say; `None` when they say all of it.
fn doubt(record: &RunRecord) -> Option<String> {
    if record.interrupted {
        return Some("the run was interrupted".into());
    }
    let Some(code) = record.exit_code.filter(|_| record.finished.is_some()) else {
        return Some("the run did not end".into());
    };
    let tested = |test: &TestRecord| test.suite != MACHINE_SUITE && test.outcome.has_run();
    let said = exit_of_records(record.tests.iter());
    match Exit::of_code(code) {
        Some(Exit::Pass) => None,
        Some(exit) if exit == said => None,
        Some(Exit::Invalid) if said == Exit::Pass && !record.tests.iter().any(tested) => Some(NOTHING.into()),
        Some(Exit::Invalid) if matches!(said, Exit::Pass | Exit::Stale) => {
            Some("the run was focused on some tests".into())
        }
        Some(Exit::Stale) => Some(STALE.into()),
        // Findings say it, where there are some.
        Some(Exit::Failed) if crashes(record).next().is_some() => None,
        Some(Exit::Failed | Exit::Invalid | Exit::Error) | None => Some(format!("the run ended with exit code {code}")),
    }
}

/// The findings that count against an image: those that ended a machine, and all of them when the
/// run says by its exit code that something is wrong and no test says what. One that a test answers for
/// does not.
pub(crate) fn crashes(record: &RunRecord) -> impl Iterator<Item = &OnMachine> {
    let unexplained = record.exit_code == Some(Exit::Failed as u8)
        && !record.tests.iter().any(|test| matches!(test.outcome, Outcome::Fail | Outcome::Error));
    let counts = move |finding: &&OnMachine| finding.finding.is_fatal() || unexplained;
    record.findings.iter().filter(counts).filter(|finding| !record.tests.iter().any(|test| answers_for(test, finding)))
}

/// Whether the finding is that of a guest that was changed on purpose, or a failure that is documented.
fn answers_for(test: &TestRecord, finding: &OnMachine) -> bool {
    let documented =
        || test.failures.iter().any(|failure| failure.id == FailureId::of_console(&finding.finding.category));
    test.machine.as_deref() == Some(finding.machine.as_str())
        && match test.outcome {
            Outcome::Pass => test.suite.starts_with(PREFIX),
            Outcome::Known => documented(),
            _ => false,
        }
}

/// Why the run as a whole is not a pass although no test failed; `None` when a test says it, or
/// when the run is a pass.
pub(crate) fn unexplained(record: &RunRecord) -> Option<String> {
    if record.tests.iter().any(is_red) {
        return None;
    }
    let found = not_run(record.tests.iter()).or_else(|| findings(crashes(record)));
    found.or_else(|| doubt(record)).or_else(|| (record.exit_code == Some(Exit::Stale as u8)).then(|| STALE.to_owned()))
}

fn is_red(test: &TestRecord) -> bool {
    matches!(test.outcome, Outcome::Fail | Outcome::Error)
}

fn not_run<'r>(tests: impl Iterator<Item = &'r TestRecord>) -> Option<String> {
    let count = tests.filter(|test| test.outcome == Outcome::NotRun).count();
    (count > 0).then(|| format!("{count} test{} did not run", muster_base::text::plural(count)))
}

fn findings<'r>(found: impl Iterator<Item = &'r OnMachine>) -> Option<String> {
    let one = |OnMachine { machine, finding }: &OnMachine| {
        format!("{} on the console of {}, line {}", plain(&finding.category), plain(machine), finding.line_number)
    };
    let all: Vec<String> = found.map(one).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// That an image does not pass although none of its tests is red. A format that has a result for each test and image has one
/// more for it, `muster/run`: without that the image would look as if it passed wherever another one has the red test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsaid<'r> {
    /// Its id, not escaped; `None` where it is the same of all images, or of none.
    pub image: Option<&'r str>,
    /// Why, one or more clauses, escaped.
    pub why: String,
}

impl Unsaid<'_> {
    /// `muster/run`, or `muster/run [lab]`.
    pub(crate) fn name(&self) -> String {
        self.image.map_or_else(|| RUN.to_owned(), |image| format!("{RUN} [{}]", plain(image)))
    }
}

/// What the result is called.
pub(crate) const RUN: &str = "muster/run";

/// The failure id of the result.
pub(crate) fn run_id(record: &RunRecord) -> FailureId {
    if record.interrupted || record.finished.is_none() { failure::RUN_INTERRUPTED } else { failure::RUN_NOT_PASSED }
}

/// All of them, by image; one for the run where there is one image, or where all images have the same.
pub(crate) fn unsaid(record: &RunRecord) -> Vec<Unsaid<'_>> {
    let images = images(record);
    let found: Vec<Unsaid<'_>> = images
        .iter()
        .filter_map(|image| Some(Unsaid { image: Some(*image), why: unsaid_of(record, image)? }))
        .collect();
    let alike = found.len() == images.len() && found.windows(2).all(|two| two[0].why == two[1].why);
    match unexplained(record) {
        Some(why) if alike || found.is_empty() => vec![Unsaid { image: None, why }],
        _ => found,
    }
}

fn unsaid_of(record: &RunRecord, image: &str) -> Option<String> {
    let tests = || record.tests.iter().filter(|test| test.image == image);
    let verdict = of_image(record, image);
    if verdict.standing != Standing::Fails || tests().any(is_red) {
        return None;
    }
    let found = not_run(tests()).or_else(|| findings(crashes(record).filter(|found| is_on(record, found, image))));
    Some(found.or_else(|| doubt(record)).unwrap_or_else(|| verdict.reasons.join("; ")))
}

fn plain(name: &str) -> String {
    one_line(name, 120)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::failure::Failure;
    use muster_record::finding::{Finding, Severity};
    use muster_record::fold::Recorder;
    use muster_record::sample;

    fn oops(machine: String, severity: Severity) -> OnMachine {
        let finding = Finding {
            rule: "kernel-oops".into(),
            category: "oops".into(),
            severity,
            base_check: Some("oops".into()),
            line: String::new(),
            line_number: 7,
            excerpt: Vec::new(),
            excerpt_hit: 0,
        };
        OnMachine { machine, finding }
    }

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
        assert_eq!(verdicts[0].sentence(), "PASS lab: 1 passed, 2 skipped");
        assert_eq!(unexplained(&record), None);
    }

    #[test]
    fn the_sentence_and_the_exit_code_are_of_one_mind() {
        let health = |outcome| {
            let mut test = sample::test(MACHINE_SUITE, "health", outcome);
            test.image = "lab".into();
            test
        };
        // What the tests became, the exit code that the run ends with, and what is said.
        let table: &[(&[Outcome], u8, &str)] = &[
            (&[Outcome::Pass], 0, "PASS lab: 2 passed"),
            (&[Outcome::Pass, Outcome::Skip], 0, "PASS lab: 2 passed, 1 skipped"),
            (&[Outcome::Known], 0, "PASS lab: 1 passed, 1 failed as documented"),
            (&[Outcome::Flaky], 0, "PASS lab: 2 passed"),
            (&[Outcome::Fail, Outcome::Pass], 1, "FAIL lab: 2 passed, 1 failed"),
            (&[Outcome::Error, Outcome::Pass], 3, "ERROR lab: 2 passed, 1 error"),
            (&[Outcome::Skip], 2, "FAIL lab: 1 passed, 1 skipped; no test ran"),
            (&[Outcome::Pass], 2, "FAIL lab: 2 passed; the run was focused on some tests"),
            (&[Outcome::Pass], 3, "FAIL lab: 2 passed; the run ended with exit code 3"),
        ];
        for (outcomes, code, sentence) in table {
            let mut record = green();
            record.tests = outcomes.iter().map(|outcome| sample::test("base", "x", *outcome)).collect();
            record.tests.iter_mut().for_each(|test| test.image = "lab".into());
            for test in record.tests.iter_mut().filter(|test| matches!(test.outcome, Outcome::Fail | Outcome::Error)) {
                let id = if test.outcome == Outcome::Fail {
                    muster_base::failure::STEP_RUN
                } else {
                    muster_base::failure::SSH_LOST
                };
                test.failures = vec![Failure::new(id, "x")];
            }
            record.tests.push(health(Outcome::Pass));
            record.exit_code = Some(*code);
            let verdict = &of_images(&record)[0];
            assert_eq!(verdict.sentence(), *sentence);
            assert_eq!(verdict.standing == Standing::Passes, *code == 0, "{sentence}");
            let is_said = record.tests.iter().any(|t| matches!(t.outcome, Outcome::Fail | Outcome::Error));
            assert_eq!(unexplained(&record).is_some(), *code != 0 && !is_said, "{sentence}");
            // The exit code of the engine is the one of the table, focus and infrastructure apart.
            let engine = exit_of_records(record.tests.iter()) as u8;
            assert!(engine == *code || sentence.contains("; "), "{sentence}: {engine}");
        }
        // Of two images one may have nothing that is for it.
        let mut record = green();
        let mut skipped = sample::test("base", "x", Outcome::Skip);
        skipped.image = "other".into();
        record.tests.push(skipped);
        let said: Vec<String> = of_images(&record).iter().map(ImageVerdict::sentence).collect();
        assert_eq!(said[1], "SKIP other: 1 skipped, none run");
    }

    #[test]
    fn nothing_in_doubt_is_a_pass() {
        let spoil = |change: &dyn Fn(&mut RunRecord)| {
            let mut record = green();
            change(&mut record);
            (of_images(&record)[0].standing == Standing::Passes, of_images(&record)[0].sentence(), unexplained(&record))
        };
        let interrupted = spoil(&|r| r.interrupted = true);
        assert!(!interrupted.0 && interrupted.1.ends_with("; the run was interrupted"), "{interrupted:?}");
        assert_eq!(interrupted.2.as_deref(), Some("the run was interrupted"));
        let killed = spoil(&|r| (r.finished, r.exit_code) = (None, None));
        assert!(!killed.0 && killed.2.as_deref() == Some("the run did not end"), "{killed:?}");
        let not_run = spoil(&|r| {
            r.tests.push(sample::test("base", "y", Outcome::NotRun));
            r.exit_code = Some(3);
        });
        assert!(!not_run.0 && not_run.1.starts_with("ERROR lab: 1 passed, 2 skipped, 1 not run"), "{not_run:?}");
        assert_eq!(not_run.2.as_deref(), Some("1 test did not run"), "though its error is lost, JUnit is not green");
        let asked_nothing = spoil(&|r| {
            r.tests.retain(|test| test.outcome == Outcome::Skip);
            r.exit_code = Some(2);
        });
        assert!(!asked_nothing.0 && asked_nothing.1.ends_with("; no test ran"), "{asked_nothing:?}");
        let panicked = spoil(&|r| {
            let machine = r.machines[0].id.clone();
            r.findings.push(oops(machine, Severity::Fail));
            r.exit_code = Some(1);
        });
        assert!(!panicked.0, "{panicked:?}");
        let answered = |change: &dyn Fn(&mut TestRecord)| {
            spoil(&|r| {
                let machine = r.machines[0].id.clone();
                r.findings.push(oops(machine.clone(), Severity::Fatal));
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
