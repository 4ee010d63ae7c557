//! What is new: a run compared with an earlier one, test by test.

use std::collections::{BTreeMap, HashMap, HashSet};

use muster_record::names::MACHINE_SUITE;
use muster_record::outcome::Outcome;
use muster_record::outstanding;
use muster_record::run::{RunRecord, TestRecord};

/// What has become of a test since the earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is red now, and was not. A test that only ended in an error then and fails now is one: nobody
    /// knows that it failed then.
    NewlyRed,
    /// It is red now, and was not there: nothing is known of how it was then.
    AddedRed,
    /// It is red now, and did not run then: nothing is known either.
    NowRunRed,
    /// It ran then, and did not run now.
    NoLongerRun,
    /// It was red already.
    StillRed,
    /// It fails as a known issue says, and did not.
    NowKnown,
    /// It passed only at another attempt, and did not need one or did not pass.
    NowFlaky,
    /// It failed or ended in an error, also as a known issue says, and passes.
    Fixed,
    /// It did not run then, and passes.
    NowRun,
    /// It was not there.
    Added,
}

impl Change {
    /// All, in the order in which they matter.
    pub(crate) const ALL: [Change; 10] = [
        Self::NewlyRed,
        Self::AddedRed,
        Self::NowRunRed,
        Self::NoLongerRun,
        Self::StillRed,
        Self::NowKnown,
        Self::NowFlaky,
        Self::Fixed,
        Self::NowRun,
        Self::Added,
    ];

    /// As the page filters by it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NewlyRed => "newly-red",
            Self::AddedRed => "added-red",
            Self::NowRunRed => "now-run-red",
            Self::NoLongerRun => "no-longer-run",
            Self::StillRed => "still-red",
            Self::NowKnown => "now-known",
            Self::NowFlaky => "now-flaky",
            Self::Fixed => "fixed",
            Self::NowRun => "now-run",
            Self::Added => "added",
        }
    }

    /// In words, after a count.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NewlyRed => "newly failing",
            Self::AddedRed => "added, and failing",
            Self::NowRunRed => "now run, and failing",
            Self::NoLongerRun => "no longer run",
            Self::StillRed => "still failing",
            Self::NowKnown => "now failing as a known issue says",
            Self::NowFlaky => "now flaky",
            Self::Fixed => "fixed",
            Self::NowRun => "now run",
            Self::Added => "added",
        }
    }

    /// Whether there is a message of the test that says more than its name.
    pub(crate) fn has_message(self) -> bool {
        !matches!(self, Self::Fixed | Self::NowRun | Self::Added)
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
        let earlier: HashMap<_, Outcome> = before.tests.iter().map(|test| (key(test), came_to(test))).collect();
        let changes = record.tests.iter().map(|test| change(came_to(test), earlier.get(&key(test)).copied())).collect();
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

/// What a test came to. The error of one that the run never reached is no finding of it.
fn came_to(test: &TestRecord) -> Outcome {
    if outstanding::is_unreached(test) { Outcome::NotRun } else { test.outcome }
}

/// Every pair is here by name: a new outcome has to be thought of.
fn change(now: Outcome, then: Option<Outcome>) -> Option<Change> {
    use Outcome::{Error, Fail, Flaky, Known, NotRun, Pass, Skip};
    match (now, then) {
        (Fail, Some(Fail)) | (Error, Some(Fail | Error)) => Some(Change::StillRed),
        (Fail, Some(Error)) => Some(Change::NewlyRed),
        (Fail | Error, Some(Pass | Flaky | Known)) => Some(Change::NewlyRed),
        (Fail | Error, Some(Skip | NotRun)) => Some(Change::NowRunRed),
        (Fail | Error, None) => Some(Change::AddedRed),
        (Known, Some(Known)) | (Flaky, Some(Flaky)) => None,
        (Known, Some(Pass | Fail | Error | Flaky | Skip | NotRun)) => Some(Change::NowKnown),
        (Flaky, Some(Pass | Fail | Error | Known | Skip | NotRun)) => Some(Change::NowFlaky),
        (Pass, Some(Fail | Error | Known)) => Some(Change::Fixed),
        (Pass, Some(Skip | NotRun)) => Some(Change::NowRun),
        (Pass, Some(Pass | Flaky)) => None,
        // What did not run is not fixed.
        (Skip | NotRun, Some(Pass | Fail | Error | Flaky | Known)) => Some(Change::NoLongerRun),
        (Skip | NotRun, Some(Skip | NotRun)) => None,
        (Pass | Flaky | Known | Skip | NotRun, None) => Some(Change::Added),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn every_pair_of_outcomes_has_its_change() {
        use Change::{Added, AddedRed, Fixed, NewlyRed, NoLongerRun, NowFlaky, NowKnown, NowRun, NowRunRed, StillRed};
        let (bad, gone, ran, new) = (Some(NewlyRed), Some(NoLongerRun), Some(NowRunRed), Some(AddedRed));
        // A row is what it is now; a column what it was: pass, fail, error, flaky, known, skip, not-run, not there.
        let table: [(Outcome, [Option<Change>; 8]); 7] = [
            (
                Outcome::Pass,
                [None, Some(Fixed), Some(Fixed), None, Some(Fixed), Some(NowRun), Some(NowRun), Some(Added)],
            ),
            (Outcome::Fail, [bad, Some(StillRed), bad, bad, bad, ran, ran, new]),
            (Outcome::Error, [bad, Some(StillRed), Some(StillRed), bad, bad, ran, ran, new]),
            (Outcome::Flaky, {
                let now = Some(NowFlaky);
                [now, now, now, None, now, now, now, Some(Added)]
            }),
            (Outcome::Known, {
                let now = Some(NowKnown);
                [now, now, now, now, None, now, now, Some(Added)]
            }),
            (Outcome::Skip, [gone, gone, gone, gone, gone, None, None, Some(Added)]),
            (Outcome::NotRun, [gone, gone, gone, gone, gone, None, None, Some(Added)]),
        ];
        assert_eq!(table.each_ref().map(|(now, _)| *now), Outcome::ALL);
        let red = |outcome: Outcome| matches!(outcome, Outcome::Fail | Outcome::Error);
        for (now, row) in table {
            let columns = Outcome::ALL.into_iter().map(Some).chain([None]);
            for (then, expected) in columns.zip(row) {
                let found = change(now, then);
                assert_eq!(found, expected, "{now:?} after {then:?}");
                // What no table may say: that a test is fixed which does not pass, or that nothing is new of one that is
                // red.
                assert!(found != Some(Fixed) || now == Outcome::Pass, "{now:?} after {then:?}");
                let of_red = [NewlyRed, AddedRed, NowRunRed, StillRed];
                assert_eq!(red(now), found.is_some_and(|found| of_red.contains(&found)), "{now:?} after {then:?}");
                // What did not run then has not got worse: nobody knows how it was.
                let had_run = then.is_some_and(Outcome::has_run);
                assert!(found != Some(NewlyRed) || had_run, "{now:?} after {then:?}");
                assert!(found != Some(StillRed) || then.is_some_and(red), "{now:?} after {then:?}");
                assert_eq!(
                    found == Some(NoLongerRun),
                    then.is_some_and(Outcome::has_run) && !now.has_run(),
                    "{now:?} after {then:?}"
                );
            }
        }
    }

    #[test]
    fn the_page_knows_every_change_by_the_same_words() {
        let script = include_str!("../../../reports/page/selection.js");
        let list = script.split_once("const SINCE = {").and_then(|(_, rest)| rest.split_once("};")).unwrap().0;
        let listed: Vec<(String, String)> = list
            .lines()
            .filter_map(|line| line.trim().trim_end_matches(',').split_once(": "))
            .map(|(name, words)| (name.trim_matches('"').to_owned(), words.trim_matches('"').to_owned()))
            .collect();
        let ours = Change::ALL.map(|change| (change.name().to_owned(), change.words().to_owned()));
        assert_eq!(listed, ours);
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
