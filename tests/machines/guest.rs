//! Guests that misbehave while tests run: each costs the test that ran, and no other.

use std::time::Duration;

use muster::run::outcome::Outcome;

use crate::support::{Place, assert_outcome, digest, ids, lab_disk, machines_below, names};

/// Every way to misbehave, each followed by a test that must pass on whatever machine is left.
const SUITE: &str = r#"
schema: suite/v1
suite: trouble
defaults: {timeout: 1m}
tests:
  - id: floods
    summary: a command that prints a gibibyte is cut off
    steps:
      - run: cat /dev/zero
        timeout: 30s
  - id: after-flood
    summary: the same machine still answers
    expect: {command: {"echo calm": {stdout: {line: calm}}}}
  - id: never-ends
    summary: a command that never ends is killed
    steps:
      - run: sleep 100000
        timeout: 1s
  - id: after-hang
    summary: nothing of it is left
    expect: {command: {"cat /proc/[0-9]*/cmdline": {stdout: {lacks: ["100000"]}}}}
  - id: kills-sshd
    summary: a guest that kills its SSH server loses the test, not the run
    steps:
      - run: 'for p in /proc/[0-9]*; do read -r c <$p/comm || continue; case $c in dropbear|sshd*) kill -9 $${p#/proc/};; esac; done 2>/dev/null; sleep 60'
  - id: after-sshd
    summary: the next test has a machine
    expect: {command: {"echo calm": {stdout: {line: calm}}}}
  - id: panics
    summary: a panic is read from the console at once
    steps:
      - run: echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 60
  - id: after-panic
    summary: the next test has a machine
    expect: {command: {"echo calm": {stdout: {line: calm}}}}
  - id: powers-off
    summary: a guest that powers itself off is told from one that is silent
    steps:
      - run: poweroff -f; sleep 60
  - id: after-power-off
    summary: the next test has a machine
    expect: {command: {"echo calm": {stdout: {line: calm}}}}
"#;

#[test]
fn each_misbehaviour_has_its_own_id_and_the_run_goes_on() {
    let place = Place::new();
    let suite = place.write("trouble.yaml", SUITE);
    let disk = lab_disk("lab-tiny");
    let before = digest(&disk);
    let ended =
        place.run(&["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny"], Duration::from_secs(420));
    ended.assert_status(1);
    let record = place.record();
    for calm in ["after-flood", "after-hang", "after-sshd", "after-panic", "after-power-off"] {
        assert_outcome(&place.test(&format!("trouble/{calm}")), Outcome::Pass, &[]);
    }
    assert_outcome(&place.test("trouble/floods"), Outcome::Fail, &["command.output-limit"]);
    assert_outcome(&place.test("trouble/never-ends"), Outcome::Fail, &["command.timeout"]);
    assert_outcome(&place.test("trouble/kills-sshd"), Outcome::Error, &["ssh.lost"]);
    assert_eq!(ids(&place.test("trouble/panics"))[0], "console.kernel-panic", "{:?}", names(&record));
    assert_outcome(&place.test("trouble/powers-off"), Outcome::Error, &["machine.powered-off"]);
    assert_eq!(digest(&disk), before, "the source image was written to");
    assert!(machines_below(place.folder.path()).is_empty());
    // Every failure ends with the command that runs it again.
    let failed = place.test("trouble/floods");
    assert!(failed.rerun.ends_with("--image lab-tiny --test trouble/floods"), "{}", failed.rerun);
    assert!(ended.stdout.contains(&failed.rerun), "{}", ended.stdout);
}
