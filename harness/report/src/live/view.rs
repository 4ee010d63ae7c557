//! What goes on in a run, as far as events say, and how it is shown.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};

use super::columns::Styled;
use super::size::TerminalSize;
use crate::pace::Pace;
use crate::words;
use muster_base::text::one_line;
use muster_record::event::Event;
use muster_record::last_seen;
use muster_record::outcome::Outcome;

/// Characters of a name at most.
const NAME: usize = 60;
/// Columns of the bar, where there are enough.
const BAR: usize = 20;
/// Columns from which on a terminal has the bar and whole sentences.
const WIDE: usize = 70;

/// A machine that is being started.
#[derive(Debug)]
struct Starting {
    image: String,
    since: Instant,
    /// How long it may take.
    expected: String,
    /// What is known of how far it is.
    last: String,
}

/// What goes on.
#[derive(Debug, Default)]
pub(crate) struct LiveView {
    starting: BTreeMap<String, Starting>,
    /// Suite, test and image, and since when.
    running: Vec<([String; 3], Instant)>,
    total: usize,
    /// How many tests have ended so.
    ended: BTreeMap<&'static str, usize>,
}

impl LiveView {
    /// Takes one event in. `pace` has it already.
    pub(crate) fn apply(&mut self, event: &Event, pace: &Pace, now: Instant) {
        match event {
            Event::Planned { tests, .. } => self.total += tests.len(),
            Event::MachineStarting { machine, image, cloned_from, deadline_seconds, .. } => {
                let usual = pace.boot(image).filter(|_| cloned_from.is_none());
                let expected = words::expected(usual, *deadline_seconds);
                let starting = Starting { image: image.clone(), since: now, expected, last: String::new() };
                self.starting.insert(machine.clone(), starting);
            }
            Event::Booting { machine, line } => self.note(machine, one_line(line, 200)),
            Event::LoginRefused { machine, user, times } => self.note(machine, last_seen::refused(user, *times)),
            Event::MachineReady { machine, .. } => drop(self.starting.remove(machine)),
            Event::MachineEnded { record } => drop(self.starting.remove(&record.id)),
            Event::TestStarted { suite, test, image, .. } => {
                let key = [suite.clone(), test.clone(), image.clone()];
                // Another attempt takes its place: what is shown is how long this one runs.
                self.running.retain(|(running, _)| *running != key);
                self.running.push((key, now));
            }
            // A result that is kept is no test of this run.
            Event::TestFinished { record } if record.kept_from.is_none() => {
                *self.ended.entry(record.outcome.name()).or_default() += 1;
                let key = [&record.suite, &record.test, &record.image];
                self.running.retain(|(running, _)| running.iter().ne(key));
            }
            Event::RunFinished { .. } => {
                self.starting.clear();
                self.running.clear();
            }
            _ => {}
        }
    }

    fn note(&mut self, machine: &str, last: String) {
        if let Some(starting) = self.starting.get_mut(machine) {
            starting.last = last;
        }
    }

    /// The lines at this moment, each shorter than the terminal is wide, and together at most half of its height. None
    /// before it is known what will run.
    pub(crate) fn lines(&self, pace: &Pace, size: TerminalSize, now: Instant, colour: bool) -> Vec<String> {
        if self.total == 0 {
            return Vec::new();
        }
        // A character in the last column would leave the cursor where terminals differ.
        let width = usize::from(size.columns).saturating_sub(1);
        let most = (usize::from(size.rows) / 2).saturating_sub(1).max(1);
        let mut all: Vec<Styled> =
            self.starting.iter().map(|(machine, starting)| of_machine(machine, starting, now)).collect();
        all.extend(self.running.iter().map(|(key, since)| of_test(key, *since, pace, now)));
        let more = all.len().saturating_sub(most);
        if more > 0 {
            all.truncate(most - 1);
            let mut line = Styled::default();
            line.push(format!("… and {} more", more + 1), Style::new().dimmed());
            all.push(line);
        }
        all.push(self.progress(pace, width, now));
        all.iter().map(|line| line.cut(width, colour)).collect()
    }

    fn progress(&self, pace: &Pace, width: usize, now: Instant) -> Styled {
        let done: usize = self.ended.values().sum();
        let total = self.total.max(done);
        let mut line = Styled::default();
        if width >= WIDE {
            let full = done * BAR / total.max(1);
            line.plain("[").push("#".repeat(full), Style::new().fg_color(Some(AnsiColor::Green.into())));
            line.plain(format!(
                "{}] {done} of {total} test{}",
                "-".repeat(BAR - full),
                muster_base::text::plural(total)
            ));
        } else {
            line.plain(format!("{done}/{total}"));
        }
        for (outcome, word, colour) in [
            (Outcome::Fail, "failed", AnsiColor::Red),
            (Outcome::Error, "error", AnsiColor::Red),
            (Outcome::NotRun, "not run", AnsiColor::Red),
            (Outcome::Known, "known", AnsiColor::Yellow),
        ] {
            if let Some(count) = self.ended.get(outcome.name()) {
                let plural = if outcome == Outcome::Error { muster_base::text::plural(*count) } else { "" };
                line.plain(", ").push(format!("{count} {word}{plural}"), Style::new().fg_color(Some(colour.into())));
            }
        }
        if let Some(left) = pace.left(now).filter(|_| done < total) {
            line.plain(format!(", {} left", words::about(left)));
        }
        line
    }
}

fn label(word: &str, colour: AnsiColor) -> (String, Style) {
    (word.to_owned(), Style::new().bold().fg_color(Some(colour.into())))
}

fn of_machine(machine: &str, starting: &Starting, now: Instant) -> Styled {
    let mut line = Styled::default();
    let (word, style) = label("BOOT", AnsiColor::Cyan);
    let (machine, image) = (one_line(machine, NAME), one_line(&starting.image, NAME));
    line.push(word, style).plain(format!(" {machine} [{image}] {}, {}", whole(now, starting.since), starting.expected));
    if !starting.last.is_empty() {
        line.plain(": ").push(starting.last.clone(), Style::new().dimmed());
    }
    line
}

fn of_test(key: &[String; 3], since: Instant, pace: &Pace, now: Instant) -> Styled {
    let [suite, test, image] = key;
    let mut line = Styled::default();
    let usual = pace.usual(suite, test, image);
    let slow = usual.is_some_and(|usual| Pace::is_slow(now.saturating_duration_since(since).as_secs_f64(), usual));
    let (word, style) = if slow { label("SLOW", AnsiColor::Yellow) } else { label("TEST", AnsiColor::Green) };
    let name = one_line(&format!("{suite}/{test}"), 2 * NAME);
    line.push(word, style).plain(format!(" {name} [{}] {}", one_line(image, NAME), whole(now, since)));
    if let Some(usual) = usual.filter(|usual| *usual >= 1.0) {
        line.plain(format!(", {} last time", words::about(usual)));
    }
    line
}

/// `12 s`, `2 min 5 s`: so far.
fn whole(now: Instant, since: Instant) -> String {
    match now.saturating_duration_since(since) {
        time if time < Duration::from_secs(100) => format!("{} s", time.as_secs()),
        time => format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::columns::columns;
    use muster_record::durations::Durations;
    use muster_record::run::{Accelerator, MachineRecord, RunRecord, TestRecord};
    use muster_record::sample;

    const WIDE_TERMINAL: TerminalSize = TerminalSize { columns: 100, rows: 24 };

    /// A view and a pace that have seen these, at one moment.
    fn after(events: &[Event], begun: Instant) -> (LiveView, Pace) {
        let took = |test: &str, seconds| TestRecord { seconds, ..sample::test("base", test, Outcome::Pass) };
        let mut usual = Durations::default();
        usual.learn(&[took("quick", 1.5), took("long", 90.0)]);
        let machine = MachineRecord { image: "lab".into(), boot_seconds: Some(80.0), ..MachineRecord::default() };
        let accelerator = Accelerator { kind: "tcg".into(), ..Accelerator::default() };
        usual.learn_boots(&RunRecord {
            accelerator: accelerator.clone(),
            machines: vec![machine],
            ..RunRecord::default()
        });
        let (mut view, mut pace) = (LiveView::default(), Pace::new(usual));
        for event in [Event::AcceleratorChosen { accelerator }].iter().chain(events) {
            pace.apply(event, begun);
            view.apply(event, &pace, begun);
        }
        (view, pace)
    }

    fn planned(tests: &[&str]) -> Event {
        let tests = tests.iter().map(|test| sample::test("base", test, Outcome::Error)).collect();
        Event::Planned { suites: BTreeMap::new(), tests, kept: Vec::new() }
    }

    fn started(test: &str) -> Event {
        Event::TestStarted { suite: "base".into(), test: test.into(), image: "lab".into(), machine: "lab-1".into() }
    }

    fn ended(test: &str, outcome: Outcome) -> Event {
        Event::TestFinished { record: Box::new(sample::test("base", test, outcome)) }
    }

    fn booting(machine: &str, cloned_from: Option<&str>) -> Event {
        Event::MachineStarting {
            machine: machine.into(),
            image: "lab".into(),
            cloned_from: cloned_from.map(str::to_owned),
            deadline_seconds: 300.0,
            at: None,
        }
    }

    fn said(machine: &str, line: &str) -> Event {
        Event::Booting { machine: machine.into(), line: line.into() }
    }

    #[test]
    fn a_machine_that_boots_is_shown_with_what_it_took_and_what_it_said_last() {
        let begun = Instant::now();
        let events = [
            planned(&["quick"]),
            booting("lab-1", None),
            said("lab-1", "first"),
            said("lab-1", "[  3.1] Started\x1b[2J x"),
        ];
        let (view, pace) = after(&events, begun);
        let lines = view.lines(&pace, WIDE_TERMINAL, begun + Duration::from_millis(12_900), false);
        assert_eq!(
            lines,
            [
                "BOOT lab-1 [lab] 12 s, about 80 s last time: [  3.1] Started\\x1b[2J x",
                "[--------------------] 0 of 1 test, about 69 s left"
            ]
        );
        // A clone is not what was timed, and an answer ends the line.
        let mut events = events.to_vec();
        events.extend([
            Event::MachineReady { machine: "lab-1".into(), boot_seconds: 13.0, boot: None, facts: None },
            booting("lab-2", Some("lab-1")),
            said("lab-1", "late"),
        ]);
        let (view, pace) = after(&events, begun);
        let lines = view.lines(&pace, WIDE_TERMINAL, begun + Duration::from_secs(125), false);
        assert_eq!(lines[0], "BOOT lab-2 [lab] 2 min 5 s, at most 5 min 0 s");
        assert_eq!(lines.len(), 2, "{lines:?}");
    }

    #[test]
    fn tests_are_shown_while_they_run_and_counted_when_they_end() {
        let begun = Instant::now();
        let events = [
            planned(&["quick", "long", "new", "a"]),
            started("quick"),
            started("new"),
            started("long"),
            started("a"),
            ended("a", Outcome::Fail),
        ];
        let (view, pace) = after(&events, begun);
        let at = |seconds| view.lines(&pace, WIDE_TERMINAL, begun + Duration::from_secs(seconds), false);
        assert_eq!(
            at(3),
            [
                "TEST base/quick [lab] 3 s, about 2 s last time",
                "TEST base/new [lab] 3 s",
                "TEST base/long [lab] 3 s, about 90 s last time",
                "[#####---------------] 1 of 4 tests, 1 failed, about 92 s left",
            ]
        );
        assert_eq!(at(11)[0], "SLOW base/quick [lab] 11 s, about 2 s last time");
        assert!(at(11)[1].starts_with("TEST ") && at(11)[2].starts_with("TEST "));
        let mut events = events.to_vec();
        events.extend([
            ended("quick", Outcome::Error),
            ended("long", Outcome::Known),
            ended("new", Outcome::Pass),
            Event::RunFinished { at: String::new(), interrupted: false, exit_code: 1 },
        ]);
        let (view, pace) = after(&events, begun);
        let lines = view.lines(&pace, WIDE_TERMINAL, begun, false);
        assert_eq!(lines, ["[####################] 4 of 4 tests, 1 failed, 1 error, 1 known"]);
    }

    #[test]
    fn no_line_is_as_wide_as_the_terminal_and_there_is_more_than_the_region() {
        let begun = Instant::now();
        let names: Vec<String> = (0..40).map(|n| format!("日本{n}-{}", "x".repeat(n * 3))).collect();
        let mut events = vec![planned(&names.iter().map(String::as_str).collect::<Vec<_>>()), booting("lab-1", None)];
        events.push(said("lab-1", &"\u{1f600}\u{202e}\x1b[31m".repeat(50)));
        events.extend(names.iter().map(|name| started(name)));
        let (view, pace) = after(&events, begun);
        for columns_of in [0, 1, 2, 10, 20, 40, 80, 200, u16::MAX] {
            for rows in [0, 1, 4, 24, 100] {
                let size = TerminalSize { columns: columns_of, rows };
                let lines = view.lines(&pace, size, begun, false);
                assert!(lines.len() <= usize::from(rows / 2).max(2), "{size:?}: {} lines", lines.len());
                for line in &lines {
                    assert!(columns(line) < usize::from(columns_of).max(1), "{size:?}: {line}");
                    assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
                }
            }
        }
        let lines = view.lines(&pace, WIDE_TERMINAL, begun, false);
        assert_eq!(lines.len(), 12);
        assert_eq!(lines[10], "… and 31 more");
        let narrow = view.lines(&pace, TerminalSize { columns: 40, rows: 24 }, begun, false);
        assert_eq!(narrow[11], "0/40", "most of these tests have never run here");
    }

    #[test]
    fn nothing_is_shown_before_the_plan_and_colour_is_only_ours() {
        let begun = Instant::now();
        let (view, pace) = after(&[booting("lab-1", None)], begun);
        assert!(view.lines(&pace, WIDE_TERMINAL, begun, true).is_empty());
        let (view, pace) = after(&[planned(&["quick"]), booting("lab-1", None), started("quick")], begun);
        let lines = view.lines(&pace, WIDE_TERMINAL, begun, true);
        assert!(lines[0].starts_with("\x1b[1m\x1b[36mBOOT\x1b[0m lab-1 [lab] 0 s"), "{lines:?}");
        assert!(lines[1].starts_with("\x1b[1m\x1b[32mTEST\x1b[0m base/quick"), "{lines:?}");
    }
}
