//! Whether a machine still runs the kernel of its combination of a matrix after a reboot. What is found there bears the name
//! of that kernel: a boot loader that falls back, or a package that makes its own kernel the default, must not go unseen.

use super::driver::Live;
use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_check::types::kernel;
use muster_suite::clause::Clause;
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

fn wants_another(expected: &[Clause], before: &str) -> bool {
    let stated = expected.iter().filter_map(Clause::plain);
    stated.filter_map(|expectation| kernel::fits_release(expectation, before)).any(|fits| !fits)
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
