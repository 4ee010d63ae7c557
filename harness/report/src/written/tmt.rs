//! `results.yaml`: what a test of tmt with `result: custom` leaves, so that tmt shows each of our tests as one of its own
//! (tmt's specification of `execute`, and `schemas/results.yaml` of its package; written as JSON, which is YAML).
//! What tmt does not have is told in a note: a known issue and a flaky pass are `info`, which is no failure there
//! either; a test that did not run is an `error`.

use serde_json::{Value, json};

use crate::format::{Report, ReportInput};
use crate::{verdict, words};
use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// Characters of a note.
const NOTE: usize = 500;

/// The report.
pub(crate) struct Tmt;

impl Report for Tmt {
    fn name(&self) -> &'static str {
        "tmt"
    }

    fn file(&self) -> &'static str {
        "results.yaml"
    }

    fn is_default(&self) -> bool {
        false
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::to_string_pretty(&results(source.record))? + "\n")
    }
}

fn results(record: &RunRecord) -> Vec<Value> {
    let unsaid = verdict::unsaid(record).into_iter().map(|unsaid| {
        let name =
            unsaid.image.map_or_else(|| format!("/{}", verdict::RUN), |image| format!("/{image}/{}", verdict::RUN));
        json!({"name": one_line(&name, NOTE), "result": "error", "note": [one_line(&unsaid.why, NOTE)]})
    });
    record.tests.iter().map(result).chain(unsaid).collect()
}

fn result(test: &TestRecord) -> Value {
    let (id, message) = words::headline(test);
    let mut notes = vec![test.summary.clone()];
    if test.outcome != Outcome::Pass {
        notes.push(format!("{}: {message}", test.outcome.name()));
        notes.push(format!("failure id: {id}"));
        notes.push(format!("run it again: {}", test.rerun));
    }
    let notes: Vec<String> = notes.iter().filter(|note| !note.is_empty()).map(|note| one_line(note, NOTE)).collect();
    let result = match test.outcome {
        Outcome::Pass => "pass",
        Outcome::Flaky | Outcome::Known => "info",
        Outcome::Skip => "skip",
        Outcome::Fail => "fail",
        Outcome::Error | Outcome::NotRun => "error",
    };
    json!({
        "name": one_line(&format!("/{}/{}", test.image, test.name()), NOTE),
        "result": result,
        "note": notes,
        "duration": duration(test.seconds),
    })
}

/// `hh:mm:ss`, the hours with two digits or more.
fn duration(seconds: f64) -> String {
    // Never negative, and `as` stops at the ends of its type.
    let seconds = seconds.round() as u64;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn each_test_is_a_result_and_no_run_is_greener_than_it_was() {
        let record = Recorder::fold(&sample::events());
        let results = results(&record);
        assert_eq!(results.len(), sample::TESTS);
        let count = |word: &str| results.iter().filter(|result| result["result"] == word).count();
        let of = |outcome| record.tests.iter().filter(|test| test.outcome == outcome).count();
        assert_eq!(count("pass"), of(Outcome::Pass));
        assert_eq!(count("fail"), of(Outcome::Fail));
        assert_eq!(count("error"), of(Outcome::Error) + of(Outcome::NotRun));
        assert_eq!(count("info"), of(Outcome::Flaky) + of(Outcome::Known));
        assert_eq!(count("skip"), of(Outcome::Skip));
        assert!(results.iter().all(|result| result["name"].as_str().is_some_and(|name| name.starts_with('/'))));
        let began = Recorder::fold(&sample::events()[..1]);
        assert_eq!(super::results(&began)[0]["result"], "error", "a run without a test is no pass");
    }

    #[test]
    fn a_duration_has_the_form_that_tmt_reads() {
        for (seconds, shown) in [(0.4, "00:00:00"), (61.0, "00:01:01"), (400_000.0, "111:06:40"), (-3.0, "00:00:00")] {
            assert_eq!(duration(seconds), shown);
        }
    }
}
