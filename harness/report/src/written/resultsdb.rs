//! `resultsdb.jsonl`: what is posted to `/api/v2.0/results` of a ResultsDB, one result a line, so that Greenwave can decide by
//! it. Fields and outcomes are those of the parser of that API (`resultsdb/parsers/api_v2.py` of release-engineering/resultsdb),
//! without the outcomes that a server must be configured for.
//!
//! Greenwave takes `INFO` for a pass. Nothing is written as `INFO`: what was skipped, did not run, could not be answered
//! or fails as a known issue says is `NEEDS_INSPECTION`, which satisfies no rule.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::format::{Report, ReportInput};
use crate::verdict::{self, Unsaid};
use crate::words;
use muster_base::text::{hex, one_line};
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// Characters of a note, of a name, and of one value.
const LONGEST: usize = 500;

/// The report.
pub(crate) struct ResultsDb;

impl Report for ResultsDb {
    fn name(&self) -> &'static str {
        "resultsdb"
    }

    fn file(&self) -> &'static str {
        "resultsdb.jsonl"
    }

    fn is_default(&self) -> bool {
        false
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let lines =
            results(source.record).into_iter().map(|result| serde_json::to_string(&result).map(|line| line + "\n"));
        Ok(lines.collect::<Result<String, _>>()?)
    }
}

fn results(record: &RunRecord) -> Vec<Value> {
    let mut results: Vec<Value> = record.tests.iter().map(|test| result(record, test)).collect();
    for unsaid in verdict::unsaid(record) {
        results.extend(of_unsaid(record, &unsaid).into_iter().map(|image| {
            let mut result = body(record, image, verdict::RUN, "NEEDS_INSPECTION");
            result.insert("note".to_owned(), one_line(&unsaid.why, LONGEST).into());
            Value::Object(result)
        }));
    }
    results
}

/// The images that a result without a test is about: where it is the run's, all of them, since whichever is decided about,
/// the run is no pass. One without a name where the run has none.
pub(super) fn of_unsaid<'r>(record: &'r RunRecord, unsaid: &Unsaid<'r>) -> Vec<&'r str> {
    let images = unsaid.image.map_or_else(|| verdict::images(record).into_iter().collect(), |image| vec![image]);
    if images.is_empty() { vec![""] } else { images }
}

fn result(record: &RunRecord, test: &TestRecord) -> Value {
    let mut out = body(record, &test.image, &test.name(), outcome(test.outcome));
    if let Some(link) = test.links.iter().find(|link| is_address(link)) {
        out["testcase"]["ref_url"] = one_line(link, LONGEST).into();
    }
    let data = &mut out["data"];
    data["muster_outcome"] = test.outcome.name().into();
    data["seconds"] = format!("{:.3}", test.seconds).into();
    if test.outcome != Outcome::Pass {
        let (id, message) = words::headline(test);
        data["failure"] = id.into();
        data["rerun"] = one_line(&test.rerun, LONGEST).into();
        if let Some(issue) = &test.issue {
            data["tracker"] = one_line(&issue.tracker, LONGEST).into();
        }
        out.insert("note".to_owned(), one_line(&format!("{}: {message}", test.outcome.name()), LONGEST).into());
    }
    // The newest result counts: one that is posted late must not replace a later one.
    if let Some(at) = ended(record, test) {
        out.insert("submit_time".to_owned(), at.into());
    }
    Value::Object(out)
}

/// A result of a test, or of the run, on an image.
fn body(record: &RunRecord, image: &str, test: &str, outcome: &str) -> Map<String, Value> {
    let known = record.images.get(image);
    let facts = known.and_then(|image| image.facts.as_ref());
    let digest = known.map(|image| image.sha256.as_str()).filter(|digest| !digest.is_empty());
    let mut data = Map::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            data.insert(name.to_owned(), one_line(value, LONGEST).into());
        }
    };
    let item = digest.map_or_else(|| image.to_owned(), |digest| format!("sha256:{digest}"));
    put("item", Some(if item.is_empty() { &record.id } else { &item }));
    put("type", Some("image"));
    put("image", Some(image));
    put("image_file", known.map(|image| image.path.as_str()));
    // Greenwave keeps results of different scenarios and architectures apart; all of them must pass.
    // A run that never began a machine has no accelerator.
    put("scenario", Some(format!("{image} {}", record.accelerator.kind).trim_end()));
    put("system_architecture", facts.map(|facts| facts.arch.as_str()));
    for (name, key) in [("distribution", "ID"), ("distribution_version", "VERSION_ID")] {
        put(name, facts.and_then(|facts| facts.os_release.get(key)).map(String::as_str));
    }
    put("test", Some(test));
    put("run", Some(&record.id));
    put("muster", Some(&record.muster));
    // A query lists names with commas between them.
    let name = one_line(&format!("muster/{test}"), LONGEST).replace(',', ";");
    let group = json!({"uuid": uuid(record), "description": one_line(&format!("muster run {}", record.id), LONGEST)});
    let result = json!({"outcome": outcome, "testcase": {"name": name}, "groups": [group], "data": data});
    match result {
        Value::Object(result) => result,
        _ => Map::new(),
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass | Outcome::Flaky => "PASSED",
        Outcome::Fail => "FAILED",
        Outcome::Error | Outcome::NotRun | Outcome::Skip | Outcome::Known => "NEEDS_INSPECTION",
    }
}

/// Whether a text can be followed: what a suite says is no address of this host's files.
pub(super) fn is_address(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://"))
        && text.len() <= LONGEST
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
}

/// When a test ended, or the run when the test never began: UTC, as the API reads it.
fn ended(record: &RunRecord, test: &TestRecord) -> Option<String> {
    let at: jiff::Timestamp = match &test.started {
        Some(started) => {
            let seconds = Duration::try_from_secs_f64(test.seconds.clamp(0.0, 1e9)).ok()?;
            started.parse::<jiff::Timestamp>().ok()?.checked_add(seconds).ok()?
        }
        None => record.finished.as_deref().unwrap_or(&record.started).parse().ok()?,
    };
    Some(at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string())
}

/// The group of the results of a run: a UUID (version 8, RFC 9562) that follows from the run's id, so that what is posted
/// twice is in one group.
fn uuid(record: &RunRecord) -> String {
    let mut bytes: Vec<u8> = Sha256::digest(format!("muster run {}", record.id)).to_vec();
    bytes.truncate(16);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(bytes);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn each_test_is_a_result_and_nothing_but_a_pass_satisfies_a_rule() {
        let record = Recorder::fold(&sample::events());
        let results = results(&record);
        assert_eq!(results.len(), sample::TESTS);
        for (test, result) in record.tests.iter().zip(&results) {
            let passed = matches!(test.outcome, Outcome::Pass | Outcome::Flaky);
            assert_eq!(result["outcome"] == "PASSED", passed, "{result}");
            assert_eq!(result["outcome"] == "FAILED", test.outcome == Outcome::Fail, "{result}");
            assert_ne!(result["outcome"], "INFO", "Greenwave takes it for a pass");
            assert_eq!(result["data"]["muster_outcome"], test.outcome.name());
            assert_eq!(result["data"]["test"], test.name());
            assert!(result["data"].as_object().unwrap().values().all(Value::is_string), "{result}");
            assert_eq!(result.get("note").is_some(), test.outcome != Outcome::Pass, "{result}");
        }
        let first = &results[0];
        assert_eq!(first["testcase"]["name"], "muster/base/nginx-serves");
        assert_eq!(first["data"]["item"], format!("sha256:{}", record.images["lab"].sha256));
        assert_eq!((&first["data"]["type"], &first["data"]["scenario"]), (&json!("image"), &json!("lab tcg")));
    }

    #[test]
    fn a_run_that_is_no_pass_has_a_result_that_is_none() {
        let mut record = Recorder::fold(&sample::events()[..1]);
        record.exit_code = Some(3);
        let results = results(&record);
        assert_eq!(results.len(), 1);
        assert_eq!(results[0]["outcome"], "NEEDS_INSPECTION");
        assert_eq!(results[0]["testcase"]["name"], "muster/muster/run");
        assert_eq!(results[0]["data"]["item"], record.id);
    }

    #[test]
    fn what_is_posted_can_be_queried_and_says_when_it_was_found() {
        let mut record = Recorder::fold(&sample::events());
        let test = &mut record.tests[0];
        test.test = "tools[cpu=x86-64-v2,firmware=uefi]".to_owned();
        test.started = Some("2026-03-01T10:00:59.5Z".to_owned());
        test.seconds = 0.75;
        test.links = vec![
            "javascript:alert(1)".to_owned(),
            "https://example.org/a b".to_owned(),
            "https://example.org/x".to_owned(),
        ];
        let result = result(&record, &record.tests[0]);
        assert_eq!(result["testcase"]["name"], "muster/base/tools[cpu=x86-64-v2;firmware=uefi]");
        assert_eq!(result["testcase"]["ref_url"], "https://example.org/x");
        assert_eq!(result["submit_time"], "2026-03-01T10:01:00.250000");
        let group = result["groups"][0]["uuid"].as_str().unwrap();
        assert_eq!((group.len(), &group[14..15], uuid(&record)), (36, "8", group.to_owned()));
    }
}
