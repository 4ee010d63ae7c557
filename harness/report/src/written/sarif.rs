//! `results.sarif`: SARIF 2.1.0, for code scanning pages. A result for each test that failed, could not be run or did not
//! run, and for what makes an image no pass without a test, at the line of its suite; its rule is the failure id.
//!
//! Such a page takes a result that is missing from a later file for one that was fixed. So a known issue has a result too,
//! which is suppressed, and a run that could not find everything out says that its execution was not successful. A test
//! that was skipped has none: it is not for this image.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::format::{Report, ReportInput};
use crate::verdict::{self, Unsaid};
use crate::words;
use muster_base::exit::Exit;
use muster_base::failure::{self, Location};
use muster_base::text::{one_line, plural};
use muster_record::layout::RunDir;
use muster_record::outcome::Outcome;
use muster_record::run::{IssueRecord, Ruled, RunRecord, TestRecord};

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

/// What counts as a result.
enum Shown<'t> {
    /// It speaks against the image, or nobody knows whether it does.
    Open,
    /// A known issue says so.
    Suppressed(&'t IssueRecord),
}

fn shown(test: &TestRecord) -> Option<Shown<'_>> {
    let issue = |ruled| test.issue.as_ref().filter(|issue| issue.ruled == ruled).map(Shown::Suppressed);
    match test.outcome {
        Outcome::Fail | Outcome::Error | Outcome::NotRun => Some(Shown::Open),
        // One without its entry is a failure that nothing documents.
        Outcome::Known => issue(Ruled::Known).or(Some(Shown::Open)),
        Outcome::Skip => issue(Ruled::Skipped),
        Outcome::Pass | Outcome::Flaky => None,
    }
}

fn log(record: &RunRecord) -> Value {
    let mut rules: BTreeMap<String, Value> = BTreeMap::new();
    let mut results: Vec<Value> = Vec::new();
    let mut push = |id: String, result: Value| {
        rules.entry(id.clone()).or_insert_with(|| {
            let row = failure::TABLE.iter().find(|row| row.id == id);
            let text = row.map_or("An expectation of a check was not met.", |row| row.meaning);
            json!({"id": id, "shortDescription": {"text": text}})
        });
        results.push(result);
    };
    for test in &record.tests {
        if let Some(shown) = shown(test) {
            let (id, message) = words::headline(test);
            let result = of_test(test, &shown, &id, &message);
            push(id, result);
        }
    }
    let unsaid = verdict::unsaid(record);
    for unsaid in &unsaid {
        let id = verdict::run_id(record).as_str().to_owned();
        let result = of_unsaid(record, unsaid, &id);
        push(id, result);
    }
    let notices = unsaid.iter().map(|unsaid| one_line(&format!("{}: {}", unsaid.name(), unsaid.why), 400));
    let notices = notices.chain(without_result(record));
    let notice = notices.map(|text| json!({"level": "error", "message": {"text": text}}));
    let mut invocation = json!({
        "executionSuccessful": is_complete(record),
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

fn has_no_result(test: &TestRecord) -> bool {
    matches!(test.outcome, Outcome::Error | Outcome::NotRun)
}

/// How many tests have none, in words.
fn without_result(record: &RunRecord) -> Option<String> {
    let count = record.tests.iter().filter(|test| has_no_result(test)).count();
    (count > 0).then(|| format!("{count} test{} could not be run to a result", plural(count)))
}

/// Whether the run found out what it was to find out, whatever that was: an exit code of 2 or 3 says that it did not.
fn is_complete(record: &RunRecord) -> bool {
    let code = record.exit_code.and_then(Exit::of_code);
    record.finished.is_some()
        && !record.interrupted
        && matches!(code, Some(Exit::Pass | Exit::Failed | Exit::Stale))
        && !record.tests.iter().any(has_no_result)
}

fn of_test(test: &TestRecord, shown: &Shown<'_>, id: &str, message: &str) -> Value {
    let place = test.failures.iter().find_map(|failure| failure.location.as_ref()).unwrap_or(&test.location);
    let text = format!("{} [{}]: {message}", one_line(&test.name(), 300), one_line(&test.image, 200));
    let mut result = json!({
        "ruleId": id,
        "level": "error",
        "message": {"text": text},
        "locations": [location(place)],
        "partialFingerprints": {"test/v1": one_line(&format!("{}@{}", test.name(), test.image), 500)},
    });
    if let Shown::Suppressed(issue) = shown {
        // A reader that does not know of suppressions sees a note, as it sees a skip in JUnit.
        result["level"] = "note".into();
        let why = format!("{} ({}), until {}", issue.because, issue.tracker, issue.expires);
        result["suppressions"] = json!([
            {"kind": "external", "status": "accepted", "justification": one_line(&why, 500), "location": location(&issue.location)},
        ]);
    }
    result
}

/// It has no line of its own: that of a test of the image, else the beginning of a suite, else of the record. Servers
/// refuse a file with a result that has no place.
fn of_unsaid(record: &RunRecord, unsaid: &Unsaid<'_>, id: &str) -> Value {
    let of_image = |test: &&TestRecord| unsaid.image.is_none_or(|image| test.image == image);
    let beginning = |file: &str| Location { file: file.into(), line: 1, column: 1 };
    let test = record.tests.iter().find(of_image).map(|test| test.location.clone());
    let place = test.or_else(|| record.suites.values().next().map(|suite| beginning(&suite.file)));
    let image = unsaid.image.map_or_else(String::new, |image| format!("@{image}"));
    json!({
        "ruleId": id,
        "level": "error",
        "message": {"text": one_line(&format!("{}: {}", unsaid.name(), unsaid.why), 500)},
        "locations": [location(&place.unwrap_or_else(|| beginning(RunDir::RUN_JSON)))],
        "partialFingerprints": {"test/v1": one_line(&format!("{}{image}", verdict::RUN), 500)},
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

    fn results(log: &Value) -> &Vec<Value> {
        log["runs"][0]["results"].as_array().unwrap()
    }

    #[test]
    fn what_failed_or_has_no_result_has_one_with_a_rule_and_a_line() {
        let mut record = Recorder::fold(&sample::events());
        record.tests[1].location.file = "suites/a b\"<.yaml".into();
        record.tests[1].failures.iter_mut().for_each(|failure| failure.location = None);
        let log = log(&record);
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        for result in results(&log) {
            assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]), "{result}");
            let place = &result["locations"][0]["physicalLocation"];
            assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        }
        assert!(log.to_string().contains("suites/a%20b%22%3C.yaml"));
        let invocation = &log["runs"][0]["invocations"][0];
        assert_eq!(invocation["exitCode"], 1);
        // Some of its tests ended in an error.
        assert_eq!(invocation["executionSuccessful"], false);
        let cut = super::log(&Recorder::fold(&sample::events()[..4]));
        let invocation = cut["runs"][0]["invocations"][0].as_object().unwrap();
        assert!(!invocation.contains_key("exitCode") && invocation["executionSuccessful"] == false, "{invocation:?}");
    }

    /// A run of one test that ended so.
    fn run(outcome: Outcome, ruled: Option<Ruled>, code: u8) -> RunRecord {
        let mut record = Recorder::fold(&sample::events());
        let known = record.tests.iter().find_map(|test| test.issue.clone()).expect("a known issue");
        let mut test = sample::test("base", "x", outcome);
        test.image = "lab".into();
        test.issue = ruled.map(|ruled| IssueRecord { ruled, because: "it ships\nso".into(), ..known });
        record.tests = vec![test];
        record.images.retain(|image, _| image == "lab");
        (record.findings, record.exit_code) = (Vec::new(), Some(code));
        record
    }

    #[test]
    fn nothing_that_is_not_fixed_is_missing_whatever_the_outcome() {
        for outcome in Outcome::ALL {
            let known = matches!(outcome, Outcome::Known | Outcome::Skip);
            let ruled = if outcome == Outcome::Skip { Ruled::Skipped } else { Ruled::Known };
            let log = log(&run(outcome, known.then_some(ruled), 0));
            let own: Vec<&Value> =
                results(&log).iter().filter(|one| one["partialFingerprints"]["test/v1"] == "base/x@lab").collect();
            let expected = usize::from(!matches!(outcome, Outcome::Pass | Outcome::Flaky));
            assert_eq!(own.len(), expected, "{outcome:?}");
            for result in own {
                let (suppressed, level) = (result.get("suppressions").is_some(), result["level"].as_str());
                assert_eq!((suppressed, level), (known, Some(if known { "note" } else { "error" })), "{outcome:?}");
                if known {
                    let why = result["suppressions"][0]["justification"].as_str().unwrap();
                    assert!(why.starts_with("it ships so ("), "{why}");
                }
            }
            let successful = &log["runs"][0]["invocations"][0]["executionSuccessful"];
            assert_eq!(*successful, !matches!(outcome, Outcome::Error | Outcome::NotRun), "{outcome:?}");
        }
        let skipped = log(&run(Outcome::Skip, None, 2));
        let rules: Vec<&Value> = results(&skipped).iter().map(|one| &one["ruleId"]).collect();
        assert_eq!(rules, ["run.not-passed"], "a skip is none, and a run in which nothing ran is one");
        let undocumented = log(&run(Outcome::Known, None, 0));
        assert!(results(&undocumented)[0].get("suppressions").is_none());
    }

    #[test]
    fn a_run_that_is_no_pass_without_a_test_has_a_result_and_was_not_successful_unless_it_found_everything_out() {
        for exit in Exit::TABLE.iter().map(|(exit, ..)| *exit).filter(|exit| *exit != Exit::Pass) {
            let log = log(&run(Outcome::Pass, None, exit as u8));
            let [result] = &results(&log)[..] else { panic!("{exit:?}: {log}") };
            assert_eq!((&result["ruleId"], &result["level"]), (&"run.not-passed".into(), &"error".into()));
            assert!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].is_string());
            let found = matches!(exit, Exit::Failed | Exit::Stale);
            assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], found, "{exit:?}");
        }
        // One that has no test at all has a place, too.
        let nothing = log(&Recorder::fold(&sample::events()[..1]));
        assert_eq!(results(&nothing)[0]["ruleId"], "run.interrupted");
        assert_eq!(log(&RunRecord::default())["runs"][0]["results"].as_array().map(Vec::len), Some(1));
    }
}
