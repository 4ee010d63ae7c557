//! `muster snapshots`: decided with keys in a terminal, by name elsewhere.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::support::Place;
use crate::support::pty::Pty;

const SOON: Duration = Duration::from_secs(60);
const SUITE: &str = "schema: suite/v1\nsuite: own\ntests:\n  - id: users\n    snapshots: [{name: list, of: users}]\n";

/// Three that wait, one of which has changed.
fn project() -> (Place, PathBuf) {
    let place = Place::new();
    let dir = place.path("suites/snapshots");
    std::fs::create_dir_all(&dir).unwrap();
    place.write("suites/own.yaml", SUITE);
    let file = |name: &str, body: &str| {
        let text = format!("---\nsource: own.yaml\ndescription: who is there\n---\n{body}\n");
        std::fs::write(dir.join(name), text).unwrap();
    };
    file("own__users__list@a.snap", "root\nold\n");
    file("own__users__list@a.snap.new", "root\nnew\n");
    file("own__users__list@b.snap.new", "root\nb\x1b[2J\n");
    file("own__users__list@c.snap.new", "root\n");
    (place, dir)
}

fn review(place: &Place, dir: &std::path::Path, more: &[&str]) -> Command {
    let mut command = place.command(&["snapshots", "review", "--directory", dir.to_str().unwrap()]);
    command.args(more);
    command
}

fn names(dir: &PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const PROMPT: &str = "a accept, r reject, s skip, q quit: ";

#[test]
fn keys_decide_in_a_terminal_and_each_difference_is_seen_before() {
    let (place, dir) = project();
    let mut pty = Pty::start(review(&place, &dir, &["--color", "always"]), 80, 24);
    let at = |pty: &Pty, number: usize| {
        pty.until("the next is shown", |shown| {
            shown.lines.iter().filter(|line| line.starts_with(PROMPT)).count() == number
        })
    };
    let first = at(&pty, 1);
    for line in ["1 of 3: own__users__list@a (changed)", "who is there", "-old", "+new"] {
        assert!(first.lines.iter().any(|shown| shown == line), "{line}: {:#?}", first.lines);
    }
    assert!(first.raw.contains("\x1b[31m-old\x1b[0m") && first.raw.contains("\x1b[32m+new\x1b[0m"), "{:?}", first.raw);
    // Arrows, what is pasted and keys without a meaning decide nothing.
    for (rung, keys) in (1..).zip(["\x1b[A", "aaa", "x"]) {
        pty.press(keys);
        pty.until("the bell rings", |shown| shown.raw.matches('\x07').count() == rung);
    }
    pty.press("a");
    let second = at(&pty, 2);
    assert_eq!(names(&dir), ["own__users__list@a.snap", "own__users__list@b.snap.new", "own__users__list@c.snap.new"]);
    assert!(second.lines.iter().any(|line| line == "+b\\x1b[2J"), "{:#?}", second.lines);
    pty.press("s");
    at(&pty, 3);
    pty.press("r");
    let (status, shown) = pty.end();
    assert_eq!(status, 0, "{:#?}", shown.lines);
    assert!(shown.lines.iter().any(|line| line == "1 accepted, 1 rejected, 1 waiting"), "{:#?}", shown.lines);
    assert_eq!(names(&dir), ["own__users__list@a.snap", "own__users__list@b.snap.new"]);
    let accepted = std::fs::read_to_string(dir.join("own__users__list@a.snap")).unwrap();
    assert!(accepted.ends_with("---\nroot\nnew\n"), "{accepted}");
}

#[test]
fn quitting_decides_nothing_more_and_ci_decides_nothing() {
    for key in ["q", "\x03", "\x04"] {
        let (place, dir) = project();
        let mut pty = Pty::start(review(&place, &dir, &[]), 80, 24);
        pty.until("the first is shown", |shown| shown.lines.iter().any(|line| line.starts_with(PROMPT)));
        pty.press(key);
        let (status, shown) = pty.end();
        assert_eq!(status, 0, "{key:?}: {:#?}", shown.lines);
        assert!(shown.lines.iter().any(|line| line == "0 accepted, 0 rejected, 3 waiting"), "{:#?}", shown.lines);
        assert!(shown.echoes, "{key:?}: the terminal is not as it was");
        assert!(!shown.raw.contains('\x1b'), "NO_COLOR: {:?}", shown.raw);
        assert_eq!(names(&dir).len(), 4);
    }
    for variable in ["CI", "GITHUB_ACTIONS", "TF_BUILD"] {
        let (place, dir) = project();
        let mut command = review(&place, &dir, &[]);
        command.env(variable, "true");
        let (status, shown) = Pty::start(command, 120, 24).end();
        assert_eq!(status, 2, "{variable}: {:#?}", shown.lines);
        assert_eq!(names(&dir).len(), 4, "{variable}");
    }
}

#[test]
fn without_a_terminal_what_waits_is_listed_and_the_commands_are_named() {
    let (place, dir) = project();
    let dir_word = dir.to_str().unwrap();
    let ended = place.run(&["snapshots", "review", "--directory", dir_word], SOON);
    ended.assert_status(2);
    assert_eq!(ended.stdout.lines().count(), 3, "{}", ended.stdout);
    for part in
        ["3 waiting in", "muster snapshots show", "muster snapshots accept NAME", "muster snapshots reject NAME"]
    {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let shown = place.run(&["snapshots", "show", "list@a", "--directory", dir_word], SOON);
    shown.assert_status(0);
    assert!(shown.stdout.starts_with("own__users__list@a\nwho is there\n@@"), "{}", shown.stdout);
    assert!(shown.stdout.contains("\n-old\n+new\n") && !shown.stdout.contains("list@b"), "{}", shown.stdout);
    assert_eq!(place.run(&["snapshots", "show", "--directory", dir_word], SOON).stdout.matches("@@ ").count(), 3);
    place.run(&["snapshots", "reject", "--all", "--directory", dir_word], SOON).assert_status(0);
    // Nothing to review needs no terminal.
    place.run(&["snapshots", "review", "--directory", dir_word], SOON).assert_status(0);
}

#[test]
fn files_that_no_test_uses_are_found_and_removed_and_no_other() {
    let (place, dir) = project();
    let dir_word = dir.to_str().unwrap();
    for name in ["own__users__gone@a.snap", "other__users__list@a.snap", "own__users__lists@a.snap.new", "notes.txt"] {
        std::fs::write(dir.join(name), "---\nsource: x\n---\nx\n").unwrap();
    }
    let listed = place.run(&["snapshots", "orphans", "--directory", dir_word], SOON);
    listed.assert_status(0);
    let expected = ["other__users__list@a.snap", "own__users__gone@a.snap", "own__users__lists@a.snap.new"];
    let lines: Vec<&str> = listed.stdout.lines().collect();
    assert_eq!(lines[..3], expected);
    assert!(lines[3].starts_with("3 files in ") && lines[3].ends_with(" that no test uses"), "{}", listed.stdout);
    place.run(&["snapshots", "remove-orphans", "gone", "--directory", dir_word], SOON).assert_status(0);
    let wrong = place.run(&["snapshots", "remove-orphans", "own__users__list@a", "--directory", dir_word], SOON);
    wrong.assert_status(2);
    place.run(&["snapshots", "remove-orphans", "--all", "--directory", dir_word], SOON).assert_status(0);
    let left = names(&dir);
    assert_eq!(left.len(), 5, "{left:?}");
    assert!(left.iter().all(|name| name.starts_with("own__users__list@") || name == "notes.txt"), "{left:?}");
    place.run(&["snapshots", "remove-orphans", "--all", "--directory", dir_word], SOON).assert_status(2);
    // Suites that are broken, or are not there, make no file one that no test uses.
    place.write("suites/own.yaml", "schema: suite/v1\nsuite: [\n");
    place.run(&["snapshots", "orphans", "--directory", dir_word], SOON).assert_status(2);
    std::fs::remove_file(place.path("suites/own.yaml")).unwrap();
    let none = place.run(&["snapshots", "orphans", "--directory", dir_word], SOON);
    none.assert_status(2);
    assert_eq!(names(&dir).len(), 5);
}
