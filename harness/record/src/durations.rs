//! How long tests and boots took before, so that the longest tests start first when several run side by side, and a
//! person knows what to expect.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::outcome::Outcome;
use crate::names::MACHINE_SUITE;
use crate::run::{RunRecord, TestRecord};
use muster_base::files::{self, FileError};

/// Entries that are kept; the file is no archive.
const MOST: usize = 20_000;
/// Bytes of the file that are read at most.
const LONGEST_FILE: u64 = 4 << 20;
/// Seconds that a test takes which is skipped.
const SKIPPED: f64 = 0.05;
/// How much the last run counts against all before it.
const NEWS: f64 = 0.5;

/// Seconds by image and test, and by image and accelerator for boots.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Durations(BTreeMap<String, f64>);

fn key(image: &str, suite: &str, test: &str) -> String {
    format!("{image} {suite}/{test}")
}

/// A boot is no test; its name is of a suite that no test can have.
fn boot_key(image: &str, accelerator: &str) -> String {
    key(image, MACHINE_SUITE, &format!("boot.{accelerator}"))
}

impl Durations {
    /// Reads them. A file that is not there or makes no sense is the same as none: they only order.
    pub fn load(path: &Utf8Path) -> Self {
        let small = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() <= LONGEST_FILE);
        let text = if small { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() };
        let mut map: BTreeMap<String, f64> = serde_json::from_str(&text).unwrap_or_default();
        map.retain(|_, seconds| seconds.is_finite() && *seconds >= 0.0);
        Self(map)
    }

    /// Adds what a run measured: tests that were really asked.
    pub fn learn(&mut self, records: &[TestRecord]) {
        for record in records {
            if !record.outcome.has_run() || record.outcome == Outcome::Error || !record.seconds.is_finite() {
                continue;
            }
            self.note(key(&record.image, &record.suite, &record.test), record.seconds);
        }
    }

    /// Adds how long each image took to boot: the first machine of it that was booted and answered. Those after it may
    /// be of other shapes.
    pub fn learn_boots(&mut self, record: &RunRecord) {
        let mut seen = BTreeSet::new();
        for machine in record.machines.iter().filter(|machine| machine.cloned_from.is_none()) {
            let Some(seconds) = machine.boot_seconds.filter(|seconds| seconds.is_finite()) else { continue };
            if seen.insert(machine.image.as_str()) {
                self.note(boot_key(&machine.image, &record.accelerator.kind), seconds);
            }
        }
    }

    fn note(&mut self, key: String, seconds: f64) {
        let known = self.0.entry(key).or_insert(seconds);
        *known += (seconds - *known) * NEWS;
        while self.0.len() > MOST {
            self.0.pop_first();
        }
    }

    /// What a test took before.
    pub fn test(&self, image: &str, suite: &str, test: &str) -> Option<f64> {
        self.0.get(&key(image, suite, test)).copied()
    }

    /// What a boot took before, until the guest answered.
    pub fn boot(&self, image: &str, accelerator: &str) -> Option<f64> {
        self.0.get(&boot_key(image, accelerator)).copied()
    }

    /// The longest boot of an image, whatever the accelerator: what is computed of it is the same on every host.
    pub fn longest_boot(&self, image: &str) -> Option<f64> {
        let prefix = boot_key(image, "");
        let boots = self.0.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
        boots.map(|(_, seconds)| *seconds).max_by(f64::total_cmp)
    }

    /// What a run says of them. A test that it skipped takes next to nothing.
    pub fn of_run(record: &RunRecord) -> Self {
        let mut durations = Self::default();
        durations.learn(&record.tests);
        durations.learn_boots(record);
        for test in record.tests.iter().filter(|test| test.outcome == Outcome::Skip) {
            durations.note(key(&test.image, &test.suite, &test.test), SKIPPED);
        }
        durations
    }

    /// Reads a file of them for whom it matters that it is one: a file that is none is an error, not nothing.
    ///
    /// # Errors
    /// It is no JSON, or not a map of names to seconds.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let map: BTreeMap<String, f64> = serde_json::from_str(text)?;
        match map.iter().find(|(_, seconds)| !seconds.is_finite() || **seconds < 0.0) {
            Some((name, seconds)) => {
                let name = muster_base::text::one_line(name, 120);
                Err(serde::de::Error::custom(format!("`{name}` takes {seconds} seconds")))
            }
            None => Ok(Self(map)),
        }
    }

    /// The content of a file of them, which [`Durations::parse`] reads as the same.
    pub fn text(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Writes them whole or not at all.
    pub fn save(&self, path: &Utf8Path) -> Result<(), FileError> {
        if let Some(dir) = path.parent() {
            files::ensure(dir)?;
        }
        files::write_atomically(path, self.text().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn they_are_learnt_from_tests_that_were_asked_and_read_back() {
        let record = |outcome: Outcome, seconds: f64| TestRecord { seconds, ..sample::test("base", "a", outcome) };
        let mut durations = Durations::default();
        durations.learn(&[record(Outcome::Error, 900.0), record(Outcome::Skip, 0.0)]);
        assert_eq!(durations.test("lab", "base", "a"), None);
        durations.learn(&[record(Outcome::Pass, 10.0)]);
        durations.learn(&[record(Outcome::Fail, 20.0)]);
        assert_eq!(durations.test("lab", "base", "a"), Some(15.0));
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("below/durations.json");
        durations.save(&path).unwrap();
        assert_eq!(Durations::load(&path), durations);
        std::fs::write(&path, "{\"x\": -1, ").unwrap();
        assert_eq!(Durations::load(&path), Durations::default());
    }
}
