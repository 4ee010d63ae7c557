//! Student's t: how likely so large a difference of two means is if there is none.

use crate::special::incomplete_beta;

/// The area of the t distribution with `df` degrees of freedom (at least 1) outside of −|t| to |t|.
pub(crate) fn two_sided(t: f64, df: f64) -> f64 {
    let square = t * t;
    if square.is_infinite() {
        return 0.0;
    }
    incomplete_beta(df / 2.0, 0.5, df / (df + square), square / (df + square))
}

/// The area of the t distribution with `df` degrees of freedom above `t`.
pub(crate) fn above(t: f64, df: f64) -> f64 {
    let half = two_sided(t, df) / 2.0;
    if t > 0.0 { half } else { 1.0 - half }
}

/// One side of a comparison of means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    /// How many values.
    pub(crate) n: usize,
    pub(crate) mean: f64,
    /// Variance, with the divisor that the caller's test wants.
    pub(crate) variance: f64,
}

impl Side {
    /// The side that `values` are. `fewer` is what the divisor of the variance lacks of their number: 0 for a population, 1
    /// for a sample. The variance of so few that the divisor is zero is zero.
    pub(crate) fn of(values: &[f64], fewer: usize) -> Self {
        let n = values.len();
        let first = values[0];
        // Relative to the first: the mean of equal values is that value, and their variance zero, to the last bit.
        let shift = values.iter().map(|value| value - first).sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - first - shift).powi(2)).sum();
        let variance = if n > fewer { squares / (n - fewer) as f64 } else { 0.0 };
        Self { n, mean: first + shift, variance }
    }
}

/// The t of two sides with a common variance, positive when the second mean is larger, and its degrees of freedom. `None`
/// when there is none: fewer than three values, or no difference and no variance.
pub(crate) fn pooled(before: Side, after: Side) -> Option<(f64, f64)> {
    let df = (before.n + after.n).checked_sub(2).filter(|df| *df > 0)? as f64;
    let weighted = (before.n - 1) as f64 * before.variance + (after.n - 1) as f64 * after.variance;
    let error = libm::sqrt(weighted / df * (1.0 / before.n as f64 + 1.0 / after.n as f64));
    let t = (after.mean - before.mean) / error;
    (!t.is_nan()).then_some((t, df))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_of_one_degree_is_the_arc_of_cauchy() {
        for t in [0.01_f64, 0.5, 1.0, 3.0, 12.706, 636.619] {
            let closed = 1.0 - 2.0 * t.atan() / std::f64::consts::PI;
            assert!((two_sided(t, 1.0) - closed).abs() < 1e-12, "{t}");
            assert!((above(-t, 1.0) + above(t, 1.0) - 1.0).abs() < 1e-14, "{t}");
        }
        assert_eq!((two_sided(0.0, 5.0), two_sided(f64::INFINITY, 5.0)), (1.0, 0.0));
    }

    #[test]
    fn equal_values_have_no_variance_to_the_last_bit() {
        let side = Side::of(&[100.1; 7], 1);
        assert_eq!((side.mean, side.variance), (100.1, 0.0));
        assert_eq!(pooled(side, side), None);
        let (t, _) = pooled(side, Side::of(&[100.2; 3], 1)).unwrap();
        assert_eq!(t, f64::INFINITY);
        assert_eq!(Side::of(&[3.0], 1).variance, 0.0);
    }
}
