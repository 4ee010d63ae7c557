//! A run as one file: written whole or not at all, the same bytes each time, and taken by every command that takes a run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::Utf8Path;
use muster_record::fold::Recorder;
use muster_record::journal::Journal;
use muster_record::layout::RunDir;
use muster_record::{json, sample};

use crate::support::{Finished, Place, finish, root};

/// The directory of the sample run, with a console.
fn sample_run(place: &Place, name: &str) -> PathBuf {
    let path = place.path(name);
    let dir = RunDir::create(Utf8Path::from_path(&path).unwrap()).unwrap();
    let mut journal = Journal::create(&dir.events()).unwrap();
    sample::events().iter().for_each(|event| journal.append(event).unwrap());
    std::fs::write(dir.run_json(), json::render(&Recorder::fold(&sample::events())).unwrap()).unwrap();
    std::fs::create_dir(path.join("machines/m1")).unwrap();
    std::fs::write(path.join("machines/m1/console.log"), "Linux version 6.12\nthe last line\n").unwrap();
    path
}

/// With a temporary directory of the place, in which nothing may be left.
fn muster(place: &Place, words: &[&str]) -> Finished {
    let temporary = place.path("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    let mut command = place.command(words);
    let child = command.env("TMPDIR", &temporary).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let done = finish(child, Duration::from_secs(60));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "what was unpacked is removed");
    done
}

fn archive(place: &Place, run: &Path, name: &str) -> PathBuf {
    let zip = place.path(name);
    let done = muster(place, &["archive", run.to_str().unwrap(), "-o", zip.to_str().unwrap()]);
    done.assert_status(0);
    assert!(done.stdout.contains(": 3 files, "), "{}", done.stdout);
    zip
}

#[test]
fn every_command_that_takes_a_run_takes_its_archive() {
    let place = Place::new();
    let run = sample_run(&place, "ran");
    let zip = archive(&place, &run, "one.zip");
    let same = archive(&place, &run, "two.zip");
    assert!(std::fs::read(&zip).unwrap() == std::fs::read(&same).unwrap(), "the same run gives the same bytes");
    // Its directory is not needed any more.
    let expected = muster(&place, &["report", run.to_str().unwrap(), "--format", "markdown", "--stdout"]);
    std::fs::remove_dir_all(&run).unwrap();
    let zip = zip.to_str().unwrap();
    let printed = muster(&place, &["report", zip, "--format", "markdown", "--stdout"]);
    assert_eq!(printed.assert_status(0).stdout, expected.stdout);
    let out = place.path("out");
    let all = "html,junit,junit-strict,json,ctrf,markdown,tap,sarif";
    muster(&place, &["report", zip, "--format", all, "-o", out.to_str().unwrap()]).assert_status(0);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 8);
    assert!(std::fs::read_to_string(out.join("junit.xml")).unwrap().contains("the last line"), "its console is there");
    let refused = muster(&place, &["report", zip]);
    assert!(refused.assert_status(2).stderr.contains("an archive, in which nothing is written"), "{}", refused.stderr);
    let diff = muster(&place, &["diff", zip, same.to_str().unwrap()]);
    // Tests of the sample ended in an error.
    assert!(diff.assert_status(3).stdout.contains(": the same file"), "{}", diff.stdout);
    let history = muster(&place, &["history", zip, "--format", "json"]);
    assert!(history.stdout.contains("series/v1"), "{}", history.stderr);
    let below = muster(&place, &["history", place.dir.path().to_str().unwrap(), "--format", "json"]);
    assert_eq!(below.stdout, history.stdout, "one run, twice in the directory");
    let triage = muster(&place, &["triage", zip, "--good", same.to_str().unwrap(), "--stdout"]);
    assert!(triage.assert_status(0).stdout.contains("base/nginx-version"), "{}", triage.stdout);
    muster(&place, &["triage", zip]).assert_status(2);
    let again = muster(&place, &["archive", zip]);
    assert!(again.assert_status(2).stderr.contains("it is an archive already"), "{}", again.stderr);
}

#[test]
fn an_archive_that_cannot_be_written_whole_is_not_there() {
    let place = Place::new();
    let run = sample_run(&place, "ran");
    // What does not compress, so that the limit below is met.
    let mut noise = Vec::new();
    let mut state = 1_u64;
    while noise.len() < 256 << 10 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        noise.extend_from_slice(&state.to_be_bytes()[..4]);
    }
    std::fs::write(run.join("machines/m1/console.log"), noise).unwrap();
    let out = place.path("out");
    std::fs::create_dir(&out).unwrap();
    // 64 blocks of 512 bytes or 1 KiB, by the shell; a write beyond it fails as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$@\"";
    let zip = out.join("run.zip");
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_muster"), "archive"]).arg(&run).arg("-o").arg(&zip);
    command.current_dir(root()).env("MUSTER_CONFIG", "").stdin(Stdio::null());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let done = finish(child, Duration::from_secs(60));
    done.assert_status(3);
    assert!(done.stderr.starts_with("error: cannot write the archive"), "{}", done.stderr);
    assert!(!done.stderr.contains("ZipWriter"), "{}", done.stderr);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0, "neither half an archive nor a temporary file");
    // With room it is.
    muster(&place, &["archive", run.to_str().unwrap(), "-o", zip.to_str().unwrap()]).assert_status(0);
    let there = muster(&place, &["archive", run.to_str().unwrap(), "-o", zip.to_str().unwrap()]);
    assert!(there.assert_status(2).stderr.contains("is not overwritten"), "{}", there.stderr);
}

#[test]
fn an_archive_that_was_changed_is_no_run() {
    let place = Place::new();
    let run = sample_run(&place, "ran");
    let zip = archive(&place, &run, "one.zip");
    let mut bytes = std::fs::read(&zip).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    let changed = place.path("changed.zip");
    std::fs::write(&changed, &bytes).unwrap();
    let cut = place.path("cut.zip");
    std::fs::write(&cut, &bytes[..middle]).unwrap();
    for file in [&changed, &cut] {
        let done = muster(&place, &["report", file.to_str().unwrap(), "--stdout", "--format", "tap"]);
        done.assert_status(2);
        let errors = done.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!((errors, done.stdout.as_str()), (1, ""), "{}", done.stderr);
    }
}
