//! How a run found its results, and how its tests ended, as other runs that go on with it say it.

use muster_base::failure::Failure;

use crate::facts::Facts;
use crate::run::{EarlierOutcome, FoundHow, FoundOn, ImageRecord, RunRecord, TestRecord};

impl RunRecord {
    /// Whether it accepted whatever its snapshots were, so that none of them could differ.
    pub fn accepts_snapshots(&self) -> bool {
        self.was_given("--update-snapshots")
    }

    /// Whether it was on a machine that was up already.
    pub fn is_connected(&self) -> bool {
        self.was_given("--connect")
    }

    fn was_given(&self, option: &str) -> bool {
        let value = |word: &String| word.strip_prefix(option).is_some_and(|rest| rest.starts_with('='));
        self.arguments.iter().any(|word| word == option || value(word))
    }

    /// How it found its own results.
    pub fn found(&self) -> FoundHow {
        FoundHow {
            muster: self.muster.clone(),
            started: self.started.clone(),
            accelerator: self.accelerator.kind.clone(),
            accepts_snapshots: self.accepts_snapshots(),
            images: self.images.iter().map(|(id, image)| (id.clone(), on(image))).collect(),
        }
    }
}

fn on(image: &ImageRecord) -> FoundOn {
    let said = |of: fn(&Facts) -> &String| image.facts.as_ref().map(of).filter(|said| !said.is_empty()).cloned();
    FoundOn { sha256: image.sha256.clone(), arch: said(|facts| &facts.arch), firmware: said(|facts| &facts.firmware) }
}

impl EarlierOutcome {
    /// Of a test in the record of a run with this id, which may have kept it from another.
    pub fn of(test: &TestRecord, record: &RunRecord, run: &str) -> Self {
        // Details are in that run.
        let failure = test.failures.first().or(test.skipped.as_ref());
        let known = |sha256: &String| (!sha256.is_empty()).then(|| sha256.clone());
        Self {
            run: run.to_owned(),
            outcome: test.outcome,
            failure: failure.map(|failure| Failure { detail: None, ..failure.clone() }),
            suite: record.suites.get(&test.suite).and_then(|suite| known(&suite.sha256)),
            image: record.images.get(&test.image).and_then(|image| known(&image.sha256)),
        }
    }

    /// Whether it may be about the same test of the same image as this row of a record. What is not known may be.
    pub fn is_about(&self, test: &TestRecord, record: &RunRecord) -> bool {
        let same = |then: &Option<String>, now: Option<&String>| match (then, now) {
            (Some(then), Some(now)) if !now.is_empty() => then == now,
            _ => true,
        };
        same(&self.suite, record.suites.get(&test.suite).map(|suite| &suite.sha256))
            && same(&self.image, record.images.get(&test.image).map(|image| &image.sha256))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::run::SuiteRecord;
    use crate::sample;

    #[test]
    fn an_earlier_outcome_is_about_the_same_suite_and_the_same_image_or_about_another_test() {
        let digest = |byte: u8| muster_base::text::hex([byte; 32]);
        let test = sample::test("s", "a", Outcome::Fail);
        let record = |suite: u8, image: u8| RunRecord {
            suites: [("s".to_owned(), SuiteRecord { sha256: digest(suite), ..SuiteRecord::default() })].into(),
            images: [("lab".to_owned(), ImageRecord { sha256: digest(image), ..ImageRecord::default() })].into(),
            ..RunRecord::default()
        };
        let then = EarlierOutcome::of(&test, &record(1, 2), "r1");
        assert_eq!((then.run.as_str(), then.outcome), ("r1", Outcome::Fail));
        assert!(then.is_about(&test, &record(1, 2)));
        assert!(!then.is_about(&test, &record(3, 2)) && !then.is_about(&test, &record(1, 3)));
        // Back at what it was, it says something again.
        assert!(then.is_about(&test, &record(1, 2)) && then.is_about(&test, &RunRecord::default()));
        let unknown = EarlierOutcome::of(&test, &RunRecord::default(), "r1");
        assert!(unknown.is_about(&test, &record(3, 4)), "what is not known may be about it");
    }

    #[test]
    fn options_are_found_whichever_way_they_were_typed() {
        let given = |words: &[&str]| RunRecord {
            arguments: words.iter().map(|word| (*word).to_owned()).collect(),
            ..RunRecord::default()
        };
        assert!(given(&["run", "--update-snapshots"]).accepts_snapshots());
        assert!(given(&["run", "--connect=root@host"]).is_connected());
        assert!(given(&["run", "--connect", "root@host"]).is_connected());
        let neither = given(&["run", "--connect-timeout=5s", "--update-snapshots-later"]);
        assert!(!neither.is_connected() && !neither.accepts_snapshots());
    }
}
