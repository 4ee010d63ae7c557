//! Steps: the only part of a test that may change the guest. Each proves its own effect; none
//! trusts an exit status that is known to lie. One file for what belongs together; [`run`] knows
//! which is which.

mod command;
mod done;
mod files;
mod packages;
mod service;
mod shell;

use camino::Utf8Path;

pub(super) use self::done::{Broken, Done};
use self::packages::Verb;
use super::clock::Clock;
use super::driver::Live;
use super::reboot::Rebooted;
use muster_base::failure::{self, Failure};
use muster_suite::model::{Action, RebootKind, Step};

/// Runs a step other than a reboot. What `collect` brings goes below `directory`.
pub(super) async fn run<L: Live>(live: &L, step: &Step, clock: &Clock, dir: &Utf8Path) -> Result<Done, Broken> {
    let outcome = match &step.action {
        Action::Run { command, expect, eventually } => {
            command::run(live, step, command, expect, *eventually, clock).await
        }
        Action::Install { packages, refuse_scriptlet_errors } => {
            packages::run(live, step, Verb::Install, packages, *refuse_scriptlet_errors, clock).await
        }
        Action::Remove { packages, refuse_scriptlet_errors } => {
            packages::run(live, step, Verb::Remove, packages, *refuse_scriptlet_errors, clock).await
        }
        Action::Update { packages, refuse_scriptlet_errors } => {
            packages::run(live, step, Verb::Update, packages, *refuse_scriptlet_errors, clock).await
        }
        Action::Service { unit, state, enabled } => service::run(live, step, unit, *state, *enabled, clock).await,
        Action::Write { path, content, mode } => files::write(live, step, path, content, *mode, clock).await,
        Action::Upload { source, path, mode } => files::upload(live, step, source, path, *mode, clock).await,
        Action::Collect { paths } => files::collect(live, step, paths, dir, clock).await,
        Action::Wait(duration) => {
            tokio::time::sleep(clock.stretch(*duration)).await;
            Ok(Done::default())
        }
        Action::Reboot(_) | Action::BootSamples { .. } => {
            Err(Broken::lost(Failure::new(failure::INTERNAL, "a reboot was run as if the machine stayed up")))
        }
    };
    outcome.map_err(|mut broken| {
        broken.failure.location.get_or_insert_with(|| step.location.clone());
        broken
    })
}

/// A reboot among steps.
pub(super) struct Reboot<'s> {
    /// The step.
    pub step: &'s Step,
    /// Of which kind.
    pub how: RebootKind,
    /// The steps after it.
    pub rest: &'s [Step],
}

/// The steps before the first reboot, and that.
pub(super) fn split_at_reboot(steps: &[Step]) -> (&[Step], Option<Reboot<'_>>) {
    for (at, step) in steps.iter().enumerate() {
        if let Action::Reboot(how) = step.action {
            return (&steps[..at], Some(Reboot { step, how, rest: &steps[at + 1..] }));
        }
    }
    (steps, None)
}

/// Runs a reboot step, for which the machine must be the caller's alone: what is a death at any other
/// time is what it is for. An error means that the machine cannot be used any more.
pub(super) async fn reboot<L: Live>(live: &mut L, wanted: &Reboot<'_>, clock: &Clock) -> Result<Rebooted, Failure> {
    let step = wanted.step;
    let limit = step.timeout.map(|limit| clock.stretch(limit));
    live.reboot(wanted.how, limit).await.map_err(|mut failure| {
        failure.location.get_or_insert_with(|| step.location.clone());
        failure
    })
}
