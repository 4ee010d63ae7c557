//! How much two samples differ, which is another question than whether they do.

use crate::random::Random;
use crate::samples::{Samples, middle, quantile};

/// How often both samples are drawn again for an interval.
pub const RESAMPLES: usize = 2000;

/// The share of resamples that lies inside of an [`Interval`].
pub const CONFIDENCE: f64 = 0.95;

/// The percentile bootstrap interval of the ratio of two medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The 2.5th percentile of the ratios.
    pub low: f64,
    /// The 97.5th percentile of the ratios.
    pub high: f64,
}

/// Cliff's delta (Cliff, "Dominance statistics", Psychological Bulletin 114, 1993) of samples of these sizes, by the U of
/// Mann and Whitney: of all pairs, the share in which the second sample's value is the larger, less the share in which it
/// is the smaller. −1 to 1; 0 when neither is.
pub(crate) fn delta_of(u: f64, n: usize, m: usize) -> f64 {
    2.0 * u / (n * m) as f64 - 1.0
}

/// The median of `second` divided by that of `first`. `None` when the latter is zero, or the ratio is no finite number.
pub fn median_ratio(first: &Samples, second: &Samples) -> Option<f64> {
    finite(second.median() / first.median())
}

/// How far apart two values are, as a fraction of the smaller; the same from both sides. Infinite when only one is zero.
pub fn magnitude(one: f64, other: f64) -> f64 {
    if one == other {
        return 0.0;
    }
    one.max(other) / one.min(other) - 1.0
}

/// The interval of the ratio of medians. The same samples and seed give the same interval, whatever the order of values.
/// `None` when the median of a resample of `first` is zero.
///
/// `docs/boot-time-statistics.md` has how often it contains the true ratio. It describes; no verdict depends on it.
pub fn interval(first: &Samples, second: &Samples, seed: u64) -> Option<Interval> {
    let mut random = Random::new(seed);
    let mut places = vec![0; first.n().max(second.n())];
    let mut ratios = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let below = resampled_median(first.sorted(), &mut places[..first.n()], &mut random);
        let above = resampled_median(second.sorted(), &mut places[..second.n()], &mut random);
        ratios.push(finite(above / below)?);
    }
    ratios.sort_by(f64::total_cmp);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Some(Interval { low: quantile(&ratios, tail), high: quantile(&ratios, 1.0 - tail) })
}

/// The median of as many values, drawn with replacement. Their places are drawn and put in order: the values are already.
fn resampled_median(sorted: &[f64], places: &mut [usize], random: &mut Random) -> f64 {
    let n = places.len();
    places.fill_with(|| random.below(n));
    let (before, above, _) = places.select_nth_unstable(n / 2);
    let above = *above;
    let below = if n % 2 == 1 { above } else { before.iter().copied().max().unwrap_or(above) };
    middle(sorted[below], sorted[above])
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mann_whitney::mann_whitney;

    fn cliffs_delta(first: &Samples, second: &Samples) -> f64 {
        delta_of(mann_whitney(first, second).u, first.n(), second.n())
    }

    fn of(values: &[f64]) -> Samples {
        Samples::new(values).unwrap()
    }

    #[test]
    fn delta_is_one_when_nothing_overlaps_and_zero_when_all_ties() {
        let (low, high) = (of(&[1.0, 2.0]), of(&[3.0, 4.0, 5.0]));
        assert_eq!((cliffs_delta(&low, &high), cliffs_delta(&high, &low)), (1.0, -1.0));
        assert_eq!(cliffs_delta(&of(&[2.0; 3]), &of(&[2.0; 4])), 0.0);
        // Of six pairs four are larger, one is smaller.
        assert!((cliffs_delta(&of(&[1.0, 3.0]), &of(&[2.0, 3.0, 4.0])) - 3.0 / 6.0).abs() < 1e-15);
    }

    #[test]
    fn the_magnitude_is_the_same_from_both_sides() {
        assert_eq!((magnitude(100.0, 125.0), magnitude(125.0, 100.0)), (0.25, 0.25));
        assert_eq!((magnitude(0.0, 0.0), magnitude(0.0, 3.0)), (0.0, f64::INFINITY));
    }

    #[test]
    fn an_interval_contains_the_ratio_and_is_that_of_its_seed() {
        let (first, second) = (of(&[10.0, 10.1, 9.9, 10.05, 9.95]), of(&[10.2, 10.25, 10.15, 10.3, 10.1]));
        let found = interval(&first, &second, 7).unwrap();
        let ratio = median_ratio(&first, &second).unwrap();
        assert!(1.0 < found.low && found.low < ratio && ratio < found.high && found.high < 1.04, "{found:?}");
        assert_eq!(interval(&first, &second, 7), Some(found));
        assert_eq!(interval(&of(&[9.95, 9.9, 10.05, 10.1, 10.0]), &second, 7), Some(found));
    }

    #[test]
    fn one_value_a_side_has_an_interval_of_no_width() {
        let found = interval(&of(&[2.0]), &of(&[3.0]), 1).unwrap();
        assert_eq!((found.low, found.high), (1.5, 1.5));
    }

    #[test]
    fn a_median_of_zero_has_no_ratio() {
        let (zeros, some) = (of(&[0.0, 0.0, 1.0]), of(&[1.0, 2.0, 3.0]));
        assert_eq!((median_ratio(&zeros, &some), interval(&zeros, &some, 1)), (None, None));
        assert_eq!(median_ratio(&some, &zeros), Some(0.0));
        assert_eq!(median_ratio(&of(&[5e-324]), &of(&[f64::MAX])), None);
    }

    /// With four values, two in the middle: a resample of an even number has the mean of two.
    #[test]
    fn the_median_of_a_resample_of_an_even_number_is_between_two() {
        let mut random = Random::new(3);
        let sorted = [1.0, 2.0, 4.0, 8.0];
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2000 {
            let mut places = [0; 4];
            let found = resampled_median(&sorted, &mut places, &mut random);
            places.sort_unstable();
            assert_eq!(found, f64::midpoint(sorted[places[1]], sorted[places[2]]));
            seen.insert((found * 2.0) as u32);
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5, 6, 8, 9, 10, 12, 16]);
    }
}
