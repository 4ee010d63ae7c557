//! The list of the files of an archive.

use serde::{Deserialize, Serialize};

/// The manifest's name in an archive.
pub const MANIFEST: &str = "manifest.json";
/// The schema of the manifest.
pub const SCHEMA: &str = "archive/v1";
/// The JSON Schema of the manifest.
pub const MANIFEST_SCHEMA: &str = include_str!("../../../../reports/schema/archive-v1.json");

/// `manifest.json`, the last file of an archive (schema `archive/v1`, in `reports/schema/archive-v1.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Manifest {
    /// `archive/v1`.
    pub schema: String,
    /// The run's id.
    pub run: String,
    /// All others, by name.
    pub files: Vec<Listed>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Listed {
    /// Relative, with `/`.
    pub name: String,
    /// In bytes.
    pub bytes: u64,
    /// Of its bytes, hex.
    pub sha256: String,
}
