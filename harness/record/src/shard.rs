//! One run of several that together are one.

use serde::{Deserialize, Serialize};

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
    /// SHA-256 of the division: the suites, and which test is in which shard; hex. Runs of one division have the same.
    pub plan: String,
}

impl ShardRecord {
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
    fn what_is_said_of_one_shard_is_known_again_and_nothing_else_is() {
        let shard = ShardRecord { number: 2, of: 12, tests: 7, ..ShardRecord::default() };
        assert!([shard.notice(3), shard.nothing_ran()].iter().all(|notice| shard.is_about(notice)));
        let other = ShardRecord { number: 1, ..shard.clone() };
        assert!(!shard.is_about(&other.notice(3)) && !shard.is_about("lab was up already"));
    }
}
