//! What a run says of its image.

use super::search::ImageVerdict;
use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};
use muster_suite::select::NameGlob;

/// The verdict of one run about the tests that `glob` names, and why, in one line. `None` where the run has no such test.
///
/// A test that failed is bad, also when a known issue explains it or when it passed on a retry. One without a result leaves it
/// open, unless `errors_are_bad`.
pub(super) fn of_run(record: &RunRecord, glob: &NameGlob, errors_are_bad: bool) -> Option<(ImageVerdict, String)> {
    let tests: Vec<&TestRecord> = record.tests.iter().filter(|test| glob.matches(&test.suite, &test.test)).collect();
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

fn line(test: &TestRecord) -> String {
    let first = test.failures.first().or(test.skipped.as_ref());
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
}
