//! `muster run --failed RUN`: the tests of an earlier run that failed, once more.

use std::collections::{BTreeMap, BTreeSet};

use super::earlier;
use super::error::CliError;
use super::project::Project;
use muster_base::text::{one_line, plural};
use muster_record::names::PREFIX;
use muster_record::outcome::Outcome;
use muster_record::run::RunRecord;

/// How many names a message lists.
const LISTED: usize = 10;

/// What did not pass in an earlier run: tests that failed, errored, or did not run because something else did. The
/// last belong to it, or a run that lost its machine would be green after its first test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    /// The run, as reports name it.
    run: String,
    /// The images on which each did not pass, by `suite/test`.
    tests: BTreeMap<String, BTreeSet<String>>,
    /// How many of them were proofs.
    proofs: usize,
}

impl Again {
    /// Finds the run, which is named by its id, its directory or `last`, and reads what did not pass.
    pub(crate) fn find(project: &Project, typed: &str) -> Result<Self, CliError> {
        let again = Self::of(&earlier::open(project, "--failed", typed)?.record);
        if again.tests.is_empty() {
            let what = format!("--failed: in the run {} every test passed or was skipped", again.run);
            return Err(CliError::invalid(what).hint("name another run, or select tests by `--test`"));
        }
        Ok(again)
    }

    fn of(record: &RunRecord) -> Self {
        let mut again = Self { run: one_line(&record.id, 120), tests: BTreeMap::new(), proofs: 0 };
        let open = |outcome| matches!(outcome, Outcome::Fail | Outcome::Error | Outcome::NotRun);
        for test in record.tests.iter().filter(|test| open(test.outcome)) {
            let mut note = |name: String| {
                again.tests.entry(name).or_default().insert(test.image.clone());
            };
            match test.suite.strip_prefix(PREFIX) {
                None => note(test.name()),
                // A changed test has no name that could be selected: `a.2` is the second proof of `a`, and
                // `b.for.a` is what `a` needs.
                Some(suite) => {
                    let id = test.test.rsplit_once(".for.").map_or(test.test.as_str(), |(_, id)| id);
                    let numbered = id.rsplit_once('.').filter(|(_, n)| n.bytes().all(|byte| byte.is_ascii_digit()));
                    note(format!("{suite}/{id}"));
                    numbered.into_iter().for_each(|(id, _)| note(format!("{suite}/{id}")));
                    again.proofs += 1;
                }
            }
        }
        again
    }

    /// Whether a test is one of them.
    pub(crate) fn names(&self, suite: &str, test: &str) -> bool {
        self.tests.contains_key(&format!("{suite}/{test}"))
    }

    /// What there is to say before they run on these images: how many they are, and how many more run because
    /// they are needed. An error when none of them is about these images, or needs proofs that do not run.
    pub(crate) fn notice(
        &self,
        selected: usize,
        planned: usize,
        images: &[String],
        prove: bool,
    ) -> Result<String, CliError> {
        if self.proofs > 0 && !prove {
            let what = format!("--failed: {} proof{} did not hold in {}", self.proofs, plural(self.proofs), self.run);
            return Err(CliError::invalid(what).hint("add `--prove`, or they would not run again"));
        }
        let here = |on: &BTreeSet<String>| on.iter().any(|image| images.contains(image));
        let elsewhere: BTreeSet<&str> =
            self.tests.values().filter(|on| !here(on)).flatten().map(String::as_str).collect();
        let elsewhere: Vec<&str> = elsewhere.into_iter().collect();
        if !self.tests.values().any(here) {
            let images = images.join(", ");
            let what =
                format!("--failed: the run {} was not about {images}, but about {}", self.run, elsewhere.join(", "));
            return Err(CliError::invalid(one_line(&what, 600)).hint("name the same image: `--image NAME|FILE`"));
        }
        let mut text = format!(
            "run again: {selected} test{} that failed, errored or did not run in {}",
            plural(selected),
            self.run
        );
        match planned.saturating_sub(selected) {
            0 => {}
            needed => text.push_str(&format!(", and {needed} that they need")),
        }
        Ok(text)
    }

    /// Those that the suites do not have any more, or that other options leave out.
    pub(crate) fn left_out(&self, selected: &BTreeSet<String>) -> Option<String> {
        let left: Vec<&str> = self.tests.keys().filter(|name| !selected.contains(*name)).map(String::as_str).collect();
        if left.is_empty() || self.proofs > 0 {
            return None;
        }
        let more = left.len().saturating_sub(LISTED);
        let mut text = left[..left.len().min(LISTED)].join(", ");
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        let text = format!("not run again, since it is no longer there or another option leaves it out: {text}");
        Some(one_line(&text, 1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::run::TestRecord;

    fn test(name: &str, image: &str, outcome: &str) -> TestRecord {
        let (suite, test) = name.split_once('/').unwrap();
        let value = serde_json::json!({
            "suite": suite, "test": test, "image": image, "outcome": outcome, "summary": "", "tags": [], "links": [],
            "location": {"file": "a.yaml", "line": 1, "column": 1}, "seconds": 0.0, "assertions": 0, "failures": [],
            "rerun": "",
        });
        serde_json::from_value(value).unwrap()
    }

    fn again(tests: &[(&str, &str, &str)]) -> Again {
        let tests = tests.iter().map(|(name, image, outcome)| test(name, image, outcome)).collect();
        Again::of(&RunRecord { id: "r".into(), tests, ..RunRecord::default() })
    }

    #[test]
    fn whatever_is_neither_passed_nor_skipped_runs_again() {
        let outcomes = ["pass", "fail", "error", "skip", "known", "flaky", "not-run"];
        let names: Vec<String> = outcomes.iter().map(|outcome| format!("s/{outcome}")).collect();
        let rows: Vec<_> = names.iter().zip(outcomes).map(|(name, outcome)| (name.as_str(), "lab", outcome)).collect();
        let again = again(&rows);
        assert_eq!(again.tests.keys().collect::<Vec<_>>(), ["s/error", "s/fail", "s/not-run"]);
        assert!(again.names("s", "fail") && !again.names("s", "pass"));
        let lab = ["lab".to_owned()];
        let said = again.notice(3, 5, &lab, false).unwrap();
        assert_eq!(said, "run again: 3 tests that failed, errored or did not run in r, and 2 that they need");
        let selected = ["s/error", "s/fail"].map(str::to_owned).into();
        let left = again.left_out(&selected).unwrap();
        assert!(left.ends_with("leaves it out: s/not-run"), "{left}");
    }

    #[test]
    fn a_run_on_another_image_is_not_this_one() {
        let again = again(&[("s/a", "one", "fail"), ("s/b", "two", "fail")]);
        let error = again.notice(2, 2, &["lab".to_owned()], false).unwrap_err();
        assert_eq!(error.what, "--failed: the run r was not about lab, but about one, two");
        assert!(again.notice(2, 2, &["two".to_owned()], false).is_ok());
    }

    #[test]
    fn proofs_are_found_by_the_tests_that_they_are_of_and_run_only_as_proofs() {
        let again = again(&[("proof-of-s/a.2", "lab", "fail"), ("proof-of-s/b.for.c", "lab", "error")]);
        assert!(again.names("s", "a") && again.names("s", "c") && !again.names("s", "b"));
        let lab = ["lab".to_owned()];
        assert!(again.notice(2, 2, &lab, false).unwrap_err().hint.unwrap().contains("--prove"));
        assert!(again.notice(2, 2, &lab, true).is_ok());
    }
}
