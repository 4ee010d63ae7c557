//! Machines with more than one disk and one network interface, and images that are not plain disks.

use std::process::Command;
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Place, assert_outcome, digest, lab_disk, machines_below};

/// `lab-tiny` has no driver for most buses; what the firmware and the kernel list is there all the same.
const SUITE: &str = r#"schema: suite/v1
suite: probe
tests:
  - id: devices
    summary: the devices that were asked for are there
    expect:
      command:
        "cat /sys/bus/pci/devices/*/device | sort | uniq -c | awk '$2 == \"0x1000\" || $2 == \"0x1041\" {print $1}'": {stdout: "3\n"}
      tpm: present
"#;

fn run(place: &Place, words: &[&str], status: i32) {
    let suite = place.write("probe.yaml", SUITE);
    let mut all = vec!["run", "--suites", suite.to_str().unwrap(), "--accel", "tcg"];
    all.extend(words);
    place.run(&all, Duration::from_secs(300)).assert_status(status);
}

#[test]
fn a_packed_disk_boots_with_a_tpm_and_three_interfaces_and_leaves_nothing() {
    let place = Place::new();
    let packed = place.path("tiny.qcow2.zst");
    let made = Command::new("zstd").args(["-q", "-1"]).arg(lab_disk("lab-tiny")).arg("-o").arg(&packed).status();
    assert!(made.unwrap().success());
    let before = digest(&packed);
    let image = packed.to_str().unwrap();
    let words = ["--image", image, "--firmware", "bios", "--seed", "systemd-credentials", "--guest-memory", "256MiB"];
    run(&place, &[&words[..], &["--tpm", "--nics", "3", "--extra-disk", "16MiB"]].concat(), 0);
    assert_outcome(&place.test("probe/devices"), Outcome::Pass, &[]);
    assert_eq!(place.record().images["tiny.qcow2"].sha256, before);
    assert_eq!(digest(&packed), before);
    assert!(machines_below(place.dir.path()).is_empty());
    let left = Command::new("find").arg(place.dir.path()).args(["-name", ".tpm-*"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}
