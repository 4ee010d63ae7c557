//! Whether the boots of one image take longer than those of another, and which unit did it.

use std::collections::BTreeSet;

use muster_stats::calibration::{Calibration, Fitness, LIMIT, fitness};
use muster_stats::compare::{Comparison, Rule, compare};
use muster_stats::samples::Samples;

use crate::by::By;
use crate::median;
use crate::sample::{Cost, Measured, PhaseName, Sample, Series};

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BootVerdict {
    /// The candidate takes more.
    Regression,
    /// It takes less.
    Improvement,
    /// The candidate's median is larger by what counts, and the boots vary too much to say that it is no chance.
    Undecided,
    /// No difference that counts was found.
    NoChange,
    /// So few boots can show nothing; so many on each side can.
    NotEnoughSamples {
        /// Boots a side.
        needed: usize,
    },
    /// The host itself became slower or faster meanwhile, by this fraction: times say nothing.
    HostUnfit {
        /// The slowest fixed work divided by the fastest, less 1.
        moved: f64,
    },
}

impl BootVerdict {
    /// As it is written for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Improvement => "improvement",
            Self::Undecided => "undecided",
            Self::NoChange => "no-change",
            Self::NotEnoughSamples { .. } => "not-enough-samples",
            Self::HostUnfit { .. } => "host-unfit",
        }
    }
}

/// A comparison of two series.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What it came to.
    pub verdict: BootVerdict,
    /// What was compared.
    pub by: By,
    /// What a difference must be to count.
    pub rule: Rule,
    /// The statistics of the totals.
    pub comparison: Comparison,
    /// How far the host moved, where its speed was measured; of both sides together.
    pub moved: Option<f64>,
    /// Units by how much more they take on the critical chain, the one that grew most first; of an improvement the one that shrank
    /// most. Those that are within the noise of their own samples are left out.
    pub units: Vec<Grown>,
    /// Phases, in the order of a boot.
    pub phases: Vec<Grown>,
}

/// How much more a part takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grown {
    /// The unit or phase.
    pub name: String,
    /// The baseline's median; 0 where the part was not on its critical chain.
    pub before: u64,
    /// The candidate's.
    pub after: u64,
}

impl Grown {
    /// What it takes more; less than zero when it takes less.
    pub fn difference(&self) -> i128 {
        i128::from(self.after) - i128::from(self.before)
    }
}

/// Why nothing can be decided.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecideError {
    /// The series were measured in ways that cannot be compared.
    #[error("the {what} differs: the baseline's is {baseline}, this one's is {candidate}")]
    Apart {
        /// Which part of the key.
        what: &'static str,
        /// The baseline's.
        baseline: String,
        /// The candidate's.
        candidate: String,
    },
    /// No boot of one side can be used.
    #[error("none of the {count} boots of {side} can be used{}", because(why))]
    Nothing {
        /// `the baseline`, `the candidate`.
        side: &'static str,
        /// How many were tried.
        count: usize,
        /// Why the first of them says nothing.
        why: Option<String>,
    },
    /// Instructions are wanted and one side has none.
    #[error("the instructions of {side} were not counted")]
    NotCounted {
        /// `the baseline`, `the candidate`.
        side: &'static str,
    },
    /// The statistics refuse the numbers.
    #[error("{0}")]
    Numbers(String),
}

fn because(why: &Option<String>) -> String {
    why.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
}

impl muster_base::fault::Fault for DecideError {
    fn hint(&self) -> Option<std::borrow::Cow<'static, str>> {
        Some(match self {
            Self::Apart { .. } => {
                "measure the baseline again on this host: --baseline IMAGE boots both sides in turn".into()
            }
            Self::Nothing { .. } => {
                "the reasons stand in boot-time.json, the consoles in the machines' directories".into()
            }
            Self::NotCounted { .. } => "compare by time: --by wall".into(),
            Self::Numbers(_) => return None,
        })
    }
}

/// Whether two series may be compared. Instructions do not depend on the host's processor, times do.
pub fn comparable(baseline: &Series, candidate: &Series, by: By) -> Result<(), DecideError> {
    let boots = |series: &Series| format!("{:?}", series.boots).to_lowercase();
    let mut parts = vec![
        ("accelerator", baseline.accelerator.clone(), candidate.accelerator.clone()),
        ("machine", baseline.machine.clone(), candidate.machine.clone()),
        ("version of QEMU", baseline.qemu.clone(), candidate.qemu.clone()),
        ("kind of boots", boots(baseline), boots(candidate)),
    ];
    if by == By::Time {
        parts.push(("host", baseline.host.clone(), candidate.host.clone()));
    }
    match parts.into_iter().find(|(_, one, other)| one != other) {
        Some((what, baseline, candidate)) => Err(DecideError::Apart { what, baseline, candidate }),
        None => Ok(()),
    }
}

/// What two series can be compared by: instructions where all boots that count have them.
pub fn best(series: &[&Measured]) -> By {
    let counted = |measured: &&Measured| measured.conclusive().all(|sample| total(sample, By::Instructions).is_some());
    if series.iter().all(counted) { By::Instructions } else { By::Time }
}

/// Compares them.
pub fn decide(baseline: &Measured, candidate: &Measured, by: By, rule: Rule) -> Result<Decision, DecideError> {
    comparable(&baseline.series, &candidate.series, by)?;
    let totals = [totals("the baseline", baseline, by)?, totals("the candidate", candidate, by)?];
    let [before, after] = &totals;
    let comparison = compare(before, after, rule).map_err(|error| DecideError::Numbers(error.to_string()))?;
    let moved = moved(&[baseline, candidate])?;
    let verdict = match (comparison.verdict, moved, by) {
        (muster_stats::compare::ComparisonVerdict::NotEnoughSamples, ..) => {
            BootVerdict::NotEnoughSamples { needed: comparison.samples_needed }
        }
        // A host that changed its speed changes times, and no count of instructions.
        (_, Some(Fitness::Unfit { moved }), By::Time) => BootVerdict::HostUnfit { moved },
        (muster_stats::compare::ComparisonVerdict::Regression, ..) => BootVerdict::Regression,
        (muster_stats::compare::ComparisonVerdict::Improvement, ..) => BootVerdict::Improvement,
        (muster_stats::compare::ComparisonVerdict::Undecided, ..) => BootVerdict::Undecided,
        (muster_stats::compare::ComparisonVerdict::NoChange, ..) => BootVerdict::NoChange,
    };
    Ok(Decision {
        verdict,
        by,
        rule,
        comparison,
        moved: moved.map(|(Fitness::Fit { moved } | Fitness::Unfit { moved })| moved),
        units: units(baseline, candidate, by, verdict == BootVerdict::Improvement),
        phases: phases(baseline, candidate, by),
    })
}

fn total(sample: &Sample, by: By) -> Option<u64> {
    by.of(sample.total.as_ref()?)
}

fn totals(side: &'static str, measured: &Measured, by: By) -> Result<Samples, DecideError> {
    let counted: Vec<&Sample> = measured.conclusive().collect();
    if counted.is_empty() {
        let why = measured.samples.iter().find_map(|sample| sample.inconclusive.clone());
        return Err(DecideError::Nothing { side, count: measured.samples.len(), why });
    }
    let values: Option<Vec<f64>> = counted.iter().map(|sample| Some(total(sample, by)? as f64)).collect();
    let values = values.ok_or(DecideError::NotCounted { side })?;
    Samples::new(values).map_err(|error| DecideError::Numbers(error.to_string()))
}

/// How far the host moved over all boots that count; none when its speed was not measured.
fn moved(series: &[&Measured]) -> Result<Option<Fitness>, DecideError> {
    let measured = series.iter().flat_map(|measured| measured.conclusive()).map(|sample| sample.calibration);
    let Some(times) = measured.collect::<Option<Vec<[u64; 2]>>>() else { return Ok(None) };
    let numbers = |error: &dyn std::fmt::Display| DecideError::Numbers(error.to_string());
    let one = |micros: &u64| Samples::new([*micros as f64 / 1e6]).map_err(|error| numbers(&error));
    let all = times.iter().flatten().map(one).collect::<Result<Vec<_>, _>>()?;
    let [before, between @ .., after] = all.as_slice() else { return Ok(None) };
    let calibration = Calibration { before: before.clone(), between: between.to_vec(), after: after.clone() };
    fitness(&calibration, LIMIT).map(Some).map_err(|error| numbers(&error))
}

/// What a unit took by itself on the critical chain of each boot that counts; 0 where it was not on it.
fn own(measured: &Measured, unit: &str, by: By) -> Vec<u64> {
    let link = |sample: &Sample| sample.chain.iter().find(|link| link.unit == unit).and_then(|link| by.of(&link.own));
    // A boot whose parts could not be seen has no chain at all.
    measured.conclusive().filter(|sample| !sample.chain.is_empty()).map(|sample| link(sample).unwrap_or(0)).collect()
}

fn units(baseline: &Measured, candidate: &Measured, by: By, shrunk: bool) -> Vec<Grown> {
    let names: BTreeSet<&str> = [baseline, candidate]
        .iter()
        .flat_map(|measured| measured.conclusive())
        .flat_map(|sample| sample.chain.iter().map(|link| link.unit.as_str()))
        .collect();
    let mut grown: Vec<Grown> = names
        .into_iter()
        .filter_map(|name| grown(name, own(baseline, name, by), own(candidate, name, by)))
        .filter(|grown| if shrunk { grown.difference() < 0 } else { grown.difference() > 0 })
        .collect();
    grown.sort_by_key(|grown| std::cmp::Reverse(grown.difference().abs()));
    grown
}

fn phases(baseline: &Measured, candidate: &Measured, by: By) -> Vec<Grown> {
    let of = |measured: &Measured, name: PhaseName| -> Option<Vec<u64>> {
        let of_parts = measured.conclusive().filter(|sample| !sample.phases.is_empty());
        of_parts.map(|sample| by.of(&sample.phase(name)?.cost)).collect()
    };
    let both = |name: PhaseName| Some((of(baseline, name)?, of(candidate, name)?));
    PhaseName::ALL
        .into_iter()
        .filter_map(|name| {
            let (before, after) = both(name)?;
            Some(Grown { name: name.name().to_owned(), before: median::median(before)?, after: median::median(after)? })
        })
        .collect()
}

/// The medians of a part, unless they are nearer to each other than the part's own samples are.
fn grown(name: &str, before: Vec<u64>, after: Vec<u64>) -> Option<Grown> {
    let spread = |values: &[u64]| values.iter().max().zip(values.iter().min()).map_or(0, |(max, min)| max - min);
    let noise = spread(&before).min(spread(&after));
    let grown = Grown { name: name.to_owned(), before: median::median(before)?, after: median::median(after)? };
    (grown.difference().unsigned_abs() > u128::from(noise)).then_some(grown)
}

/// The median of what boots that count took, by a measure; none when not all of them have it.
pub fn median(measured: &Measured, by: By, of: impl Fn(&Sample) -> Option<Cost>) -> Option<u64> {
    median::median(measured.conclusive().map(|sample| by.of(&of(sample)?)).collect::<Option<Vec<u64>>>()?)
}

/// An interval that holds the median of all such boots, from order statistics, with its confidence: the narrowest of at least 95 %,
/// and of fewer than six boots the whole range, which is less sure. No distribution is assumed.
pub fn median_interval(measured: &Measured, by: By) -> Option<(u64, u64, f64)> {
    let mut values = measured.conclusive().map(|sample| total(sample, by)).collect::<Option<Vec<u64>>>()?;
    values.sort_unstable();
    let n = values.len();
    if n < 2 {
        return None;
    }
    // Boots below the median are as many as heads of n coins. Leaving out `cut` at each end loses these tails.
    let (mut tail, mut ways) = (0.0, 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX)));
    let mut best = (0, 1.0 - 2.0 * ways);
    for cut in 0..n / 2 {
        tail += ways;
        let confidence = 1.0 - 2.0 * tail;
        if cut > 0 && confidence < 0.95 {
            break;
        }
        best = (cut, confidence);
        ways *= (n - cut) as f64 / (cut + 1) as f64;
    }
    let (cut, confidence) = best;
    Some((values[cut], values[n - 1 - cut], confidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::measured;

    /// The same boots with every total, and the unit's own part, larger by so much.
    fn slower(measured: &Measured, unit: &str, more: u64) -> Measured {
        let mut slower = measured.clone();
        for sample in &mut slower.samples {
            let total = sample.total.as_mut().unwrap();
            total.micros += more;
            total.instructions = total.instructions.map(|count| count + more * 1000);
            let link = sample.chain.iter_mut().find(|link| link.unit == unit).unwrap();
            link.own.micros += more;
            link.own.instructions = link.own.instructions.map(|count| count + more * 1000);
        }
        slower
    }

    fn rule() -> Rule {
        Rule::default()
    }

    #[test]
    fn a_unit_that_takes_more_is_a_regression_and_named_first() {
        let baseline = measured(1, 5);
        let unit = baseline.samples[0].chain[1].unit.clone();
        let worse = slower(&measured(2, 5), &unit, 4_000_000);
        for by in By::ALL {
            let decision = decide(&baseline, &worse, by, rule()).unwrap();
            assert_eq!((decision.verdict, &decision.units[0].name), (BootVerdict::Regression, &unit), "{by:?}");
            let back = decide(&worse, &baseline, by, rule()).unwrap();
            assert_eq!((back.verdict, &back.units[0].name), (BootVerdict::Improvement, &unit), "{by:?}");
        }
        assert_eq!(decide(&baseline, &measured(3, 5), By::Time, rule()).unwrap().verdict, BootVerdict::NoChange);
    }

    #[test]
    fn four_boots_a_side_are_never_a_verdict() {
        let decision = decide(&measured(1, 4), &measured(2, 4), By::Time, rule()).unwrap();
        assert_eq!(decision.verdict, BootVerdict::NotEnoughSamples { needed: 5 });
    }

    #[test]
    fn a_host_that_changed_its_speed_forbids_times_and_not_instructions() {
        let (baseline, mut candidate) = (measured(1, 5), measured(2, 5));
        candidate.samples.iter_mut().for_each(|sample| sample.calibration = Some([1_000_000, 1_300_000]));
        let mut steady = baseline.clone();
        steady.samples.iter_mut().for_each(|sample| sample.calibration = Some([1_000_000, 1_001_000]));
        let by_time = decide(&steady, &candidate, By::Time, rule()).unwrap();
        assert!(
            matches!(by_time.verdict, BootVerdict::HostUnfit { moved } if (moved - 0.3).abs() < 1e-9),
            "{:?}",
            by_time.verdict
        );
        let by_count = decide(&steady, &candidate, By::Instructions, rule()).unwrap();
        assert_eq!((by_count.verdict, by_count.moved.is_some()), (BootVerdict::NoChange, true));
    }

    #[test]
    fn series_of_other_machines_are_refused_with_what_differs() {
        let (baseline, mut other) = (measured(1, 5), measured(2, 5));
        other.series.accelerator = "kvm".into();
        let error = decide(&baseline, &other, By::Time, rule()).unwrap_err();
        assert_eq!(error.to_string(), "the accelerator differs: the baseline's is tcg, this one's is kvm");
        let mut elsewhere = measured(2, 5);
        elsewhere.series.host = "another".into();
        assert!(decide(&baseline, &elsewhere, By::Time, rule()).is_err());
        assert!(decide(&baseline, &elsewhere, By::Instructions, rule()).is_ok(), "a count does not depend on the host");
    }

    #[test]
    fn nothing_that_counts_and_nothing_counted_are_errors() {
        let baseline = measured(1, 5);
        let mut hung = measured(2, 2);
        hung.samples.iter_mut().for_each(|sample| sample.inconclusive = Some("it hung".into()));
        let error = decide(&baseline, &hung, By::Time, rule()).unwrap_err();
        assert_eq!(error.to_string(), "none of the 2 boots of the candidate can be used: it hung");
        let mut uncounted = measured(2, 5);
        uncounted.samples[3].total.as_mut().unwrap().instructions = None;
        assert_eq!(best(&[&baseline, &uncounted]), By::Time);
        let error = decide(&uncounted, &baseline, By::Instructions, rule()).unwrap_err();
        assert_eq!(error.to_string(), "the instructions of the baseline were not counted");
    }

    #[test]
    fn the_interval_of_a_median_is_that_of_order_statistics() {
        let with = |count: u32| {
            let mut measured = measured(1, count);
            for (sample, number) in measured.samples.iter_mut().zip(1..) {
                sample.total.as_mut().unwrap().micros = number;
            }
            median_interval(&measured, By::Time)
        };
        assert_eq!(with(1), None);
        let (low, high, confidence) = with(5).unwrap();
        assert_eq!((low, high, confidence), (1, 5, 1.0 - 2.0 / 32.0));
        // Tables: of 10 samples the 2nd and 9th hold the median with 97.9 %, of 20 the 6th and 15th with 95.9 %.
        let (low, high, confidence) = with(10).unwrap();
        assert_eq!((low, high, (confidence - 0.978_5).abs() < 1e-4), (2, 9, true));
        let (low, high, confidence) = with(20).unwrap();
        assert_eq!((low, high, (confidence - 0.958_6).abs() < 1e-4), (6, 15, true));
    }
}
