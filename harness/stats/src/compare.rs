//! Two samples of one measure: is the candidate worse than the baseline?

use crate::effect::{Interval, delta_of, interval, magnitude, median_ratio};
use crate::mann_whitney::{Method, least_p, mann_whitney, samples_needed};
use crate::samples::Samples;

/// The seed of the interval's resamples: any number will do, as long as it stays.
const SEED: u64 = 2026;

/// What a difference must be to count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    alpha: f64,
    floor: f64,
}

/// Why a rule cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// The level of significance is out of its bounds.
    #[error("a level of significance (alpha) of {0} is not from 0.000001 to 0.1")]
    Alpha(f64),
    /// The floor is out of its bounds.
    #[error("a floor of {0} is not from 0 to 1; 0.01 is one per cent")]
    Floor(f64),
}

impl Default for Rule {
    fn default() -> Self {
        Self { alpha: 0.01, floor: 0.01 }
    }
}

impl Rule {
    /// A rule of these figures.
    ///
    /// # Errors
    /// `alpha` is not from 0.000001 to 0.1, or `floor` is not from 0 to 1.
    pub fn new(alpha: f64, floor: f64) -> Result<Self, RuleError> {
        if !(1e-6..=0.1).contains(&alpha) {
            return Err(RuleError::Alpha(alpha));
        }
        if !(0.0..=1.0).contains(&floor) {
            return Err(RuleError::Floor(floor));
        }
        Ok(Self { alpha, floor })
    }

    /// The largest p of a difference that counts: how often a pair of equal systems may differ significantly.
    pub fn alpha(self) -> f64 {
        self.alpha
    }

    /// The smallest difference of medians that counts, as a fraction of the smaller one.
    pub fn floor(self) -> f64 {
        self.floor
    }
}

/// What a comparison found. Larger is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonVerdict {
    /// The candidate is larger, significantly and by at least the floor.
    Regression,
    /// The candidate is smaller, significantly and by at least the floor.
    Improvement,
    /// The candidate's median is larger by at least the floor, and not significantly: the values vary too much to say whether that is
    /// more than chance. Never found by a rule whose floor is 0.
    Undecided,
    /// None of these. That a difference was not found does not say that there is none.
    NoChange,
    /// No values of these numbers could be significant: [`Comparison::samples_needed`] a side can.
    NotEnoughSamples,
}

/// Two samples compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// What was found.
    pub verdict: ComparisonVerdict,
    /// The p of the test of Mann and Whitney, two-sided.
    pub p: f64,
    /// How `p` was computed.
    pub method: Method,
    /// Cliff's delta, above 0 when the candidate is larger.
    pub delta: f64,
    /// The candidate's median divided by the baseline's. `None` when both are zero.
    pub ratio: Option<f64>,
    /// The 95 % interval of the ratio. `None` when a resample's median is zero.
    pub interval: Option<Interval>,
    /// How many values the baseline and the candidate have.
    pub n: (usize, usize),
    /// The smallest p that so many values can have.
    pub least_p: f64,
    /// The fewest values a side with which a verdict is possible under this rule.
    pub samples_needed: usize,
}

/// Why two samples cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// One median is zero and the other is not, or they are further apart than a number can say.
    #[error("medians of {baseline} and {candidate} have no ratio; measure something that is not zero on both sides")]
    NoRatio {
        /// The baseline's median.
        baseline: f64,
        /// The candidate's median.
        candidate: f64,
    },
}

/// Compares a candidate with its baseline. Larger is worse.
///
/// A regression has all of: a p of at most the rule's alpha; a larger median, by at least the floor; more pairs in which the
/// candidate is the larger than pairs in which it is the smaller.
///
/// # Errors
/// The medians have no ratio.
pub fn compare(baseline: &Samples, candidate: &Samples, rule: Rule) -> Result<Comparison, CompareError> {
    let found = decide(baseline, candidate, rule)?;
    Ok(Comparison { interval: interval(baseline, candidate, SEED), ..found })
}

/// A comparison without its interval, which no verdict needs and which takes nearly all of the time.
///
/// # Errors
/// The medians have no ratio.
pub fn decide(baseline: &Samples, candidate: &Samples, rule: Rule) -> Result<Comparison, CompareError> {
    let (before, after) = (baseline.median(), candidate.median());
    let ratio = median_ratio(baseline, candidate);
    let both_zero = before == 0.0 && after == 0.0;
    if !both_zero && (before == 0.0 || after == 0.0 || ratio.is_none()) {
        return Err(CompareError::NoRatio { baseline: before, candidate: after });
    }
    let (n, m) = (baseline.n(), candidate.n());
    let test = mann_whitney(baseline, candidate);
    let delta = delta_of(test.u, n, m);
    let least_p = least_p(n, m);
    let is_large = magnitude(before, after) >= rule.floor;
    let counts = test.p <= rule.alpha && is_large;
    let verdict = if least_p > rule.alpha {
        ComparisonVerdict::NotEnoughSamples
    } else if counts && after > before && delta > 0.0 {
        ComparisonVerdict::Regression
    } else if counts && after < before && delta < 0.0 {
        ComparisonVerdict::Improvement
    } else if is_large && after > before && rule.floor > 0.0 {
        // What would be a regression if it were certain is not "no change".
        ComparisonVerdict::Undecided
    } else {
        ComparisonVerdict::NoChange
    };
    Ok(Comparison {
        verdict,
        p: test.p,
        method: test.method,
        delta,
        ratio,
        interval: None,
        n: (n, m),
        least_p,
        samples_needed: samples_needed(rule.alpha),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Samples {
        Samples::new(values).unwrap()
    }

    fn verdict(baseline: &[f64], candidate: &[f64]) -> ComparisonVerdict {
        compare(&of(baseline), &of(candidate), Rule::default()).unwrap().verdict
    }

    const FIVE: [f64; 5] = [10.00, 10.03, 9.98, 10.01, 9.99];

    #[test]
    fn two_per_cent_in_five_boots_is_a_regression_one_way_and_an_improvement_the_other() {
        let slower = FIVE.map(|value| value * 1.02);
        let found = compare(&of(&FIVE), &of(&slower), Rule::default()).unwrap();
        assert_eq!(
            (found.verdict, found.method, found.delta, found.n),
            (ComparisonVerdict::Regression, Method::Exact, 1.0, (5, 5))
        );
        assert!((found.p - 2.0 / 252.0).abs() < 1e-15 && found.p == found.least_p, "{found:?}");
        assert!((found.ratio.unwrap() - 1.02).abs() < 1e-12);
        let interval = found.interval.unwrap();
        assert!(interval.low > 1.01 && interval.high < 1.03, "{interval:?}");
        assert_eq!(verdict(&slower, &FIVE), ComparisonVerdict::Improvement);
    }

    #[test]
    fn what_is_significant_but_below_the_floor_is_no_change() {
        let slower = FIVE.map(|value| value * 1.006);
        assert_eq!(verdict(&FIVE, &slower), ComparisonVerdict::NoChange);
        let rule = Rule::new(0.01, 0.005).unwrap();
        assert_eq!(compare(&of(&FIVE), &of(&slower), rule).unwrap().verdict, ComparisonVerdict::Regression);
    }

    #[test]
    fn what_overlaps_in_five_boots_is_undecided_when_it_would_be_a_regression() {
        let (one_outlier, larger) = ([10.0, 10.1, 10.0, 10.1, 12.0], [11.0, 11.1, 11.2, 11.3, 11.4]);
        assert_eq!(verdict(&one_outlier, &larger), ComparisonVerdict::Undecided);
        assert_eq!(
            verdict(&larger, &one_outlier),
            ComparisonVerdict::NoChange,
            "nobody is kept from what is not slower"
        );
        // As many values that overlap no more decide it, and so does a floor above the difference.
        assert_eq!(
            verdict(&[&one_outlier[..], &FIVE[..]].concat(), &[larger, larger].concat()),
            ComparisonVerdict::Regression
        );
        let high = Rule::new(0.01, 0.2).unwrap();
        assert_eq!(compare(&of(&one_outlier), &of(&larger), high).unwrap().verdict, ComparisonVerdict::NoChange);
        let none = Rule::new(0.01, 0.0).unwrap();
        assert_eq!(compare(&of(&one_outlier), &of(&larger), none).unwrap().verdict, ComparisonVerdict::NoChange);
    }

    #[test]
    fn four_boots_are_not_enough_and_five_are_needed() {
        let found = compare(&of(&FIVE[..4]), &of(&[20.0; 4]), Rule::default()).unwrap();
        assert_eq!((found.verdict, found.samples_needed), (ComparisonVerdict::NotEnoughSamples, 5));
        assert!((found.least_p - 2.0 / 70.0).abs() < 1e-15);
        let strict = compare(&of(&FIVE), &of(&FIVE), Rule::new(0.001, 0.0).unwrap()).unwrap();
        assert_eq!((strict.verdict, strict.samples_needed), (ComparisonVerdict::NotEnoughSamples, 7));
    }

    /// Medians and ranks can disagree: most pairs say larger, the medians say smaller. Then there is no verdict.
    #[test]
    fn medians_and_ranks_that_disagree_are_no_change() {
        let mut baseline = vec![1.0; 10];
        baseline.extend([50.0; 11]);
        let mut candidate = vec![49.0; 11];
        candidate.extend([100.0; 10]);
        let found = compare(&of(&baseline), &of(&candidate), Rule::new(0.1, 0.01).unwrap()).unwrap();
        assert!(found.p < 0.1 && found.delta > 0.0 && found.ratio.unwrap() < 1.0, "{found:?}");
        assert_eq!(found.verdict, ComparisonVerdict::NoChange);
    }

    #[test]
    fn a_rule_out_of_bounds_is_an_error_that_says_the_bounds() {
        for alpha in [0.0, -0.01, 0.5, 1e-9, f64::NAN, f64::INFINITY] {
            assert!(Rule::new(alpha, 0.01).is_err(), "{alpha}");
        }
        for floor in [-0.01, 1.5, f64::NAN, f64::INFINITY] {
            assert!(Rule::new(0.01, floor).is_err(), "{floor}");
        }
        let said = Rule::new(0.01, 5.0).unwrap_err().to_string();
        assert_eq!(said, "a floor of 5 is not from 0 to 1; 0.01 is one per cent");
        assert_eq!(Rule::new(0.01, 0.01), Ok(Rule::default()));
    }
}
