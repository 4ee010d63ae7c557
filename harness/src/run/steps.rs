//! Steps: the only part of a test that may change the guest. Each proves its own effect; none
//! trusts an exit status that is known to lie.

use std::time::{Duration, Instant};

use super::ask::Clock;
use super::driver::Live;
use super::plan::quote;
use super::reboot::Rebooted;
use crate::check::{self, Verdict};
use crate::failure::{self, Failure, FailureId};
use crate::guest::{End, Reply, Request};
use crate::suite::model::{Action, Assertion, Expectation, RebootKind, ServiceState, Step};
use crate::text;

/// Bytes of a step's stdout and stderr, each.
const OUTPUT_LIMIT: usize = 8 << 20;
/// Bytes of output shown in a report.
const SHOWN: usize = 8 << 10;
/// How often a step with `eventually` is tried.
const POLL: Duration = Duration::from_millis(500);

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

/// Runs a step other than a reboot; how many assertions it evaluated.
pub async fn run<L: Live>(live: &L, step: &Step, clock: &Clock) -> Result<u32, Broken> {
    let outcome = match &step.action {
        Action::Run { command, expect, eventually } => {
            command_step(live, step, command, expect, *eventually, clock).await
        }
        Action::Install { packages, refuse_scriptlet_errors } => {
            install(live, step, packages, *refuse_scriptlet_errors, clock).await
        }
        Action::Service { unit, state, enabled } => service(live, step, unit, *state, *enabled, clock).await,
        Action::Write { path, content, mode } => write(live, step, path, content, *mode, clock).await,
        Action::Reboot(_) => {
            Err(Broken::lost(Failure::new(failure::INTERNAL, "a reboot step was run as if the machine stayed up")))
        }
        Action::Wait(duration) => {
            tokio::time::sleep(clock.stretch(*duration)).await;
            Ok(0)
        }
        // Refused when the run is planned.
        Action::Remove { .. }
        | Action::Update { .. }
        | Action::Upload { .. }
        | Action::BootSamples { .. }
        | Action::Collect { .. } => {
            let message = "this version cannot run this step";
            Err(Broken { assertions: 0, ..Broken::missed(Failure::new(failure::INTERNAL, message)) })
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
    let replies = live.batch(vec![Request { script, timeout, limit: OUTPUT_LIMIT }]).await.map_err(Broken::lost)?;
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
            out.push_str(&format!("{name}:\n{}\n", text::tail(text::harmless_bytes(bytes).trim_end(), SHOWN)));
        }
    }
    out
}

async fn command_step<L: Live>(
    live: &L,
    step: &Step,
    command: &str,
    expect: &[Assertion],
    eventually: Option<Duration>,
    clock: &Clock,
) -> Result<u32, Broken> {
    let begun = Instant::now();
    let patience = eventually.map_or(Duration::ZERO, |limit| clock.stretch(limit));
    let asked = expect.len() as u32 + u32::from(!expect.iter().any(|a| a.attribute == "exit"));
    loop {
        let reply = shell(live, step, command.to_owned(), clock).await?;
        match judge_command(step, command, expect, &reply) {
            Ok(()) => return Ok(asked),
            Err(mut failure) => {
                if begun.elapsed() >= patience || clock.is_over() {
                    if eventually.is_some() {
                        failure.message.push_str(&format!(" (still so after {:.0} s)", begun.elapsed().as_secs_f64()));
                    }
                    return Err(Broken { failure, assertions: asked, machine_lost: false });
                }
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

fn judge_command(step: &Step, command: &str, expect: &[Assertion], reply: &Reply) -> Result<(), Failure> {
    let shown = text::one_line(command, 120);
    let broken =
        |message: String| Failure::new(failure::STEP_RUN, message).with_detail(output_of(reply)).at(&step.location);
    if !expect.iter().any(|assertion| assertion.attribute == "exit") && reply.status != 0 {
        let said = reply.stderr.split(|b| *b == b'\n').rfind(|line| !line.is_empty()).unwrap_or_default();
        let said = text::one_line(&text::harmless_bytes(said), 120);
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let mut failure = broken(format!("`{shown}` ended with status {}{said}", reply.status));
        failure.expected = Some("exit 0".into());
        failure.actual = Some(format!("exit {}", reply.status));
        return Err(failure);
    }
    let asked = Expectation {
        check: check::command::TABLE.name,
        subject: command.to_owned(),
        assertions: expect.to_vec(),
        eventually: None,
        location: step.location.clone(),
    };
    for (assertion, verdict) in expect.iter().zip(check::command::verdicts_of_command(&asked, Some(reply), true)) {
        match verdict {
            Verdict::Met => {}
            Verdict::Missed { expected, actual, .. } => {
                let found = text::one_line(&actual, 120);
                let mut failure =
                    broken(format!("`{shown}`: expected {}, found {found}", text::one_line(&expected, 160)));
                failure.expected = Some(expected);
                failure.actual = Some(actual);
                failure.location = Some(assertion.location.clone());
                return Err(failure);
            }
            Verdict::Unknown { why } => {
                let text = format!("`{shown}`: cannot tell {}: {why}", assertion.attribute);
                return Err(Failure { id: failure::PROBE_FAILED, ..broken(text) });
            }
        }
    }
    Ok(())
}

async fn install<L: Live>(
    live: &L,
    step: &Step,
    packages: &[String],
    refuse_scriptlet_errors: bool,
    clock: &Clock,
) -> Result<u32, Broken> {
    let broken = |message: String| Broken::missed(Failure::new(failure::STEP_INSTALL, message));
    let Some(manager) = live.facts().package_manager.clone() else {
        return Err(broken(format!("cannot install {}: the guest has no package manager", packages.join(", "))));
    };
    let command = if manager == "dnf4" { "dnf" } else { manager.as_str() };
    let names: Vec<String> = packages.iter().map(|name| quote(name)).collect();
    let reply = shell(live, step, format!("{command} -y install -- {}", names.join(" ")), clock).await?;
    // Package managers report success with broken dependencies and failure with nothing to do:
    // what is installed afterwards is the only proof.
    let proof = format!(
        "for p in {}; do rpm -q --whatprovides \"$p\" >/dev/null 2>&1 || rpm -q \"$p\" >/dev/null 2>&1 || echo \"$p\"; done",
        names.join(" ")
    );
    let left = shell(live, step, proof, clock).await?;
    let missing = text::harmless_bytes(&left.stdout);
    let missing: Vec<&str> = missing.lines().collect();
    if left.status != 0 || !missing.is_empty() {
        let what = if missing.is_empty() { packages.join(", ") } else { missing.join(", ") };
        let mut b = broken(format!("{command} did not install {}", text::one_line(&what, 160)));
        b.failure.detail = Some(output_of(&reply));
        return Err(b);
    }
    if reply.status != 0 {
        let mut b = broken(format!("{command} ended with status {}, although the packages are there", reply.status));
        b.failure.detail = Some(output_of(&reply));
        return Err(b);
    }
    if refuse_scriptlet_errors && let Some(line) = scriptlet_error(&reply) {
        let mut b = broken(format!("a scriptlet failed during the installation: {line}"));
        b.failure.detail = Some(output_of(&reply));
        return Err(b);
    }
    Ok(packages.len() as u32 + u32::from(refuse_scriptlet_errors))
}

/// The line in which rpm or dnf tells of a failed scriptlet; both carry on after most of them.
fn scriptlet_error(reply: &Reply) -> Option<String> {
    let said = text::harmless_bytes(&[reply.stdout.as_slice(), b"\n", &reply.stderr].concat());
    said.lines()
        .find(|line| {
            let lower = line.to_ascii_lowercase();
            lower.contains("scriptlet") && (lower.contains("failed") || lower.contains("error in"))
        })
        .map(|line| text::one_line(line, 200))
}

async fn service<L: Live>(
    live: &L,
    step: &Step,
    unit: &str,
    state: Option<ServiceState>,
    enabled: Option<bool>,
    clock: &Clock,
) -> Result<u32, Broken> {
    let broken = |message: String, detail: String| {
        Broken::missed(Failure::new(failure::STEP_SERVICE, message).with_detail(detail))
    };
    if live.facts().systemd.is_none() {
        return Err(broken(format!("cannot manage {unit}: systemd is not running in the guest"), String::new()));
    }
    let name = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
    let quoted = quote(&name);
    let mut verbs = Vec::new();
    if let Some(enabled) = enabled {
        verbs.push(if enabled { "enable" } else { "disable" });
    }
    let (verb, wanted) = match state {
        Some(ServiceState::Started) => ("start", "active"),
        Some(ServiceState::Restarted) => ("restart", "active"),
        Some(ServiceState::Reloaded) => ("reload", "active"),
        Some(ServiceState::Stopped) => ("stop", "inactive"),
        None => ("", ""),
    };
    verbs.extend(Some(verb).filter(|verb| !verb.is_empty()));
    for verb in &verbs {
        let reply = shell(live, step, format!("systemctl {verb} -- {quoted}"), clock).await?;
        if reply.status != 0 {
            let status = shell(live, step, format!("systemctl status --no-pager -l -n 30 -- {quoted}"), clock).await?;
            let detail = format!("{}\n{}", output_of(&reply), output_of(&status));
            return Err(broken(format!("systemctl {verb} {name} ended with status {}", reply.status), detail));
        }
    }
    if !wanted.is_empty() {
        let reply = shell(live, step, format!("systemctl is-active -- {quoted}"), clock).await?;
        let found = text::one_line(&text::harmless_bytes(&reply.stdout), 60);
        // A one-shot unit that did its work is inactive after a successful start.
        let done = shell(live, step, format!("systemctl show -p Type -p Result --value -- {quoted}"), clock).await?;
        let oneshot = text::harmless_bytes(&done.stdout).lines().eq(["oneshot", "success"]);
        if found != wanted && !(oneshot && wanted == "active" && found == "inactive") {
            let status = shell(live, step, format!("systemctl status --no-pager -l -n 30 -- {quoted}"), clock).await?;
            return Err(broken(format!("{name} is {found} after systemctl {verb}"), output_of(&status)));
        }
    }
    Ok(verbs.len() as u32)
}

async fn write<L: Live>(
    live: &L,
    step: &Step,
    path: &str,
    content: &str,
    mode: Option<u32>,
    clock: &Clock,
) -> Result<u32, Broken> {
    let target = quote(path);
    // Builtins only: the guest may have nothing but a shell. `set -C` is not used, since a suite
    // may well replace a file.
    let mut script = format!("printf %s {} >{target}", quote(content));
    if let Some(mode) = mode {
        script.push_str(&format!(" && chmod {mode:04o} {target}"));
    }
    let reply = shell(live, step, script, clock).await?;
    if reply.status != 0 {
        let said = text::one_line(&text::harmless_bytes(&reply.stderr), 160);
        let failure = Failure::new(FailureId::clone(&failure::STEP_WRITE), format!("cannot write {path}: {said}"));
        return Err(Broken::missed(failure));
    }
    Ok(1)
}
