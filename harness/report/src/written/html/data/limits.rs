//! How much of what guests wrote the page repeats.

use muster_base::text::{self, one_line};
use muster_record::met;
use muster_record::run::TestRecord;

/// Characters of a name at most.
pub(super) const NAME: usize = 200;

/// Characters of a sentence at most.
pub(super) const SENTENCE: usize = 600;

/// Characters of a command line at most: one that is cut is of no use.
pub(super) const COMMAND: usize = 8000;

/// Failures of a test, attempts of it, notes on it, tags and links at most.
pub(super) const PARTS: usize = 40;

/// Machines, findings and known issues that are listed at most.
pub(super) const LISTED: usize = 400;

/// How much output the page repeats, in bytes.
#[derive(Debug, Clone, Copy)]
pub(in crate::written) struct Limits {
    /// Of one value, output or console.
    one: usize,
    /// Of all of them together.
    all: usize,
    /// Of what was met by all tests together.
    met: usize,
}

impl Limits {
    /// The most first: the next is for a page that would be too large.
    pub(in crate::written) const STEPS: [Limits; 4] = [
        Limits { one: 64 << 10, all: 16 << 20, met: 4 << 20 },
        Limits { one: 16 << 10, all: 4 << 20, met: 2 << 20 },
        Limits { one: 4 << 10, all: 1 << 20, met: 1 << 20 },
        Limits { one: 512, all: 0, met: 0 },
    ];
    /// Of one text when all together are at their limit.
    const LEAST: usize = 200;
}

/// The output that is left to show.
pub(super) struct Budget {
    limits: Limits,
    left: usize,
    /// Bytes that are left for what was met.
    met_left: usize,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, left: limits.all, met_left: limits.met }
    }

    /// The assertions of a test that were met, as far as they fit, and how many more there were.
    pub(super) fn met(&mut self, test: &TestRecord) -> (Vec<[String; 3]>, usize) {
        let mut shown = Vec::new();
        for met in test.met.iter().take(met::MOST) {
            let row = [&met.subject, &met.expected, &met.actual].map(|text| one_line(text, NAME));
            let bytes = row.iter().map(String::len).sum();
            let Some(left) = self.met_left.checked_sub(bytes) else { break };
            self.met_left = left;
            shown.push(row);
        }
        let more = (test.met.len() - shown.len()).saturating_add(test.met_left_out as usize);
        (shown, more)
    }

    /// The text or its end.
    pub(super) fn take(&mut self, text: &str) -> String {
        let limit = self.limits.one.min(self.left.max(Limits::LEAST));
        self.left = self.left.saturating_sub(text.len().min(limit));
        text::tail(text, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::outcome::Outcome;
    use muster_record::sample;

    #[test]
    fn output_stays_within_its_limits_and_keeps_its_end() {
        let mut budget = Budget { left: 1500, ..Budget::new(Limits { one: 1000, all: 0, met: 0 }) };
        let text = format!("{}the end", "x".repeat(5000));
        let taken: Vec<String> = (0..3).map(|_| budget.take(&text)).collect();
        assert!(taken.iter().all(|taken| taken.ends_with("the end")), "{taken:?}");
        assert_eq!(taken.iter().map(|taken| taken.len() / 100).collect::<Vec<_>>(), [10, 5, 2]);
    }

    #[test]
    fn what_was_met_stays_within_its_limit_and_the_rest_is_counted() {
        let mut test = sample::test("s", "t", Outcome::Pass);
        test.met = vec![met::MetRecord::new("package x", "version >= 1", &"v".repeat(178)); 10];
        test.met_left_out = 3;
        let mut budget = Budget::new(Limits { one: 0, all: 0, met: 1500 });
        let (shown, more) = budget.met(&test);
        assert_eq!((shown.len(), more, budget.met_left), (7, 6, 107));
        assert_eq!((budget.met(&test).0.len(), Budget::new(Limits::STEPS[3]).met(&test).1), (0, 13));
    }
}
