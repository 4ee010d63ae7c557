//! Published tables.

use crate::mann_whitney::{Method, mann_whitney};
use crate::samples::Samples;
use crate::student::{above, two_sided};

/// Two samples without ties whose U, counted for the smaller tail, is `u`.
fn with_u(n: usize, m: usize, mut u: usize) -> (Samples, Samples) {
    let first: Vec<f64> = (1..=n).map(|value| value as f64).collect();
    let mut second = Vec::new();
    for at in 0..m {
        let larger_than = u.min(n);
        u -= larger_than;
        second.push(larger_than as f64 + 0.5 + at as f64 / 1000.0);
    }
    (Samples::new(first).unwrap(), Samples::new(second).unwrap())
}

/// The largest U whose two-sided p is at most `alpha`.
fn critical(n: usize, m: usize, alpha: f64) -> Option<usize> {
    let p = |u| {
        let (first, second) = with_u(n, m, u);
        let found = mann_whitney(&first, &second);
        assert_eq!((found.u, found.method), (u as f64, Method::Exact));
        found.p
    };
    (0..=n * m / 2).take_while(|u| p(*u) <= alpha).last()
}

/// The smallest rank sums of the smaller sample that are significant, two-sided, as "Critical values of the smallest rank sum
/// for the Wilcoxon-Mann-Whitney test" has them (a classroom table, which agrees with Milton, "An Extended Table of Critical
/// Values for the Mann-Whitney (Wilcoxon) Two-Sample Statistic", JASA 59, 1964, as reprinted): smaller and larger size, then
/// U = sum − m (m + 1) / 2 at 0.05 and at 0.01.
const MANN_WHITNEY: [(usize, usize, Option<usize>, Option<usize>); 36] = [
    (3, 3, None, None),
    (3, 4, None, None),
    (3, 5, Some(0), None),
    (3, 6, Some(1), None),
    (3, 7, Some(1), None),
    (3, 8, Some(2), None),
    (3, 9, Some(2), Some(0)),
    (3, 10, Some(3), Some(0)),
    (4, 4, Some(0), None),
    (4, 5, Some(1), None),
    (4, 6, Some(2), Some(0)),
    (4, 7, Some(3), Some(0)),
    (4, 8, Some(4), Some(1)),
    (4, 9, Some(4), Some(1)),
    (4, 10, Some(5), Some(2)),
    (5, 5, Some(2), Some(0)),
    (5, 6, Some(3), Some(1)),
    (5, 7, Some(5), Some(1)),
    (5, 8, Some(6), Some(2)),
    (5, 9, Some(7), Some(3)),
    (5, 10, Some(8), Some(4)),
    (6, 6, Some(5), Some(2)),
    (6, 7, Some(6), Some(3)),
    (6, 8, Some(8), Some(4)),
    (6, 9, Some(10), Some(5)),
    (6, 10, Some(11), Some(6)),
    (7, 7, Some(8), Some(4)),
    (7, 8, Some(10), Some(6)),
    (7, 9, Some(12), Some(7)),
    (7, 10, Some(14), Some(9)),
    (8, 8, Some(13), Some(7)),
    (8, 9, Some(15), Some(9)),
    (8, 10, Some(17), Some(11)),
    (9, 9, Some(17), Some(11)),
    (9, 10, Some(20), Some(13)),
    (10, 10, Some(23), Some(16)),
];

#[test]
fn critical_values_of_mann_and_whitney_are_the_published_ones() {
    for (m, n, at_five, at_one) in MANN_WHITNEY {
        assert_eq!((critical(n, m, 0.05), critical(n, m, 0.01)), (at_five, at_one), "{m} and {n}");
        assert_eq!((critical(m, n, 0.05), critical(m, n, 0.01)), (at_five, at_one), "{n} and {m}");
    }
}

/// Upper critical values of Student's t at 0.1, 0.05, 0.025, 0.01, 0.005 and 0.001: Federighi, "Extended Tables of the
/// Percentage Points of Student's t-Distribution", JASA 54, 1959, as reprinted; the last two rows from the NIST/SEMATECH
/// e-Handbook of Statistical Methods, 1.3.6.7.2.
const STUDENT: [(f64, [f64; 6]); 14] = [
    (1.0, [3.078, 6.314, 12.706, 31.821, 63.657, 318.309]),
    (2.0, [1.886, 2.920, 4.303, 6.965, 9.925, 22.327]),
    (3.0, [1.638, 2.353, 3.182, 4.541, 5.841, 10.214]),
    (4.0, [1.533, 2.132, 2.776, 3.747, 4.604, 7.173]),
    (5.0, [1.476, 2.015, 2.571, 3.365, 4.032, 5.893]),
    (6.0, [1.440, 1.943, 2.447, 3.143, 3.707, 5.208]),
    (8.0, [1.397, 1.860, 2.306, 2.896, 3.355, 4.501]),
    (10.0, [1.372, 1.812, 2.228, 2.764, 3.169, 4.144]),
    (15.0, [1.341, 1.753, 2.131, 2.602, 2.947, 3.733]),
    (19.0, [1.328, 1.729, 2.093, 2.539, 2.861, 3.579]),
    (20.0, [1.325, 1.725, 2.086, 2.528, 2.845, 3.552]),
    (30.0, [1.310, 1.697, 2.042, 2.457, 2.750, 3.385]),
    (60.0, [1.296, 1.671, 2.000, 2.390, 2.660, 3.232]),
    (100.0, [1.290, 1.660, 1.984, 2.364, 2.626, 3.174]),
];

#[test]
fn quantiles_of_students_t_are_the_published_ones() {
    for (df, quantiles) in STUDENT {
        for (t, tail) in quantiles.into_iter().zip([0.1, 0.05, 0.025, 0.01, 0.005, 0.001]) {
            // The table has three decimals, the last of them rounded.
            let last = 0.0006;
            assert!(above(t - last, df) > tail && above(t + last, df) < tail, "{df} {t}: {}", above(t, df));
            assert!((two_sided(-t, df) - 2.0 * above(t, df)).abs() < 1e-15);
        }
    }
}
