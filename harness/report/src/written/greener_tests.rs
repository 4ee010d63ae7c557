//! No format that has a result for each test and image is greener, or redder, than the sentence about an image: two images,
//! every pair of outcomes, a crash on the second or none, and every way for a run to end.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::evidence::Base;
use crate::verdict::{self, Standing};
use muster_base::exit::Exit;
use muster_base::failure::{self, Failure};
use muster_record::finding::Severity;
use muster_record::fold::Recorder;
use muster_record::layout::RunDir;
use muster_record::outcome::Outcome;
use muster_record::run::RunRecord;
use muster_record::sample;

const IMAGES: [&str; 2] = ["lab", "lab-immutable"];

/// How the run ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// As its tests say.
    Said,
    /// With this exit code whatever they say.
    With(Exit),
    Interrupted,
    Killed,
}

fn run(outcomes: [Outcome; 2], crash: Option<Severity>, end: End) -> RunRecord {
    let mut record = Recorder::fold(&sample::events());
    record.findings.clear();
    let known = record.tests.iter().find_map(|test| test.issue.clone()).expect("a known issue");
    record.tests = IMAGES
        .into_iter()
        .zip(outcomes)
        .flat_map(|(image, outcome)| {
            // What passes makes an image that can pass, whatever the other test does.
            let plain = if outcome == Outcome::Skip { Outcome::Skip } else { Outcome::Pass };
            [("first", plain), ("second", outcome)].map(|(name, outcome)| {
                let mut test = sample::test("base", name, outcome);
                test.image = image.into();
                test.issue = (outcome == Outcome::Known).then(|| known.clone());
                if !matches!(outcome, Outcome::Pass | Outcome::Skip) {
                    test.failures = vec![Failure::new(failure::STEP_RUN, "why")];
                }
                test
            })
        })
        .collect();
    let mut code = muster_record::verdict::exit_of_records(record.tests.iter());
    if let Some(severity) = crash {
        record.findings.push(sample::crash(&record, IMAGES[1], "panic", severity));
        code = if matches!(code, Exit::Pass | Exit::Stale) { Exit::Failed } else { code };
    }
    if outcomes == [Outcome::Skip; 2] && code == Exit::Pass {
        code = Exit::Invalid;
    }
    record.exit_code = Some(code as u8);
    match end {
        End::Said => {}
        End::With(exit) => record.exit_code = Some(exit as u8),
        End::Interrupted => record.interrupted = true,
        End::Killed => (record.finished, record.exit_code) = (None, None),
    }
    record
}

/// The images of which a format has a red result; a result of no image is one of all.
type Red = fn(&str) -> BTreeSet<&'static str>;

fn images(named: impl Fn(&str) -> bool, all: bool) -> BTreeSet<&'static str> {
    IMAGES.into_iter().filter(|image| all || named(image)).collect()
}

fn of_each<'v>(
    results: impl Iterator<Item = &'v Value>,
    red: impl Fn(&Value) -> bool,
    image: impl Fn(&Value) -> Option<String>,
) -> BTreeSet<&'static str> {
    results
        .filter(|result| red(result))
        .flat_map(|result| {
            let of = image(result);
            images(|image| of.as_deref() == Some(image), of.is_none())
        })
        .collect()
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn junit(text: &str) -> BTreeSet<&'static str> {
    let suites =
        text.split("<testsuite ").skip(1).filter(|suite| suite.contains("<failure") || suite.contains("<error"));
    suites
        .flat_map(|suite| {
            let head = suite.split_once('>').expect("a start tag").0;
            images(|image| head.contains(&format!("hostname=\"{image}\"")), !head.contains("hostname="))
        })
        .collect()
}

fn tap(text: &str) -> BTreeSet<&'static str> {
    let red = text.lines().filter(|line| line.starts_with("not ok") && !line.contains("# TODO"));
    red.flat_map(|line| images(|image| line.contains(&format!("[{image}]")), !line.contains('['))).collect()
}

fn ctrf(text: &str) -> BTreeSet<&'static str> {
    let document = json(text);
    let tests = document["results"]["tests"].as_array().unwrap();
    // A test that did not run is pending, so its image needs another one.
    of_each(tests.iter(), |test| test["status"] == "failed", |test| text_of(&test["suite"][1]))
}

fn tmt(text: &str) -> BTreeSet<&'static str> {
    let document = json(text);
    let red = |result: &Value| result["result"] == "fail" || result["result"] == "error";
    let image = |result: &Value| {
        let name = result["name"].as_str().unwrap();
        name.split('/').nth(1).filter(|_| name != "/muster/run").map(str::to_owned)
    };
    of_each(document.as_array().unwrap().iter(), red, image)
}

fn sarif(text: &str) -> BTreeSet<&'static str> {
    let document = json(text);
    let results = document["runs"][0]["results"].as_array().unwrap();
    let red = |result: &Value| result["level"] == "error" && result.get("suppressions").is_none();
    let image = |result: &Value| {
        let key = text_of(&result["partialFingerprints"]["test/v1"])?;
        key.split_once('@').map(|(_, image)| image.to_owned())
    };
    of_each(results.iter(), red, image)
}

fn resultsdb(text: &str) -> BTreeSet<&'static str> {
    let results: Vec<Value> = text.lines().map(json).collect();
    // A skip and a known issue satisfy no rule there either, and are no failure of the image.
    let calm = |result: &Value| matches!(result["data"]["muster_outcome"].as_str(), Some("skip" | "known"));
    of_each(
        results.iter(),
        |result| result["outcome"] != "PASSED" && !calm(result),
        |result| text_of(&result["data"]["image"]),
    )
}

fn kcidb(text: &str) -> BTreeSet<&'static str> {
    let document = json(text);
    let tests = document["tests"].as_array().unwrap();
    let red = |test: &Value| {
        let calm = matches!(test["misc"]["outcome"].as_str(), Some("known"));
        matches!(test["status"].as_str(), Some("FAIL" | "ERROR" | "MISS")) && !calm
    };
    of_each(tests.iter(), red, |test| text_of(&test["environment"]["misc"]["image"]))
}

/// Each format with results per image. The others have none, or the record itself.
fn reader(name: &str) -> Option<Red> {
    Some(match name {
        "junit" | "junit-strict" => junit,
        "ctrf" => ctrf,
        "tap" => tap,
        "sarif" => sarif,
        "tmt" => tmt,
        "resultsdb" => resultsdb,
        "kcidb" => kcidb,
        "html" | "json" | "markdown" | "otlp" => return None,
        other => panic!("say how {other} shows that an image does not pass"),
    })
}

#[test]
fn every_format_is_red_of_the_images_that_do_not_pass_and_of_no_other() {
    let temporary = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(temporary.path()).unwrap().join("run");
    let dir = RunDir::create(&root).unwrap();
    let base = Base::of(&root, None).unwrap();
    let ends = Exit::TABLE.iter().map(|(exit, ..)| End::With(*exit)).filter(|end| *end != End::With(Exit::Pass));
    let ends: Vec<End> = [End::Said, End::Interrupted, End::Killed].into_iter().chain(ends).collect();
    let mut seen = BTreeSet::new();
    for first in Outcome::ALL {
        for second in Outcome::ALL {
            for crash in [None, Some(Severity::Fail), Some(Severity::Fatal)] {
                for end in &ends {
                    let record = run([first, second], crash, *end);
                    let verdicts = verdict::of_images(&record);
                    let failing = verdicts.iter().filter(|verdict| verdict.standing == Standing::Fails);
                    let expected: BTreeSet<&str> = failing.map(|verdict| verdict.image.as_str()).collect();
                    let source = ReportInput { record: &record, before: None, dir: &dir, base: &base };
                    for report in registry() {
                        let Some(red) = reader(report.name()) else { continue };
                        let text = report.render(source).unwrap();
                        let said: Vec<String> = verdicts.iter().map(verdict::ImageVerdict::sentence).collect();
                        let of = format!("{} of {first:?}, {second:?}, {crash:?}, {end:?}: {said:?}", report.name());
                        assert_eq!(red(&text), expected, "{of}\n{text}");
                    }
                    seen.insert(expected.len());
                }
            }
        }
    }
    assert_eq!(seen, BTreeSet::from([0, 1, 2]), "runs in which none, one and both do not pass");
}
