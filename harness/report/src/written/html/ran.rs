//! How far a run came: tests whose error says only that the run ended before they did.

use muster_record::outstanding;
use muster_record::run::RunRecord;

/// The paragraph of a run in which no test was skipped or left out.
pub(super) fn where_nothing_was_left_out(record: &RunRecord) -> String {
    cut_off(record).unwrap_or_else(|| match record.tests.is_empty() {
        true => "<p>There was no test.</p>\n".to_owned(),
        false => "<p>Every test ran.</p>\n".to_owned(),
    })
}

/// How many tests have no result for it; none where all have one.
pub(super) fn cut_off(record: &RunRecord) -> Option<String> {
    match record.tests.iter().filter(|test| outstanding::is_cut_off(test)).count() {
        0 => None,
        1 => {
            Some("<p>1 test has no result: the run ended before it did. It stands above as an error.</p>\n".to_owned())
        }
        tests => Some(format!(
            "<p>{tests} tests have no result: the run ended before they did. They stand above as errors.</p>\n"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::failure::{self, Failure};
    use muster_record::outcome::Outcome;
    use muster_record::run::TestRecord;
    use muster_record::sample;

    #[test]
    fn every_test_ran_only_where_every_test_came_to_a_result() {
        let of = |tests: &[TestRecord]| {
            where_nothing_was_left_out(&RunRecord { tests: tests.to_vec(), ..RunRecord::default() })
        };
        let cut_off = |id: &str, machine: Option<&str>| TestRecord {
            failures: vec![Failure::new(failure::RUN_INTERRUPTED, "the run ended before this test was reached")],
            machine: machine.map(str::to_owned),
            ..sample::test("base", id, Outcome::Error)
        };
        let [pass, fail, error] =
            [Outcome::Pass, Outcome::Fail, Outcome::Error].map(|outcome| sample::ended("base/a", outcome));
        assert_eq!(of(&[pass.clone(), fail, error]), "<p>Every test ran.</p>\n");
        assert_eq!(of(&[]), "<p>There was no test.</p>\n");
        assert!(of(&[cut_off("a", None)]).starts_with("<p>1 test has no result: "));
        let began = [pass, cut_off("b", Some("lab-1")), cut_off("c", None)];
        assert!(of(&began).starts_with("<p>2 tests have no result: "));
    }
}
