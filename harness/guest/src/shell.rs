//! The framed shell: how it is set up, and why it does not start.

use std::time::Instant;

use super::carrier::Carrier;
use super::channel::ExecChannel;
use super::frame::{self, Deframer, Event, Frame, Nonces};
use super::pipeline::{Fault, Pipeline};
use super::ports::PortPair;
use super::ssh::{Gone, Halt, LOOK_UP, SshSession};
use super::start::Start;
use super::wait::Wait;

/// A shell that has answered.
pub(super) struct Shell {
    pub(super) pipe: Pipeline<Carrier>,
    /// Its process in the guest.
    pub(super) pid: u32,
    pub(super) nonces: Nonces,
}

impl Shell {
    /// Starts a shell and waits for its first answer. The error says what was seen instead.
    pub(super) fn start(ssh: &mut SshSession, start: Start, limit: Instant, gone: Gone) -> Result<Self, StartError> {
        let limit = limit.min(Instant::now() + start.patience);
        let channel = ExecChannel::open(ssh, start.command(), limit, gone)?;
        Self::set_up(Carrier::Channel(channel), start, limit, gone, ssh)
    }

    /// Takes over a shell that already reads from the ports, and waits for its first answer.
    pub(super) fn adopt(
        ports: PortPair,
        waiter: &mut impl Wait,
        start: Start,
        limit: Instant,
        gone: Gone,
    ) -> Result<Self, StartError> {
        let limit = limit.min(Instant::now() + start.patience);
        Self::set_up(Carrier::Ports(ports), start, limit, gone, waiter)
    }

    fn set_up(
        carrier: Carrier,
        start: Start,
        limit: Instant,
        gone: Gone,
        waiter: &mut impl Wait,
    ) -> Result<Self, StartError> {
        let nonces = Nonces::open().map_err(Halt::System)?;
        let mut shell = Self { pipe: Pipeline::new(carrier), pid: 0, nonces };
        let (pid, said) = shell.converse(waiter, start, &start.preamble(), limit, gone)?;
        shell.pid = pid
            .filter(|pid| *pid > 1)
            .ok_or_else(|| StartError::Odd("the shell did not report its process number".into()))?;
        if !said.stderr.is_empty() {
            // bash says that the locale is missing; `C` never is.
            shell.converse(waiter, start, "LC_ALL=C", limit, gone)?;
        }
        Ok(shell)
    }

    /// Lets go of its channel in good order. A shell on ports stays: it ends with its machine.
    pub(super) fn close(self, ssh: &mut SshSession, limit: Instant) {
        if let Carrier::Channel(channel) = self.pipe.transport {
            channel.close(ssh, limit);
        }
    }

    /// Has the shell itself run `body` and waits.
    fn converse(
        &mut self,
        waiter: &mut impl Wait,
        start: Start,
        body: &str,
        limit: Instant,
        gone: Gone,
    ) -> Result<(Option<u32>, Frame), StartError> {
        let mut pid = None;
        let nonce = self.nonces.draw().map_err(Halt::System)?;
        self.pipe.deframer.expect(nonce, 4096);
        self.pipe.queue(&frame::setup(&nonce, body));
        loop {
            let seen = waiter.seen();
            let more = self.pipe.pump(seen);
            while let Some(event) = self.pipe.deframer.next_event() {
                match event {
                    Event::Begun(_, reported) => pid = reported,
                    Event::Overflow(_) | Event::Hinted(..) => {}
                    Event::Ended(_, frame) => return Ok((pid, frame)),
                }
            }
            match more {
                Ok(true) => {}
                Ok(false) => {
                    // The look-up is a safety net; that it was needed is counted.
                    let until = limit.min(Instant::now() + LOOK_UP);
                    waiter.wait(seen, Some(until), self.pipe.is_hungry())?;
                }
                Err(fault) => return Err(StartError::of(fault, start, &self.pipe.deframer)),
            }
            if gone() {
                return Err(StartError::Halt(Halt::Gone));
            }
            if Instant::now() >= limit {
                return Err(StartError::Odd(describe("the shell does not answer", &self.pipe.deframer)));
            }
        }
    }
}

/// Why a shell did not start.
pub(super) enum StartError {
    /// The connection, or the caller.
    Halt(Halt),
    /// `sudo -n` is not there, or does not let the user become root. Trying again is of no use.
    NoRoot(String),
    /// The connection works; what stands on it is no shell of ours.
    Odd(String),
}

impl StartError {
    fn of(fault: Fault, start: Start, deframer: &Deframer) -> Self {
        match fault {
            Fault::Ended if start.elevated && is_refusal_of_sudo(&deframer.stray_excerpt()) => {
                Self::NoRoot(deframer.stray_excerpt())
            }
            Fault::Ended => Self::Odd(describe("the shell ended at once", deframer)),
            Fault::Violated(violation) => Self::Odd(violation.to_string()),
            Fault::Transport(error) => Self::Halt(Halt::System(error)),
        }
    }
}

impl From<Halt> for StartError {
    fn from(halt: Halt) -> Self {
        match halt {
            // The server answered, with a refusal: the connection itself is sound.
            Halt::Failed(error)
                if error.code() == ssh2::ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_CHANNEL_FAILURE) =>
            {
                Self::Odd("sshd refuses to open a channel".into())
            }
            Halt::Failed(error)
                if error.code() == ssh2::ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED) =>
            {
                Self::Odd("sshd refuses to run a command".into())
            }
            halt => Self::Halt(halt),
        }
    }
}

/// Whether a login shell that ended at once says that there is no way to root: what sudo says of
/// itself begins with its name, and a shell that has no sudo names it with "not found" (dash, bash,
/// busybox, zsh) or "Unknown command" (fish).
fn is_refusal_of_sudo(said: &str) -> bool {
    let missing = ["not found", "Unknown command", "unknown command"];
    said.contains("sudo: ") || (said.contains("sudo") && missing.iter().any(|what| said.contains(what)))
}

/// A sentence, with what the guest printed outside of frames.
pub(super) fn describe(what: &str, deframer: &Deframer) -> String {
    match deframer.stray_excerpt() {
        excerpt if excerpt.is_empty() => what.to_owned(),
        excerpt => format!("{what}; it printed: {excerpt}"),
    }
}
