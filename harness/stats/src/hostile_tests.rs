//! Inputs that nobody should give: an error or no change, never a panic and never a figure that is no number.

use crate::change_points::{Options, Series, by_permutation, detect};
use crate::compare::{Comparison, ComparisonVerdict, Rule, compare};
use crate::random::Random;
use crate::samples::Samples;

const EXTREMES: [f64; 8] = [0.0, -0.0, 5e-324, 1e-300, 1.0, 1e300, f64::MAX, 10.0];

fn of(values: &[f64]) -> Samples {
    Samples::new(values).unwrap()
}

fn check(found: &Comparison) {
    assert!((0.0..=1.0).contains(&found.p) && (0.0..=1.0).contains(&found.least_p), "{found:?}");
    assert!((-1.0..=1.0).contains(&found.delta), "{found:?}");
    assert!(found.ratio.is_none_or(|ratio| ratio.is_finite() && ratio >= 0.0), "{found:?}");
    assert!(
        found.interval.is_none_or(|of| of.low.is_finite() && of.low <= of.high && of.high.is_finite()),
        "{found:?}"
    );
}

#[test]
fn one_value_a_side_is_not_enough() {
    let found = compare(&of(&[1.0]), &of(&[100.0]), Rule::default()).unwrap();
    assert_eq!((found.verdict, found.p, found.samples_needed), (ComparisonVerdict::NotEnoughSamples, 1.0, 5));
    check(&found);
}

#[test]
fn equal_values_are_no_change() {
    for values in [[7.0; 5], [0.0; 5], [f64::MAX; 5], [5e-324; 5]] {
        let found = compare(&of(&values), &of(&values), Rule::new(0.01, 0.0).unwrap()).unwrap();
        assert_eq!((found.verdict, found.p, found.delta), (ComparisonVerdict::NoChange, 1.0, 0.0), "{values:?}");
        check(&found);
    }
}

/// A median of zero on one side is an error, not "no change": that would be green for whatever the other side is.
#[test]
fn a_median_of_zero_is_an_error_unless_both_are() {
    let (zeros, some) = (of(&[0.0, 0.0, 0.0, 1.0, 2.0]), of(&[3.0; 5]));
    for (baseline, candidate) in [(&zeros, &some), (&some, &zeros)] {
        let error = compare(baseline, candidate, Rule::default()).unwrap_err();
        assert!(error.to_string().contains("have no ratio"), "{error}");
    }
    let found = compare(&zeros, &of(&[0.0; 5]), Rule::default()).unwrap();
    assert_eq!((found.verdict, found.ratio, found.interval), (ComparisonVerdict::NoChange, None, None));
    assert!(compare(&of(&[5e-324; 5]), &of(&[f64::MAX; 5]), Rule::default()).is_err());
}

#[test]
fn extreme_samples_never_panic() {
    let mut random = Random::new(11);
    for _ in 0..300 {
        let mut draw = || {
            let n = 1 + random.below(12);
            of(&(0..n).map(|_| EXTREMES[random.below(EXTREMES.len())]).collect::<Vec<_>>())
        };
        if let Ok(found) = compare(&draw(), &draw(), Rule::default()) {
            check(&found);
        }
    }
}

#[test]
fn extreme_series_never_panic_and_have_points_inside_of_them() {
    let mut random = Random::new(12);
    for _ in 0..500 {
        let length = 1 + random.below(70);
        let values: Vec<f64> = (0..length).map(|_| EXTREMES[random.below(EXTREMES.len())]).collect();
        let series = Series::new(values).unwrap();
        let options = Options::default().with_window(2 + random.below(60)).unwrap().with_floor(0.0).unwrap();
        let mut points = detect(&series, &options);
        assert!(points.is_sorted_by(|one, next| one.index < next.index), "{points:?}");
        if length < 20 {
            points.extend(by_permutation(&series, 0.05, 1).unwrap());
        }
        for point in points {
            assert!(point.index > 0 && point.index < length, "{point:?}");
            assert!((0.0..=1.0).contains(&point.p) && point.before.is_finite() && point.after.is_finite(), "{point:?}");
            assert!(point.ratio.is_none_or(f64::is_finite), "{point:?}");
        }
    }
}

#[test]
fn series_without_a_change_have_none() {
    for values in [vec![1.0], vec![1.0, 2.0], vec![0.0; 60], vec![100.1; 120], vec![f64::MAX; 60], vec![5e-324; 60]] {
        assert_eq!(detect(&Series::new(values).unwrap(), &Options::default()), []);
    }
}

#[test]
fn the_longest_series_is_searched() {
    let mut random = Random::new(13);
    let level = |i: usize| if i < 6000 { 10.0 } else { 10.3 };
    let values: Vec<f64> = (0..10_000).map(|i| level(i) * (1.0 + 0.004 * random.normal())).collect();
    let found = detect(&Series::new(values).unwrap(), &Options::default());
    assert!(found.iter().any(|point| point.index == 6000), "{found:?}");
}
