//! What a console says of its machine, as a driver reports it.

use serde::{Deserialize, Serialize};

/// Something the console judge found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ConsoleHit {
    /// `kernel-panic`, `oops`, …: the second half of the failure id.
    pub category: String,
    /// How bad it is.
    pub weight: Weight,
    /// The line, harmless.
    pub line: String,
    /// 1-based line of console.log.
    pub line_number: u64,
    /// Lines around it, harmless and bounded.
    pub excerpt: String,
}

/// How bad a console finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The machine is lost.
    Fatal,
    /// The test fails.
    Fail,
    /// It is only reported.
    Info,
}
