//! `muster doctor --ci` where nothing can boot: it says why, ends with 3, and starts nothing. Where something can, real machines
//! answer (`tests/machines`).

use std::time::Duration;

use crate::support::Place;

#[test]
fn a_runner_without_qemu_boots_nothing_and_names_the_package() {
    let place = Place::new();
    let mut command = place.command(&["doctor", "--ci", "--accel", "tcg", "--format", "json"]);
    // A PATH with nothing in it: what is looked for in the directories of administrators is no QEMU either.
    command.env("PATH", place.dir.path()).env("MUSTER_CACHE", place.path("cache"));
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let ended = crate::support::finish(child, Duration::from_secs(60));
    let said: serde_json::Value = serde_json::from_str(&ended.assert_status(3).stdout).unwrap();
    assert_eq!(said["can-boot"], false, "{said}");
    assert!(said["work-seconds"].is_null() && said["suites"].as_array().is_some_and(Vec::is_empty), "{said}");
    let row =
        |what: &str| said["findings"].as_array().unwrap().iter().find(|row| row["what"] == what).cloned().unwrap();
    assert_eq!((row("qemu-img")["state"].as_str(), row("boot")["state"].as_str()), (Some("missing"), Some("missing")));
    // What needs no QEMU was measured all the same.
    assert!(said["disk"]["mib-per-second"].as_f64().is_some_and(|speed| speed > 0.0), "{said}");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let place = Place::new();
    let file = place.write("file", "");
    let mut command = place.command(&["doctor", "--ci", "--accel", "tcg"]);
    command.env("MUSTER_CACHE", file.join("cache"));
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let ended = crate::support::finish(child, Duration::from_secs(60));
    let text = &ended.assert_status(3).stdout;
    assert!(text.contains("missing   cache: ") && text.contains("set MUSTER_CACHE"), "{text}");
    assert!(text.contains("This runner boots no machines."), "{text}");
}

#[test]
fn the_accelerator_is_for_the_boot_alone() {
    let ended = super::muster(&["doctor", "--accel", "tcg"]);
    assert!(ended.assert_status(2).stderr.contains("--ci"), "{}", ended.stderr);
}
