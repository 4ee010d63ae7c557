//! `results.tap`: the Test Anything Protocol, version 14. A known issue is a `TODO`, which readers do not count as a
//! failure; what did not run is `not ok`; a run or an image that is no pass although none of its tests says why has
//! one more test that is `not ok`.

use super::budget::Budget;
use crate::format::{Report, ReportInput};
use crate::{verdict, words};
use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// Bytes of all diagnostics together.
const TOTAL_LIMIT: usize = 16 << 20;
/// Bytes of one at most.
const LIMIT: usize = 64 << 10;

/// The report.
pub(crate) struct Tap;

impl Report for Tap {
    fn name(&self) -> &'static str {
        "tap"
    }

    fn file(&self) -> &'static str {
        "results.tap"
    }

    fn is_default(&self) -> bool {
        false
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(text(source.record))
    }
}

fn text(record: &RunRecord) -> String {
    let mut budget = Budget::new(TOTAL_LIMIT, char::len_utf8);
    let unsaid = verdict::unsaid(record);
    let count = record.tests.len() + unsaid.len();
    let mut lines = vec!["TAP version 14".to_owned(), format!("1..{count}")];
    for (at, test) in record.tests.iter().enumerate() {
        point(&mut lines, at + 1, test, &mut budget);
    }
    for (at, unsaid) in unsaid.iter().enumerate() {
        let number = record.tests.len() + at + 1;
        lines.push(format!("not ok {number} - {}", plain(&format!("{}: {}", unsaid.name(), unsaid.why))));
    }
    if record.interrupted || record.finished.is_none() {
        lines.push("Bail out! the run did not end".to_owned());
    }
    lines.join("\n") + "\n"
}

fn point(lines: &mut Vec<String>, number: usize, test: &TestRecord, budget: &mut Budget) {
    let name = plain(&format!("{} [{}]", test.name(), test.image));
    let (id, message) = words::headline(test);
    let (word, directive) = match test.outcome {
        Outcome::Pass | Outcome::Flaky => ("ok", String::new()),
        Outcome::Fail | Outcome::Error | Outcome::NotRun => ("not ok", String::new()),
        Outcome::Skip => ("ok", format!(" # SKIP {}", plain(&message))),
        Outcome::Known => ("not ok", format!(" # TODO {}", plain(&message))),
    };
    lines.push(format!("{word} {number} - {name}{directive}"));
    if matches!(test.outcome, Outcome::Pass | Outcome::Skip) {
        return;
    }
    let account = budget.within(&words::account(test).join("\n"), LIMIT);
    // A JSON string is a scalar of YAML.
    let scalar = |text: &str| serde_json::Value::from(text).to_string();
    lines.push("  ---".to_owned());
    for (key, value) in [
        ("outcome", test.outcome.name()),
        ("failure-id", &id),
        ("message", &message),
        ("at", &test.location.to_string()),
        ("rerun", &one_line(&test.rerun, 500)),
        ("detail", &account),
    ] {
        lines.push(format!("  {key}: {}", scalar(value)));
    }
    lines.push("  ...".to_owned());
}

/// One line in which nothing is a directive.
fn plain(text: &str) -> String {
    one_line(text, 400).replace('\\', "\\\\").replace('#', "\\#")
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn a_point_for_each_test_and_no_run_is_greener_than_it_was() {
        let mut record = Recorder::fold(&sample::events());
        record.tests[0].test = "a # SKIP\nok 99 - forged".into();
        let text = text(&record);
        let points: Vec<&str> =
            text.lines().filter(|line| line.starts_with("ok ") || line.starts_with("not ok ")).collect();
        assert_eq!(points.len(), sample::TESTS);
        assert!(text.starts_with(&format!("TAP version 14\n1..{}\n", sample::TESTS)), "{text}");
        assert!(points[0].contains("a \\# SKIP ok 99 - forged"), "{}", points[0]);
        let marked = |mark: &str| points.iter().filter(|line| line.contains(mark)).count();
        let count = |outcome| record.tests.iter().filter(|test| test.outcome == outcome).count();
        assert_eq!(marked(" # SKIP "), count(Outcome::Skip));
        assert_eq!(marked(" # TODO "), count(Outcome::Known));
        let red = points.iter().filter(|line| line.starts_with("not ok") && !line.contains(" # TODO ")).count();
        assert_eq!(red, count(Outcome::Fail) + count(Outcome::Error) + count(Outcome::NotRun));
        assert!(!text.contains("Bail out!"));
    }

    #[test]
    fn a_run_that_did_not_end_bails_out() {
        let events = sample::events();
        let record = Recorder::fold(&events[..events.len() - 1]);
        assert!(text(&record).ends_with("Bail out! the run did not end\n"));
        let nothing = Recorder::fold(&events[..1]);
        assert!(text(&nothing).contains("1..1\nnot ok 1 - muster/run: the run did not end"), "{}", text(&nothing));
    }
}
