//! The bars of a terminal: one for each machine that boots, one for the tests.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::pace::Pace;
use super::words;
use muster_base::text::one_line;
use muster_record::event::Event;

/// The bars. Gone when dropped.
pub(super) struct Progress {
    pub(super) bars: MultiProgress,
    pub(super) tests: ProgressBar,
    booting: BTreeMap<String, ProgressBar>,
}

impl Progress {
    pub(super) fn new(target: ProgressDrawTarget) -> Self {
        let bars = MultiProgress::with_draw_target(target);
        let tests = bars.add(ProgressBar::new(0).with_style(template("{bar:24} {pos}/{len}{prefix}  {msg}")));
        Self { bars, tests, booting: BTreeMap::new() }
    }

    pub(super) fn apply(&mut self, event: &Event, pace: &Pace) {
        match event {
            Event::Planned { tests, .. } => self.tests.set_length(tests.len() as u64),
            Event::MachineStarting { machine, image, cloned_from, deadline_seconds, .. } => {
                let bar = self.bars.insert_before(&self.tests, ProgressBar::new_spinner());
                // `{elapsed}` goes on by itself; what is expected next to it does not change.
                bar.set_style(template("{spinner} {msg}  {elapsed}"));
                let usual = pace.boot(image).filter(|_| cloned_from.is_none());
                let expected = words::expected(usual, *deadline_seconds);
                bar.set_message(format!("booting {} [{}], {expected}", one_line(machine, 40), one_line(image, 40)));
                bar.enable_steady_tick(Duration::from_millis(200));
                if let Some(old) = self.booting.insert(machine.clone(), bar) {
                    old.finish_and_clear();
                }
            }
            Event::LoginRefused { machine, user, times } => {
                if let Some(bar) = self.booting.get(machine) {
                    let machine = one_line(machine, 40);
                    bar.set_message(format!("booting {machine}: {}", words::refused(user, *times)));
                }
            }
            Event::MachineReady { machine, .. } => self.booted(machine),
            Event::MachineEnded { record } => self.booted(&record.id),
            Event::TestStarted { suite, test, image, .. } => {
                self.tests.set_message(one_line(&format!("{suite}/{test} [{image}]"), 80));
            }
            // A result that is kept is no test of this run.
            Event::TestFinished { record } if record.kept_from.is_none() => self.tests.inc(1),
            _ => {}
        }
    }

    /// Says how long it will still take.
    pub(super) fn tick(&self, pace: &Pace, now: Instant) {
        let left = pace.left(now).map(|left| format!("  {} left", words::about(left)));
        self.tests.set_prefix(left.unwrap_or_default());
    }

    fn booted(&mut self, machine: &str) {
        if let Some(bar) = self.booting.remove(machine) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        for bar in self.booting.values().chain([&self.tests]) {
            bar.finish_and_clear();
        }
    }
}

fn template(text: &str) -> ProgressStyle {
    // The templates are constants of this file; a mistake in one costs the bar and not the run.
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_bar())
}
