//! What is asked of which image, in which order, before anything starts. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::outcome::outcome_of;
use muster_base::failure::{self, Failure, Location};
use muster_record::durations::Durations;
use muster_record::names::{HEALTH_TEST, MACHINE_SUITE, PREFIX};
use muster_record::outcome::Outcome;
use muster_record::run::{EarlierOutcome, SuiteRecord, TestRecord};
use muster_suite::clause::expectations;
use muster_suite::model::{GuestMode, MachineOverrides, Suite, Test};
use muster_suite::select::TestIndex;

/// What to ask of one image: the selected tests and what they need, grouped by machine.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Image ids, in the order they are run.
    pub images: Vec<String>,
    /// The tests of every image that has none of its own, in order. Whether one runs is decided by the image's facts,
    /// after its boot.
    pub groups: Vec<Group>,
    /// The tests of images that do not get the same ones, in order.
    pub own: BTreeMap<String, Vec<Group>>,
    /// The suites that have a test in the plan.
    pub suites: Vec<Arc<Suite>>,
}

/// Tests that share one machine, in order.
#[derive(Debug, Clone)]
pub struct Group {
    /// Which machine.
    pub isolation: Isolation,
    /// How it must look, where the image's description is not enough.
    pub machine_spec: MachineSpec,
    /// The tests, each after what it needs.
    pub tests: Vec<Planned>,
}

/// How a machine must look, beyond the image's description.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MachineSpec {
    /// What a combination of a matrix asks for; the image it is for left out.
    pub overrides: MachineOverrides,
    /// Whether it reaches the internet.
    pub internet: bool,
    /// Whether it has an interface for a network with other machines of its test.
    pub segment: bool,
}

impl MachineSpec {
    fn of(test: &Test) -> Self {
        Self {
            overrides: MachineOverrides { image: None, ..test.machine.clone() },
            internet: test.internet,
            segment: !test.machines.is_empty(),
        }
    }

    /// Whether the image's description is enough.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What machine a group of tests gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isolation {
    /// One that was booted and not cloned, at which the tests only look: they check its boot.
    Booted,
    /// One that all tests share which only look.
    Shared,
    /// A clone of the warm machine for this group alone.
    Clone,
    /// A cold boot for this group alone.
    Fresh,
}

/// What a test is thought to take that was never run, in seconds.
const UNKNOWN: f64 = 5.0;

/// Tests with this tag run through an SSH login of their own, since SSH is what they check.
const SSH_TAG: &str = "ssh";

impl Group {
    /// How many machines its tests have at the same time, at least one.
    pub fn machines(&self) -> u32 {
        let count = self.tests.first().map_or(1, |planned| planned.test().machines.len().max(1));
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// What its tests are thought to take on an image, in seconds, without their machine.
    pub fn expected(&self, image: &str, durations: &Durations) -> f64 {
        let of = |suite: &str, test: &str| durations.test(image, suite, test).unwrap_or(UNKNOWN);
        self.tests.iter().map(|planned| of(&planned.suite.name, &planned.test().id)).sum()
    }
}

/// One test of the plan.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its suite.
    pub suite: Arc<Suite>,
    /// Its index in the suite.
    pub index: usize,
}

impl Plan {
    /// The tests of an image.
    pub fn groups_of(&self, image: &str) -> &[Group] {
        self.own.get(image).unwrap_or(&self.groups)
    }

    /// Whether a test compares boots with those of a file: of one that it names, or of the run's, where that has one.
    pub fn compares_boots(&self, run_has_one: bool) -> bool {
        let mut tests = self.groups.iter().flat_map(|group| &group.tests);
        let compared = |test: &Test| test.baselines().iter().any(|baseline| run_has_one || baseline.file.is_some());
        tests.any(|planned| compared(planned.test()))
    }
}

impl Planned {
    /// The test itself.
    pub fn test(&self) -> &Test {
        &self.suite.tests[self.index]
    }

    /// Whether it runs through an SSH login of its own.
    pub(crate) fn wants_login(&self) -> bool {
        self.test().tags.iter().any(|tag| tag == SSH_TAG)
    }
}

/// Makes the plan from the selected tests: adds what they need, and gives each `needs` chain the machine that its most demanding test asks for.
pub fn plan(suites: &[Arc<Suite>], selected: &BTreeSet<TestIndex>, images: Vec<String>) -> Plan {
    let mut together: BTreeMap<(MachineSpec, Isolation), Vec<Planned>> = BTreeMap::new();
    let mut alone = Vec::new();
    let mut used = Vec::new();
    for (suite_index, suite) in suites.iter().enumerate() {
        let chains = needs_chains(suite, suite_index, selected);
        if chains.is_empty() {
            continue;
        }
        used.push(suite.clone());
        for NeedsChain { tests, isolation, machine_spec } in chains {
            let tests = tests.into_iter().map(|index| Planned { suite: suite.clone(), index });
            match isolation {
                Isolation::Booted | Isolation::Shared => {
                    together.entry((machine_spec, isolation)).or_default().extend(tests)
                }
                Isolation::Clone | Isolation::Fresh => {
                    alone.push(Group { isolation, machine_spec, tests: tests.collect() })
                }
            }
        }
    }
    let mut groups = Vec::new();
    for ((machine_spec, isolation), mut tests) in together {
        // Tests that only look come before tests that change the guest, so that what one suite installs
        // or starts is not what another suite checks.
        tests.sort_by_key(|planned: &Planned| changes_the_guest(planned));
        groups.push(Group { isolation, machine_spec, tests });
    }
    groups.extend(alone);
    groups.sort_by(|one, other| (&one.machine_spec, one.isolation).cmp(&(&other.machine_spec, other.isolation)));
    Plan { images, groups, own: BTreeMap::new(), suites: used }
}

/// Tests that need each other, in the order in which they run, and the machine that they get.
pub(crate) struct NeedsChain {
    pub(crate) tests: Vec<usize>,
    pub(crate) isolation: Isolation,
    pub(crate) machine_spec: MachineSpec,
}

/// The chains of the selected tests of a suite, which has this index in the selection, and of what these need.
pub(crate) fn needs_chains(suite: &Suite, at: usize, selected: &BTreeSet<TestIndex>) -> Vec<NeedsChain> {
    let wanted = selected.iter().filter(|index| index.suite == at).map(|index| index.test);
    let chain = |tests: Vec<usize>| NeedsChain {
        isolation: isolation(suite, &tests),
        // All tests of a chain want the same.
        machine_spec: tests.first().map(|index| MachineSpec::of(&suite.tests[*index])).unwrap_or_default(),
        tests,
    };
    chains(suite, &with_needs(suite, wanted)).into_iter().map(chain).collect()
}

/// The same for images of which each has tests of its own, as a run has that goes on with another one. The groups of the
/// plan are those of all images together.
pub fn plan_each(suites: &[Arc<Suite>], selected: &BTreeMap<String, BTreeSet<TestIndex>>, images: Vec<String>) -> Plan {
    let all = selected.values().flatten().copied().collect();
    let own = selected.iter().map(|(image, tests)| (image.clone(), plan(suites, tests, Vec::new()).groups)).collect();
    Plan { own, ..plan(suites, &all, images) }
}

/// What machine a chain of tests gets.
fn isolation(suite: &Suite, chain: &[usize]) -> Isolation {
    let tests = || chain.iter().map(|index| &suite.tests[*index]);
    if tests().any(|test| test.guest == GuestMode::Fresh) {
        Isolation::Fresh
    } else if tests().any(|test| test.guest == GuestMode::Clone) {
        Isolation::Clone
    } else if tests().any(is_about_the_boot) && suite.setup.is_empty() && tests().all(|test| test.steps.is_empty()) {
        Isolation::Booted
    } else {
        Isolation::Shared
    }
}

/// Whether a test asks how the machine booted, which a clone never did and which needs the host to itself.
pub(crate) fn is_about_the_boot(test: &Test) -> bool {
    expectations(&test.expect).iter().any(|expectation| expectation.check == "boot")
}

impl Planned {
    /// The same test as the first adjustment that fits this system makes it, and why; unchanged when
    /// none does. The error is that of an adjustment nobody can decide here.
    pub fn adjusted(&self, lookup: &dyn Fn(&str) -> Option<Vec<String>>) -> Result<(Self, Vec<String>), Failure> {
        let test = self.test();
        if test.adjust.is_empty() {
            return Ok((self.clone(), Vec::new()));
        }
        let adjusted = test.adjusted(lookup).map_err(|error| {
            let text = format!("cannot determine how the test is adjusted: {error}");
            Failure::new(failure::PROBE_FAILED, text).at(&test.location)
        })?;
        let mut suite = Suite::clone(&self.suite);
        suite.tests[self.index] = adjusted.test;
        Ok((Self { suite: Arc::new(suite), index: self.index }, adjusted.because))
    }
}

/// Whether the test, or a test that it shares a `needs` chain with, has steps.
fn changes_the_guest(planned: &Planned) -> bool {
    let suite = &planned.suite;
    let all: BTreeSet<usize> = (0..suite.tests.len()).collect();
    !suite.setup.is_empty()
        || chains(suite, &all)
            .into_iter()
            .find(|chain| chain.contains(&planned.index))
            .is_some_and(|chain| chain.iter().any(|index| !suite.tests[*index].steps.is_empty()))
}

/// The wanted tests and, transitively, what they need.
fn with_needs(suite: &Suite, wanted: impl Iterator<Item = usize>) -> BTreeSet<usize> {
    let by_id: BTreeMap<&str, usize> = suite.tests.iter().enumerate().map(|(i, t)| (t.id.as_str(), i)).collect();
    let mut found = BTreeSet::new();
    let mut open: Vec<usize> = wanted.collect();
    while let Some(index) = open.pop() {
        if found.insert(index) {
            open.extend(suite.tests[index].needs.iter().filter_map(|id| by_id.get(id.as_str()).copied()));
        }
    }
    found
}

/// The tests of `members`, split into groups connected by `needs`, each in an order in which
/// needs come first and otherwise the file's order is kept.
fn chains(suite: &Suite, members: &BTreeSet<usize>) -> Vec<Vec<usize>> {
    let by_id: BTreeMap<&str, usize> = suite.tests.iter().enumerate().map(|(i, t)| (t.id.as_str(), i)).collect();
    // Union by smallest member: the representative of a chain is its first test in the file.
    let mut chain_of: BTreeMap<usize, usize> = members.iter().map(|i| (*i, *i)).collect();
    fn find(chain_of: &BTreeMap<usize, usize>, mut index: usize) -> usize {
        while chain_of[&index] != index {
            index = chain_of[&index];
        }
        index
    }
    for index in members {
        for need in &suite.tests[*index].needs {
            let Some(other) = by_id.get(need.as_str()).filter(|other| members.contains(other)) else { continue };
            let (a, b) = (find(&chain_of, *index), find(&chain_of, *other));
            chain_of.insert(a.max(b), a.min(b));
        }
    }
    let mut grouped: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for index in members {
        grouped.entry(find(&chain_of, *index)).or_default().push(*index);
    }
    grouped.into_values().map(|chain| needs_first(suite, &by_id, &chain)).collect()
}

fn needs_first(suite: &Suite, by_id: &BTreeMap<&str, usize>, chain: &[usize]) -> Vec<usize> {
    fn visit(
        suite: &Suite,
        by_id: &BTreeMap<&str, usize>,
        chain: &[usize],
        index: usize,
        seen: &mut BTreeSet<usize>,
        out: &mut Vec<usize>,
    ) {
        if !chain.contains(&index) || !seen.insert(index) {
            return;
        }
        for need in &suite.tests[index].needs {
            if let Some(other) = by_id.get(need.as_str()) {
                visit(suite, by_id, chain, *other, seen, out);
            }
        }
        out.push(index);
    }
    let mut seen = BTreeSet::new();
    let mut out = Vec::with_capacity(chain.len());
    for index in chain {
        visit(suite, by_id, chain, *index, &mut seen, &mut out);
    }
    out
}

impl Plan {
    /// How many tests are asked of each image, without the machine's own.
    pub fn tests_per_image(&self) -> usize {
        self.groups.iter().map(|group| group.tests.len()).sum()
    }

    /// The suites as reports know them.
    pub fn suite_records(&self) -> BTreeMap<String, SuiteRecord> {
        self.suites
            .iter()
            .map(|suite| {
                let record = SuiteRecord {
                    file: suite.file.to_string(),
                    summary: suite.summary.clone(),
                    sha256: suite.digest.clone(),
                };
                (suite.name.clone(), record)
            })
            .collect()
    }

    /// Every test on every image, each as it stands in the record when the run ends now.
    pub fn unreached(&self, rerun: &Rerun) -> Vec<TestRecord> {
        let mut records = Vec::new();
        for image in &self.images {
            records.push(unreached_health(image, rerun));
            for planned in self.groups_of(image).iter().flat_map(|group| &group.tests) {
                records.push(unreached(planned, image, rerun));
            }
        }
        records
    }
}

/// What a person types to run one test again: the words before and after the image and test.
#[derive(Debug, Clone, Default)]
pub struct Rerun {
    /// Options that the run was started with and that a single test needs too, shell-quoted.
    pub options: Vec<String>,
    /// Options that only a changed test needs, shell-quoted: where its proof stands.
    pub proving: Vec<String>,
    /// What was typed for an image, by its id, where the two differ: the path of a file.
    pub images: BTreeMap<String, String>,
    /// Whether the options name a machine that is already up, so that there is no image to name.
    pub connected: bool,
    /// How tests ended in the runs that this one goes on with, by suite, test and image.
    pub earlier: BTreeMap<(String, String, String), Vec<EarlierOutcome>>,
    /// What went wrong with the machines of an image in those runs and still counts, by image: each message begins with its run.
    /// Tests whose results are kept were run there, and nothing here would find it again.
    pub machine_failures: BTreeMap<String, Vec<Failure>>,
}

impl Rerun {
    /// What went wrong with the machines of this image in earlier runs and still counts.
    pub(crate) fn machine_failures(&self, image: &str) -> &[Failure] {
        self.machine_failures.get(image).map(Vec::as_slice).unwrap_or_default()
    }

    /// The command line for one test on one image.
    pub fn command(&self, suite: &str, test: &str, image: &str) -> String {
        let mut words = vec!["muster".to_owned(), "run".to_owned()];
        words.extend(self.options.iter().cloned());
        if !self.connected {
            let image = self.images.get(image).map_or(image, String::as_str);
            words.extend(["--image".to_owned(), quote(image)]);
        }
        // A changed test has no name of its own that could be selected.
        if let Some(proven) = suite.strip_prefix(PREFIX) {
            words.push("--prove".to_owned());
            words.extend(self.proving.iter().cloned());
            words.extend(["--suite".to_owned(), quote(proven)]);
        } else {
            words.extend(["--test".to_owned(), quote(&format!("{suite}/{test}"))]);
        }
        words.join(" ")
    }
}

/// The record of a test that did not run because something else went wrong first.
pub(crate) fn not_run(planned: &Planned, image: &str, rerun: &Rerun, why: Failure) -> TestRecord {
    let record = unreached(planned, image, rerun);
    TestRecord { outcome: Outcome::NotRun, failures: Vec::new(), skipped: Some(why), ..record }
}

/// The record of the machines of an image that was not reached for it.
pub(crate) fn health_not_run(image: &str, rerun: &Rerun, why: Failure) -> TestRecord {
    let record = known_health(image, rerun);
    if record.failures.is_empty() {
        return TestRecord { outcome: Outcome::NotRun, skipped: Some(why), ..record };
    }
    // What is known already is no less true for it.
    let outcome = outcome_of(&record);
    TestRecord { outcome, remarks: vec![why.message], ..record }
}

pub use muster_base::text::shell_word as quote;

fn blank(suite: &str, test: &str, image: &str, location: Location, rerun: &Rerun) -> TestRecord {
    let key = (suite.to_owned(), test.to_owned(), image.to_owned());
    TestRecord {
        suite: suite.to_owned(),
        test: test.to_owned(),
        image: image.to_owned(),
        outcome: Outcome::Error,
        summary: String::new(),
        tags: Vec::new(),
        links: Vec::new(),
        location,
        started: None,
        seconds: 0.0,
        assertions: 0,
        met: Vec::new(),
        met_left_out: 0,
        failures: vec![Failure::new(failure::RUN_INTERRUPTED, "the run ended before this test was reached")],
        skipped: None,
        remarks: Vec::new(),
        attempts: Vec::new(),
        earlier: rerun.earlier.get(&key).cloned().unwrap_or_default(),
        kept_from: None,
        issue: None,
        machine: None,
        machines: Vec::new(),
        capsule: None,
        rerun: rerun.command(suite, test, image),
    }
}

/// The record of a planned test that has not been reached.
pub fn unreached(planned: &Planned, image: &str, rerun: &Rerun) -> TestRecord {
    let test = planned.test();
    TestRecord {
        summary: test.summary.clone(),
        tags: test.tags.clone(),
        links: test.links.clone(),
        ..blank(&planned.suite.name, &test.id, image, test.location.clone(), rerun)
    }
}

/// The record of an image's machine health before its machines have ended. What earlier runs found is there from the beginning, so
/// that a run that is killed hands it on.
pub fn unreached_health(image: &str, rerun: &Rerun) -> TestRecord {
    let record = health(image, rerun);
    let failures = rerun.machine_failures(image).iter().cloned().chain(record.failures).collect();
    TestRecord { failures, ..record }
}

/// The same with what earlier runs found alone.
pub(crate) fn known_health(image: &str, rerun: &Rerun) -> TestRecord {
    TestRecord { failures: rerun.machine_failures(image).to_vec(), ..health(image, rerun) }
}

fn health(image: &str, rerun: &Rerun) -> TestRecord {
    TestRecord {
        summary: "its machines boot, settle and stop without a crash, a failed unit, a denial or a core dump"
            .to_owned(),
        tags: vec!["always".to_owned()],
        ..blank(
            MACHINE_SUITE,
            HEALTH_TEST,
            image,
            Location { file: Arc::from("(always on)"), line: 1, column: 1 },
            rerun,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    fn selected(tests: &[(usize, usize)]) -> BTreeSet<TestIndex> {
        tests.iter().map(|(suite, test)| TestIndex { suite: *suite, test: *test }).collect()
    }

    fn test(id: &str, needs: &[&str], guest: GuestMode, steps: usize) -> Test {
        Test { guest, ..fake::test(id, needs, &vec!["true"; steps]) }
    }

    fn suite(name: &str, tests: Vec<Test>) -> Arc<Suite> {
        let unnamed = fake::suite(tests);
        Arc::new(Suite { name: name.into(), ..Suite::clone(&unnamed) })
    }

    fn names(group: &Group) -> Vec<String> {
        group.tests.iter().map(|p| format!("{}/{}", p.suite.name, p.test().id)).collect()
    }

    #[test]
    fn a_selected_test_brings_what_it_needs_and_needs_come_first() {
        let s = suite(
            "s",
            vec![
                test("late", &["early"], GuestMode::Shared, 0),
                test("unrelated", &[], GuestMode::Shared, 0),
                test("early", &[], GuestMode::Shared, 0),
            ],
        );
        let plan = plan(&[s], &selected(&[(0, 0)]), vec!["lab".into()]);
        assert_eq!(plan.groups.len(), 1);
        assert_eq!(names(&plan.groups[0]), ["s/early", "s/late"]);
    }

    #[test]
    fn images_may_have_tests_of_their_own_and_records_know_how_they_ended_before() {
        let s = suite(
            "s",
            vec![
                test("a", &[], GuestMode::Shared, 0),
                test("b", &["a"], GuestMode::Shared, 0),
                test("c", &[], GuestMode::Shared, 0),
            ],
        );
        let own = BTreeMap::from([("one".to_owned(), selected(&[(0, 1)])), ("two".to_owned(), selected(&[(0, 2)]))]);
        let plan = plan_each(&[s], &own, vec!["one".into(), "two".into()]);
        let before =
            EarlierOutcome { run: "r".into(), outcome: Outcome::Fail, failure: None, suite: None, image: None };
        let earlier = BTreeMap::from([(("s".to_owned(), "b".to_owned(), "one".to_owned()), vec![before.clone()])]);
        let records = plan.unreached(&Rerun { earlier, ..Rerun::default() });
        let planned: Vec<String> = records.iter().map(|test| format!("{} {}", test.name(), test.image)).collect();
        assert_eq!(planned, ["machine/health one", "s/a one", "s/b one", "machine/health two", "s/c two"]);
        let known: Vec<usize> = records.iter().map(|test| test.earlier.len()).collect();
        assert_eq!((known, &records[2].earlier[0]), (vec![0, 0, 1, 0, 0], &before));
    }

    #[test]
    fn a_chain_with_a_fresh_test_gets_its_own_machine() {
        let s = suite(
            "s",
            vec![
                test("a", &[], GuestMode::Shared, 0),
                test("b", &[], GuestMode::Fresh, 0),
                test("c", &["b"], GuestMode::Fresh, 0),
            ],
        );
        let plan = plan(&[s], &selected(&[(0, 0), (0, 1), (0, 2)]), vec!["lab".into()]);
        assert_eq!(plan.groups.iter().map(names).collect::<Vec<_>>(), [vec!["s/a"], vec!["s/b", "s/c"]]);
        assert_eq!(plan.groups[1].isolation, Isolation::Fresh);
    }

    #[test]
    fn tests_that_look_come_before_tests_that_change() {
        let first = suite(
            "first",
            vec![test("install", &[], GuestMode::Shared, 1), test("after", &["install"], GuestMode::Shared, 0)],
        );
        let second = suite("second", vec![test("look", &[], GuestMode::Shared, 0)]);
        let plan = plan(&[first, second], &selected(&[(0, 0), (0, 1), (1, 0)]), vec!["lab".into()]);
        assert_eq!(names(&plan.groups[0]), ["second/look", "first/install", "first/after"]);
    }

    #[test]
    fn machines_of_another_shape_are_groups_of_their_own_after_the_plain_ones() {
        let secure = MachineOverrides {
            firmware: Some(muster_base::machine::FirmwareKind::UefiSecure),
            image: Some("lab".into()),
            ..MachineOverrides::default()
        };
        let s = suite(
            "s",
            vec![
                Test { machine: secure, ..test("a[firmware=uefi-secure]", &[], GuestMode::Shared, 0) },
                Test { internet: true, ..test("net", &[], GuestMode::Clone, 1) },
                test("plain", &[], GuestMode::Shared, 0),
            ],
        );
        let plan = plan(&[s], &selected(&[(0, 0), (0, 1), (0, 2)]), vec!["lab".into()]);
        let machine_specs: Vec<_> = plan
            .groups
            .iter()
            .map(|group| (group.machine_spec.internet, group.machine_spec.overrides.firmware))
            .collect();
        assert_eq!(
            machine_specs,
            [(false, None), (true, None), (false, Some(muster_base::machine::FirmwareKind::UefiSecure))]
        );
        // Whom it is for does not make a machine another.
        assert!(plan.groups.iter().all(|group| group.machine_spec.overrides.image.is_none()));
    }

    #[test]
    fn the_rerun_command_is_quoted_for_a_shell() {
        let rerun = Rerun { options: vec!["--suites".into(), quote("my suites")], ..Rerun::default() };
        assert_eq!(
            rerun.command("kernel", "features", "a b.qcow2"),
            "muster run --suites 'my suites' --image 'a b.qcow2' --test kernel/features"
        );
    }

    #[test]
    fn a_proof_is_run_again_with_the_suite_it_is_of() {
        let rerun = Rerun { proving: vec!["--proofs".into(), "p.yaml".into()], ..Rerun::default() };
        let again = rerun.command("proof-of-kernel", "features.2", "lab");
        assert_eq!(again, "muster run --image lab --prove --proofs p.yaml --suite kernel");
        assert_eq!(rerun.command("kernel", "features", "lab"), "muster run --image lab --test kernel/features");
    }
}
