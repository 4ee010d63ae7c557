//! What is read in the guest.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::shell;

/// Something to read in the guest. It must not change the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Unique among the probes of one `expect:`; two types that need the same reading use the same
    /// key and script, and it is read once.
    pub key: String,
    /// POSIX sh.
    pub script: String,
    /// Unscaled limit.
    pub timeout: Duration,
}

impl Probe {
    /// A probe with an unscaled limit in seconds.
    pub fn new(key: impl Into<String>, seconds: u64, script: impl Into<String>) -> Self {
        Self { key: key.into(), script: script.into(), timeout: Duration::from_secs(seconds) }
    }

    /// A probe that runs one command for each name; see [`shell::batch`]. None without names.
    pub(crate) fn batch(key: &str, seconds: u64, names: &BTreeSet<&str>, command: &str) -> Option<Self> {
        (!names.is_empty()).then(|| Self::new(key, seconds, shell::batch(names.iter().copied(), command)))
    }

    /// The same, after a check that the program is there.
    pub(crate) fn batch_with(
        key: &str,
        seconds: u64,
        tool: &str,
        names: &BTreeSet<&str>,
        command: &str,
    ) -> Option<Self> {
        (!names.is_empty()).then(|| {
            Self::new(key, seconds, format!("{}{}", shell::need(tool), shell::batch(names.iter().copied(), command)))
        })
    }
}
