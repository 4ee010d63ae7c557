//! What on a console means that something went wrong. Every rule is anchored and carries one line it
//! must match and one near miss it must not; exceptions look at the matching line alone.

use std::sync::OnceLock;

use regex::{Regex, RegexSet};

/// What a finding means for its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a line in a report.
    Info,
    /// The image did something wrong; the machine goes on.
    Fail,
    /// The machine is lost: waiting longer is hopeless.
    Fatal,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Names the failure id `console.<category>`.
    pub category: &'static str,
    /// What it means for the machine.
    pub severity: Severity,
    /// Matched against the message: the line without time stamp, level and caller.
    pub pattern: &'static str,
    /// A message that matches one of these is no finding of this rule.
    pub except: &'static [&'static str],
    /// A line that must be found.
    pub hit: &'static str,
    /// A line that looks like it and must not be.
    pub miss: &'static str,
}

mod table;
pub use table::RULES;

/// The compiled rules.
#[derive(Debug)]
pub struct Rules {
    set: RegexSet,
    exceptions: Vec<Option<RegexSet>>,
    prefix: Regex,
    stamp: Regex,
}

impl Rules {
    /// Compiled once; the table is constant and its tests compile every pattern.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Rules> = OnceLock::new();
        SHARED.get_or_init(Self::compile)
    }

    #[allow(clippy::expect_used)]
    fn compile() -> Self {
        let set = |patterns: &[&str]| RegexSet::new(patterns).expect("a constant that tests compile");
        Self {
            set: set(&RULES.iter().map(|rule| rule.pattern).collect::<Vec<_>>()),
            exceptions: RULES.iter().map(|rule| (!rule.except.is_empty()).then(|| set(rule.except))).collect(),
            prefix: Regex::new(PREFIX).expect("a constant that tests compile"),
            stamp: Regex::new(STAMP).expect("a constant that tests compile"),
        }
    }

    /// The most severe rule that the line matches.
    pub fn first_match(&self, line: &str) -> Option<&'static Rule> {
        let message = self.message(line);
        // Nearly every line of a console is innocent: this question alone costs least.
        if !self.set.is_match(message) {
            return None;
        }
        self.set
            .matches(message)
            .into_iter()
            .filter(|at| !self.exceptions[*at].as_ref().is_some_and(|except| except.is_match(message)))
            .map(|at| &RULES[at])
            // The first of equals, so that the table's order decides.
            .reduce(|best, rule| if rule.severity > best.severity { rule } else { best })
    }

    /// The line without what stands before a message. The kernel's time stamp is looked for anywhere,
    /// because other writers to the port leave their own text before it.
    fn message<'l>(&self, line: &'l str) -> &'l str {
        let start = self.stamp.find_iter(line).last().map_or(0, |found| found.end());
        let line = &line[start..];
        let end = self.prefix.find(line).map_or(0, |found| found.end());
        &line[end..]
    }
}

/// `[   12.345678]`.
const STAMP: &str = r"\[ *\d{1,7}\.\d{6}\]";

/// `<4>`, `[T123]` or `[    C0]`, a date as log forwarders write it, and blanks.
const PREFIX: &str = r"^(?:<\d{1,3}>|\[ *[TC]\d+\]|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d |\s)*";

/// Whether a category says that something took too long. On an emulated or crowded host that can be
/// the host's doing, so there it is worth telling but speaks against nobody.
pub fn is_about_time(category: &str) -> bool {
    matches!(category, "lockup" | "rcu-stall" | "hung-task")
}

/// All categories, sorted.
pub fn categories() -> Vec<&'static str> {
    let mut all: Vec<_> = RULES.iter().map(|rule| rule.category).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_finds_its_hit_and_passes_its_near_miss() {
        for rule in RULES {
            let found = Rules::shared().first_match(rule.hit);
            assert_eq!(found.map(|found| found.category), Some(rule.category), "{}", rule.hit);
            let missed = Rules::shared().first_match(rule.miss);
            // A user process that faults looks like an oops, and is a remark of its own.
            let blamed = missed.filter(|found| found.category == rule.category || found.severity > Severity::Info);
            assert_eq!(blamed.map(|found| found.pattern), None, "{}", rule.miss);
            let own = Regex::new(rule.pattern).unwrap();
            assert!(own.is_match(Rules::shared().message(rule.hit)), "{}", rule.pattern);
        }
    }

    #[test]
    fn time_stamps_levels_and_callers_are_no_part_of_the_message() {
        let message = |line| Rules::shared().message(line);
        assert_eq!(message("[    1.234567][    T1] x"), "x");
        assert_eq!(message("<4>[    1.234567] [ T77] x"), "x");
        assert_eq!(message("lab login: [   35.100000] Kernel panic"), "Kernel panic");
        assert_eq!(message("[  OK  ] Started x"), "[  OK  ] Started x");
    }

    #[test]
    fn one_benign_line_hides_no_other() {
        let rules = Rules::shared();
        assert_eq!(
            rules.first_match("[    1.000000] blk_update_request: I/O error, dev fd0, sector 0").map(|r| r.category),
            None
        );
        assert_eq!(
            rules.first_match("[    1.000000] I/O error, dev vda, sector 8 op 0x0:(READ)").map(|r| r.category),
            Some("disk-error")
        );
    }
}
