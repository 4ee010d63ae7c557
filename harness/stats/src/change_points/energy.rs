//! The statistic of E-Divisive: how unlike what comes before a point is to what comes after it.
//!
//! Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data", Journal of the
//! American Statistical Association 109, 2014, with the exponent 1 as in Otava.

use std::ops::Range;

/// A point that may be a change, and how much it speaks for one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) index: usize,
    pub(super) q: f64,
}

/// The best candidate of all intervals, the first of equals. `None` when no interval has two values.
pub(super) fn best(values: &[f64], intervals: &[Range<usize>]) -> Option<Candidate> {
    let mut best: Option<Candidate> = None;
    for interval in intervals.iter().filter(|interval| interval.len() > 1) {
        let found = of_interval(values, interval);
        if best.is_none_or(|best| found.q > best.q) {
            best = Some(found);
        }
    }
    best
}

/// The τ that maximizes Q(τ, κ) for start < τ < κ ≤ end: values from `start` to τ compared with those from τ to κ. Of equal
/// maxima the one with the least τ. Takes a time of the square of the length, and little memory.
fn of_interval(values: &[f64], interval: &Range<usize>) -> Candidate {
    let values = &values[interval.clone()];
    // Sums of the distances of all pairs: `left[t]` before t; `right[t]` from t to the κ that the loop is at.
    let (mut left, mut right) = (vec![0.0; values.len() + 1], vec![0.0; values.len()]);
    let mut best = Candidate { index: 1, q: f64::NEG_INFINITY };
    for newest in 1..values.len() {
        let mut column = 0.0;
        for t in (0..newest).rev() {
            column += (values[newest] - values[t]).abs();
            right[t] += column;
        }
        left[newest + 1] = right[0];
        let whole = right[0];
        let end = newest + 1;
        for t in 1..end {
            let (n, m) = (t as f64, (end - t) as f64);
            let between = whole - left[t] - right[t];
            let within_left = if t > 1 { m * left[t] / (n - 1.0) } else { 0.0 };
            let within_right = if end - t > 1 { n * right[t] / (m - 1.0) } else { 0.0 };
            let q = 2.0 / (n + m) * (between - within_left - within_right);
            if q > best.q || (q == best.q && t < best.index) {
                best = Candidate { index: t, q };
            }
        }
    }
    Candidate { index: best.index + interval.start, q: best.q }
}

/// The intervals between change points, which are ascending.
pub(super) fn intervals(points: &[usize], range: Range<usize>) -> Vec<Range<usize>> {
    let starts = std::iter::once(range.start).chain(points.iter().copied());
    let ends = points.iter().copied().chain([range.end]);
    starts.zip(ends).map(|(start, end)| start..end).filter(|interval| !interval.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, as it stands in the paper, over all pairs.
    fn slow(values: &[f64], tau: usize, kappa: usize) -> f64 {
        let (x, y) = (&values[..tau], &values[tau..kappa]);
        let (n, m) = (x.len() as f64, y.len() as f64);
        let within = |z: &[f64]| -> f64 {
            (0..z.len()).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| (z[i] - z[j]).abs()).sum()
        };
        let between: f64 = x.iter().flat_map(|a| y.iter().map(move |b| (a - b).abs())).sum();
        let pairs = |n: f64, sum: f64| if n > 1.0 { sum / (n * (n - 1.0) / 2.0) } else { 0.0 };
        n * m / (n + m) * (2.0 * between / (n * m) - pairs(n, within(x)) - pairs(m, within(y)))
    }

    #[test]
    fn the_fast_sums_give_the_maximum_of_the_definition() {
        let mut random = crate::random::Random::new(4);
        for length in 2..25 {
            let values: Vec<f64> = (0..length).map(|i| random.normal() + if i > 9 { 2.0 } else { 0.0 }).collect();
            let (mut index, mut most) = (0, f64::NEG_INFINITY);
            for tau in 1..length {
                for kappa in tau + 1..=length {
                    let q = slow(&values, tau, kappa);
                    if q > most + 1e-12 {
                        (index, most) = (tau, q);
                    }
                }
            }
            let found = best(&values, &intervals(&[], 0..length)).unwrap();
            assert_eq!(found.index, index, "{values:?}");
            assert!((found.q - most).abs() < 1e-9, "{} {most}", found.q);
        }
    }

    #[test]
    fn the_best_of_several_intervals_is_found_where_it_is() {
        let values = [1.0, 1.1, 1.0, 5.0, 5.1, 5.0, 5.1, 9.0, 9.1];
        assert_eq!(best(&values, &[0..3, 3..9]).unwrap().index, 7);
        assert_eq!(best(&values, &[0..1, 8..9]), None);
        assert_eq!(intervals(&[3, 7], 0..9), [0..3, 3..7, 7..9]);
        assert_eq!(intervals(&[2], 2..4), intervals(&[], 2..4));
    }
}
