//! A run that goes on with an earlier one: `--failed RUN`, `--rerun RUN`, `--resume RUN`, and an attempt of `--attempts DIR`. One
//! mechanism, four answers to which tests run and which results are kept.

mod decided;
mod kept;
mod lacking;
mod machines;
mod other_files;

use std::collections::{BTreeMap, BTreeSet};

use other_files::OtherFiles;

use super::earlier::Earlier;
use super::error::CliError;
use super::output::say;
use super::shard::Tests;
use muster_base::exit::Exit;
use muster_base::failure;
use muster_base::text::{one_line, plural};
use muster_engine::settings::KeptResults;
use muster_record::names::{HEALTH_TEST, MACHINE_SUITE, PREFIX};
use muster_record::outstanding::{self, listed};
use muster_record::run::{EarlierRun, RunRecord, TestRecord};
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
    /// The images on which all that ran runs again: something went wrong with their machines that their boots alone do not show.
    machines: BTreeSet<String>,
    /// In what the files that decide on results are others than then. None until the files of this run are known.
    other_files: Option<OtherFiles>,
    /// The images on which the result of each test is none of this run, since such a file is another.
    decided: BTreeMap<String, BTreeSet<String>>,
    /// How many of those that are open are proofs.
    proofs: usize,
    /// Whether the run is focused on some tests, and can be no pass.
    focused: bool,
    /// Whether the earlier run was read from an archive.
    archive: bool,
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
    /// On whose results another file decides now.
    decided: usize,
    /// Whose machines something went wrong with.
    machines: usize,
    /// Suites whose files are others than then.
    suites: BTreeSet<String>,
}

impl Counts {
    fn all(&self) -> usize {
        self.open + self.new + self.changed + self.decided + self.machines
    }
}

impl Again {
    pub(crate) fn new(mode: Mode, earlier: &Earlier, focused: bool) -> Result<Self, CliError> {
        let archive = earlier.is_archive();
        let again = Self { focused, archive, ..Self::of(mode, &earlier.opened.record, earlier.reference()?) };
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
            machines: match mode {
                Mode::Failed | Mode::Rerun => machines::wrong_machines(record),
                // What went wrong with machines goes on with the run.
                Mode::Resume | Mode::Attempt => BTreeSet::new(),
            },
            other_files: None,
            decided: BTreeMap::new(),
            proofs: 0,
            focused: false,
            archive: false,
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
        let name = format!("{suite}/{test}");
        let on_wrong_machines = || {
            let mut images = self.known.get(&name).into_iter().flatten();
            images.any(|image| self.machines.contains(image))
        };
        self.mode.keeps() || self.open.contains_key(&name) || on_wrong_machines()
    }

    /// Whether a suite is another one than in the earlier run.
    fn has_changed(&self, suite: &Suite) -> bool {
        self.record.suites.get(&suite.name).is_none_or(|then| then.sha256 != suite.digest)
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
        let name = |index: &TestIndex| {
            let (suite, test) = index.of(suites);
            format!("{}/{}", suite.name, test.id)
        };
        if !self.mode.keeps() {
            // Every image that is named gets what failed anywhere, and one with whose machines something was wrong all that ran there.
            for image in images {
                let mut tests = BTreeSet::new();
                for index in selected {
                    let name = name(index);
                    let ran = || self.known.get(&name).is_some_and(|on| on.contains(image));
                    if self.open.contains_key(&name) {
                        wanted.counts.open += 1;
                    } else if self.machines.contains(image) && ran() {
                        wanted.counts.machines += 1;
                    } else {
                        continue;
                    }
                    tests.insert(*index);
                }
                wanted.tests.insert(image.clone(), tests);
            }
            return wanted;
        }
        // No result of another version of a suite stays next to one of this version, whatever is selected.
        let runs = |at: &TestIndex| images.iter().any(|image| mine(image, at));
        let of_suites: BTreeSet<usize> = selected.iter().filter(|at| runs(at)).map(|at| at.suite).collect();
        let changed = of_suites.into_iter().filter(|at| self.has_changed(&suites[*at]));
        let all: BTreeSet<TestIndex> = changed.flat_map(|at| TestIndex::all_of(at, &suites[at].tests)).collect();
        // Nor one on which another file decides now.
        let each = |(at, suite): (usize, &Suite)| TestIndex::all_of(at, &suite.tests);
        let decided: BTreeSet<TestIndex> =
            suites.iter().enumerate().flat_map(each).filter(|index| self.decided.contains_key(&name(index))).collect();
        let candidates: BTreeSet<&TestIndex> = selected.iter().chain(&all).chain(&decided).collect();
        for image in images {
            let mut tests = BTreeSet::new();
            for index in candidates.iter().copied().filter(|index| mine(image, index)) {
                let name = name(index);
                let on = |tests: &BTreeMap<String, BTreeSet<String>>| {
                    tests.get(&name).is_some_and(|images| images.contains(image))
                };
                if !selected.contains(index) && !on(&self.known) {
                    continue;
                }
                let counts = &mut wanted.counts;
                if on(&self.open) {
                    counts.open += 1;
                } else if !on(&self.known) {
                    counts.new += 1;
                } else if all.contains(index) {
                    // What an earlier version of a test found is no result of this one.
                    counts.changed += 1;
                    counts.suites.insert(suites[index.suite].name.clone());
                } else if self.is_decided(&name, image) {
                    counts.decided += 1;
                } else if self.machines.contains(image) {
                    counts.machines += 1;
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
            Exit::Pass | Exit::Stale if self.focused => Exit::Invalid,
            // The other shards may have shown something.
            Exit::Pass if !ran && self.record.shard.as_ref().is_none_or(|shard| !shard.has_others()) => Exit::Invalid,
            exit => exit,
        };
        CliError::reported(exit)
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
        let Counts { open, new, changed, decided, machines, suites } = &wanted.counts;
        let health = usize::from(self.wants_health(Some(images)));
        let open = open + health;
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
        if *decided > 0 {
            parts.push(format!("{decided} on which another file decides than then ({})", self.decided_by()));
        }
        if *machines > 0 {
            let why = format!("of images with whose machines something went wrong ({MACHINE_SUITE}/{HEALTH_TEST})");
            parts.push(format!("{machines} {why}"));
        }
        match planned.saturating_sub(wanted.counts.all() + health) {
            0 => {}
            needed => parts.push(format!("and {needed} that they need")),
        }
        let mut text = match parts.is_empty() {
            true => format!("no test is left to run of {}", self.id()),
            false => format!("run again: {}", parts.join(", ")),
        };
        if self.mode.keeps() {
            let are = |count: usize| if count == 1 { "is" } else { "are" };
            let count = kept.tests.iter().filter(|test| test.kept_from.is_some()).count();
            text.push_str(&format!("; {count} result{} of it {} kept", plural(count), are(count)));
            for (id, why) in [
                (failure::NOT_RUN_CHANGED, "of a suite that has changed since"),
                (failure::NOT_RUN_FILES, "with another file that decides on results"),
            ] {
                let is_so = |test: &&TestRecord| {
                    test.kept_from.is_none() && test.skipped.as_ref().is_some_and(|reason| reason.id == id)
                };
                let other = kept.tests.iter().filter(is_so).count();
                if other > 0 {
                    text.push_str(&format!("; {other} {} {why}, and not run here", are(other)));
                }
            }
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
mod tests;
