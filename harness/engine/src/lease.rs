//! A machine in use.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ahead::Ahead;
use super::boot::BootLeft;
use super::driver::Live;
use muster_base::failure::Failure;
use muster_check::Observations;
use muster_suite::model::Suite;

/// A machine in use and what was already done on it.
pub(super) struct Lease<L> {
    pub(super) id: String,
    pub(super) live: L,
    pub(super) base: Observations,
    /// What its boot left, but for the observations above; nothing when it was cloned.
    pub(super) boot: BootLeft,
    pub(super) setups: BTreeMap<String, Result<(), Failure>>,
    /// Suites whose tests were run and that have a teardown still to run.
    pub(super) open: BTreeMap<String, Arc<Suite>>,
    /// How many tests were run, attempts included.
    pub(super) runs: u32,
    pub(super) a_test_failed: bool,
    /// Whether it cannot be used any more: of several machines, that it is this one.
    pub(super) lost: bool,
    /// What was read for the next tests.
    pub(super) ahead: Ahead,
    /// Readings ahead that could not be used.
    pub(super) useless: u32,
    /// What moved during the last of them, until a test has failed that may be the one it speaks of.
    pub(super) moved: Option<String>,
    /// The kernel that it ran after the last test, or when it was given out.
    pub(super) kernel: String,
    /// The kernel that it ran when it was given out.
    pub(super) first_kernel: String,
    /// The test that last changed the kernel of a combination of a matrix; none where it is the first one again.
    pub(super) kernel_changed_by: Option<String>,
}

impl<L: Live> Lease<L> {
    pub(super) fn new(id: String, live: L, mut boot: BootLeft) -> Self {
        let base = std::mem::take(&mut boot.base);
        let kernel = live.facts().kernel.clone();
        Self {
            id,
            live,
            base,
            boot,
            setups: BTreeMap::new(),
            open: BTreeMap::new(),
            runs: 0,
            a_test_failed: false,
            lost: false,
            ahead: Ahead::default(),
            useless: 0,
            moved: None,
            first_kernel: kernel.clone(),
            kernel,
            kernel_changed_by: None,
        }
    }
}
