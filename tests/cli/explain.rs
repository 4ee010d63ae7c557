//! `muster explain`, and `muster check --format sarif`.

use std::time::Duration;

use crate::support::Place;

const SUITE: &str = "schema: suite/v1\nsuite: web\ntests:\n  - id: one\n    summary: the first\n    expect: {kernel: {taint: 0}}\n    adjust:\n      - when: distro == muster-lab-1\n        because: the lab differs\n        expect: {kernel: {taint: 512}}\n  - id: two\n    steps: [{run: 'true'}]\n";

#[test]
fn a_test_is_explained_with_what_it_runs_and_a_glob_explains_each() {
    let place = Place::new();
    let file = place.write("web.yaml", SUITE);
    let file = file.to_str().unwrap();
    let run = |words: &[&str]| place.run(&[&["explain", "--suites", file], words].concat(), Duration::from_secs(30));
    let one = run(&["web/one"]);
    one.assert_status(0);
    for part in ["web/one\n", "kernel: taint is 0", "otherwise when distro == muster-lab-1", "/proc/sys/kernel/tainted"]
    {
        assert!(one.stdout.contains(part), "{part:?} is missing in\n{}", one.stdout);
    }
    let on_lab = run(&["web/one", "--image", "lab"]);
    on_lab.assert_status(0);
    assert!(on_lab.stdout.contains("  expected\n    kernel: taint is 512"), "{}", on_lab.stdout);
    let both = run(&["web/*", "--format", "json"]);
    both.assert_status(0);
    let accounts: Vec<serde_json::Value> = serde_json::from_str(&both.stdout).expect("a JSON array");
    let names: Vec<&str> = accounts.iter().filter_map(|account| account["name"].as_str()).collect();
    assert_eq!(names, ["web/one", "web/two"]);
    assert_eq!(accounts[1]["commands"][0]["script"], "true");
    assert_eq!(accounts[0]["variants"][0]["if"][0], "distro == muster-lab-1");
}

#[test]
fn what_does_not_exist_ends_with_two_and_a_suggestion() {
    for (words, says) in [
        (&["explain", "kernel/relaese"][..], "did you mean `kernel/release`"),
        (&["explain", "kernel/release", "--image", "lba"], "did you mean `lab`"),
        (&["explain", "kernel/release", "--image", "Cargo.toml"], "nothing is known before it boots"),
        (&["explain"], "GLOB"),
    ] {
        let ended = Place::new().run(words, Duration::from_secs(30));
        ended.assert_status(2);
        assert!(ended.stderr.contains(says), "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn check_writes_one_sarif_log_whatever_it_finds() {
    let place = Place::new();
    let good = place.write("good.yaml", SUITE);
    let bad = place.write("bad.yaml", &SUITE.replace("kernel:", "kernal:"));
    let run = |path: &std::path::Path| {
        place.run(&["check", "--format", "sarif", path.to_str().unwrap()], Duration::from_secs(30))
    };
    let fine = run(&good);
    fine.assert_status(0);
    let log: serde_json::Value = serde_json::from_str(&fine.stdout).expect("JSON");
    assert_eq!((&log["version"], &log["runs"][0]["results"]), (&"2.1.0".into(), &serde_json::json!([])));
    let wrong = run(&bad);
    wrong.assert_status(2);
    let log: serde_json::Value = serde_json::from_str(&wrong.stdout).expect("JSON");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "unknown-check");
    let region = &result["locations"][0]["physicalLocation"]["region"];
    assert_eq!(
        (&region["startLine"], &region["startColumn"], &region["endColumn"]),
        (&6.into(), &14.into(), &20.into())
    );
    assert_eq!(result["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"], "kernel");
}

#[test]
fn check_says_where_a_code_is_explained() {
    let place = Place::new();
    let file = place.write("bad.yaml", &SUITE.replace("taint: 0", "taint: [0]"));
    let ended = place.run(&["check", file.to_str().unwrap()], Duration::from_secs(30));
    ended.assert_status(2);
    let line = ended.stderr.lines().find(|line| line.starts_with("bare-list ")).unwrap_or_default();
    let place = line.split("docs/writing-suites.md:").nth(1).and_then(|rest| rest.split(' ').next());
    let number: usize = place.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{}", ended.stderr));
    let page = std::fs::read_to_string(crate::support::root().join("docs/writing-suites.md")).unwrap();
    assert_eq!(page.lines().nth(number - 1), Some("## Matchers"));
}
