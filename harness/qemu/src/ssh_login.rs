//! How a person gets into a machine that muster runs, and how it is known to have ended.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::Machine;
use crate::running::MachineState;
use muster_guest::{Generations, HostKey};

/// How long a guest that has been up for a while may take to let somebody in, unscaled.
pub(super) const LOGIN: Duration = Duration::from_secs(20);

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

/// The lives of a machine of this host, as QEMU counts its resets.
pub(super) fn generations_of(machine: &Machine) -> Generations {
    let tally = machine.tally();
    Generations::counted(move || tally.borrow().resets())
}
