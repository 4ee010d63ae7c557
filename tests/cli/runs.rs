//! Directories of earlier runs.

use std::time::Duration;

use super::support::{Finished, Place};

fn muster(place: &Place, words: &[&str]) -> Finished {
    let runs = place.path("runs");
    let words: Vec<&str> = words.iter().copied().chain(["--dir", runs.to_str().unwrap()]).collect();
    place.run(&words, Duration::from_secs(60))
}

/// A run of this day with this exit code, as far as a list looks.
fn run(place: &Place, name: &str, day: u8, exit: Option<u8>) {
    let dir = place.path("runs").join(name);
    std::fs::create_dir_all(dir.join("machines")).unwrap();
    let at = format!("2026-01-{day:02}T08:00:00Z");
    let first = serde_json::json!({"event": "run-started", "id": name, "muster": "0", "at": at, "arguments": []});
    std::fs::write(dir.join("events.jsonl"), format!("{first}\n")).unwrap();
    let record = serde_json::json!({"interrupted": false, "exit-code": exit});
    std::fs::write(dir.join("run.json"), record.to_string()).unwrap();
}

fn names(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.path("runs")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn runs_are_listed_the_newest_first_and_pruned_by_number_and_age() {
    let place = Place::new();
    for (name, day, exit) in [("r1", 1, Some(0)), ("r2", 2, Some(1)), ("r3", 3, None), ("r4", 4, Some(3))] {
        run(&place, name, day, exit);
    }
    std::fs::create_dir(place.path("runs").join("mine")).unwrap();
    let listed = muster(&place, &["runs", "list"]);
    let words: Vec<Vec<&str>> =
        listed.assert_status(0).stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["RUN", "BEGAN", "SIZE", "VERDICT", "WHERE"]);
    let found: Vec<(&str, &str)> = words[1..5].iter().map(|words| (words[0], words[5])).collect();
    assert_eq!(found, [("r4", "error"), ("r3", "unfinished"), ("r2", "failed"), ("r1", "passed")]);
    assert!(listed.stdout.contains("4 runs in "), "{}", listed.stdout);
    let listed = muster(&place, &["runs", "list", "--format", "json"]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&listed.assert_status(0).stdout).expect("JSON");
    assert_eq!((&rows[3]["verdict"], &rows[3]["started"]), (&"passed".into(), &"2026-01-01T08:00:00Z".into()));

    let unsaid = muster(&place, &["runs", "prune"]);
    assert!(unsaid.assert_status(2).stderr.contains("--keep 20"), "{}", unsaid.stderr);
    let dry = muster(&place, &["runs", "prune", "--keep", "2", "--dry-run"]);
    assert!(dry.assert_status(0).stdout.contains("would remove 2 runs"), "{}", dry.stdout);
    assert_eq!(names(&place), ["mine", "r1", "r2", "r3", "r4"]);
    let pruned = muster(&place, &["runs", "prune", "--keep", "3", "--older-than", "1d"]);
    assert!(pruned.assert_status(0).stdout.contains("removed 1 run,"), "{}", pruned.stdout);
    assert_eq!(names(&place), ["mine", "r2", "r3", "r4"]);
    let pruned = muster(&place, &["runs", "prune", "--keep", "3", "--older-than", "1d", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&pruned.assert_status(0).stdout).expect("JSON");
    assert_eq!((document["removed"].as_array().unwrap().len(), document["kept"].as_array().unwrap().len()), (0, 3));
    muster(&place, &["runs", "prune", "--keep", "0"]).assert_status(0);
    assert_eq!(names(&place), ["mine"]);
    let none = place.run(&["runs", "list", "--dir", "/no/such"], Duration::from_secs(60));
    assert!(none.assert_status(2).stderr.contains("--dir /no/such is no directory"), "{}", none.stderr);
}

#[test]
fn a_run_that_goes_on_stays() {
    let place = Place::new();
    run(&place, "goes-on", 1, None);
    let journal = std::fs::File::open(place.path("runs/goes-on/events.jsonl")).unwrap();
    journal.lock().unwrap();
    let listed = muster(&place, &["runs", "list"]);
    assert!(listed.assert_status(0).stdout.contains("running"), "{}", listed.stdout);
    let pruned = muster(&place, &["runs", "prune", "--keep", "0"]);
    assert!(pruned.assert_status(0).stdout.contains("stays: in use"), "{}", pruned.stdout);
    assert_eq!(names(&place), ["goes-on"]);
    drop(journal);
    muster(&place, &["runs", "prune", "--keep", "0"]).assert_status(0);
    assert!(names(&place).is_empty());
}

/// Boots that were measured on this day, as far as a list looks.
fn boots(place: &Place, name: &str, day: u8, verdict: Option<&str>) {
    let dir = place.path("runs").join(name);
    std::fs::create_dir_all(dir.join("machines/candidate-1")).unwrap();
    std::fs::write(dir.join("machines/candidate-1/console.log"), "Linux version 6.12\n").unwrap();
    let at = format!("2026-01-{day:02}T08:00:00Z");
    let samples = serde_json::json!([{"number": 1, "total": {"micros": 9_000_000}}]);
    let file = serde_json::json!({"schema": "boot-time/v1", "at": at, "samples": samples});
    std::fs::write(dir.join("boot-time.json"), file.to_string()).unwrap();
    if let Some(verdict) = verdict {
        std::fs::write(dir.join("comparison.json"), serde_json::json!({"verdict": verdict}).to_string()).unwrap();
    }
}

#[test]
fn measured_boots_lie_among_runs_and_go_by_the_same_rules() {
    let place = Place::new();
    run(&place, "r2", 2, Some(0));
    boots(&place, "boot-time-b1", 1, None);
    boots(&place, "boot-time-b3", 3, Some("regression"));
    boots(&place, "boot-time-b4", 4, Some("no-change"));
    std::fs::create_dir(place.path("runs").join("boot-time-mine")).unwrap();
    let listed = muster(&place, &["runs", "list", "--format", "json"]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&listed.assert_status(0).stdout).expect("JSON");
    let found: Vec<(&str, &str)> =
        rows.iter().map(|row| (row["id"].as_str().unwrap(), row["verdict"].as_str().unwrap())).collect();
    let expected =
        [("boot-time-b4", "passed"), ("boot-time-b3", "failed"), ("r2", "passed"), ("boot-time-b1", "measured")];
    assert_eq!(found, expected);
    // As `muster boot-time` holds it.
    let lock = std::fs::File::open(place.path("runs/boot-time-b1")).unwrap();
    lock.lock().unwrap();
    let pruned = muster(&place, &["runs", "prune", "--keep", "1"]);
    let text = &pruned.assert_status(0).stdout;
    assert!(text.contains("removed 2 runs") && text.contains("stays: in use"), "{text}");
    assert_eq!(names(&place), ["boot-time-b1", "boot-time-b4", "boot-time-mine"]);
    drop(lock);
    muster(&place, &["runs", "prune", "--keep", "0"]).assert_status(0);
    assert_eq!(names(&place), ["boot-time-mine"], "what nobody measured is somebody's");
}
