//! `muster check` reads every kind of file.

use std::time::Duration;

use super::support::{Finished, Place, root};

const SOON: Duration = Duration::from_secs(120);

const SUITE: &str =
    "schema: suite/v1\nsuite: a\ntests:\n- {id: one, summary: x, expect: {package: {bash: {installed: true}}}}\n";
const IMAGES: &str =
    "schema: images/v1\nimages:\n- {id: mine, disk: {path: mine.qcow2}, format: qcow2, seed: nocloud, user: me}\n";
const DEVIATIONS: &str = "schema: deviations/v1\ndeviations:\n- {pattern: 'package/removed/x', category: azl-pruning, \
                          upstream-status: inapplicable, reason: r, link: 'https://example.org/1'}\n";
const RULES: &str = "schema: console-rules/v1\nrules:\n- {id: mine, category: mine, severity: fail, pattern: '^gone wrong', \
                     sample: gone wrong, near-miss: not gone wrong, because: b}\n";
const PROOFS: &str = "schema: proofs/v1\nproofs:\n- {tests: a/one, unprovable: it is only an example}\n";

fn check(place: &Place, names: &[&str]) -> Finished {
    let paths: Vec<String> = names.iter().map(|name| place.path(name).to_str().unwrap().to_owned()).collect();
    let words: Vec<&str> = std::iter::once("check").chain(paths.iter().map(String::as_str)).collect();
    place.run(&words, SOON)
}

#[test]
fn every_kind_of_file_is_read_counted_and_what_is_not_read_is_listed() {
    let place = Place::new();
    for dir in ["suites/proofs", "suites/snapshots", "images/more"] {
        std::fs::create_dir_all(place.path(dir)).unwrap();
    }
    place.write("suites/a.yaml", SUITE);
    place.write("suites/proofs/a.yaml", PROOFS);
    place.write("suites/snapshots/a.snap", "---\nsource: a.yaml\n---\nx\n");
    place.write("suites/README.md", "# x\n");
    place.write("images/mine.yaml", IMAGES);
    place.write("images/deviations.yaml", DEVIATIONS);
    place.write("images/rules.yaml", RULES);
    let ended = check(&place, &["suites", "images"]);
    ended.assert_status(0);
    for line in [
        "1 suite, 1 test, 1 assertions and steps: all valid",
        "1 image in 1 file: all valid",
        "1 proof in 1 file: all valid",
        "1 console rule in 1 file: all valid",
        "1 deviation in 1 file: all valid",
        "1 snapshot: all valid",
    ] {
        assert!(ended.stdout.lines().any(|said| said == line), "{line:?} is not in\n{}", ended.stdout);
    }
    let passed: Vec<_> = ended.stdout.lines().filter(|line| line.starts_with("not checked: ")).collect();
    assert_eq!(passed.len(), 2, "{}", ended.stdout);
    assert!(passed.iter().any(|line| line.contains("README.md (neither YAML")), "{passed:?}");
    assert!(passed.iter().any(|line| line.contains("images/more (a sub-directory")), "{passed:?}");
}

#[test]
fn a_misspelt_key_of_an_image_fails() {
    let place = Place::new();
    std::fs::create_dir(place.path("images")).unwrap();
    place.write("images/mine.yaml", &IMAGES.replace("format:", "fromat:"));
    let ended = check(&place, &["images"]);
    ended.assert_status(2);
    for part in ["mine.yaml:3:", "did you mean `format`?", "1 file"] {
        assert!(ended.stderr.contains(part), "{part:?} is missing in\n{}", ended.stderr);
    }
    // So does the catalogue that ships.
    let mut text = std::fs::read_to_string(root().join("images/lab.yaml")).unwrap();
    text = text.replacen("firmware:", "firmwear:", 1);
    place.write("images/mine.yaml", &text);
    check(&place, &["images"]).assert_status(2);
}

#[test]
fn a_file_without_a_schema_shows_all_its_mistakes_as_what_its_keys_tell() {
    let place = Place::new();
    let body = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    place.write("a.yaml", &body(SUITE).replace("installed", "instaled").replace("summary", "sumary"));
    let ended = check(&place, &["a.yaml"]);
    ended.assert_status(2);
    for part in ["begin it with `schema: suite/v1`", "did you mean `installed`?", "did you mean `summary`?"] {
        assert!(ended.stderr.contains(part), "{part:?} is missing in\n{}", ended.stderr);
    }
    place.write("b.yaml", &body(IMAGES).replace("format: qcow2", "format: qcow, cpuz: 1"));
    let ended = check(&place, &["b.yaml"]);
    ended.assert_status(2);
    for part in ["begin it with `schema: images/v1`", "`cpuz`", "did you mean `qcow2`?"] {
        assert!(ended.stderr.contains(part), "{part:?} is missing in\n{}", ended.stderr);
    }
}

#[test]
fn a_check_of_nothing_is_no_success() {
    let place = Place::new();
    place.write("README.md", "# x\n");
    let ended = check(&place, &["README.md"]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("nothing was checked") && ended.stderr.contains("not checked: "), "{}", ended.stderr);
}

#[test]
fn all_that_ships_is_valid() {
    let ended = Place::new().run(&["check"], SOON);
    ended.assert_status(0);
    for part in [" suites, ", " images in ", " proofs in ", " other tools: ", " snapshots: "] {
        assert!(ended.stdout.contains(part), "{part:?} is missing in\n{}", ended.stdout);
    }
}
