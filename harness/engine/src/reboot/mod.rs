//! Reboot steps: asking for one, following the guest through it, and proving that it happened once.
//!
//! Coming back proves nothing: a guest that never went down answers too. What counts is the boot id
//! that the kernel draws at each start. [`follow`] collects the ids it meets, [`evidence`] evaluates
//! them together with what QEMU, the console and the guest's journal know. How it is
//! done to a machine of this host and to one elsewhere is known by their crates.

pub mod evidence;

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_guest::{End, Guest, GuestError, LastState, Request};
use muster_record::facts::Facts;
use muster_suite::model::RebootKind;

/// How often a guest that still answers is asked for its boot id.
const POLL: Duration = Duration::from_secs(1);
/// How long a guest may take to tell its boot id, unscaled.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a guest may take to accept the request, unscaled: `systemctl reboot` returns at once.
const ACCEPT: Duration = Duration::from_secs(20);

/// A reboot that happened, and happened once.
#[derive(Debug, Clone, PartialEq)]
pub struct Rebooted {
    /// From the request to the settled guest.
    pub seconds: f64,
    /// What a reader should know about it, one sentence each.
    pub remarks: Vec<String>,
}

/// The guest no longer answers on the connection there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silent;

/// What [`follow`] needs of a machine that is rebooted.
pub trait Subject: Sync {
    /// Asks for the reboot. An answer that is lost on the way is no error.
    fn request(&self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The boot id, over the connection there is.
    fn boot_id(&self) -> impl Future<Output = Result<String, Silent>> + Send;

    /// Connects again, until the deadline.
    fn reconnect(&self, deadline: Instant) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Waits until the boot is over, until the deadline; `Silent` when the connection is lost.
    fn settle(&self, deadline: Instant) -> impl Future<Output = Result<Result<(), Silent>, Failure>> + Send;

    /// Resolves when the machine was reset since this was last asked: the connection is dead then,
    /// though nobody may have said so.
    fn reset(&self) -> impl Future<Output = ()> + Send;
}

/// Asks for a reboot and follows the guest until it has settled. Gives the distinct boot ids in the
/// order they were met, beginning with `before`.
pub async fn follow<S: Subject>(subject: &S, before: &str, deadline: Instant) -> Result<Vec<String>, Failure> {
    let mut ids = vec![before.to_owned()];
    let mut connected = tokio::select! {
        biased;
        requested = subject.request() => requested.map(|()| true)?,
        // A kernel that crashes does not answer any more.
        () = subject.reset() => false,
    };
    loop {
        if !connected {
            subject.reconnect(deadline).await.map_err(|failure| not_back(&ids, failure))?;
        }
        let answer = tokio::select! {
            biased;
            () = subject.reset() => Err(Silent),
            answer = tokio::time::timeout_at(deadline, subject.boot_id()) => answer.unwrap_or(Err(Silent)),
        };
        connected = answer.is_ok();
        let late = Instant::now() >= deadline;
        match answer {
            Err(Silent) if late => return Err(not_back(&ids, late_to_answer())),
            Err(Silent) => continue,
            Ok(id) if id == before && ids.len() == 1 => {
                connected = tokio::select! {
                    biased;
                    () = subject.reset() => false,
                    () = tokio::time::sleep_until((Instant::now() + POLL).min(deadline)) => true,
                };
                if connected && Instant::now() >= deadline {
                    return Err(same_boot(before));
                }
                continue;
            }
            Ok(id) => {
                if ids.last() != Some(&id) {
                    ids.push(id);
                }
            }
        }
        // A third id settles the question; where it ends up is of no interest any more.
        if ids.len() > 2 {
            return Ok(ids);
        }
        let settled = tokio::select! {
            biased;
            () = subject.reset() => Ok(Err(Silent)),
            settled = subject.settle(deadline) => settled,
        };
        connected = settled?.is_ok();
        if !connected {
            continue;
        }
        // It may have rebooted while it settled, faster than its connection broke.
        match subject.boot_id().await {
            Ok(id) if ids.last() == Some(&id) => return Ok(ids),
            Ok(id) => ids.push(id),
            Err(Silent) => connected = false,
        }
    }
}

fn same_boot(id: &str) -> Failure {
    let text = "the guest still runs the boot that was to end: it did not reboot";
    let mut failure = Failure::new(failure::REBOOT_SAME_BOOT, text);
    failure.expected = Some("another boot id".to_owned());
    failure.actual = Some(text::one_line(id, 80));
    failure
}

fn late_to_answer() -> Failure {
    Failure::new(failure::REBOOT_TIMEOUT, "it did not answer in time")
}

/// A failed reconnection, reported as what it means for the reboot.
fn not_back(ids: &[String], why: Failure) -> Failure {
    if why.id == failure::REBOOT_HOST_KEY {
        return why;
    }
    let what = if ids.len() > 1 { "came back from the reboot and was lost again" } else { "did not come back" };
    let message = format!("the guest {what} before the deadline: {}", why.message);
    Failure { id: failure::REBOOT_TIMEOUT, message, ..why }
}

/// Reads the boot id of a guest.
pub async fn boot_id(guest: &Guest, scale: f64) -> Result<String, Silent> {
    let script = "cat /proc/sys/kernel/random/boot_id".to_owned();
    let request = Request { script, timeout: ANSWER.mul_f64(scale), limit: 4096 };
    let reply = guest.run(request).await.map_err(|_| Silent)?;
    let said = String::from_utf8_lossy(&reply.stdout);
    match parse_boot_id(&said) {
        Some(id) if reply.end == End::Exited && reply.status == 0 => Ok(id),
        // A guest that is being torn down may have no /proc any more; that is as good as silence.
        _ => Err(Silent),
    }
}

/// A boot id as the kernel writes it: 36 characters, hexadecimal digits and dashes.
fn parse_boot_id(text: &str) -> Option<String> {
    let id = text.trim();
    let with_spec = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    with_spec.then(|| id.to_owned())
}

/// Asks a guest to reboot, or makes its kernel crash. Losing the connection over it is what is wanted.
pub async fn reboot_by_guest(guest: &Guest, facts: &Facts, how: RebootKind, scale: f64) -> Result<(), Failure> {
    let script = match how {
        RebootKind::Crash => "echo 1 >/proc/sys/kernel/sysrq && echo c >/proc/sysrq-trigger",
        _ if facts.systemd.is_some() => "systemctl reboot",
        _ => "reboot",
    };
    let request = Request { script: script.to_owned(), timeout: ACCEPT.mul_f64(scale), limit: 64 << 10 };
    let reply = match guest.run(request).await {
        Ok(reply) => reply,
        Err(GuestError::Lost { .. } | GuestError::Protocol { .. }) => return Ok(()),
        Err(error) => return Err(Failure::from(&error)),
    };
    // Killed by the signal of a shutdown that has begun, or by this side because nothing came back:
    // whether it works shows in what happens next.
    if reply.end != End::Exited || reply.status == 0 || reply.status > 128 {
        return Ok(());
    }
    let said = text::last_words(&text::escape_bytes(&reply.stderr), 300);
    let text = format!("`{script}` ended with status {}: {said}", reply.status);
    Err(Failure::new(failure::REBOOT_REFUSED, text))
}

/// Connects again; the error says which of the reboot's own failures it is.
pub async fn reconnect(guest: &Guest, deadline: Instant) -> Result<(), Failure> {
    guest.reconnect(deadline.into_std()).await.map_err(|error| {
        let id = match error.last {
            LastState::HostKeyChanged { .. } => failure::REBOOT_HOST_KEY,
            _ => failure::REBOOT_TIMEOUT,
        };
        Failure::of(id, &error)
    })
}

/// Waits until systemd has ended the boot, where there is systemd.
pub async fn settle(guest: &Guest, scale: f64, deadline: Instant) -> Result<Result<(), Silent>, Failure> {
    // The directory is systemd's own sign that it is the init of this boot.
    let script = "[ ! -d /run/systemd/system ] || echo systemd".to_owned();
    match guest.run(Request { script, timeout: ANSWER.mul_f64(scale), limit: 4096 }).await {
        Ok(reply) if reply.end == End::Exited && reply.stdout.is_empty() => return Ok(Ok(())),
        Ok(_) => {}
        Err(GuestError::Lost { .. }) => return Ok(Err(Silent)),
        Err(error) => return Err(Failure::from(&error)),
    }
    match crate::settle::settle(guest, deadline.into_std()).await {
        Ok(()) => Ok(Ok(())),
        Err(failure) if failure.id == failure::SSH_LOST => Ok(Err(Silent)),
        Err(failure) if failure.id == failure::BOOT_UNSETTLED => {
            Err(Failure { id: failure::REBOOT_UNSETTLED, ..failure })
        }
        Err(failure) => Err(failure),
    }
}

/// The boots that the guest's journal knows of, oldest first, as boot ids without dashes; none when
/// there is no journal that can be read.
pub async fn journal_boots(guest: &Guest, facts: &Facts, scale: f64) -> Vec<String> {
    if facts.systemd.is_none() {
        return Vec::new();
    }
    let script = "journalctl --list-boots --no-pager -q".to_owned();
    let request = Request { script, timeout: Duration::from_secs(20).mul_f64(scale), limit: 1 << 20 };
    let Ok(reply) = guest.run(request).await else { return Vec::new() };
    if reply.status != 0 || reply.end != End::Exited {
        return Vec::new();
    }
    let said = text::escape_bytes(&reply.stdout);
    said.lines().filter_map(evidence::listed_boot).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
