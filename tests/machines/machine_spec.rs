//! Machines of another shape than the image's own, as a matrix asks for them.

use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Place, assert_outcome, machines_below};

const SUITE: &str = r#"schema: suite/v1
suite: probe
matrix:
  firmware: [bios, uefi]
tests:
  - id: starts
    summary: the firmware that was asked for started it
    expect:
      command:
        "if [ -d /sys/firmware/efi ]; then echo uefi; else echo bios; fi": {stdout: "${matrix.firmware}\n"}
"#;

#[test]
fn a_matrix_boots_each_firmware_and_the_guest_sees_which() {
    let place = Place::new();
    let suite = place.write("probe.yaml", SUITE);
    let words = ["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny"];
    place.run(&words, Duration::from_secs(400)).assert_status(0);
    assert_outcome(&place.test("probe/starts[firmware=bios]"), Outcome::Pass, &[]);
    assert_outcome(&place.test("probe/starts[firmware=uefi]"), Outcome::Pass, &[]);
    // Each shape has a machine of its own, and one health speaks for both.
    assert_eq!(place.record().machines.len(), 2);
    assert_outcome(&place.test("machine/health"), Outcome::Pass, &[]);
    assert!(machines_below(place.dir.path()).is_empty());
}
