//! One SSH connection owned by one thread, one framed POSIX shell on it, and the
//! facts of the system behind it. Nothing else knows SSH. `engine`, `qemu` and `remote` use it; `check` and `facts`
//! see only [`Reply`] and the facts of the record.

mod access;
mod actor;
mod carrier;
mod channel;
mod connection;
mod conversation;
mod error;
pub mod facts;
pub mod frame;
mod generations;
mod greeting;
mod hold;
mod hostkey;
mod kill;
mod known_hosts;
mod login;
#[cfg(any(test, feature = "testing"))]
pub mod loopback;
mod pipeline;
mod ports;
mod refusals;
mod reply;
mod shared;
mod shell;
mod ssh;
#[cfg(test)]
mod stalls;
mod start;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod transport;
mod wait;
mod wake;
pub mod warm;
#[cfg(test)]
mod warm_tests;

pub use connection::{Guest, Stats};
pub use error::{ConnectError, GuestError, LastState, WarmError};
pub use generations::Generations;
pub use hold::Hold;
pub use hostkey::{HostKey, HostKeyPolicy};
pub use known_hosts::known_hosts;
pub use ports::PortPair;
pub use refusals::{Refusals, Refused};
pub use reply::{End, Notes, Reply, Request};
pub use target::Target;
