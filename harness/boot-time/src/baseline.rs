//! Baselines: a file in the tree of whoever gates an image, with the boots of each image and machine that it was measured on.

use std::collections::BTreeSet;

use muster_base::exit::Exit;
use serde::{Deserialize, Serialize};

use crate::formats::json;
use crate::sample::{Measured, Population, Series};

/// Schema of [`Baselines`].
pub const SCHEMA: &str = "boot-baselines/v1";

/// The series of a baseline file, each with all its samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Baselines {
    /// [`SCHEMA`].
    schema: String,
    /// By series; no two have the same.
    series: Vec<Measured>,
}

/// Why a file is no baseline, or has none for a series.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BaselineError {
    /// The text cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Another kind of file, or one of a later muster.
    #[error("its schema is `{found}`, not `{SCHEMA}`")]
    Foreign {
        /// What it says, escaped and bounded.
        found: String,
    },
    /// Two entries for one series.
    #[error("it has two entries for {0}")]
    Twice(String),
    /// No entry for the series.
    #[error("it has no entry for {wanted}{}", nearest(near))]
    Missing {
        /// The series in words.
        wanted: String,
        /// What the nearest entry has instead.
        near: Option<String>,
    },
}

fn nearest(near: &Option<String>) -> String {
    near.as_ref().map(|near| format!("; the nearest is {near}")).unwrap_or_default()
}

impl muster_base::fault::Fault for BaselineError {
    fn exit(&self) -> Exit {
        match self {
            // What was typed is a baseline; that this machine is not in it cannot be decided away.
            Self::Missing { .. } => Exit::Error,
            Self::Unreadable(_) | Self::Foreign { .. } | Self::Twice(_) => Exit::Invalid,
        }
    }

    fn hint(&self) -> Option<std::borrow::Cow<'static, str>> {
        Some(match self {
            Self::Missing { .. } => "measure it here and keep it: --write-baseline FILE".into(),
            Self::Unreadable(_) | Self::Foreign { .. } | Self::Twice(_) => {
                "give a file that --write-baseline wrote, or write it again".into()
            }
        })
    }
}

/// A series in words.
pub fn words(series: &Series) -> String {
    let Series { image, accelerator, machine, qemu, host, boots } = series;
    let boots = boots.name();
    muster_base::text::one_line(
        &format!("{boots} boots of {image} ({accelerator}, {machine}, QEMU {qemu}, {host})"),
        400,
    )
}

impl Default for Baselines {
    fn default() -> Self {
        Self { schema: SCHEMA.to_owned(), series: Vec::new() }
    }
}

impl Baselines {
    /// Reads a file's text.
    pub fn read(text: &str) -> Result<Self, BaselineError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            BaselineError::Unreadable(muster_base::text::one_line(&error.to_string(), 300))
        };
        if text.len() > json::MAX_BYTES {
            return Err(unreadable(&format!("it has {} bytes; at most {} are read", text.len(), json::MAX_BYTES)));
        }
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        let schema = value.get("schema").and_then(|schema| schema.as_str()).unwrap_or("none");
        if schema != SCHEMA {
            return Err(BaselineError::Foreign { found: muster_base::text::one_line(schema, 60) });
        }
        let entries = value.get("series").and_then(|series| series.as_array()).cloned().unwrap_or_default();
        let mut baselines = Self::default();
        for entry in entries {
            let measured = json::read(&entry.to_string()).map_err(|error| unreadable(&error))?;
            if baselines.series.iter().any(|known| known.series == measured.series) {
                return Err(BaselineError::Twice(words(&measured.series)));
            }
            baselines.series.push(measured);
        }
        Ok(baselines)
    }

    /// The file's text.
    pub fn render(&self) -> Result<String, BaselineError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| BaselineError::Unreadable(error.to_string()))?;
        Ok(text + "\n")
    }

    /// Puts a series in the place of an earlier one with the same key.
    pub fn put(&mut self, measured: Measured) {
        self.series.retain(|known| known.series != measured.series);
        self.series.push(measured);
        self.series.sort_by(|one, other| one.series.cmp(&other.series));
    }

    /// The images of which it has such boots, sorted, each once.
    pub fn images(&self, boots: Population) -> BTreeSet<&str> {
        let such = self.series.iter().filter(|measured| measured.series.boots == boots);
        such.map(|measured| measured.series.image.as_str()).collect()
    }

    /// The series to compare with: the one of this key; `any_host` where the host's processor makes no difference.
    pub fn find(&self, wanted: &Series, any_host: bool) -> Result<&Measured, BaselineError> {
        let differences = |known: &Measured| {
            let Series { image, accelerator, machine, qemu, host, boots } = &known.series;
            let parts = [
                image != &wanted.image,
                accelerator != &wanted.accelerator,
                machine != &wanted.machine,
                qemu != &wanted.qemu,
                boots != &wanted.boots,
                host != &wanted.host && !any_host,
            ];
            parts.into_iter().filter(|differs| *differs).count()
        };
        // Of two that differ only in the host, the one of this host.
        let nearest = self.series.iter().min_by_key(|known| (differences(known), known.series.host != wanted.host));
        match nearest {
            Some(known) if differences(known) == 0 => Ok(known),
            other => {
                Err(BaselineError::Missing { wanted: words(wanted), near: other.map(|known| words(&known.series)) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::measured;

    #[test]
    fn an_entry_is_found_again_and_replaced_by_its_key() {
        let mut baselines = Baselines::default();
        baselines.put(measured(1, 5));
        baselines.put(measured(2, 7));
        let text = baselines.render().unwrap();
        let read = Baselines::read(&text).unwrap();
        assert_eq!(read, baselines);
        let wanted = measured(3, 1).series;
        assert_eq!(read.find(&wanted, false).unwrap().samples.len(), 7, "the later one took the place");
        assert_eq!(read.images(Population::Later), BTreeSet::from([wanted.image.as_str()]));
        assert!(read.images(Population::First).is_empty());
        let elsewhere = Series { host: "another".into(), ..wanted.clone() };
        assert!(read.find(&elsewhere, true).is_ok());
        let error = read.find(&elsewhere, false).unwrap_err().to_string();
        assert!(
            error.contains("no entry for later boots of") && error.contains("; the nearest is later boots of"),
            "{error}"
        );
        let other = Series { accelerator: "kvm".into(), ..wanted };
        assert!(read.find(&other, true).is_err(), "another accelerator's baseline is refused");
    }

    #[test]
    fn what_is_no_baseline_is_refused_with_a_reason() {
        let whole = {
            let mut baselines = Baselines::default();
            baselines.put(measured(1, 2));
            baselines.render().unwrap()
        };
        for (text, reason) in [
            ("", "it cannot be read"),
            ("{}", "its schema is `none`"),
            (&whole[..whole.len() / 2], "it cannot be read"),
            (&whole.replace(SCHEMA, "boot-baselines/v2"), "its schema is `boot-baselines/v2`"),
            (&whole.replace("\"samples\": [", "\"samples\": [NaN, "), "it cannot be read"),
        ] {
            let error = Baselines::read(text).unwrap_err().to_string();
            assert!(error.starts_with(reason), "{error}");
        }
        let mut twice: serde_json::Value = serde_json::from_str(&whole).unwrap();
        let entry = twice["series"][0].clone();
        twice["series"].as_array_mut().unwrap().push(entry);
        assert!(Baselines::read(&twice.to_string()).unwrap_err().to_string().starts_with("it has two entries for"));
    }
}
