//! One run of several that together are one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use muster_base::text::one_line;

/// Which of how many runs this one is, and of which division.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShardRecord {
    /// From 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
    /// How many tests all of them have, on all images, the machines' own not counted.
    pub tests: u32,
    /// SHA-256 of the division: the suites, which test is in which shard, and [`ShardRecord::made_of`] the rest; hex. Runs of one
    /// division have the same.
    pub plan: String,
    /// The SHA-256 of each part of what `plan` is made of, hex: [`SUITES`], [`TESTS`], [`DIVISION`], [`OPTIONS`], and each kind of
    /// files that decide on results, such as `known-issues`. Empty in records of earlier versions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub made_of: BTreeMap<String, String>,
}

/// The suites of the selected tests.
pub const SUITES: &str = "suites";
/// The selected tests, with what they need, by image.
pub const TESTS: &str = "tests";
/// Which of them is in which shard: with the same tests that is decided by the durations.
pub const DIVISION: &str = "division";
/// The options for machines, and those that decide whether results count.
pub const OPTIONS: &str = "options";
/// Parts that are named at most: a record may say anything.
const NAMED: usize = 8;

impl ShardRecord {
    /// Whether it is the same shard of the same division. Of a record that does not say what the division is made of, the digest of all
    /// of it decides.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.number, self.of, self.tests, &self.plan) == (other.number, other.of, other.tests, &other.plan)
    }

    /// In what two divisions of as many shards differ, in words.
    pub fn differences(&self, other: &Self) -> String {
        if self.made_of.is_empty() || other.made_of.is_empty() {
            return "one of them does not say by what it was divided: suites, tests, images, durations, options or files differ"
                .to_owned();
        }
        let differs = |part: &str| self.made_of.get(part) != other.made_of.get(part);
        // Other tests may be of other suites, and mean another division: the first of them is the cause.
        let divided = [
            (TESTS, "the selected tests, their suites or the images are others"),
            (SUITES, "the suites are others"),
            (DIVISION, "the durations are others"),
        ];
        let mut out: Vec<String> = Vec::new();
        out.extend(divided.into_iter().find(|(part, _)| differs(part)).map(|(_, words)| words.to_owned()));
        if differs(OPTIONS) {
            out.push("the options for machines, or those that decide whether results count, are others".to_owned());
        }
        let is_file = |part: &&String| ![SUITES, TESTS, DIVISION, OPTIONS].contains(&part.as_str());
        let named = self.made_of.keys().chain(other.made_of.keys()).filter(is_file);
        let files: std::collections::BTreeSet<&String> = named.filter(|part| differs(part)).collect();
        let of_file = |part: &&String| format!("the content of {} is another", one_line(part, 40));
        out.extend(files.iter().take(NAMED).map(of_file));
        if out.is_empty() { "they were divided otherwise".to_owned() } else { out.join("; ") }
    }

    /// Whether there are others, which may have shown what this one has not.
    pub fn has_others(&self) -> bool {
        self.of > 1
    }

    /// What a reader of this run should know first. `tests` is how many of all tests it has, the machines' own not counted.
    pub fn notice(&self, tests: usize) -> String {
        format!("{}with {tests} of {} tests: `muster merge` makes one run of all", self.begins(), self.tests)
    }

    /// What a reader should know when every test of it was skipped.
    pub fn nothing_ran(&self) -> String {
        format!(
            "{}and no test of it ran: every one was skipped, so that it shows nothing about the image by itself",
            self.begins()
        )
    }

    /// Whether a notice of this run is about the shard alone, so that it is not true of the run that was divided.
    pub fn is_about(&self, notice: &str) -> bool {
        notice.starts_with(&self.begins())
    }

    fn begins(&self) -> String {
        format!("this is shard {} of {}, ", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_a_plan_that_differs_is_named() {
        let digest = |text: &str| muster_base::text::hex([text.len() as u8; 32]);
        let plan = |parts: &[(&str, &str)]| ShardRecord {
            made_of: parts.iter().map(|(part, text)| ((*part).to_owned(), digest(text))).collect(),
            ..ShardRecord::default()
        };
        let parts = [(SUITES, ""), (TESTS, ""), (DIVISION, ""), (OPTIONS, ""), ("known-issues", "")];
        let same = plan(&parts);
        let changed = |names: &[&str]| {
            let other = parts.map(|(part, _)| (part, if names.contains(&part) { "other" } else { "" }));
            same.differences(&plan(&other))
        };
        assert_eq!(changed(&["known-issues"]), "the content of known-issues is another");
        assert_eq!(changed(&[DIVISION]), "the durations are others");
        let tests = "the selected tests, their suites or the images are others";
        assert_eq!(
            (changed(&[TESTS, DIVISION]), changed(&[SUITES, TESTS, DIVISION])),
            (tests.to_owned(), tests.to_owned())
        );
        assert_eq!(changed(&[SUITES]), "the suites are others");
        let several = changed(&[DIVISION, OPTIONS, "known-issues"]);
        assert_eq!(several.matches("; ").count(), 2, "{several}");
        // Given to one of them alone; said by a record of before; said by a record that is none of ours.
        assert_eq!(same.differences(&plan(&parts[..4])), "the content of known-issues is another");
        assert!(same.differences(&ShardRecord::default()).contains("does not say by what"));
        let foreign: Vec<String> = (0..100).map(|at| format!("{at}\n\u{1b}[2J{}", "x".repeat(500))).collect();
        let foreign: Vec<(&str, &str)> = foreign.iter().map(|part| (part.as_str(), "x")).collect();
        let said = same.differences(&plan(&foreign));
        assert!(said.len() < 1500 && !said.contains(['\n', '\u{1b}']), "{said}");
    }

    #[test]
    fn what_is_said_of_one_shard_is_known_again_and_nothing_else_is() {
        let shard = ShardRecord { number: 2, of: 12, tests: 7, ..ShardRecord::default() };
        assert!([shard.notice(3), shard.nothing_ran()].iter().all(|notice| shard.is_about(notice)));
        let other = ShardRecord { number: 1, ..shard.clone() };
        assert!(!shard.is_about(&other.notice(3)) && !shard.is_about("lab was up already"));
    }
}
