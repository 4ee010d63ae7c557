//! Names of suites that no file has, and how a missing machine is reported.

use muster_base::failure::{self, Failure};

/// The suite name of the test that every image gets: the health of its machines outside tests.
pub const MACHINE_SUITE: &str = "machine";
/// The only test of [`MACHINE_SUITE`].
pub const HEALTH_TEST: &str = "health";
/// What stands before the name of a suite whose tests must fail.
pub const PREFIX: &str = "proof-of-";

/// Noted with a test that failed for want of a network, on a machine that muster cuts off from every one.
pub const NO_NETWORK: &str = "this machine reaches no network; tests that need it have the tag `needs-internet`";

/// Why a test without a machine did not run: the error itself belongs to the image's own test, which has all of it.
pub fn no_machine(failure: &Failure) -> Failure {
    let text = format!("no machine ({}, see {MACHINE_SUITE}/{HEALTH_TEST}): {}", failure.id, failure.message);
    Failure::new(failure::NOT_RUN_MACHINE, muster_base::text::one_line(&text, 400))
}
