//! Boots that a test compares with those of a file, on a machine that is made up.

use std::sync::{Arc, Mutex};

use super::engine_tests::{plan_of, run_all, run_with, settings};
use super::fake::{FakeDriver, boot_seen};
use super::run_baseline::RunBaseline;
use super::settings::Settings;
use muster_base::failure;
use muster_boot_time::baseline::Baselines;
use muster_boot_time::measure::{Evidence, measure};
use muster_boot_time::sample::{Measured, SCHEMA};
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_suite::model::Test;

/// A file with six later boots of 1000 instructions and some.
fn kept() -> tempfile::NamedTempFile {
    let seen = boot_seen(true, 0);
    let sample = |number: u32| {
        let evidence = boot_seen(true, 100_000 + u64::from(number)).evidence;
        measure(&Evidence { number, ..evidence })
    };
    let mut baselines = Baselines::default();
    baselines.put(Measured {
        schema: SCHEMA.to_owned(),
        muster: "test".to_owned(),
        at: "2026-03-01T06:00:00Z".to_owned(),
        series: seen.series,
        image_sha256: seen.image_sha256,
        samples: (1..=6).map(sample).collect(),
        not_measured: Vec::new(),
    });
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), baselines.render().unwrap()).unwrap();
    file
}

/// A test that boots so often and may take 2 % more than the file's boots.
fn compares(file: &std::path::Path, samples: &str) -> Test {
    let vocabulary = muster_suite::Vocabulary { tables: muster_check::tables(), capabilities: &[], tools: &[] };
    let text = format!(
        "schema: suite/v1\nsuite: s\ntests:\n- id: t\n  guest: fresh\n  steps: [{{{samples}}}]\n  expect:\n    boot: \
         {{baseline: {{file: boot.json, regression: <= 2%}}}}\n"
    );
    let (suite, problems) = muster_suite::decode_source("s.yaml", &text, &vocabulary);
    assert_eq!(problems.render(false), "");
    let mut test = suite.unwrap().tests.remove(0);
    let muster_suite::clause::Clause::Plain(found) = &mut test.expect[0] else { panic!() };
    found.assertions[0].key = Some(file.to_str().unwrap().to_owned());
    test
}

async fn run(file: &std::path::Path, samples: &str, counts: Option<Vec<u64>>) -> TestRecord {
    let driver = FakeDriver { boots_seen: counts.map(|counts| Arc::new(Mutex::new(counts))), ..FakeDriver::default() };
    run_all(&driver, &plan_of(vec![compares(file, samples)])).await.remove(0)
}

#[tokio::test]
async fn boots_like_those_of_the_file_pass_and_longer_ones_fail() {
    let file = kept();
    let like = run(file.path(), "boot-samples: 7", Some((1..=6).map(|more| 100_000 + more * 3).collect())).await;
    assert_eq!((like.outcome, like.failures.len()), (Outcome::Pass, 0), "{:?}", like.failures);
    let longer = run(file.path(), "boot-samples: 7", Some((1..=6).map(|more| 105_000 + more).collect())).await;
    let [failure] = &longer.failures[..] else { panic!("{:?}", longer.failures) };
    assert_eq!(longer.outcome, Outcome::Fail);
    assert_eq!(failure.id.to_string(), "boot.baseline");
    assert!(failure.message.ends_with("json <= 2%, found 4.9998%"), "{}", failure.message);
    assert!(failure.detail.as_deref().unwrap().contains("6 against 6 boots"), "{:?}", failure.detail);
}

#[tokio::test]
async fn what_cannot_be_decided_is_an_error() {
    let file = kept();
    for (samples, counts, why) in [
        ("boot-samples: 2", Some(vec![100_000]), "6 boots of the baseline and 1 of this image"),
        ("boot-samples: 7, discard: 5", Some(vec![100_000; 2]), "6 boots of the baseline and 2 of this image"),
        ("boot-samples: 7", None, "the boots of this machine are not seen from outside"),
    ] {
        let record = run(file.path(), samples, counts).await;
        let [failure] = &record.failures[..] else { panic!("{:?}", record.failures) };
        assert_eq!((record.outcome, &failure.id), (Outcome::Error, &failure::PROBE_FAILED), "{}", failure.message);
        assert!(failure.message.contains(why), "{}", failure.message);
    }
    let gone = run(std::path::Path::new("/no/such/boot.json"), "boot-samples: 7", Some((1..=6).collect())).await;
    assert_eq!(gone.outcome, Outcome::Error);
    assert!(gone.failures[0].message.contains("No such file"), "{}", gone.failures[0].message);
}

/// A test that compares with the boots that the run is given.
fn compares_with_the_runs() -> Test {
    let mut test = compares(std::path::Path::new("boot.json"), "boot-samples: 7");
    let muster_suite::clause::Clause::Plain(found) = &mut test.expect[0] else { panic!() };
    found.assertions[0].key = Some(muster_suite::baseline::OF_RUN.to_owned());
    test
}

fn counting(counts: Vec<u64>) -> FakeDriver {
    FakeDriver { boots_seen: Some(Arc::new(Mutex::new(counts))), ..FakeDriver::default() }
}

#[tokio::test]
async fn without_boots_of_the_image_in_the_run_s_file_a_test_is_skipped_and_says_how_to_get_them() {
    let text = std::fs::read_to_string(kept().path()).unwrap();
    let of_another = text.replace(r#""image": "fake""#, r#""image": "other""#);
    let given = |text: &str| Settings {
        boot_baseline: Some(RunBaseline::new("kept.json".into(), text.to_owned()).unwrap()),
        ..settings()
    };
    let elsewhere = text.replace(r#""machine": "fake""#, r#""machine": "larger""#);
    assert!(of_another != text && elsewhere != text);
    let plan = plan_of(vec![compares_with_the_runs()]);
    for (settings, why) in [
        (settings(), "the run has none: name one with `--boot-baseline FILE`"),
        (given(&of_another), "kept.json has no later boots of fake; `muster boot-time fake --later"),
    ] {
        let record = run_with(&counting(Vec::new()), &plan, settings).await.remove(0);
        assert_eq!((record.outcome, record.failures.len()), (Outcome::Skip, 0));
        let skipped = record.skipped.unwrap();
        assert_eq!(skipped.id, failure::SKIP_BASELINE);
        assert!(skipped.message.contains(why), "{}", skipped.message);
    }
    let like = (1..=6).map(|more| 100_000 + more * 3).collect();
    let record = run_with(&counting(like), &plan, given(&text)).await.remove(0);
    assert_eq!(record.outcome, Outcome::Pass, "{:?}", record.failures);
    let more = (1..=6).map(|more| 105_000 + more).collect();
    let record = run_with(&counting(more), &plan, given(&text)).await.remove(0);
    assert_eq!((record.outcome, record.failures[0].id.as_str()), (Outcome::Fail, "boot.baseline"));
    // Who keeps boots of the image must hear that they are of another machine.
    let record = run_with(&counting(vec![100_000; 6]), &plan, given(&elsewhere)).await.remove(0);
    assert_eq!(record.outcome, Outcome::Error);
    assert!(
        record.failures[0].message.contains("--boot-baseline: measure it on this machine"),
        "{:?}",
        record.failures
    );
    assert!(RunBaseline::new("kept.json".into(), text[..text.len() / 2].to_owned()).is_err());
}

#[tokio::test]
async fn what_a_proof_changes_is_done_before_the_boots_that_it_is_seen_in() {
    let mut proof = compares_with_the_runs();
    proof.steps.insert(0, super::fake::test("x", &[], &["true"]).steps.remove(0));
    let text = std::fs::read_to_string(kept().path()).unwrap();
    let settings =
        || Settings { boot_baseline: Some(RunBaseline::new("kept.json".into(), text.clone()).unwrap()), ..settings() };
    let driver = counting((1..=6).map(|more| 105_000 + more).collect());
    let record = run_with(&driver, &plan_of(vec![proof.clone()]), settings()).await.remove(0);
    assert_eq!((record.outcome, record.failures[0].id.as_str()), (Outcome::Fail, "boot.baseline"));
    assert_eq!(driver.reboots.lock().unwrap().len(), 6);
    // A change that fails leaves nothing to be seen.
    proof.steps[0] = super::fake::test("x", &[], &["false"]).steps.remove(0);
    let driver = counting(vec![100_000; 6]);
    let record = run_with(&driver, &plan_of(vec![proof]), settings()).await.remove(0);
    assert_ne!(record.outcome, Outcome::Pass);
    assert!(driver.reboots.lock().unwrap().is_empty());
}

#[test]
fn a_plan_knows_whether_boots_are_compared() {
    let compares = compares(std::path::Path::new("boot.json"), "boot-samples: 7");
    let mut adjusted = super::fake::test("a", &[], &["true"]);
    assert!(!plan_of(vec![adjusted.clone()]).compares_boots(false));
    assert!(plan_of(vec![compares.clone()]).compares_boots(false));
    let of_run = plan_of(vec![compares_with_the_runs()]);
    assert!(of_run.compares_boots(true) && !of_run.compares_boots(false), "without boots they are not counted");
    let muster_suite::clause::Clause::Plain(found) = compares.expect[0].clone() else { panic!() };
    adjusted.adjust.push(muster_suite::model::Adjustment {
        when: muster_suite::model::When {
            condition: muster_suite::model::Condition::And(Vec::new()),
            because: None,
            location: super::fake::location(),
        },
        changes: vec![muster_suite::model::Change::Merge(found)],
        timeout: None,
    });
    assert!(plan_of(vec![adjusted]).compares_boots(false));
}
