//! Whether a host was fit to measure: the same work took as long before, between and after the boots.

use crate::effect::magnitude;
use crate::samples::Samples;

/// How far a host may move, as a fraction: the smallest regression that five boots at 0.4 % noise find. A host that moved
/// further could be that regression by itself.
pub const LIMIT: f64 = 0.02;

/// Seconds of one piece of work that does not depend on what is measured, done several times at each of these times.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Before the first boot.
    pub before: Samples,
    /// Between boots, in order; may be none.
    pub between: Vec<Samples>,
    /// After the last boot.
    pub after: Samples,
}

/// Whether what was measured in between can be used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fitness {
    /// The host did not move further than the limit.
    Fit {
        /// How far it moved: the slowest median divided by the fastest, less 1.
        moved: f64,
    },
    /// It moved further: measure again, or elsewhere. A repetition on the same host finds this no better.
    Unfit {
        /// How far it moved: the slowest median divided by the fastest, less 1.
        moved: f64,
    },
}

/// Why a calibration says nothing.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// The limit is out of its bounds.
    #[error("a limit of {0} is not above 0 and at most 1; 0.02 is two per cent")]
    Limit(f64),
    /// The work took no time.
    #[error("the calibration took no time (a median of zero seconds); it must take long enough to be measured")]
    NoTime,
}

/// Compares the medians of all times of a calibration. `limit` is usually [`LIMIT`].
///
/// # Errors
/// A limit that is not above 0 and at most 1, or a median of zero.
pub fn fitness(calibration: &Calibration, limit: f64) -> Result<Fitness, CalibrationError> {
    if !(limit > 0.0 && limit <= 1.0) {
        return Err(CalibrationError::Limit(limit));
    }
    let (mut fastest, mut slowest) = (f64::INFINITY, 0.0_f64);
    for samples in calibration.between.iter().chain([&calibration.before, &calibration.after]) {
        fastest = fastest.min(samples.median());
        slowest = slowest.max(samples.median());
    }
    if fastest <= 0.0 {
        return Err(CalibrationError::NoTime);
    }
    let moved = magnitude(fastest, slowest);
    Ok(if moved <= limit { Fitness::Fit { moved } } else { Fitness::Unfit { moved } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Samples {
        Samples::new(values).unwrap()
    }

    fn calibration(before: &[f64], between: &[&[f64]], after: &[f64]) -> Calibration {
        Calibration { before: of(before), between: between.iter().map(|values| of(values)).collect(), after: of(after) }
    }

    #[test]
    fn a_host_that_stays_is_fit() {
        let steady = calibration(&[1.0, 1.01, 0.99], &[&[1.002, 1.0, 1.004]], &[1.008, 1.0, 1.01]);
        let Ok(Fitness::Fit { moved }) = fitness(&steady, LIMIT) else { panic!("it is fit") };
        assert!((moved - 0.008).abs() < 1e-9, "{moved}");
    }

    #[test]
    fn a_host_that_moved_is_unfit_wherever_it_moved() {
        let (usual, slow) = (&[1.0, 1.0, 1.0][..], &[1.26, 1.25, 1.24][..]);
        for moved in [
            calibration(slow, &[usual, usual], usual),
            calibration(usual, &[usual, slow], usual),
            calibration(usual, &[], slow),
            // Fast for a while is as bad: what was measured then is too good.
            calibration(slow, &[slow, usual, slow], slow),
        ] {
            assert_eq!(fitness(&moved, LIMIT), Ok(Fitness::Unfit { moved: 0.25 }));
            assert_eq!(fitness(&moved, 0.25), Ok(Fitness::Fit { moved: 0.25 }));
        }
    }

    /// One slow value of three is noise of the work, not a slow host.
    #[test]
    fn the_median_of_each_time_counts_not_its_worst() {
        assert!(matches!(fitness(&calibration(&[1.0; 3], &[], &[1.0, 1.0, 3.0]), LIMIT), Ok(Fitness::Fit { .. })));
    }

    #[test]
    fn no_time_and_no_limit_are_errors() {
        assert_eq!(fitness(&calibration(&[0.0], &[], &[1.0]), LIMIT), Err(CalibrationError::NoTime));
        for limit in [0.0, -1.0, 1.5, f64::NAN] {
            assert!(matches!(fitness(&calibration(&[1.0], &[], &[1.0]), limit), Err(CalibrationError::Limit(_))));
        }
    }
}
