//! `muster coverage`: what becomes of the checks of other tools.

use std::time::Duration;

use crate::support::{Finished, Place, root};

const SOON: Duration = Duration::from_secs(30);

const SUITE: &str = "schema: suite/v1\nsuite: s\ntests:\n\
- {id: one, summary: it matters, covers: [other/login], expect: {kernel: {taint: 0}}}\n\
- {id: two, summary: it matters, expect: {kernel: {taint: 0}}}\n";

const LIST: &str = "schema: foreign-checks/v1\ntool: other\nsummary: another tool\nsource: https://example.org/\nchecks:\n\
- {id: login, what: that one can log in, partly: the second login}\n\
- {id: disk, what: that disks are there, gap: nobody wrote it}\n\
- {id: log, what: that the log is clean, by: the console rules}\n\
- {id: cloud, what: that the cloud answers, outside: it is about a cloud}\n";

struct Files {
    place: Place,
    dir: String,
}

fn files(suite: &str, list: &str) -> Files {
    let place = Place::new();
    std::fs::create_dir_all(place.path("suites/coverage")).expect("folders");
    std::fs::write(place.path("suites/s.yaml"), suite).expect("a suite");
    std::fs::write(place.path("suites/coverage/other.yaml"), list).expect("a list");
    let dir = place.path("suites").display().to_string();
    Files { place, dir }
}

impl Files {
    fn coverage(&self, words: &[&str]) -> Finished {
        let words: Vec<&str> = ["coverage", "--suites", &self.dir].iter().chain(words).copied().collect();
        self.place.run(&words, SOON)
    }
}

#[test]
fn totals_come_first_then_the_gaps_then_the_tests() {
    let files = files(SUITE, LIST);
    let text = files.coverage(&[]);
    text.assert_status(0);
    let parts = [
        "other  4 checks: 0 covered, 1 partly, 1 by other means, 1 outside, 1 gap\n",
        "Gaps: other\n  disk\n      that disks are there\n      missing: nobody wrote it\n",
        "  login\n      s/one; not covered: the second login\n",
        "  cloud\n      outside: it is about a cloud\n",
        "  s: 1 of 2",
    ];
    let places: Vec<_> =
        parts.iter().map(|part| text.stdout.find(part).unwrap_or_else(|| panic!("{part}\n{}", text.stdout))).collect();
    assert!(places.is_sorted(), "{}", text.stdout);

    let json = files.coverage(&["--format", "json", "--tool", "other"]);
    json.assert_status(0);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(document["schema"], "coverage/v1");
    let tool = &document["tools"][0];
    assert_eq!((&tool["totals"]["partly"], &tool["totals"]["by-other-means"]), (&1.into(), &1.into()));
    assert_eq!(tool["checks"][0]["tests"][0], "s/one");
    assert_eq!(document["suites"][0]["own"], 1);

    let page = files.coverage(&["--format", "markdown"]);
    page.assert_status(0);
    assert!(page.stdout.contains("| [other](#other) | 4 | 0 | 1 | 1 | 1 | 1 |"), "{}", page.stdout);
}

#[test]
fn a_tool_without_a_list_and_suites_without_lists_are_said() {
    let files = files(SUITE, LIST);
    let wrong = files.coverage(&["--tool", "othr"]);
    wrong.assert_status(2);
    assert!(wrong.stderr.contains("did you mean `other`"), "{}", wrong.stderr);
    std::fs::remove_dir_all(files.place.path("suites/coverage")).expect("the folder goes");
    let none = files.coverage(&[]);
    none.assert_status(2);
    assert!(none.stderr.contains("no lists of checks of other tools"), "{}", none.stderr);
}

#[test]
fn a_claim_that_is_wrong_is_an_error_here_and_in_a_check_but_does_not_disturb_a_list_of_tests() {
    let wrong = files(&SUITE.replace("other/login", "other/logn"), LIST);
    let ended = wrong.coverage(&[]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("did you mean `other/login`?"), "{}", ended.stderr);
    let checked = wrong.place.run(&["check", &wrong.dir], SOON);
    checked.assert_status(2);
    assert!(checked.stderr.contains("error[unknown-cover]"), "{}", checked.stderr);
    wrong.place.run(&["list", "--suites", &wrong.dir], SOON).assert_status(0);

    let stale = files(SUITE, &LIST.replace("partly: the second login", "gap: not yet"));
    let checked = stale.place.run(&["check", &stale.dir], SOON);
    checked.assert_status(2);
    assert!(checked.stderr.contains("error[stale-coverage]"), "{}", checked.stderr);
    let right = files(SUITE, LIST);
    let checked = right.place.run(&["check", &right.dir], SOON);
    checked.assert_status(0);
    assert!(checked.stdout.contains("4 checks of 1 other tool: all valid"), "{}", checked.stdout);
}

#[test]
fn the_page_is_current() {
    let page = Place::new().run(&["coverage", "--format", "markdown"], SOON);
    page.assert_status(0);
    let kept = std::fs::read_to_string(root().join("docs/coverage.md")).unwrap_or_default();
    let differs = kept.trim().lines().zip(page.stdout.trim().lines()).find(|(kept, made)| kept != made);
    let lengths = (kept.trim().lines().count(), page.stdout.trim().lines().count());
    let run = "run `muster coverage --format markdown >docs/coverage.md`";
    assert!(differs.is_none() && lengths.0 == lengths.1, "{run}: {differs:?}, {lengths:?} lines");
}
