//! What a guest can reach. `machine` alone uses this room; the rest of the harness sees [`Network`].
//!
//! A restricted machine has QEMU's user network with `restrict=on` and nothing else. A machine that
//! may use the internet cannot have that, and the user network cannot filter by address: whatever
//! the host reaches, its own loopback and its cloud's metadata service included, the guest would
//! reach too. So its NIC is not connected to the user network but to this process, and so is the
//! user network, through a hub inside QEMU:
//!
//! ```text
//! guest NIC ─ stream socket ─ [pump: a Fabric decides] ─ stream socket ─ hub ─ user network ─ host
//! ```
//!
//! The [`PacketHandler`] sees every frame of both directions. [`filter::Filter`] is the one that lets the
//! internet through and nothing else; an emulated cloud, which answers for addresses of its own and
//! adds options to DHCP replies, is another one in the same place.
//!
//! Machines of one test have a [`segment`] in addition, which leads to no host.

mod address;
mod filter;
mod framing;
mod handler;
mod packet;
mod pump;
mod record;
pub(crate) mod segment;
#[cfg(test)]
mod testing;
mod verdict;

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;

use self::address::OwnAddresses;
use self::filter::Filter;
use self::handler::PacketHandler;
use super::channels;

pub(crate) use self::pump::Link;

/// What the guest can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// Nothing but the answers to the forwarded SSH port: not the host, not the internet, and not the
    /// cloud metadata address 169.254.169.254 either, so a data source that asks there fails at once
    /// instead of finding the host's own cloud.
    #[default]
    Restricted,
    /// Public addresses and the host's name server, through [`Filter`]; never the host itself,
    /// private networks or a cloud's metadata service. IPv4 only.
    Internet,
}

/// The sockets that QEMU inherits for a network with a fabric, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NetworkFds {
    /// The guest's NIC is connected to this.
    pub nic: RawFd,
    /// The user network is connected to this.
    pub uplink: RawFd,
}

/// A fabric's two cables before QEMU runs: QEMU's ends, to be inherited, and ours at work already.
#[derive(Debug)]
pub(super) struct Plugged {
    /// QEMU's ends.
    pub fds: NetworkFds,
    /// The same, owned.
    pub inherit: [OwnedFd; 2],
    /// Ours.
    pub link: Link,
}

/// The forwarded SSH port. Port 0 lets the host's kernel choose: the number is read back over QMP, so
/// there is no race.
pub(super) const FORWARD: &str = "hostfwd=tcp:127.0.0.1:0-:22";

impl Network {
    /// The `-netdev` values; the first NIC's peer is always called `net0`. Without sockets (a machine
    /// started by hand has nobody who filters) every network is restricted.
    pub(super) fn netdevs(self, fds: Option<NetworkFds>) -> Vec<String> {
        match (self, fds) {
            (Self::Internet, Some(NetworkFds { nic, uplink })) => vec![
                // QEMU says that the hub has no NIC, which is so and harms nothing.
                format!("user,id=user0,ipv6=off,{FORWARD}"),
                "hubport,id=port0,hubid=0,netdev=user0".to_owned(),
                format!("stream,id=uplink0,server=off,addr.type=fd,addr.str={uplink}"),
                "hubport,id=port1,hubid=0,netdev=uplink0".to_owned(),
                format!("stream,id=net0,server=off,addr.type=fd,addr.str={nic}"),
            ],
            (Self::Restricted, _) | (Self::Internet, None) => vec![format!("user,id=net0,restrict=on,{FORWARD}")],
        }
    }

    /// What has to be there before QEMU starts: nothing for a restricted machine. `network.log` in the
    /// machine's directory gets one line for each thing the guest tried to reach.
    pub(super) fn plug(self, dir: &Path) -> std::io::Result<Option<Plugged>> {
        match self {
            Self::Restricted => Ok(None),
            Self::Internet => {
                let log = File::create(dir.join("network.log"))?;
                let filter = Filter::new(OwnAddresses::of_this_host()?, log);
                plug(Box::new(filter)).map(Some)
            }
        }
    }
}

fn plug(handler: Box<dyn PacketHandler>) -> std::io::Result<Plugged> {
    let (nic, nic_there) = channels::socket_pair()?;
    let (uplink, uplink_there) = channels::socket_pair()?;
    let link = Link::start(nic, uplink, handler)?;
    let fds = NetworkFds { nic: nic_there.as_raw_fd(), uplink: uplink_there.as_raw_fd() };
    Ok(Plugged { fds, inherit: [nic_there, uplink_there], link })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_filtered_network_is_open() {
        let fds = Some(NetworkFds { nic: 20, uplink: 21 });
        let restricted = ["user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:0-:22"];
        assert_eq!(Network::Restricted.netdevs(None), restricted);
        assert_eq!(Network::Restricted.netdevs(fds), restricted);
        assert_eq!(Network::Internet.netdevs(None), restricted);
        let open = Network::Internet.netdevs(fds);
        assert_eq!(open.last().map(String::as_str), Some("stream,id=net0,server=off,addr.type=fd,addr.str=20"));
        assert_eq!(open.iter().filter(|netdev| netdev.starts_with("user,")).count(), 1);
    }
}
