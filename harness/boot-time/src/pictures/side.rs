//! One side of a picture: the boots of a baseline or of a candidate, and which of them stand for all.

use crate::by::By;
use crate::median::median;
use crate::sample::Sample;

/// Characters of a side's name in a heading.
const NAME: usize = 80;

/// Boots under a name.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The image or build; foreign text.
    pub name: &'a str,
    /// As they were measured, with those that do not count.
    pub samples: &'a [Sample],
}

impl<'a> Side<'a> {
    /// The samples that count and whose total was measured so, with it, in the order in which they were taken.
    pub fn totals(&self, by: By) -> Vec<(&'a Sample, u64)> {
        let counted = self.samples.iter().filter(|sample| sample.is_conclusive());
        counted.filter_map(|sample| Some((sample, by.of(sample.total.as_ref()?)?))).collect()
    }

    /// The median total.
    pub fn median(&self, by: By) -> Option<u64> {
        median(self.totals(by).into_iter().map(|(_, total)| total).collect())
    }

    /// The boot whose total is the median; of two in the middle, the faster one.
    pub fn median_boot(&self, by: By) -> Option<&'a Sample> {
        let sorted = self.sorted(by);
        sorted.get(sorted.len().checked_sub(1)? / 2).map(|(sample, _)| *sample)
    }

    /// All when they are at most `most`; else so many, evenly taken from the fastest to the slowest.
    pub fn representative(&self, by: By, most: usize) -> Vec<(&'a Sample, u64)> {
        let sorted = self.sorted(by);
        if sorted.len() <= most {
            return self.totals(by);
        }
        (0..most).map(|nth| sorted[nth * (sorted.len() - 1) / (most - 1).max(1)]).collect()
    }

    /// What is left out, in words: inconclusive boots, and boots without a count; none when nothing is.
    pub fn left_out(&self, by: By) -> Option<String> {
        let inconclusive: Vec<&Sample> = self.samples.iter().filter(|sample| !sample.is_conclusive()).collect();
        let uncounted = self.samples.len() - inconclusive.len() - self.totals(by).len();
        let mut parts = Vec::new();
        if let Some(first) = inconclusive.first() {
            let why = first.inconclusive.as_deref().unwrap_or("its end was not seen");
            parts.push(format!("{} inconclusive (boot {}: {why})", boots(inconclusive.len()), first.number));
        }
        if uncounted > 0 {
            parts.push(format!("{} without a count of {}", boots(uncounted), by.name()));
        }
        (!parts.is_empty()).then(|| format!("Not shown: {}.", parts.join(", ")))
    }

    /// `baseline: fedora-43, 7 boots`; without a role, only name and count.
    pub fn heading(&self, role: &str, count: usize) -> String {
        let role = if role.is_empty() { String::new() } else { format!("{role}: ") };
        format!("{role}{}, {}", muster_base::text::one_line(self.name, NAME), boots(count))
    }

    fn sorted(&self, by: By) -> Vec<(&'a Sample, u64)> {
        let mut sorted = self.totals(by);
        sorted.sort_by_key(|(sample, total)| (*total, sample.number));
        sorted
    }
}

/// `1 boot`, `7 boots`.
pub fn boots(count: usize) -> String {
    format!("{count} boot{}", muster_base::text::plural(count))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{boot, inconclusive};
    use super::*;

    #[test]
    fn the_median_boot_is_one_that_counts() {
        let samples = [boot(1, 9_000_000), inconclusive(2), boot(3, 7_000_000), boot(4, 8_000_000), boot(5, 8_500_000)];
        let side = Side { name: "it", samples: &samples };
        assert_eq!(side.median_boot(By::Time).map(|sample| sample.number), Some(4));
        assert_eq!(side.median(By::Time), Some(8_250_000));
        assert_eq!(
            side.left_out(By::Time).as_deref(),
            Some("Not shown: 1 boot inconclusive (boot 2: the host was busy).")
        );
        assert!(Side { name: "none", samples: &[] }.median_boot(By::Time).is_none());
        assert_eq!(median(vec![u64::MAX, u64::MAX]), Some(u64::MAX));
    }

    #[test]
    fn those_that_stand_for_many_include_the_fastest_and_the_slowest() {
        let samples: Vec<Sample> = (1..=1000).map(|number| boot(number, 5_000_000 + u64::from(number))).collect();
        let side = Side { name: "it", samples: &samples };
        let shown: Vec<u32> = side.representative(By::Time, 20).iter().map(|(sample, _)| sample.number).collect();
        assert_eq!((shown.len(), shown[0], shown[19]), (20, 1, 1000));
    }
}
