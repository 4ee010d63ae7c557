//! Where a guest is, and how to log in to it.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::generations::Generations;
use super::hold::Hold;
use super::hostkey::HostKeyPolicy;
use super::refusals::Refusals;

/// Where a guest is and how to get in.
#[derive(Debug, Clone)]
pub struct Target {
    /// The forwarded port of the machine, or a machine elsewhere.
    pub addr: SocketAddr,
    /// The user of the login.
    pub user: String,
    /// An OpenSSH private key without a passphrase, ed25519 by preference.
    pub private_key: PathBuf,
    /// Whether the shell is started through `sudo -n`.
    pub become_root: bool,
    /// Which host keys are right.
    pub host_key: HostKeyPolicy,
    /// Resets of the machine: what was begun in an earlier life is given up.
    pub generations: Generations,
    /// Where it is counted how often the key is refused.
    pub refusals: Refusals,
    /// When somebody may log in who could.
    pub hold: Hold,
}
