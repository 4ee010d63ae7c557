//! Which tests run and which results are kept, from records made by hand.

use std::sync::Arc;

use super::*;
use muster_base::failure::{self, Failure};
use muster_engine::plan::Plan;
use muster_engine::rerun::Rerun;
use muster_record::outcome::Outcome;

fn test(name: &str, image: &str, outcome: &str) -> TestRecord {
    let (suite, test) = name.split_once('/').unwrap();
    let value = serde_json::json!({
        "suite": suite, "test": test, "image": image, "outcome": outcome, "summary": "", "tags": [], "links": [],
        "location": {"file": "a.yaml", "line": 1, "column": 1}, "seconds": 0.0, "assertions": 0, "failures": [],
        "rerun": "", "machine": "lab-1",
        "machines": [{"name": "server", "id": "lab-1"}, {"name": "client", "id": "lab-2"}],
    });
    serde_json::from_value(value).unwrap()
}

pub(super) fn again(mode: Mode, tests: &[(&str, &str, &str)]) -> Again {
    let tests = tests.iter().map(|(name, image, outcome)| test(name, image, outcome)).collect();
    Again::of(mode, &RunRecord { id: "r".into(), tests, ..RunRecord::default() }, EarlierRun::default())
}

fn notice(again: &Again, planned: usize, images: &[&str], prove: bool) -> Result<String, CliError> {
    let images: Vec<String> = images.iter().map(|image| (*image).to_owned()).collect();
    let open = again.open.len();
    let wanted = Wanted { counts: Counts { open, ..Counts::default() }, ..Wanted::default() };
    again.notice(&wanted, planned, &images, prove, &KeptResults::default())
}

#[test]
fn whatever_is_neither_passed_nor_skipped_runs_again() {
    let outcomes = ["pass", "fail", "error", "skip", "known", "flaky", "not-run"];
    let names: Vec<String> = outcomes.iter().map(|outcome| format!("s/{outcome}")).collect();
    let rows: Vec<_> = names.iter().zip(outcomes).map(|(name, outcome)| (name.as_str(), "lab", outcome)).collect();
    let failed = again(Mode::Failed, &rows);
    assert_eq!(failed.open.keys().collect::<Vec<_>>(), ["s/error", "s/fail", "s/not-run"]);
    assert!(failed.may_run("s", "fail") && !failed.may_run("s", "pass"));
    let said = notice(&failed, 5, &["lab"], false).unwrap();
    assert_eq!(said, "run again: 3 tests that failed, errored or did not run in r, and 2 that they need");
    let selected = ["s/error", "s/fail"].map(str::to_owned).into();
    let left = failed.left_out(&selected).unwrap();
    assert!(left.ends_with("leaves it out: s/not-run"), "{left}");
    // Only what never ran is not finished.
    assert_eq!(again(Mode::Resume, &rows).open.keys().collect::<Vec<_>>(), ["s/not-run"]);
    assert!(again(Mode::Rerun, &rows).may_run("s", "new"));
}

#[test]
fn a_run_on_another_image_is_not_this_one() {
    for mode in [Mode::Failed, Mode::Rerun] {
        let again = again(mode, &[("s/a", "one", "fail"), ("s/b", "two", "fail")]);
        let error = notice(&again, 2, &["lab"], false).unwrap_err();
        let option = mode.option();
        assert_eq!(error.what, format!("{option}: the run r was not about lab, but about one, two"));
        assert!(notice(&again, 2, &["two"], false).is_ok());
    }
}

#[test]
fn proofs_are_found_by_the_tests_that_they_are_of_and_run_only_as_proofs() {
    let rows = [("proof-of-s/a.2", "lab", "fail"), ("proof-of-s/b.for.c", "lab", "error")];
    let again = again(Mode::Failed, &rows);
    assert!(again.may_run("s", "a") && again.may_run("s", "c") && !again.may_run("s", "b"));
    assert!(notice(&again, 2, &["lab"], false).unwrap_err().hint.unwrap().contains("--prove"));
    assert!(notice(&again, 2, &["lab"], true).is_ok());
}

#[test]
fn what_is_not_planned_is_kept_and_what_is_planned_knows_how_it_ended() {
    let rows = [("s/a", "lab", "pass"), ("s/b", "lab", "fail")];
    let empty = Plan { images: vec![], groups: vec![], own: BTreeMap::new(), suites: vec![] };
    let mut rerun = Rerun::default();
    let kept = again(Mode::Rerun, &rows).join(&empty, &mut rerun);
    assert_eq!((kept.tests.len(), rerun.earlier.len()), (2, 0));
    assert!(kept.tests.iter().all(|test| test.kept_from.as_deref() == Some("r") && test.machine.is_none()));
    assert!(kept.tests.iter().all(|test| test.machine_ids().next().is_none() && test.machines.is_empty()));
    assert!(again(Mode::Failed, &rows).join(&empty, &mut rerun).tests.is_empty());
    let health = [("machine/health", "lab", "fail")];
    let images = Plan { images: vec!["lab".into()], ..empty };
    let kept = again(Mode::Rerun, &health).join(&images, &mut rerun);
    assert!(kept.tests.is_empty());
    let key = ("machine".to_owned(), "health".to_owned(), "lab".to_owned());
    assert_eq!((rerun.earlier[&key][0].outcome, rerun.earlier[&key][0].run.as_str()), (Outcome::Fail, "r"));
}

#[test]
fn what_is_wrong_with_machines_stays_so_when_a_run_goes_on() {
    let images = Plan { images: vec!["lab".into()], groups: vec![], own: BTreeMap::new(), suites: vec![] };
    let failures = [
        Failure::new(failure::BASE_FAILED_UNITS, "the unit x has failed"),
        Failure::new(failure::BOOT_TIMEOUT, "no answer"),
        Failure::new(failure::BASE_FAILED_UNITS, "in the run first: the unit x has failed"),
        Failure::new(failure::RUN_INTERRUPTED, "the run ended before this test did"),
    ];
    let kept = |mode: Mode, outcome: &str, failures: &[Failure]| -> Vec<String> {
        let health = TestRecord { failures: failures.to_vec(), ..test("machine/health", "lab", outcome) };
        let first = EarlierRun { id: "first".into(), ..EarlierRun::default() };
        let record = RunRecord { id: "r".into(), tests: vec![health], earlier: vec![first], ..RunRecord::default() };
        let mut rerun = Rerun::default();
        let results = Again::of(mode, &record, EarlierRun::default()).join(&images, &mut rerun);
        assert!(results.tests.is_empty());
        let found = rerun.machine_failures.remove("lab").unwrap_or_default();
        found.into_iter().map(|failure| failure.message).collect()
    };
    let unit = "in the run r: the unit x has failed";
    for outcome in ["error", "fail"] {
        assert_eq!(kept(Mode::Resume, outcome, &failures), [unit, "in the run r: no answer"]);
        assert_eq!(kept(Mode::Attempt, outcome, &failures), [unit]);
        // A failure names the run that found it, also after several runs.
        assert_eq!(kept(Mode::Attempt, outcome, &failures[2..]), ["in the run first: the unit x has failed"]);
        for mode in [Mode::Failed, Mode::Rerun] {
            assert_eq!(kept(mode, outcome, &failures), [""; 0], "its machines run again for that");
        }
    }
    assert_eq!(kept(Mode::Resume, "pass", &[]), [""; 0]);
}

pub(super) const TWO: &str = "schema: suite/v1
suite: s
tests:
- {id: a, expect: {kernel: {taint: 0}}}
- {id: b, expect: {kernel: {taint: 0}}}
";

fn suite(text: &str) -> Suite {
    let (suite, problems) = muster_suite::decode_source("s.yaml", text, &crate::load::vocabulary());
    suite.unwrap_or_else(|| panic!("{}", problems.render(false)))
}

/// An earlier run of this suite with these rows.
pub(super) fn of_suite(mode: Mode, text: &str, rows: &[(&str, &str, &str)]) -> Again {
    let mut again = again(mode, rows);
    let sha256 = suite(text).digest;
    again.record.suites = [("s".to_owned(), muster_record::run::SuiteRecord { sha256, ..Default::default() })].into();
    again
}

fn indices(tests: &[usize]) -> BTreeSet<TestIndex> {
    tests.iter().map(|test| TestIndex { suite: 0, test: *test }).collect()
}

/// What runs of a suite where these of its tests are selected, and what is kept.
pub(super) fn joined(again: &Again, text: &str, selected: &[usize], images: &[&str]) -> (Wanted, KeptResults, Rerun) {
    let images: Vec<String> = images.iter().map(|image| (*image).to_owned()).collect();
    let suites = [suite(text)];
    let wanted = again.wanted(&suites, &indices(selected), &images, None);
    let [suite] = suites;
    let on = images.into_iter().filter(|image| wanted.tests.contains_key(image)).collect();
    let plan = muster_engine::plan::plan_each(&[Arc::new(suite)], &wanted.tests, on);
    let mut rerun = Rerun::default();
    let kept = again.join(&plan, &mut rerun);
    (wanted, kept, rerun)
}

pub(super) fn rows(kept: &KeptResults) -> Vec<String> {
    let row = |test: &TestRecord| format!("{} {} {}", test.name(), test.image, test.outcome.name());
    kept.tests.iter().map(row).collect()
}

#[test]
fn no_result_of_another_version_of_a_suite_is_kept_next_to_one_of_this_version() {
    let changed = TWO.replacen("taint: 0", "taint: 1", 1);
    let found = [("s/a", "lab", "fail"), ("s/b", "lab", "pass")];
    for mode in [Mode::Rerun, Mode::Resume, Mode::Attempt] {
        let again = of_suite(mode, TWO, &[("s/a", "lab", "not-run"), ("s/b", "lab", "pass")]);
        let (wanted, kept, _) = joined(&again, TWO, &[0], &["lab"]);
        assert_eq!((&wanted.tests["lab"], rows(&kept)), (&indices(&[0]), vec!["s/b lab pass".to_owned()]));
        // Also what an option leaves out.
        let (wanted, kept, rerun) = joined(&again, &changed, &[0], &["lab"]);
        assert_eq!((&wanted.tests["lab"], rows(&kept).len()), (&indices(&[0, 1]), 0), "{mode:?}");
        assert_eq!((wanted.counts.open, wanted.counts.changed), (1, 1));
        let key = ("s".to_owned(), "b".to_owned(), "lab".to_owned());
        assert_eq!(rerun.earlier[&key][0].suite, Some(suite(TWO).digest));
    }
    // Nothing of the suite runs, so that its results are those of the suite that the record names.
    let (wanted, kept, _) = joined(&of_suite(Mode::Rerun, TWO, &found), &changed, &[], &["lab"]);
    assert!(wanted.tests.is_empty());
    assert_eq!(rows(&kept), ["s/a lab fail", "s/b lab pass"]);
}

#[test]
fn what_cannot_run_again_of_a_suite_that_has_changed_has_no_result() {
    let found = [("s/a", "lab", "fail"), ("s/b", "lab", "pass"), ("s/a", "far", "pass"), ("s/b", "far", "skip")];
    let again = of_suite(Mode::Rerun, TWO, &found);
    let one = TWO.split("- {id: b").next().unwrap();
    let (_, kept, _) = joined(&again, one, &[0], &["lab"]);
    // `s/b` is no test any more; `s/a` is one, and `far` is no image of this run.
    assert_eq!(rows(&kept), ["s/a far not-run"]);
    let row = &kept.tests[0];
    assert_eq!((row.kept_from.as_deref(), row.failures.len(), row.assertions), (None, 0, 0));
    let why = row.skipped.as_ref().unwrap();
    assert_eq!(why.id, failure::NOT_RUN_CHANGED);
    assert_eq!(why.message, "the suite s has changed since the run r, in which the test ended as pass");
    assert_eq!((row.earlier.len(), row.earlier[0].outcome), (1, Outcome::Pass));
    let images = ["lab".to_owned()];
    let said = again.notice(&Wanted::default(), 0, &images, false, &kept).unwrap();
    assert!(
        said.ends_with("; 0 results of it are kept; 1 is of a suite that has changed since, and not run here"),
        "{said}"
    );

    // A failure is not made to go away by the removal of its test.
    let other = TWO.split("- {id: a").next().unwrap().to_owned() + "- {id: b, expect: {kernel: {taint: 0}}}\n";
    let (_, kept, _) = joined(&again, &other, &[0], &["lab", "far"]);
    assert_eq!(rows(&kept), ["s/a lab not-run"]);
    assert!(kept.tests[0].skipped.as_ref().unwrap().message.ends_with("as fail, and does not have the test any more"));
    // The shards of a run have their own part of it each.
    let shard: Tests = [("lab".to_owned(), indices(&[0]))].into();
    let wanted = again.wanted(&[suite(one)], &indices(&[0]), &images, Some(&shard));
    assert_eq!(wanted.tests["lab"], indices(&[0]));
}

#[test]
fn what_went_wrong_between_tests_is_looked_for_by_all_that_ran_there() {
    let rows_found = [
        ("s/a", "lab", "pass"),
        ("s/b", "lab", "pass"),
        ("s/a", "far", "pass"),
        ("s/b", "far", "pass"),
        ("machine/health", "lab", "fail"),
    ];
    let again = |mode, failure: Failure| {
        let mut record = of_suite(mode, TWO, &rows_found).record;
        record.tests[4].failures = vec![failure];
        Again::of(mode, &record, EarlierRun::default())
    };
    let teardown = || Failure::new(failure::TEARDOWN_FAILED, "teardown of suite s: it failed (on lab-1)");
    for mode in [Mode::Failed, Mode::Rerun] {
        let whole = again(mode, teardown());
        assert!(whole.may_run("s", "a") && whole.may_run("s", "b"));
        let (wanted, _, rerun) = joined(&whole, TWO, &[0, 1], &["lab"]);
        assert_eq!((&wanted.tests["lab"], wanted.counts.machines), (&indices(&[0, 1]), 2), "{mode:?}");
        assert!(rerun.machine_failures.is_empty(), "what is done again is found again");
        let said = whole.notice(&wanted, 3, &["lab".to_owned()], false, &KeptResults::default()).unwrap();
        let why = "2 of images with whose machines something went wrong (machine/health)";
        assert!(said.contains(why) && !said.contains("that they need"), "{said}");

        // A part of it cannot show that the rest is fine.
        let (_, _, rerun) = joined(&whole, TWO, &[0], &["lab"]);
        let [kept] = &rerun.machine_failures["lab"][..] else { panic!("{mode:?}") };
        assert_eq!((&kept.id, kept.message.starts_with("in the run r: teardown")), (&failure::TEARDOWN_FAILED, true));

        // All results of a file that changed are void, and another boot does not show it.
        let void = again(mode, Failure::new(failure::IMAGE_CHANGED, "the file changed while the run went on"));
        assert!(void.may_run("s", "a") && void.may_run("s", "b"), "{mode:?}");
        assert_eq!(joined(&void, TWO, &[0, 1], &["lab"]).0.counts.machines, 2, "{mode:?}");

        // What every boot shows takes one.
        let claim = again(mode, Failure::new(failure::CLAIM_FALSE, "it has another kernel"));
        assert!(mode == Mode::Rerun || !claim.may_run("s", "a"));
        let (wanted, _, rerun) = joined(&claim, TWO, &[], &["lab"]);
        assert_eq!((wanted.counts.machines, rerun.machine_failures.len()), (0, 0));
        assert!(claim.wants_health(None));
    }
    // What failed is looked for on every image, what only the machines of one came to on that one.
    let (wanted, _, _) = joined(&again(Mode::Failed, teardown()), TWO, &[0, 1], &["lab", "far"]);
    assert_eq!((wanted.tests["lab"].len(), wanted.tests["far"].len(), wanted.counts.machines), (2, 0, 2));
    let (wanted, kept, _) = joined(&again(Mode::Rerun, teardown()), TWO, &[0, 1], &["lab", "far"]);
    assert_eq!(wanted.tests.keys().collect::<Vec<_>>(), ["lab"], "the machines of another image are fine");
    assert_eq!(rows(&kept), ["s/a far pass", "s/b far pass"]);
    // A run that was killed or shared out goes on, with what its machines have come to.
    for mode in [Mode::Resume, Mode::Attempt] {
        let (wanted, kept, rerun) = joined(&again(mode, teardown()), TWO, &[0, 1], &["lab"]);
        assert_eq!((wanted.counts.machines, rows(&kept).len()), (0, 5), "{mode:?}");
        assert!(rerun.machine_failures.is_empty(), "the row itself is kept");
    }
}
