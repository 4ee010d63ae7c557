//! How talking to a guest goes wrong, in words for a person, each with its stable failure id.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use muster_base::failure::{self, Failure, FailureId};
use muster_base::fault::Fault;
use muster_base::text;

/// No login, or no shell behind it, before the deadline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no shell on {addr} as {user} after {}: {last}", seconds(.waited))]
pub struct ConnectError {
    /// Where it was tried.
    pub addr: SocketAddr,
    /// The user of the login.
    pub user: String,
    /// From the first try to giving up.
    pub waited: Duration,
    /// How far the last try came that said anything.
    pub last: LastState,
}

impl ConnectError {
    /// Who answered last decides it.
    fn id(&self) -> FailureId {
        match &self.last {
            LastState::NotTried
            | LastState::Unreachable(_)
            | LastState::Silent
            | LastState::Held
            | LastState::Cancelled => failure::BOOT_TIMEOUT,
            LastState::Handshake(_) | LastState::NotSsh(_) | LastState::NoShell(_) | LastState::NoRoot { .. } => {
                failure::SSH_PROTOCOL
            }
            LastState::HostKeyChanged { .. } => failure::SSH_HOST_KEY,
            LastState::KeyRefused { .. } => failure::SEED_REJECTED,
            LastState::KeyFile(_) => failure::SEED_FAILED,
        }
    }
}

impl Fault for ConnectError {
    fn failure_id(&self) -> Option<FailureId> {
        Some(self.id())
    }
}

impl From<&ConnectError> for Failure {
    fn from(error: &ConnectError) -> Self {
        Self::of(error.id(), error)
    }
}

/// How far a login came. What the guest said in it is escaped text of one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LastState {
    /// The deadline had passed before the first try.
    #[error("the deadline left no time to try")]
    NotTried,
    /// TCP did not get through.
    #[error("nobody answers ({0}); the guest may still be booting, see its console")]
    Unreachable(String),
    /// TCP was accepted (QEMU does that for a guest that is not listening yet) but no SSH banner came.
    #[error(
        "the port accepts connections but no SSH server speaks: sshd has not started, or the guest has no network \
         (QEMU accepts for it); see the console"
    )]
    Silent,
    /// Something came that is no SSH greeting.
    #[error("what answers there is not an SSH server; it sent: {0}; see whether the address and the port are right")]
    NotSsh(String),
    /// Nobody was allowed to log in yet.
    #[error("sshd answers, but the boot was not over when its deadline came")]
    Held,
    /// A banner came, the key exchange failed.
    #[error("the SSH handshake failed ({0}); the server is broken, malicious, or offers no common algorithm")]
    Handshake(String),
    /// The host key is not the one that is known.
    #[error("the host key is {seen}, expected {expected}; the keys were regenerated, or this is another machine")]
    HostKeyChanged {
        /// Fingerprints that would have been right.
        expected: String,
        /// The fingerprint that was shown.
        seen: String,
    },
    /// The server runs and refuses the key.
    #[error(
        "sshd answers but refused the key ({times} tries): the image has another user (`--user NAME`), or it did not \
         apply the seed (`--seed KIND`)"
    )]
    KeyRefused {
        /// How often.
        times: u32,
    },
    /// The login worked, the shell did not start.
    #[error("the login works but no shell answers ({0})")]
    NoShell(String),
    /// The login worked, and its user cannot become root.
    #[error(
        "the login works but its user cannot become root with `sudo -n` (it printed: {said}); let the user run sudo \
         without a password, install sudo, or log in as root"
    )]
    NoRoot {
        /// What the guest printed, on one line.
        said: String,
    },
    /// The private key could not be read on this host.
    #[error("the private key cannot be used ({0})")]
    KeyFile(String),
    /// The caller went away.
    #[error("the wait was cancelled")]
    Cancelled,
}

/// Why a request has no reply. A command that merely failed, or was killed, has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuestError {
    /// The connection broke, or the guest fell silent. Only [`super::Guest::reconnect`] helps.
    #[error("the connection to the guest was lost: {what}")]
    Lost {
        /// What was seen of it.
        what: String,
    },
    /// The shell did not answer as its protocol says; it has been replaced by a new one.
    #[error("the shell of the guest was disturbed: {excerpt}")]
    Protocol {
        /// What was seen, escaped and short.
        excerpt: String,
    },
    /// The guest shows another host key than before; nothing is sent to it.
    #[error("the guest shows another host key than before: {seen}, expected {expected}")]
    HostKeyChanged {
        /// Fingerprints that would have been right.
        expected: String,
        /// The fingerprint that was shown.
        seen: String,
    },
    /// The command line cannot be sent to a shell.
    #[error("the command line cannot be sent to the guest: {why}")]
    Unsendable {
        /// What is wrong with it.
        why: String,
    },
    /// What is needed to know the system could not be read; never the same as "it has none".
    #[error("the facts of the guest could not be read: {what}")]
    Unreadable {
        /// Which, and what was seen.
        what: String,
    },
    /// This side closed the connection.
    #[error("the connection to the guest was closed by this run")]
    Closed,
}

impl GuestError {
    fn id(&self) -> FailureId {
        match self {
            Self::Lost { .. } | Self::Closed => failure::SSH_LOST,
            Self::Protocol { .. } => failure::SSH_PROTOCOL,
            Self::HostKeyChanged { .. } => failure::SSH_HOST_KEY,
            Self::Unsendable { .. } | Self::Unreadable { .. } => failure::PROBE_FAILED,
        }
    }

    pub(super) fn lost(what: impl Into<String>) -> Self {
        Self::Lost { what: what.into() }
    }

    pub(super) fn unreadable(what: impl Into<String>) -> Self {
        Self::Unreadable { what: what.into() }
    }

    pub(super) fn unsendable(why: impl Into<String>) -> Self {
        Self::Unsendable { why: why.into() }
    }
}

impl Fault for GuestError {
    fn failure_id(&self) -> Option<FailureId> {
        Some(self.id())
    }
}

impl From<&GuestError> for Failure {
    fn from(error: &GuestError) -> Self {
        Self::of(error.id(), error)
    }
}

/// Why no shell stays warm in a guest. Its clones log in by SSH then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WarmError {
    /// The guest could not be spoken with.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// What started it does not say which process the login is.
    #[error("the guest did not report the process of its login")]
    NoLogin,
    /// The kernel of the guest has no driver of the ports.
    #[error("the guest has no virtio-serial ports; is virtio_console loaded?")]
    NoPorts,
    /// The program that frees the shell from its login is missing.
    #[error("the guest has no setsid")]
    NoSetsid,
    /// What starts it failed, with this status.
    #[error("starting it ended with {0}")]
    Ended(i32),
}

impl Fault for WarmError {
    fn failure_id(&self) -> Option<FailureId> {
        match self {
            Self::Guest(error) => error.failure_id(),
            Self::NoLogin | Self::NoPorts | Self::NoSetsid | Self::Ended(_) => None,
        }
    }
}

/// An error of this host on one line, as it may be shown.
pub(super) fn escaped(error: &io::Error) -> String {
    text::one_line(&error.to_string(), 200)
}

fn seconds(duration: &Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_state_decides_the_id_and_is_named_in_the_message() {
        let error = |last| ConnectError {
            addr: ([127, 0, 0, 1], 2222).into(),
            user: "root".into(),
            waited: Duration::from_millis(1500),
            last,
        };
        let refused = error(LastState::KeyRefused { times: 3 });
        assert_eq!(refused.failure_id(), Some(failure::SEED_REJECTED));
        assert_eq!(
            refused.to_string(),
            "no shell on 127.0.0.1:2222 as root after 1.5 s: sshd answers but refused the key (3 tries): \
             the image has another user (`--user NAME`), or it did not apply the seed (`--seed KIND`)"
        );
        assert_eq!(error(LastState::Silent).failure_id(), Some(failure::BOOT_TIMEOUT));
        assert_eq!(error(LastState::Unreachable("refused".into())).failure_id(), Some(failure::BOOT_TIMEOUT));
        assert_eq!(error(LastState::Handshake("x".into())).failure_id(), Some(failure::SSH_PROTOCOL));
    }
}
