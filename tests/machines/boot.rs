//! Machines that do not come up.

use std::process::Command;
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Place, assert_outcome, lab_disk, machines_below};

const SUITE: &str = "schema: suite/v1\nsuite: probe\ntests:\n  - id: one\n    summary: a kernel runs\n    expect:\n      kernel: {release: \">= 1\"}\n";

#[test]
fn a_guest_that_does_not_answer_in_time_ends_at_the_deadline() {
    let place = Place::new();
    let suite = place.write("probe.yaml", SUITE);
    // It boots in about ten seconds under emulation, where a second becomes eight.
    let words = ["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--boot-timeout", "200ms"];
    place.run(&words, Duration::from_secs(60)).assert_status(3);
    assert_outcome(&place.test("probe/one"), Outcome::NotRun, &[]);
    assert_outcome(&place.test("machine/health"), Outcome::Error, &["boot.timeout"]);
    assert!(machines_below(place.dir.path()).is_empty());
}

#[test]
fn a_disk_without_a_system_is_reported_by_its_firmware_and_not_waited_for() {
    let place = Place::new();
    let suite = place.write("probe.yaml", SUITE);
    let disk = place.path("empty.qcow2");
    assert!(
        Command::new("qemu-img")
            .args(["create", "-q", "-f", "qcow2"])
            .arg(&disk)
            .arg("64M")
            .status()
            .unwrap()
            .success()
    );
    let words = ["run", "--suites", suite.to_str().unwrap(), "--image", disk.to_str().unwrap()];
    let ended = place.run(&words, Duration::from_secs(300));
    ended.assert_status(1);
    let test = place.test("probe/one");
    assert_outcome(&test, Outcome::NotRun, &[]);
    assert_outcome(&place.test("machine/health"), Outcome::Fail, &["console.boot-loader"]);
    // What a person copies must name the file again, not the id that was made of it.
    assert!(test.rerun.contains(disk.to_str().unwrap()), "{}", test.rerun);
}

#[test]
fn a_guest_that_refuses_the_key_is_distinguished_from_one_that_is_silent() {
    let place = Place::new();
    let suite = place.write("probe.yaml", SUITE);
    let disk = lab_disk("lab-tiny");
    let words = [
        "run",
        "--suites",
        suite.to_str().unwrap(),
        "--image",
        disk.to_str().unwrap(),
        "--firmware",
        "bios",
        "--seed",
        "none",
        "--boot-timeout",
        "5s",
    ];
    place.run(&words, Duration::from_secs(300)).assert_status(3);
    assert_outcome(&place.test("machine/health"), Outcome::Error, &["seed.rejected"]);
    assert_outcome(&place.test("probe/one"), Outcome::NotRun, &[]);
}
