//! What a person relies on: a wrong expectation fails exactly its test and says so, and a changed
//! fact is shown.

use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Place, assert_outcome};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn one_wrong_expectation_fails_exactly_its_test() {
    let place = Place::new();
    let text = "schema: suite/v1\nsuite: edited\ntests:\n  - id: right\n    summary: as it is\n    expect:\n      kernel: {arch: x86_64}\n  - id: wrong\n    summary: as somebody mistyped it\n    expect:\n      kernel:\n        arch: x86_64\n        release: \">= 99\"\n";
    let suite = place.write("edited.yaml", text);
    let ended = place.run(&["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny"], 2 * MINUTE);
    ended.assert_status(1);
    assert_outcome(&place.test("edited/right"), Outcome::Pass, &[]);
    assert_outcome(&place.test("machine/health"), Outcome::Pass, &[]);
    let wrong = place.test("edited/wrong");
    assert_outcome(&wrong, Outcome::Fail, &["kernel.release"]);
    let failure = &wrong.failures[0];
    assert_eq!(failure.expected.as_deref(), Some("release >= 99"));
    assert!(failure.actual.as_deref().is_some_and(|actual| actual.starts_with("6.")), "{:?}", failure.actual);
    let location = failure.location.as_ref().unwrap();
    assert_eq!((location.line, location.column), (13, 9));
    for part in ["expected  release >= 99", "edited.yaml:13:9", "run it again: muster run", "--test edited/wrong"] {
        assert!(ended.stdout.contains(part), "{part:?} is missing in\n{}", ended.stdout);
    }
}

#[test]
fn a_changed_fact_fails_with_a_diff_until_somebody_accepts_it() {
    let place = Place::new();
    let text = "schema: suite/v1\nsuite: facts\ntests:\n  - id: release\n    summary: who it says it is\n    snapshots:\n      - name: os-release\n        of: {run: cat /etc/os-release}\n        filters: [{match: \"PRETTY_NAME=.*\", with: \"PRETTY_NAME=[name]\"}]\n";
    let suite = place.write("facts.yaml", text);
    let run = |more: &[&str]| {
        let _ = std::fs::remove_dir_all(place.path("run"));
        let mut words = vec!["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny"];
        words.extend(more);
        place.run(&words, 2 * MINUTE)
    };
    run(&["--update-snapshots"]).assert_status(0);
    let accepted = place.path("snapshots").join("facts__release__os-release@lab-tiny.snap");
    let text = std::fs::read_to_string(&accepted).unwrap();
    assert!(text.contains("VARIANT_ID=tiny") && text.contains("PRETTY_NAME=[name]"), "{text}");

    std::fs::write(&accepted, text.replace("VARIANT_ID=tiny", "VARIANT_ID=huge")).unwrap();
    let ended = run(&[]);
    ended.assert_status(1);
    let test = place.test("facts/release");
    assert_outcome(&test, Outcome::Fail, &["snapshot.changed"]);
    let diff = test.failures[0].detail.clone().unwrap();
    assert!(diff.contains("-VARIANT_ID=huge") && diff.contains("+VARIANT_ID=tiny"), "{diff}");
    // What waits for a decision lies where a review looks for it, and in the run folder.
    let name = "facts__release__os-release@lab-tiny.snap.new";
    assert!(place.path("snapshots").join(name).exists() && place.path("run/snapshots").join(name).exists());

    let dir = place.path("snapshots");
    let words = ["snapshots", "accept", "os-release", "--folder", dir.to_str().unwrap()];
    place.run(&words, MINUTE).assert_status(0);
    run(&[]).assert_status(0);
}
