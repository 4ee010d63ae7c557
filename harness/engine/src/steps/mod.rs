//! Steps: the only part of a test that may change the guest. Each proves its own effect; none
//! trusts an exit status that is known to lie. One file for what belongs together; [`run`] knows
//! which is which.

mod command;
mod files;
mod packages;
mod service;

use camino::Utf8Path;

use self::packages::Verb;
use super::ask::Clock;
use super::driver::Live;
use super::reboot::Rebooted;
use muster_base::failure;
use muster_base::failure::Failure;
use muster_base::text;
use muster_guest::{End, Reply, Request};
use muster_suite::model::{Action, RebootKind, Step};

/// Bytes of a step's stdout and stderr, each.
const OUTPUT_LIMIT: usize = 8 << 20;
/// Bytes of output shown in a report.
const SHOWN: usize = 8 << 10;

/// What a step did.
#[derive(Debug, Default)]
pub struct Done {
    /// Assertions evaluated.
    pub assertions: u32,
    /// What a reader should know about it, one sentence each.
    pub remarks: Vec<String>,
}

impl Done {
    fn asserting(assertions: usize) -> Self {
        Self { assertions: u32::try_from(assertions).unwrap_or(u32::MAX), remarks: Vec::new() }
    }
}

/// A step that did not do what it states.
pub struct Broken {
    /// Why.
    pub failure: Failure,
    /// Assertions evaluated before.
    pub assertions: u32,
    /// Whether the machine cannot be used any more.
    pub machine_lost: bool,
}

impl Broken {
    fn missed(failure: Failure) -> Self {
        Self { failure, assertions: 1, machine_lost: false }
    }

    fn lost(failure: Failure) -> Self {
        Self { failure, assertions: 0, machine_lost: true }
    }
}

/// Runs a step other than a reboot. What `collect` brings goes below `directory`.
pub async fn run<L: Live>(live: &L, step: &Step, clock: &Clock, dir: &Utf8Path) -> Result<Done, Broken> {
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
pub struct Reboot<'s> {
    /// The step.
    pub step: &'s Step,
    /// Of which kind.
    pub how: RebootKind,
    /// The steps after it.
    pub rest: &'s [Step],
}

/// The steps before the first reboot, and that.
pub fn split_at_reboot(steps: &[Step]) -> (&[Step], Option<Reboot<'_>>) {
    for (at, step) in steps.iter().enumerate() {
        if let Action::Reboot(how) = step.action {
            return (&steps[..at], Some(Reboot { step, how, rest: &steps[at + 1..] }));
        }
    }
    (steps, None)
}

/// Runs a reboot step, for which the machine must be the caller's alone: what is a death at any other
/// time is what it is for. An error means that the machine cannot be used any more.
pub async fn reboot<L: Live>(live: &mut L, asked: &Reboot<'_>, clock: &Clock) -> Result<Rebooted, Failure> {
    let step = asked.step;
    let limit = step.timeout.map(|limit| clock.stretch(limit));
    live.reboot(asked.how, limit).await.map_err(|mut failure| {
        failure.location.get_or_insert_with(|| step.location.clone());
        failure
    })
}

/// Runs a command line in the guest, within the step's time-out or what is left of the test's.
async fn shell<L: Live>(live: &L, step: &Step, script: String, clock: &Clock) -> Result<Reply, Broken> {
    let timeout = step.timeout.map_or(clock.left(), |limit| clock.stretch(limit));
    let shown = text::one_line(&script, 160);
    let replies = live.commands(vec![Request { script, timeout, limit: OUTPUT_LIMIT }]).await.map_err(Broken::lost)?;
    let Some(reply) = replies.into_iter().next() else {
        return Err(Broken::lost(Failure::new(failure::SSH_PROTOCOL, "the guest gave no answer to a step")));
    };
    let (id, what) = match reply.end {
        End::Exited => return Ok(reply),
        End::TimedOut => {
            (failure::COMMAND_TIMEOUT, format!("did not end within {:.0} s and was killed", timeout.as_secs_f64()))
        }
        End::TooMuchOutput => {
            (failure::COMMAND_OUTPUT, format!("printed more than {} MiB and was killed", OUTPUT_LIMIT >> 20))
        }
    };
    Err(Broken::missed(Failure::new(id, format!("`{shown}` {what}")).with_detail(output_of(&reply))))
}

/// Both streams, as a report shows them.
fn output_of(reply: &Reply) -> String {
    let mut out = format!("exit status {}\n", reply.status);
    for (name, bytes) in [("stdout", &reply.stdout), ("stderr", &reply.stderr)] {
        if bytes.is_empty() {
            out.push_str(&format!("{name}: (empty)\n"));
        } else {
            out.push_str(&format!("{name}:\n{}\n", text::tail(text::escape_bytes(bytes).trim_end(), SHOWN)));
        }
    }
    out
}
