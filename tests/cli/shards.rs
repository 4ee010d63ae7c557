//! A run in parts, and the parts merged: the machine is this one, through an SSH server that the test starts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use muster_guest::loopback::Sshd;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

use crate::support::{Finished, Place, connection, finish, plain, root};

const SUITES: [(&str, &str); 2] = [
    (
        "up.yaml",
        r#"
schema: suite/v1
suite: up
tests:
  - id: good
    expect: {file: {/etc/passwd: {type: file}}}
  - id: bad
    expect: {file: {MARK: {type: file}}}
  - id: after
    needs: [bad]
    expect: {file: {/etc/passwd: {type: file}}}
  - id: last
    expect: {file: {/etc/passwd: {type: file}}}
"#,
    ),
    (
        "other.yaml",
        r#"
schema: suite/v1
suite: other
tests:
  - id: elsewhere
    when: accelerator == tcg
    expect: {file: {/etc/passwd: {type: file}}}
  - id: changes
    steps: [{run: "true"}]
  - id: looks
    expect: {kernel: {release: ">= 1"}}
"#,
    ),
];

/// A known issue of the test that fails, which is over in some weeks.
fn known_issue() -> String {
    let day = Command::new("date").args(["--utc", "--date", "+60 days", "+%F"]).output().expect("date");
    let day = String::from_utf8(day.stdout).expect("a day");
    format!(
        "schema: known-issues/v1\nknown-issues:\n- {{tests: up/bad, tracker: \"1\", because: it is looked into, expires: {}}}\n",
        day.trim()
    )
}

struct Scene {
    sshd: Sshd,
    place: Place,
}

impl Scene {
    fn new() -> Self {
        let (sshd, place) = (Sshd::start().unwrap(), Place::new());
        std::fs::create_dir(place.path("suites")).unwrap();
        let mark = place.path("mark");
        for (name, text) in SUITES {
            place.write(&format!("suites/{name}"), &text.replace("MARK", mark.to_str().unwrap()));
        }
        Self { sshd, place }
    }

    /// `muster` with these words, with these variables; a run goes to this directory.
    fn muster(&self, words: &[&str], out: Option<&str>, variables: &[(&str, &str)]) -> Finished {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(words).current_dir(root()).env("NO_COLOR", "1").env("MUSTER_CONFIG", "").stdin(Stdio::null());
        // Those of a CI server on which this test itself runs.
        for name in ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "CI_NODE_INDEX", "SYSTEM_JOBPOSITIONINPHASE"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        if let Some(out) = out {
            command.arg("--out").arg(self.place.path(out));
        }
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), Duration::from_secs(60))
    }

    fn run(&self, out: &str, more: &[&str], variables: &[(&str, &str)]) -> Finished {
        let suites = self.place.path("suites").display().to_string();
        let connection = connection(&self.sshd);
        let mut words = vec!["run", "--suites", &suites];
        words.extend(connection.iter().map(String::as_str));
        words.extend(more);
        self.muster(&words, Some(out), variables)
    }

    fn record(&self, run: &str) -> RunRecord {
        let text = std::fs::read_to_string(self.path(run).join("run.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    fn merge(&self, runs: &[&str], out: &str) -> Finished {
        let paths: Vec<String> = runs.iter().map(|run| self.path(run).display().to_string()).collect();
        let words: Vec<&str> = ["merge"].into_iter().chain(paths.iter().map(String::as_str)).collect();
        self.muster(&words, Some(out), &[])
    }
}

fn names(record: &RunRecord) -> BTreeSet<String> {
    record.tests.iter().filter(|test| test.suite != "machine").map(TestRecord::name).collect()
}

#[test]
fn four_shards_merged_are_the_run_that_was_not_divided() {
    let scene = Scene::new();
    scene.run("whole", &[], &[]).assert_status(1);
    let whole = scene.record("whole");
    let (mut all, mut shards) = (BTreeSet::new(), Vec::new());
    for number in 1..=4 {
        let out = format!("shard-{number}");
        let (index, shard) = (number.to_string(), format!("{number}/4"));
        // As typed, and as GitLab says it.
        let done = match number % 2 {
            0 => scene.run(&out, &["--shard", "auto"], &[("CI_NODE_INDEX", &index), ("CI_NODE_TOTAL", "4")]),
            _ => scene.run(&out, &["--shard", &shard], &[]),
        };
        let record = scene.record(&out);
        assert_eq!(Some(done.status), record.exit_code.map(i32::from), "{}", done.stderr);
        let of = record.shard.clone().unwrap();
        assert_eq!((of.number, of.of, of.tests), (number, 4, 7));
        let position = record.arguments.iter().position(|word| word == "--shard").unwrap();
        assert_eq!(record.arguments[position + 1], shard, "nobody else has this environment");
        let notice = format!("this is shard {number} of 4, with ");
        assert!(record.notices.iter().any(|text| text.starts_with(&notice)), "{:?}", record.notices);
        for name in names(&record) {
            assert!(all.insert(name.clone()), "{name} is in two shards");
        }
        let together = ["up/bad", "up/after"].map(|name| names(&record).contains(name));
        assert_eq!(together[0], together[1], "what needs another is where that is");
        let page = std::fs::read_to_string(scene.path(&out).join("report.html")).unwrap();
        assert!(!page.contains("May it ship? <strong class=\"pass\">"), "a part does not decide");
        shards.push(out);
    }
    assert_eq!(all, names(&whole));
    let suites = scene.path("suites").display().to_string();
    let listed: Vec<usize> = (1..=4)
        .map(|number| {
            let shard = format!("{number}/4");
            let words = ["list", "--suites", &suites, "--shard", &shard, "--image", "lab", "--format", "json"];
            let done = scene.muster(&words, None, &[]);
            done.assert_status(0);
            let rows: Vec<serde_json::Value> = serde_json::from_str(&done.stdout).unwrap();
            assert!(rows.iter().all(|row| row["image"] == "lab"), "{}", done.stdout);
            rows.len()
        })
        .collect();
    assert_eq!(listed.iter().sum::<usize>(), 7, "{listed:?}");
    let shards: Vec<&str> = shards.iter().map(String::as_str).collect();
    let done = scene.merge(&shards, "merged");
    done.assert_status(1);
    assert!(done.stdout.contains("4 shards, 8 tests: "), "{}", done.stdout);
    assert!(done.stdout.contains("FAIL up/bad ["), "{}", done.stdout);
    assert_eq!(done.stdout.matches("run it again: muster run ").count(), 1, "{}", done.stdout);
    let merged = scene.record("merged");
    assert_eq!(plain(&merged), plain(&whole));
    assert_eq!((&merged.totals, merged.exit_code), (&whole.totals, whole.exit_code));
    assert_eq!(
        (&merged.images.keys().collect::<Vec<_>>(), &merged.suites),
        (&whole.images.keys().collect::<Vec<_>>(), &whole.suites)
    );
    let typed =
        |record: &RunRecord| record.arguments.iter().take_while(|word| *word != "--out").cloned().collect::<Vec<_>>();
    assert_eq!(typed(&merged), typed(&whole));
    assert_eq!(merged.merged.iter().map(|run| &run.id).collect::<BTreeSet<_>>().len(), 4);
    for file in ["report.html", "junit.xml", "durations.json"] {
        assert!(scene.path("merged").join(file).is_file(), "{file}");
    }
    // It is a run like any other.
    let merged_path = scene.path("merged").display().to_string();
    scene.muster(&["report", &merged_path, "--format", "tap", "--stdout"], None, &[]).assert_status(0);
    let same = scene.muster(&["diff", scene.path("whole").to_str().unwrap(), &merged_path], None, &[]);
    same.assert_status(0);
    // And its durations divide the next one.
    let durations = scene.path("merged").join("durations.json").display().to_string();
    for by in [durations.as_str(), merged_path.as_str()] {
        let out = format!("next-{}", by.len());
        scene.run(&out, &["--shard", "1/2", "--durations", by], &[]);
        assert_eq!(scene.record(&out).shard.unwrap().tests, 7);
    }
}

#[test]
fn shards_that_are_not_of_one_run_are_refused_and_nothing_is_written() {
    let scene = Scene::new();
    for number in ["1", "2", "3"] {
        scene.run(&format!("s{number}"), &["--shard", &format!("{number}/3")], &[]);
    }
    scene.run("whole", &[], &[]);
    scene.run("single", &["--shard", "1/1"], &[]);
    scene.run("other", &["--shard", "3/4"], &[]);
    scene.run("selected", &["--shard", "3/3", "--suite", "up"], &[]);
    let refused = |runs: &[&str], why: &str| {
        let done = scene.merge(runs, "merged");
        done.assert_status(2);
        let errors: Vec<&str> = done.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 1 && errors[0].contains(why), "{runs:?}: {}", done.stderr);
        assert!(!scene.path("merged").exists());
        let left = std::fs::read_dir(scene.path("")).unwrap().flatten();
        assert!(left.into_iter().all(|entry| !entry.file_name().to_string_lossy().starts_with(".muster-")));
    };
    refused(&["s1", "s3"], "shard 2 of 3 is missing");
    refused(&["s1", "s2", "s2", "s3"], "the shard 2 of 3 is there twice");
    refused(&["s1", "s2", "whole"], "is no shard of another");
    refused(&["s1", "s2", "other"], "different numbers of shards (3 and 4)");
    refused(&["s1", "s2", "selected"], "different plans: the selected tests, their suites or the images are others");
    let known = scene.place.write("known.yaml", &known_issue()).display().to_string();
    scene.run("known", &["--shard", "3/3", "--known-issues", &known], &[]);
    refused(&["s1", "s2", "known"], "different files that decide on results (known-issues)");
    let timed = scene.place.write("durations.json", "{\"x up/good\": 1.0}").display().to_string();
    scene.run("timed", &["--shard", "3/3", "--durations", &timed, "--allow-changes"], &[]);
    refused(&["s1", "s2", "timed"], "different plans: the options for machines, or those that decide");
    // A shard that failed runs again, as that shard, and is merged in its place.
    std::fs::write(scene.path("mark"), "").unwrap();
    let failed = ["s1", "s2", "s3"].into_iter().find(|run| scene.record(run).exit_code == Some(1)).unwrap();
    let earlier = scene.path(failed).display().to_string();
    scene.muster(&["run", "--rerun", &earlier], Some("again"), &[]).assert_status(0);
    let again = scene.record("again");
    assert_eq!((&again.shard, names(&again)), (&scene.record(failed).shard, names(&scene.record(failed))));
    let runs: Vec<&str> = ["s1", "s2", "s3"].into_iter().map(|run| if run == failed { "again" } else { run }).collect();
    scene.merge(&runs, "merged").assert_status(0);
    assert!(scene.record("merged").tests.iter().all(|test| test.outcome != Outcome::Fail));
    scene.merge(&runs, "merged").assert_status(2);
    // Results that it has kept are merged, and where their evidence is is said.
    let single = scene.path("single").display().to_string();
    scene.muster(&["run", "--rerun", &single], Some("kept"), &[]).assert_status(0);
    let merged = scene.merge(&["kept"], "merged-kept");
    merged.assert_status(0);
    let note = format!("kept has kept results of the run {}", scene.record("single").id);
    assert!(merged.stderr.contains(&note) && merged.stderr.contains("(`--attempts`) only"), "{}", merged.stderr);
}

#[test]
fn a_shard_that_cannot_be_is_an_error_before_anything_runs() {
    let scene = Scene::new();
    let refused = |more: &[&str], why: &str| {
        let done = scene.run("none", more, &[]);
        done.assert_status(2);
        assert!(done.stderr.contains(why), "{more:?}: {}", done.stderr);
        assert!(!scene.path("none").exists());
    };
    refused(&["--shard", "1/9"], "9 shards are too many: the selected tests can be divided into 6 at most");
    refused(&["--shard", "5/4"], "a shard is I/N");
    refused(&["--shard", "auto"], "nothing says which of how many jobs this is");
    refused(&["--shard", "1/2", "--durations", "/nowhere"], "/nowhere");
    let text = scene.place.write("text.json", "[1]");
    refused(&["--shard", "1/2", "--durations", text.to_str().unwrap()], "it has no durations");
    refused(&["--durations", text.to_str().unwrap()], "--shard");
    refused(&["--shard", "1/2", "--failed", "last"], "cannot be used with");
}

#[test]
fn a_shard_of_skipped_tests_alone_is_no_failure_and_what_it_says_of_itself_is_not_said_of_the_whole() {
    let scene = Scene::new();
    let suite = "schema: suite/v1\nsuite: two\ntests:\n\
                 - {id: a, expect: {file: {/etc/passwd: {type: file}}}}\n\
                 - {id: z, when: accelerator == kvm, expect: {file: {/etc/passwd: {type: file}}}}\n";
    let suite = scene.place.write("two.yaml", suite).display().to_string();
    let none = "schema: suite/v1\nsuite: none\ntests:\n\
                - {id: a, when: accelerator == kvm, expect: {file: {/etc/passwd: {type: file}}}}\n\
                - {id: b, when: accelerator == kvm, expect: {file: {/etc/passwd: {type: file}}}}\n";
    let none = scene.place.write("none.yaml", none).display().to_string();
    let run = |suite: &str, out: &str, more: &[&str]| {
        let connection = connection(&scene.sshd);
        let words: Vec<&str> =
            ["run", "--suites", suite].into_iter().chain(connection.iter().map(String::as_str)).collect();
        scene.muster(&[&words[..], more].concat(), Some(out), &[])
    };
    run(&suite, "whole", &[]).assert_status(0);
    for number in ["1", "2"] {
        run(&suite, &format!("s{number}"), &["--shard", &format!("{number}/2")]).assert_status(0);
    }
    let skipped = scene.record("s2");
    assert_eq!(skipped.exit_code, Some(0));
    let own = skipped.shard.clone().unwrap();
    assert!(skipped.notices.contains(&own.nothing_ran()), "{:?}", skipped.notices);
    let page = std::fs::read_to_string(scene.path("s2/report.html")).unwrap();
    assert!(page.contains("May it ship? <strong class=\"error\">Not known"), "it has shown nothing");
    scene.muster(&["run", "--rerun", scene.path("s2").to_str().unwrap()], Some("again"), &[]).assert_status(0);
    scene.merge(&["s1", "s2"], "merged").assert_status(0);
    let (merged, whole) = (scene.record("merged"), scene.record("whole"));
    assert_eq!((merged.exit_code, &merged.totals), (Some(0), &whole.totals));
    for notice in &merged.notices {
        assert!(!notice.contains("shard") && !notice.contains("no test ran"), "{notice}");
    }
    let page = std::fs::read_to_string(scene.path("merged/report.html")).unwrap();
    assert!(page.contains("May it ship? <strong class=\"pass\">") && !page.contains("no test ran"), "{page}");
    // Where nothing ran anywhere, nothing is shown, whoever runs it.
    run(&none, "nothing", &[]).assert_status(2);
    for number in ["1", "2"] {
        run(&none, &format!("n{number}"), &["--shard", &format!("{number}/2")]).assert_status(0);
    }
    scene.merge(&["n1", "n2"], "merged-nothing").assert_status(2);
    let merged = scene.record("merged-nothing");
    assert!(merged.notices.iter().any(|notice| notice == muster_record::verdict::NO_TEST_RAN), "{:?}", merged.notices);
    // Each by itself decides nothing, whatever it ended with.
    let policy = "schema: policy/v1\nid: p\ncontext: ship\nrequire: [{test: two/a}]\n";
    let policy = scene.place.write("policy.yaml", policy).display().to_string();
    let gate = |run: &str| scene.muster(&["gate", scene.path(run).to_str().unwrap(), "--policy", &policy], None, &[]);
    gate("merged").assert_status(0);
    gate("s2").assert_status(1);
}

#[test]
fn durations_are_those_of_any_run_that_can_be_named() {
    let scene = Scene::new();
    let suites = scene.path("suites").display().to_string();
    let connection = connection(&scene.sshd);
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(["run", "--suites", &suites]).args(&connection).args(more);
        command.current_dir(scene.path("")).env("NO_COLOR", "1").env_remove("CI").env_remove("MUSTER_CONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(command.spawn().unwrap(), Duration::from_secs(60))
    };
    let none = run(&["--shard", "1/2", "--durations", "last"]);
    assert!(
        none.assert_status(2).stderr.contains("--durations last: there is no run in muster-runs"),
        "{}",
        none.stderr
    );
    run(&[]).assert_status(1);
    let runs = scene.path("muster-runs");
    let first = |ids: Vec<String>| ids.into_iter().filter(|id| id.starts_with('2')).min().unwrap();
    let ids = std::fs::read_dir(&runs).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let id = first(ids.collect());
    let mut plans = BTreeSet::new();
    for (number, by) in ["last", id.as_str(), &format!("muster-runs/{id}")].into_iter().enumerate() {
        let out = format!("by-{number}");
        run(&["--shard", "1/2", "--durations", by, "--out", &out]);
        let record = scene.record(&out);
        plans.insert(record.shard.unwrap().plan);
        // `last` would be another run later.
        let at = record.arguments.iter().position(|word| word == "--durations").unwrap();
        let kept = if by == "last" { format!("muster-runs/{id}") } else { by.to_owned() };
        assert_eq!(record.arguments[at + 1], kept);
    }
    assert_eq!(plans.len(), 1, "the same durations divide alike");
}
