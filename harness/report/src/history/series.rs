//! The series of a history, and how each stands.

use std::collections::{BTreeMap, HashMap};

use muster_record::history::{HistoryEntry, HistoryTest};
use muster_record::names::MACHINE_SUITE;
use muster_record::outcome::Outcome;

/// What stands for the same test on the same kind of machine in all runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// `suite/test`.
    pub test: String,
    /// The distribution and its version; the image's name where it never booted, or where a run had two images of one
    /// distribution.
    pub image: String,
    /// Architecture, mode and firmware.
    pub shape: String,
    /// `kvm` or `tcg`.
    pub accelerator: String,
}

/// How a series stands at its last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeriesState {
    /// It fails, and did not in the run before that had a result.
    New,
    /// It fails in the only run that has a result: there is nothing to compare with.
    First,
    /// It fails, and did so before.
    Active,
    /// One file of an image both passed and failed it.
    Flaky,
    /// It passes, and failed in the run before that had a result.
    Fixed,
    /// It passes.
    Good,
    /// No run has a result.
    Unknown,
}

impl SeriesState {
    /// All, in the order in which they matter.
    pub const ALL: [Self; 7] =
        [Self::New, Self::First, Self::Active, Self::Flaky, Self::Fixed, Self::Good, Self::Unknown];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::First => "first",
            Self::Active => "active",
            Self::Flaky => "flaky",
            Self::Fixed => "fixed",
            Self::Good => "good",
            Self::Unknown => "unknown",
        }
    }
}

/// A run in a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point<'h> {
    /// The run.
    pub run: &'h str,
    /// When it began.
    pub at: &'h str,
    /// SHA-256 of the image's file.
    pub sha256: &'h str,
    /// How the test ended.
    pub outcome: Outcome,
    /// The failure id of what did not pass.
    pub failure: Option<&'h str>,
}

/// A test over many runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series<'h> {
    /// What it is of.
    pub key: SeriesKey,
    /// How it stands.
    pub state: SeriesState,
    /// Runs that planned it, oldest first; never empty.
    pub points: Vec<Point<'h>>,
    /// The last run that passed it before the first of the failures that go on now; of a series that passes, the last.
    pub last_good: Option<usize>,
    /// The first of the failures that go on now.
    pub first_bad: Option<usize>,
}

/// Green, red, or no result.
fn result(outcome: Outcome) -> Option<bool> {
    match outcome {
        Outcome::Pass | Outcome::Flaky => Some(true),
        Outcome::Fail | Outcome::Error => Some(false),
        Outcome::Known | Outcome::Skip | Outcome::NotRun => None,
    }
}

/// The series of a history that is in the order of time: what is new first, then by name.
pub fn series(history: &[HistoryEntry]) -> Vec<Series<'_>> {
    let crowded = crowded(history);
    let mut points: HashMap<SeriesKey, Vec<Point<'_>>> = HashMap::new();
    for entry in history {
        for test in entry.tests.iter().filter(|test| !of_machines(test)) {
            let image = entry.images.get(&test.image);
            let family = image.map_or("", |image| image.family.as_str());
            let named = family.is_empty() || crowded.contains_key(family);
            let key = SeriesKey {
                test: test.name.clone(),
                image: if named { test.image.clone() } else { family.to_owned() },
                shape: image.map(|image| image.shape.clone()).unwrap_or_default(),
                accelerator: entry.accelerator.clone(),
            };
            points.entry(key).or_default().push(Point {
                run: &entry.run,
                at: &entry.at,
                sha256: image.map_or("", |image| image.sha256.as_str()),
                outcome: test.outcome,
                failure: test.failure.as_deref(),
            });
        }
    }
    let mut series: Vec<Series<'_>> = points.into_iter().map(|(key, points)| one(key, points)).collect();
    series.sort_by(|a, b| (a.state, &a.key).cmp(&(b.state, &b.key)));
    series
}

/// What muster says of its machines is there only when something is wrong with one.
fn of_machines(test: &HistoryTest) -> bool {
    test.name.split_once('/').is_some_and(|(suite, _)| suite == MACHINE_SUITE)
}

/// Families of which some run had two images: there the name of the image says which is meant.
fn crowded(history: &[HistoryEntry]) -> BTreeMap<&str, ()> {
    let mut found = BTreeMap::new();
    for entry in history {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for (name, image) in &entry.images {
            if let Some(other) = seen.insert(&image.family, name)
                && other != name
            {
                found.insert(image.family.as_str(), ());
            }
        }
    }
    found
}

fn one<'h>(key: SeriesKey, points: Vec<Point<'h>>) -> Series<'h> {
    let results: Vec<(usize, bool)> =
        points.iter().enumerate().filter_map(|(at, point)| Some((at, result(point.outcome)?))).collect();
    let failing = results.iter().rev().take_while(|(_, green)| !green).count();
    let first_bad = (failing > 0).then(|| results[results.len() - failing].0);
    let last_good = results[..results.len() - failing].iter().rev().find(|(_, green)| *green).map(|(at, _)| *at);
    let state = match results.as_slice() {
        [] => SeriesState::Unknown,
        _ if flaky(&points) => SeriesState::Flaky,
        [(_, false)] => SeriesState::First,
        [.., (_, false)] if failing == 1 => SeriesState::New,
        [.., (_, false)] => SeriesState::Active,
        [.., (_, false), (_, true)] => SeriesState::Fixed,
        [.., (_, true)] => SeriesState::Good,
    };
    Series { key, state, points, last_good, first_bad }
}

/// Whether the file of the last result both passed and failed, or passed only at a second attempt. Another file is
/// another image, and may well differ.
fn flaky(points: &[Point<'_>]) -> bool {
    let Some(last) = points.iter().rev().find(|point| result(point.outcome).is_some()) else { return false };
    let same = || points.iter().filter(|point| !last.sha256.is_empty() && point.sha256 == last.sha256);
    let some = |green: bool| same().any(|point| result(point.outcome) == Some(green));
    (some(true) && some(false)) || last.outcome == Outcome::Flaky || same().any(|point| point.outcome == Outcome::Flaky)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use muster_record::history::{HistoryImage, SCHEMA};

    /// A run a day of one test on one image: digest and outcome of each.
    pub(crate) fn history(days: &[(&str, Outcome)]) -> Vec<HistoryEntry> {
        let day = |(at, (sha256, outcome)): (usize, &(&str, Outcome))| HistoryEntry {
            schema: SCHEMA.into(),
            run: format!("run-{at}"),
            at: format!("2026-01-{:02}T00:00:00Z", at + 1),
            muster: "0".into(),
            accelerator: "tcg".into(),
            images: [(
                "nightly".to_owned(),
                HistoryImage {
                    sha256: (*sha256).to_owned(),
                    family: "azurelinux-4.0".into(),
                    shape: "x86_64 package uefi".into(),
                },
            )]
            .into(),
            tests: vec![HistoryTest {
                name: "base/boots".into(),
                image: "nightly".into(),
                outcome: *outcome,
                failure: (result(*outcome) == Some(false)).then(|| "boot.timeout".to_owned()),
            }],
        };
        days.iter().enumerate().map(day).collect()
    }

    #[test]
    fn every_shape_of_a_series_has_its_state() {
        use Outcome::{Error, Fail, Flaky, Known, NotRun, Pass, Skip};
        for (days, state, last_good, first_bad) in [
            (&[("a", Pass), ("b", Fail)][..], SeriesState::New, Some(0), Some(1)),
            (&[("a", Fail)], SeriesState::First, None, Some(0)),
            (&[("a", Skip), ("a", Error)], SeriesState::First, None, Some(1)),
            (&[("a", Fail), ("b", Skip), ("c", Fail)], SeriesState::Active, None, Some(0)),
            (&[("a", Pass), ("b", Fail), ("c", Error)], SeriesState::Active, Some(0), Some(1)),
            // What did not run is no result: the failure before it goes on.
            (&[("a", Pass), ("b", Fail), ("c", NotRun), ("d", Fail)], SeriesState::Active, Some(0), Some(1)),
            (&[("a", Fail), ("b", Pass)], SeriesState::Fixed, Some(1), None),
            (&[("a", Fail), ("b", Pass), ("c", Pass)], SeriesState::Good, Some(2), None),
            (&[("a", Pass), ("b", Skip)], SeriesState::Good, Some(0), None),
            (&[("a", Known), ("b", Skip)], SeriesState::Unknown, None, None),
            // The same file passed and failed; another file that fails is no flake.
            (&[("a", Pass), ("a", Fail)], SeriesState::Flaky, Some(0), Some(1)),
            (&[("a", Pass), ("a", Fail), ("b", Fail)], SeriesState::Active, Some(0), Some(1)),
            (&[("a", Flaky)], SeriesState::Flaky, Some(0), None),
            // Without a digest nobody knows whether it is the same file.
            (&[("", Pass), ("", Fail)], SeriesState::New, Some(0), Some(1)),
        ] {
            let history = history(days);
            let found = series(&history);
            assert_eq!(found.len(), 1);
            assert_eq!(
                (found[0].state, found[0].last_good, found[0].first_bad),
                (state, last_good, first_bad),
                "{days:?}"
            );
        }
    }

    #[test]
    fn a_file_with_a_new_name_each_night_is_one_series_and_two_images_of_a_run_are_two() {
        let mut nights = history(&[("a", Outcome::Pass), ("b", Outcome::Fail)]);
        let rename = |entry: &mut HistoryEntry, to: &str| {
            entry.images = [(to.to_owned(), entry.images["nightly"].clone())].into();
            entry.tests.iter_mut().for_each(|test| test.image = to.to_owned());
        };
        rename(&mut nights[1], "nightly-2");
        assert_eq!(series(&nights).iter().map(|one| one.points.len()).collect::<Vec<_>>(), [2]);
        // Now one run has two of the family.
        let image = nights[0].images["nightly"].clone();
        nights[0].images.insert("other".into(), image);
        let names: Vec<String> = series(&nights).into_iter().map(|one| one.key.image).collect();
        assert_eq!(names, ["nightly-2", "nightly"]);
    }
}
