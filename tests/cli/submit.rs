//! Submissions that cannot be, and what is written for one that can.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Finished, Place, finish, root};

/// `muster submit slurm` on a host with nothing but this.
fn submit(place: &Place, words: &[&str]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(["submit", "slurm"]).args(words).current_dir(root()).env("NO_COLOR", "1").env("MUSTER_CONFIG", "");
    command.env("PATH", place.path("nothing")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap(), Duration::from_secs(60))
}

#[test]
fn a_submission_that_cannot_be_says_why_and_writes_nothing() {
    let place = Place::new();
    let out = place.path("run").display().to_string();
    let shards = |count: &'static str| ["--shards", count, "--out", &out].map(str::to_owned).to_vec();
    let tiny = ["--", "--image", "lab-tiny", "--suites", "tests/suites/tiny.yaml"];
    let refused = |before: &[String], more: &[&str], status: i32, why: &str| {
        let words: Vec<&str> = before.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let done = submit(&place, &words);
        done.assert_status(status);
        assert!(done.stderr.contains(why), "{words:?}: {}", done.stderr);
        assert!(!place.path("run").exists());
    };
    refused(&shards("2"), &tiny, 2, "sbatch is not on the path");
    refused(&shards("9"), &tiny, 2, "9 shards are too many");
    refused(&shards("2"), &["--", "--imgae", "lab"], 2, "options of `muster run`: unexpected argument '--imgae'");
    for own in ["--out", "--shard", "--durations"] {
        let said = format!("{own} is set for each shard, and cannot stand behind `--` as well");
        refused(&shards("2"), &["--", own, "1/2"], 2, &said);
    }
    for other in
        [&["--failed", "last"][..], &["--rerun", "last"], &["--resume", "last"], &["--list"], &["-xo", "there"]]
    {
        let words: Vec<&str> = ["--print", "--"].iter().chain(other).copied().collect();
        refused(&shards("2"), &words, 2, "options of `muster run`");
    }
    refused(&shards("2"), &["--", "--image", "no-such-image"], 2, "no-such-image");
    refused(&shards("2"), &["--", "--image", "not-there.qcow2"], 2, "--image not-there.qcow2: there is no such file");
    // What each job would read is read before any of them waits.
    let known = place.write("not-known.yaml", "schema: waivers/v1\nwaivers: []\n").display().to_string();
    let text = place.write("text.txt", "text").display().to_string();
    for (option, file, why) in [
        ("--product", "nowhere.rpm", "--product nowhere.rpm: there is no such file"),
        ("--product", &text, "it is not an RPM"),
        ("--known-issues", "nowhere.yaml", "--known-issues nowhere.yaml: there is no such file"),
        ("--known-issues", &known, "waivers/v1"),
        ("--console-rules", "nowhere.yaml", "--console-rules nowhere.yaml: there is no such file"),
        ("--console-rules", &known, "waivers/v1"),
        ("--boot-baseline", "nowhere.json", "--boot-baseline nowhere.json: there is no such file"),
        ("--boot-baseline", &text, "text.txt"),
        ("--before", "no-such-run", "--before no-such-run: there is no such run"),
        ("--image", &text, "text.txt"),
    ] {
        let images: &[&str] = if option == "--image" { &[] } else { &tiny[1..3] };
        let words = [&["--print", "--"], images, &["--suites", "tests/suites/tiny.yaml", option, file]].concat();
        refused(&shards("2"), &words, 2, why);
    }
    refused(&shards("2"), &["--sbatch-option", "--array=1-9"], 2, "--array is set by muster");
    refused(&shards("2"), &["--print", "--program", "nothing%j", "--wait"], 2, "cannot be used with");
    let percent = place.path("100%").display().to_string();
    refused(&["--shards", "2", "--print", "--out", &percent].map(str::to_owned), &tiny, 2, "sbatch takes no such path");
    assert!(!place.path("100%").exists());
}

#[test]
fn what_is_printed_is_what_a_shard_takes() {
    let place = Place::new();
    let out = place.path("run").display().to_string();
    let words = ["--shards", "2", "--print", "--out", &out, "--time", "90", "--sbatch-option", "--account=lab"];
    let run = ["--", "--image", "lab-tiny", "--suites", "tests/suites/tiny.yaml", "--history", "history.jsonl"];
    let all: Vec<&str> = words.into_iter().chain(run).collect();
    let done = submit(&place, &all);
    done.assert_status(0);
    assert!(done.stderr.contains("4 tests in 2 shards; the slowest is expected to take"), "{}", done.stderr);
    assert!(done.stderr.contains("that is a guess, since no durations were named"), "{}", done.stderr);
    let read = |name: &str| std::fs::read_to_string(place.path("run").join(name)).unwrap();
    let (shards, merge) = (read("shards.sbatch"), read("merge.sbatch"));
    for line in ["#SBATCH --array=1-2", "#SBATCH --time=90", "#SBATCH --account=\"lab\"", "#SBATCH --requeue"] {
        assert!(shards.lines().any(|found| found == line), "{line}\n{shards}");
    }
    assert!(
        merge.contains("\"$out/shard-1\" \"$out/shard-2\"") && merge.contains(" --history=history.jsonl"),
        "{merge}"
    );
    // It is there now, and nothing is written over.
    submit(&place, &all).assert_status(2);
}

#[test]
fn an_attempt_with_another_command_line_is_another_run() {
    let sshd = muster_guest::loopback::Sshd::start().unwrap();
    let place = Place::new();
    let suite = "schema: suite/v1\nsuite: up\ntests:\n- {id: looks, expect: {file: {/etc/passwd: {type: file}}}}\n\
                 - {id: bad, expect: {file: {/nowhere/at/all: {type: file}}}}\n";
    let suite = place.write("up.yaml", suite);
    let connection = crate::support::connection(&sshd);
    let dir = place.path("attempts").display().to_string();
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(["run", "--suites", suite.to_str().unwrap(), "--attempts", &dir]).args(&connection).args(more);
        command.current_dir(root()).env("NO_COLOR", "1").env("MUSTER_CONFIG", "").env_remove("CI");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(command.spawn().unwrap(), Duration::from_secs(60))
    };
    run(&[]).assert_status(1);
    let again = run(&[]);
    again.assert_status(1);
    assert!(again.stdout.contains("nothing is left to run") && again.stdout.contains("attempts/1"), "{}", again.stdout);
    assert!(!place.path("attempts/2").exists());
    // The verdict is of that command line and of that suite, and of nothing else.
    let other = run(&["--test", "up/looks"]);
    other.assert_status(2);
    assert!(other.stderr.contains("it was started otherwise"), "{}", other.stderr);
    let text = std::fs::read_to_string(&suite).unwrap();
    std::fs::write(&suite, format!("{text}- {{id: new, expect: {{file: {{/etc: {{type: directory}}}}}}}}\n")).unwrap();
    let changed = run(&[]);
    changed.assert_status(2);
    assert!(changed.stderr.contains("the suite up has changed since"), "{}", changed.stderr);
    std::fs::write(&suite, text).unwrap();
    // As if it had been killed when all results were there.
    std::fs::remove_file(place.path("attempts/1/run.json")).unwrap();
    let events = place.path("attempts/1/events.jsonl");
    let text = std::fs::read_to_string(&events).unwrap();
    let cut = text.trim_end().rfind('\n').unwrap();
    std::fs::write(&events, &text[..=cut]).unwrap();
    let other = run(&["--test", "up/looks"]);
    other.assert_status(2);
    assert!(other.stderr.contains("it was started otherwise"), "{}", other.stderr);
    let ended = run(&[]);
    ended.assert_status(1);
    let record = crate::support::record_of(&place.path("attempts/2"));
    assert!(record.tests.iter().all(|test| test.kept_from.is_some()), "{}", ended.stdout);
    assert_eq!((record.exit_code, record.machines.len()), (Some(1), 0));
}
