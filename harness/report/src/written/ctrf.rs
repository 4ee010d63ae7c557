//! `ctrf-report.json`: the Common Test Report Format. Its specification has version 0.0.0, so what counts as valid is the
//! schema of npm's `ctrf` 0.3.0, whose digest `ci/report-readers` checks. It has five states: an error is `failed` there,
//! a known issue `skipped`, a test that did not run `pending`; the outcome itself is the `rawStatus`. A run that is no
//! pass has at least one test that failed: where no test of an image says why, one named `muster/run` does.

use serde_json::{Map, Value, json};

use super::budget::Budget;
use crate::evidence::Evidences;
use crate::format::{Report, ReportInput};
use crate::{verdict, words};
use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_record::run::{AttemptRecord, RunRecord, TestRecord};

/// Bytes of one trace at most.
const TRACE_LIMIT: usize = 64 << 10;
/// Bytes of all traces together, as escaped.
const TOTAL_LIMIT: usize = 16 << 20;

/// The report.
pub(crate) struct Ctrf;

impl Report for Ctrf {
    fn name(&self) -> &'static str {
        "ctrf"
    }

    fn file(&self) -> &'static str {
        "ctrf-report.json"
    }

    fn is_default(&self) -> bool {
        false
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::to_string_pretty(&document(source))? + "\n")
    }
}

fn document(source: ReportInput<'_>) -> Value {
    let record = source.record;
    let mut writer = Writer {
        source,
        evidences: Evidences::new(source.dir),
        budget: Budget::new(TOTAL_LIMIT, |c| if c.is_control() || c == '"' || c == '\\' { 2 } else { c.len_utf8() }),
    };
    let mut tests: Vec<Value> = record.tests.iter().map(|test| writer.test(test)).collect();
    tests.extend(verdict::unsaid(record).iter().map(|unsaid| {
        let name = unsaid.name();
        let mut out = json!({"name": name, "testId": name, "status": "failed", "rawStatus": "error", "duration": 0,
            "message": one_line(&unsaid.why, 400)});
        if let Some(image) = unsaid.image {
            out["testId"] = one_line(&format!("{}@{image}", verdict::RUN), 500).into();
            out["suite"] = json!(["muster", one_line(image, 200)]);
        }
        out
    }));
    let count = |status: &str| tests.iter().filter(|test| test["status"] == status).count();
    let start = milliseconds(&record.started).unwrap_or_default();
    let stop = record.finished.as_deref().and_then(milliseconds).unwrap_or(start);
    let summary = json!({
        "tests": tests.len(),
        "passed": count("passed"),
        "failed": count("failed"),
        "skipped": count("skipped"),
        "pending": count("pending"),
        "other": 0,
        "flaky": record.tests.iter().filter(|test| test.outcome == Outcome::Flaky).count(),
        "suites": record.suites.len(),
        "start": start,
        "stop": stop,
        "duration": stop.saturating_sub(start),
        "extra": {"exit-code": record.exit_code, "interrupted": record.interrupted},
    });
    let mut out = Map::new();
    out.insert("reportFormat".into(), "CTRF".into());
    out.insert("specVersion".into(), "0.0.0".into());
    out.insert("runId".into(), one_line(&record.id, 200).into());
    let at = record.finished.as_ref().unwrap_or(&record.started);
    if at.parse::<jiff::Timestamp>().is_ok() {
        out.insert("timestamp".into(), at.as_str().into());
    }
    out.insert("generatedBy".into(), "muster".into());
    out.insert(
        "results".into(),
        json!({
            "tool": {"name": "muster", "version": one_line(&record.muster, 100)},
            "summary": summary,
            "tests": tests,
            "environment": environment(record),
        }),
    );
    Value::Object(out)
}

/// What all tests ran on: of several images there is none.
fn environment(record: &RunRecord) -> Value {
    let images: Map<String, Value> = record
        .images
        .iter()
        .map(|(name, image)| {
            let facts = image.facts.as_ref();
            let os = |key: &str| facts.and_then(|facts| facts.os_release.get(key)).map(|value| one_line(value, 200));
            let entry = json!({
                "sha256": one_line(&image.sha256, 100),
                "distribution": os("ID"),
                "version": os("VERSION_ID"),
                "kernel": facts.map(|facts| one_line(&facts.kernel, 200)),
                "architecture": facts.map(|facts| one_line(&facts.arch, 100)),
            });
            (one_line(name, 200), entry)
        })
        .collect();
    json!({"extra": {"images": images, "accelerator": one_line(&record.accelerator.kind, 50)}})
}

struct Writer<'a> {
    source: ReportInput<'a>,
    evidences: Evidences<'a>,
    budget: Budget,
}

impl Writer<'_> {
    fn test(&mut self, test: &TestRecord) -> Value {
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| {
            out.insert(key.to_owned(), value);
        };
        let name = one_line(&format!("{} [{}]", test.name(), test.image), 500);
        put("testId", one_line(&format!("{}@{}", test.name(), test.image), 500).into());
        put("name", name.into());
        put("status", status(test.outcome).into());
        put("rawStatus", test.outcome.name().into());
        put("duration", whole(test.seconds).into());
        if let Some(start) = test.started.as_deref().and_then(milliseconds) {
            put("start", start.into());
            put("stop", start.saturating_add(whole(test.seconds)).into());
        }
        put("suite", json!([one_line(&test.suite, 200), one_line(&test.image, 200)]));
        put("filePath", one_line(&test.location.file, 500).into());
        put("line", test.location.line.into());
        put("tags", test.tags.iter().map(|tag| one_line(tag, 200)).collect());
        put("flaky", (test.outcome == Outcome::Flaky).into());
        let mut extra = json!({"summary": one_line(&test.summary, 400), "rerun": one_line(&test.rerun, 500)});
        if !matches!(test.outcome, Outcome::Pass) {
            let (id, message) = words::headline(test);
            put("message", message.into());
            extra["failure-id"] = id.into();
        }
        if let Some(issue) = &test.issue {
            extra["tracker"] = one_line(&issue.tracker, 500).into();
        }
        if let Some(resume) = words::resume(test) {
            extra["resume"] = resume.into();
        }
        put("extra", extra);
        if !test.failures.is_empty() {
            put("trace", self.budget.within(&words::account(test).join("\n"), TRACE_LIMIT).into());
        }
        if !test.attempts.is_empty() {
            put("retries", test.attempts.len().into());
            let attempts = test.attempts.iter().enumerate().map(|(at, attempt)| self.attempt(test, at, attempt));
            put("retryAttempts", attempts.collect());
        }
        if matches!(test.outcome, Outcome::Fail | Outcome::Error) {
            let files = self.evidences.of(test).attachments;
            let attachment = |path: &String| {
                let name = path.rsplit('/').next().unwrap_or(path);
                json!({"name": name, "contentType": "text/plain", "path": self.source.base.name(path)})
            };
            put("attachments", files.iter().map(attachment).collect());
        }
        Value::Object(out)
    }

    fn attempt(&mut self, test: &TestRecord, at: usize, attempt: &AttemptRecord) -> Value {
        let this = TestRecord { failures: attempt.failures.clone(), outcome: Outcome::Fail, ..test.clone() };
        json!({
            "attempt": at + 1,
            "status": "failed",
            "duration": whole(attempt.seconds),
            "message": words::headline(&this).1,
            "trace": self.budget.within(&words::account(&this).join("\n"), TRACE_LIMIT),
        })
    }
}

fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass | Outcome::Flaky => "passed",
        Outcome::Fail | Outcome::Error => "failed",
        Outcome::Skip | Outcome::Known => "skipped",
        Outcome::NotRun => "pending",
    }
}

/// Milliseconds since 1970.
fn milliseconds(at: &str) -> Option<u64> {
    u64::try_from(at.parse::<jiff::Timestamp>().ok()?.as_millisecond()).ok()
}

/// Seconds in whole milliseconds; what is no time is 0.
fn whole(seconds: f64) -> u64 {
    (seconds * 1000.0).round().clamp(0.0, 1e15) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Base;
    use camino::Utf8Path;
    use muster_record::fold::Recorder;
    use muster_record::layout::RunDir;
    use muster_record::sample;

    fn of(record: &RunRecord) -> Value {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temporary.path()).unwrap().join("run");
        let dir = RunDir::create(&root).unwrap();
        let base = Base::of(&root, None).unwrap();
        document(ReportInput { record, before: None, dir: &dir, base: &base })
    }

    #[test]
    fn counts_are_those_of_the_tests_and_nothing_is_greener_than_it_was() {
        let record = Recorder::fold(&sample::events());
        let report = of(&record);
        let tests = report["results"]["tests"].as_array().unwrap();
        assert_eq!(tests.len(), sample::TESTS);
        for (test, of) in record.tests.iter().zip(tests) {
            assert_eq!(of["rawStatus"], test.outcome.name());
            assert_eq!(of["status"] == "passed", matches!(test.outcome, Outcome::Pass | Outcome::Flaky), "{of}");
            assert_eq!(of["status"] == "failed", matches!(test.outcome, Outcome::Fail | Outcome::Error), "{of}");
        }
        let summary = &report["results"]["summary"];
        let sum: u64 =
            ["passed", "failed", "skipped", "pending", "other"].iter().map(|key| summary[key].as_u64().unwrap()).sum();
        assert_eq!(summary["tests"], sum);
        let mut names: Vec<&Value> = tests.iter().map(|test| &test["testId"]).collect();
        names.dedup();
        assert_eq!(names.len(), tests.len());
    }

    #[test]
    fn a_run_that_is_no_pass_has_a_test_that_failed() {
        let events = sample::events();
        let mut record = Recorder::fold(&events[..1]);
        record.exit_code = Some(3);
        let report = of(&record);
        assert_eq!(report["results"]["summary"]["failed"], 1);
        assert_eq!(report["results"]["tests"][0]["name"], "muster/run");
    }
}
