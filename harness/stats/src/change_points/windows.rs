//! E-Divisive as Apache Otava 0.8 has it, where it was Hunter.
//!
//! Fleming, Kołaczkowski et al., "Hunter: Using Change Point Detection to Hunt for Performance Regressions", ICPE 2023, and
//! the source of Otava 0.8.0 (`otava/analysis.py`): windows that overlap by half are split while Student's t is significant at
//! ten times the level; all points found, the weak ones too, are then merged from the weakest on until all that are left are
//! significant and large enough. The variance of Otava's t is that of a population (divisor n), which makes its p smaller than
//! Student's for few values; so is this one.
//!
//! One thing differs: when a weak point is removed, both its neighbours are computed again. Otava leaves the left one as it
//! was, with a mean up to a point that is gone.

use std::ops::Range;

use super::energy::{best, intervals};
use super::options::Options;
use super::point::{ChangePoint, FoundBy};
use super::series::Series;
use crate::student::{Side, pooled, two_sided};

/// The change points of a series, by index.
pub(super) fn points(series: &Series, options: &Options) -> Vec<ChangePoint> {
    let (values, scale) = series.scaled();
    let weak = split(&values, options.window(), options.significance() * 10.0);
    let mut points = merged(&values, weak, options);
    for point in &mut points {
        point.before *= scale;
        point.after *= scale;
    }
    points
}

/// Points that are significant in some window, ascending.
fn split(values: &[f64], window: usize, significance: f64) -> Vec<usize> {
    let step = window / 2;
    let mut points: Vec<usize> = Vec::new();
    let mut start = 0;
    while start < values.len() {
        let found = divide(values, start..(start + window).min(values.len()), significance);
        start = (start + step).max(found.last().copied().unwrap_or(0));
        points.extend(found);
    }
    points.sort_unstable();
    points.dedup();
    points
}

/// Splits a window at its best candidate while that is significant.
fn divide(values: &[f64], window: Range<usize>, significance: f64) -> Vec<usize> {
    let mut points: Vec<usize> = Vec::new();
    loop {
        let intervals = intervals(&points, window.clone());
        let Some(candidate) = best(values, &intervals) else { return points };
        let Some(interval) = intervals.iter().find(|interval| interval.contains(&candidate.index)) else {
            return points;
        };
        let point = tested(values, interval.start, candidate.index, interval.end);
        if point.p > significance {
            return points;
        }
        let place = points.partition_point(|index| *index < candidate.index);
        points.insert(place, candidate.index);
    }
}

/// The point at `index` between its neighbours `start` and `end`.
fn tested(values: &[f64], start: usize, index: usize, end: usize) -> ChangePoint {
    let (before, after) = (Side::of(&values[start..index], 0), Side::of(&values[index..end], 0));
    let p = pooled(before, after).map_or(1.0, |(t, df)| two_sided(t, df));
    ChangePoint::new(index, before.mean, after.mean, p, FoundBy::Windows)
}

/// Removes the weakest point until all are significant and large enough.
fn merged(values: &[f64], mut weak: Vec<usize>, options: &Options) -> Vec<ChangePoint> {
    loop {
        let points: Vec<ChangePoint> = (0..weak.len())
            .map(|at| {
                let start = if at == 0 { 0 } else { weak[at - 1] };
                tested(values, start, weak[at], weak.get(at + 1).copied().unwrap_or(values.len()))
            })
            .collect();
        let least_significant = first_most(&points, |point| point.p);
        let smallest = first_most(&points, |point| -point.magnitude());
        let (Some(least_significant), Some(smallest)) = (least_significant, smallest) else { return points };
        if points[least_significant].p >= options.significance() {
            weak.remove(least_significant);
        } else if points[smallest].magnitude() <= options.floor() {
            weak.remove(smallest);
        } else {
            return points;
        }
    }
}

/// The first of those for which `of` is largest.
fn first_most(points: &[ChangePoint], of: impl Fn(&ChangePoint) -> f64) -> Option<usize> {
    let mut most: Option<usize> = None;
    for (at, point) in points.iter().enumerate() {
        if most.is_none_or(|most| of(point) > of(&points[most])) {
            most = Some(at);
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[f64], options: &Options) -> Vec<usize> {
        points(&Series::new(values).unwrap(), options).iter().map(|point| point.index).collect()
    }

    #[test]
    fn a_step_without_noise_is_found_with_its_means() {
        let mut values = vec![10.0; 20];
        values.extend([10.2; 20]);
        let points = points(&Series::new(values).unwrap(), &Options::default());
        assert_eq!(points.len(), 1, "{points:?}");
        let point = points[0];
        assert_eq!((point.index, point.before, point.after, point.p), (20, 10.0, 10.2, 0.0));
        assert!((point.ratio.unwrap() - 1.02).abs() < 1e-12 && (point.magnitude() - 0.02).abs() < 1e-12);
    }

    #[test]
    fn a_change_of_at_most_the_floor_is_left_out() {
        let mut values = vec![1000.0; 20];
        values.extend([1008.0; 20]);
        assert!(found(&values, &Options::default()).is_empty());
        assert_eq!(found(&values, &Options::default().with_floor(0.005).unwrap()), [20]);
        assert_eq!(found(&values, &Options::default().with_floor(0.0).unwrap()), [20]);
    }

    #[test]
    fn changes_far_apart_are_found_through_several_windows() {
        let level = |i: usize| [100.0, 110.0, 95.0, 120.0][i / 90];
        let values: Vec<f64> = (0..360).map(|i| level(i) + (i % 3) as f64 * 0.1).collect();
        assert_eq!(found(&values, &Options::default()), [90, 180, 270]);
        assert_eq!(found(&values, &Options::default().with_window(20).unwrap()), [90, 180, 270]);
    }
}
