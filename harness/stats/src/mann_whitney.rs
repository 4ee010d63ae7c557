//! The test of Mann and Whitney (also of Wilcoxon): whether one of two samples tends to be larger, by ranks alone.

use crate::samples::Samples;
use crate::special::above_normal;

/// The largest n·m whose p is exact: 20 a side. All counts up to there are whole numbers below 2^53.
pub const MOST_EXACT: usize = 400;

/// How a p was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Over all ways to share out the ranks, which ties have in common.
    Exact,
    /// The normal approximation, corrected for ties and for continuity; in its tails p is too large rather than too small.
    Normal,
}

impl Method {
    /// The one that is used for samples of these sizes.
    pub fn of(n: usize, m: usize) -> Self {
        if n.saturating_mul(m) <= MOST_EXACT { Self::Exact } else { Self::Normal }
    }
}

/// What the ranks of two samples say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which the second sample's value is the larger, a tie counted as a half; of n·m pairs.
    pub u: f64,
    /// How likely ranks as uneven as these, in either direction, are if both samples come from one distribution. When
    /// [`Method::Exact`], twice the smaller tail and at most 1.
    pub p: f64,
    /// How `p` was computed.
    pub method: Method,
}

/// Compares two samples by ranks.
pub fn mann_whitney(first: &Samples, second: &Samples) -> MannWhitney {
    let ranks = Ranks::of(first, second);
    let method = Method::of(ranks.n, ranks.m);
    let p = match method {
        Method::Exact => exact(&ranks),
        Method::Normal => normal(ranks.n, ranks.m, ranks.u(), ranks.tied()),
    };
    MannWhitney { u: ranks.u(), p, method }
}

/// The smallest p that samples of these sizes can have: that of two samples which do not overlap and have no ties. 1 when a
/// sample is empty.
pub fn least_p(n: usize, m: usize) -> f64 {
    match Method::of(n, m) {
        Method::Exact => (2.0 / ways(n, m)).min(1.0),
        Method::Normal => normal(n, m, (n as f64) * (m as f64), 0.0),
    }
}

/// The fewest values a side with which a p of at most `alpha` is possible.
pub fn samples_needed(alpha: f64) -> usize {
    (1..crate::samples::MOST_VALUES).find(|n| least_p(*n, *n) <= alpha).unwrap_or(crate::samples::MOST_VALUES)
}

/// In how many ways `n` of `n + m` ranks can be chosen.
fn ways(n: usize, m: usize) -> f64 {
    let (few, many) = (n.min(m), n.max(m));
    (1..=few).fold(1.0, |ways, k| ways * (many + k) as f64 / k as f64)
}

/// The mid-ranks of two samples in one order, twice each so that they are whole numbers.
struct Ranks {
    n: usize,
    m: usize,
    /// Twice the mid-rank and how many share it, ascending.
    groups: Vec<(usize, usize)>,
    /// Twice the sum of the second sample's mid-ranks.
    second: usize,
}

impl Ranks {
    fn of(first: &Samples, second: &Samples) -> Self {
        let (a, b) = (first.sorted(), second.sorted());
        let (mut i, mut j) = (0, 0);
        let (mut groups, mut sum) = (Vec::new(), 0);
        while i < a.len() || j < b.len() {
            let value = match (a.get(i), b.get(j)) {
                (Some(x), Some(y)) => x.min(*y),
                (Some(x), None) => *x,
                (None, other) => other.copied().unwrap_or_default(),
            };
            let before = i + j;
            i += a[i..].iter().take_while(|x| **x == value).count();
            let of_second = b[j..].iter().take_while(|y| **y == value).count();
            j += of_second;
            let twice = before + i + j + 1;
            groups.push((twice, i + j - before));
            sum += twice * of_second;
        }
        Self { n: a.len(), m: b.len(), groups, second: sum }
    }

    fn u(&self) -> f64 {
        (self.second - self.m * (self.m + 1)) as f64 / 2.0
    }

    /// Σ (t³ − t) over the groups of t equal values.
    fn tied(&self) -> f64 {
        self.groups.iter().map(|(_, t)| (*t as f64).powi(3) - *t as f64).sum()
    }
}

/// Twice the smaller tail of the sum of ranks over all choices of as many ranks as the smaller sample has.
fn exact(ranks: &Ranks) -> f64 {
    let total = (ranks.n + ranks.m) * (ranks.n + ranks.m + 1);
    let (few, observed) = if ranks.m <= ranks.n { (ranks.m, ranks.second) } else { (ranks.n, total - ranks.second) };
    let each = ranks.groups.iter().flat_map(|(twice, times)| std::iter::repeat_n(*twice, *times));
    // ways[k][s]: choices of k ranks whose doubled sum is s. A doubled rank is at most 2 (n + m).
    let most = 2 * (ranks.n + ranks.m) * few;
    let mut ways = vec![vec![0.0_f64; most + 1]; few + 1];
    ways[0][0] = 1.0;
    for (seen, rank) in each.enumerate() {
        for k in (1..=few.min(seen + 1)).rev() {
            let (fewer, more) = ways.split_at_mut(k);
            for (sum, count) in more[0].iter_mut().enumerate().skip(rank) {
                *count += fewer[k - 1][sum - rank];
            }
        }
    }
    let all: f64 = ways[few].iter().sum();
    let below: f64 = ways[few][..=observed].iter().sum();
    let above: f64 = ways[few][observed..].iter().sum();
    (2.0 * below.min(above) / all).min(1.0)
}

fn normal(n: usize, m: usize, u: f64, tied: f64) -> f64 {
    let (n, m) = (n as f64, m as f64);
    let all = n + m;
    let variance = n * m / 12.0 * (all + 1.0 - tied / (all * (all - 1.0)));
    let distance = (u - n * m / 2.0).abs() - 0.5;
    if variance <= 0.0 || distance <= 0.0 {
        return 1.0;
    }
    (2.0 * above_normal(distance / libm::sqrt(variance))).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Samples {
        Samples::new(values).unwrap()
    }

    #[test]
    fn the_least_p_is_what_the_number_of_choices_allows() {
        for (n, least) in [(1, 1.0), (2, 1.0 / 3.0), (3, 0.1), (4, 2.0 / 70.0), (5, 2.0 / 252.0), (7, 2.0 / 3432.0)] {
            assert!((least_p(n, n) - least).abs() < 1e-15, "{n}");
            let (small, large): (Vec<f64>, Vec<f64>) = (0..n).map(|i| (i as f64, (100 + i) as f64)).unzip();
            let found = mann_whitney(&of(&small), &of(&large));
            assert!((found.p - least).abs() < 1e-15, "{n}: {}", found.p);
            assert_eq!((found.u, found.method), ((n * n) as f64, Method::Exact));
        }
        assert_eq!((samples_needed(0.05), samples_needed(0.01), samples_needed(0.001)), (4, 5, 7));
        assert_eq!(least_p(0, 5), 1.0);
    }

    #[test]
    fn sizes_that_differ_give_the_same_p_from_both_sides() {
        let (few, many) = (of(&[5.0, 6.0, 9.5]), of(&[1.0, 2.0, 3.0, 4.0, 5.5, 6.0, 7.0]));
        let (there, back) = (mann_whitney(&few, &many), mann_whitney(&many, &few));
        assert_eq!((there.p, there.u + back.u), (back.p, 21.0));
    }

    #[test]
    fn equal_values_give_no_evidence_by_either_method() {
        assert_eq!(mann_whitney(&of(&[7.0; 5]), &of(&[7.0; 5])).p, 1.0);
        let many = of(&[7.0; 30]);
        let found = mann_whitney(&many, &many);
        assert_eq!((found.p, found.method, found.u), (1.0, Method::Normal, 450.0));
    }

    #[test]
    fn at_the_bound_the_two_methods_are_close() {
        let first: Vec<f64> = (0..20).map(|i| f64::from(2 * i)).collect();
        for shift in [3.0, 9.0, 11.0, 13.0] {
            let second: Vec<f64> = first.iter().map(|value| value + shift).collect();
            let ranks = Ranks::of(&of(&first), &of(&second));
            let (exact, normal) = (exact(&ranks), normal(20, 20, ranks.u(), ranks.tied()));
            assert!((exact - normal).abs() < 0.005, "{shift}: {exact} {normal}");
            // In the tail, where verdicts are, the approximation is the cautious one: the curve has more there than U.
            assert!(exact > 0.1 || (1.0..1.4).contains(&(normal / exact)), "{shift}: {exact} {normal}");
        }
        assert_eq!((Method::of(20, 20), Method::of(20, 21)), (Method::Exact, Method::Normal));
    }

    #[test]
    fn the_largest_samples_are_compared() {
        let values: Vec<f64> = (0..10_000).map(f64::from).collect();
        let later: Vec<f64> = values.iter().map(|value| value + 1e5).collect();
        assert_eq!(mann_whitney(&of(&values), &of(&later)).u, 1e8);
        assert_eq!(mann_whitney(&of(&values), &of(&later)).p, 0.0);
        assert_eq!(mann_whitney(&of(&[1.0]), &of(&values)).method, Method::Normal);
    }
}
