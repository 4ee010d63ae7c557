//! How long a run will take, and which of its tests take longer than they used to, by what earlier runs took.
//! Nothing of it is in any report: it is what this host remembers, and only tells a person what to expect.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::words;
use muster_record::durations::Durations;
use muster_record::event::Event;
use muster_record::names::MACHINE_SUITE;
use muster_record::run::TestRecord;

/// How many times its usual time a test takes that is called slow.
const TIMES: f64 = 3.0;
/// Seconds that it takes at least.
const LEAST: f64 = 10.0;

type Key = (String, String, String);

/// A test that takes much longer than usual.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slow {
    /// `suite/test`.
    pub name: String,
    /// Image id.
    pub image: String,
    /// What it has taken so far.
    pub seconds: f64,
    /// What it took before.
    pub usual: f64,
}

/// What a run has done and has still to do.
#[derive(Debug, Default)]
pub struct Pace {
    usual: Durations,
    accelerator: String,
    /// What each planned test usually takes; 0 for one that never ran, mostly because it is skipped here.
    planned: HashMap<Key, f64>,
    /// How many of them have a time.
    known: usize,
    total: usize,
    /// Seconds of work, as usual.
    left: f64,
    done: f64,
    begun: Option<Instant>,
    running: BTreeMap<Key, Instant>,
    /// Machines that boot: since when, and the seconds it usually takes.
    booting: BTreeMap<String, (Instant, f64)>,
    slow: Vec<Key>,
}

impl Pace {
    /// Of a run on a host that remembers this.
    pub fn new(usual: Durations) -> Self {
        Self { usual, ..Self::default() }
    }

    /// Takes one event in.
    pub fn apply(&mut self, event: &Event, now: Instant) {
        match event {
            Event::AcceleratorChosen { accelerator } => self.accelerator.clone_from(&accelerator.kind),
            Event::Planned { tests, .. } => {
                // That of the machines lasts as long as the run.
                for test in tests.iter().filter(|test| test.suite != MACHINE_SUITE) {
                    let usual = self.usual.test(&test.image, &test.suite, &test.test);
                    self.known += usize::from(usual.is_some());
                    self.total += 1;
                    self.left += usual.unwrap_or_default();
                    self.planned.insert(key(test), usual.unwrap_or_default());
                }
            }
            Event::MachineStarting { machine, image, cloned_from: None, .. } => {
                if let Some(usual) = self.boot(image) {
                    self.booting.insert(machine.clone(), (now, usual));
                }
            }
            Event::MachineReady { machine, .. } => drop(self.booting.remove(machine)),
            Event::MachineEnded { record } => drop(self.booting.remove(&record.id)),
            Event::TestStarted { suite, test, image, .. } => {
                self.begun.get_or_insert(now);
                self.running.insert((suite.clone(), test.clone(), image.clone()), now);
            }
            Event::TestFinished { record } => {
                let key = key(record);
                self.running.remove(&key);
                if let Some(usual) = self.planned.remove(&key) {
                    self.left = (self.left - usual).max(0.0);
                    self.done += usual;
                }
            }
            _ => {}
        }
    }

    /// What the last boots of an image took, with the accelerator of this run.
    pub fn boot(&self, image: &str) -> Option<f64> {
        self.usual.boot(image, &self.accelerator)
    }

    /// What a test took before. That of the machines lasts as long as the run, which says nothing of the next one.
    pub(crate) fn usual(&self, suite: &str, test: &str, image: &str) -> Option<f64> {
        (suite != MACHINE_SUITE).then(|| self.usual.test(image, suite, test)).flatten()
    }

    /// Whether a test that takes so many seconds takes much longer than usual.
    pub(crate) fn is_slow(seconds: f64, usual: f64) -> bool {
        seconds > LEAST && seconds > TIMES * usual
    }

    /// Seconds until all tests have ended, as far as anybody knows: by how fast this run is compared with earlier
    /// ones, since several machines share its tests; after those that boot. `None` when most tests have never run here.
    pub(crate) fn left(&self, now: Instant) -> Option<f64> {
        if self.total == 0 || self.known * 2 < self.total {
            return None;
        }
        let elapsed = self.begun.map(|begun| now.saturating_duration_since(begun).as_secs_f64());
        let factor = match elapsed {
            // Before that it would say more about one test than about the run.
            Some(elapsed) if self.done >= 5.0 && elapsed > 0.0 => elapsed / self.done,
            _ => 1.0,
        };
        let boots = self.booting.values().map(|(since, usual)| {
            let elapsed = now.saturating_duration_since(*since).as_secs_f64();
            (usual - elapsed).max(0.0)
        });
        Some(self.left * factor + boots.fold(0.0, f64::max))
    }

    /// The tests that have become slow since the last call.
    pub(crate) fn slow(&mut self, now: Instant) -> Vec<Slow> {
        let running: Vec<(Key, f64)> = self
            .running
            .iter()
            .map(|(key, since)| (key.clone(), now.saturating_duration_since(*since).as_secs_f64()))
            .collect();
        running.into_iter().filter_map(|(key, seconds)| self.mark(key, seconds)).collect()
    }

    /// Whether a test that has ended was slow, and that was not said yet.
    pub(crate) fn was_slow(&mut self, record: &TestRecord) -> Option<Slow> {
        self.mark(key(record), record.seconds)
    }

    fn mark(&mut self, key: Key, seconds: f64) -> Option<Slow> {
        let usual = self.usual(&key.0, &key.1, &key.2)?;
        if !Self::is_slow(seconds, usual) || self.slow.contains(&key) {
            return None;
        }
        self.slow.push(key.clone());
        Some(Slow { name: format!("{}/{}", key.0, key.1), image: key.2, seconds, usual })
    }
}

fn key(test: &TestRecord) -> Key {
    (test.suite.clone(), test.test.clone(), test.image.clone())
}

/// How often somebody should look for slow tests, and show how long the others take.
pub const LOOK: Duration = Duration::from_millis(500);

/// How long a machine of this image may need until it answers: by what it took before, else by its deadline.
pub fn boot_expectation(usual: &Durations, image: &str, accelerator: &str, deadline_seconds: f64) -> String {
    words::expected(usual.boot(image, accelerator), deadline_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::outcome::Outcome;
    use muster_record::run::{Accelerator, MachineRecord, RunRecord};
    use muster_record::sample;

    fn took(test: &str, seconds: f64) -> TestRecord {
        TestRecord { seconds, ..sample::test("base", test, Outcome::Pass) }
    }

    fn pace() -> Pace {
        let mut usual = Durations::default();
        usual.learn(&[took("quick", 1.0), took("long", 9.0)]);
        usual.learn_boots(&RunRecord {
            accelerator: Accelerator { kind: "tcg".into(), ..Accelerator::default() },
            machines: vec![MachineRecord { image: "lab".into(), boot_seconds: Some(80.0), ..MachineRecord::default() }],
            ..RunRecord::default()
        });
        Pace::new(usual)
    }

    fn started(test: &str) -> Event {
        Event::TestStarted { suite: "base".into(), test: test.into(), image: "lab".into(), machine: "m1".into() }
    }

    fn planned(tests: Vec<TestRecord>) -> Event {
        Event::Planned { suites: BTreeMap::new(), tests, kept: Vec::new() }
    }

    #[test]
    fn what_is_left_follows_the_pace_of_this_run() {
        let mut pace = pace();
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(pace.left(begun), None);
        pace.apply(&planned(vec![took("quick", 0.0), took("long", 0.0), took("new", 0.0)]), begun);
        assert_eq!(pace.left(begun), Some(10.0));
        pace.apply(&started("long"), begun);
        pace.apply(&Event::TestFinished { record: Box::new(took("long", 18.0)) }, after(18));
        assert_eq!(pace.left(after(18)), Some(2.0), "twice as slow as before");
        // Where most is new nobody knows.
        let mut pace = self::pace();
        pace.apply(&planned(["quick", "a", "b"].map(|test| took(test, 0.0)).to_vec()), begun);
        assert_eq!(pace.left(begun), None);
    }

    #[test]
    fn a_boot_counts_while_it_goes_on_and_the_test_of_the_machines_never() {
        let mut usual = pace().usual;
        usual.learn(&[TestRecord { seconds: 500.0, ..sample::test(MACHINE_SUITE, "health", Outcome::Pass) }]);
        let mut pace = Pace::new(usual);
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let accelerator = Accelerator { kind: "tcg".into(), ..Accelerator::default() };
        pace.apply(&Event::AcceleratorChosen { accelerator }, begun);
        let health = sample::test(MACHINE_SUITE, "health", Outcome::Error);
        pace.apply(&planned(vec![took("quick", 0.0), took("long", 0.0), health]), begun);
        for machine in ["m1", "m2"] {
            let (machine, image) = (machine.into(), "lab".into());
            let starting =
                Event::MachineStarting { machine, image, cloned_from: None, deadline_seconds: 300.0, at: None };
            pace.apply(&starting, begun);
        }
        assert_eq!(pace.left(begun), Some(90.0), "both boot at the same time");
        assert_eq!(pace.left(after(30)), Some(60.0));
        assert_eq!(pace.left(after(100)), Some(10.0), "a boot that takes longer is not less than nothing");
        for machine in ["m1", "m2"] {
            pace.apply(
                &Event::MachineReady { machine: machine.into(), boot_seconds: 1.0, boot: None, facts: None },
                after(1),
            );
        }
        assert_eq!(pace.left(after(1)), Some(10.0));
    }

    #[test]
    fn a_test_is_slow_once_and_only_far_beyond_its_usual_time() {
        let mut pace = pace();
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        for test in ["quick", "long", "new"] {
            pace.apply(&started(test), begun);
        }
        assert_eq!(pace.slow(after(10)), []);
        let slow = pace.slow(after(11));
        let quick = Slow { name: "base/quick".into(), image: "lab".into(), seconds: 11.0, usual: 1.0 };
        assert_eq!(slow, [quick], "27 s would be slow for the long one, and nobody knows the new one");
        assert_eq!(pace.slow(after(12)), []);
        assert_eq!(pace.was_slow(&took("quick", 12.0)), None, "it was said");
        assert_eq!(pace.was_slow(&took("long", 28.0)).map(|slow| slow.usual), Some(9.0));
        assert_eq!(pace.was_slow(&took("new", 900.0)), None);
    }

    #[test]
    fn the_test_of_the_machines_is_never_slow() {
        let health = |seconds| TestRecord { seconds, ..sample::test(MACHINE_SUITE, "health", Outcome::Pass) };
        let mut usual = pace().usual;
        usual.learn(&[health(1.0)]);
        let mut pace = Pace::new(usual);
        assert_eq!(pace.was_slow(&health(900.0)), None, "the run was longer than the last one");
    }

    #[test]
    fn a_boot_is_expected_to_take_what_it_took_with_the_same_accelerator() {
        let mut pace = pace();
        assert_eq!(pace.boot("lab"), None);
        let chosen = |kind: &str| Event::AcceleratorChosen {
            accelerator: Accelerator { kind: kind.into(), ..Accelerator::default() },
        };
        pace.apply(&chosen("tcg"), Instant::now());
        assert_eq!((pace.boot("lab"), pace.boot("other")), (Some(80.0), None));
        pace.apply(&chosen("kvm"), Instant::now());
        assert_eq!(pace.boot("lab"), None);
    }
}
