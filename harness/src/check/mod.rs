//! The check room: what a suite expects becomes probes for the guest, and what the guest answered
//! becomes verdicts. Pure: it never sees a machine or a connection. `run` calls it.
//!
//! A new check type is one file here with its [`Check`], and one line in [`registry`].

use std::collections::BTreeMap;
use std::time::Duration;

use crate::guest::Reply;
use crate::guest::facts::Facts;
use crate::suite::model::Expectation;
use crate::suite::table::CheckTable;

/// A check type: what can be asked, what must be read to answer, and the answer.
pub trait Check: Sync {
    /// The attribute table.
    fn table(&self) -> &'static CheckTable;

    /// What must be read in the guest to judge all of these expectations, in as few probes as can be.
    fn probes(&self, asked: &[&Expectation], facts: &Facts) -> Vec<Probe>;

    /// One verdict for each assertion of the expectation, in order.
    fn judge(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict>;
}

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

/// Answers to probes, by key.
#[derive(Debug, Clone, Default)]
pub struct Observations(pub BTreeMap<String, Reply>);

/// The answer to one assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Met,
    /// Not as expected.
    Missed {
        /// What was asked, in the suite's own words: `version >= 1:1.26`.
        expected: String,
        /// What was seen: `1:1.20-3`.
        actual: String,
        /// Longer evidence, or empty.
        detail: String,
    },
    /// Could not be answered; never the same as "absent".
    Unknown {
        /// What could not be read and why.
        why: String,
    },
}
