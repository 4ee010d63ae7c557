//! What must hold whatever the values are.

use crate::change_points::{Options, Series, detect};
use crate::compare::{Comparison, ComparisonVerdict, Rule, compare};
use crate::random::Random;
use crate::samples::Samples;

/// Pairs of samples of all kinds: sizes that differ, ties, differences of nothing to 5 %.
fn pairs() -> impl Iterator<Item = (Vec<f64>, Vec<f64>)> {
    let mut random = Random::new(21);
    std::iter::repeat_with(move || {
        let (n, m) = (1 + random.below(14), 1 + random.below(14));
        let difference = 1.0 + random.below(6) as f64 / 100.0;
        let noise = [0.0, 0.002, 0.004, 0.02][random.below(4)];
        let rounded = random.below(2) == 0;
        let mut draw = |n, level: f64| -> Vec<f64> {
            let value = |random: &mut Random| level * (1.0 + noise * random.normal());
            (0..n).map(|_| value(&mut random)).map(|v| if rounded { (v * 10.0).round() / 10.0 } else { v }).collect()
        };
        (draw(n, 10.0), draw(m, 10.0 * difference))
    })
    .take(400)
}

fn compared(baseline: &[f64], candidate: &[f64]) -> Comparison {
    compare(&Samples::new(baseline).unwrap(), &Samples::new(candidate).unwrap(), Rule::default()).unwrap()
}

#[test]
fn swapping_the_samples_swaps_regression_and_improvement() {
    let mut seen = [0; 5];
    for (baseline, candidate) in pairs() {
        let (there, back) = (compared(&baseline, &candidate), compared(&candidate, &baseline));
        let swapped: &[ComparisonVerdict] = match there.verdict {
            ComparisonVerdict::Regression => &[ComparisonVerdict::Improvement],
            ComparisonVerdict::Improvement => &[ComparisonVerdict::Regression],
            // Only what may be slower is undecided.
            ComparisonVerdict::Undecided => &[ComparisonVerdict::NoChange],
            ComparisonVerdict::NoChange => &[ComparisonVerdict::NoChange, ComparisonVerdict::Undecided],
            ComparisonVerdict::NotEnoughSamples => &[ComparisonVerdict::NotEnoughSamples],
        };
        assert!(swapped.contains(&back.verdict), "{:?} {baseline:?} {candidate:?}", back.verdict);
        assert_eq!((back.p, back.least_p), (there.p, there.least_p), "{baseline:?} {candidate:?}");
        assert!((back.delta + there.delta).abs() < 1e-15 && back.n == (there.n.1, there.n.0));
        seen[there.verdict as usize] += 1;
    }
    assert!(seen[0] > 50 && seen[2] > 20 && seen[3] > 40 && seen[4] > 50, "the pairs are of every kind: {seen:?}");
}

#[test]
fn scaling_changes_nothing() {
    for (baseline, candidate) in pairs() {
        let seconds = compared(&baseline, &candidate);
        // A power of two is exact; a thousand rounds the last digit.
        for (scale, off) in [(1024.0, 0.0), (2.0_f64.powi(-40), 0.0), (1000.0, 1e-12)] {
            let scaled = |values: &[f64]| -> Vec<f64> { values.iter().map(|value| value * scale).collect() };
            let other = compared(&scaled(&baseline), &scaled(&candidate));
            assert_eq!((other.verdict, other.p, other.delta), (seconds.verdict, seconds.p, seconds.delta));
            assert!((other.ratio.unwrap() - seconds.ratio.unwrap()).abs() <= off);
            let (one, other) = (seconds.interval.unwrap(), other.interval.unwrap());
            assert!((one.low - other.low).abs() <= off && (one.high - other.high).abs() <= off);
        }
    }
}

#[test]
fn order_changes_nothing() {
    let mut random = Random::new(22);
    for (mut baseline, mut candidate) in pairs() {
        let sorted = compared(&baseline, &candidate);
        random.shuffle(&mut baseline);
        random.shuffle(&mut candidate);
        assert_eq!(compared(&baseline, &candidate), sorted);
    }
}

#[test]
fn scaling_a_series_moves_no_change_point() {
    let mut random = Random::new(23);
    for _ in 0..100 {
        let step = 1.0 + random.below(5) as f64 / 100.0;
        let values: Vec<f64> = (0..60)
            .map(|i| if i < 35 { 10.0 } else { 10.0 * step })
            .map(|v| v * (1.0 + 0.004 * random.normal()))
            .collect();
        let found = detect(&Series::new(values.as_slice()).unwrap(), &Options::default());
        let scaled: Vec<f64> = values.iter().map(|value| value * 1024.0).collect();
        let other = detect(&Series::new(scaled).unwrap(), &Options::default());
        assert_eq!(found.len(), other.len());
        for (one, other) in found.iter().zip(&other) {
            assert_eq!(
                (one.index, one.p, one.ratio, one.after * 1024.0),
                (other.index, other.p, other.ratio, other.after)
            );
        }
    }
}

/// What E-Divisive finds does not depend on which of the two directions is the worse one.
#[test]
fn the_newest_builds_are_found_only_when_they_are_worse() {
    let mut values: Vec<f64> = (0..20).map(|i| 100.0 + f64::from(i % 5)).collect();
    values.push(109.0);
    let newest = detect(&Series::new(values.as_slice()).unwrap(), &Options::default());
    assert_eq!(newest.iter().map(|point| point.index).collect::<Vec<_>>(), [20], "{newest:?}");
    values[20] = 96.5;
    assert_eq!(detect(&Series::new(values.as_slice()).unwrap(), &Options::default()), []);
    values[20] = 109.0;
    let without = Options::default().with_newest(0.0).unwrap().with_significance(1e-6).unwrap();
    assert_eq!(detect(&Series::new(values).unwrap(), &without), []);
}
