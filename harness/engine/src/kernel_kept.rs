//! Whether a machine still runs the kernel of its combination of a matrix after a reboot. What is found there bears the name
//! of that kernel: a boot loader that falls back, or a package that makes its own kernel the default, must not go unseen.

use super::driver::Live;
use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_check::types::kernel;
use muster_suite::clause::{Clause, Join, Joined};
use muster_suite::model::Test;

/// The kernel that must run after a reboot.
pub(super) struct KernelKept {
    /// As `uname -r` said it before; `None` where the combination of the test names none.
    before: Option<String>,
}

impl KernelKept {
    /// What runs now, where the test's combination has a kernel.
    pub(super) fn note<L: Live>(live: &L, test: &Test) -> Self {
        Self { before: test.machine.kernel.as_ref().map(|_| live.facts().kernel.clone()) }
    }

    /// Compares it with what runs after the reboot. Another kernel is what a test wants that expects a release which the one
    /// before does not have: it passes on no other.
    ///
    /// # Errors
    /// Another kernel runs.
    pub(super) fn compare<L: Live>(&self, live: &L, expected: &[Clause]) -> Result<(), Failure> {
        self.before.as_ref().map_or(Ok(()), |before| compared(before, live, expected))
    }
}

/// The same when it is known which kernel must run.
///
/// # Errors
/// Another kernel runs.
pub(super) fn compared<L: Live>(before: &str, live: &L, expected: &[Clause]) -> Result<(), Failure> {
    let now = &live.facts().kernel;
    match before == now || wants_another(expected, before) {
        true => Ok(()),
        false => Err(other(before, now)),
    }
}

/// Whether some of what is expected, all of which must hold, cannot hold with the release before.
fn wants_another(expected: &[Clause], before: &str) -> bool {
    expected.iter().any(|clause| match clause {
        Clause::Plain(expectation) => kernel::fits_release(expectation, before) == Some(false),
        Clause::Joined(Joined { join: Join::AllOf, branches, .. }) => {
            branches.iter().any(|branch| wants_another(&branch.clauses, before))
        }
        Clause::Joined(Joined { join: Join::AnyOf, branches, .. }) => {
            branches.iter().all(|branch| wants_another(&branch.clauses, before))
        }
        Clause::On(on) => wants_another(&on.clauses, before),
    })
}

fn other(before: &str, now: &str) -> Failure {
    let shown = |release: &str| text::one_line(release, 120);
    let message = format!(
        "the machine was rebooted and runs {}, not {}, the kernel of this combination; a test that changes it on purpose \
         expects its release: `kernel: {{release: …}}`",
        shown(now),
        shown(before)
    );
    let mut failure = Failure::new(failure::KERNEL_OTHER, message);
    (failure.expected, failure.actual) = (Some(shown(before)), Some(shown(now)));
    failure
}
