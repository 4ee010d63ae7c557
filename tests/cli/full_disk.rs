//! A disk that is full while something is written: an error that says so, and nothing half written.

use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Finished, Place, connection, finish, isolated, root};
use muster_guest::loopback::Sshd;

const PATIENCE: Duration = Duration::from_secs(120);

/// Runs this command with a file system of so many KiB at `small/`, whose files are copied to `kept/` before it ends.
fn on_a_small_disk(place: &Place, kib: u32, words: &[&str]) -> Finished {
    let small = place.path("small");
    std::fs::create_dir_all(&small).unwrap();
    let script = r#"mount -t tmpfs -o size="$1k" small "$2" && cd "$3" || exit 99
out=$4; shift 4
"$@"; status=$?
cp -r small/. "$out" && exit $status"#;
    let mut command = isolated(&["--mount"]);
    command.args(["sh", "-c", script, "sh", &kib.to_string()]).arg(&small).arg(place.path("")).arg(place.path("kept"));
    command.arg(env!("CARGO_BIN_EXE_muster")).args(words);
    command.env_remove("CI").env_remove("GITHUB_ACTIONS").env("NO_COLOR", "1").env("MUSTER_CONFIG", "");
    command.env("HOME", place.path("home")).env("TMPDIR", place.path("")).env("MUSTER_CACHE", place.path("cache"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish(child, PATIENCE)
}

/// The files that are there, each of which must be whole.
fn whole(dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if !entry.file_type().unwrap().is_file() {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let ends = match name.as_str() {
            "run.json" | "ctrf-report.json" => serde_json::from_str::<serde_json::Value>(&text).is_ok(),
            "events.jsonl" => {
                text.ends_with('\n') && text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
            }
            "junit.xml" => text.trim_end().ends_with("</testsuites>"),
            "report.html" => text.trim_end().ends_with("</html>"),
            other => panic!("{other} was not expected"),
        };
        assert!(ends, "{name} is not whole");
        names.push(name);
    }
    names.sort_unstable();
    names
}

#[test]
fn reports_that_do_not_fit_are_not_there_and_the_others_are() {
    let place = Place::new();
    let sample = root().join("tests/records/run-v1");
    let line = ["report", sample.to_str().unwrap(), "--format", "html,junit,json,ctrf", "-o", "small"];
    let done = on_a_small_disk(&place, 40, &line);
    done.assert_status(3);
    let error = "error: cannot write small/report.html: the disk is full; free some space and try again";
    assert_eq!(
        done.stderr.lines().filter(|line| line.starts_with("error: ")).collect::<Vec<_>>(),
        [error],
        "{}",
        done.stderr
    );
    assert_eq!(whole(&place.path("kept")), ["ctrf-report.json", "junit.xml", "run.json"]);
    // Nor where less fits.
    let none = Place::new();
    let done = on_a_small_disk(&none, 4, &line);
    done.assert_status(3);
    assert_eq!(done.stderr.matches("error: ").count(), 1, "{}", done.stderr);
    assert!(!whole(&none.path("kept")).contains(&"report.html".to_owned()));
}

#[test]
fn a_run_whose_reports_do_not_fit_says_so_and_keeps_what_does() {
    let sshd = Sshd::start().unwrap();
    let place = Place::new();
    std::fs::create_dir_all(place.path("home/.ssh")).unwrap();
    let suite = "schema: suite/v1\nsuite: up\ntests:\n  - id: looks\n    expect: {file: {/etc/passwd: {type: file}}}\n";
    let suite = place.write("up.yaml", suite);
    let connection = connection(&sshd);
    let mut words = vec!["run", "--suites", suite.to_str().unwrap(), "--out", "small/run"];
    words.extend(connection.iter().map(String::as_str));
    let done = on_a_small_disk(&place, 48, &words);
    done.assert_status(3);
    let errors: Vec<&str> = done.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{}", done.stderr);
    assert!(
        errors[0]
            .starts_with("error: the reports are not complete: cannot write small/run/report.html: the disk is full"),
        "{}",
        errors[0]
    );
    assert!(done.stderr.contains("help: `muster report small/run` makes them again"), "{}", done.stderr);
    let kept = place.path("kept/run");
    assert_eq!(whole(&kept), ["events.jsonl", "junit.xml", "run.json"]);
    // As the help says, where there is space.
    let again = place.run(&["report", kept.to_str().unwrap()], PATIENCE);
    again.assert_status(0);
    assert_eq!(whole(&kept), ["events.jsonl", "junit.xml", "report.html", "run.json"]);
}

#[test]
fn output_that_did_not_arrive_is_no_success() {
    let full = Path::new("/dev/full");
    assert!(
        full.symlink_metadata().is_ok_and(|found| found.file_type().is_char_device()),
        "this host has no /dev/full"
    );
    let place = Place::new();
    let sample = root().join("tests/records/run-v1");
    let sample = sample.to_str().unwrap();
    for words in [
        vec!["report", sample, "--format", "json", "--stdout"],
        vec!["schema", "suite"],
        vec!["console", "rules"],
        vec!["failures"],
        vec!["--help"],
        vec!["help", "run"],
        vec!["--version"],
        vec!["test", "--list"],
    ] {
        let out = std::fs::OpenOptions::new().write(true).open(full).unwrap();
        let child = place.command(&words).stdout(out).stderr(Stdio::piped()).spawn().unwrap();
        let done = finish(child, PATIENCE);
        done.assert_status(3);
        assert!(
            done.stderr.contains("error: not all of the output was written: the disk is full"),
            "{words:?}: {}",
            done.stderr
        );
        // A reader that has seen enough is nobody's failure.
        let script = "set -o pipefail; \"$@\" | head -n 1 >/dev/null";
        let mut piped = Command::new("bash");
        piped
            .args(["-c", script, "bash", env!("CARGO_BIN_EXE_muster")])
            .args(&words)
            .current_dir(root())
            .env("MUSTER_CONFIG", "");
        let child = piped.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        finish(child, PATIENCE).assert_status(0);
    }
}
