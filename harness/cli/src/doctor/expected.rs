//! How long the shipped suites are expected to take on this host: what they took on one that is known, by how much slower
//! or faster this one is.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::error::CliError;
use crate::load::{self, Selection};
use crate::shard::Chosen;
use muster_engine::shard::Shard;
use muster_record::durations::Durations;
use muster_suite::select::TestIndex;

/// Of the shipped suites on `lab`, emulated, one machine at a time: what a run of them recorded.
const RECORDED: &str = include_str!("../../data/durations.json");

/// Seconds that the counted work of a first boot took on the host of that run, emulated, with nothing else running.
pub(super) const WORK_SECONDS: f64 = 1.0;

/// Numbers of shards for which it is said.
const SHARDS: [u32; 4] = [1, 2, 4, 8];

/// What the slowest of so many shards takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Expected {
    /// How many.
    pub(super) shards: u32,
    /// Seconds, with the boots, one machine at a time.
    pub(super) seconds: f64,
}

/// What the shipped suites take in several numbers of shards, on a host that takes `slower` times as long as the known one.
pub(super) fn expected(suites: Utf8PathBuf, slower: f64) -> Result<Vec<Expected>, CliError> {
    let (suites, wrong) = load::decode(&Selection { suites: vec![suites], ..Selection::default() })?;
    if !wrong.is_empty() {
        return Err(CliError::invalid("the shipped suites are not valid").hint("`muster check` says what is wrong"));
    }
    let all: BTreeSet<TestIndex> =
        suites.iter().enumerate().flat_map(|(at, suite)| TestIndex::all_of(at, &suite.tests)).collect();
    let recorded = Durations::parse(RECORDED)
        .map_err(|error| CliError::infrastructure(format!("the durations that muster carries: {error}")))?;
    let images = ["lab".to_owned()];
    let slowest = |of: u32| {
        let division = Chosen::new(Shard { number: 1, of }, recorded.clone()).division(&suites, &all, &images)?;
        Ok(Expected { shards: of, seconds: division.slowest() * slower })
    };
    SHARDS.into_iter().map(slowest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_shards_and_a_faster_host_take_less() {
        let suites = || Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../suites");
        let here = expected(suites(), 1.0).unwrap();
        assert!(here.windows(2).all(|pair| pair[0].seconds > pair[1].seconds), "{here:?}");
        assert!(here[0].seconds > 60.0, "{here:?}");
        let faster = expected(suites(), 0.25).unwrap();
        assert!((faster[0].seconds * 4.0 - here[0].seconds).abs() < 1e-6, "{faster:?}");
    }
}
