//! The statistics of [`muster_suite::table::STATISTICS`] over a handful of samples.

/// A statistic of samples by its name; `None` when there is no such statistic or no sample. The
/// median of an even number is the mean of the middle two, rounded down; percentiles are by nearest
/// rank, so that they are always a sample that was seen.
pub fn of(samples: &[u64], name: &str) -> Option<u64> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    Some(match name {
        "median" => {
            let middle = sorted.len() / 2;
            match sorted.len() % 2 {
                1 => sorted[middle],
                _ => sorted[middle - 1] + (sorted[middle] - sorted[middle - 1]) / 2,
            }
        }
        "p95" => sorted[(sorted.len() * 95).div_ceil(100) - 1],
        "min" => first,
        "max" => last,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_suite::table::STATISTICS;

    #[test]
    fn every_statistic_of_the_language_is_computed() {
        let samples = [5, 1, 4, 2];
        let all: Vec<(&str, u64)> = STATISTICS.iter().map(|(name, _)| (*name, of(&samples, name).unwrap())).collect();
        assert_eq!(all, [("median", 3), ("p95", 5), ("min", 1), ("max", 5)]);
        assert_eq!((of(&[], "median"), of(&[1], "mean")), (None, None));
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(
            (of(&hundred, "p95"), of(&hundred, "median"), of(&[u64::MAX, u64::MAX], "median")),
            (Some(95), Some(50), Some(u64::MAX))
        );
    }
}
