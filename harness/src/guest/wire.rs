//! The SSH session itself. It is created, used and dropped on one thread and never cloned: two
//! threads on one libssh2 session corrupt its stream.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use ssh2::{BlockDirections, ErrorCode, Session};

use super::wake::Wake;

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
pub(super) struct Wire {
    session: Session,
    socket: TcpStream,
    wake: Wake,
    heard: Instant,
    keepalive: Instant,
}

/// How long anything that waits may go without looking whether it still should.
pub(super) const LOOK_UP: Duration = Duration::from_secs(1);

/// Whether the caller has gone away.
pub(super) type Gone<'a> = &'a dyn Fn() -> bool;

impl Wire {
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
        let mut session = Session::new().map_err(Halt::Failed)?;
        session.set_tcp_stream(socket.try_clone().map_err(Halt::System)?);
        session.set_blocking(false);
        session.set_keepalive(true, 2);
        let now = Instant::now();
        Ok(Self { session, socket, wake: wake.clone(), heard: now, keepalive: now })
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
            match operation(&mut self.session) {
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
            self.wait(Some(until.min(Instant::now() + LOOK_UP)))?;
        }
    }

    /// Sleeps until the socket has something, the bell rings, or the time comes.
    pub(super) fn wait(&mut self, until: Option<Instant>) -> Result<(), Halt> {
        let wanted = match self.session.block_directions() {
            BlockDirections::Outbound | BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::None | BlockDirections::Inbound => PollFlags::IN,
        };
        let mut fds = [PollFd::new(&self.socket, wanted), PollFd::new(&self.wake, PollFlags::IN)];
        snooze(&mut fds, until)?;
        let (socket, bell) = (fds[0].revents(), fds[1].revents());
        if bell.contains(PollFlags::IN) {
            self.wake.clear();
        }
        if socket.contains(PollFlags::IN) {
            self.heard = Instant::now();
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
        if idle && fds[0].revents().contains(PollFlags::OUT) {
            self.session.keepalive_send().map_err(Halt::Failed)?;
        }
        Ok(self.keepalive + every)
    }

    /// Says goodbye and ends the session, within a moment.
    pub(super) fn hang_up(mut self) {
        let limit = Instant::now() + Duration::from_millis(200);
        let _ = self.drive(&|| false, |_| limit, |session| session.disconnect(None, "done", None));
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // With the socket shut, nothing that libssh2 still wants to say can block, and only in
        // blocking mode does it free everything at the first try.
        let _ = self.socket.shutdown(Shutdown::Both);
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
            Self::Failed(error) => f.write_str(&crate::text::one_line(error.message(), 200)),
            Self::System(error) => error.fmt(f),
        }
    }
}
