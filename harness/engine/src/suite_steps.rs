//! The steps of a suite around its tests: `setup` before the first on a machine, `teardown` after the
//! last.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::base_checks::{since_boot, weighed};
use super::clock::Clock;
use super::driver::Live;
use super::kernel_kept::KernelKept;
use super::lease::Lease;
use super::plan::Planned;
use super::reading::observe;
use super::steps;
use muster_base::failure::{self, Class, Failure};
use muster_base::files;
use muster_check::{Observations, base};
use muster_suite::model::Suite;

/// Why a suite's setup did not come to its end on a machine.
#[derive(Debug, Clone)]
pub(super) struct SetupFailed {
    pub(super) failure: Failure,
    /// Whether the machine cannot be used any more.
    pub(super) machine_lost: bool,
}

/// Runs the setup of a test's suite before the first of its tests on a machine, and notes that its teardown is still to run there,
/// and whether the machine was lost.
pub(super) async fn before<L: Live>(
    lease: &mut Lease<L>,
    planned: &Planned,
    artifacts: &Utf8Path,
    image: &str,
) -> Result<(), Failure> {
    let suite = &planned.suite;
    if !suite.teardown.is_empty() {
        lease.open.insert(suite.name.clone(), suite.clone());
    }
    if let Some(done) = lease.setups.get(&suite.name) {
        return done.clone();
    }
    let dir = around(artifacts, image, &suite.name, "setup", &lease.id);
    let done = setup(&mut lease.live, planned, &mut lease.base, &dir).await;
    lease.lost |= done.as_ref().is_err_and(|why| why.machine_lost);
    let done = done.map_err(|why| why.failure);
    lease.setups.insert(suite.name.clone(), done.clone());
    done
}

/// Where files lie that steps around the tests of a suite collect.
pub(super) fn around(artifacts: &Utf8Path, image: &str, suite: &str, what: &str, machine: &str) -> Utf8PathBuf {
    files::test_dir(artifacts, suite, &format!("{what}-{machine}"), image)
}

/// Runs a suite's setup steps on a machine. A reboot among them changes what the next test is
/// compared with.
async fn setup<L: Live>(
    live: &mut L,
    planned: &Planned,
    base: &mut Observations,
    dir: &Utf8Path,
) -> Result<(), SetupFailed> {
    let suite = &planned.suite;
    let missed = |cause| SetupFailed { failure: setup_failed(suite, cause), machine_lost: false };
    let lost = |cause| SetupFailed { failure: setup_failed(suite, cause), machine_lost: true };
    // A crash is the image's miss, whoever ran meanwhile, and is found on the console once.
    let died = |cause: Failure| match failure::class(&cause.id) {
        Class::Fail => {
            SetupFailed { failure: Failure { id: cause.id.clone(), ..setup_failed(suite, cause) }, machine_lost: true }
        }
        _ => lost(cause),
    };
    let timeout = suite.tests.iter().map(|test| test.timeout).max().unwrap_or(Duration::from_secs(300));
    let clock = Clock::new(timeout, live.deadline_scale());
    let mut open = suite.setup.as_slice();
    loop {
        let (steps, reboot) = steps::split_at_reboot(open);
        for step in steps {
            let done = tokio::select! {
                biased;
                failure = live.death() => return Err(died(failure)),
                done = steps::run(live, step, &clock, dir) => done,
            };
            done.map_err(|broken| if broken.machine_lost { lost(broken.failure) } else { missed(broken.failure) })?;
        }
        let Some(reboot) = reboot else { return Ok(()) };
        let kernel = KernelKept::note(live, planned.test());
        steps::reboot(live, &reboot, &clock).await.map_err(lost)?;
        // What one test expects is no wish of the suite. A machine with another kernel is of no use to whoever comes next.
        kernel.compare(live, &[]).map_err(|cause| lost(cause.at(&reboot.step.location)))?;
        let (after, findings, _) = since_boot(live).await.map_err(lost)?;
        let (failures, _) = weighed(findings, suite);
        if let Some(cause) = failures.into_iter().next() {
            return Err(missed(cause.at(&reboot.step.location)));
        }
        *base = after;
        open = reboot.rest;
    }
}

/// Runs a suite's teardown steps on a machine, all of them whatever becomes of one. What went wrong,
/// what a reader should know, and what the next test is compared with; an error means that the
/// machine cannot be used any more.
pub(super) async fn teardown<L: Live>(
    live: &L,
    suite: &Suite,
    base: &Observations,
    dir: &Utf8Path,
) -> Result<(Vec<Failure>, Vec<String>, Observations), Failure> {
    let timeout = suite.tests.iter().map(|test| test.timeout).max().unwrap_or(Duration::from_secs(300));
    let clock = Clock::new(timeout, live.deadline_scale());
    let (mut failures, mut remarks) = (Vec::new(), Vec::new());
    // What could not be done or read, or cost the machine, is what it is: no miss of the teardown.
    let said = |cause: Failure| {
        let message = format!("teardown of suite {}: {}", suite.name, cause.message);
        Failure { message, ..cause }
    };
    let failed = |cause: Failure| match failure::class(&cause.id) {
        Class::Fail => Failure { id: failure::TEARDOWN_FAILED, ..said(cause) },
        _ => said(cause),
    };
    for step in &suite.teardown {
        let done = tokio::select! {
            biased;
            failure = live.death() => return Err(said(failure)),
            done = steps::run(live, step, &clock, dir) => done,
        };
        match done {
            Ok(done) => remarks.extend(done.remarks),
            Err(broken) if broken.machine_lost => return Err(said(broken.failure)),
            Err(broken) => failures.push(failed(broken.failure)),
        }
    }
    let clock = Clock::new(Duration::from_secs(60), live.deadline_scale());
    let after = observe(live, &base::next(base, live.facts()), &clock).await.map_err(said)?;
    let (found, noted) = weighed(base::compare(base, &after, live.facts()), suite);
    failures.extend(found.into_iter().map(failed));
    remarks.extend(noted);
    Ok((failures, remarks, base::carry(base, after)))
}

fn setup_failed(suite: &Suite, cause: Failure) -> Failure {
    let message = format!("setup of suite {}: {}", suite.name, cause.message);
    Failure { id: failure::SETUP_FAILED, message, ..cause }
}
