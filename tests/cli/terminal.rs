//! A run as a person sees it in a terminal: what goes on stands at the bottom, nothing of it is left, and the end is
//! one screen. On a machine that is up, this one, through an SSH server that the test starts.

use std::process::Command;

use crate::support::Place;
use crate::support::pty::{Pty, Shown};
use muster_guest::loopback::Sshd;

const SUITE: &str = r#"
schema: suite/v1
suite: up
tests:
  - id: passes
    expect: {file: {/etc/passwd: {type: file}}}
  - id: fails
    expect: {file: {/etc/passwd: {type: directory}}}
  - id: waits-with-a-name-that-is-longer-than-a-narrow-terminal
    timeout: 60s
    steps:
      - run: while ! test -e MARK; do sleep 0.1; done
"#;

fn command(place: &Place, sshd: &Sshd, more: &[&str]) -> Command {
    let mark = place.path("mark");
    let suite = place.write("up.yaml", &SUITE.replace("MARK", mark.to_str().unwrap()));
    let target = format!("{}@{}", sshd.user, sshd.addr);
    let key = sshd.host_key();
    let words = ["run", "--suites", suite.to_str().unwrap(), "--connect", &target, "--host-key", &key];
    let mut command = place.command(&words);
    command.args(["--allow-changes", "--before", "none"]).args(more).env("HOME", place.path("home"));
    command.arg("--identity").arg(&sshd.key);
    command
}

#[test]
fn what_goes_on_is_shown_in_narrow_and_wide_terminals_and_nothing_of_it_is_left() {
    let sshd = Sshd::start().unwrap();
    let place = Place::new();
    let mut pty = Pty::start(command(&place, &sshd, &[]), 40, 24);
    // How far the run is stands below the test, and the cursor below that.
    let ends_with = |shown: &Shown, how_far: &str| match &shown.lines[..] {
        [.., test, far, cursor] => test.starts_with("TEST up/waits") && far.contains(how_far) && cursor.is_empty(),
        _ => false,
    };
    let narrow = pty.until("the test that waits is shown", |shown| ends_with(shown, "/4"));
    let test = narrow.beginning("TEST up/waits");
    assert_eq!(test.len(), 1, "{:#?}", narrow.lines);
    assert!(test[0].ends_with('…') && test[0].chars().count() == 39, "{test:?}");

    pty.widen(100, 30);
    let wide = pty.until("it has become wide", |shown| ends_with(shown, " of 4 tests"));
    let test = wide.beginning("TEST up/waits");
    assert_eq!(test.len(), 1, "{:#?}", wide.lines);
    assert!(test[0].contains("-narrow-terminal [remote] "), "{test:?}");

    place.write("mark", "");
    let (status, shown) = pty.end();
    assert_eq!(status, 1, "{:#?}", shown.lines);
    for left in ["TEST ", "BOOT ", "[#", "[--"] {
        assert_eq!(shown.beginning(left), [""; 0], "{:#?}", shown.lines);
    }
    assert_eq!(shown.beginning("FAIL up/fails [remote]").len(), 1, "{:#?}", shown.lines);
    let end = shown.lines.iter().position(|line| line == "Failures (1 test):").expect("the end lists it");
    assert!(shown.lines[end + 1].starts_with("  FAIL up/fails [remote]: "), "{:#?}", shown.lines);
    assert!(shown.lines[end..].len() <= 30, "{:#?}", shown.lines);
    assert_eq!(shown.unknown, [""; 0], "{:?}", shown.raw);
    let style = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
    assert!(shown.erased > 3 && !style.is_match(&shown.raw), "NO_COLOR: {:?}", shown.raw);
}

#[test]
fn only_a_person_at_a_terminal_sees_what_goes_on() {
    let sshd = Sshd::start().unwrap();
    for (more, variable) in [
        (&["--quiet"] as &[&str], ("MUSTER_NOTHING", "")),
        (&["--no-progress"], ("MUSTER_NOTHING", "")),
        (&[], ("CI", "true")),
        (&[], ("TF_BUILD", "True")),
        (&[], ("TERM", "dumb")),
    ] {
        let place = Place::new();
        place.write("mark", "");
        let mut command = command(&place, &sshd, more);
        // The terminal has a name of its own for all but the last.
        let dumb = variable.0 == "TERM";
        if !dumb {
            command.env(variable.0, variable.1);
        }
        let pty = if dumb { Pty::start_as("dumb", command, 80, 24) } else { Pty::start(command, 80, 24) };
        let (status, shown) = pty.end();
        assert_eq!(status, 1, "{more:?} {variable:?}: {:#?}", shown.lines);
        assert!(!shown.raw.contains('\x1b'), "{more:?} {variable:?}: {:?}", shown.raw);
        assert_eq!(shown.beginning("FAIL up/fails").len(), 1, "{more:?} {variable:?}: {:#?}", shown.lines);
        assert_eq!(shown.beginning("Failures"), [""; 0], "{more:?} {variable:?}: {:#?}", shown.lines);
    }
}

#[test]
fn colour_is_what_the_command_line_says() {
    let sshd = Sshd::start().unwrap();
    let place = Place::new();
    place.write("mark", "");
    let (status, shown) = Pty::start(command(&place, &sshd, &["--color", "always", "-v"]), 100, 24).end();
    assert_eq!(status, 1);
    assert!(shown.raw.contains("\x1b[1m\x1b[31mFAIL\x1b[0m up/fails"), "{:?}", shown.raw);
    assert!(shown.raw.contains("\x1b[1m\x1b[32mPASS\x1b[0m up/passes"), "{:?}", shown.raw);
}
