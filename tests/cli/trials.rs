//! `muster test`, and with it the tests of cargo, as far as no machine is needed.

use std::process::Command;
use std::time::Duration;

use crate::support::{Finished, Place, finish, root};

fn test(words: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.arg("test").args(words).current_dir(root()).env("NO_COLOR", "1").env_remove("MUSTER_SUITES");
    command.envs(variables.iter().copied());
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    finish(command.spawn().unwrap(), Duration::from_secs(180))
}

#[test]
fn tests_are_listed_without_an_image_and_as_nextest_reads_them() {
    let listed = test(&["--list", "--format", "terse"], &[("MUSTER_IMAGE", "/nowhere/never-built.qcow2")]);
    let lines: Vec<&str> = listed.assert_status(0).stdout.lines().collect();
    assert!(lines.iter().all(|line| line.ends_with(": test")), "{}", listed.stdout);
    assert!(lines.contains(&"kernel/release: test") && lines.len() > 200, "{}", listed.stdout);
    assert_eq!(lines.last(), Some(&"machine/health: test"), "it ends all others");
    // To run one, the image must be there.
    let one = test(&["--exact", "kernel/release"], &[("MUSTER_IMAGE", "/nowhere/never-built.qcow2")]);
    assert!(one.assert_status(2).stderr.contains("never-built.qcow2"), "{}", one.stderr);
}

#[test]
fn a_name_that_no_test_has_is_an_error_and_no_pass() {
    let none = test(&["--exact", "kernel/relase"], &[]);
    assert!(none.assert_status(2).stderr.contains("did you mean `kernel/release`"), "{}", none.stderr);
    let odd = test(&["--list"], &[("MUSTER_WARM", "maybe")]);
    assert!(odd.assert_status(2).stderr.contains("MUSTER_WARM: true or false is expected"), "{}", odd.stderr);
}

#[test]
fn a_filter_that_no_test_matches_is_an_error_and_no_pass() {
    let place = Place::new();
    let image = place.path("d.raw");
    std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    let image = [("MUSTER_IMAGE", image.to_str().unwrap())];
    let none = test(&["kernal"], &image);
    assert!(none.assert_status(2).stderr.contains("error: no test matches the filter"), "{}", none.stderr);
    let skipped = test(&["kernel/release", "--skip", "kernel/"], &image);
    assert!(skipped.assert_status(2).stderr.contains("error: no test matches the filter"), "{}", skipped.stderr);
    // A list of none is a list.
    let listed = test(&["--list", "--format", "terse", "kernel/release"], &image);
    assert!(listed.assert_status(0).stdout.lines().all(|line| line.starts_with("kernel/release")), "{}", listed.stdout);
    assert_eq!(test(&["--list", "kernal"], &image).assert_status(0).stdout, "");
}
