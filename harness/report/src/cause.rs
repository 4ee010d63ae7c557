//! What failed, grouped by cause: twenty red tests of one fault are one line to read. A cause is a failure id and what its
//! message says without the numbers in it.

use std::collections::BTreeMap;

use crate::words;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// Tests that failed in the same way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cause<'r> {
    /// The failure id.
    pub(crate) id: String,
    /// The message of the first of them, in one line.
    pub(crate) message: String,
    /// They themselves, in the order of the record; never empty.
    pub(crate) tests: Vec<&'r TestRecord>,
}

/// The causes of what failed and of what could not be run, those of most tests first.
pub(crate) fn of(record: &RunRecord) -> Vec<Cause<'_>> {
    let mut causes: Vec<Cause<'_>> = Vec::new();
    let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
    for test in record.tests.iter().filter(|test| matches!(test.outcome, Outcome::Fail | Outcome::Error)) {
        let (id, message) = words::headline(test);
        let next = causes.len();
        let at = *known.entry((id.clone(), signature(&message))).or_insert(next);
        if at == next {
            causes.push(Cause { id, message, tests: Vec::new() });
        }
        causes[at].tests.push(test);
    }
    // Stable: of equally many, the first seen.
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.tests.len()));
    causes
}

/// A message without what differs from one occurrence to the next: numbers, also hexadecimal ones.
pub(crate) fn signature(message: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len()).max(first.len_utf8());
        let (part, after) = rest.split_at(end);
        let hex = part.strip_prefix("0x").unwrap_or(part);
        let digits = part.chars().filter(char::is_ascii_digit).count();
        let is_number =
            hex.chars().all(|c| c.is_ascii_hexdigit()) && digits > 0 && (digits == part.len() || part.len() >= 8);
        out.push_str(if is_number || (part.starts_with("0x") && hex.chars().all(|c| c.is_ascii_hexdigit())) {
            "#"
        } else {
            part
        });
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::failure::{self, Failure};
    use muster_record::sample;

    #[test]
    fn numbers_do_not_make_a_cause_and_names_do() {
        for (one, other, same) in [
            ("no answer within 30 s", "no answer within 61 s", true),
            ("oops at ffffffff81a03b2c", "oops at ffffffffc0011234", true),
            ("0x1f in x86_64", "0x2f in x86_64", true),
            ("package nginx is absent", "package httpd is absent", false),
            ("é 12 ü", "é 13 ü", true),
            ("deadbeef", "feedbeef", false),
        ] {
            assert_eq!(signature(one) == signature(other), same, "{one} / {other}");
        }
        assert_eq!(signature("12:30, ☃"), "#:#, ☃");
    }

    #[test]
    fn many_tests_of_one_fault_are_one_cause() {
        let failing = |name: &str, message: &str| {
            let mut test = sample::test("base", name, Outcome::Fail);
            test.failures = vec![Failure::new(failure::STEP_RUN, message)];
            test
        };
        let mut tests = vec![failing("a", "alone"), sample::test("base", "b", Outcome::Pass)];
        tests.extend((0..20).map(|n| failing(&format!("c{n}"), &format!("no answer within {n} s"))));
        let record = RunRecord { tests, ..RunRecord::default() };
        let causes = of(&record);
        let seen: Vec<(&str, usize)> = causes.iter().map(|cause| (cause.message.as_str(), cause.tests.len())).collect();
        assert_eq!(seen, [("no answer within 0 s", 20), ("alone", 1)]);
    }
}
