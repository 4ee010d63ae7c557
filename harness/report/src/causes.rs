//! Tests of one outcome grouped by why: twenty red tests are often two causes.

use std::collections::HashMap;

use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};
use muster_record::signature::signature;

use super::words;

/// Tests that came to the same, for the same reason as far as their failures say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The failure id.
    pub id: String,
    /// What their messages have in common, one line: `…` stands where they differ.
    pub message: String,
    /// Indexes into the tests of the record, in its order; never empty.
    pub tests: Vec<usize>,
}

/// The causes of the tests that failed or could not be run to a result, the most frequent first. Each test belongs to
/// one: that of its first failure.
pub(crate) fn of_failures(record: &RunRecord) -> Vec<Cause> {
    grouped(record, |test| matches!(test.outcome, Outcome::Fail | Outcome::Error))
}

/// The reasons of the tests that did not run: those that were never reached first, then those that were skipped, the
/// most frequent first.
pub(crate) fn of_not_run(record: &RunRecord) -> Vec<Cause> {
    let mut causes = grouped(record, |test| test.outcome == Outcome::NotRun);
    causes.extend(grouped(record, |test| test.outcome == Outcome::Skip));
    causes
}

fn grouped(record: &RunRecord, belongs: impl Fn(&TestRecord) -> bool) -> Vec<Cause> {
    let mut known: HashMap<(String, String), usize> = HashMap::new();
    let mut causes: Vec<Cause> = Vec::new();
    for (index, test) in record.tests.iter().enumerate().filter(|(_, test)| belongs(test)) {
        let (id, message) = words::headline(test);
        let signature = signature(&message);
        let at = *known.entry((id.clone(), signature.clone())).or_insert(causes.len());
        match causes.get_mut(at) {
            Some(cause) => {
                if cause.message != message {
                    cause.message = signature;
                }
                cause.tests.push(index);
            }
            None => causes.push(Cause { id, message, tests: vec![index] }),
        }
    }
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.tests.len()));
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::failure::{self, Failure};
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn twenty_red_tests_become_two_causes() {
        let mut record = Recorder::fold(&sample::events());
        let red = |number: usize| {
            let mut test = sample::test("base", &format!("t{number}"), Outcome::Fail);
            let message = match number % 4 {
                0 => "unit sshd.service: state is failed".to_owned(),
                _ => format!("no answer within {number} s"),
            };
            test.failures = vec![Failure::new(failure::STEP_RUN, message)];
            test
        };
        record.tests = (0..20).map(red).collect();
        let causes = of_failures(&record);
        let said: Vec<_> = causes.iter().map(|cause| (cause.tests.len(), cause.message.as_str())).collect();
        assert_eq!(said, [(15, "no answer within … s"), (5, "unit sshd.service: state is failed")]);
        record.tests[1].failures[0].id = failure::BOOT_TIMEOUT;
        assert_eq!(of_failures(&record).len(), 3, "another id is another cause");
    }

    #[test]
    fn what_was_never_reached_stands_before_what_was_skipped() {
        let record = Recorder::fold(&sample::events());
        let ids: Vec<_> = of_not_run(&record).into_iter().map(|cause| (cause.id, cause.tests.len())).collect();
        let expected = [("run.no-machine", 2), ("skip.when", 1), ("skip.need", 1)];
        assert_eq!(ids.len(), expected.len(), "{ids:?}");
        assert_eq!(ids.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(ids[1].0, "skip.when");
        let all: usize = of_failures(&record).iter().map(|cause| cause.tests.len()).sum();
        assert_eq!(all, 4, "each red test is in one cause");
    }
}
