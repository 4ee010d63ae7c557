//! The fabric that lets the public internet through and nothing else.

use std::fs::File;
use std::net::Ipv4Addr;

use super::address::{self, OwnAddresses};
use super::handler::{Outbox, PacketHandler, Side};
use super::packet::{self, Packet, Payload};
use super::record::Record;
use super::verdict::{FilterDecision, Reason};

/// The user network's own addresses: the gateway, behind which the host's loopback would be, and the
/// name server, behind which the host's resolver is.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);

/// The filter of one machine.
#[derive(Debug)]
pub(crate) struct Filter {
    own: OwnAddresses,
    record: Record,
}

impl Filter {
    /// `own` are the host's addresses. Each thing the guest tries to reach is written to `log` once.
    pub(crate) fn new(own: OwnAddresses, log: File) -> Self {
        Self { own, record: Record::new(log) }
    }

    /// What becomes of a frame from a side. Looks at nothing but the frame.
    #[cfg(test)]
    pub(crate) fn decide(&self, frame: &[u8], from: Side) -> FilterDecision {
        self.verdict(packet::parse(frame), from)
    }

    fn verdict(&self, packet: Result<Packet, &'static str>, from: Side) -> FilterDecision {
        let allowed = match packet {
            Err(what) => Err(Reason::Malformed(what)),
            Ok(Packet::Arp) => Ok(()),
            Ok(Packet::Foreign(kind)) => Err(Reason::EtherType(kind)),
            Ok(Packet::Ipv4 { source, destination, payload }) => match from {
                Side::Guest => self.outbound(destination, payload),
                Side::Uplink => self.inbound(source),
            },
        };
        allowed.map_or_else(FilterDecision::Drop, |()| FilterDecision::Pass)
    }

    /// What the guest may send. Only its destination counts: the user network believes no source.
    fn outbound(&self, to: Ipv4Addr, payload: Payload) -> Result<(), Reason> {
        match (payload, to) {
            (Payload::Fragment, GATEWAY | NAME_SERVER) => Err(Reason::Fragment),
            // DHCP, to anybody while it has no lease and to the gateway afterwards.
            (Payload::Udp { source: 68, destination: 67 }, GATEWAY | Ipv4Addr::BROADCAST) => Ok(()),
            // The answers of its sshd. Only a SYN alone would open a connection.
            (Payload::Tcp { source: 22, syn, ack, .. }, GATEWAY) if ack || !syn => Ok(()),
            // The user network answers pings of its gateway itself.
            (Payload::Icmp(8), GATEWAY) => Ok(()),
            (Payload::Udp { destination: 53, .. } | Payload::Tcp { destination: 53, .. }, NAME_SERVER) => Ok(()),
            (_, GATEWAY) => Err(Reason::Gateway),
            (payload, to) => {
                self.public(to)?;
                match payload {
                    Payload::Tcp { .. } | Payload::Udp { .. } | Payload::Icmp(8) | Payload::Fragment => Ok(()),
                    Payload::Icmp(_) | Payload::Other(_) => Err(Reason::Protocol),
                }
            }
        }
    }

    /// What may come to the guest: from the user network itself, or from where the guest may go.
    fn inbound(&self, from: Ipv4Addr) -> Result<(), Reason> {
        match from {
            GATEWAY | NAME_SERVER => Ok(()),
            from => self.public(from),
        }
    }

    fn public(&self, address: Ipv4Addr) -> Result<(), Reason> {
        match address::never(address) {
            Some(what) => Err(Reason::Address(what)),
            None if self.own.hold(address) => Err(Reason::Host),
            None => Ok(()),
        }
    }
}

impl PacketHandler for Filter {
    fn frame(&mut self, from: Side, frame: &[u8], out: &mut Outbox) {
        let packet = packet::parse(frame);
        let verdict = self.verdict(packet, from);
        if from == Side::Guest {
            self.record.note(packet.ok(), verdict);
        }
        if verdict == FilterDecision::Pass {
            out.send(from.other(), frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::make;
    use super::*;

    const GUEST: &str = "10.0.2.15";
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;

    fn filter() -> Filter {
        let own = OwnAddresses::of([Ipv4Addr::new(203, 0, 113, 7)]);
        Filter::new(own, tempfile::tempfile().unwrap())
    }

    fn sent(frame: &[u8]) -> FilterDecision {
        filter().decide(frame, Side::Guest)
    }

    fn dropped(reason: Reason) -> FilterDecision {
        FilterDecision::Drop(reason)
    }

    #[test]
    fn the_public_internet_is_reached() {
        assert_eq!(sent(&make::tcp((GUEST, 40000), ("198.51.100.1", 443), SYN)), FilterDecision::Pass);
        assert_eq!(sent(&make::udp((GUEST, 40000), ("1.1.1.1", 123))), FilterDecision::Pass);
        assert_eq!(sent(&make::ipv4(GUEST, "1.1.1.1", 1, &[8, 0, 0, 0, 0, 0, 0, 0])), FilterDecision::Pass);
        assert_eq!(sent(&make::arp()), FilterDecision::Pass);
        // The neighbour of an address of the host is somebody else.
        assert_eq!(sent(&make::tcp((GUEST, 40000), ("203.0.113.8", 80), SYN)), FilterDecision::Pass);
    }

    #[test]
    fn the_host_is_not() {
        assert_eq!(sent(&make::tcp((GUEST, 40000), ("203.0.113.7", 80), SYN)), dropped(Reason::Host));
        assert_eq!(sent(&make::udp((GUEST, 40000), ("203.0.113.7", 53))), dropped(Reason::Host));
        let loopback = sent(&make::tcp((GUEST, 40000), ("127.0.0.1", 80), SYN));
        assert_eq!(loopback, dropped(Reason::Address("loopback")));
        for port in [22, 80, 67] {
            assert_eq!(sent(&make::tcp((GUEST, 40000), ("10.0.2.2", port), SYN)), dropped(Reason::Gateway), "{port}");
            assert_eq!(sent(&make::udp((GUEST, 40000), ("10.0.2.2", port))), dropped(Reason::Gateway), "{port}");
        }
        // TFTP and SMB of the user network.
        assert_eq!(sent(&make::udp((GUEST, 68), ("10.0.2.2", 69))), dropped(Reason::Gateway));
        assert_eq!(sent(&make::tcp((GUEST, 40000), ("10.0.2.4", 445), SYN)), dropped(Reason::Address("private")));
        // The broadcast address is the host's loopback to the user network.
        for port in [53, 69, 5353] {
            let verdict = sent(&make::udp((GUEST, 68), ("255.255.255.255", port)));
            assert_eq!(verdict, dropped(Reason::Address("reserved or broadcast")), "{port}");
        }
    }

    #[test]
    fn nor_are_its_networks_and_its_cloud() {
        for (address, what) in [
            ("169.254.169.254", "the metadata service of the host's cloud"),
            ("168.63.129.16", "the wire server of the host's cloud (Azure)"),
            ("192.168.1.1", "private"),
            ("172.17.0.1", "private"),
            ("10.0.0.1", "private"),
        ] {
            for frame in [
                make::tcp((GUEST, 40000), (address, 80), SYN),
                make::tcp((GUEST, 22), (address, 80), ACK),
                make::udp((GUEST, 68), (address, 67)),
                make::udp((GUEST, 40000), (address, 53)),
                make::ipv4(GUEST, address, 1, &[8, 0, 0, 0, 0, 0, 0, 0]),
                make::ipv4(GUEST, address, 47, &[0; 8]),
            ] {
                assert_eq!(sent(&frame), dropped(Reason::Address(what)), "{address}");
            }
        }
    }

    #[test]
    fn sshd_answers_but_opens_nothing() {
        let to = ("10.0.2.2", 51000);
        for flags in [SYN | ACK, ACK, ACK | 0x08, ACK | 0x01, 0x04] {
            assert_eq!(sent(&make::tcp((GUEST, 22), to, flags)), FilterDecision::Pass, "{flags:#x}");
        }
        // SYN with anything but ACK might open one.
        for flags in [SYN, SYN | 0x20, SYN | 0x08, SYN | 0xc0] {
            assert_eq!(sent(&make::tcp((GUEST, 22), to, flags)), dropped(Reason::Gateway), "{flags:#x}");
        }
        assert_eq!(sent(&make::tcp((GUEST, 23), to, ACK)), dropped(Reason::Gateway));
        assert_eq!(sent(&make::udp((GUEST, 22), to)), dropped(Reason::Gateway));
    }

    #[test]
    fn a_guest_gets_a_lease_and_asks_for_names() {
        assert_eq!(sent(&make::udp(("0.0.0.0", 68), ("255.255.255.255", 67))), FilterDecision::Pass);
        assert_eq!(sent(&make::udp((GUEST, 68), ("10.0.2.2", 67))), FilterDecision::Pass);
        assert_eq!(sent(&make::udp((GUEST, 40000), ("10.0.2.3", 53))), FilterDecision::Pass);
        assert_eq!(sent(&make::tcp((GUEST, 40000), ("10.0.2.3", 53), SYN)), FilterDecision::Pass);
        // Behind other ports of the name server are other services of the host that resolves for it.
        let other = sent(&make::udp((GUEST, 40000), ("10.0.2.3", 54)));
        assert_eq!(other, dropped(Reason::Address("private")));
    }

    #[test]
    fn nothing_slips_by_in_parts_or_in_other_words() {
        let mut first = make::tcp((GUEST, 22), ("10.0.2.2", 80), ACK);
        first[20] = 0x20;
        assert_eq!(sent(&first), dropped(Reason::Fragment));
        first[30..34].copy_from_slice(&[10, 0, 2, 3]);
        assert_eq!(sent(&first), dropped(Reason::Fragment));
        first[30..34].copy_from_slice(&[169, 254, 169, 254]);
        assert_eq!(sent(&first), dropped(Reason::Address("the metadata service of the host's cloud")));
        first[30..34].copy_from_slice(&[1, 1, 1, 1]);
        assert_eq!(sent(&first), FilterDecision::Pass);
        let mut options = make::tcp((GUEST, 40000), ("1.1.1.1", 80), SYN);
        options[14] = 0x47;
        assert_eq!(sent(&options), dropped(Reason::Malformed("IPv4 options")));
        assert_eq!(sent(&make::ethernet(0x86dd, &[0x60; 40])), dropped(Reason::EtherType(0x86dd)));
        assert_eq!(sent(&make::ethernet(0x8100, &[0; 60])), dropped(Reason::EtherType(0x8100)));
        assert_eq!(sent(&make::ipv4(GUEST, "1.1.1.1", 41, &[0x60; 40])), dropped(Reason::Protocol));
        assert_eq!(sent(&make::ipv4(GUEST, "1.1.1.1", 1, &[5, 0, 0, 0, 0, 0, 0, 0])), dropped(Reason::Protocol));
    }

    #[test]
    fn what_comes_back_is_only_what_could_have_been_asked() {
        let filter = filter();
        let came = |from: &str| filter.decide(&make::tcp((from, 80), (GUEST, 22), SYN), Side::Uplink);
        assert_eq!(came("10.0.2.2"), FilterDecision::Pass);
        assert_eq!(came("1.1.1.1"), FilterDecision::Pass);
        assert_eq!(came("127.0.0.1"), dropped(Reason::Address("loopback")));
        assert_eq!(came("203.0.113.7"), dropped(Reason::Host));
        assert_eq!(filter.decide(&make::ethernet(0x86dd, &[0; 60]), Side::Uplink), dropped(Reason::EtherType(0x86dd)));
    }

    #[test]
    fn any_bytes_have_a_verdict() {
        // A small generator with a fixed seed: the same frames every time.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let filter = filter();
        let mut passed = 0;
        for _ in 0..200_000 {
            let mut frame = make::tcp((GUEST, 40000), ("10.0.2.2", 80), SYN);
            for _ in 0..1 + next() % 3 {
                let at = 12 + (next() as usize) % (frame.len() - 12);
                frame[at] = next() as u8;
            }
            frame.truncate((next() as usize) % 70);
            if filter.decide(&frame, Side::Guest) == FilterDecision::Pass {
                passed += 1;
                let to = Ipv4Addr::new(frame[30], frame[31], frame[32], frame[33]);
                let arp = frame[12..14] == [8, 6];
                assert!(arp || to != GATEWAY || frame[34..36] == [0, 22] || frame[23] != 6, "{frame:?}");
            }
        }
        assert!(passed > 0);
    }
}
