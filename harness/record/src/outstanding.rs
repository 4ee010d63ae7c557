//! What of a run is still to be done: the one answer for whoever goes on with a run, and for whoever reads one.

use std::collections::BTreeSet;

use crate::outcome::Outcome;
use crate::run::TestRecord;
use muster_base::failure;
use muster_base::text::{one_line, plural};

/// Names that a line lists at most.
const LISTED: usize = 10;

/// Of each test, whether it is outstanding: it failed, could not run to its end, or never ran. A test that was skipped for a
/// need is, as long as something of its suite is: nobody knows yet what becomes of it.
pub fn outstanding(tests: &[TestRecord]) -> Vec<bool> {
    open(tests, |test| matches!(test.outcome, Outcome::Fail | Outcome::Error | Outcome::NotRun))
}

/// The same without those that failed: of each test, whether nothing is known yet of what it looks at.
pub fn unsettled(tests: &[TestRecord]) -> Vec<bool> {
    open(tests, |test| matches!(test.outcome, Outcome::Error | Outcome::NotRun))
}

/// Those that are open, and those that were skipped for a need as long as something of their suite is.
fn open(tests: &[TestRecord], open: fn(&TestRecord) -> bool) -> Vec<bool> {
    let suites: BTreeSet<(&str, &str)> =
        tests.iter().filter(|test| open(test)).map(|test| (test.suite.as_str(), test.image.as_str())).collect();
    let waits = |test: &TestRecord| {
        test.outcome == Outcome::Skip
            && test.skipped.as_ref().is_some_and(|why| why.id == failure::SKIP_NEED)
            && suites.contains(&(test.suite.as_str(), test.image.as_str()))
    };
    tests.iter().map(|test| open(test) || waits(test)).collect()
}

/// Of each test, whether it has no result: the run ended before it, or something else kept it from running.
pub fn unfinished(tests: &[TestRecord]) -> Vec<bool> {
    tests.iter().map(|test| test.outcome == Outcome::NotRun || is_cut_off(test)).collect()
}

/// Whether the run ended before the test did, so that its error says nothing of it: it was not reached, or ran at the time.
pub fn is_cut_off(test: &TestRecord) -> bool {
    test.outcome == Outcome::Error && test.failures.iter().any(|failure| failure.id == failure::RUN_INTERRUPTED)
}

/// Whether nothing of the test has run and nothing was found of it, because the run ended before.
pub fn is_unreached(test: &TestRecord) -> bool {
    let nothing_else = test.failures.iter().all(|failure| failure.id == failure::RUN_INTERRUPTED);
    is_cut_off(test) && nothing_else && test.machine.is_none() && test.attempts.is_empty()
}

/// The tests that passed in this run and did not in an earlier one, in a line; none where there is none.
pub fn passed_now(tests: &[TestRecord]) -> Option<String> {
    let bad = |outcome| matches!(outcome, Outcome::Fail | Outcome::Error | Outcome::Flaky);
    let passes =
        |test: &&TestRecord| matches!(test.outcome, Outcome::Pass | Outcome::Flaky) && test.kept_from.is_none();
    let changed: Vec<String> = tests
        .iter()
        .filter(passes)
        .filter_map(|test| {
            let before = test.earlier.iter().rev().find(|before| bad(before.outcome))?;
            Some(format!("{} [{}] ({} in {})", test.name(), test.image, before.outcome.name(), before.run))
        })
        .collect();
    let tests = format!("{} test{}", changed.len(), plural(changed.len()));
    let line = || format!("passed now, and did not in an earlier run: {tests}: {}", listed(&changed));
    (!changed.is_empty()).then(line)
}

const NOTHING: &str = "nothing is outstanding";
const SOME: &str = "outstanding: ";

/// Whether a notice is the line of [`line()`].
pub fn is_line(notice: &str) -> bool {
    notice == NOTHING || notice.starts_with(SOME)
}

/// What is outstanding, in one line.
pub fn line(tests: &[TestRecord]) -> String {
    let open: Vec<&TestRecord> =
        tests.iter().zip(outstanding(tests)).filter(|(_, open)| *open).map(|(test, _)| test).collect();
    if open.is_empty() {
        return NOTHING.to_owned();
    }
    let of = |outcome: Outcome| move |test: &TestRecord| test.outcome == outcome && !is_cut_off(test);
    let count = |belongs: &dyn Fn(&TestRecord) -> bool| open.iter().filter(|test| belongs(test)).count();
    let counts = [
        (count(&of(Outcome::Fail)), "failed"),
        (count(&of(Outcome::Error)), "ended in an error"),
        (count(&is_cut_off), "without a result when the run ended"),
        (count(&of(Outcome::NotRun)), "not run"),
        (count(&of(Outcome::Skip)), "waiting for what they need"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, words)| format!("{count} {words}")).collect();
    let names: Vec<String> = open.iter().map(|test| format!("{} [{}]", test.name(), test.image)).collect();
    let tests = format!("{} of {} test{}", open.len(), tests.len(), plural(tests.len()));
    format!("{SOME}{tests} ({}): {}", counts.join(", "), listed(&names))
}

/// Some of these names, escaped, and how many more there are.
pub fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| one_line(name, 200)).collect();
    let more = match names.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    shown.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::EarlierOutcome;
    use crate::sample;
    use muster_base::failure::Failure;

    fn test(suite: &str, id: &str, outcome: Outcome) -> TestRecord {
        sample::test(suite, id, outcome)
    }

    fn needing(suite: &str, id: &str) -> TestRecord {
        let skipped = Some(Failure::new(failure::SKIP_NEED, "needs `a`"));
        TestRecord { skipped, ..test(suite, id, Outcome::Skip) }
    }

    #[test]
    fn what_neither_passed_nor_was_skipped_is_outstanding_and_so_is_what_waits_for_it() {
        let tests: Vec<TestRecord> = Outcome::ALL.iter().map(|outcome| test("s", outcome.name(), *outcome)).collect();
        let open = |tests: &[TestRecord]| -> Vec<String> {
            tests.iter().zip(outstanding(tests)).filter(|(_, open)| *open).map(|(test, _)| test.name()).collect()
        };
        assert_eq!(open(&tests), ["s/fail", "s/error", "s/not-run"]);
        let unsettled = unsettled(&tests).into_iter().filter(|open| *open).count();
        assert_eq!(unsettled, 2, "one that failed is a result");
        let waits = [test("s", "a", Outcome::Fail), needing("s", "b"), needing("other", "b")];
        assert_eq!(open(&waits), ["s/a", "s/b"]);
        // What it needs has a result that will not change.
        assert_eq!(open(&[test("s", "a", Outcome::Skip), needing("s", "b")]), [""; 0]);
        assert_eq!(line(&tests[..1]), "nothing is outstanding");
        assert!(is_line(&line(&tests[..1])) && is_line(&line(&waits)) && !is_line("run again: 2 tests"));
        assert_eq!(
            line(&waits),
            "outstanding: 2 of 3 tests (1 failed, 1 waiting for what they need): s/a [lab], s/b [lab]"
        );
    }

    #[test]
    fn only_what_has_no_result_is_unfinished() {
        let interrupted = Failure::new(failure::RUN_INTERRUPTED, "the run ended before this test did");
        let tests = [
            test("s", "pass", Outcome::Pass),
            test("s", "fail", Outcome::Fail),
            test("s", "error", Outcome::Error),
            TestRecord { failures: vec![interrupted], ..test("s", "cut", Outcome::Error) },
            test("s", "not-run", Outcome::NotRun),
        ];
        assert_eq!(unfinished(&tests), [false, false, false, true, true]);
        assert_eq!(
            line(&tests).split(": s/").next(),
            Some(
                "outstanding: 4 of 5 tests (1 failed, 1 ended in an error, 1 without a result when the run ended, 1 not run)"
            )
        );
        assert_eq!(tests.each_ref().map(is_unreached), [false; 5], "it had a machine");
        let unreached =
            TestRecord { failures: tests[3].failures.clone(), ..test("s", "a", Outcome::Error).on_no_machine() };
        assert!(is_unreached(&TestRecord { attempts: Vec::new(), ..unreached.clone() }));
        let mut found = TestRecord { attempts: Vec::new(), ..unreached };
        found.failures.insert(0, Failure::new(failure::BASE_FAILED_UNITS, "a unit"));
        assert!(is_cut_off(&found) && !is_unreached(&found), "something is known of it");
    }

    #[test]
    fn a_pass_after_a_failure_is_said_with_the_run_in_which_it_failed() {
        let before =
            |run: &str, outcome| EarlierOutcome { run: run.into(), outcome, failure: None, suite: None, image: None };
        let earlier = vec![before("r1", Outcome::Fail), before("r2", Outcome::NotRun)];
        let now = TestRecord { earlier, ..test("s", "a", Outcome::Pass) };
        let kept = TestRecord { kept_from: Some("r2".into()), ..now.clone() };
        let line = passed_now(&[now, kept.clone()]);
        assert_eq!(line.as_deref(), Some("passed now, and did not in an earlier run: 1 test: s/a [lab] (fail in r1)"));
        assert_eq!(passed_now(&[kept]), None);
    }
}
