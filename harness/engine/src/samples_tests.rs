//! Boots that a test compares with those of a file, on a machine that is made up.

use std::sync::{Arc, Mutex};

use super::engine_tests::{plan_of, run_all};
use super::fake::{FakeDriver, boot_seen};
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

#[test]
fn a_plan_knows_whether_boots_are_compared() {
    let compares = compares(std::path::Path::new("boot.json"), "boot-samples: 7");
    let mut adjusted = super::fake::test("a", &[], &["true"]);
    assert!(!plan_of(vec![adjusted.clone()]).compares_boots());
    assert!(plan_of(vec![compares.clone()]).compares_boots());
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
    assert!(plan_of(vec![adjusted]).compares_boots());
}
