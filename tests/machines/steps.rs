//! Steps, retries, teardowns and known issues on a real guest.

use std::time::Duration;

use muster_record::outcome::Outcome;
use muster_record::run::Ruled;

use crate::support::{Place, assert_outcome, ids};

const TIME: Duration = Duration::from_secs(300);

#[test]
fn files_go_in_and_come_out_whole_and_teardowns_run_after_failures() {
    let place = Place::new();
    // Every byte, and more than one command can carry.
    let content: Vec<u8> = (0..700_000u32).map(|n| (n % 256) as u8 ^ (n / 251) as u8).collect();
    std::fs::write(place.path("payload.bin"), &content).unwrap();
    let text = r#"schema: suite/v1
suite: files
setup:
  - run: mkdir -p /tmp/logs && echo early >/tmp/logs/early.log
tests:
  - id: in
    steps:
      - upload: payload.bin
        to: /tmp/payload file
        mode: "0750"
      - collect: ["/tmp/payload*", /tmp/logs/*.log, /nowhere, /tmp/logs]
    expect: {file: {"/tmp/payload file": {mode: "0750", size: "700000 B"}, "/tmp/payload file.muster-part": absent}}
  - id: refused
    steps:
      - upload: payload.bin
        to: /proc/payload
  - id: bad
    guest: shared
    steps:
      - run: echo late >/tmp/logs/late.log; false
teardown:
  - collect: [/tmp/logs/*.log]
"#;
    let suite = place.write("files.yaml", text);
    let ended = place.run(&["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny"], TIME);
    ended.assert_status(1);
    let passed = place.test("files/in");
    assert_outcome(&passed, Outcome::Pass, &[]);
    for part in ["/nowhere is not there", "/tmp/logs: not a plain file", "/tmp/payload file (700000 bytes)"] {
        assert!(passed.remarks.iter().any(|remark| remark.contains(part)), "{part}: {:?}", passed.remarks);
    }
    let kept = place.path("run/tests/files/in@lab-tiny/tmp.payload_file");
    assert!(std::fs::read(kept).unwrap() == content, "what came back is not what went in");
    assert_outcome(&place.test("files/refused"), Outcome::Fail, &["step.upload"]);
    assert_outcome(&place.test("files/bad"), Outcome::Fail, &["step.run"]);
    // On the machine of the failed test as on the others.
    let machine = place.test("files/bad").machine.unwrap();
    let late = place.path(&format!("run/tests/files/teardown-{machine}@lab-tiny/tmp.logs.late.log"));
    assert_eq!(std::fs::read_to_string(late).unwrap(), "late\n");
    assert_outcome(&place.test("machine/health"), Outcome::Pass, &[]);
}

#[test]
fn a_second_attempt_that_passes_is_flaky_and_known_issues_are_held_against_their_failures() {
    let place = Place::new();
    let text = r#"schema: suite/v1
suite: moods
tests:
  - id: first
    steps: [run: "true"]
  - id: flaky
    needs: [first]
    retry: 2
    steps:
      - run: "[ -e /tmp/asked ] && exit; touch /tmp/asked; echo not yet >&2; exit 7"
  - id: documented
    steps: [run: "echo connection refused >&2; exit 1"]
  - id: other
    steps: [run: "echo out of memory >&2; exit 1"]
  - id: healed
    steps: [run: "true"]
  - id: left-out
    steps: [run: "echo b >/proc/sysrq-trigger"]
"#;
    let entry = |test: &str, more: &str| {
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 100);
        let until = until.strftime("%Y-%m-%d");
        format!("  - {{tests: moods/{test}, tracker: \"bug {test}\", because: it is so, expires: {until}{more}}}\n")
    };
    let refused = ", failure: {contains: connection refused}";
    let known: String = [
        entry("documented", refused),
        entry("other", refused),
        entry("healed", ""),
        entry("left-out", ", effect: skip"),
    ]
    .concat();
    let suite = place.write("moods.yaml", text);
    let known = place.write("known.yaml", &format!("schema: known-issues/v1\nknown-issues:\n{known}"));
    let words = ["run", "--suites", suite.to_str().unwrap(), "--known-issues", known.to_str().unwrap()];
    let ended = place.run(&[&words[..], &["--image", "lab-tiny"]].concat(), TIME);
    ended.assert_status(1);
    let flaky = place.test("moods/flaky");
    assert_eq!((flaky.outcome, flaky.attempts.len(), ids(&flaky)), (Outcome::Flaky, 1, vec!["step.run"]));
    let documented = place.test("moods/documented");
    assert_eq!((documented.outcome, documented.issue.unwrap().ruled), (Outcome::Known, Ruled::Known));
    let other = place.test("moods/other");
    assert_eq!((other.outcome, other.issue.unwrap().ruled), (Outcome::Fail, Ruled::Unexplained));
    assert_outcome(&place.test("moods/healed"), Outcome::Fail, &["known-issue.unexpected-pass"]);
    let left_out = place.test("moods/left-out");
    assert_eq!((left_out.outcome, left_out.skipped.unwrap().id.as_str()), (Outcome::Skip, "skip.known-issue"));
    for part in ["KNOWN", "bug documented", "FLAKY", "delete the entry at"] {
        assert!(ended.stdout.contains(part), "{part} is missing in\n{}", ended.stdout);
    }

    // One of them alone, by somebody who works on it: it passes, and the run is no pass.
    let _ = std::fs::remove_dir_all(place.path("run"));
    let ended = place
        .run(&["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--focus", "moods/healed"], TIME);
    ended.assert_status(2);
    let healed = place.record().tests.into_iter().find(|test| test.name() == "moods/healed").unwrap();
    assert_outcome(&healed, Outcome::Pass, &[]);
    assert!(ended.stdout.contains("focused"), "{}", ended.stdout);
}
