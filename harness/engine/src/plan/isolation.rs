//! Which machine a chain of tests gets: the one that its most demanding test needs.

use std::collections::BTreeSet;

use muster_record::names::PREFIX;
use muster_suite::clause::{self, expectations};
use muster_suite::model::{Action, Change, GuestMode, Step, Suite, Test};

/// What machine a group of tests gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isolation {
    /// One that was booted and not cloned, at which the tests only look: they check its boot. Clones may be made of it afterwards.
    Booted,
    /// One that all tests share which only look.
    Shared,
    /// A clone of the warm machine for this group alone.
    Clone,
    /// A cold boot for this group alone, whose tests say so, or check the boot of a machine that they change.
    Fresh,
}

/// What machine the tests of a chain get, which are in the order in which they run.
pub(super) fn isolation(suite: &Suite, chain: &[usize]) -> Isolation {
    let tests = || chain.iter().map(|index| &suite.tests[*index]);
    let wants = |guest: GuestMode| tests().any(|test| test.guest == guest);
    if wants(GuestMode::Fresh) {
        Isolation::Fresh
    } else if tests().any(is_about_the_boot) && only_look(suite, tests()) {
        Isolation::Booted
    } else if !is_of_proofs(suite) && checks_the_first_boot(suite, tests()) {
        Isolation::Fresh
    } else if wants(GuestMode::Clone) {
        Isolation::Clone
    } else {
        Isolation::Shared
    }
}

/// Whether a test asks how the machine booted, on any system: a clone never did, and what is timed needs the host to itself.
pub(crate) fn is_about_the_boot(test: &Test) -> bool {
    let changes = test.adjust.iter().flat_map(|adjustment| &adjustment.changes);
    let adjusted = changes.flat_map(|change| match change {
        Change::Replace(expectation) | Change::Merge(expectation) => vec![expectation],
        Change::ReplaceJoined(joined) => {
            joined.branches.iter().flat_map(|branch| clause::expectations(&branch.clauses)).collect()
        }
        Change::Remove { .. } | Change::RemoveJoined { .. } => Vec::new(),
    });
    expectations(&test.expect).into_iter().chain(adjusted).any(|expectation| expectation.check == "boot")
}

/// Whether its tests must fail on clones that were changed for it: of the image's boot they say nothing.
fn is_of_proofs(suite: &Suite) -> bool {
    suite.name.starts_with(PREFIX)
}

/// Whether nothing of the suite changes the machine of these tests, which may become the template of all clones.
fn only_look<'s>(suite: &Suite, mut tests: impl Iterator<Item = &'s Test>) -> bool {
    let looks = |test: &Test| test.steps.is_empty() && test.guest == GuestMode::Shared;
    suite.setup.is_empty() && suite.teardown.is_empty() && tests.all(looks)
}

/// Whether one of the tests checks the boot with which its machine came. One that reboots before it checks, or whose setup
/// or needs do, checks a boot of its own, which a clone can have as well.
fn checks_the_first_boot<'s>(suite: &Suite, mut tests: impl Iterator<Item = &'s Test>) -> bool {
    let mut rebooted: BTreeSet<&str> = BTreeSet::new();
    tests.any(|test| {
        let again = reboots(&suite.setup)
            || reboots(&test.steps)
            || test.needs.iter().any(|need| rebooted.contains(need.as_str()));
        if again {
            rebooted.insert(&test.id);
        }
        is_about_the_boot(test) && !again
    })
}

/// Whether the machine boots again in these steps; one of several machines that does says nothing of the others.
fn reboots(steps: &[Step]) -> bool {
    steps.iter().any(|step| step.on.is_none() && matches!(step.action, Action::Reboot(_)))
}
