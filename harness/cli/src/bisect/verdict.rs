//! What a run says of its image.

use super::search::ImageVerdict;
use muster_base::failure::{Failure, UPDATES_INSTALL};
use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};
use muster_suite::select::NameGlob;

/// The verdict of one run about the tests that `glob` names, and why, in one line. `None` where the run has no such test.
///
/// A test that failed is bad, also when a known issue explains it or when it passed on a retry. One without a result leaves it
/// open, unless `errors_are_bad`. Updates that did not install always leave it open: a machine in which they are not says nothing of
/// them.
pub(super) fn of_run(record: &RunRecord, glob: &NameGlob, errors_are_bad: bool) -> Option<(ImageVerdict, String)> {
    let tests: Vec<&TestRecord> = record.tests.iter().filter(|test| glob.matches(&test.suite, &test.test)).collect();
    let of_image = |health: &&TestRecord| tests.iter().any(|test| test.image == health.image);
    let health = record.tests.iter().filter(|test| test.is_health());
    if let Some(test) = tests.iter().copied().chain(health.filter(of_image)).find(|test| without_updates(test)) {
        return Some((ImageVerdict::Inconclusive, line(test)));
    }
    let failed = |test: &&&TestRecord| matches!(test.outcome, Outcome::Fail | Outcome::Known | Outcome::Flaky);
    if let Some(test) = tests.iter().find(failed) {
        return Some((ImageVerdict::Bad, line(test)));
    }
    let without = |test: &&&TestRecord| test.outcome != Outcome::Pass;
    // A test that was skipped says less than one that came to no result.
    let tried = |test: &&&TestRecord| without(test) && test.outcome != Outcome::Skip;
    match tests.iter().find(tried).or_else(|| tests.iter().find(without)) {
        Some(test) if errors_are_bad && test.outcome != Outcome::Skip => Some((ImageVerdict::Bad, line(test))),
        Some(test) => Some((ImageVerdict::Inconclusive, line(test))),
        None if record.interrupted || record.finished.is_none() => {
            tests.first().map(|_| (ImageVerdict::Inconclusive, "the run did not end".to_owned()))
        }
        None => tests.first().map(|test| (ImageVerdict::Good, format!("{} passed", one_line(&test.name(), 120)))),
    }
}

/// Whether the updates of its state did not install in a machine of the test.
fn without_updates(test: &TestRecord) -> bool {
    reasons(test).any(|failure| failure.id == UPDATES_INSTALL)
}

fn reasons(test: &TestRecord) -> impl Iterator<Item = &Failure> {
    test.failures.iter().chain(&test.skipped)
}

fn line(test: &TestRecord) -> String {
    let first = reasons(test).find(|failure| failure.id == UPDATES_INSTALL).or_else(|| reasons(test).next());
    let why = first.map_or_else(String::new, |failure| format!(": {}: {}", failure.id, failure.message));
    one_line(&format!("{} ended with {}{why}", test.name(), test.outcome.name()), 400)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    fn verdict(outcomes: &[Outcome], errors_are_bad: bool) -> Option<ImageVerdict> {
        let mut record = Recorder::fold(&sample::events());
        (record.interrupted, record.finished) = (false, Some(record.started.clone()));
        let one = record.tests[0].clone();
        record.tests = outcomes
            .iter()
            .enumerate()
            .map(|(at, outcome)| TestRecord {
                suite: "s".to_owned(),
                test: format!("t[cpu={at}]"),
                outcome: *outcome,
                ..one.clone()
            })
            .collect();
        of_run(&record, &NameGlob::parse("s/t").expect("a name"), errors_are_bad).map(|(verdict, _)| verdict)
    }

    #[test]
    fn every_outcome_has_a_verdict_and_only_a_pass_is_good() {
        for outcome in Outcome::ALL {
            let expected = match outcome {
                Outcome::Pass => ImageVerdict::Good,
                Outcome::Fail | Outcome::Known | Outcome::Flaky => ImageVerdict::Bad,
                Outcome::Error | Outcome::Skip | Outcome::NotRun => ImageVerdict::Inconclusive,
            };
            assert_eq!(verdict(&[outcome], false), Some(expected), "{outcome:?}");
            assert_eq!(verdict(&[Outcome::Pass, outcome], false), Some(expected), "{outcome:?}");
        }
        assert_eq!(verdict(&[Outcome::Error], true), Some(ImageVerdict::Bad));
        assert_eq!(verdict(&[Outcome::NotRun], true), Some(ImageVerdict::Bad));
        assert_eq!(verdict(&[Outcome::Skip, Outcome::Error], true), Some(ImageVerdict::Bad), "whatever the order");
        assert_eq!(verdict(&[Outcome::Skip], true), Some(ImageVerdict::Inconclusive), "it says nothing of the image");
        assert_eq!(verdict(&[], true), None);
    }

    #[test]
    fn updates_that_did_not_install_are_inconclusive_whatever_errors_are() {
        let mut record = Recorder::fold(&sample::events());
        (record.interrupted, record.finished) = (false, Some(record.started.clone()));
        let one = record.tests[0].clone();
        let of = |suite: &str, test: &str, outcome: Outcome, failures: Vec<Failure>| TestRecord {
            suite: suite.to_owned(),
            test: test.to_owned(),
            outcome,
            failures,
            skipped: None,
            ..one.clone()
        };
        let refused = || vec![Failure::new(UPDATES_INSTALL, "status 1")];
        let glob = NameGlob::parse("s/t").expect("a name");
        let mut check = |tests: Vec<TestRecord>| {
            record.tests = tests;
            of_run(&record, &glob, true)
        };
        let inconclusive = Some(ImageVerdict::Inconclusive);
        // The machine of the test, and one of several machines: the test did not run for want of it.
        let own = check(vec![of("s", "t", Outcome::Error, refused())]).expect("a verdict");
        assert_eq!(own.0, ImageVerdict::Inconclusive);
        assert!(own.1.contains("updates.install: status 1"), "{}", own.1);
        for outcome in [Outcome::NotRun, Outcome::Fail, Outcome::Pass] {
            let health = of("machine", "health", Outcome::Error, refused());
            let found = check(vec![of("s", "t", outcome, Vec::new()), health]).map(|(verdict, _)| verdict);
            assert_eq!(found, inconclusive, "{outcome:?}");
        }
        // Of another test and of another image it says nothing, and another error is as bad as it was.
        let other = of("s", "other", Outcome::Error, refused());
        let elsewhere =
            TestRecord { image: "elsewhere".to_owned(), ..of("machine", "health", Outcome::Error, refused()) };
        let found = check(vec![of("s", "t", Outcome::Error, Vec::new()), other, elsewhere]).map(|(verdict, _)| verdict);
        assert_eq!(found, Some(ImageVerdict::Bad));
    }
}
