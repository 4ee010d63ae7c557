//! The values of successive builds.

use crate::samples::{SamplesError, validated};

/// One value a build, oldest first, such as the median of its boots. Builds without a value are left out by the caller.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    values: Vec<f64>,
}

/// Why a series cannot be searched.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SeriesError {
    /// The values are not such that were measured.
    #[error(transparent)]
    Values(#[from] SamplesError),
    /// Too long for permutations, whose time grows with the square.
    #[error("the series has {count} values; permutations are done of at most {most}")]
    TooLong {
        /// How many it has.
        count: usize,
        /// How many it may have.
        most: usize,
    },
}

impl Series {
    /// A series of values, oldest first.
    ///
    /// # Errors
    /// None, more than [`MOST_VALUES`](crate::samples::MOST_VALUES), or one that is not finite or below zero.
    pub fn new(values: impl Into<Vec<f64>>) -> Result<Self, SeriesError> {
        Ok(Self { values: validated(values.into())? })
    }

    /// The values, oldest first; at least one.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The values and what they were divided by: a power of two, so that no sum overflows and nothing is rounded but what is
    /// 2^1000 times smaller than the largest.
    pub(super) fn scaled(&self) -> (Vec<f64>, f64) {
        let largest = self.values.iter().copied().fold(0.0, f64::max);
        let (_, exponent) = libm::frexp(largest);
        // The largest number of all has the exponent 1024, which no number itself has.
        let scale = libm::ldexp(1.0, (exponent - 1).max(-1000));
        (self.values.iter().map(|value| value / scale).collect(), scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_is_exact_and_leaves_no_number_above_two() {
        for values in [vec![100.1, 0.3, 7.0], vec![f64::MAX, 1.0], vec![0.0, 0.0], vec![5e-324, 1e-310], vec![1e9]] {
            let series = Series::new(values.clone()).unwrap();
            let (scaled, scale) = series.scaled();
            assert!(scaled.iter().all(|value| (0.0..2.0).contains(value)), "{values:?} {scaled:?}");
            for (value, scaled) in values.iter().zip(scaled) {
                assert!((scaled * scale - value).abs() <= value * 1e-300, "{value}");
            }
        }
    }

    #[test]
    fn what_was_not_measured_is_an_error() {
        assert_eq!(Series::new([]), Err(SeriesError::Values(SamplesError::Empty)));
        let error = Series::new([1.0, f64::NEG_INFINITY]).unwrap_err();
        assert_eq!(error.to_string(), "value 2 is -inf, which is not a finite number");
    }
}
