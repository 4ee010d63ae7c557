//! Records that earlier versions wrote, and what is none: every command that takes a run is given each of them.
//!
//! `tests/records` has a directory for each form that `run.json` and `events.jsonl` have had, made by hand after the schema of
//! that time and at most 30 kB each. Version 1 is the only one that there was; `run-v1-first` is as its first schema had it
//! (2026-11-22), `run-v1` as it is now. A new version adds a directory of its name, `run-v2`, in the commit that changes
//! `fold::SCHEMA`: without one `the_schema_of_today_has_a_sample` fails. A form that is extended (a new optional key)
//! is added to the sample of its version.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use muster_guest::loopback::Sshd;

use crate::support::{Finished, Place, connection, finish, root};

const SUITE: &str = r#"
schema: suite/v1
suite: up
tests:
  - id: good
    expect: {file: {/etc/passwd: {type: file}}}
  - id: bad
    expect: {file: {/etc/passwd: {type: file}}}
  - id: last
    expect: {file: {/etc/passwd: {type: file}}}
"#;

fn samples() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        root().join("tests/records").read_dir().expect("the samples").map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// What a command line is, around the name of a run.
type Line<'l> = Box<dyn Fn(&str) -> Vec<String> + 'l>;

/// Every command that takes a run, each with a run as `RUN`, and its exit codes for one that failed.
fn commands<'l>(place: &'l Place, sshd: &'l Sshd) -> Vec<(&'static str, Line<'l>, Vec<i32>)> {
    let of = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let suite = place.write("up.yaml", SUITE);
    let connect = move |run: &str, option: &str| {
        let mut words = of(&["run", option, run, "--suites", suite.to_str().unwrap()]);
        words.extend(connection(sshd));
        words
    };
    fn line<'l>(words: impl Fn(&str) -> Vec<String> + 'l) -> Line<'l> {
        Box::new(words)
    }
    let connect = std::rc::Rc::new(connect);
    let with = |option: &'static str| -> Line<'l> {
        let connect = connect.clone();
        line(move |run: &str| connect(run, option))
    };
    let out = place.path("out").to_str().unwrap().to_owned();
    let zip = place.path("out.zip").to_str().unwrap().to_owned();
    vec![
        (
            "report",
            Box::new(move |run: &str| {
                of(&["report", run, "--format", "html,junit,tap,sarif,ctrf,markdown,json", "-o", &out])
            }),
            vec![0],
        ),
        // A test of one sample did not run: nobody knows whether the image got worse.
        ("diff", line(move |run: &str| of(&["diff", run, run])), vec![0, 3]),
        ("triage", line(move |run: &str| of(&["triage", run, "--stdout"])), vec![0]),
        ("archive", line(move |run: &str| of(&["archive", run, "-o", &zip])), vec![0]),
        ("run --failed", with("--failed"), vec![0]),
        ("run --rerun", with("--rerun"), vec![0]),
        // What failed then has not run again.
        ("run --resume", with("--resume"), vec![0, 1]),
        ("run --before", with("--before"), vec![0]),
    ]
}

fn run(place: &Place, words: &[String]) -> Finished {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let child = place.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish(child, Duration::from_secs(60))
}

#[test]
fn the_schema_of_today_has_a_sample() {
    let name = muster_record::fold::SCHEMA.replace('/', "-");
    let dir = root().join("tests/records").join(&name);
    for file in ["run.json", "events.jsonl"] {
        let path = dir.join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("add {}: {error}", path.display()));
        let (schema, instances): (&str, Vec<serde_json::Value>) = match file {
            "run.json" => (muster_record::json::RUN_SCHEMA, vec![serde_json::from_str(&text).unwrap()]),
            _ => (
                muster_record::json::EVENTS_SCHEMA,
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            ),
        };
        let validator = jsonschema::draft202012::new(&serde_json::from_str(schema).unwrap()).unwrap();
        for instance in &instances {
            let errors: Vec<String> = validator.iter_errors(instance).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{}", path.display());
        }
    }
}

#[test]
fn every_command_reads_what_every_version_wrote() {
    let sshd = Sshd::start().unwrap();
    let samples = samples();
    assert!(samples.len() >= 2, "{samples:?}");
    for sample in &samples {
        for file in ["run.json", "events.jsonl"] {
            let size = std::fs::metadata(sample.join(file)).unwrap().len();
            assert!(size <= 30_000, "{}/{file}: {size} bytes", sample.display());
        }
        // As it is, and as a run that crashed before it wrote its record.
        for both in [true, false] {
            let kept = Place::new();
            let dir = kept.path("earlier");
            std::fs::create_dir(&dir).unwrap();
            let copied: &[&str] = if both { &["run.json", "events.jsonl"] } else { &["events.jsonl"] };
            for file in copied {
                std::fs::copy(sample.join(file), dir.join(file)).unwrap();
            }
            let lines = Place::new();
            for (name, line, exits) in commands(&lines, &sshd) {
                let place = Place::new();
                let ended = run(&place, &line(dir.to_str().unwrap()));
                let shown = format!("{name} {} {both}\n{}\n{}", sample.display(), ended.stdout, ended.stderr);
                assert!(exits.contains(&ended.status), "{}: {shown}", ended.status);
            }
            let history = run(&kept, &["history".to_owned(), kept.dir.path().to_str().unwrap().to_owned()]);
            if both {
                assert!(history.status < 2, "{}", history.stderr);
            }
        }
    }
}

/// A directory with a `run.json` or `events.jsonl` of this text.
fn broken(place: &Place, name: &str, file: &str, text: &str) -> String {
    let dir = place.path(name);
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join(file), text).unwrap();
    dir.to_str().unwrap().to_owned()
}

fn large(place: &Place, name: &str, file: &str, bytes: u64) -> String {
    let dir = broken(place, name, file, "");
    std::fs::File::create(Path::new(&dir).join(file)).unwrap().set_len(bytes).unwrap();
    dir
}

#[test]
fn what_is_no_run_is_one_message_of_every_command() {
    let sshd = Sshd::start().unwrap();
    let (place, lines) = (Place::new(), Place::new());
    let first = r#"{"event":"run-started","id":"r","muster":"9.9.9","at":"2026-11-29T00:00:00Z","arguments":[]}"#;
    let empty = place.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let cases = [
        ("/nowhere/at-all".to_owned(), "/nowhere/at-all: there is no such run"),
        (empty.to_str().unwrap().to_owned(), "it has neither run.json nor events.jsonl"),
        (broken(&place, "cut", "run.json", "{\"schema\": \"run/v1\", "), "run.json, line 1: "),
        (
            broken(&place, "newer", "run.json", "{\"schema\": \"run/v9\"}"),
            "has the schema run/v9, and this version of muster reads run/v1",
        ),
        (
            broken(&place, "newer-events", "events.jsonl", &format!("{first}\n{{\"event\":\"unheard-of\"}}\n")),
            "events.jsonl, line 2: the event `unheard-of` is not known to this version; muster 9.9.9 wrote it",
        ),
        (
            broken(&place, "other", "events.jsonl", "{\"event\":\"notice\",\"text\":\"x\"}\n"),
            "line 1: the first event of a run is run-started",
        ),
        (broken(&place, "text", "run.json", "hello\n"), "run.json, line 1: "),
        (
            large(&place, "large", "run.json", 1 << 30),
            "run.json is larger than 256 MiB, the most that is read of a record",
        ),
        (large(&place, "larger", "events.jsonl", (1 << 30) + 1), "events.jsonl is larger than 1024 MiB"),
        (
            place.write("file.zip", "hello").to_str().unwrap().to_owned(),
            "file.zip: it is not the directory of a run, and no zip that can be read",
        ),
    ];
    for (name, line, _) in commands(&lines, &sshd) {
        for (typed, said) in &cases {
            let ended = run(&place, &line(typed));
            assert_eq!(ended.status, 2, "{name} {typed}: {}", ended.stderr);
            assert_eq!(ended.stderr.matches("error: ").count(), 1, "{name} {typed}: {}", ended.stderr);
            assert!(ended.stderr.contains(said), "{name} {typed}: {}", ended.stderr);
            assert!(!place.path("run").exists() && !lines.path("out").exists() && !lines.path("out.zip").exists());
        }
    }
    let history = run(&place, &["history".to_owned(), "/nowhere/at-all.zip".to_owned()]);
    assert_eq!(history.stderr.matches("error: ").count(), 1, "{}", history.stderr);
}

#[test]
fn runs_about_two_images_are_not_compared() {
    let place = Place::new();
    let sample = root().join("tests/records/run-v1");
    let other = place.path("other");
    std::fs::create_dir(&other).unwrap();
    let text = std::fs::read_to_string(sample.join("run.json")).unwrap();
    let text = text.replace("\"image\": \"remote\"", "\"image\": \"desk\"").replace("\"remote\": {", "\"desk\": {");
    std::fs::write(other.join("run.json"), text).unwrap();
    let words = ["diff", sample.to_str().unwrap(), other.to_str().unwrap()];
    let ended = place.run(&words, Duration::from_secs(60));
    ended.assert_status(2);
    assert_eq!(ended.stderr.matches("error: ").count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("remote") && ended.stderr.contains("desk"), "{}", ended.stderr);
}
