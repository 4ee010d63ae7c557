//! Comparison with real machines: a system is read as a test has left it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::support::Place;

const SUITE: &str = "schema: suite/v1
suite: s
tests:
  - id: prepared
    steps: [run: mkdir -m 0750 /etc/muster]
  - id: marked
    needs: [prepared]
    steps: [{write: /etc/muster/mark, content: blue}]
    expect: {file: {/etc/muster/mark: {size: 4 B}}}
  - id: broken
    needs: [prepared]
    steps: [run: touch /etc/muster/broken]
    expect: {file: {/etc/muster/mark: {exists: true}}}
";

#[test]
fn a_system_is_compared_as_a_test_has_left_it_and_only_when_that_passes() {
    let place = Place::new();
    let suite = place.write("s.yaml", SUITE).display().to_string();
    let facts = place.path("tiny.json").display().to_string();
    let tiny = |words: &[&str]| {
        let all = [&["compare"], words, &["--suites", &suite, "--only", "file", "--format", "json"]].concat();
        place.run(&all, Duration::from_secs(240))
    };
    let ended = tiny(&["lab-tiny", "lab-tiny", "--candidate-after", "s/marked", "--save-facts", &facts]);
    ended.assert_status(1);
    let document: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let rows = document["differences"].as_array().expect("differences");
    let keys: BTreeSet<&str> = rows.iter().map(|row| row["key"].as_str().expect("a key")).collect();
    assert_eq!(keys, BTreeSet::from(["file/added/etc/muster", "file/added/etc/muster/mark"]));
    assert_eq!(document["candidate"], "lab-tiny after s/marked", "{document}");
    assert!(ended.stderr.contains("pass s/prepared [lab-tiny]"), "{}", ended.stderr);

    let ended = tiny(&[&facts, "lab-tiny", "--candidate-after", "s/broken"]);
    ended.assert_status(3);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    let again = format!("muster run --suites {suite} --image lab-tiny --test s/broken");
    for reported in ["lab-tiny is not what s/broken was to make of it", "file.exists", &again] {
        assert!(ended.stderr.contains(reported), "{}", ended.stderr);
    }
}
