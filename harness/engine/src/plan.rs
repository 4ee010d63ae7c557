//! What is asked of which image, in which order, before anything starts. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::chains::{chains, with_needs};
pub use self::isolation::Isolation;
pub(crate) use self::isolation::is_about_the_boot;
use self::isolation::isolation;
use muster_base::failure::{self, Failure};
use muster_record::durations::Durations;
use muster_record::run::SuiteRecord;
use muster_suite::model::{MachineOverrides, Suite, Test};
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

    /// How many tests each image has, without the machine's own.
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

mod chains;
mod isolation;
#[cfg(test)]
mod tests;
