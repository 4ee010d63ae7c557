//! `results.sarif`: SARIF 2.1.0, for code scanning pages. A result for each test that failed or could not be run, at
//! the line of its suite; its rule is the failure id.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::format::{Report, ReportInput};
use crate::{verdict, words};
use muster_base::failure::{self, Location};
use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// The report.
pub(crate) struct Sarif;

impl Report for Sarif {
    fn name(&self) -> &'static str {
        "sarif"
    }

    fn file(&self) -> &'static str {
        "results.sarif"
    }

    fn is_default(&self) -> bool {
        false
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::to_string_pretty(&log(source.record))? + "\n")
    }
}

fn log(record: &RunRecord) -> Value {
    let open = |test: &&TestRecord| matches!(test.outcome, Outcome::Fail | Outcome::Error);
    let mut rules: BTreeMap<String, Value> = BTreeMap::new();
    let mut results: Vec<Value> = Vec::new();
    for test in record.tests.iter().filter(open) {
        let (id, message) = words::headline(test);
        rules.entry(id.clone()).or_insert_with(|| {
            let row = failure::TABLE.iter().find(|row| row.id == id);
            let text = row.map_or("An expectation of a check was not met.", |row| row.meaning);
            json!({"id": id, "shortDescription": {"text": text}})
        });
        let place = test.failures.iter().find_map(|failure| failure.location.as_ref()).unwrap_or(&test.location);
        results.push(json!({
            "ruleId": id,
            "level": "error",
            "message": {"text": format!("{} [{}]: {message}", one_line(&test.name(), 300), one_line(&test.image, 200))},
            "locations": [location(place)],
            "partialFingerprints": {"test/v1": one_line(&format!("{}@{}", test.name(), test.image), 500)},
        }));
    }
    let why = verdict::unexplained(record);
    let notice = why.iter().map(|why| json!({"level": "error", "message": {"text": one_line(why, 400)}}));
    let mut invocation = json!({
        "executionSuccessful": record.finished.is_some() && !record.interrupted,
        "toolExecutionNotifications": notice.collect::<Vec<_>>(),
    });
    // The schema knows no `null` for what a run that was killed does not have.
    if let Some(code) = record.exit_code {
        invocation["exitCode"] = json!(code);
    }
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "muster", "version": one_line(&record.muster, 100),
                "rules": rules.into_values().collect::<Vec<_>>()}},
            "invocations": [invocation],
            "results": results,
        }],
    })
}

/// A relative address stays one; anything else is escaped as a path.
fn location(place: &Location) -> Value {
    let uri: String = place
        .file
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri},
        "region": {"startLine": place.line.max(1), "startColumn": place.column.max(1)},
    }})
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn what_failed_has_a_result_with_a_rule_and_a_line() {
        let mut record = Recorder::fold(&sample::events());
        record.tests[1].location.file = "suites/a b\"<.yaml".into();
        record.tests[1].failures.iter_mut().for_each(|failure| failure.location = None);
        let log = log(&record);
        let results = log["runs"][0]["results"].as_array().unwrap();
        let open = record.tests.iter().filter(|test| matches!(test.outcome, Outcome::Fail | Outcome::Error)).count();
        assert_eq!(results.len(), open);
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        for result in results {
            assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]), "{result}");
            let place = &result["locations"][0]["physicalLocation"];
            assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        }
        assert!(log.to_string().contains("suites/a%20b%22%3C.yaml"));
        assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], true);
        assert_eq!(log["runs"][0]["invocations"][0]["exitCode"], 1);
        let cut = super::log(&Recorder::fold(&sample::events()[..4]));
        let invocation = cut["runs"][0]["invocations"][0].as_object().unwrap();
        assert!(!invocation.contains_key("exitCode") && invocation["executionSuccessful"] == false, "{invocation:?}");
    }
}
