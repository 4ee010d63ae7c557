//! One run of several that together are one.

use serde::{Deserialize, Serialize};

/// Which of how many runs this one is, and of which division.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShardRecord {
    /// From 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
    /// How many tests all of them have, on all images, the machines' own not counted.
    pub tests: u32,
    /// SHA-256 of the division: the suites, and which test is in which shard; hex. Runs of one division have the same.
    pub plan: String,
}
