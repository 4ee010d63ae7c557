//! The gate as a pipeline meets it: files in, a decision and an exit code out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use camino::Utf8Path;
use muster_base::failure::{Failure, FailureId};
use muster_record::layout::RunDir;
use muster_record::outcome::Outcome;
use muster_record::run::{Accelerator, ImageRecord, RunRecord, SuiteRecord, TestRecord};
use muster_record::{json, sample};

use crate::support::{Finished, Place};

const SUITE: &str = "schema: suite/v1
suite: s
tests:
- {id: a, summary: x, tags: [tier0], expect: {package: {bash: {installed: true}}}}
- {id: b, summary: y, expect: {package: {sed: {installed: true}}}}
";

/// SHA-256 of the file `image`.
const IMAGE: &str = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d";

struct Scene {
    place: Place,
}

impl Scene {
    /// A suite, its profile, a policy and an image.
    fn new(policy: &str) -> Self {
        let scene = Self { place: Place::new() };
        scene.place.write("s.yaml", SUITE);
        scene.place.write("image", "image");
        scene.place.write("policy.yaml", &format!("schema: policy/v1\nid: p\ncontext: ship\nprofile: p\n{policy}"));
        let lock = scene.muster(&["profile", "lock", "--suites", "@s.yaml", "-o", "@p.lock.json"]);
        lock.assert_status(0);
        assert!(lock.stdout.ends_with("p.lock.json: 2 tests of 1 suite\n"), "{}", lock.stdout);
        scene
    }

    fn path(&self, name: &str) -> String {
        self.place.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// Words that begin with `@` are files of the place.
    fn muster(&self, words: &[&str]) -> Finished {
        let words: Vec<String> = words
            .iter()
            .map(|word| word.strip_prefix('@').map_or_else(|| (*word).to_owned(), |name| self.path(name)))
            .collect();
        self.place.run(&words.iter().map(String::as_str).collect::<Vec<_>>(), Duration::from_secs(60))
    }

    /// The directory of a complete run with these outcomes.
    fn run(&self, name: &str, tests: &[(&str, Outcome)]) -> PathBuf {
        let lock = std::fs::read_to_string(self.place.path("p.lock.json")).expect("the profile");
        let lock: serde_json::Value = serde_json::from_str(&lock).expect("JSON");
        let digest = lock["suites"]["s"]["sha256"].as_str().expect("a digest").to_owned();
        let mut all: Vec<TestRecord> = tests.iter().map(|(id, outcome)| sample::test("s", id, *outcome)).collect();
        all.push(sample::test("machine", "health", Outcome::Pass));
        for test in all.iter_mut().filter(|test| matches!(test.outcome, Outcome::Fail | Outcome::Known)) {
            let message = "package sed: version 4.9 is not as expected";
            test.failures = vec![Failure::new(FailureId::of_check("package", "version"), message)];
        }
        let image = ImageRecord {
            path: "image".into(),
            format: "raw".into(),
            sha256: IMAGE.into(),
            facts: Some(muster_record::facts::Facts { arch: "x86_64".into(), ..Default::default() }),
            ..ImageRecord::default()
        };
        let record = RunRecord {
            schema: "run/v1".into(),
            id: name.into(),
            muster: "0.1.0".into(),
            started: "2026-11-19T10:00:00Z".into(),
            finished: Some("2026-11-19T10:10:00Z".into()),
            accelerator: Accelerator { kind: "tcg".into(), ..Accelerator::default() },
            images: BTreeMap::from([("lab".to_owned(), image)]),
            suites: BTreeMap::from([(
                "s".to_owned(),
                SuiteRecord { file: "s.yaml".into(), summary: String::new(), sha256: digest },
            )]),
            tests: all,
            exit_code: Some(0),
            ..RunRecord::default()
        };
        let path = self.place.path(name);
        let dir = RunDir::create(Utf8Path::from_path(&path).expect("UTF-8")).expect("a directory");
        std::fs::write(dir.run_json(), json::render(&record).expect("JSON")).expect("the record");
        path
    }

    fn gate(&self, words: &[&str]) -> Finished {
        let fixed = ["gate", "--policy", "@policy.yaml", "--at", "2026-11-20T12:00:00Z"];
        self.muster(&fixed.iter().chain(words).copied().collect::<Vec<_>>())
    }
}

fn waivers(change: impl Fn(String) -> String) -> String {
    let good = format!(
        "schema: waivers/v1
waivers:
  - image: {IMAGE}
    test: s/b
    cell: {{image: lab, accelerator: tcg}}
    failure: package.version
    signature: 'package sed: version … is not as expected'
    reason: it ships with it
    tracker: bug 1
    requested-by: alice
    approved-by: bob
    created: 2026-11-10
    expires: 2026-12-31
"
    );
    change(good)
}

#[test]
fn a_gate_opens_only_for_a_run_in_which_all_that_is_required_passed() {
    let scene = Scene::new("");
    scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)]);
    scene.run("known", &[("a", Outcome::Pass), ("b", Outcome::Known)]);
    scene.run("less", &[("a", Outcome::Pass)]);
    let open = scene.gate(&["@good"]);
    open.assert_status(0);
    assert!(open.stdout.starts_with("OPEN: p (ship) is satisfied\n"), "{}", open.stdout);
    for (run, says) in [("@known", "failed as a known issue says"), ("@less", "missing test s/b (required)")] {
        let closed = scene.gate(&[run]);
        closed.assert_status(1);
        assert!(closed.stdout.starts_with("CLOSED: p (ship): 1 of "), "{}", closed.stdout);
        assert!(closed.stdout.contains(says), "{}", closed.stdout);
    }
    let explained = scene.gate(&["@less", "--explain"]);
    explained.assert_status(1);
    assert!(explained.stdout.contains("--image lab --test s/b"), "{}", explained.stdout);
    // What is in the profile and no longer in the suite is required all the same.
    let more = scene.gate(&["@less", "@good"]);
    more.assert_status(0);
}

#[test]
fn the_image_at_hand_must_be_the_one_that_was_tested() {
    let scene = Scene::new("applies: {arch: x86_64}\n");
    scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)]);
    scene.place.write("other", "another image");
    scene.gate(&["@good", "--image", "@image"]).assert_status(0);
    let other = scene.gate(&["@good", "--image", "@other"]);
    other.assert_status(3);
    assert!(other.stderr.contains("has not tested the image"), "{}", other.stderr);
    scene.gate(&["@good", "--image", "@nowhere"]).assert_status(2);
}

#[test]
fn a_waiver_opens_the_gate_and_a_refused_one_is_shown_where_it_stands() {
    let scene = Scene::new("waivers: {max-days: 60, approvers: [bob], not-waivable: [s/a]}\n");
    scene.run("bad", &[("a", Outcome::Pass), ("b", Outcome::Fail)]);
    let gate = |text: &str| {
        scene.place.write("w.yaml", text);
        scene.gate(&["@bad", "--waivers", "@w.yaml"])
    };
    scene.gate(&["@bad"]).assert_status(1);
    let waived = gate(&waivers(|good| good));
    waived.assert_status(0);
    assert!(waived.stdout.contains("Waived (1)\n  waived test s/b"), "{}", waived.stdout);
    for (from, to, line, says) in [
        ("expires: 2026-12-31", "expires: 2026-11-19", 13, "it expired on 2026-11-19"),
        ("expires: 2026-12-31", "expires: 2027-02-01", 13, "the policy accepts 60 at most"),
        ("created: 2026-11-10", "created: 2026-11-21", 12, "it was created on 2026-11-21"),
        ("approved-by: bob", "approved-by: carol", 11, "carol may not approve waivers"),
        ("test: s/b", "test: s/a", 4, "s/a is not waivable"),
        ("test: s/b", "test: s/gone", 4, "s/gone did not run on this image"),
    ] {
        let refused = gate(&waivers(|good| good.replace(from, to)));
        refused.assert_status(1);
        assert!(refused.stderr.contains(&format!("w.yaml:{line}:")), "{says}: {}", refused.stderr);
        assert!(refused.stderr.contains(says) && refused.stderr.contains("^^^"), "{says}: {}", refused.stderr);
    }
    for (from, to, says) in [
        ("test: s/b", "test: s/*", "has a wildcard"),
        ("approved-by: bob", "approved-by: alice", "both requested and approved it"),
        ("tracker: bug 1", "tracker: later", "neither an address nor the number of an issue"),
        ("    tracker: bug 1\n", "", "needs the key `tracker`"),
    ] {
        let invalid = gate(&waivers(|good| good.replace(from, to)));
        invalid.assert_status(2);
        assert!(invalid.stderr.contains(says) && invalid.stdout.is_empty(), "{}", invalid.stderr);
        let checked = scene.muster(&["check", "@w.yaml"]);
        checked.assert_status(2);
        assert!(checked.stderr.contains(says), "{}", checked.stderr);
    }
    let other = gate(&waivers(|good| good.replace("package.version", "package.arch")));
    other.assert_status(1);
    let why = "does not cover it: its failure is package.version, the waiver says package.arch";
    assert!(other.stderr.contains(why), "{}", other.stderr);
    let due = gate(&waivers(|good| good.replace("2026-12-31", "2026-11-25")));
    due.assert_status(0);
    assert!(due.stderr.contains("the waiver of s/b expires in 5 days"), "{}", due.stderr);
}

#[test]
fn every_format_is_written_and_the_json_has_its_schema() {
    let scene = Scene::new("waivers: {max-days: 60}\n");
    scene.run("bad", &[("a", Outcome::Pass), ("b", Outcome::Fail)]);
    let schema = scene.muster(&["schema", "decision"]);
    let schema: serde_json::Value = serde_json::from_str(&schema.stdout).expect("JSON");
    let printed = scene.gate(&["@bad", "--explain", "--format", "json"]);
    printed.assert_status(1);
    let document: serde_json::Value = serde_json::from_str(&printed.stdout).expect("JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!((&document["open"], &document["subject"]["sha256"]), (&false.into(), &IMAGE.into()));
    // The draft of a waiver, completed, opens the gate.
    let ways = document["ways"].as_array().expect("ways");
    let draft = ways.last().expect("a way")["waivers"].as_str().expect("a draft");
    let filled = draft.lines().map(|line| match line.trim() {
        "created:" => format!("{line} 2026-11-20\n"),
        "expires:" => format!("{line} 2026-12-20\n"),
        "tracker:" => format!("{line} bug 1\n"),
        empty if empty.ends_with(':') && empty != "waivers:" => format!("{line} {}\n", empty.trim_end_matches(':')),
        _ => format!("{line}\n"),
    });
    scene.place.write("w.yaml", &filled.collect::<String>());
    scene.gate(&["@bad", "--waivers", "@w.yaml"]).assert_status(0);
    for (format, begins) in [("html", "<!doctype html>"), ("markdown", "### muster gate: closed"), ("text", "CLOSED")] {
        let written = scene.gate(&["@bad", "--format", format, "-o", "@decision"]);
        written.assert_status(1);
        assert!(written.stdout.starts_with("CLOSED: "), "{}", written.stdout);
        let text = std::fs::read_to_string(scene.place.path("decision")).expect("the decision");
        assert!(text.starts_with(begins), "{text}");
    }
}

#[test]
fn what_cannot_be_read_or_does_not_agree_is_no_decision() {
    let scene = Scene::new("");
    let good = scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)]);
    let copy = |name: &str, from: &str, to: &str| {
        let path = scene.place.path(name);
        std::fs::create_dir(&path).expect("a directory");
        let text = std::fs::read_to_string(good.join("run.json")).expect("the record");
        assert!(text.contains(from), "{from}");
        std::fs::write(path.join("run.json"), text.replace(from, to)).expect("the record");
    };
    copy("cut", "\"tests\"", "\"tests");
    copy("newer", "run/v1", "run/v9");
    copy("image2", IMAGE, &"cd".repeat(32));
    copy("tool", "\"id\": \"good\",\n  \"muster\": \"0.1.0\"", "\"id\": \"x\",\n  \"muster\": \"0.2.0\"");
    copy("forged", "\"outcome\": \"pass\"", "\"outcome\": \"flaky\"");
    for (runs, status, says) in [
        (&["@cut"][..], 3, "run.json, line"),
        (&["@newer"], 3, "has the schema run/v9"),
        (&["@nowhere"], 2, "there is no such run"),
        (&["@good", "@image2"], 3, ""),
        (&["@good", "@tool"], 3, "different versions of muster"),
        (&["@good", "@forged"], 3, "two records of the run good differ"),
        (&["@good", "@good"], 0, ""),
    ] {
        let ended = scene.gate(runs);
        ended.assert_status(status);
        assert!(ended.stderr.contains(says), "{runs:?}: {}", ended.stderr);
        assert_eq!(ended.stdout.is_empty(), status > 1, "{runs:?}: {}", ended.stdout);
    }
    scene.place.write("p.lock.json", "{\"schema\": \"profile/v1\"");
    let ended = scene.gate(&["@good"]);
    ended.assert_status(3);
    assert!(ended.stderr.contains("p.lock.json, line 1"), "{}", ended.stderr);
    std::fs::remove_file(scene.place.path("p.lock.json")).expect("removed");
    let ended = scene.gate(&["@good"]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("the profile p is not there") && ended.stderr.contains("^"), "{}", ended.stderr);
    let checked = scene.muster(&["check", "@policy.yaml"]);
    checked.assert_status(2);
    assert!(checked.stderr.contains("the profile p is not there"), "{}", checked.stderr);
    scene.place.write("policy.yaml", "schema: policy/v1\nid: p\ncontext: c\nrequire: [{suit: s}]\n");
    let ended = scene.gate(&["@good"]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("did you mean `suite`?"), "{}", ended.stderr);
}

#[test]
fn a_part_of_a_policy_that_is_about_no_test_is_shown_where_it_stands() {
    for (keys, says) in [
        ("require: [{suite: s}, {test: s/gone}]\n", "the profile p has no test that this is about: test s/gone"),
        ("require: [{suite: s}, {test: t/a}]\n", "test t/a"),
        ("require: [{suite: s}, {tag: tier9}]\n", "tag tier9"),
        ("waivers: {max-days: 9, not-waivable: ['r/*']}\n", "not-waivable r/*"),
    ] {
        let scene = Scene::new(keys);
        scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)]);
        for ended in [scene.gate(&["@good"]), scene.muster(&["check", "@policy.yaml"])] {
            ended.assert_status(2);
            let shown = ended.stderr.contains("policy.yaml:5:") && ended.stderr.contains("^");
            assert!(shown && ended.stderr.contains(says), "{says}: {}", ended.stderr);
        }
    }
}

#[test]
fn every_command_that_explain_prints_works_where_the_run_was_started() {
    let scene = Scene::new("accelerators: [tcg, kvm]\nenvironments: [lab, lab-tiny]\nmax-age: 1h\n");
    scene.run("less", &[("a", Outcome::Fail), ("b", Outcome::Error)]);
    let path = scene.place.path("less/run.json");
    let text = std::fs::read_to_string(&path).expect("the record");
    let suites = scene.path("s.yaml");
    // As a run of these suites, of an image that is a file, writes it.
    let options = format!("muster run --suites {suites} --cpus 1 --image {}", scene.path("image"));
    let mut record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for test in record["tests"].as_array_mut().expect("tests") {
        let name = format!("{}/{}", test["suite"].as_str().expect("text"), test["test"].as_str().expect("text"));
        test["rerun"] = format!("{options} --test {name}").into();
    }
    // Another version of the suite ran.
    record["suites"]["s"]["sha256"] = "ab".repeat(32).into();
    std::fs::write(&path, record.to_string()).expect("written");
    let explained = scene.gate(&["@less", "--explain", "--format", "json"]);
    explained.assert_status(1);
    let decision: serde_json::Value = serde_json::from_str(&explained.stdout).expect("JSON");
    let ways = decision["ways"].as_array().expect("ways");
    let mut commands: Vec<&str> = ways.iter().filter_map(|way| way["command"].as_str()).collect();
    commands.sort_unstable();
    commands.dedup();
    assert!(commands.len() >= 5, "{commands:?}");
    for command in commands.iter().flat_map(|command| command.split(" && ")) {
        let mut words: Vec<&str> = command.strip_prefix("muster ").expect("muster").split(' ').collect();
        let expected = match words[0] {
            "run" => {
                words.push("--list");
                "s/"
            }
            "profile" if words[1] == "lock" => "2 tests of 1 suite",
            _ => "no test is different",
        };
        let mut here = std::process::Command::new(env!("CARGO_BIN_EXE_muster"));
        here.args(&words).current_dir(scene.place.dir.path()).env("MUSTER_CACHE", scene.place.path("cache"));
        let ended = here.output().expect("muster runs");
        let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success() && out.contains(expected), "{command}: {out}{err}");
    }
}

#[test]
fn two_profiles_are_compared_and_a_run_of_another_suite_satisfies_none() {
    let scene = Scene::new("");
    scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)]);
    scene.muster(&["profile", "diff", "@p.lock.json", "@p.lock.json"]).assert_status(0);
    scene.place.write("s.yaml", &(SUITE.replace("id: b", "id: c").replace("tags: [tier0]", "tags: [tier1]")));
    scene.muster(&["profile", "lock", "--suites", "@s.yaml", "--id", "p", "-o", "@q.lock.json"]).assert_status(0);
    let different = scene.muster(&["profile", "diff", "@p.lock.json", "@q.lock.json"]);
    different.assert_status(1);
    assert_eq!(different.stdout, "added: s/c\nremoved: s/b\nchanged: s/a\n");
    std::fs::rename(scene.place.path("q.lock.json"), scene.place.path("p.lock.json")).expect("renamed");
    let closed = scene.gate(&["@good"]);
    closed.assert_status(1);
    assert!(closed.stdout.contains("failed suite s: the run good had another version"), "{}", closed.stdout);
    let checked = scene.muster(&["check", "@policy.yaml"]);
    checked.assert_status(0);
    assert!(checked.stdout.contains("1 policy, 0 rules: all valid"), "{}", checked.stdout);
    // A lock that was reviewed is not written over by a slip.
    let before = std::fs::read(scene.place.path("p.lock.json")).expect("the profile");
    let again = scene.muster(&["profile", "lock", "--suites", "@s.yaml", "-o", "@p.lock.json"]);
    again.assert_status(2);
    assert!(again.stderr.contains("is there already") && again.stderr.contains("--force"), "{}", again.stderr);
    assert_eq!(std::fs::read(scene.place.path("p.lock.json")).expect("the profile"), before);
    scene.muster(&["profile", "lock", "--suites", "@s.yaml", "-o", "@p.lock.json", "--force"]).assert_status(0);
    let lock = scene.muster(&["profile", "lock", "--suites", "@s.yaml", "-o", "@NO.lock.json"]);
    lock.assert_status(2);
    assert!(lock.stderr.contains("cannot be the id of a profile"), "{}", lock.stderr);
}

#[test]
fn a_suite_whose_upload_has_changed_is_not_the_one_that_was_locked() {
    let place = Place::new();
    place.write("check.sh", "#!/bin/sh\nexit 1\n");
    let steps = "steps: [{upload: check.sh, to: /tmp/check.sh, mode: '0755'}, {run: /tmp/check.sh}]";
    place.write("s.yaml", &format!("schema: suite/v1\nsuite: s\ntests: [{{id: a, {steps}}}]\n"));
    let path = |name: &str| place.path(name).to_str().expect("UTF-8").to_owned();
    let muster = |words: &[&str]| place.run(words, Duration::from_secs(60));
    let lock = |name: &str| {
        let words = ["profile", "lock", "--suites", &path("s.yaml"), "--id", "p", "-o", &path(name)];
        muster(&words).assert_status(0);
    };
    lock("a.lock.json");
    lock("same.lock.json");
    muster(&["profile", "diff", &path("a.lock.json"), &path("same.lock.json")]).assert_status(0);
    place.write("check.sh", "#!/bin/sh\nexit 0\n");
    lock("b.lock.json");
    let different = muster(&["profile", "diff", &path("a.lock.json"), &path("b.lock.json")]);
    different.assert_status(1);
    assert_eq!(different.stdout, "changed outside its tests, or in a comment: s\n");
}

#[test]
fn who_accepts_another_snapshot_needs_another_lock_and_an_earlier_lock_is_refused_by_name() {
    let scene = Scene::new("");
    let b = "expect: {package: {sed: {installed: true}}}";
    assert!(SUITE.contains(b));
    scene.place.write("s.yaml", &SUITE.replace(b, "snapshots: [{name: users, of: users}]"));
    std::fs::create_dir(scene.place.path("snapshots")).expect("a directory");
    let accept = |users: &str| {
        scene.place.write("snapshots/s__b__users@lab.snap", &format!("---\nsource: s.yaml\n---\n{users}\n"));
    };
    let lock = |file: &str| {
        scene.muster(&["profile", "lock", "--suites", "@s.yaml", "--id", "p", "-o", file, "--force"]).assert_status(0);
    };
    accept("root");
    lock("@p.lock.json");
    scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)]);
    scene.gate(&["@good"]).assert_status(0);
    accept("root, intruder");
    lock("@q.lock.json");
    let different = scene.muster(&["profile", "diff", "@p.lock.json", "@q.lock.json"]);
    different.assert_status(1);
    assert_eq!(different.stdout, "changed: s/b\n");
    std::fs::rename(scene.place.path("q.lock.json"), scene.place.path("p.lock.json")).expect("renamed");
    let closed = scene.gate(&["@good"]);
    closed.assert_status(1);
    for part in
        ["failed suite s: the run good had another version", "or an accepted snapshot is another one", "lock again"]
    {
        assert!(closed.stdout.contains(part), "{part}: {}", closed.stdout);
    }
    // As an earlier muster wrote it.
    let text = std::fs::read_to_string(scene.place.path("p.lock.json")).expect("the profile");
    scene.place.write("p.lock.json", &text.replace("profile/v2", "profile/v1"));
    for refused in [scene.gate(&["@good"]), scene.muster(&["profile", "diff", "@p.lock.json", "@p.lock.json"])] {
        refused.assert_status(3);
        for part in ["its digests leave out accepted snapshots", "muster profile lock FILTER… -o "] {
            assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
        }
    }
}
