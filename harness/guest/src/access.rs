//! What a conversation waits on, and what it kills through: an SSH session does both. Virtio-serial
//! ports can only be waited on, so a warm shell logs in by SSH when something must be killed, and
//! only then.

use std::time::{Duration, Instant};

use super::error::LastState;
use super::hostkey::HostKey;
use super::login::{Entered, Login};
use super::ports::PortPair;
use super::shell::Shell;
use super::ssh::{self, Gone, Halt, Seen, SshSession};
use super::start::Start;
use super::target::Target;
use super::wait::Wait;
use super::wake::Wake;

/// The way to a guest.
pub(super) enum Access {
    /// An SSH session.
    Ssh(SshSession),
    /// Ports, and how to log in as well.
    Ports(Ports),
}

/// Ports that are waited on, and the SSH session that is made when it is needed.
pub(super) struct Ports {
    pub(super) pair: PortPair,
    pub(super) wake: Wake,
    pub(super) reach: Reach,
    pub(super) side: Option<SshSession>,
}

/// All that a login needs, for later.
pub(super) struct Reach {
    pub(super) target: Target,
    pub(super) remembered: Option<HostKey>,
    pub(super) slow: f64,
}

impl Reach {
    /// Logs in, without a shell when `start` is `None`.
    pub(super) fn log_in(
        &self,
        wake: &Wake,
        start: Start,
        deadline: Instant,
        gone: Gone,
    ) -> Result<Entered, LastState> {
        let key = read_key(&self.target)?;
        let remembered = self.remembered.clone();
        Login { target: &self.target, key: &key, remembered, start, wake, slow: self.slow, deadline, gone }.enter()
    }
}

/// The private key of a target.
pub(super) fn read_key(target: &Target) -> Result<String, LastState> {
    std::fs::read_to_string(&target.private_key)
        .map_err(|error| LastState::KeyFile(format!("{}: {error}", target.private_key.display())))
}

impl Access {
    /// Starts counting silence anew.
    pub(super) fn attend(&mut self) {
        if let Self::Ssh(ssh) = self {
            ssh.attend();
        }
    }

    /// How long the other side has said nothing although it was asked. A port cannot be asked: what
    /// hangs there is found by the time-out of the command.
    pub(super) fn silence(&self) -> Duration {
        match self {
            Self::Ssh(ssh) => ssh.silence(),
            Self::Ports(_) => Duration::ZERO,
        }
    }

    /// When the next sign of life should be asked for, and asks when that is now.
    pub(super) fn keep_alive(&mut self, every: Duration) -> Result<Instant, Halt> {
        match self {
            Self::Ssh(ssh) => ssh.keep_alive(every),
            Self::Ports(_) => Ok(Instant::now() + Duration::from_secs(3600)),
        }
    }

    /// An SSH session for a second shell.
    pub(super) fn side(&mut self, start: Start, limit: Instant, gone: Gone) -> Result<&mut SshSession, Halt> {
        match self {
            Self::Ssh(ssh) => Ok(ssh),
            Self::Ports(ports) => {
                if ports.side.is_none() {
                    let Entered { shell, ssh: mut side, .. } =
                        ports.reach.log_in(&ports.wake, start, limit, gone).map_err(|last| match last {
                            LastState::Cancelled => Halt::Gone,
                            last => Halt::System(std::io::Error::other(last.to_string())),
                        })?;
                    shell.close(&mut side, Instant::now() + Duration::from_millis(300));
                    ports.side = Some(side);
                }
                match &mut ports.side {
                    Some(side) => {
                        side.attend();
                        Ok(side)
                    }
                    None => Err(Halt::TimedOut),
                }
            }
        }
    }

    /// Lets go of a shell in good order, on whatever road it stands.
    pub(super) fn let_go(&mut self, shell: Shell, limit: Instant) {
        if let Self::Ssh(ssh) = self {
            shell.close(ssh, limit);
        }
    }

    /// Says goodbye, within a moment.
    pub(super) fn hang_up(self) {
        match self {
            Self::Ssh(ssh) => ssh.hang_up(),
            Self::Ports(ports) => {
                if let Some(side) = ports.side {
                    side.hang_up();
                }
            }
        }
    }
}

impl Wait for Access {
    fn seen(&self) -> Seen {
        match self {
            Self::Ssh(ssh) => ssh.seen(),
            Self::Ports(_) => Seen::UNQUEUED,
        }
    }

    fn wait(&mut self, seen: Seen, until: Option<Instant>, hungry: bool) -> Result<(), Halt> {
        match self {
            Self::Ssh(ssh) => ssh.wait(seen, until),
            Self::Ports(ports) => ssh::wait_for_any(ports.pair.sockets(), hungry, &ports.wake, until),
        }
    }
}
