//! Measured values of one thing, and the figures that describe them.

/// The most values that one [`Samples`] or one series may hold.
pub const MOST_VALUES: usize = 10_000;

/// The fewest values that have a 95th percentile: with fewer, it would be the largest or lie next to it.
pub const LEAST_FOR_P95: usize = 20;

/// Why measured values cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SamplesError {
    /// There is no value.
    #[error("there are no values; at least one is needed")]
    Empty,
    /// There are more than [`MOST_VALUES`].
    #[error("there are {count} values; at most {MOST_VALUES} are read")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A value is infinite or not a number.
    #[error("value {} is {value}, which is not a finite number", index + 1)]
    NotFinite {
        /// Which one, from 0.
        index: usize,
        /// What it is.
        value: f64,
    },
    /// A value is below zero, which no duration or count is.
    #[error("value {} is {value}; a value below zero was not measured", index + 1)]
    Negative {
        /// Which one, from 0.
        index: usize,
        /// What it is.
        value: f64,
    },
}

/// Checks measured values: between 1 and [`MOST_VALUES`] of them, each finite and not below zero.
pub(crate) fn validated(mut values: Vec<f64>) -> Result<Vec<f64>, SamplesError> {
    match values.len() {
        0 => return Err(SamplesError::Empty),
        count if count > MOST_VALUES => return Err(SamplesError::TooMany { count }),
        _ => {}
    }
    for (index, value) in values.iter_mut().enumerate() {
        if !value.is_finite() {
            return Err(SamplesError::NotFinite { index, value: *value });
        }
        if *value < 0.0 {
            return Err(SamplesError::Negative { index, value: *value });
        }
        // A negative zero is a zero: it must not be another rank, nor another sign of a ratio.
        *value = value.abs();
    }
    Ok(values)
}

/// Values of one thing that was measured several times, such as the seconds of a boot. The unit is the caller's. The order in
/// which they were measured does not matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Ascending, never empty.
    sorted: Vec<f64>,
}

impl Samples {
    /// Values that were measured.
    ///
    /// # Errors
    /// None, more than [`MOST_VALUES`], or one that is not finite or below zero.
    pub fn new(values: impl Into<Vec<f64>>) -> Result<Self, SamplesError> {
        let mut sorted = validated(values.into())?;
        sorted.sort_by(f64::total_cmp);
        Ok(Self { sorted })
    }

    /// The values, ascending.
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    /// How many; at least one.
    pub fn n(&self) -> usize {
        self.sorted.len()
    }

    /// The smallest.
    pub fn min(&self) -> f64 {
        self.sorted[0]
    }

    /// The largest.
    pub fn max(&self) -> f64 {
        self.sorted[self.n() - 1]
    }

    /// The arithmetic mean.
    pub fn mean(&self) -> f64 {
        // As a fraction of the largest, so that no sum overflows.
        let largest = self.max();
        if largest == 0.0 {
            return 0.0;
        }
        let sum: f64 = self.sorted.iter().map(|value| value / largest).sum();
        (sum / self.n() as f64 * largest).clamp(self.min(), largest)
    }

    /// The middle value, or the mean of the two in the middle.
    pub fn median(&self) -> f64 {
        middle(self.sorted[(self.n() - 1) / 2], self.sorted[self.n() / 2])
    }

    /// The standard deviation of a sample (divisor n − 1). `None` for one value.
    pub fn standard_deviation(&self) -> Option<f64> {
        if self.n() < 2 {
            return None;
        }
        let (largest, mean) = (self.max(), self.mean());
        if largest == 0.0 {
            return Some(0.0);
        }
        let squares: f64 = self.sorted.iter().map(|value| ((value - mean) / largest).powi(2)).sum();
        Some(libm::sqrt(squares / (self.n() - 1) as f64) * largest)
    }

    /// The standard deviation as a fraction of the mean. `None` for one value, and when the mean is zero.
    pub fn variation(&self) -> Option<f64> {
        fraction(self.standard_deviation()?, self.mean())
    }

    /// Largest minus smallest as a fraction of the median. `None` when the median is zero.
    pub fn spread(&self) -> Option<f64> {
        fraction(self.max() - self.min(), self.median())
    }

    /// The 95th percentile, interpolated between neighbours as R's type 7 and numpy do. `None` below [`LEAST_FOR_P95`] values.
    pub fn p95(&self) -> Option<f64> {
        (self.n() >= LEAST_FOR_P95).then(|| quantile(&self.sorted, 0.95))
    }
}

/// The quantile of ascending values, which are not none, at `at` of 0 to 1: linear between neighbours (type 7 of Hyndman and
/// Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50, 1996).
pub(crate) fn quantile(sorted: &[f64], at: f64) -> f64 {
    let place = at * (sorted.len() - 1) as f64;
    let below = place as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// The mean of two values, the smaller first; exact when they are equal, and without overflow.
pub(crate) fn middle(smaller: f64, larger: f64) -> f64 {
    smaller + (larger - smaller) / 2.0
}

/// A part of a whole. `None` when the whole is zero, or so small that no number holds the fraction.
fn fraction(part: f64, whole: f64) -> Option<f64> {
    let fraction = part / whole;
    fraction.is_finite().then_some(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Samples {
        Samples::new(values).unwrap()
    }

    #[test]
    fn five_boots_are_described() {
        let boots = of(&[10.2, 10.0, 10.4, 9.9, 10.0]);
        assert_eq!((boots.n(), boots.min(), boots.max(), boots.median()), (5, 9.9, 10.4, 10.0));
        assert!((boots.mean() - 10.1).abs() < 1e-12);
        assert!((boots.standard_deviation().unwrap() - 0.2).abs() < 1e-12);
        assert!((boots.variation().unwrap() - 0.2 / 10.1).abs() < 1e-12);
        assert!((boots.spread().unwrap() - 0.05).abs() < 1e-12);
        assert_eq!(boots.p95(), None);
    }

    #[test]
    fn a_percentile_needs_twenty_values() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(of(&values[..19]).p95(), None);
        assert!((of(&values).p95().unwrap() - 19.05).abs() < 1e-12);
    }

    #[test]
    fn an_even_number_has_the_middle_of_two_as_median() {
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert_eq!(of(&[f64::MAX, f64::MAX]).median(), f64::MAX);
    }

    #[test]
    fn what_was_not_measured_is_an_error_that_says_which() {
        assert_eq!(Samples::new([]), Err(SamplesError::Empty));
        let error = Samples::new([1.0, f64::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "value 2 is NaN, which is not a finite number");
        let error = Samples::new([f64::INFINITY]).unwrap_err();
        assert_eq!(error.to_string(), "value 1 is inf, which is not a finite number");
        let error = Samples::new([1.0, 2.0, -0.5]).unwrap_err();
        assert_eq!(error.to_string(), "value 3 is -0.5; a value below zero was not measured");
        assert_eq!(Samples::new(vec![1.0; MOST_VALUES + 1]), Err(SamplesError::TooMany { count: MOST_VALUES + 1 }));
        assert!(Samples::new(vec![1.0; MOST_VALUES]).is_ok());
    }

    #[test]
    fn extreme_values_have_figures_or_none_but_never_a_figure_that_is_no_number() {
        for values in
            [&[f64::MAX; 4][..], &[f64::MAX, 0.0, f64::MAX], &[0.0; 3], &[5e-324, 5e-324, f64::MAX], &[-0.0, 0.0]]
        {
            let samples = of(values);
            assert!(samples.mean() >= samples.min() && samples.mean() <= samples.max(), "{values:?}");
            assert!(samples.standard_deviation().is_none_or(f64::is_finite), "{values:?}");
            assert!(samples.variation().is_none_or(f64::is_finite), "{values:?}");
            assert!(samples.spread().is_none_or(f64::is_finite), "{values:?}");
        }
        assert_eq!(of(&[7.0]).standard_deviation(), None);
        assert_eq!(of(&[7.0]).spread(), Some(0.0));
        assert_eq!(of(&[0.0, 0.0]).spread(), None);
    }
}
