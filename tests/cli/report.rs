//! The reports of a run, made again: of one that ended, of one that was killed, and of what is no run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use camino::Utf8Path;
use muster_record::event::Event;
use muster_record::fold::Recorder;
use muster_record::journal::Journal;
use muster_record::layout::RunDir;
use muster_record::{json, sample};

use crate::support::{Finished, Place};

/// The directory of the sample run, as far as these events; `run.json` is as it stood at the plan when the run was killed.
fn run_of(place: &Place, name: &str, events: &[Event]) -> PathBuf {
    let path = place.path(name);
    let dir = RunDir::create(Utf8Path::from_path(&path).unwrap()).unwrap();
    let mut journal = Journal::create(&dir.events()).unwrap();
    events.iter().for_each(|event| journal.append(event).unwrap());
    let ended = matches!(events.last(), Some(Event::RunFinished { .. }));
    let planned = events.iter().position(|event| matches!(event, Event::Planned { .. })).unwrap() + 1;
    let upto = if ended { events.len() } else { planned };
    std::fs::write(dir.run_json(), json::render(&Recorder::fold(&events[..upto])).unwrap()).unwrap();
    path
}

fn report(place: &Place, words: &[&str]) -> Finished {
    let words: Vec<&str> = ["report"].iter().chain(words).copied().collect();
    place.run(&words, Duration::from_secs(60))
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_format_is_made_of_a_run_that_ended_and_of_one_that_was_killed() {
    let place = Place::new();
    let events = sample::events();
    let ended = run_of(&place, "ended", &events);
    let killed = run_of(&place, "killed", &events[..events.len() - 3]);
    let all = "html,junit,junit-strict,json,ctrf,markdown,tap,sarif";
    for run in [&ended, &killed] {
        let out = run.with_extension("out");
        let done = report(&place, &[run.to_str().unwrap(), "--format", all, "-o", out.to_str().unwrap()]);
        done.assert_status(0);
        let files = done.stdout.lines().filter_map(|line| line.split_once(": ")).count();
        assert_eq!((files, std::fs::read_dir(&out).unwrap().count()), (8, 8), "{}", done.stdout);
        assert_eq!(text(&out.join("junit.xml")).matches("<testcase ").count(), sample::TESTS);
        // Nothing of the run itself has changed.
        assert!(!run.join("junit.xml").exists());
    }
    let done = report(&place, &[killed.to_str().unwrap(), "--format", "markdown", "--stdout"]);
    done.assert_status(0);
    assert!(done.stderr.contains("the run did not end: what it had not reached stands as an error"), "{}", done.stderr);
    assert!(done.stdout.starts_with("### muster\n\n- `FAIL lab: "), "{}", done.stdout);
    let done = report(&place, &[ended.to_str().unwrap(), "--annotations", "github"]);
    done.assert_status(0);
    assert_eq!(done.stdout.lines().filter(|line| line.starts_with("::error ")).count(), 4, "{}", done.stdout);
}

#[test]
fn without_a_directory_the_reports_of_each_run_stand_in_it() {
    let place = Place::new();
    let events = sample::events();
    let runs = [run_of(&place, "a", &events), run_of(&place, "b", &events)];
    report(&place, &[runs[0].to_str().unwrap(), runs[1].to_str().unwrap(), "--format", "tap"]).assert_status(0);
    assert_eq!(text(&runs[0].join("results.tap")), text(&runs[1].join("results.tap")));
    // Two runs never share one.
    let out = place.path("out");
    let (a, b) = (runs[0].to_str().unwrap(), runs[1].to_str().unwrap());
    report(&place, &[a, b, a, "-o", out.to_str().unwrap()]).assert_status(0);
    assert!(["a", "b", "a-2"].iter().all(|name| out.join(name).join("junit.xml").is_file()));
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 3);
}

#[test]
fn what_is_no_run_ends_with_one_message_and_writes_nothing() {
    let place = Place::new();
    let empty = place.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let newer = place.path("newer");
    std::fs::create_dir(&newer).unwrap();
    std::fs::write(newer.join("run.json"), r#"{"schema": "run/v9"}"#).unwrap();
    let cut = place.path("cut");
    std::fs::create_dir(&cut).unwrap();
    std::fs::write(cut.join("run.json"), "{\"schema\": \"run/v1\", ").unwrap();
    let good = run_of(&place, "good", &sample::events());
    let file = place.write("file", "x");
    for (words, said) in [
        (vec!["/nowhere/at-all"], "there is no such run"),
        (vec![file.to_str().unwrap()], "it is not the directory of a run, and no zip that can be read"),
        (vec![empty.to_str().unwrap()], "neither run.json nor events.jsonl"),
        (vec![newer.to_str().unwrap()], "has the schema run/v9, and this version of muster reads run/v1"),
        (vec![cut.to_str().unwrap()], "run.json, line 1: "),
        (vec![good.to_str().unwrap(), cut.to_str().unwrap(), "--format", "tap"], "run.json, line 1: "),
        (vec![good.to_str().unwrap(), "--stdout"], "prints one report of one run"),
        (vec![good.to_str().unwrap(), "--format", "html5"], "invalid value 'html5'"),
    ] {
        let done = report(&place, &words);
        done.assert_status(2);
        assert_eq!(done.stderr.matches("error: ").count(), 1, "{}", done.stderr);
        assert!(done.stderr.contains(said), "{words:?}: {}", done.stderr);
    }
    assert!(!good.join("results.tap").exists(), "one of the runs could not be read");
    let done = report(&place, &[good.to_str().unwrap(), "-o", "/proc/nowhere"]);
    done.assert_status(3);
}

/// A later run than the sample, in which a test fails that did not.
fn later(place: &Place, name: &str, image: Option<&str>) -> PathBuf {
    let path = run_of(place, name, &sample::events());
    let record = std::fs::read_to_string(path.join("run.json")).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let tests = record["tests"].as_array_mut().unwrap();
    let failures = tests.iter().find(|test| test["outcome"] == "fail").unwrap()["failures"].clone();
    let passed = tests.iter_mut().find(|test| test["outcome"] == "pass").unwrap();
    passed["outcome"] = "fail".into();
    passed["failures"] = failures;
    if let Some(image) = image {
        tests.iter_mut().for_each(|test| test["image"] = image.into());
        let images = record["images"].as_object_mut().unwrap();
        let lab = images.remove("lab").unwrap();
        images.clear();
        images.insert(image.to_owned(), lab);
    }
    std::fs::write(path.join("run.json"), record.to_string()).unwrap();
    path
}

#[test]
fn two_runs_are_compared_from_their_directories_alone() {
    let place = Place::new();
    let before = run_of(&place, "before", &sample::events());
    let (after, renamed) = (later(&place, "after", None), later(&place, "renamed", Some("next")));
    let diff = |words: &[&str]| {
        let words: Vec<&str> = ["diff", before.to_str().unwrap()].iter().chain(words).copied().collect();
        place.run(&words, Duration::from_secs(60))
    };
    let same = diff(&[before.to_str().unwrap()]);
    // Tests of the sample run ended in an error: nobody knows whether the image got worse.
    same.assert_status(3);
    assert!(same.stdout.contains(" of the second run ended in an error again"), "{}", same.stdout);
    assert!(!same.stdout.contains("nothing got worse"), "{}", same.stdout);
    let whole = |name: &str, keep: &dyn Fn(&serde_json::Value) -> bool| -> String {
        let path = run_of(&place, name, &sample::events());
        let mut record: serde_json::Value = serde_json::from_str(&text(&path.join("run.json"))).unwrap();
        record["tests"]
            .as_array_mut()
            .unwrap()
            .retain(|test| test["outcome"] != "error" && test["outcome"] != "not-run" && keep(test));
        std::fs::write(path.join("run.json"), record.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (all, fewer) = (whole("all", &|_| true), whole("fewer", &|test| test["test"] != "nginx-serves"));
    let compared = |one: &str, other: &str| place.run(&["diff", one, other], Duration::from_secs(60));
    let nothing = compared(&all, &all);
    nothing.assert_status(0);
    assert!(nothing.stdout.contains("nothing got worse\n"), "{}", nothing.stdout);
    let removed = compared(&all, &fewer);
    removed.assert_status(1);
    assert!(removed.stdout.contains(" that ran in the first run "), "{}", removed.stdout);
    let worse = diff(&[after.to_str().unwrap()]);
    worse.assert_status(1);
    assert!(worse.stdout.contains("1 test newly failing\n  base/nginx-serves [lab]: "), "{}", worse.stdout);
    let json = diff(&[after.to_str().unwrap(), "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["schema"], &json["worse"]), (&"diff/v1".into(), &true.into()));
    assert!(diff(&[after.to_str().unwrap(), "--format", "markdown"]).stdout.contains("#### 1 newly failing"));
    let other = diff(&[renamed.to_str().unwrap()]);
    other.assert_status(2);
    assert!(
        other.stderr.contains("no image in common") && other.stderr.contains("--rename OLD=NEW"),
        "{}",
        other.stderr
    );
    let other = diff(&[renamed.to_str().unwrap(), "--rename", "lab=next"]);
    other.assert_status(1);
    assert!(other.stdout.contains("next: the same file"), "{}", other.stdout);
    let other = diff(&[renamed.to_str().unwrap(), "--rename", "lap=next"]);
    other.assert_status(2);
    assert!(other.stderr.contains("did you mean `lab`?"), "{}", other.stderr);
    diff(&["/nowhere/at-all"]).assert_status(2);
}

#[test]
fn a_history_says_what_is_new_with_its_last_good_run_and_takes_nothing_for_a_run_that_is_none() {
    let place = Place::new();
    let runs = place.path("runs");
    std::fs::create_dir(&runs).unwrap();
    let history = |words: &[&str]| {
        let words: Vec<&str> = ["history"].iter().chain(words).copied().collect();
        place.run(&words, Duration::from_secs(60))
    };
    let dir = runs.to_str().unwrap();
    history(&[dir]).assert_status(2);
    run_of(&place, "runs/one", &sample::events());
    let first = history(&[dir]);
    first.assert_status(1);
    let two = later(&place, "runs/two", None);
    let record = text(&two.join("run.json"));
    let id = serde_json::from_str::<serde_json::Value>(&record).unwrap()["id"].as_str().unwrap().to_owned();
    std::fs::write(two.join("run.json"), record.replace(&id, "later").replace("2026-", "2027-")).unwrap();
    run_of(&place, "runs/killed", &sample::events()[..5]);
    std::fs::create_dir(runs.join("no-run")).unwrap();
    let second = history(&[dir, "--format", "json"]);
    // A test that the same file passed and failed is not new.
    second.assert_status(0);
    assert!(
        second.stderr.contains("killed: the run did not end or is one shard, and was left out"),
        "{}",
        second.stderr
    );
    let json: serde_json::Value = serde_json::from_str(&second.stdout).unwrap();
    assert_eq!(json["runs"], 2);
    let of = |test: &str| json["series"].as_array().unwrap().iter().find(|one| one["test"] == test).unwrap().clone();
    // It is the same file of the image.
    assert_eq!(of("base/nginx-serves")["state"], "flaky");
    assert_eq!(of("base/nginx-serves")["last-good"]["run"], id);
    assert_eq!(of("base/hostile")["state"], "active");
    assert!(
        history(&[dir, "--test", "base/hostile"])
            .stdout
            .contains("1 active: failing in the last run that has it, since an earlier one")
    );
    history(&[dir, "--test", "nothing/*"]).assert_status(2);
    let broken = place.write("history.jsonl", "no json\n");
    let broken = history(&[broken.to_str().unwrap()]);
    broken.assert_status(2);
    assert!(broken.stderr.contains("history.jsonl, line 1: "), "{}", broken.stderr);
}

#[test]
fn each_failure_gets_a_packet_and_a_green_run_gets_none() {
    let place = Place::new();
    let run = run_of(&place, "run", &sample::events());
    let good = run_of(&place, "good", &sample::events());
    let triage = |words: &[&str]| {
        let words: Vec<&str> = ["triage", run.to_str().unwrap()].iter().chain(words).copied().collect();
        place.run(&words, Duration::from_secs(60))
    };
    let done = triage(&[]);
    done.assert_status(0);
    assert_eq!(done.stdout.lines().count(), 4, "{}", done.stdout);
    let dir = run.join("tests/base/nginx-version@lab");
    assert!(text(&dir.join("triage.md")).starts_with("# image `base/nginx-version [lab]`\n"));
    let json: serde_json::Value = serde_json::from_str(&text(&dir.join("triage.json"))).unwrap();
    assert_eq!((&json["schema"], &json["class"], &json["since"]), (&"triage/v1".into(), &"image".into(), &().into()));
    let done = triage(&["--test", "base/nginx-version", "--good", good.to_str().unwrap(), "--stdout"]);
    done.assert_status(0);
    assert!(done.stdout.contains("The test did not pass in that run either."), "{}", done.stdout);
    let done = triage(&["--test", "nothing/*"]);
    done.assert_status(2);
    assert!(done.stderr.contains("no test failed in this run, or none that --test names"), "{}", done.stderr);
}
