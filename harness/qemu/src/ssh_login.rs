//! How a person gets into a machine that muster runs, and how it is known to have ended.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::driver::HostMachine;
use crate::{Machine, MachineState};
use muster_guest::{HostKey, HostKeyPolicy, Target};

/// How a person logs in to a running machine.
#[derive(Debug, Clone)]
pub struct SshLogin {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Who logs in.
    pub user: String,
    /// The private key.
    pub private_key: PathBuf,
    /// The host key it shows; absent when it never showed one.
    pub host_key: Option<HostKey>,
}

impl HostMachine {
    /// How a person logs in to it.
    pub fn ssh_login(&self) -> SshLogin {
        let Target { addr, user, private_key, .. } = self.target.clone();
        SshLogin { addr, user, private_key, host_key: self.known_host_key() }
    }

    pub(super) fn known_host_key(&self) -> Option<HostKey> {
        match (self.guest.host_key(), &self.target.host_key) {
            (Some(key), _) => Some(key),
            // A fork that was never logged in to shows what its template did.
            (None, HostKeyPolicy::Expect(keys)) => keys.first().cloned(),
            (None, HostKeyPolicy::AcceptFirst) => None,
        }
    }

    /// Resolves when its QEMU has ended, and says how. What the guest does until then, reboots and
    /// panics included, is the business of whoever uses it.
    pub async fn ended(&self) -> String {
        ended(&self.machine).await
    }
}

pub(super) async fn ended(machine: &Machine) -> String {
    let mut state = machine.state();
    let over = |state: &MachineState| matches!(state, MachineState::PoweredOff | MachineState::Exited { .. });
    let state = state.wait_for(over).await.map(|state| state.clone());
    match state {
        Ok(MachineState::Exited { status, message }) if message.is_empty() => format!("QEMU ended ({status})"),
        Ok(MachineState::Exited { status, message }) => format!("QEMU ended ({status}): {message}"),
        _ => "the guest powered itself off".to_owned(),
    }
}
