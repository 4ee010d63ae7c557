//! What a person sees of the sample run, in every mode.

use super::test::DETAIL_LINES;
use super::*;
use muster_record::fold::Recorder;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_record::sample;

fn shown(mode: Mode, options: Options) -> String {
    let mut terminal = Terminal::new(Vec::new(), mode, options);
    let events = sample::events();
    for event in &events {
        terminal.apply(event).unwrap();
    }
    let reports = [("junit", "reports/runs/r/junit.xml".to_owned()), ("record", "reports/runs/r/run.json".to_owned())];
    terminal.summary(&Recorder::fold(&events), &reports).unwrap();
    String::from_utf8(terminal.out).unwrap()
}

#[test]
fn plain() {
    insta::assert_snapshot!(shown(Mode::Plain, Options::default()));
}

#[test]
fn quiet() {
    insta::assert_snapshot!(shown(Mode::Quiet, Options::default()));
}

#[test]
fn results_of_earlier_runs_are_told_from_those_of_this_one() {
    use muster_record::run::EarlierOutcome;
    let mut terminal = Terminal::new(Vec::new(), Mode::Plain, Options::default());
    let before = EarlierOutcome { run: "r1".into(), outcome: Outcome::Fail, failure: None, suite: None, image: None };
    let now = |id: &str, outcome| TestRecord { earlier: vec![before.clone()], ..sample::test("s", id, outcome) };
    let kept = |id: &str, outcome| TestRecord { kept_from: Some("r1".into()), ..sample::test("s", id, outcome) };
    let skip = TestRecord { failures: vec![], ..kept("d", Outcome::Error) };
    let tests = [now("a", Outcome::Pass), now("b", Outcome::Fail), kept("c", Outcome::Pass), skip];
    for test in &tests {
        terminal.apply(&Event::TestFinished { record: Box::new(test.clone()) }).unwrap();
    }
    terminal.summary(&RunRecord { tests: tests.to_vec(), ..RunRecord::default() }, &[]).unwrap();
    let text = String::from_utf8(terminal.out).unwrap();
    assert!(text.contains("PASS s/a [lab]  (1.2 s); fail in r1\n"), "{text}");
    assert!(text.contains("FAIL s/b [lab]  (1.2 s); fail in r1\n"), "{text}");
    assert!(text.contains("ERROR s/d [lab], kept from r1: it did not run again\n"), "{text}");
    assert!(!text.contains("s/c"), "{text}");
    assert!(text.contains("\n2 of them ran now; 2 are kept from r1\n"), "{text}");
}

#[test]
fn verbose_lists_passes_and_skips() {
    let text = shown(Mode::Plain, Options { verbose: true, ..Options::default() });
    assert!(text.contains("\nPASS base/nginx-serves [lab]  (1.2 s)\n"), "{text}");
    assert!(text.contains("\nSKIP base/nginx-after-reboot [lab]: it needs nginx-version, which failed\n"), "{text}");
}

#[test]
fn without_colour_there_is_no_control_character_and_no_forged_line() {
    for mode in [Mode::Plain, Mode::Quiet] {
        let text = shown(mode, Options { verbose: true, ..Options::default() });
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("PASS base/forged")), "{text}");
    }
}

#[test]
fn the_last_lines_of_a_command_that_failed_are_shown() {
    use muster_base::failure::{self, Failure};
    let mut terminal = Terminal::new(Vec::new(), Mode::Plain, Options::default());
    let output: String = (1..=500).map(|number| format!("line {number}\n")).collect();
    let mut record = sample::test("s", "t", Outcome::Fail);
    let detail = format!("exit status 1\nstdout:\n{output}why it failed\x1b[2J\nstderr: (empty)\n");
    record.failures = vec![Failure::new(failure::STEP_INSTALL, "m").with_detail(detail)];
    terminal.apply(&Event::TestFinished { record: Box::new(record) }).unwrap();
    let text = String::from_utf8(terminal.out).unwrap();
    assert!(text.contains("        exit status 1\n        stdout:\n        line 1\n"), "{text}");
    assert!(text.contains("        line 500\n        why it failed\\x1b[2J\n        stderr: (empty)\n"), "{text}");
    assert!(text.contains("lines left out]") && text.lines().count() < DETAIL_LINES + 10, "{text}");
}

#[test]
fn colour_is_only_ours() {
    let text = shown(Mode::Plain, Options { colour: true, ..Options::default() });
    assert!(text.contains("\x1b[1m\x1b[31mFAIL\x1b[0m base/nginx-version"), "{text:?}");
    let ours = regex::Regex::new("\x1b\\[[0-9]+m").unwrap();
    assert!(!ours.replace_all(&text, "").contains('\x1b'));
}

#[test]
fn a_machine_that_cannot_be_had_is_one_error_and_one_line() {
    use muster_base::failure::{self, Failure};
    let record = |suite: &str, test: &str, outcome| TestRecord { machine: None, ..sample::test(suite, test, outcome) };
    let why = Failure::new(failure::REMOTE_UNREACHABLE, "nobody answers");
    let mut health = record("machine", "health", Outcome::Error);
    health.failures = vec![why.clone()];
    let not_run = |test: &str| TestRecord {
        skipped: Some(muster_record::names::no_machine(&why)),
        ..record("base", test, Outcome::NotRun)
    };
    let tests = vec![health, not_run("a"), not_run("b"), not_run("c")];
    let mut terminal = Terminal::new(Vec::new(), Mode::Quiet, Options::default());
    for record in &tests {
        terminal.apply(&Event::TestFinished { record: Box::new(record.clone()) }).unwrap();
    }
    terminal.summary(&RunRecord { tests, ..RunRecord::default() }, &[]).unwrap();
    let text = String::from_utf8(terminal.out).unwrap();
    let listed: Vec<_> = text.lines().filter(|line| line.starts_with("ERROR ") && line.contains('[')).collect();
    assert_eq!(listed, ["ERROR machine/health [lab]  (1.2 s)"], "{text}");
    let block = "\n3 tests not run: no machine (remote.unreachable, see machine/health): nobody answers\n";
    assert!(text.contains(block) && !text.contains("base/"), "{text}");
    assert!(text.contains("4 tests on 0 images: 0 pass, 1 error, 3 not run\n"), "{text}");
    assert!(text.contains("\nERROR lab: 0 passed, 1 error, 3 not run; no test ran"), "{text}");
}

#[test]
fn what_takes_far_longer_than_usual_is_said_while_it_runs_and_once() {
    let mut usual = Durations::default();
    usual.learn(&[TestRecord { seconds: 2.0, ..sample::test("base", "slow", Outcome::Pass) }]);
    let started =
        Event::TestStarted { suite: "base".into(), test: "slow".into(), image: "lab".into(), machine: "m".into() };
    let shown = |mode: Mode, running: bool| {
        let mut terminal = Terminal::new(Vec::new(), mode, Options::default()).expecting(usual.clone());
        let begun = Instant::now();
        terminal.apply(&started).unwrap();
        if running {
            terminal.tick(begun + std::time::Duration::from_secs(30)).unwrap();
        }
        let record = TestRecord { seconds: 31.0, ..sample::test("base", "slow", Outcome::Pass) };
        terminal.apply(&Event::TestFinished { record: Box::new(record) }).unwrap();
        String::from_utf8(terminal.out).unwrap()
    };
    let said = shown(Mode::Plain, true);
    assert!(said.starts_with("SLOW base/slow [lab]  (over ") && said.ends_with(", usually 2.0 s)\n"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(shown(Mode::Plain, false), "SLOW base/slow [lab]  (31.0 s, usually 2.0 s)\n");
    assert_eq!(shown(Mode::Quiet, true), "");
}

#[test]
fn a_ci_server_gets_its_lines_and_none_that_a_guest_made() {
    for (server, shown_as_errors, fold, unfold) in [
        (Server::Github, 1, "::group::", "::endgroup::"),
        (Server::Azure, 1, "##[group]", "##[endgroup]"),
        (Server::Gitlab, 0, "\x1b[0Ksection_start:", "\x1b[0Ksection_end:"),
    ] {
        let options = Options { server: Some(server), disarm: true, ..Options::default() };
        let text = shown(Mode::Quiet, options);
        let lines: Vec<&str> = text.split('\n').collect();
        let count = |part: &str| lines.iter().filter(|line| line.starts_with(part)).count();
        let open = sample::tests().iter().filter(|t| matches!(t.outcome, Outcome::Fail | Outcome::Error)).count();
        assert!(text.contains("all of base/hostile [lab]\n"), "{text}");
        assert!(count(fold) > 0 && count(fold) == count(unfold), "{text}");
        assert_eq!(count("::error ") + count("##vso[task.logissue type=error;"), shown_as_errors * open, "{text}");

        // The same with a guest that tries to give commands: not one more line is a command.
        let mut terminal = Terminal::new(Vec::new(), Mode::Quiet, options);
        let mut record = sample::test("base", "forges", Outcome::Fail);
        let said = "::error::x\n  ::set-env name=A::b\n##[add-path]x\nx ##vso[task.complete result=Succeeded;]\n";
        let failure =
            muster_base::failure::Failure::new(muster_base::failure::STEP_RUN, said).with_detail(said.repeat(9));
        record.failures = vec![failure];
        terminal.apply(&Event::TestFinished { record: Box::new(record) }).unwrap();
        terminal.apply(&Event::Notice { text: "::warning::note ##vso[x]".into() }).unwrap();
        let text = String::from_utf8(terminal.out).unwrap();
        let commands = text.split('\n').filter(|line| {
            let line = line.trim_start();
            line.starts_with("::") || line.starts_with("##") || line.contains("##vso[") || line.contains("##[")
        });
        let expected = if server == Server::Gitlab { 0 } else { 3 };
        assert_eq!(commands.count(), expected, "{text}");
    }
}

#[test]
fn notices_are_said_once() {
    let mut terminal = Terminal::new(Vec::new(), Mode::Quiet, Options::default());
    for _ in 0..3 {
        terminal.apply(&Event::Notice { text: "the seed was ignored".into() }).unwrap();
    }
    assert_eq!(String::from_utf8(terminal.out).unwrap(), "note: the seed was ignored\n");
}

/// What a terminal of this width shows after it was sent this, and how many of its lines were broken: text, newlines,
/// and the three sequences by which what goes on is taken away. Styles are left out.
fn screen_after(text: &str, columns: usize) -> (Vec<String>, usize) {
    let styles = regex::Regex::new("\x1b\\[[0-9]+m").unwrap();
    let (mut lines, mut row, mut broken) = (vec![String::new()], 0, 0);
    let text = styles.replace_all(text, "");
    let mut rest = &*text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\r\x1b[") {
            let (up, after) = after.split_once("A\x1b[J").expect("the lines are taken away");
            row -= up.parse::<usize>().expect("a number of lines");
            lines.truncate(row);
            lines.push(String::new());
            rest = after;
            continue;
        }
        match c {
            '\n' => {
                row += 1;
                lines.push(String::new());
            }
            c => {
                assert!(!c.is_control(), "{c:?} in {rest:?}");
                if lines[row].chars().count() == columns {
                    broken += 1;
                    row += 1;
                    lines.push(String::new());
                }
                lines[row].push(c);
            }
        }
        rest = &rest[c.len_utf8()..];
    }
    (lines, broken)
}

fn of_size(columns: u16, rows: u16) -> Mode {
    Mode::Interactive(Box::new(move || TerminalSize { columns, rows }))
}

#[test]
fn what_goes_on_stands_below_all_lines_and_is_gone_at_the_end() {
    for (columns, colour) in [(40, true), (100, false)] {
        let options = Options { colour, ..Options::default() };
        let mut terminal = Terminal::new(Vec::new(), of_size(columns, 24), options);
        let events = sample::events();
        let mut seen = Vec::new();
        for (minute, event) in (1..).zip(&events) {
            terminal.apply(event).unwrap();
            terminal.tick(Instant::now() + Duration::from_secs(60 * minute)).unwrap();
            let so_far = String::from_utf8(terminal.out.clone()).unwrap();
            let (lines, _) = screen_after(&so_far, usize::from(columns));
            assert_eq!(lines.last().map(String::as_str), Some(""), "the cursor begins a line: {lines:#?}");
            seen.extend(lines.iter().rev().skip(1).take(4).cloned());
        }
        terminal.summary(&Recorder::fold(&events), &[]).unwrap();
        let text = String::from_utf8(terminal.out).unwrap();
        let (lines, _) = screen_after(&text, usize::from(columns));
        let goes_on = |line: &String| {
            ["BOOT ", "TEST ", "[#", "[--"].iter().any(|begin| line.starts_with(begin)) || line.starts_with("11/11")
        };
        assert!(!lines.iter().any(goes_on), "{lines:#?}");
        for part in ["BOOT m1 [lab] ", "BOOT m2 [lab-immutable] "] {
            assert!(seen.iter().any(|line| line.starts_with(part)), "{part}: {seen:#?}");
        }
        assert!(seen.iter().any(|line| line.contains(if columns == 40 { "11/11" } else { "11 of 11 tests" })));
        assert_eq!(lines.iter().filter(|line| line.starts_with("FAIL base/nginx-version [lab]")).count(), 1);
        let closing = lines.iter().position(|line| line == "Failures (4 tests):").expect("the end has them");
        assert!(lines[closing + 1].starts_with("  ERROR machine/health"), "{lines:#?}");
        assert!(lines[closing + 4].starts_with("  ERROR kernel.core"), "{lines:#?}");
    }
}

#[test]
fn what_goes_on_breaks_no_line_also_when_the_terminal_becomes_narrow() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU16, Ordering};
    let columns = Arc::new(AtomicU16::new(100));
    let measured = columns.clone();
    let measure = move || TerminalSize { columns: measured.load(Ordering::Relaxed), rows: 24 };
    let mut terminal = Terminal::new(Vec::new(), Mode::Interactive(Box::new(measure)), Options::default());
    let events = sample::events();
    let later = Instant::now() + Duration::from_secs(60);
    for event in &events[..9] {
        terminal.apply(event).unwrap();
    }
    terminal.tick(later).unwrap();
    let wide = terminal.out.len();
    columns.store(40, Ordering::Relaxed);
    terminal.tick(later + Duration::from_secs(1)).unwrap();
    let text = String::from_utf8(terminal.out.split_off(wide)).unwrap();
    let (up, drawn) =
        text.strip_prefix("\r\x1b[").and_then(|text| text.split_once("A\x1b[J")).expect("what was drawn is taken away");
    // Two machines and how far the run is; the line about the one that says something is broken in three.
    assert_eq!(up, "5", "{text:?}");
    assert_eq!(screen_after(drawn, 40).1, 0, "{drawn:?}");
    assert!(drawn.lines().all(|line| line.chars().count() < 40), "{drawn:?}");
}

#[test]
fn what_goes_on_carries_no_escape_of_a_guest() {
    let mut terminal = Terminal::new(Vec::new(), of_size(100, 40), Options::default());
    for event in &sample::events() {
        terminal.apply(event).unwrap();
    }
    let hostile =
        Event::TestStarted { suite: "s\x1b[2J".into(), test: "t\n".into(), image: "i".into(), machine: "m".into() };
    terminal.apply(&hostile).unwrap();
    terminal.tick(Instant::now() + Duration::from_secs(1)).unwrap();
    let drawn = String::from_utf8(terminal.out).unwrap();
    assert!(drawn.contains("TEST s\\x1b[2J/t [i] 1 s"), "{drawn:?}");
    assert!(!drawn.contains("\x1b[2J"), "{drawn:?}");
}
