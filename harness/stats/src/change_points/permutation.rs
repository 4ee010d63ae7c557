//! E-Divisive with the test of its authors: how often a permutation of the same values looks as much like a change.
//!
//! It assumes no distribution, and takes longer. Otava has it as `--orig-edivisive` with 100 permutations; its p lacks the one
//! that is added to both counts here, which is what makes a p of zero impossible.

use super::energy::{best, intervals};
use super::point::{ChangePoint, FoundBy};
use super::series::{Series, SeriesError};
use crate::random::Random;
use crate::student::Side;

/// How many permutations each candidate is compared with. The least p is 1 / (`PERMUTATIONS` + 1).
pub const PERMUTATIONS: usize = 999;

/// The longest series that is permuted.
pub const MOST_PERMUTED: usize = 1000;

/// The change points of a series, by index, each with a p of at most `significance` (of 0.001 to 1). The same seed gives the
/// same permutations.
///
/// # Errors
/// The series is longer than [`MOST_PERMUTED`].
pub fn by_permutation(series: &Series, significance: f64, seed: u64) -> Result<Vec<ChangePoint>, SeriesError> {
    let (values, scale) = series.scaled();
    let end = values.len();
    if end > MOST_PERMUTED {
        return Err(SeriesError::TooLong { count: end, most: MOST_PERMUTED });
    }
    let mut random = Random::new(seed);
    let mut points: Vec<(usize, f64)> = Vec::new();
    loop {
        let indices: Vec<usize> = points.iter().map(|point| point.0).collect();
        let intervals = intervals(&indices, 0..end);
        let Some(candidate) = best(&values, &intervals).filter(|candidate| candidate.q > 0.0) else { break };
        // Once so many permutations reach the candidate that it cannot be significant, the others need not be seen.
        let most_reaching = significance * (PERMUTATIONS + 1) as f64 - 1.0;
        let mut reaching = 0;
        let mut permuted = values.clone();
        for _ in 0..PERMUTATIONS {
            intervals.iter().for_each(|interval| random.shuffle(&mut permuted[interval.clone()]));
            // A permutation that only swaps equal values reaches it but for how its sums are rounded.
            if best(&permuted, &intervals).is_some_and(|other| other.q >= candidate.q * (1.0 - 1e-12)) {
                reaching += 1;
                if f64::from(reaching) > most_reaching {
                    break;
                }
            }
        }
        let p = f64::from(reaching + 1) / (PERMUTATIONS + 1) as f64;
        let significant = p <= significance;
        if !significant {
            break;
        }
        points.push((candidate.index, p));
        points.sort_by_key(|point| point.0);
    }
    let starts = std::iter::once(0).chain(points.iter().map(|point| point.0));
    let ends = points.iter().skip(1).map(|point| point.0).chain([end]);
    Ok(points
        .iter()
        .zip(starts.zip(ends))
        .map(|((index, p), (start, end))| {
            let (before, after) = (Side::of(&values[start..*index], 0), Side::of(&values[*index..end], 0));
            ChangePoint::new(*index, before.mean * scale, after.mean * scale, *p, FoundBy::Permutations)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noisy(levels: &[f64], each: usize, seed: u64) -> Series {
        let mut random = Random::new(seed);
        let values: Vec<f64> = levels
            .iter()
            .flat_map(|level| vec![*level; each])
            .map(|level| level * (1.0 + 0.004 * random.normal()))
            .collect();
        Series::new(values).unwrap()
    }

    #[test]
    fn steps_are_found_and_the_same_seed_finds_the_same() {
        let series = noisy(&[100.0, 102.0, 99.0], 20, 5);
        let found = by_permutation(&series, 0.01, 1).unwrap();
        assert_eq!(found.iter().map(|point| point.index).collect::<Vec<_>>(), [20, 40]);
        assert!(found.iter().all(|point| point.p <= 0.01 && point.found_by == FoundBy::Permutations));
        assert!((found[0].ratio.unwrap() - 1.02).abs() < 0.003, "{found:?}");
        assert_eq!(by_permutation(&series, 0.01, 1).unwrap(), found);
    }

    /// At a level of 5 %, 5 of 100 series may be found changed; more than 12 would be found of 1 in 500 such hundreds.
    #[test]
    fn series_without_a_change_are_found_changed_as_rarely_as_the_level_says() {
        let false_ones = (0..100)
            .filter(|seed| !by_permutation(&noisy(&[100.0], 25, 100 + seed), 0.05, 9).unwrap().is_empty())
            .count();
        assert!(false_ones <= 12, "{false_ones}");
    }

    #[test]
    fn what_cannot_be_permuted_has_no_change_or_is_an_error() {
        for values in [vec![1.0], vec![0.0; 9], vec![5.0; 40], vec![1.0, 2.0]] {
            assert_eq!(by_permutation(&Series::new(values).unwrap(), 0.001, 1), Ok(vec![]));
        }
        let error = by_permutation(&Series::new(vec![1.0; 1001]).unwrap(), 0.01, 1).unwrap_err();
        assert_eq!(error.to_string(), "the series has 1001 values; permutations are done of at most 1000");
        assert_eq!(by_permutation(&noisy(&[1.0, 2.0], 9, 1), f64::NAN, 1), Ok(vec![]));
    }
}
