//! `muster console`: the judge on files, as a pipeline meets it.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Finished, Place};

const SOON: Duration = Duration::from_secs(30);

const CRASH: &str = "boot\n[    1.000000][    T1] BUG: KASAN: slab-out-of-bounds in f\n[    1.000001] CPU: 0 PID: 1\n\
                     [    2.000000] Kernel panic - not syncing: \x1b[31mx\n";
const MILD: &str = "[FAILED] Failed to start x.service - X.\n[    1.000000] a[1]: segfault at 10 ip 0 sp 0 error 4\n";

const RULES: &str = "schema: console-rules/v1\nrules:\n- id: widget\n  category: widget\n  severity: fail\n  \
                     pattern: '^widget [0-9]+: lost'\n  sample: 'widget 1: lost'\n  near-miss: 'a widget 1: lost'\n  \
                     because: it stops\n";

fn scan(place: &Place, words: &[&str]) -> Finished {
    let words: Vec<&str> = ["console", "scan"].iter().chain(words).copied().collect();
    place.run(&words, SOON)
}

fn json(ended: &Finished) -> serde_json::Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout))
}

#[test]
fn the_exit_code_says_what_was_found() {
    let place = Place::new();
    let crash = place.write("crash.log", CRASH).display().to_string();
    let mild = place.write("mild.log", MILD).display().to_string();
    let missing = place.path("missing.log").display().to_string();
    scan(&place, &[&mild]).assert_status(0);
    scan(&place, &[&mild, &crash]).assert_status(1);
    let ended = scan(&place, &[&missing, &crash]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("missing.log") && ended.stdout.contains("kernel-panic"), "{}", ended.stdout);
    scan(&place, &[]).assert_status(2);
    scan(&place, &[&crash, "--rules", &missing]).assert_status(2);
    let dir = place.dir.path().display().to_string();
    scan(&place, &[&dir]).assert_status(2);
}

#[test]
fn packed_logs_are_read_and_what_is_no_log_is_not_a_clean_one() {
    let place = Place::new();
    let crash = place.write("crash.log", CRASH).display().to_string();
    for (program, end) in [("gzip", "gz"), ("xz", "xz"), ("zstd", "zst"), ("bzip2", "bz2")] {
        let packed = Command::new(program).args(["-c", &crash]).output().expect(program).stdout;
        let path = place.path(&format!("crash.log.{end}"));
        std::fs::write(&path, &packed).expect("a packed log");
        let ended = scan(&place, &[&path.display().to_string()]);
        ended.assert_status(1);
        assert!(ended.stdout.contains("1 fatal, 1 fail in 4 lines"), "{program}: {}", ended.stdout);
        std::fs::write(&path, &packed[..packed.len() - 9]).expect("a cut log");
        let ended = scan(&place, &[&path.display().to_string()]);
        ended.assert_status(2);
        assert!(ended.stderr.contains("is it cut off?"), "{program}: {}", ended.stderr);
    }
    let empty = place.write("empty.log", "").display().to_string();
    let blank = place.write("blank.log", "\0\0\n  \r\n").display().to_string();
    let binary = place.path("binary.log");
    let bytes: Vec<u8> = (0..40_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(&binary, bytes).expect("bytes");
    let binary = binary.display().to_string();
    for (file, why) in [(&empty, "is empty"), (&blank, "nothing but blanks"), (&binary, "is binary")] {
        let ended = scan(&place, &[file]);
        ended.assert_status(2);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
        scan(&place, &[file, &crash]).assert_status(2);
    }
    let ended = scan(&place, &[&empty, "--format", "json"]);
    ended.assert_status(2);
    assert!(json(&ended)["files"][0]["error"].as_str().is_some_and(|why| why.contains("is empty")));
}

#[test]
fn the_document_has_findings_with_excerpts_and_counts() {
    let place = Place::new();
    let crash = place.write("crash.log", CRASH).display().to_string();
    let mild = place.write("mild.log", MILD).display().to_string();
    let ended = scan(&place, &[&crash, &mild, "--format", "json"]);
    ended.assert_status(1);
    let document = json(&ended);
    assert_eq!((document["schema"].as_str(), document["at-least"].as_str()), (Some("console/v1"), Some("warn")));
    let findings = document["files"][0]["findings"].as_array().expect("findings");
    let of = |at: usize, key: &str| findings[at][key].clone();
    assert_eq!((of(0, "category"), of(0, "severity"), of(0, "line-number")), ("kasan".into(), "fail".into(), 2.into()));
    assert_eq!((of(1, "rule"), of(1, "severity")), ("kernel-panic".into(), "fatal".into()));
    assert_eq!(findings[0]["excerpt"].as_array().map(Vec::len), Some(4));
    assert_eq!(document["files"][0]["counts"], serde_json::json!({"kasan": 1, "kernel-panic": 1}));
    assert_eq!(document["files"][1]["severities"], serde_json::json!({"info": 1, "warn": 1, "fail": 0, "fatal": 0}));
    assert_eq!(document["files"][1]["findings"].as_array().map(Vec::len), Some(1));
    assert!(!ended.stdout.contains('\u{1b}'));
}

#[test]
fn stdin_is_a_log_too() {
    let place = Place::new();
    let log = place.write("crash.log", CRASH);
    let mut command = place.command(&["console", "scan", "-"]);
    command.stdin(std::fs::File::open(log).expect("the log")).stdout(Stdio::piped());
    let ended = command.output().expect("muster ends");
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stdout).starts_with("-: 1 fatal, 1 fail in 4 lines\n"));
}

#[test]
fn a_person_adds_rules_and_a_bad_one_is_explained() {
    let place = Place::new();
    let log = place.write("x.log", "widget 7: lost\n").display().to_string();
    let good = place.write("good.yaml", RULES).display().to_string();
    scan(&place, &[&log]).assert_status(0);
    scan(&place, &[&log, "--rules", &good]).assert_status(1);
    let checked = place.run(&["check", &good], SOON);
    checked.assert_status(0);
    assert_eq!(checked.stdout, "1 console rule in 1 file: all valid\n");
    let bad = place.write("bad.yaml", &RULES.replace("'widget 1: lost'", "'widget one: lost'")).display().to_string();
    for words in
        [vec!["check", &bad], vec!["console", "scan", &log, "--rules", &bad], vec!["console", "rules", "--rules", &bad]]
    {
        let ended = place.run(&words, SOON);
        ended.assert_status(2);
        assert!(ended.stderr.contains("error[bad-sample]"), "{words:?}: {}", ended.stderr);
    }
    let listed = place.run(&["console", "rules", "--rules", &good, "--format", "json"], SOON);
    listed.assert_status(0);
    let rows = json(&listed);
    let ids: Vec<_> = rows.as_array().expect("rows").iter().filter_map(|row| row["id"].as_str()).collect();
    assert!(ids.contains(&"kernel-panic") && ids.contains(&"widget"), "{ids:?}");
}

#[test]
fn a_console_finding_is_explained_by_its_rules() {
    let ended = Place::new().run(&["failures", "console.kasan"], SOON);
    ended.assert_status(0);
    assert!(ended.stdout.contains("console.kasan") && ended.stdout.contains("mm/kasan/report.c"), "{}", ended.stdout);
}

#[test]
fn the_command_that_runs_a_test_again_names_the_rules_of_the_run() {
    let place = Place::new();
    let rules = place.write("more rules.yaml", RULES).display().to_string();
    // What is no archive is only found out when it is unpacked, in the run.
    let image = place.write("no.tar", "no archive").display().to_string();
    let kernel = place.write("vmlinuz", "no kernel").display().to_string();
    let boot = ["--image-format", "tar", "--kernel", &kernel, "--cmdline", "root=/dev/vda"];
    let words = ["run", "--image", &image, "--test", "kernel/release", "--console-rules", &rules];
    let words = [&words[..], &boot].concat();
    place.run(&words, SOON).assert_status(2);
    let rerun = place.test("kernel/release").rerun;
    assert!(rerun.contains(&format!("--console-rules '{rules}'")), "{rerun}");
}
