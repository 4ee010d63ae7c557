//! One run as several: which tests each of them has, so that all end at about the same time. Pure: whoever computes it from the same
//! suites, images and durations gets the same, on whatever host, and [`Division::digest`] shows it.
//!
//! What is divided are chains: tests that need each other stay together. Every image costs its template's boot once in each shard that has
//! tests of it, so tests of an image go into few shards. The machine's own test is in every shard of its image.

mod divide;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::plan::{self, Isolation, MachineSpec};
use muster_base::text::hex;
use muster_record::durations::Durations;
use muster_record::shard::{DIVISION, SUITES, ShardRecord, TESTS};
use muster_suite::model::Suite;
use muster_suite::select::TestIndex;

/// Seconds that a test is thought to take when no duration is known of any.
const UNKNOWN: f64 = 5.0;
/// Seconds that a boot is thought to take when none is known of any image.
const UNKNOWN_BOOT: f64 = 60.0;

/// Which of how many runs this one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// There are more shards than chains of tests: one would be empty, and a run without a test is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{of} shards are too many: the selected tests can be divided into {most} at most")]
pub struct TooMany {
    /// How many shards were wanted.
    pub of: u32,
    /// Chains of tests, on all images.
    pub most: usize,
}

/// All shards.
#[derive(Debug, Clone, PartialEq)]
pub struct Division {
    /// In order.
    pub parts: Vec<Part>,
    /// How many tests all of them have, on all images, the machines' own not counted.
    pub tests: u32,
    /// SHA-256 of everything that it was made of and came to, hex.
    pub digest: String,
    /// The same of each part: the suites, the tests, and which of them is in which shard.
    pub made_of: BTreeMap<String, String>,
}

impl Division {
    /// What the slowest of them is expected to take, in seconds.
    pub fn slowest(&self) -> f64 {
        self.parts.iter().map(|part| part.seconds).fold(0.0, f64::max)
    }
}

/// What one shard has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// Its tests by image; an image without any is not there.
    pub tests: BTreeMap<String, BTreeSet<TestIndex>>,
    /// What it is thought to take, in seconds, on one machine at a time.
    pub seconds: f64,
}

impl Division {
    /// One shard, for the record of its run.
    pub fn record(&self, shard: Shard) -> ShardRecord {
        let Self { tests, digest, made_of, .. } = self;
        ShardRecord {
            number: shard.number,
            of: shard.of,
            tests: *tests,
            plan: digest.clone(),
            made_of: made_of.clone(),
        }
    }
}

/// Tests that stay together, and what they cost.
struct Chain {
    image: usize,
    /// The machines whose boot they share; each of those that boot for themselves has its own.
    group: (MachineSpec, Isolation),
    tests: Vec<TestIndex>,
    milliseconds: u64,
}

/// Divides the selected tests, and what they need, on these images.
///
/// # Errors
/// There are fewer chains of tests than shards.
pub fn divide(
    suites: &[Arc<Suite>],
    selected: &BTreeSet<TestIndex>,
    images: &[String],
    durations: &Durations,
    of: u32,
) -> Result<Division, TooMany> {
    // The order in which images were typed is not to decide.
    let images: Vec<&String> = images.iter().collect::<BTreeSet<_>>().into_iter().collect();
    let boots = boots(&images, durations);
    let chains = chains(suites, selected, &images, durations, &boots);
    if chains.len() < of.max(1) as usize {
        return Err(TooMany { of, most: chains.len() });
    }
    let mut groups: BTreeMap<(usize, &(MachineSpec, Isolation)), usize> = BTreeMap::new();
    let mut setups = Vec::new();
    let mut loads = Vec::new();
    for chain in &chains {
        let group = *groups.entry((chain.image, &chain.group)).or_insert_with(|| {
            setups.push(if chain.group.1 == Isolation::Fresh { 0 } else { boots[chain.image] });
            setups.len() - 1
        });
        loads.push(divide::Load { image: chain.image, group, cost: chain.milliseconds });
    }
    let shares = divide::divide(&loads, &setups, of.max(1) as usize);
    let part = |share: &Vec<usize>| {
        let mut part = Part { seconds: divide::weight(&loads, &setups, share) as f64 / 1000.0, ..Part::default() };
        for chain in share.iter().map(|at| &chains[*at]) {
            part.tests.entry(images[chain.image].clone()).or_default().extend(&chain.tests);
        }
        part
    };
    let parts: Vec<Part> = shares.iter().map(part).collect();
    let tests = chains.iter().map(|chain| chain.tests.len()).sum::<usize>();
    let (digest, made_of) = digests(suites, &parts);
    Ok(Division { parts, tests: u32::try_from(tests).unwrap_or(u32::MAX), digest, made_of })
}

/// What a boot of each image takes, in milliseconds: as recorded, else the median of those that are.
fn boots(images: &[&String], durations: &Durations) -> Vec<u64> {
    let known: Vec<Option<f64>> = images.iter().map(|image| durations.longest_boot(image)).collect();
    let usual = median(known.iter().flatten().copied()).unwrap_or(UNKNOWN_BOOT);
    known.into_iter().map(|boot| milliseconds(boot.unwrap_or(usual))).collect()
}

fn chains(
    suites: &[Arc<Suite>],
    selected: &BTreeSet<TestIndex>,
    images: &[&String],
    durations: &Durations,
    boots: &[u64],
) -> Vec<Chain> {
    let of_suites: Vec<(usize, Vec<plan::NeedsChain>)> =
        suites.iter().enumerate().map(|(at, suite)| (at, plan::needs_chains(suite, at, selected))).collect();
    let took = |image: &str, index: &TestIndex| {
        let suite = &suites[index.suite];
        durations.test(image, &suite.name, &suite.tests[index.test].id)
    };
    let all = || of_suites.iter().flat_map(|(at, chains)| chains.iter().map(move |chain| (at, chain)));
    let indices = || all().flat_map(|(at, chain)| chain.tests.iter().map(|test| TestIndex { suite: *at, test: *test }));
    let known = images.iter().flat_map(|image| indices().filter_map(move |index| took(image, &index)));
    let usual = median(known).unwrap_or(UNKNOWN);
    let mut out = Vec::new();
    for (number, image) in images.iter().enumerate() {
        for (at, chain) in all() {
            let tests: Vec<TestIndex> = chain.tests.iter().map(|test| TestIndex { suite: *at, test: *test }).collect();
            let seconds: f64 = tests.iter().map(|index| took(image, index).unwrap_or(usual)).sum();
            let own_boot = if chain.isolation == Isolation::Fresh { boots[number] } else { 0 };
            // All others begin with one boot: the machine at which was only looked becomes the template.
            let isolation = match chain.isolation {
                Isolation::Fresh => Isolation::Fresh,
                Isolation::Booted | Isolation::Shared | Isolation::Clone => Isolation::Shared,
            };
            out.push(Chain {
                image: number,
                group: (chain.machine_spec.clone(), isolation),
                tests,
                milliseconds: milliseconds(seconds).saturating_add(own_boot),
            });
        }
    }
    out
}

/// At least one, so that a test always counts.
fn milliseconds(seconds: f64) -> u64 {
    // Not a number becomes one.
    ((seconds * 1000.0).round() as u64).clamp(1, u64::MAX >> 32)
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The digest of a division, and that of each of its parts.
fn digests(suites: &[Arc<Suite>], parts: &[Part]) -> (String, BTreeMap<String, String>) {
    let (mut of_suites, mut of_division) = (String::new(), String::new());
    let mut of_tests = BTreeSet::new();
    let used: BTreeSet<usize> =
        parts.iter().flat_map(|part| part.tests.values().flatten()).map(|index| index.suite).collect();
    for suite in used.iter().map(|at| &suites[*at]) {
        of_suites.push_str(&format!("suite {} {}\n", suite.name, suite.digest));
    }
    for (number, part) in parts.iter().enumerate() {
        for (image, tests) in &part.tests {
            for index in tests {
                let suite = &suites[index.suite];
                let test = format!("{image} {}/{}\n", suite.name, suite.tests[index.test].id);
                of_division.push_str(&format!("{} {test}", number + 1));
                of_tests.insert(test);
            }
        }
    }
    let of = |text: &str| hex(Sha256::digest(text.as_bytes()));
    let tests: String = of_tests.into_iter().collect();
    let made_of = [(SUITES, &of_suites), (TESTS, &tests), (DIVISION, &of_division)];
    let made_of = made_of.map(|(part, text)| (part.to_owned(), of(text))).into();
    (of(&format!("shards/v1 {}\n{of_suites}{of_division}", parts.len())), made_of)
}

#[cfg(test)]
mod numbers;
#[cfg(test)]
mod tests;
