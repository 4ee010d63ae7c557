//! `otlp-traces.json`: a run as one trace of OpenTelemetry, in the JSON form of OTLP, for the servers that show where
//! time went. A span for the run, in it one for each machine with its boot, in those the tests that ran there; a test
//! that ran more than once has a span for each attempt. Ids follow from the run's id, so that the same run is the same
//! trace however often it is sent.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::format::{Report, ReportInput};
use crate::{verdict, words};
use muster_base::failure::Failure;
use muster_base::text::{hex, one_line};
use muster_record::outcome::Outcome;
use muster_record::run::{AttemptRecord, MachineRecord, RunRecord, TestRecord};

/// Characters of an attribute at most.
const LONGEST: usize = 500;
/// Failures of a test that are events of its span at most.
const FAILURES: usize = 20;
/// Nanoseconds that a span lasts at most, ten years: a record may say anything.
const LONGEST_SPAN: f64 = 10.0 * 365.0 * 86_400e9;
/// `SPAN_KIND_INTERNAL`; OTLP's JSON has numbers for names.
const INTERNAL: u8 = 1;
/// `STATUS_CODE_ERROR`. No span has `OK`: OpenTelemetry leaves that to the person who reads a trace.
const ERROR: u8 = 2;

/// The report.
pub(crate) struct Otlp;

impl Report for Otlp {
    fn name(&self) -> &'static str {
        "otlp"
    }

    fn file(&self) -> &'static str {
        "otlp-traces.json"
    }

    fn is_default(&self) -> bool {
        false
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::to_string_pretty(&traces(source.record))? + "\n")
    }
}

/// From when to when, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
}

impl Span {
    fn lasting(start: u64, seconds: f64) -> Self {
        // Not a number becomes 0, and so does what lies before its beginning.
        let nanoseconds = (seconds * 1e9).clamp(0.0, LONGEST_SPAN) as u64;
        Self { start, end: start.saturating_add(nanoseconds) }
    }
}

/// What the spans of a run share.
struct Trace<'r> {
    record: &'r RunRecord,
    id: String,
    run: Span,
    spans: Vec<Value>,
}

fn traces(record: &RunRecord) -> Value {
    let tests: Vec<Span> = record.tests.iter().filter_map(of_test).collect();
    let start = time(&record.started).unwrap_or_default();
    // A run that did not end lasted as long as anything of it is known to have lasted.
    let known = tests.iter().map(|span| span.end).chain(record.machines.iter().filter_map(|m| time(m.ended.as_ref()?)));
    let end = record.finished.as_deref().and_then(time).unwrap_or_else(|| known.max().unwrap_or(start)).max(start);
    let mut trace = Trace { record, id: id(record, "trace", &[], 16), run: Span { start, end }, spans: Vec::new() };
    trace.of_run();
    let machines = trace.of_machines();
    for test in &record.tests {
        trace.of_test(test, &machines);
    }
    let resource = [
        text("service.name", "muster"),
        text("service.version", &record.muster),
        text("muster.run.id", &record.id),
        text("muster.accelerator", &record.accelerator.kind),
    ];
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": "muster", "version": plain(&record.muster)}, "spans": trace.spans}],
    }]})
}

impl Trace<'_> {
    fn of_run(&mut self) {
        let record = self.record;
        let mut attributes = vec![text("muster.run.id", &record.id)];
        attributes.extend(record.exit_code.map(|code| number("process.exit.code", u64::from(code))));
        for outcome in Outcome::ALL {
            let count = record.tests.iter().filter(|test| test.outcome == outcome).count();
            attributes.push(number(&format!("muster.tests.{}", outcome.name()), count as u64));
        }
        // Never greener than the run.
        let passes = record.finished.is_some() && !record.interrupted && record.exit_code == Some(0);
        let why = verdict::unexplained(record).unwrap_or_else(|| "the run is not a pass".to_owned());
        let span = json!({"name": "run", "attributes": attributes});
        self.push(span, (id(record, "run", &[], 8), None), self.run, (!passes).then_some(why));
    }

    /// The id of the span of each machine.
    fn of_machines(&mut self) -> HashMap<String, String> {
        let mut ids = HashMap::new();
        let run = id(self.record, "run", &[], 8);
        for machine in &self.record.machines {
            // A record of an earlier version does not know when a machine was started: its tests are those of the run.
            let Some(start) = machine.started.as_deref().and_then(time) else { continue };
            let own = id(self.record, "machine", &[&machine.id], 8);
            let end = machine.ended.as_deref().and_then(time).unwrap_or(self.run.end).max(start);
            let (name, wrong) = (format!("machine {}", plain(&machine.id)), self.wrong_with(machine));
            let span = json!({"name": name, "attributes": self.machine_attributes(machine)});
            self.push(span, (own.clone(), Some(&run)), Span { start, end }, wrong);
            if let Some(seconds) = machine.boot_seconds {
                let name = if machine.cloned_from.is_none() { "boot" } else { "start of the clone" };
                let span = json!({"name": name, "attributes": [text("muster.machine.id", &machine.id)]});
                let boot = id(self.record, "boot", &[&machine.id], 8);
                self.push(span, (boot, Some(&own)), Span::lasting(start, seconds), None);
            }
            ids.insert(machine.id.clone(), own);
        }
        ids
    }

    fn machine_attributes(&self, machine: &MachineRecord) -> Vec<Value> {
        let image = self.record.images.get(&machine.image);
        let mut attributes = vec![text("muster.machine.id", &machine.id), text("muster.image", &machine.image)];
        let facts = image.and_then(|image| image.facts.as_ref());
        attributes.extend(
            [
                machine.cloned_from.as_deref().map(|of| text("muster.machine.cloned_from", of)),
                machine.end.as_deref().map(|end| text("muster.machine.end", end)),
                image.map(|image| text("muster.image.sha256", &image.sha256)),
                facts.map(|facts| text("muster.guest.kernel", &facts.kernel)),
                facts.map(|facts| text("muster.guest.arch", &facts.arch)),
            ]
            .into_iter()
            .flatten(),
        );
        attributes
    }

    fn wrong_with(&self, machine: &MachineRecord) -> Option<String> {
        let crash = verdict::crashes(self.record).find(|found| found.machine == machine.id);
        let crash =
            crash.map(|found| format!("{} on the console, line {}", found.finding.category, found.finding.line_number));
        let silent = (machine.boot_seconds.is_none() && machine.ended.is_some())
            .then(|| format!("never answered: {}", machine.end.as_deref().unwrap_or("ended")));
        crash.or(silent)
    }

    fn of_test(&mut self, test: &TestRecord, machines: &HashMap<String, String>) {
        let key = [test.suite.as_str(), &test.test, &test.image];
        let own = id(self.record, "test", &key, 8);
        let run = id(self.record, "run", &[], 8);
        let parent = test.machine.as_ref().and_then(|machine| machines.get(machine)).unwrap_or(&run);
        // What never started stands at the beginning of the run and takes no time.
        let span = of_test(test).unwrap_or(Span { end: self.run.start, ..self.run });
        let mut attributes = vec![
            text("test.suite.name", &test.suite),
            text("test.case.name", &test.name()),
            text("muster.outcome", test.outcome.name()),
            text("muster.image", &test.image),
            text("code.file.path", &test.location.file),
            number("code.line.number", u64::from(test.location.line)),
        ];
        attributes.extend(result(test.outcome).map(|result| text("test.case.result.status", result)));
        attributes.extend(test.machine.as_deref().map(|machine| text("muster.machine.id", machine)));
        let (failure, message) = words::headline(test);
        let red = matches!(test.outcome, Outcome::Fail | Outcome::Error | Outcome::NotRun);
        if test.outcome != Outcome::Pass {
            attributes.push(text("muster.failure.id", &failure));
            attributes.push(text("muster.message", &message));
        }
        let events = failures(&test.failures, span.end);
        let span_of_test = json!({"name": plain(&test.name()), "attributes": attributes, "events": events});
        self.push(span_of_test, (own.clone(), Some(parent)), span, red.then_some(message));
        if !test.attempts.is_empty() {
            self.of_attempts(test, &own, &key);
        }
    }

    fn of_attempts(&mut self, test: &TestRecord, parent: &str, key: &[&str; 3]) {
        let Some((earlier, last)) = attempts(test) else { return };
        let said = test.attempts.iter().map(|attempt| (attempt.machine.as_ref(), true, &attempt.failures[..]));
        // A flaky test has the failures of the attempt before its last one.
        let failed = !matches!(test.outcome, Outcome::Pass | Outcome::Flaky);
        let of_last = if failed { &test.failures[..] } else { &[] };
        let all = said.chain([(test.machine.as_ref(), failed, of_last)]).zip(earlier.into_iter().chain([last]));
        for (number_of, ((machine, failed, failures_of), span)) in (1_u64..).zip(all) {
            let mut attributes = vec![number("muster.attempt", number_of)];
            attributes.extend(machine.map(|machine| text("muster.machine.id", machine)));
            let own = id(self.record, "attempt", &[key[0], key[1], key[2], &number_of.to_string()], 8);
            let wrong = failures_of.first().map_or_else(|| "it failed".to_owned(), |failure| failure.message.clone());
            let name = format!("attempt {number_of}");
            let span_of = json!({"name": name, "attributes": attributes, "events": failures(failures_of, span.end)});
            self.push(span_of, (own, Some(parent)), span, failed.then_some(wrong));
        }
    }

    /// Completes a span that has a name, attributes and perhaps events.
    fn push(&mut self, mut span: Value, (own, parent): (String, Option<&str>), time: Span, wrong: Option<String>) {
        span["traceId"] = self.id.clone().into();
        span["spanId"] = own.into();
        if let Some(parent) = parent {
            span["parentSpanId"] = parent.into();
        }
        span["kind"] = INTERNAL.into();
        span["startTimeUnixNano"] = time.start.to_string().into();
        span["endTimeUnixNano"] = time.end.to_string().into();
        if let Some(wrong) = wrong {
            span["status"] = json!({"code": ERROR, "message": plain(&wrong)});
        }
        self.spans.push(span);
    }
}

/// What OpenTelemetry's registry has for a result: two values, and none for what has no result.
fn result(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Pass | Outcome::Flaky => Some("pass"),
        // A known issue fails; that it is documented is in `muster.outcome`.
        Outcome::Fail | Outcome::Error | Outcome::Known => Some("fail"),
        Outcome::Skip | Outcome::NotRun => None,
    }
}

/// From the beginning of the first attempt to the end of the last; `None` for a test that never started.
fn of_test(test: &TestRecord) -> Option<Span> {
    let (earlier, last) = attempts(test)?;
    Some(Span { start: earlier.first().map_or(last.start, |first| first.start).min(last.start), end: last.end })
}

/// The attempts before the last, and the last.
fn attempts(test: &TestRecord) -> Option<(Vec<Span>, Span)> {
    let start = time(test.started.as_ref()?)?;
    let before: f64 = test.attempts.iter().map(|attempt| attempt.seconds).sum();
    let last = Span::lasting(start, test.seconds - before);
    // In records of earlier versions they have no time of their own: one ends where the next begins.
    let mut next = start;
    let mut earlier: Vec<Span> = test
        .attempts
        .iter()
        .rev()
        .map(|attempt: &AttemptRecord| {
            let length = Span::lasting(0, attempt.seconds).end;
            let start = attempt.started.as_deref().and_then(time).unwrap_or_else(|| next.saturating_sub(length));
            next = start;
            Span::lasting(start, attempt.seconds)
        })
        .collect();
    earlier.reverse();
    Some((earlier, last))
}

fn failures(failures: &[Failure], at: u64) -> Vec<Value> {
    let event = |failure: &Failure| {
        let mut attributes =
            vec![text("muster.failure.id", failure.id.as_str()), text("muster.message", &failure.message)];
        if let Some(location) = &failure.location {
            attributes.push(text("code.file.path", &location.file));
            attributes.push(number("code.line.number", u64::from(location.line)));
        }
        json!({"timeUnixNano": at.to_string(), "name": "muster.failure", "attributes": attributes})
    };
    failures.iter().take(FAILURES).map(event).collect()
}

/// The first bytes of a digest of the run's id and a name, as hexadecimal digits.
fn id(record: &RunRecord, of: &str, name: &[&str], bytes: usize) -> String {
    let mut digest = Sha256::new();
    for part in ["muster", &record.id, of].iter().chain(name) {
        // With their lengths, so that no two lists of parts are one text.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    hex(&digest.finalize()[..bytes])
}

/// Nanoseconds since 1970 of an RFC 3339 time; `None` for what is none, or before that.
fn time(text: impl AsRef<str>) -> Option<u64> {
    let time: Timestamp = text.as_ref().parse().ok()?;
    u64::try_from(time.as_nanosecond()).ok()
}

fn plain(text: &str) -> String {
    one_line(text, LONGEST)
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": plain(value)}})
}

fn number(key: &str, value: u64) -> Value {
    // A 64-bit number is a string in protobuf's JSON.
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    fn spans(record: &RunRecord) -> Vec<Value> {
        traces(record)["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
    }

    fn attribute<'v>(span: &'v Value, key: &str) -> Option<&'v str> {
        let attributes = span["attributes"].as_array().unwrap();
        attributes.iter().find(|one| one["key"] == key)?["value"]["stringValue"].as_str()
    }

    fn named<'v>(spans: &'v [Value], name: &str) -> &'v Value {
        spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("no span {name}"))
    }

    fn nanoseconds(span: &Value) -> (u64, u64) {
        let of = |key: &str| span[key].as_str().unwrap().parse().unwrap();
        (of("startTimeUnixNano"), of("endTimeUnixNano"))
    }

    #[test]
    fn every_test_is_a_span_of_one_trace_below_its_machine() {
        let record = Recorder::fold(&sample::events());
        let spans = spans(&record);
        let ids: HashSet<&str> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), spans.len());
        let of_tests: Vec<&Value> = spans.iter().filter(|span| attribute(span, "test.case.name").is_some()).collect();
        assert_eq!(of_tests.len(), record.tests.len());
        for span in &spans {
            assert_eq!(span["traceId"], spans[0]["traceId"]);
            let (start, end) = nanoseconds(span);
            assert!(start <= end, "{span}");
            let parent = span.get("parentSpanId").map(|parent| parent.as_str().unwrap());
            assert!(parent.map_or(span["name"] == "run", |parent| ids.contains(parent)), "{span}");
        }
        let serves = of_tests.iter().find(|span| attribute(span, "muster.outcome") == Some("pass")).unwrap();
        assert_eq!(serves["parentSpanId"], named(&spans, "machine m1")["spanId"]);
        assert_eq!(nanoseconds(serves), (1_772_359_205_250_000_000, 1_772_359_206_484_500_000));
        assert_eq!(spans[0]["traceId"].as_str().unwrap().len(), 32);
        assert_eq!(spans[0]["spanId"].as_str().unwrap().len(), 16);
        assert_eq!(nanoseconds(named(&spans, "boot")).1 - nanoseconds(named(&spans, "boot")).0, 31_500_000_000);
        // The same run is the same trace, another is not.
        assert_eq!(traces(&record), traces(&record.clone()));
        let other = RunRecord { id: "other".into(), ..record.clone() };
        assert_ne!(traces(&other)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"], spans[0]["traceId"]);
    }

    #[test]
    fn a_result_is_one_of_the_registry_and_nothing_is_greener_than_the_run() {
        let record = Recorder::fold(&sample::events());
        let spans = spans(&record);
        for test in &record.tests {
            let mut all = spans.iter().filter(|span| attribute(span, "test.case.name") == Some(&*test.name()));
            let span = all.find(|span| attribute(span, "muster.image") == Some(&*test.image)).unwrap();
            assert_eq!(attribute(span, "muster.outcome"), Some(test.outcome.name()));
            let red = matches!(test.outcome, Outcome::Fail | Outcome::Error | Outcome::NotRun);
            assert_eq!(span["status"]["code"] == ERROR, red, "{span}");
            assert_eq!(attribute(span, "test.case.result.status"), result(test.outcome));
        }
        assert_eq!(named(&spans, "run")["status"]["code"], ERROR);
        assert!(named(&spans, "machine m2")["status"]["message"].as_str().unwrap().starts_with("kernel-panic on"));
        let mut green = record.clone();
        green.tests.truncate(1);
        green.findings.clear();
        green.exit_code = Some(0);
        assert_eq!(named(&self::spans(&green), "run").get("status"), None);
        green.finished = None;
        let run = self::spans(&green);
        assert_eq!(named(&run, "run")["status"]["message"], "the run did not end");
    }

    #[test]
    fn attempts_follow_one_another_also_where_no_record_says_when_they_began() {
        let mut test = sample::test("base", "a", Outcome::Flaky);
        let attempt = |seconds, started: Option<&str>| AttemptRecord {
            machine: Some("m1".into()),
            machines: Vec::new(),
            started: started.map(str::to_owned),
            seconds,
            failures: vec![Failure::new(muster_base::failure::STEP_RUN, "m\x1b[2J")],
        };
        test.attempts = vec![attempt(1.0, None), attempt(2.0, None)];
        test.seconds = 7.0;
        test.failures = test.attempts[1].failures.clone();
        let mut record = RunRecord { id: "r".into(), tests: vec![test], ..RunRecord::default() };
        let begun = time("2026-03-01T10:00:05.250Z").unwrap();
        let second = 1_000_000_000;
        let spans = spans(&record);
        assert_eq!(nanoseconds(named(&spans, "attempt 1")), (begun - 3 * second, begun - 2 * second));
        assert_eq!(nanoseconds(named(&spans, "attempt 2")), (begun - 2 * second, begun));
        assert_eq!(nanoseconds(named(&spans, "attempt 3")), (begun, begun + 4 * second));
        assert_eq!(nanoseconds(named(&spans, "base/a")), (begun - 3 * second, begun + 4 * second));
        let codes = ["attempt 1", "attempt 2", "attempt 3"].map(|name| named(&spans, name)["status"]["code"] == ERROR);
        assert_eq!(codes, [true, true, false]);
        assert!(!serde_json::to_string(&spans).unwrap().contains("\\u001b"));
        record.tests[0].attempts[0].started = Some("2026-03-01T09:00:00Z".into());
        let known = self::spans(&record);
        assert_eq!(nanoseconds(named(&known, "attempt 1")).0, time("2026-03-01T09:00:00Z").unwrap());
    }

    #[test]
    fn times_that_are_none_do_no_harm() {
        let mut record = Recorder::fold(&sample::events());
        record.started = "yesterday".into();
        record.machines[0].started = Some("0001-01-01T00:00:00Z".into());
        for (test, seconds) in record.tests.iter_mut().zip([f64::NAN, f64::INFINITY, -1.0, 1e300]) {
            test.seconds = seconds;
        }
        for span in spans(&record) {
            let (start, end) = nanoseconds(&span);
            assert!(start <= end, "{span}");
        }
    }
}
