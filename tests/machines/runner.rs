//! A runner that is interrupted or killed.

use std::process::Stdio;
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Place, assert_outcome, eventually, finish, machines_below, signal};

const SUITE: &str = r#"
schema: suite/v1
suite: long
tests:
  - id: quick
    summary: done before the interruption
    expect: {kernel: {release: ">= 1"}}
  - id: endless
    summary: running when the interruption comes
    steps:
      - run: touch /tmp/begun; sleep 100000
  - id: never-reached
    summary: not reached any more
    steps:
      - run: "true"
"#;

#[test]
fn an_interrupted_run_leaves_valid_reports_and_no_machine() {
    let place = Place::new();
    let suite = place.write("long.yaml", SUITE);
    let mut command =
        place.command(&["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--jobs", "1"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let events = place.path("run").join("events.jsonl");
    let reached = eventually(Duration::from_secs(120), || {
        std::fs::read_to_string(&events)
            .is_ok_and(|text| text.lines().any(|line| line.contains("\"test-started\"") && line.contains("endless")))
    });
    assert!(reached, "the endless test did not start");
    signal(&child, "INT");
    finish(child, Duration::from_secs(20)).assert_status(3);
    let record = place.record();
    assert!(record.interrupted);
    assert_eq!(record.exit_code, Some(3));
    assert_outcome(&place.test("long/quick"), Outcome::Pass, &[]);
    assert_outcome(&place.test("long/endless"), Outcome::Error, &["run.interrupted"]);
    assert_outcome(&place.test("long/never-reached"), Outcome::Error, &["run.interrupted"]);
    assert!(eventually(Duration::from_secs(5), || machines_below(place.dir.path()).is_empty()));
}

#[test]
fn a_killed_runner_leaves_no_machine_and_no_stray_file() {
    let place = Place::new();
    let suite = place.write("long.yaml", SUITE);
    let scratch = place.path("tmp");
    std::fs::create_dir(&scratch).unwrap();
    let mut command =
        place.command(&["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--jobs", "1"]);
    let mut child = command.env("TMPDIR", &scratch).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = eventually(Duration::from_secs(60), || !machines_below(place.dir.path()).is_empty());
    assert!(started, "no machine was started");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        eventually(Duration::from_secs(5), || machines_below(place.dir.path()).is_empty()),
        "a machine outlived its runner"
    );
    let left: Vec<_> = std::fs::read_dir(&scratch).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "files outside the run folder: {left:?}");
}
