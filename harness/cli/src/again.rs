//! A run that goes on with an earlier one: `--failed RUN`, `--rerun RUN`, `--resume RUN`, and an attempt of `--attempts DIR`. One
//! mechanism, four answers to which tests run and which results are kept.

use std::collections::{BTreeMap, BTreeSet};

use super::earlier::Earlier;
use super::error::CliError;
use super::output::say;
use super::shard::Tests;
use muster_base::exit::Exit;
use muster_base::failure::{self, Class, Failure};
use muster_base::text::{one_line, plural};
use muster_engine::plan::{Plan, Rerun};
use muster_engine::settings::KeptResults;
use muster_record::names::{HEALTH_TEST, MACHINE_SUITE, PREFIX};
use muster_record::outcome::Outcome;
use muster_record::outstanding::{self, listed};
use muster_record::run::{EarlierOutcome, EarlierRun, ImageRecord, RunRecord, TestRecord};
use muster_record::verdict;
use muster_suite::model::Suite;
use muster_suite::select::TestIndex;

/// How a run goes on with an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What did not pass runs again, and nothing else is looked at.
    Failed,
    /// What did not pass or is new runs; every other result is kept.
    Rerun,
    /// What has no result runs; every result is kept.
    Resume,
    /// What has no result or ended in an error runs; every other result is kept. A run of which nothing is left to do is
    /// brought to its end.
    Attempt,
}

impl Mode {
    /// The option, as it is typed.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Failed => "--failed",
            Self::Rerun => "--rerun",
            Self::Resume => "--resume",
            Self::Attempt => "--attempts",
        }
    }

    fn keeps(self) -> bool {
        self != Self::Failed
    }

    /// What runs again, after a number of tests.
    fn words(self) -> &'static str {
        match self {
            Self::Failed | Self::Rerun => "that failed, errored or did not run",
            Self::Resume => "that had not ended",
            Self::Attempt => "that ended in an error or had not ended",
        }
    }
}

/// The earlier run, and what of it is to run.
#[derive(Debug, Clone)]
pub(crate) struct Again {
    mode: Mode,
    record: RunRecord,
    /// That run, as this one's record refers to it.
    reference: EarlierRun,
    /// The images on which each test is still to be run, by `suite/test`.
    open: BTreeMap<String, BTreeSet<String>>,
    /// The images on which each has a row in the record.
    known: BTreeMap<String, BTreeSet<String>>,
    /// How many of those that are open are proofs.
    proofs: usize,
    /// Whether the run is focused on some tests, and can be no pass.
    focused: bool,
}

/// The tests of each image that run.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// By image id; images without any are not there.
    pub(crate) tests: BTreeMap<String, BTreeSet<TestIndex>>,
    counts: Counts,
}

/// Why they run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Counts {
    open: usize,
    new: usize,
    changed: usize,
    /// Suites whose files are others than then.
    suites: BTreeSet<String>,
}

impl Again {
    pub(crate) fn new(mode: Mode, earlier: &Earlier, focused: bool) -> Result<Self, CliError> {
        let again = Self { focused, ..Self::of(mode, &earlier.opened.record, earlier.reference()?) };
        if mode == Mode::Failed && again.open.is_empty() {
            let what = format!("--failed: in the run {} every test passed or was skipped", again.id());
            return Err(CliError::invalid(what).hint("name another run, or select tests by `--test`"));
        }
        Ok(again)
    }

    fn of(mode: Mode, record: &RunRecord, reference: EarlierRun) -> Self {
        let open = match mode {
            Mode::Failed | Mode::Rerun => outstanding::outstanding(&record.tests),
            Mode::Resume => outstanding::unfinished(&record.tests),
            Mode::Attempt => outstanding::unsettled(&record.tests),
        };
        let mut again = Self {
            mode,
            record: record.clone(),
            reference,
            open: BTreeMap::new(),
            known: BTreeMap::new(),
            proofs: 0,
            focused: false,
        };
        for (test, open) in record.tests.iter().zip(open) {
            let names = originals(test);
            again.proofs += usize::from(open && test.suite.starts_with(PREFIX));
            if !test.suite.starts_with(PREFIX) {
                again.known.entry(test.name()).or_default().insert(test.image.clone());
            }
            for name in names.into_iter().filter(|_| open) {
                again.open.entry(name).or_default().insert(test.image.clone());
            }
        }
        again
    }

    fn id(&self) -> String {
        one_line(&self.record.id, 120)
    }

    /// The runs that this one goes on with, oldest first.
    pub(crate) fn earlier(&self) -> Vec<EarlierRun> {
        self.record.earlier.iter().cloned().chain([self.reference.clone()]).collect()
    }

    /// Whether results of the earlier run are kept.
    pub(crate) fn keeps(&self) -> bool {
        self.mode.keeps()
    }

    /// The earlier run, with which reports compare this one.
    pub(crate) fn record(&self) -> &RunRecord {
        &self.record
    }

    /// Whether a test may run at all; on which images is seen when these are known.
    pub(crate) fn may_run(&self, suite: &str, test: &str) -> bool {
        self.mode.keeps() || self.open.contains_key(&format!("{suite}/{test}"))
    }

    /// Whether the machine's own test runs on one of these images, or may on any where none is known yet.
    pub(crate) fn wants_health(&self, images: Option<&[String]>) -> bool {
        let on = self.open.get(&format!("{MACHINE_SUITE}/{HEALTH_TEST}"));
        on.is_some_and(|on| images.is_none_or(|images| on.iter().any(|image| images.contains(image))))
    }

    /// Which of the selected tests run on which image.
    /// `shard` has those of each image that may, where not all of them do.
    pub(crate) fn wanted(
        &self,
        suites: &[Suite],
        selected: &BTreeSet<TestIndex>,
        images: &[String],
        shard: Option<&Tests>,
    ) -> Wanted {
        let mut wanted = Wanted::default();
        let mine = |image: &str, index: &TestIndex| {
            shard.is_none_or(|of| of.get(image).is_some_and(|tests| tests.contains(index)))
        };
        if !self.mode.keeps() {
            // Every image that is named gets all of them.
            wanted.tests = images.iter().map(|image| (image.clone(), selected.clone())).collect();
            wanted.counts.open = selected.len();
            return wanted;
        }
        for image in images {
            let mut tests = BTreeSet::new();
            for index in selected.iter().filter(|index| mine(image, index)) {
                let (suite, test) = index.of(suites);
                let name = format!("{}/{}", suite.name, test.id);
                let on = |tests: &BTreeMap<String, BTreeSet<String>>| {
                    tests.get(&name).is_some_and(|images| images.contains(image))
                };
                let counts = &mut wanted.counts;
                // What an earlier version of a test found is no result of this one.
                let changed = self.record.suites.get(&suite.name).is_some_and(|then| then.sha256 != suite.digest);
                if on(&self.open) {
                    counts.open += 1;
                } else if !on(&self.known) {
                    counts.new += 1;
                } else if changed {
                    counts.changed += 1;
                    counts.suites.insert(suite.name.clone());
                } else {
                    continue;
                }
                tests.insert(*index);
            }
            if !tests.is_empty() || self.wants_health(Some(std::slice::from_ref(image))) {
                wanted.tests.insert(image.clone(), tests);
            }
        }
        wanted
    }

    /// Whether it is a run also where no test is left to run: its end is what is missing.
    pub(crate) fn brings_to_an_end(&self) -> bool {
        self.mode == Mode::Attempt
    }

    /// Says that nothing is to run, and how the command ends: as the results say that there are.
    pub(crate) fn nothing_to_run(&self) -> CliError {
        say(&format!(
            "{} {}: nothing is run: {}",
            self.mode.option(),
            self.id(),
            outstanding::line(&self.record.tests)
        ));
        let left = self.record.tests.iter().zip(outstanding::outstanding(&self.record.tests)).any(|(_, open)| open);
        if left && self.mode == Mode::Rerun {
            say(
                "what is outstanding is not in the suites any more, or other options leave it out: start a run of its own",
            );
        }
        let ran = self.record.tests.iter().any(|test| test.outcome.has_run() && test.suite != MACHINE_SUITE);
        let exit = match verdict::exit_of_records(self.record.tests.iter()) {
            Exit::Pass if !ran => Exit::Invalid,
            Exit::Pass | Exit::Stale if self.focused => Exit::Invalid,
            exit => exit,
        };
        CliError::reported(exit)
    }

    /// What of the earlier run belongs to this one: for each planned test how it ended, and the results that are kept.
    pub(crate) fn join(&self, plan: &Plan, rerun: &mut Rerun) -> KeptResults {
        let key = |test: &TestRecord| (test.suite.clone(), test.test.clone(), test.image.clone());
        let planned: BTreeSet<_> = plan.unreached(rerun).iter().map(key).collect();
        let mut kept = KeptResults { whole: self.mode.keeps(), ..KeptResults::default() };
        for test in &self.record.tests {
            let from = test.kept_from.clone().unwrap_or_else(|| self.record.id.clone());
            if planned.contains(&key(test)) {
                let found = self.machine_failures(test, &from);
                if !found.is_empty() {
                    rerun.machine_failures.insert(test.image.clone(), found);
                }
                let failure = test.failures.first().or(test.skipped.as_ref()).cloned().map(|mut failure| {
                    failure.detail = None;
                    failure
                });
                let outcome = EarlierOutcome { run: from, outcome: test.outcome, failure };
                rerun.earlier.insert(key(test), test.earlier.iter().cloned().chain([outcome]).collect());
            } else if self.mode.keeps() {
                // Its machine was one of that run: this one may have another of the same name.
                let test = TestRecord { kept_from: Some(from), ..test.clone() };
                kept.tests.push(test.on_no_machine());
            }
        }
        let of = |name: &str| kept.tests.iter().any(|test| test.suite == name);
        kept.suites =
            self.record.suites.iter().filter(|(name, _)| of(name)).map(|(n, s)| (n.clone(), s.clone())).collect();
        let on = |image: &str| kept.tests.iter().any(|test| test.image == image);
        // Also of those that are looked at again: until they are, theirs is the file that the kept results are of.
        let images = self.record.images.iter().filter(|(image, _)| on(image)).map(|(image, record)| {
            let facts = if plan.images.contains(image) { None } else { record.facts.clone() };
            (image.clone(), ImageRecord { facts, ..record.clone() })
        });
        kept.images = images.collect();
        kept
    }

    /// What went wrong with an image's machines in the earlier run, and still counts now that their test runs again. Tests whose results
    /// are kept do not run here, and what their teardown or their machines came to is found by nobody again.
    fn machine_failures(&self, test: &TestRecord, from: &str) -> Vec<Failure> {
        if !test.is_health() || test.outcome == Outcome::Pass {
            return Vec::new();
        }
        let counts = |found: &&Failure| match self.mode {
            // A person wants to know how the machines are now: the verdict is that of this run alone, and the record
            // still has the earlier one next to it.
            Mode::Failed | Mode::Rerun => false,
            Mode::Resume => found.id != failure::RUN_INTERRUPTED,
            // What ended in an error runs again, since it says something of the host; what is wrong with the image stays wrong.
            Mode::Attempt => failure::class(&found.id) == Class::Fail,
        };
        let runs: BTreeSet<&str> = self.record.earlier.iter().map(|run| run.id.as_str()).chain([from]).collect();
        // What that run has kept itself already names the run that found it.
        let bare = |message: &str| runs.iter().find_map(|run| message.strip_prefix(&in_run(run))).map(str::to_owned);
        let mut known = BTreeSet::new();
        let mut kept = Vec::new();
        for found in test.failures.iter().filter(counts) {
            let named = bare(&found.message);
            let message = if named.is_some() { found.message.clone() } else { in_run(from) + &found.message };
            // The first run that found it has said it.
            if known.insert((found.id.clone(), named.unwrap_or_else(|| found.message.clone()))) {
                kept.push(Failure { message, ..found.clone() });
            }
        }
        kept
    }

    /// The SHA-256 that images must have for their results to be kept.
    pub(crate) fn expected(&self, kept: &KeptResults) -> BTreeMap<String, String> {
        let counts = |image: &str| kept.tests.iter().any(|test| test.image == image && test.outcome.has_run());
        let known = self.record.images.iter().filter(|(image, record)| !record.sha256.is_empty() && counts(image));
        known.map(|(image, record)| (image.clone(), record.sha256.clone())).collect()
    }

    /// What there is to say before they run on these images: how many they are, and how many more run because
    /// they are needed. An error when none of them is about these images, or needs proofs that do not run.
    pub(crate) fn notice(
        &self,
        wanted: &Wanted,
        planned: usize,
        images: &[String],
        prove: bool,
        kept: &KeptResults,
    ) -> Result<String, CliError> {
        let option = self.mode.option();
        if self.proofs > 0 && !prove {
            let what = format!("{option}: {} proof{} did not hold in {}", self.proofs, plural(self.proofs), self.id());
            return Err(CliError::invalid(what).hint("add `--prove`, or they would not run again"));
        }
        self.same_images(images)?;
        let Counts { open, new, changed, suites } = &wanted.counts;
        let open = open + usize::from(self.wants_health(Some(images)));
        let mut parts = Vec::new();
        if open > 0 || self.mode == Mode::Failed {
            parts.push(format!("{open} test{} {} in {}", plural(open), self.mode.words(), self.id()));
        }
        if *new > 0 {
            parts.push(format!("{new} that it did not have"));
        }
        if *changed > 0 {
            let names: Vec<String> = suites.iter().cloned().collect();
            parts.push(format!("{changed} of suites that have changed since ({})", listed(&names)));
        }
        match planned.saturating_sub(open + new + changed) {
            0 => {}
            needed => parts.push(format!("and {needed} that they need")),
        }
        let mut text = match parts.is_empty() {
            true => format!("no test is left to run of {}", self.id()),
            false => format!("run again: {}", parts.join(", ")),
        };
        if self.mode.keeps() {
            let count = kept.tests.len();
            text.push_str(&format!(
                "; {count} result{} of it {} kept",
                plural(count),
                if count == 1 { "is" } else { "are" }
            ));
        }
        Ok(text)
    }

    /// An error when the earlier run was about none of these images.
    pub(crate) fn same_images(&self, images: &[String]) -> Result<(), CliError> {
        let tests = if self.mode.keeps() { &self.known } else { &self.open };
        let about: BTreeSet<&str> = tests.values().flatten().map(String::as_str).collect();
        if about.is_empty() || images.iter().any(|image| about.contains(image.as_str())) {
            return Ok(());
        }
        let about: Vec<&str> = about.into_iter().collect();
        let (option, images) = (self.mode.option(), images.join(", "));
        let what = format!("{option}: the run {} was not about {images}, but about {}", self.id(), about.join(", "));
        Err(CliError::invalid(one_line(&what, 600)).hint("name the same image: `--image NAME|FILE`"))
    }

    /// Those that the suites do not have any more, or that other options leave out.
    pub(crate) fn left_out(&self, selected: &BTreeSet<String>) -> Option<String> {
        let left: Vec<String> = self.open.keys().filter(|name| !selected.contains(*name)).cloned().collect();
        if left.is_empty() || self.proofs > 0 {
            return None;
        }
        let stays = if self.mode.keeps() { "; as it ended then it counts" } else { "" };
        let why = "not run again, since it is no longer there or another option leaves it out";
        Some(one_line(&format!("{why}: {}{stays}", listed(&left)), 1000))
    }
}

/// Begins the message of a failure of an earlier run.
fn in_run(id: &str) -> String {
    format!("in the run {}: ", one_line(id, 120))
}

/// The tests that are selected for a row of a record: itself, and of a proof what it is of.
fn originals(test: &TestRecord) -> Vec<String> {
    match test.suite.strip_prefix(PREFIX) {
        None => vec![test.name()],
        // A changed test has no name that could be selected: `a.2` is the second proof of `a`, and
        // `b.for.a` is what `a` needs.
        Some(suite) => {
            let id = test.test.rsplit_once(".for.").map_or(test.test.as_str(), |(_, id)| id);
            let numbered = id.rsplit_once('.').filter(|(_, n)| n.bytes().all(|byte| byte.is_ascii_digit()));
            [Some(id), numbered.map(|(id, _)| id)].into_iter().flatten().map(|id| format!("{suite}/{id}")).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn again(mode: Mode, tests: &[(&str, &str, &str)]) -> Again {
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
            let record =
                RunRecord { id: "r".into(), tests: vec![health], earlier: vec![first], ..RunRecord::default() };
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
}
