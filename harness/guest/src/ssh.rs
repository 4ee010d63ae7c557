//! The SSH session itself. It is created, used and dropped on one thread and never cloned: two
//! threads on one libssh2 session corrupt its stream.
//!
//! libssh2 does not read the server's socket. It reads one end of a socket pair, and [`SshSession::wait`]
//! alone moves bytes from the server to the other end. So nothing arrives while streams are read, and
//! two faults cannot happen. Any call into libssh2 takes whatever packets its socket holds, those of
//! other streams too, and keeps them in its queue; a `poll` of the socket then sleeps although an
//! answer is here. And a server that never stops sending would keep a call in libssh2 for ever.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};
use ssh2::{BlockDirections, ErrorCode, Session};

use super::greeting::Greeting;
use super::wake::Wake;

/// Bytes that are moved at once. What libssh2 may do between two looks at a deadline is bounded by it.
const PORTION: usize = 64 << 10;

/// Why an operation on the session did not come to its end.
#[derive(Debug)]
pub(super) enum Halt {
    /// Nobody waits for it any more.
    Gone,
    /// Its limit passed.
    TimedOut,
    /// The session or its socket failed.
    Failed(ssh2::Error),
    /// The operating system failed.
    System(io::Error),
}

/// A session over a non-blocking socket.
pub(super) struct SshSession {
    session: Session,
    /// To the server.
    socket: TcpStream,
    /// To libssh2.
    gate: UnixStream,
    /// The end that libssh2 reads, to see what it has not read.
    inner: UnixStream,
    inbound: Portion,
    outbound: Portion,
    greeting: Greeting,
    /// Nothing more comes from the server.
    ended: bool,
    /// Counts what libssh2 was given, and every time its way out was made free.
    moved: u64,
    wake: Wake,
    heard: Instant,
    keepalive: Instant,
}

/// What had reached libssh2 at a moment. Whoever is about to look at streams takes one first, and
/// [`SshSession::wait`] does not sleep when something has come since: another call may have taken it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen(Option<u64>);

impl Seen {
    /// Of something that the kernel polls without a queue of bytes in between.
    pub(super) const UNQUEUED: Self = Self(None);

    /// Whether something can have been left lying between two looks that both saw this.
    pub(super) fn is_queued(self) -> bool {
        self.0.is_some()
    }
}

/// Bytes on their way.
struct Portion {
    /// Twice as much as is read at once: a greeting is put together again in it.
    buffer: Box<[u8]>,
    gone: usize,
    end: usize,
}

impl Portion {
    fn new() -> Self {
        Self { buffer: vec![0; 2 * PORTION].into_boxed_slice(), gone: 0, end: 0 }
    }

    fn is_empty(&self) -> bool {
        self.gone == self.end
    }

    /// Reads one portion into the empty buffer; `None` when there is nothing now, 0 bytes at the end.
    fn fill(&mut self, from: &mut impl Read) -> io::Result<Option<usize>> {
        loop {
            match from.read(&mut self.buffer[..PORTION]) {
                Ok(count) => {
                    (self.gone, self.end) = (0, count);
                    return Ok(Some(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Leaves of what was filled in what the greeting lets through.
    fn filter(&mut self, greeting: &mut Greeting) -> io::Result<()> {
        if !greeting.is_found() {
            let mut bytes = self.buffer[..self.end].to_vec();
            greeting.filter(&mut bytes)?;
            self.buffer[..bytes.len()].copy_from_slice(&bytes);
            self.end = bytes.len();
        }
        Ok(())
    }

    /// Writes what is left; the number of bytes that went, which may be none.
    fn pour(&mut self, into: &mut impl Write) -> io::Result<usize> {
        let mut poured = 0;
        while !self.is_empty() {
            match into.write(&self.buffer[self.gone..self.end]) {
                Ok(count) => {
                    self.gone += count;
                    poured += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(poured)
    }
}

/// How long anything that waits may go without looking whether it still should.
pub(super) const LOOK_UP: Duration = Duration::from_secs(1);

/// Whether the caller has gone away.
pub(super) type Gone<'a> = &'a dyn Fn() -> bool;

impl SshSession {
    /// Connects by TCP; no byte of SSH is spoken yet.
    pub(super) fn dial(addr: SocketAddr, limit: Instant, wake: &Wake, gone: Gone) -> Result<Self, Halt> {
        let family = if addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None).map_err(system)?;
        match rustix::net::connect(&socket, &addr) {
            Ok(()) => {}
            Err(rustix::io::Errno::INPROGRESS) => {
                while !wait_for(&socket, PollFlags::OUT, wake, limit)? {
                    if gone() {
                        return Err(Halt::Gone);
                    }
                    if Instant::now() >= limit {
                        return Err(Halt::TimedOut);
                    }
                }
                rustix::net::sockopt::socket_error(&socket).map_err(system)?.map_err(system)?;
            }
            Err(error) => return Err(system(error)),
        }
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true).map_err(Halt::System)?;
        let (gate, inner) = UnixStream::pair().map_err(Halt::System)?;
        gate.set_nonblocking(true).map_err(Halt::System)?;
        inner.set_nonblocking(true).map_err(Halt::System)?;
        let mut session = Session::new().map_err(Halt::Failed)?;
        session.set_tcp_stream(inner.try_clone().map_err(Halt::System)?);
        session.set_blocking(false);
        session.set_keepalive(true, 2);
        let now = Instant::now();
        Ok(Self {
            session,
            socket,
            gate,
            inner,
            inbound: Portion::new(),
            outbound: Portion::new(),
            greeting: Greeting::default(),
            ended: false,
            moved: 0,
            wake: wake.clone(),
            heard: now,
            keepalive: now,
        })
    }

    /// What the server said before its greeting, on one line; empty when it said nothing.
    pub(super) fn said_before_greeting(&self) -> String {
        self.greeting.excerpt()
    }

    /// What has come so far: to be taken before streams are looked at.
    pub(super) fn seen(&self) -> Seen {
        Seen(Some(self.moved))
    }

    /// The session, for what needs no waiting.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Repeats a non-blocking operation until it is done. `limit` is asked anew each time, since
    /// what the operation has achieved so far may move it.
    pub(super) fn drive<T>(
        &mut self,
        gone: Gone,
        limit: impl Fn(&Session) -> Instant,
        mut operation: impl FnMut(&mut Session) -> Result<T, ssh2::Error>,
    ) -> Result<T, Halt> {
        loop {
            let result = operation(&mut self.session);
            // Whoever looks at streams elsewhere must look again: it may have taken in their packets.
            self.moved += 1;
            let seen = self.seen();
            match result {
                Ok(value) => return Ok(value),
                Err(error) if would_block(&error) => {}
                Err(error) => return Err(Halt::Failed(error)),
            }
            let until = limit(&self.session);
            if gone() {
                return Err(Halt::Gone);
            }
            if Instant::now() >= until {
                return Err(Halt::TimedOut);
            }
            // Whoever goes away, or sees the machine die, does not always ring.
            self.wait(seen, Some(until.min(Instant::now() + LOOK_UP)))?;
        }
    }

    /// Sends what libssh2 has to say, and gives it what the server says. Sleeps until there is some of
    /// the latter, the bell rings, or the time comes; not at all when something has come that was not
    /// there yet when `seen` was taken.
    pub(super) fn wait(&mut self, seen: Seen, until: Option<Instant>) -> Result<(), Halt> {
        self.send()?;
        if seen != self.seen() {
            return Ok(());
        }
        if self.ended {
            if rustix::net::recv(&self.inner, &mut [0u8; 1][..], RecvFlags::PEEK).is_ok_and(|(count, _)| count > 0) {
                self.moved += 1;
                return Ok(());
            }
            // The sockets would be readable for ever; who looked knows of the end.
            return pause(&self.wake, until.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600))).map(drop);
        }
        let mut wanted = PollFlags::empty();
        if self.inbound.is_empty() {
            wanted |= PollFlags::IN;
        }
        if !self.outbound.is_empty() {
            wanted |= PollFlags::OUT;
        }
        let taking = if self.inbound.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        let mut fds = [
            PollFd::new(&self.socket, wanted),
            PollFd::new(&self.wake, PollFlags::IN),
            PollFd::new(&self.gate, taking),
            // libssh2 stops reading at the first packet that its buffer does not hold whole.
            PollFd::new(&self.inner, PollFlags::IN),
        ];
        snooze(&mut fds, until)?;
        let (socket, bell, unread) = (fds[0].revents(), fds[1].revents(), fds[3].revents());
        if unread.contains(PollFlags::IN) {
            self.moved += 1;
        }
        if bell.contains(PollFlags::IN) {
            self.wake.clear();
        }
        if socket.contains(PollFlags::OUT) {
            self.send()?;
        }
        self.receive()
    }

    /// Takes what libssh2 wrote and sends it, as far as that goes without waiting.
    fn send(&mut self) -> Result<(), Halt> {
        let is_full = matches!(self.session.block_directions(), BlockDirections::Outbound | BlockDirections::Both);
        let mut taken = 0;
        loop {
            self.outbound.pour(&mut self.socket).map_err(Halt::System)?;
            if !self.outbound.is_empty() {
                break;
            }
            match self.outbound.fill(&mut self.gate).map_err(Halt::System)? {
                Some(count @ 1..) => taken += count,
                _ => break,
            }
        }
        if is_full && taken > 0 {
            self.moved += 1;
        }
        Ok(())
    }

    /// Gives libssh2 one portion of what the server sent, if it sent something.
    fn receive(&mut self) -> Result<(), Halt> {
        if self.inbound.is_empty() {
            match self.inbound.fill(&mut self.socket).map_err(Halt::System)? {
                None => return Ok(()),
                Some(0) => {
                    self.ended = true;
                    self.moved += 1;
                    return self.gate.shutdown(Shutdown::Write).map_err(Halt::System);
                }
                Some(_) => self.heard = Instant::now(),
            }
            self.inbound.filter(&mut self.greeting).map_err(Halt::System)?;
        }
        if self.inbound.pour(&mut self.gate).map_err(Halt::System)? > 0 {
            self.moved += 1;
        }
        Ok(())
    }

    /// Starts counting silence anew.
    pub(super) fn attend(&mut self) {
        self.heard = Instant::now();
        self.keepalive = self.heard;
    }

    /// How long nothing has come from the server.
    pub(super) fn silence(&self) -> Duration {
        self.heard.elapsed()
    }

    /// When the next sign of life should be asked for, and asks when that is now.
    pub(super) fn keep_alive(&mut self, every: Duration) -> Result<Instant, Halt> {
        let due = self.heard.max(self.keepalive) + every;
        if Instant::now() < due {
            return Ok(due);
        }
        self.keepalive = Instant::now();
        // libssh2 must not be left with half a keep-alive packet, so it is only sent when there is room.
        let mut fds = [PollFd::new(&self.socket, PollFlags::OUT)];
        snooze(&mut fds, Some(self.keepalive))?;
        let idle = matches!(self.session.block_directions(), BlockDirections::None | BlockDirections::Inbound);
        if idle && self.outbound.is_empty() && fds[0].revents().contains(PollFlags::OUT) {
            self.session.keepalive_send().map_err(Halt::Failed)?;
        }
        Ok(self.keepalive + every)
    }

    /// Says goodbye and ends the session, within a moment.
    pub(super) fn hang_up(mut self) {
        let limit = Instant::now() + Duration::from_millis(200);
        let _ = self.drive(&|| false, |_| limit, |session| session.disconnect(None, "done", None));
        let _ = self.send();
    }
}

impl Drop for SshSession {
    fn drop(&mut self) {
        // With the socket shut, nothing that libssh2 still wants to say can block, and only in
        // blocking mode does it free everything at the first try.
        let _ = self.socket.shutdown(Shutdown::Both);
        let _ = self.gate.shutdown(Shutdown::Both);
        self.session.set_timeout(500);
        self.session.set_blocking(true);
    }
}

/// Whether libssh2 only wants to be asked again.
pub(super) fn would_block(error: &ssh2::Error) -> bool {
    error.code() == ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_EAGAIN)
}

/// Sleeps without a socket; true when the time has come.
pub(super) fn pause(wake: &Wake, until: Instant) -> Result<bool, Halt> {
    let mut fds = [PollFd::new(wake, PollFlags::IN)];
    snooze(&mut fds, Some(until))?;
    if fds[0].revents().contains(PollFlags::IN) {
        wake.clear();
    }
    Ok(Instant::now() >= until)
}

fn wait_for(socket: &impl AsFd, wanted: PollFlags, wake: &Wake, until: Instant) -> Result<bool, Halt> {
    let mut fds = [PollFd::new(socket, wanted), PollFd::new(wake, PollFlags::IN)];
    snooze(&mut fds, Some(until))?;
    if fds[1].revents().contains(PollFlags::IN) {
        wake.clear();
    }
    Ok(!fds[0].revents().is_empty())
}

/// Sleeps until one of the sockets has something (or takes something, when `hungry`), the bell
/// rings, or the time comes.
pub(super) fn wait_for_any<S: AsFd>(
    sockets: [&S; 2],
    hungry: bool,
    wake: &Wake,
    until: Option<Instant>,
) -> Result<(), Halt> {
    let wanted = if hungry { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
    let mut fds =
        [PollFd::new(sockets[0], wanted), PollFd::new(sockets[1], PollFlags::IN), PollFd::new(wake, PollFlags::IN)];
    snooze(&mut fds, until)?;
    if fds[2].revents().contains(PollFlags::IN) {
        wake.clear();
    }
    Ok(())
}

fn snooze(fds: &mut [PollFd<'_>], until: Option<Instant>) -> Result<(), Halt> {
    let timeout = until.map(|until| {
        let left = until.saturating_duration_since(Instant::now());
        Timespec { tv_sec: left.as_secs().min(86_400) as i64, tv_nsec: i64::from(left.subsec_nanos()) }
    });
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(system(error)),
    }
}

fn system(error: rustix::io::Errno) -> Halt {
    Halt::System(error.into())
}

impl std::fmt::Display for Halt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => f.write_str("nobody waits for it any more"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Failed(error) => f.write_str(&muster_base::text::one_line(error.message(), 200)),
            Self::System(error) => error.fmt(f),
        }
    }
}
