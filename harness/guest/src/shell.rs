//! The framed shell: the protocol of [`super::frame`] over a transport, its start, and its killer.

use std::io;
use std::time::{Duration, Instant};

use super::access::Access;
use super::frame::{self, Deframer, Event, Frame, Nonces, Stream, Violation};
use super::kill::{self, Victims};
use super::ports::PortPair;
use super::ssh::{Gone, Halt, LOOK_UP, Seen, SshSession};
use super::transport::{Carrier, ExecChannel, Transport};

/// Bytes that are taken from the transport before timers are looked at again.
const GULP: usize = 1 << 20;

/// Why a shell is of no more use.
#[derive(Debug)]
pub(super) enum Fault {
    /// It ended.
    Ended,
    /// It speaks another language.
    Violated(Violation),
    /// Its transport failed.
    Transport(io::Error),
}

/// Requests in, events out, over any transport.
pub(super) struct Pipeline<T> {
    transport: T,
    outbox: Vec<u8>,
    sent: usize,
    pub(super) deframer: Deframer,
    buffer: Box<[u8]>,
    /// What had come at the last look that left nothing behind.
    passed: Option<Seen>,
    /// Looks that found something although nothing had come since the look before.
    rescues: u64,
    /// Bytes read.
    taken: u64,
    /// Something was queued since it was last tried to write.
    untried: bool,
}

impl<T: Transport> Pipeline<T> {
    pub(super) fn new(transport: T) -> Self {
        let buffer = vec![0; 64 << 10].into_boxed_slice();
        Self {
            transport,
            outbox: Vec::new(),
            sent: 0,
            deframer: Deframer::default(),
            buffer,
            passed: None,
            rescues: 0,
            taken: 0,
            untried: false,
        }
    }

    /// Queues the lines of a request whose frame has been announced to the deframer.
    pub(super) fn queue(&mut self, lines: &[u8]) {
        self.outbox.extend_from_slice(lines);
        self.untried = true;
    }

    /// Moves what can be moved without waiting. True when there may be more to move at once.
    /// `seen` was taken right before; whoever waits next passes the same.
    pub(super) fn pump(&mut self, seen: Seen) -> Result<bool, Fault> {
        let before = self.taken;
        let more = self.transfer();
        if self.taken > before && seen.is_queued() && self.passed == Some(seen) {
            self.rescues += 1;
        }
        self.passed = matches!(more, Ok(false)).then_some(seen);
        more
    }

    fn transfer(&mut self) -> Result<bool, Fault> {
        let mut more = self.write()?;
        let mut taken = 0;
        for stream in [Stream::Out, Stream::Err] {
            loop {
                match self.transport.read(stream, &mut self.buffer) {
                    Ok(0) => return Err(Fault::Ended),
                    Ok(count) => {
                        self.deframer.feed(stream, &self.buffer[..count]).map_err(Fault::Violated)?;
                        taken += count;
                        self.taken += count as u64;
                        if taken >= GULP {
                            more = true;
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(Fault::Transport(error)),
                }
            }
        }
        Ok(more)
    }

    /// Writes until the transport takes no more.
    fn write(&mut self) -> Result<bool, Fault> {
        self.untried = false;
        while self.sent < self.outbox.len() {
            match self.transport.write(&self.outbox[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(Fault::Transport(error)),
            }
        }
        self.outbox.clear();
        self.sent = 0;
        Ok(false)
    }
}

impl<T> Pipeline<T> {
    /// How often something was found that should not have been left lying, since this was last read.
    pub(super) fn take_rescues(&mut self) -> u64 {
        std::mem::take(&mut self.rescues)
    }

    /// Whether something was queued that the transport has not been offered: nobody may wait before.
    pub(super) fn is_untried(&self) -> bool {
        self.untried
    }

    /// Whether something waits to be written.
    pub(super) fn is_hungry(&self) -> bool {
        self.sent < self.outbox.len()
    }
}

/// How shells are started on a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// Through `sudo -n`.
    pub(super) elevated: bool,
    /// Whether the shell is root's, however it became so.
    pub(super) root: bool,
    /// How long a start, or a kill, may take.
    pub(super) patience: Duration,
}

impl Start {
    fn command(self) -> &'static str {
        // The login shell of the user runs this; `exec` leaves nothing of it behind.
        if self.elevated { "exec sudo -n /bin/sh" } else { "exec /bin/sh" }
    }

    /// The fixed environment of every command.
    fn preamble(self) -> String {
        let home = if self.root { "/root" } else { "${HOME:-/}" };
        // A command that signals its whole process group would end the shell too; a trap keeps the
        // shell and is reset in its children.
        format!(
            "trap : INT TERM\n\
             unset ENV BASH_ENV CDPATH LANGUAGE LS_COLORS GREP_OPTIONS\n\
             PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME={home} TERM=dumb NO_COLOR=1\n\
             PAGER=cat SYSTEMD_PAGER= SYSTEMD_COLORS=0 LC_ALL=C.UTF-8\n\
             export PATH HOME TERM NO_COLOR PAGER SYSTEMD_PAGER SYSTEMD_COLORS LC_ALL\n\
             cd /"
        )
    }
}

/// What the start of a shell waits on.
enum Waiter<'a> {
    SshSession(&'a mut SshSession),
    Access(&'a mut Access),
}

impl Waiter<'_> {
    fn seen(&self) -> Seen {
        match self {
            Self::SshSession(ssh) => ssh.seen(),
            Self::Access(access) => access.seen(),
        }
    }

    fn wait(&mut self, seen: Seen, until: Instant, hungry: bool) -> Result<(), Halt> {
        match self {
            Self::SshSession(ssh) => ssh.wait(seen, Some(until)),
            Self::Access(access) => access.wait(seen, Some(until), hungry),
        }
    }
}

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
        Self::set_up(Carrier::Channel(channel), start, limit, gone, &mut Waiter::SshSession(ssh))
    }

    /// Takes over a shell that already reads from the ports, and waits for its first answer.
    pub(super) fn adopt(
        ports: PortPair,
        access: &mut Access,
        start: Start,
        limit: Instant,
        gone: Gone,
    ) -> Result<Self, StartError> {
        let limit = limit.min(Instant::now() + start.patience);
        Self::set_up(Carrier::Ports(ports), start, limit, gone, &mut Waiter::Access(access))
    }

    fn set_up(
        carrier: Carrier,
        start: Start,
        limit: Instant,
        gone: Gone,
        waiter: &mut Waiter<'_>,
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

    /// The same, on whatever road it stands.
    pub(super) fn leave(self, access: &mut Access, limit: Instant) {
        if let Access::Ssh(ssh) = access {
            self.close(ssh, limit);
        }
    }

    /// Has the shell itself run `body` and waits.
    fn converse(
        &mut self,
        waiter: &mut Waiter<'_>,
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
                    Event::Begun(_, told) => pid = told,
                    Event::Overflow(_) | Event::Hinted(..) => {}
                    Event::Ended(_, frame) => return Ok((pid, frame)),
                }
            }
            match more {
                Ok(true) => {}
                Ok(false) => {
                    // The look-up is a safety net; that it was needed is counted.
                    let until = limit.min(Instant::now() + LOOK_UP);
                    waiter.wait(seen, until, self.pipe.is_hungry())?;
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

/// Kills below the framed shell `pid` by a second, short-lived shell on the same connection. True
/// when that shell says it has done so.
pub(super) fn kill(ssh: &mut SshSession, start: Start, pid: u32, victims: Victims, gone: Gone) -> Result<bool, Halt> {
    let limit = Instant::now() + start.patience;
    let mut channel = ExecChannel::open(ssh, start.command(), limit, gone)?;
    let script = kill::script(pid, victims, start.elevated);
    let mut rest = script.as_bytes();
    let (mut eof_sent, mut said) = (false, Vec::new());
    let mut buffer = [0; 4096];
    let done = loop {
        let seen = ssh.seen();
        while !rest.is_empty() {
            match channel.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(Halt::System(error)),
            }
        }
        if rest.is_empty() && !eof_sent {
            channel.send_eof(ssh, limit)?;
            eof_sent = true;
        }
        let mut over = false;
        for stream in [Stream::Out, Stream::Err] {
            loop {
                match channel.read(stream, &mut buffer) {
                    Ok(0) => {
                        over = true;
                        break;
                    }
                    // Noise of a login shell may come first; the last words count.
                    Ok(count) if stream == Stream::Out => {
                        said.extend_from_slice(&buffer[..count]);
                        said.drain(..said.len().saturating_sub(64));
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(Halt::System(error)),
                }
            }
        }
        let done = said.trim_ascii_end().ends_with(kill::DONE);
        if over || done || Instant::now() >= limit || gone() {
            break done;
        }
        ssh.wait(seen, Some(limit.min(Instant::now() + LOOK_UP)))?;
    };
    channel.close(ssh, Instant::now() + Duration::from_millis(500));
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes everything and says nothing.
    struct Sink;

    impl Transport for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn read(&mut self, _: Stream, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    #[test]
    fn what_was_queued_after_the_last_look_forbids_to_wait() {
        let mut pipe = Pipeline::new(Sink);
        pipe.pump(Seen::UNQUEUED).unwrap();
        assert!(!pipe.is_untried());
        pipe.queue(b"the end of a guarded command");
        assert!(pipe.is_untried());
        pipe.pump(Seen::UNQUEUED).unwrap();
        assert!(!pipe.is_untried() && !pipe.is_hungry());
    }
}
