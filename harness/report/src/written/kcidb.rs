//! `kcidb.json`: what KernelCI's database takes (KCIDB, schema 5.3 of `kcidb_io/schema/v05_03.py`). Its subject is a build of a
//! checkout of a kernel; here the image is both, and the `id` of a build is the image's digest. All objects have the
//! origin `muster`: who submits them puts his own in its place.
//!
//! There an `ERROR` is a test that did not come to an end, a `MISS` one that was never begun. A known issue is a `FAIL`
//! with an incident of its issue; a flaky pass is a `PASS`. Nothing is null, and no value is made up.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::resultsdb::{is_address, of_unsaid};
use crate::format::{Report, ReportInput};
use crate::{verdict, words};
use muster_base::text::{hex, one_line};
use muster_record::outcome::Outcome;
use muster_record::run::{IssueRecord, Ruled, RunRecord, TestRecord};

/// Characters of an excerpt: the schema's own limit.
const EXCERPT: usize = 16_384;
/// Characters of any other text.
const LONGEST: usize = 500;
/// The word before the `:` of every id.
const ORIGIN: &str = "muster";

/// The report.
pub(crate) struct Kcidb;

impl Report for Kcidb {
    fn name(&self) -> &'static str {
        "kcidb"
    }

    fn file(&self) -> &'static str {
        "kcidb.json"
    }

    fn is_default(&self) -> bool {
        false
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::to_string_pretty(&document(source.record))? + "\n")
    }
}

fn document(record: &RunRecord) -> Value {
    // Images of tests that never got one are subjects too.
    let mut images: Vec<&str> = record.images.keys().map(String::as_str).collect();
    images.extend(record.tests.iter().map(|test| test.image.as_str()));
    let mut tests: Vec<Value> = record.tests.iter().map(|test| self::test(record, test)).collect();
    for unsaid in verdict::unsaid(record) {
        for image in of_unsaid(record, &unsaid) {
            images.push(image);
            let mut run = run_of(record, image, verdict::RUN);
            run.insert("status".to_owned(), "MISS".into());
            run.insert("log_excerpt".to_owned(), excerpt(&unsaid.why).into());
            tests.push(Value::Object(run));
        }
    }
    // Two entries of one file are one subject.
    images.sort_by_key(|image| subject(record, image));
    images.dedup_by_key(|image| subject(record, image));
    let known = |test: &'_ &TestRecord| test.issue.as_ref().is_some_and(|issue| issue.ruled == Ruled::Known);
    let known: Vec<&TestRecord> = record.tests.iter().filter(known).collect();
    let mut issues: Vec<Value> = known.iter().filter_map(|test| test.issue.as_ref()).map(issue).collect();
    issues.sort_by_key(|issue| issue["id"].to_string());
    issues.dedup_by_key(|issue| issue["id"].to_string());
    let mut out = json!({
        "version": {"major": 5, "minor": 3},
        "checkouts": images.iter().map(|image| checkout(record, image)).collect::<Vec<_>>(),
        "builds": images.iter().map(|image| build(record, image)).collect::<Vec<_>>(),
        "tests": tests,
    });
    if !known.is_empty() {
        out["issues"] = issues.into();
        out["incidents"] = known.iter().filter_map(|test| incident(record, test)).collect();
    }
    out
}

/// The digest of an image's file; of one that is not known, what it is called in this run.
fn subject(record: &RunRecord, image: &str) -> String {
    match record.images.get(image).map(|image| image.sha256.as_str()).filter(|digest| !digest.is_empty()) {
        Some(digest) => format!("{ORIGIN}:sha256-{}", one_line(digest, 100)),
        None => format!("{ORIGIN}:{}", short(&["image", &record.id, image])),
    }
}

/// Half a SHA-256 of the parts, in hexadecimal digits.
fn short(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    hex(digest.finalize())[..32].to_owned()
}

fn checkout(record: &RunRecord, image: &str) -> Value {
    let named = record.images.get(image).map_or(image, |image| image.path.as_str());
    json!({
        "id": subject(record, image),
        "origin": ORIGIN,
        "comment": one_line(&format!("the image {named}"), LONGEST),
        "valid": true,
    })
}

fn build(record: &RunRecord, image: &str) -> Value {
    let id = subject(record, image);
    let mut out =
        json!({"id": id, "checkout_id": id, "origin": ORIGIN, "comment": one_line(image, LONGEST), "status": "PASS"});
    let known = record.images.get(image);
    let mut misc = Map::new();
    if let Some(known) = known {
        misc.insert("format".to_owned(), one_line(&known.format, LONGEST).into());
    }
    if let Some(facts) = known.and_then(|known| known.facts.as_ref()) {
        let is_one = |arch: &str| arch.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if is_one(&facts.arch) && !facts.arch.is_empty() {
            out["architecture"] = facts.arch.as_str().into();
        }
        misc.insert("kernel".to_owned(), one_line(&facts.kernel, LONGEST).into());
        for (name, key) in [("distribution", "ID"), ("version", "VERSION_ID")] {
            if let Some(value) = facts.os_release.get(key) {
                misc.insert(name.to_owned(), one_line(value, LONGEST).into());
            }
        }
    }
    out["misc"] = misc.into();
    out
}

/// A test run of this name on an image.
fn run_of(record: &RunRecord, image: &str, name: &str) -> Map<String, Value> {
    let parts = ["a virtual machine", &record.accelerator.kind];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let environment = json!({
        "comment": one_line(&parts.join(", "), LONGEST),
        "misc": {"accelerator": one_line(&record.accelerator.kind, LONGEST), "image": one_line(image, LONGEST)},
    });
    let out = json!({
        "id": test_id(record, image, name),
        "build_id": subject(record, image),
        "origin": ORIGIN,
        "path": path(name),
        "comment": one_line(name, LONGEST),
        "environment": environment,
        "misc": {"run": one_line(&record.id, LONGEST), "muster": one_line(&record.muster, LONGEST)},
    });
    match out {
        Value::Object(out) => out,
        _ => Map::new(),
    }
}

fn test_id(record: &RunRecord, image: &str, name: &str) -> String {
    format!("{ORIGIN}:{}", short(&["test", &record.id, image, name]))
}

/// `muster.SUITE.TEST`: letters, digits, `_` and `-`. What stands in brackets behind a test's name is no part of it: a
/// path names a test, and its run says on what.
fn path(name: &str) -> String {
    let plain = name.split('[').next().unwrap_or_default();
    let part = |part: &str| {
        part.chars().map(|c| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '_' }).collect()
    };
    let parts: Vec<String> = plain.split(['/', '.']).filter(|part| !part.is_empty()).take(8).map(part).collect();
    let whole: Vec<String> = parts.into_iter().map(|part: String| part.chars().take(100).collect()).collect();
    format!("{ORIGIN}.{}", whole.join("."))
}

fn test(record: &RunRecord, test: &TestRecord) -> Value {
    let mut out = run_of(record, &test.image, &test.name());
    out.insert("status".to_owned(), status(test.outcome).into());
    if let Some(started) = test.started.as_ref().filter(|at| at.parse::<jiff::Timestamp>().is_ok()) {
        out.insert("start_time".to_owned(), started.as_str().into());
        out.insert("duration".to_owned(), test.seconds.clamp(0.0, 1e9).into());
    }
    let misc = &mut out["misc"];
    misc["outcome"] = test.outcome.name().into();
    misc["summary"] = one_line(&test.summary, LONGEST).into();
    if test.outcome != Outcome::Pass {
        let (id, message) = words::headline(test);
        misc["failure"] = id.into();
        misc["rerun"] = one_line(&test.rerun, LONGEST).into();
        let text = if test.failures.is_empty() { message } else { words::account(test).join("\n") };
        out.insert("log_excerpt".to_owned(), excerpt(&text).into());
    }
    Value::Object(out)
}

/// The beginning of a text that was escaped already, with what was left out counted.
fn excerpt(text: &str) -> String {
    const ROOM: usize = 60;
    let all = text.chars().count();
    if all <= EXCERPT {
        return text.to_owned();
    }
    let kept: String = text.chars().take(EXCERPT - ROOM).collect();
    format!("{kept}\n[{} more characters left out]", all - (EXCERPT - ROOM))
}

fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass | Outcome::Flaky => "PASS",
        Outcome::Fail | Outcome::Known => "FAIL",
        Outcome::Error => "ERROR",
        Outcome::NotRun => "MISS",
        Outcome::Skip => "SKIP",
    }
}

fn issue_id(issue: &IssueRecord) -> String {
    format!("{ORIGIN}:{}", short(&["issue", &issue.tracker]))
}

fn issue(issue: &IssueRecord) -> Value {
    let comment = one_line(&format!("{}: {}", issue.tracker, issue.because), LONGEST);
    // An entry says why the image fails: neither the test nor muster is at fault.
    let mut out = json!({
        "id": issue_id(issue),
        "version": 1,
        "origin": ORIGIN,
        "comment": comment,
        "culprit": {"code": true, "tool": false, "harness": false},
    });
    if is_address(&issue.tracker) {
        out["report_url"] = issue.tracker.as_str().into();
    }
    out
}

fn incident(record: &RunRecord, test: &TestRecord) -> Option<Value> {
    let issue = test.issue.as_ref()?;
    let name = test.name();
    Some(json!({
        "id": format!("{ORIGIN}:{}", short(&["incident", &record.id, &test.image, &name])),
        "origin": ORIGIN,
        "issue_id": issue_id(issue),
        "issue_version": 1,
        "test_id": test_id(record, &test.image, &name),
        "present": true,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn each_test_is_a_run_of_its_own_and_nothing_is_greener_than_it_was() {
        let record = Recorder::fold(&sample::events());
        let document = document(&record);
        let tests = document["tests"].as_array().unwrap();
        assert_eq!(tests.len(), sample::TESTS);
        for (test, of) in record.tests.iter().zip(tests) {
            assert_eq!(of["status"] == "PASS", matches!(test.outcome, Outcome::Pass | Outcome::Flaky), "{of}");
            assert_eq!(of["status"] == "SKIP", test.outcome == Outcome::Skip, "{of}");
            assert_eq!(of["misc"]["outcome"], test.outcome.name());
            assert_eq!(of.get("log_excerpt").is_some(), test.outcome != Outcome::Pass);
        }
        let ids: BTreeSet<String> = tests.iter().map(|test| test["id"].to_string()).collect();
        assert_eq!(ids.len(), tests.len());
        let builds: BTreeSet<&str> =
            document["builds"].as_array().unwrap().iter().filter_map(|build| build["id"].as_str()).collect();
        assert!(tests.iter().all(|test| builds.contains(test["build_id"].as_str().unwrap())), "{builds:?}");
        for plural in ["checkouts", "builds"] {
            let all = document[plural].as_array().unwrap();
            let ids: BTreeSet<&str> = all.iter().filter_map(|one| one["id"].as_str()).collect();
            assert_eq!(ids.len(), all.len(), "two images of one file are one: {all:?}");
        }
    }

    #[test]
    fn a_known_issue_is_an_incident_of_its_issue() {
        let record = Recorder::fold(&sample::events());
        let document = document(&record);
        let known = record.tests.iter().filter(|test| test.outcome == Outcome::Known).count();
        assert_eq!(document["incidents"].as_array().map(Vec::len), Some(known));
        let incident = &document["incidents"][0];
        assert_eq!(incident["issue_id"], document["issues"][0]["id"]);
        let of = document["tests"].as_array().unwrap().iter().find(|test| test["id"] == incident["test_id"]).unwrap();
        assert_eq!((&of["status"], &of["path"]), (&json!("FAIL"), &json!("muster.base.known")));
        assert!(document["issues"][0].get("report_url").is_none(), "`bug 123` is no address");
    }

    #[test]
    fn a_run_that_is_no_pass_has_a_test_that_is_missing() {
        let mut record = Recorder::fold(&sample::events()[..1]);
        record.exit_code = Some(3);
        let document = document(&record);
        assert_eq!(document["tests"].as_array().map(Vec::len), Some(1));
        assert_eq!(document["tests"][0]["status"], "MISS");
        assert_eq!(document["tests"][0]["build_id"], document["builds"][0]["id"]);
    }

    #[test]
    fn names_become_paths_and_long_texts_are_cut_where_the_schema_ends() {
        assert_eq!(path("kernel/features[cpu=x86-64-v3,firmware=uefi]"), "muster.kernel.features");
        assert_eq!(path("s/web.lis\u{e9}\u{0}ns"), "muster.s.web.lis__ns");
        let long = excerpt(&"\u{e9}".repeat(20_000));
        assert!(
            long.chars().count() <= EXCERPT && long.ends_with("[3676 more characters left out]"),
            "{}",
            &long[long.len() - 60..]
        );
        assert_eq!(excerpt("short"), "short");
    }
}
