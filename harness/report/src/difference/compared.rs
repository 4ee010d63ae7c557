//! The later of two runs, compared with the earlier.

use muster_base::exit::Exit;
use muster_record::run::{RunRecord, TestRecord};

use super::facts::{self, FactChange};
use super::worse::Worse;
use crate::since::{Change, Since, key};
use crate::verdict;

/// How many times longer a test takes that is called slower, and by how many seconds at least.
const TIMES: f64 = 3.0;
const LEAST: f64 = 10.0;

/// The later of two runs compared with the earlier.
#[derive(Debug)]
pub struct Difference<'r> {
    /// The earlier.
    pub(super) before: &'r RunRecord,
    /// The later.
    pub(super) after: &'r RunRecord,
    /// Test by test.
    pub(super) since: Since<'r>,
    /// What got worse, and what is not known.
    pub(super) worse: Worse<'r>,
    /// Tests that passed in both and take much longer, with what they took before; none where the runs had different
    /// accelerators.
    pub(super) slower: Vec<(&'r TestRecord, f64)>,
    /// By image, in order; an image whose facts one of the runs does not know is in `unknown`.
    pub(super) facts: Vec<(&'r str, Vec<FactChange>)>,
    /// Images whose facts were not compared.
    pub(super) unknown: Vec<&'r str>,
}

/// Two runs that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the runs have no image in common: the first was about {before}, the second about {after}")]
pub struct NothingInCommon {
    before: String,
    after: String,
}

impl muster_base::fault::Fault for NothingInCommon {
    fn exit(&self) -> Exit {
        Exit::Invalid
    }

    fn hint(&self) -> Option<std::borrow::Cow<'static, str>> {
        Some("if two of them are the same image under two names, say so: `--rename OLD=NEW`".into())
    }
}

impl<'r> Difference<'r> {
    /// Compares them by suite, test and image.
    ///
    /// # Errors
    /// They were about different images.
    pub fn of(before: &'r RunRecord, after: &'r RunRecord) -> Result<Self, NothingInCommon> {
        let (of_before, of_after) = (verdict::images(before), verdict::images(after));
        let common: Vec<&str> = of_before.intersection(&of_after).copied().collect();
        if common.is_empty() {
            let named = |images: std::collections::BTreeSet<&str>| {
                let names: Vec<String> = images.into_iter().map(|name| muster_base::text::one_line(name, 80)).collect();
                if names.is_empty() { "no image".to_owned() } else { names.join(", ") }
            };
            return Err(NothingInCommon { before: named(of_before), after: named(of_after) });
        }
        let (mut facts, mut unknown) = (Vec::new(), Vec::new());
        for image in common {
            let of = |run: &'r RunRecord| run.images.get(image).and_then(|image| image.facts.as_ref());
            match (of(before), of(after)) {
                (Some(then), Some(now)) => facts.push((image, facts::changes(then, now))),
                _ => unknown.push(image),
            }
        }
        let slower = slower(before, after);
        let since = Since::of(after, before);
        let worse = Worse::of(before, after, &since, slower.len());
        Ok(Self { before, after, since, worse, slower, facts, unknown })
    }

    /// How a command ends that compares: 1 when something got worse (a test fails that did not, or does not run any more, or
    /// is not there any more; an image is gone, or crashes), else 3 when the later run cannot show that nothing did.
    pub fn exit(&self) -> Exit {
        self.worse.exit()
    }

    /// The tests with this change, in the order of the later run.
    pub(super) fn tests(&self, change: Change) -> Vec<&'r TestRecord> {
        self.since.with(change).into_iter().map(|at| &self.after.tests[at]).collect()
    }
}

fn slower<'r>(before: &RunRecord, after: &'r RunRecord) -> Vec<(&'r TestRecord, f64)> {
    // Emulated times say nothing of others.
    if before.accelerator.kind != after.accelerator.kind {
        return Vec::new();
    }
    let ran = |test: &TestRecord| test.outcome.has_run() && test.seconds.is_finite();
    let known: std::collections::HashMap<(&str, &str, &str), f64> =
        before.tests.iter().filter(|test| ran(test)).map(|test| (key(test), test.seconds)).collect();
    let mut found: Vec<(&TestRecord, f64)> = after
        .tests
        .iter()
        .filter(|test| ran(test))
        .filter_map(|test| known.get(&key(test)).map(|then| (test, *then)))
        .filter(|(test, then)| test.seconds >= then * TIMES && test.seconds - then >= LEAST)
        .collect();
    found.sort_by(|(a, before_a), (b, before_b)| (b.seconds - before_b).total_cmp(&(a.seconds - before_a)));
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::outcome::Outcome;
    use muster_record::sample;

    /// A run, and a later one in which one thing of each kind changed.
    pub(crate) fn two_runs() -> (RunRecord, RunRecord) {
        let before = Recorder::fold(&sample::events());
        let mut after = before.clone();
        let pass = after.tests.iter().position(|test| test.outcome == Outcome::Pass).unwrap();
        let fail = after.tests.iter().position(|test| test.outcome == Outcome::Fail).unwrap();
        after.tests[fail].outcome = Outcome::Pass;
        after.tests[fail].failures.clear();
        after.tests[fail].seconds = before.tests[fail].seconds + 40.0;
        after.tests[pass].outcome = Outcome::Fail;
        after.tests[pass].failures = before.tests[fail].failures.clone();
        let image = after.images.get_mut("lab").unwrap();
        image.sha256 = "ef".repeat(32);
        let facts = image.facts.as_mut().unwrap();
        facts.kernel = "6.99.0".into();
        facts.capabilities.insert("tpm".into());
        facts.boot_id = "another".into();
        (before, after)
    }

    #[test]
    fn what_changed_between_two_runs_is_named_and_what_got_worse_decides() {
        let (before, after) = two_runs();
        let difference = Difference::of(&before, &after).unwrap();
        assert_eq!(difference.tests(Change::NewlyRed).len(), 1);
        assert_eq!(difference.tests(Change::Fixed).len(), 1);
        assert_eq!(difference.slower.len(), 1);
        assert_eq!(difference.exit(), Exit::Failed);
        let same = |run: &RunRecord| Difference::of(run, run).unwrap().exit();
        assert_eq!(same(&before), Exit::Error, "some of its tests have no result, as before");
        let mut whole = before.clone();
        whole.tests.retain(|test| !matches!(test.outcome, Outcome::Error | Outcome::NotRun));
        assert_eq!(same(&whole), Exit::Pass);
        let mut emulated = before.clone();
        emulated.accelerator.kind = "other".into();
        assert!(Difference::of(&emulated, &after).unwrap().slower.is_empty());
    }

    #[test]
    fn runs_of_different_images_are_not_compared() {
        let (before, mut after) = two_runs();
        after.images = [("next".to_owned(), after.images["lab"].clone())].into();
        after.tests.iter_mut().for_each(|test| test.image = "next".into());
        let error = Difference::of(&before, &after).unwrap_err();
        assert!(error.to_string().ends_with("about lab, lab-immutable, the second about next"), "{error}");
    }
}
