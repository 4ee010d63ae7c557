//! The command line as a person meets it: nothing here starts a machine.

#[path = "../support/mod.rs"]
mod support;

mod anywhere;
mod archive;
mod bisect;
mod boot_time;
mod bootc;
mod certify;
mod check;
mod circles;
mod compare;
mod connect;
mod console;
mod containerfile;
mod coverage;
mod crates;
mod errors;
mod exits;
mod explain;
mod export;
mod failed;
mod full_disk;
mod gate;
mod hints;
mod images;
mod kconfig;
mod killed;
mod kubernetes;
mod lost_shards;
mod named_files;
mod names;
mod packages;
mod pages;
mod pipeline_jobs;
mod pipelines;
mod port;
mod record;
mod records;
mod report;
mod rerun;
mod runner;
mod runs;
mod settings;
mod shards;
mod signals;
mod snapshots;
mod sources;
mod submit;
mod terminal;
mod trials;

use std::time::Duration;

use support::{Finished, Place, root};

fn muster(words: &[&str]) -> Finished {
    Place::new().run(words, Duration::from_secs(180))
}

#[test]
fn version_and_help_are_short_and_say_the_exit_codes() {
    let version = muster(&["--version"]);
    version.assert_status(0);
    let commit = regex::Regex::new(r"^muster \d+\.\d+\.\d+(?: \([0-9a-f]{12}(?:, changed)?\))?\n$").unwrap();
    assert!(commit.is_match(&version.stdout), "{}", version.stdout);
    let help = muster(&["--help"]);
    help.assert_status(0);
    assert!(help.stdout.contains("Exit codes: 0 passed"), "{}", help.stdout);
    for command in [
        "run",
        "resume",
        "boot",
        "init",
        "list",
        "check",
        "explain",
        "record",
        "schema",
        "images",
        "runs",
        "bisect",
        "submit",
        "archive",
        "merge",
        "plan",
        "snapshots",
        "compare",
        "port",
        "coverage",
        "console",
        "kconfig",
        "gate",
        "certify",
        "verify",
        "profile",
        "doctor",
        "failures",
        "completions",
        "man",
        "test",
    ] {
        let help = muster(&[command, "--help"]);
        help.assert_status(0);
        let example = format!("muster {command}");
        let after = help.stdout.split("Example").nth(1).unwrap_or_default();
        assert!(after.contains(&example), "{command} has no example: {}", help.stdout);
    }
}

#[test]
fn the_shipped_suites_are_valid_and_there_are_eighty_tests() {
    let checked = muster(&["check"]);
    checked.assert_status(0);
    let listed = muster(&["list", "--format", "json"]);
    listed.assert_status(0);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).expect("a JSON array");
    assert!(rows.len() >= 80, "only {} tests", rows.len());
    for row in &rows {
        assert!(row["summary"].as_str().is_some_and(|text| text.len() > 15), "{row} does not say why it matters");
    }
}

#[test]
fn all_errors_of_all_files_come_at_once_with_a_caret_and_a_suggestion() {
    let place = Place::new();
    place.write("a.yaml", "schema: suite/v1\nsuite: a\ntests:\n  - id: one\n    summary: x\n    expect:\n      package:\n        nginx: {instaled: true}\n");
    place.write("b.yaml", "schema: suite/v1\nsuite: b\ntests:\n  - id: one\n    summary: x\n    timeout: 30\n    expect:\n      kernal: {release: \"6\"}\n");
    let dir = place.dir.path().to_str().unwrap().to_owned();
    let ended = place.run(&["check", &dir], Duration::from_secs(30));
    ended.assert_status(2);
    for part in [
        "error[unknown-key]: `instaled` is not a key of package",
        "a.yaml:8:17",
        "^^^^^^^^ did you mean `installed`?",
        "b.yaml",
        "kernel",
        "30s",
    ] {
        assert!(ended.stderr.contains(part), "{part:?} is missing in\n{}", ended.stderr);
    }
    // The same errors stop a run before anything is started, and leave no run directory.
    let ended = place.run(&["run", "--suites", &dir], Duration::from_secs(30));
    ended.assert_status(2);
    assert!(!place.path("run").exists());
}

#[test]
fn malformed_yaml_is_located() {
    let place = Place::new();
    let file = place.write("bad.yaml", "schema: suite/v1\nsuite: [unclosed\ntests:\n");
    let ended = place.run(&["check", file.to_str().unwrap()], Duration::from_secs(30));
    ended.assert_status(2);
    assert!(ended.stderr.contains("bad.yaml:"), "{}", ended.stderr);
}

#[test]
fn a_selection_that_selects_nothing_is_an_error_that_helps() {
    let cases: &[(&[&str], &str)] = &[
        (&["list", "--suite", "kernal"], "did you mean `kernel`"),
        (&["list", "--test", "kernel/no-such-test-at-all"], "no test matches"),
        (&["list", "--tag", "no-such-tag"], "selects no test"),
        (&["list", "--tag", "tier0 and"], "--tag"),
    ];
    for (words, says) in cases {
        let ended = muster(words);
        ended.assert_status(2);
        assert!(ended.stderr.contains(says), "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn an_unknown_image_is_named_with_those_that_exist() {
    let ended = muster(&["run", "--image", "lba"]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("did you mean `lab`"), "{}", ended.stderr);
}

#[test]
fn schemas_are_valid_json() {
    let formats = [
        "suite",
        "tests",
        "known-issues",
        "proofs",
        "images",
        "console-rules",
        "deviations",
        "foreign-checks",
        "policy",
        "waivers",
        "profile",
        "decision",
        "certificate",
        "verification",
        "port",
        "facts",
        "console",
        "kconfig-check",
        "kconfig-diff",
        "run",
        "events",
    ];
    for of in formats {
        let ended = muster(&["schema", of]);
        ended.assert_status(0);
        assert!(ended.stdout.len() <= 320_000, "{of}: {} bytes are too many for an editor", ended.stdout.len());
        let schema: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert!(schema["$schema"].is_string(), "{of}");
    }
}

#[test]
fn failure_ids_are_explained_and_the_reference_page_is_current() {
    let one = muster(&["failures", "boot.timeout"]);
    one.assert_status(0);
    assert!(one.stdout.contains("Next:"), "{}", one.stdout);
    muster(&["failures", "no.such"]).assert_status(2);
    let page = muster(&["failures", "--markdown"]);
    let path = root().join("docs/failure-ids.md");
    let kept = std::fs::read_to_string(&path).expect("docs/failure-ids.md is there");
    // The first line that differs says enough; the whole of both pages would bury it.
    let differs = kept.trim().lines().zip(page.stdout.trim().lines()).find(|(kept, made)| kept != made);
    let lengths = (kept.trim().lines().count(), page.stdout.trim().lines().count());
    let run = "run `muster failures --markdown >docs/failure-ids.md`";
    assert!(differs.is_none() && lengths.0 == lengths.1, "{run}: {differs:?}, {lengths:?} lines");
}

#[test]
fn the_language_is_explained_and_its_reference_pages_are_current() {
    let one = muster(&["reference", "package.version"]);
    one.assert_status(0);
    assert!(one.stdout.contains("operators"), "{}", one.stdout);
    let wrong = muster(&["reference", "pakage"]);
    wrong.assert_status(2);
    assert!(wrong.stderr.contains("did you mean `package`"), "{}", wrong.stderr);
    for page in ["checks", "language"] {
        let made = muster(&["reference", "--markdown", page]);
        made.assert_status(0);
        let path = root().join(format!("docs/reference/{page}.md"));
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        let next = format!("run `muster reference --markdown {page} >docs/reference/{page}.md`");
        assert!(kept.trim() == made.stdout.trim(), "{next}");
    }
}

#[test]
fn a_closed_pipe_is_nobody_s_failure() {
    let out = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("'{}' list | head -n 1", env!("CARGO_BIN_EXE_muster")))
        .current_dir(root())
        .output()
        .expect("sh runs");
    assert!(out.status.success());
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
}
