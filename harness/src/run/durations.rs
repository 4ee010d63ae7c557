//! How long tests took before, so that the longest start first when several run side by side.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::outcome::Outcome;
use super::plan::Group;
use super::record::TestRecord;
use crate::files::{self, FileError};

/// What a test is thought to take that was never asked, in seconds.
const UNKNOWN: f64 = 5.0;
/// Entries that are kept; the file is no archive.
const MOST: usize = 20_000;
/// Bytes of the file that are read at most.
const LONGEST_FILE: u64 = 4 << 20;
/// How much the last run counts against all before it.
const NEWS: f64 = 0.5;

/// Seconds by image and test.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Durations(BTreeMap<String, f64>);

fn key(image: &str, suite: &str, test: &str) -> String {
    format!("{image} {suite}/{test}")
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
            let known = self.0.entry(key(&record.image, &record.suite, &record.test)).or_insert(record.seconds);
            *known += (record.seconds - *known) * NEWS;
        }
        while self.0.len() > MOST {
            self.0.pop_first();
        }
    }

    /// Writes them whole or not at all.
    pub fn save(&self, path: &Utf8Path) -> Result<(), FileError> {
        if let Some(folder) = path.parent() {
            files::ensure(folder)?;
        }
        files::write_atomically(path, serde_json::to_string(&self.0).unwrap_or_default().as_bytes())
    }

    /// What a group is thought to take on an image, in seconds, without its machine.
    pub fn expected(&self, image: &str, group: &Group) -> f64 {
        let of = |suite: &str, test: &str| self.0.get(&key(image, suite, test)).copied().unwrap_or(UNKNOWN);
        group.tests.iter().map(|planned| of(&planned.suite.name, &planned.test().id)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{self, Rerun};

    #[test]
    fn they_are_learnt_from_tests_that_were_asked_and_read_back() {
        let suite = crate::run::fake::suite(vec![crate::run::fake::test("a", &[], &[])]);
        let plan = plan::plan(&[suite], &[(0, 0)].into(), vec!["lab".into()]);
        let record = |outcome: Outcome, seconds: f64| TestRecord {
            outcome,
            seconds,
            ..plan.unreached(&Rerun::default()).remove(1)
        };
        let mut durations = Durations::default();
        durations.learn(&[record(Outcome::Error, 900.0), record(Outcome::Skip, 0.0)]);
        assert_eq!(durations.expected("lab", &plan.groups[0]), UNKNOWN);
        durations.learn(&[record(Outcome::Pass, 10.0)]);
        durations.learn(&[record(Outcome::Fail, 20.0)]);
        assert_eq!(durations.expected("lab", &plan.groups[0]), 15.0);
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("below/durations.json");
        durations.save(&path).unwrap();
        assert_eq!(Durations::load(&path), durations);
        std::fs::write(&path, "{\"x\": -1, ").unwrap();
        assert_eq!(Durations::load(&path), Durations::default());
    }
}
