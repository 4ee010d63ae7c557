//! One row a thing that was measured, over all boots that count: what every format that summarises is made of.

use std::collections::{BTreeMap, HashSet};

use crate::formats::fault::FormatError;
use crate::formats::names::label;
use crate::sample::{Cost, Measured, PhaseName, Sample};

/// Boots from which on a 95th percentile says more than the greatest value does.
pub const FOR_P95: usize = 20;

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// QEMU's start to the end of the boot.
    Total,
    /// A phase.
    Phase(PhaseName),
    /// QEMU's start to a moment, by the moment's [`label`].
    Mark(String),
    /// The activation of a unit, by its [`label`].
    Unit(String),
}

/// What one thing took in each boot that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Which thing.
    pub what: What,
    /// Microseconds, in the order of the boots. Never empty.
    pub micros: Vec<u64>,
    /// Instructions, of the same boots; empty unless all of them counted.
    pub instructions: Vec<u64>,
}

/// Everything that was measured, as rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Total, phases in the order of a boot, marks in their order, units by name.
    pub rows: Vec<Figure>,
    /// Boots that count.
    pub boots: usize,
    /// Of these, boots in which other phases were seen than in most; their phases are in no row, since `firmware` without a loader is
    /// not `firmware` with one.
    pub other_phases: usize,
}

impl Figures {
    /// Rows of the boots that count. An error when none does.
    pub fn of(measured: &Measured) -> Result<Self, FormatError> {
        let samples: Vec<&Sample> = measured.conclusive().collect();
        let Some(first) = measured.samples.first() else { return Err(FormatError::Nothing) };
        if samples.is_empty() {
            let why = first.inconclusive.as_deref().unwrap_or("its end was not seen");
            return Err(FormatError::NoneCounts { samples: measured.samples.len(), why: label(why) });
        }
        let usual = usual_phases(&samples);
        let mut rows: Vec<(What, Vec<Cost>)> = Vec::new();
        let mut places: BTreeMap<What, usize> = BTreeMap::new();
        let mut other_phases = 0;
        for sample in &samples {
            // Two names may have one label, and a unit may start twice: the first counts.
            let mut seen = HashSet::new();
            let mut add = |what: What, cost: Cost| {
                if !seen.insert(what.clone()) {
                    return;
                }
                let place = *places.entry(what.clone()).or_insert_with(|| {
                    rows.push((what, Vec::new()));
                    rows.len() - 1
                });
                rows[place].1.push(cost);
            };
            if let Some(total) = sample.total {
                add(What::Total, total);
            }
            if phases(sample) == usual {
                sample.phases.iter().for_each(|phase| add(What::Phase(phase.name), phase.cost));
            } else {
                other_phases += 1;
            }
            for mark in &sample.marks {
                add(What::Mark(label(&mark.name)), Cost { micros: mark.at, instructions: mark.instructions });
            }
            sample.units.iter().for_each(|unit| add(What::Unit(label(&unit.name)), unit.cost));
        }
        let place = |what: &What| match what {
            What::Total => (0, String::new()),
            What::Phase(phase) => (1, (*phase as u8).to_string()),
            What::Mark(_) => (2, String::new()),
            What::Unit(name) => (3, name.clone()),
        };
        rows.sort_by_key(|(what, _)| place(what));
        Ok(Self {
            rows: rows.into_iter().map(|(what, costs)| figure(what, &costs)).collect(),
            boots: samples.len(),
            other_phases,
        })
    }

    /// Total, phases and marks: what each boot of a series has.
    pub fn of_boots(&self) -> impl Iterator<Item = &Figure> {
        self.rows.iter().filter(|row| !matches!(row.what, What::Unit(_)))
    }

    /// At most `count` units, those with the greatest median first.
    pub fn slowest_units(&self, count: usize) -> Vec<&Figure> {
        let mut units: Vec<&Figure> = self.rows.iter().filter(|row| matches!(row.what, What::Unit(_))).collect();
        units.sort_by_key(|row| std::cmp::Reverse(median(&row.micros)));
        units.truncate(count);
        units
    }
}

fn figure(what: What, costs: &[Cost]) -> Figure {
    let instructions: Option<Vec<u64>> = costs.iter().map(|cost| cost.instructions).collect();
    Figure {
        what,
        micros: costs.iter().map(|cost| cost.micros).collect(),
        instructions: instructions.unwrap_or_default(),
    }
}

fn phases(sample: &Sample) -> Vec<PhaseName> {
    sample.phases.iter().map(|phase| phase.name).collect()
}

/// The phases of most boots; of as many, the longer list.
fn usual_phases(samples: &[&Sample]) -> Vec<PhaseName> {
    let mut counts: BTreeMap<Vec<PhaseName>, usize> = BTreeMap::new();
    for sample in samples {
        *counts.entry(phases(sample)).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(phases, count)| (*count, phases.len()))
        .map(|(phases, _)| phases)
        .unwrap_or_default()
}

/// The middle value; of an even number, the mean of the two in the middle, rounded down. 0 of none.
pub fn median(values: &[u64]) -> u64 {
    crate::median::median(values.to_vec()).unwrap_or(0)
}

/// The 95th percentile as a value that was measured (nearest rank); none of fewer than [`FOR_P95`], where it would be the maximum.
pub fn p95(values: &[u64]) -> Option<u64> {
    if values.len() < FOR_P95 {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get((values.len() * 95).div_ceil(100) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn middle_and_percentile_are_those_of_the_sorted_values() {
        assert_eq!(median(&[5, 1, 9]), 5);
        assert_eq!(median(&[5, 1, 9, 8]), 6);
        assert_eq!(median(&[u64::MAX, u64::MAX]), u64::MAX);
        let values: Vec<u64> = (1..=20).rev().collect();
        assert_eq!(p95(&values), Some(19));
        assert_eq!(p95(&values[1..]), None);
    }

    #[test]
    fn a_boot_that_does_not_count_is_in_no_row() {
        let mut measured = testing::measured(1, 4);
        measured.samples[0].inconclusive = Some("the host was busy".into());
        measured.samples[1].total = None;
        let figures = Figures::of(&measured).unwrap();
        assert_eq!(figures.boots, 2);
        assert!(figures.rows.iter().all(|row| row.micros.len() == 2));
        measured.samples.truncate(2);
        let error = Figures::of(&measured).unwrap_err();
        assert_eq!(error.to_string(), "none of the 2 boots counts: the host was busy");
        measured.samples.clear();
        assert_eq!(Figures::of(&measured), Err(FormatError::Nothing));
    }

    #[test]
    fn phases_of_another_shape_are_not_mixed() {
        let mut measured = testing::measured(1, 5);
        // Its loader was not seen, so that its firmware reaches to the kernel.
        let phases = &mut measured.samples[2].phases;
        let loader = phases.remove(1);
        phases[0].cost.micros += loader.cost.micros;
        let figures = Figures::of(&measured).unwrap();
        assert_eq!(figures.other_phases, 1);
        let row = |what| figures.rows.iter().find(|row| row.what == what).unwrap();
        assert_eq!(row(What::Phase(PhaseName::Firmware)).micros.len(), 4);
        assert_eq!(row(What::Phase(PhaseName::Loader)).micros.len(), 4);
        assert_eq!(row(What::Total).micros.len(), 5);
    }

    #[test]
    fn instructions_of_some_boots_are_those_of_none() {
        let mut measured = testing::measured(1, 3);
        assert_eq!(Figures::of(&measured).unwrap().rows[0].instructions.len(), 3);
        measured.samples[1].total.as_mut().unwrap().instructions = None;
        assert!(Figures::of(&measured).unwrap().rows[0].instructions.is_empty());
    }
}
