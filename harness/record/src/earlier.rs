//! What a record says of the runs that its run goes on with. Who has only this record must know of a result that was kept, and of one
//! that was replaced, whether it counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::outcome::Outcome;
use muster_base::failure::Failure;

/// A run that another one goes on with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EarlierRun {
    /// Its id.
    pub id: String,
    /// Its directory or archive, as it was named.
    pub directory: String,
    /// The file that was read: `run.json`, or `events.jsonl` of a run that did not end.
    pub file: String,
    /// SHA-256 of that file, hex.
    pub sha256: String,
    /// How it found its results, for whoever reads those of them that are kept; absent in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub found: Option<FoundHow>,
}

/// How a run found its results: what decides whether they count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FoundHow {
    /// Version of muster.
    pub muster: String,
    /// When it began, RFC 3339, UTC.
    pub started: String,
    /// `kvm`, `tcg`, or empty where it is not known.
    pub accelerator: String,
    /// Whether it accepted whatever its snapshots were.
    pub accepts_snapshots: bool,
    /// What its images were, by id.
    pub images: BTreeMap<String, FoundOn>,
}

/// What an image of a run was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FoundOn {
    /// SHA-256 of its file, hex; empty where it is not known.
    pub sha256: String,
    /// Architecture of its guests; absent when it never booted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub arch: Option<String>,
    /// Their firmware.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub firmware: Option<String>,
}

/// How a test ended in an earlier run that this one goes on with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EarlierOutcome {
    /// The run's id.
    pub run: String,
    /// How it ended there.
    pub outcome: Outcome,
    /// What went wrong there, or why it did not run; without details, which that run has.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
    /// SHA-256 of its suite there, hex: of another suite it says nothing of this test. Absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub suite: Option<String>,
    /// SHA-256 of the image's file there, hex. Absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image: Option<String>,
}
