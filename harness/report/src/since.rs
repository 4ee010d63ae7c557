//! What is new: a run compared with an earlier one, test by test.

use std::collections::{BTreeMap, HashMap, HashSet};

use muster_record::names::MACHINE_SUITE;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// What has become of a test since the earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is red now, and was not or was not there.
    NewlyRed,
    /// It was red already.
    StillRed,
    /// It ran then, and did not run now.
    NoLongerRun,
    /// It was red, ran again, and is not red.
    Fixed,
    /// It was not there.
    Added,
}

impl Change {
    /// All, in the order in which they matter.
    pub(crate) const ALL: [Change; 5] = [Self::NewlyRed, Self::NoLongerRun, Self::StillRed, Self::Fixed, Self::Added];

    /// As the page filters by it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NewlyRed => "newly-red",
            Self::StillRed => "still-red",
            Self::NoLongerRun => "no-longer-run",
            Self::Fixed => "fixed",
            Self::Added => "added",
        }
    }

    /// In words, after a count.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NewlyRed => "newly failing",
            Self::StillRed => "still failing",
            Self::NoLongerRun => "no longer run",
            Self::Fixed => "fixed",
            Self::Added => "added",
        }
    }
}

/// Whether the file of an image is the one that the earlier run tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImageFile {
    /// The digests are equal.
    Same,
    /// They differ.
    Changed,
    /// The earlier run did not have the image, or a digest is not known.
    Unknown,
}

/// A run compared with an earlier one.
#[derive(Debug)]
pub(crate) struct Since<'r> {
    /// The earlier run.
    pub before: &'r RunRecord,
    /// Of each test of the record, in its order; `None` where nothing changed that matters.
    pub changes: Vec<Option<Change>>,
    /// Tests that the earlier run had and this one has not planned.
    pub gone: Vec<&'r TestRecord>,
    /// By image id.
    pub images: BTreeMap<&'r str, ImageFile>,
}

impl<'r> Since<'r> {
    /// Compares by suite, test and image.
    pub(crate) fn of(record: &'r RunRecord, before: &'r RunRecord) -> Self {
        let earlier: HashMap<_, Outcome> = before.tests.iter().map(|test| (key(test), test.outcome)).collect();
        let changes = record.tests.iter().map(|test| change(test.outcome, earlier.get(&key(test)).copied())).collect();
        let now: HashSet<_> = record.tests.iter().map(key).collect();
        // The test of machines is there where something was wrong with one.
        let planned = |test: &&TestRecord| test.suite != MACHINE_SUITE && !now.contains(&key(test));
        let digest = |run: &RunRecord, image: &str| {
            run.images.get(image).map(|image| image.sha256.clone()).filter(|digest| !digest.is_empty())
        };
        let file = |image: &str| match (digest(record, image), digest(before, image)) {
            (Some(now), Some(then)) if now == then => ImageFile::Same,
            (Some(_), Some(_)) => ImageFile::Changed,
            _ => ImageFile::Unknown,
        };
        let images = record.images.keys().map(|image| (image.as_str(), file(image))).collect();
        Self { before, changes, gone: before.tests.iter().filter(planned).collect(), images }
    }

    /// Indexes of the tests with this change.
    pub(crate) fn with(&self, change: Change) -> Vec<usize> {
        let found = self.changes.iter().enumerate().filter(|(_, found)| **found == Some(change));
        found.map(|(index, _)| index).collect()
    }
}

/// What is the same test in two runs.
pub(crate) fn key(test: &TestRecord) -> (&str, &str, &str) {
    (&test.suite, &test.test, &test.image)
}

fn change(now: Outcome, then: Option<Outcome>) -> Option<Change> {
    let red = |outcome: Outcome| matches!(outcome, Outcome::Fail | Outcome::Error);
    match then {
        Some(then) if red(now) && red(then) => Some(Change::StillRed),
        _ if red(now) => Some(Change::NewlyRed),
        None => Some(Change::Added),
        Some(then) if then.has_run() && !now.has_run() => Some(Change::NoLongerRun),
        Some(then) if red(then) && now.has_run() => Some(Change::Fixed),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn every_pair_of_outcomes_has_its_change() {
        use Outcome::{Error, Fail, Flaky, Known, NotRun, Pass, Skip};
        for (now, then, expected) in [
            (Fail, Some(Pass), Some(Change::NewlyRed)),
            (Error, Some(Skip), Some(Change::NewlyRed)),
            (Fail, Some(Known), Some(Change::NewlyRed)),
            (Fail, None, Some(Change::NewlyRed)),
            (Fail, Some(Error), Some(Change::StillRed)),
            (Pass, Some(Fail), Some(Change::Fixed)),
            (Flaky, Some(Error), Some(Change::Fixed)),
            // What did not run is not fixed.
            (Skip, Some(Fail), Some(Change::NoLongerRun)),
            (NotRun, Some(Pass), Some(Change::NoLongerRun)),
            (Skip, Some(NotRun), None),
            (Pass, Some(Skip), None),
            (Pass, Some(Pass), None),
            (Pass, None, Some(Change::Added)),
            (Skip, None, Some(Change::Added)),
        ] {
            assert_eq!(change(now, then), expected, "{now:?} after {then:?}");
        }
    }

    #[test]
    fn tests_that_are_gone_and_images_that_changed_are_known() {
        let before = Recorder::fold(&sample::events());
        let mut record = before.clone();
        record.tests.retain(|test| test.test != "flaky" && test.suite != MACHINE_SUITE);
        record.images.get_mut("lab").unwrap().sha256 = "ef".repeat(32);
        record.images.insert("other".into(), record.images["lab"].clone());
        let since = Since::of(&record, &before);
        assert_eq!(since.gone.iter().map(|test| test.test.as_str()).collect::<Vec<_>>(), ["flaky"]);
        let images: Vec<_> = since.images.into_iter().collect();
        let expected = [("lab", ImageFile::Changed), ("lab-immutable", ImageFile::Same), ("other", ImageFile::Unknown)];
        assert_eq!(images, expected);
        assert_eq!(since.changes.iter().filter(|change| change.is_some()).count(), 3, "those that are still red");
    }
}
