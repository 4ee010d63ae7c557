//! Whatever a policy and its profile say, a certificate is about a system that its vendor supports: the suite `supportable` has
//! passed on every image that is certified. It is the suite of the program that reads the evidence, and not one of its name.

use std::collections::{BTreeMap, BTreeSet};

use muster_base::failure::SKIP_WHEN;
use muster_base::text::one_line;
use muster_gate::inputs::RunInput;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_suite::Vocabulary;
use muster_suite::model::base_id;

use crate::reasons::image_shown;
use crate::refusal::{Refusal, RefusalId};

/// The name of the suite.
pub const SUPPORTABLE: &str = "supportable";

/// Names that one message lists at most.
const LISTED: usize = 5;

/// What the program that makes or verifies a certificate knows.
#[derive(Debug, Clone, Copy)]
pub struct Program<'p> {
    /// Its version.
    pub muster: &'p str,
    /// The check types, capabilities and tools that policies may name.
    pub vocabulary: &'p Vocabulary<'p>,
    /// The suite `supportable` that it ships.
    pub supportable: &'p ShippedSuite,
}

/// A suite as the program ships it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShippedSuite {
    /// SHA-256 of its file, hex.
    pub sha256: String,
    /// The ids of its tests, without cells.
    pub tests: BTreeSet<String>,
}

/// One result of a test.
type Result<'r> = (&'r RunInput, &'r TestRecord);

/// Why the image with this digest is not shown to be supportable. `writer` is the version of muster that wrote the certificate, as its
/// signer says. Runs of the version at hand must have the suite that it ships, whatever he says; of those of another version the
/// suite is not known here, unless the one at hand writes the certificate: it vouches for its own suite alone.
pub(crate) fn faults(runs: &[RunInput], sha256: &str, writer: &str, program: &Program<'_>) -> Vec<Refusal> {
    let tested = runs.iter().flat_map(|run| &run.record.images);
    let image =
        image_shown(tested.filter(|(_, image)| image.sha256 == sha256).map(|(entry, _)| entry.as_str()), sha256);
    let missing = |message: String| Refusal::new(RefusalId::SupportableMissing, format!("image {image}: {message}"));
    let results: Vec<Result<'_>> = runs.iter().flat_map(|run| results(run, sha256)).collect();
    if results.is_empty() {
        return vec![missing(format!("no run has tested it with the suite {SUPPORTABLE}"))];
    }
    let mut out = Vec::new();
    let is_known = |run: &RunInput| writer == program.muster || run.record.muster == program.muster;
    let known: Vec<Result<'_>> = results.iter().filter(|(run, _)| is_known(run)).copied().collect();
    if !known.is_empty() {
        let shipped = program.supportable;
        out.extend(others(&known, shipped));
        let ran: BTreeSet<&str> = known.iter().map(|(_, test)| base_id(&test.test)).collect();
        let absent: Vec<&str> = shipped.tests.iter().map(String::as_str).filter(|id| !ran.contains(id)).collect();
        if !absent.is_empty() {
            let more = absent.len().saturating_sub(LISTED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let names = absent.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
            out.push(missing(format!("the suite {SUPPORTABLE} did not run whole: no result of {names}{more}")));
        }
    }
    // A place is an image entry on an accelerator, as for the gate.
    let mut places: BTreeMap<(&str, &str, &str), Vec<Result<'_>>> = BTreeMap::new();
    for (run, test) in results {
        places.entry((&test.test, &test.image, &run.record.accelerator.kind)).or_default().push((run, test));
    }
    let passed = places.values().filter(|place| stand(place) == Stand::Passed).count();
    for place in places.values() {
        let (id, (run, test)) = match stand(place) {
            Stand::Passed | Stand::DoesNotApply => continue,
            Stand::Failed(result) => (RefusalId::SupportableFailed, result),
            Stand::Unknown(result) => (RefusalId::SupportableMissing, result),
        };
        let why = test.failures.first().or(test.skipped.as_ref());
        let why = why.map_or_else(String::new, |why| format!(": {}: {}", why.id, why.message));
        let (name, outcome) = (one_line(&test.name(), 120), test.outcome.name());
        let message = format!("image {image}: {name} is {outcome} in the run {}{why}", one_line(&run.record.id, 120));
        out.push(Refusal::new(id, message));
    }
    if passed == 0 && out.is_empty() {
        out.push(missing(format!("no test of the suite {SUPPORTABLE} applied to it")));
    }
    out
}

/// What a run says of the tests of the suite on the image.
fn results<'r>(run: &'r RunInput, sha256: &str) -> Vec<Result<'r>> {
    let on_it = |test: &&TestRecord| run.record.images.get(&test.image).is_some_and(|image| image.sha256 == sha256);
    let tests = run.record.tests.iter().filter(|test| test.suite == SUPPORTABLE);
    tests.filter(on_it).map(|test| (run, test)).collect()
}

/// Runs whose suite of the name is another one.
fn others(results: &[Result<'_>], shipped: &ShippedSuite) -> Vec<Refusal> {
    let digest = |run: &RunInput| run.record.suites.get(SUPPORTABLE).map(|suite| suite.sha256.clone());
    let other = |run: &&RunInput| digest(run).as_ref() != Some(&shipped.sha256);
    let runs: BTreeMap<&str, &RunInput> =
        results.iter().map(|(run, _)| *run).filter(other).map(|run| (run.record.id.as_str(), run)).collect();
    let one = |run: &RunInput| {
        let (id, muster) = (one_line(&run.record.id, 120), one_line(&run.record.muster, 60));
        let message = format!(
            "the suite {SUPPORTABLE} of the run {id}, by muster {muster}, is not the one that this muster ships"
        );
        Refusal::new(RefusalId::ToolModified, message)
    };
    runs.into_values().map(one).collect()
}

/// How a test stands in one place.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stand<'r> {
    Passed,
    /// Its own `when` says so.
    DoesNotApply,
    Failed(Result<'r>),
    /// It errored, was not reached, or was skipped for another reason.
    Unknown(Result<'r>),
}

/// A failure stays one, also where a later run passed; an error does not.
fn stand<'r>(place: &[Result<'r>]) -> Stand<'r> {
    let find = |is: fn(&TestRecord) -> bool| place.iter().find(|(_, test)| is(test)).copied();
    let failed = |test: &TestRecord| matches!(test.outcome, Outcome::Fail | Outcome::Known | Outcome::Flaky);
    let applies = |test: &TestRecord| {
        test.outcome != Outcome::Skip || test.skipped.as_ref().is_none_or(|why| why.id != SKIP_WHEN)
    };
    if let Some(result) = find(failed) {
        return Stand::Failed(result);
    }
    // Of runs that began at once, one that is no pass counts.
    let key = |(run, test): &&Result<'r>| (run.record.started.clone(), test.outcome != Outcome::Pass);
    match place.iter().filter(|(_, test)| test.outcome.has_run()).max_by_key(key) {
        Some((_, test)) if test.outcome == Outcome::Pass => Stand::Passed,
        Some(result) => Stand::Unknown(*result),
        None => find(applies).map_or(Stand::DoesNotApply, Stand::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use muster_base::failure::{Failure, SKIP_NEED};

    use super::*;
    use crate::testing::{MUSTER, SHIPPED, changed, digest, program, run, shipped};
    use muster_gate::inputs::NamedFile;
    use muster_record::run::RunRecord;

    /// A test of the suite, and how it ended, with the id of the reason.
    type Ended = (&'static str, Outcome, Option<muster_base::failure::FailureId>);

    fn input(id: &str, started: &str, ended: &[Ended], change: impl FnOnce(&mut RunRecord)) -> RunInput {
        let tests: Vec<(String, Outcome)> =
            ended.iter().map(|(test, outcome, _)| (format!("{SUPPORTABLE}/{test}"), *outcome)).collect();
        let tests: Vec<(&str, Outcome)> = tests.iter().map(|(name, outcome)| (name.as_str(), *outcome)).collect();
        let run = changed(&run(id, started, &tests), |record| {
            // Only those that are given.
            record.tests.retain(|test| test.suite != SUPPORTABLE || ended.iter().any(|(id, ..)| *id == test.test));
            for (test, outcome, why) in ended {
                let at = record.tests.iter_mut().find(|one| one.suite == SUPPORTABLE && one.test == *test).unwrap();
                (at.outcome, at.failures, at.skipped) = (*outcome, Vec::new(), None);
                at.skipped = why.clone().map(|id| Failure::new(id, "why"));
            }
            change(record);
        });
        RunInput { file: NamedFile { file: run.file, sha256: run.record_sha256 }, record: run.record }
    }

    fn ids(runs: &[RunInput]) -> Vec<&'static str> {
        let found = faults(runs, &digest(0xab), MUSTER, &program(&shipped()));
        found.iter().map(|refusal| refusal.id.name()).collect()
    }

    const DAY: &str = "2026-11-19T10:00:00Z";
    const LATER: &str = "2026-11-19T11:00:00Z";

    fn both(a: Outcome, b: Outcome) -> Vec<Ended> {
        vec![(SHIPPED[0], a, None), (SHIPPED[1], b, None)]
    }

    #[test]
    fn every_test_that_applies_must_have_passed() {
        let skipped = |why| vec![(SHIPPED[0], Outcome::Pass, None), (SHIPPED[1], Outcome::Skip, Some(why))];
        for (expected, ended) in [
            (&[][..], both(Outcome::Pass, Outcome::Pass)),
            (&[], skipped(SKIP_WHEN)),
            (&["supportable.missing"], skipped(SKIP_NEED)),
            (&["supportable.missing"], both(Outcome::Pass, Outcome::Error)),
            (&["supportable.missing"], both(Outcome::Pass, Outcome::NotRun)),
            (&["supportable.missing"], vec![(SHIPPED[0], Outcome::Pass, None)]),
            (&["supportable.missing"], vec![]),
            (&["supportable.failed"], both(Outcome::Pass, Outcome::Fail)),
            (&["supportable.failed"], both(Outcome::Known, Outcome::Pass)),
            (&["supportable.failed"], both(Outcome::Flaky, Outcome::Pass)),
        ] {
            assert_eq!(ids(&[input("r1", DAY, &ended, |_| {})]), expected, "{ended:?}");
        }
        let none = [(SHIPPED[0], Outcome::Skip, Some(SKIP_WHEN)), (SHIPPED[1], Outcome::Skip, Some(SKIP_WHEN))];
        assert_eq!(ids(&[input("r1", DAY, &none, |_| {})]), ["supportable.missing"], "nothing was shown");
    }

    #[test]
    fn a_later_pass_makes_good_an_error_and_no_failure() {
        let again = |first: Outcome| {
            let one = input("r1", DAY, &both(Outcome::Pass, first), |_| {});
            let two = input("r2", LATER, &both(Outcome::Pass, Outcome::Pass), |_| {});
            (ids(&[one.clone(), two.clone()]), ids(&[two, one]))
        };
        assert_eq!(again(Outcome::Error), (vec![], vec![]));
        assert_eq!(again(Outcome::Fail), (vec!["supportable.failed"], vec!["supportable.failed"]));
        let one = input("r1", LATER, &both(Outcome::Pass, Outcome::Error), |_| {});
        let two = input("r2", DAY, &both(Outcome::Pass, Outcome::Pass), |_| {});
        assert_eq!(ids(&[one, two]), ["supportable.missing"], "the newest result counts");
    }

    #[test]
    fn it_is_the_suite_that_ships_and_the_image_that_is_meant() {
        let good = both(Outcome::Pass, Outcome::Pass);
        let other = input("r1", DAY, &good, |record| {
            record.suites.get_mut(SUPPORTABLE).unwrap().sha256 = digest(3);
        });
        assert_eq!(ids(std::slice::from_ref(&other)), ["tool.modified"]);
        let elsewhere = input("r1", DAY, &good, |_| {});
        assert_eq!(faults(&[elsewhere], &digest(1), MUSTER, &program(&shipped())).len(), 1);
    }

    #[test]
    fn what_the_signer_says_of_his_version_opens_no_run_of_this_one() {
        let by = |muster: &str, ended: &[Ended], sha256: String| {
            let run = input("r1", DAY, ended, |record| {
                record.muster = muster.to_owned();
                record.suites.get_mut(SUPPORTABLE).unwrap().sha256 = sha256;
            });
            let ids = |writer| -> Vec<&str> {
                let found = faults(std::slice::from_ref(&run), &digest(0xab), writer, &program(&shipped()));
                found.iter().map(|refusal| refusal.id.name()).collect()
            };
            (ids(MUSTER), ids("0.9"))
        };
        let (good, part) = (both(Outcome::Pass, Outcome::Pass), vec![(SHIPPED[0], Outcome::Pass, None)]);
        assert_eq!(by(MUSTER, &good, digest(4)), (vec![], vec![]));
        assert_eq!(by(MUSTER, &good, digest(3)), (vec!["tool.modified"], vec!["tool.modified"]));
        assert_eq!(by(MUSTER, &part, digest(4)), (vec!["supportable.missing"], vec!["supportable.missing"]));
        // What another version ships is not known; this one writes no certificate over it.
        assert_eq!(by("0.9", &good, digest(3)), (vec!["tool.modified"], vec![]));
        assert_eq!(by("0.9", &part, digest(3)), (vec!["tool.modified", "supportable.missing"], vec![]));
    }
}
