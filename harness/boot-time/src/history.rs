//! Many measurements of one image's builds, in the order of their time, and the first after each change.

use muster_base::exit::Exit;
use muster_base::text::{one_line, plural};
use muster_stats::change_points::{ChangePoint, FoundBy, LEAST_BUILDS, Options, Series as Values, detect};
use serde_json::json;

use crate::baseline::words;
use crate::by::By;
use crate::formats::fault::FormatError;
use crate::pictures::history::{Build, Change, History as Picture};
use crate::sample::Measured;
use crate::verdict::{DecideError, comparable, median};

/// Schema of [`History::json`].
pub const SCHEMA: &str = "boot-history/v1";

/// Characters of a build's label.
const LABEL: usize = 60;

/// A series of builds.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    by: By,
    floor: f64,
    builds: Vec<Measured>,
    /// The median of each build.
    medians: Vec<u64>,
    changes: Vec<ChangePoint>,
    /// Builds of which no boot could be used; they are in no figure.
    unusable: Vec<String>,
}

/// What a history came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryVerdict {
    /// At least one change was found.
    Changed,
    /// None was found, in builds enough to find one in.
    NoChange,
    /// None was found, and so few builds can hide one.
    NotEnoughBuilds {
        /// How many can show a change that came with the newest build.
        needed: usize,
    },
}

impl HistoryVerdict {
    /// As it is written for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::NoChange => "no-change",
            Self::NotEnoughBuilds { .. } => "not-enough-builds",
        }
    }

    /// How a command ends that shows it. A change is no failure: an old one stays in the history for ever. Too few builds
    /// are an error, as too few boots are for a comparison.
    pub fn exit(self) -> Exit {
        match self {
            Self::Changed | Self::NoChange => Exit::Pass,
            Self::NotEnoughBuilds { .. } => Exit::Error,
        }
    }
}

/// Why there is no history.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HistoryError {
    /// Two of the measurements cannot be compared.
    #[error("{label} cannot be compared with the measurements before it: {why}")]
    Apart {
        /// The measurement.
        label: String,
        /// What differs.
        why: DecideError,
    },
    /// Nothing is left.
    #[error("no boot of any of the {0} measurements can be used")]
    Nothing(usize),
    /// The statistics refuse the numbers.
    #[error("{0}")]
    Numbers(String),
}

impl muster_base::fault::Fault for HistoryError {
    fn exit(&self) -> Exit {
        match self {
            Self::Apart { .. } => Exit::Invalid,
            Self::Nothing(_) | Self::Numbers(_) => Exit::Error,
        }
    }

    fn hint(&self) -> Option<std::borrow::Cow<'static, str>> {
        match self {
            Self::Apart { .. } => {
                Some("give measurements of one kind of machine, accelerator and QEMU at a time".into())
            }
            Self::Nothing(_) | Self::Numbers(_) => None,
        }
    }
}

fn label(measured: &Measured) -> String {
    let digest: String = measured.image_sha256.chars().take(8).collect();
    one_line(&format!("{} {digest}", measured.at), LABEL)
}

impl History {
    /// Of measurements in any order. The images differ, everything else that they were measured on must not.
    pub fn of(mut measured: Vec<Measured>, by: By, floor: f64) -> Result<Self, HistoryError> {
        let numbers = |error: &dyn std::fmt::Display| HistoryError::Numbers(error.to_string());
        measured.sort_by(|one, other| one.at.cmp(&other.at));
        let given = measured.len();
        let (mut builds, mut medians, mut unusable) = (Vec::<Measured>::new(), Vec::new(), Vec::new());
        for measured in measured {
            if let Some(first) = builds.first() {
                comparable(&first.series, &measured.series, by)
                    .map_err(|why| HistoryError::Apart { label: label(&measured), why })?;
            }
            match median(&measured, by, |sample| sample.total) {
                Some(value) => {
                    medians.push(value);
                    builds.push(measured);
                }
                None => unusable.push(label(&measured)),
            }
        }
        if builds.is_empty() {
            return Err(HistoryError::Nothing(given));
        }
        let values: Vec<f64> = medians.iter().map(|value| *value as f64).collect();
        let values = Values::new(values).map_err(|error| numbers(&error))?;
        let options = Options::default().with_floor(floor).map_err(|error| numbers(&error))?;
        let changes = detect(&values, &options);
        Ok(Self { by, floor, builds, medians, changes, unusable })
    }

    /// What it came to. A change that was found counts however few the builds are.
    pub fn verdict(&self) -> HistoryVerdict {
        match (self.changes.is_empty(), self.builds.len()) {
            (false, _) => HistoryVerdict::Changed,
            (true, builds) if builds < LEAST_BUILDS => HistoryVerdict::NotEnoughBuilds { needed: LEAST_BUILDS },
            (true, _) => HistoryVerdict::NoChange,
        }
    }

    /// One screen.
    pub fn text(&self) -> String {
        let Self { by, builds, medians, changes, .. } = self;
        let mut text = format!(
            "{} build{}, by {}: {}\n",
            builds.len(),
            plural(builds.len()),
            by.name(),
            builds.last().map(|build| words(&build.series)).unwrap_or_default()
        );
        for label in &self.unusable {
            text.push_str(&format!("left out, since no boot of it can be used: {label}\n"));
        }
        match self.verdict() {
            HistoryVerdict::Changed => {}
            HistoryVerdict::NoChange => {
                text.push_str(&format!("no change of at least {} % was found\n", self.floor * 100.0));
            }
            HistoryVerdict::NotEnoughBuilds { needed } => text.push_str(&format!(
                "NOT ENOUGH BUILDS: here {}, and {needed} are needed to say that nothing changed; two builds are compared by \
                 `muster boot-time NEW --baseline OLD`\n",
                if builds.len() == 1 { "is 1".to_owned() } else { format!("are {}", builds.len()) },
            )),
        }
        for change in changes {
            let what = if change.after >= change.before { "SLOWER" } else { "FASTER" };
            let percent = change.ratio.map_or("?".to_owned(), |ratio| format!("{:+.2} %", (ratio - 1.0) * 100.0));
            let certain = match change.found_by {
                FoundBy::Windows | FoundBy::Permutations => "",
                FoundBy::Newest => "; the next builds confirm it or not",
            };
            text.push_str(&format!(
                "{what} from {} on: {} -> {} ({percent}, p = {:.5}{certain})\n",
                label(&builds[change.index]),
                by.short(change.before.round() as u64),
                by.short(change.after.round() as u64),
                change.p
            ));
        }
        text.push('\n');
        for (index, (build, median)) in builds.iter().zip(medians).enumerate() {
            let mark = if changes.iter().any(|change| change.index == index) { "  <- changed" } else { "" };
            let boots = build.conclusive().count();
            text.push_str(&format!("  {:<32} {:>9}  {boots} boots{mark}\n", label(build), by.short(*median)));
        }
        text
    }

    /// The same for programs.
    pub fn json(&self) -> Result<String, FormatError> {
        let builds: Vec<_> = self
            .builds
            .iter()
            .zip(&self.medians)
            .map(|(build, median)| json!({"at": build.at, "image-sha256": build.image_sha256, "median": median, "boots": build.conclusive().count()}))
            .collect();
        let changes: Vec<_> = self
            .changes
            .iter()
            .map(|change| {
                let found_by = match change.found_by {
                    FoundBy::Windows => "windows",
                    FoundBy::Permutations => "permutations",
                    FoundBy::Newest => "newest",
                };
                json!({"index": change.index, "before": change.before, "after": change.after, "ratio": change.ratio, "p": change.p, "found-by": found_by})
            })
            .collect();
        let value = json!({
            "schema": SCHEMA, "verdict": self.verdict().name(), "builds-needed": LEAST_BUILDS,
            "by": self.by.name(), "floor": self.floor, "builds": builds, "changes": changes, "left-out": self.unusable,
        });
        let text = serde_json::to_string_pretty(&value)
            .map_err(|error| FormatError::Value { at: "history".to_owned(), why: error.to_string() })?;
        Ok(text + "\n")
    }

    /// A picture of it.
    pub fn svg(&self) -> String {
        let total = |build: &Measured| {
            build.conclusive().filter_map(|sample| self.by.of(sample.total.as_ref()?)).collect::<Vec<u64>>()
        };
        let builds: Vec<Build> = self
            .builds
            .iter()
            .zip(&self.medians)
            .map(|(build, median)| Build { label: label(build), median: *median, samples: total(build) })
            .collect();
        let changes: Vec<Change> = self
            .changes
            .iter()
            .filter_map(|change| Some(Change { index: change.index, ratio: change.ratio? }))
            .collect();
        let name = self.builds.last().map(|build| build.series.image.as_str()).unwrap_or_default();
        Picture { id: "history", by: self.by, name, builds: &builds, changes: &changes }.svg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::series;

    fn history(builds: u32, step: u32, factor: f64) -> History {
        History::of(series(7, builds, 5, step, factor), By::Instructions, 0.01).unwrap()
    }

    #[test]
    fn too_few_builds_are_never_no_change() {
        let least = u32::try_from(LEAST_BUILDS).unwrap();
        for builds in 1..=least + 2 {
            let flat = history(builds, builds, 1.0);
            let expected = match builds < least {
                true => HistoryVerdict::NotEnoughBuilds { needed: LEAST_BUILDS },
                false => HistoryVerdict::NoChange,
            };
            assert_eq!(flat.verdict(), expected, "{builds}");
            assert_eq!(flat.text().contains("no change of at least 1 % was found"), builds >= least, "{}", flat.text());
            assert_eq!(flat.verdict().exit(), if builds < least { Exit::Error } else { Exit::Pass });
            let json: serde_json::Value = serde_json::from_str(&flat.json().unwrap()).unwrap();
            assert_eq!(
                (json["verdict"].as_str(), json["builds-needed"].as_u64()),
                (Some(expected.name()), Some(least.into()))
            );
        }
        // The newest of two builds takes twice as long.
        let twice = history(2, 1, 2.0);
        assert!(twice.text().contains("NOT ENOUGH BUILDS: ") && twice.text().contains("here are 2, and 11 are needed"));
        assert!(history(1, 1, 1.0).text().contains("here is 1, and 11"));
    }

    #[test]
    fn a_change_that_came_with_the_newest_build_is_found_in_as_many_as_are_needed() {
        let least = u32::try_from(LEAST_BUILDS).unwrap();
        assert_eq!(history(least, least - 1, 1.05).verdict(), HistoryVerdict::Changed);
        // One that few builds show is found all the same.
        assert_eq!(history(8, 4, 2.0).verdict(), HistoryVerdict::Changed);
    }
}
