//! Machines that do not come up.

use std::process::Command;
use std::time::Duration;

use muster::run::outcome::Outcome;

use crate::support::{Place, assert_outcome, lab_disk, machines_below};

const SUITE: &str = "schema: suite/v1\nsuite: probe\ntests:\n  - id: one\n    summary: a kernel runs\n    expect:\n      kernel: {release: \">= 1\"}\n";

#[test]
fn a_disk_without_a_system_ends_at_the_boot_deadline() {
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
    let words = ["run", "--suites", suite.to_str().unwrap(), "--image", disk.to_str().unwrap(), "--boot-timeout", "1s"];
    place.run(&words, Duration::from_secs(90)).assert_status(3);
    assert_outcome(&place.test("probe/one"), Outcome::Error, &["boot.timeout"]);
    assert_outcome(&place.test("machine/health"), Outcome::Error, &["boot.timeout"]);
    assert!(machines_below(place.folder.path()).is_empty());
}

#[test]
fn a_guest_that_refuses_the_key_is_told_from_one_that_is_silent() {
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
    place.run(&words, Duration::from_secs(120)).assert_status(3);
    assert_outcome(&place.test("probe/one"), Outcome::Error, &["seed.rejected"]);
}
