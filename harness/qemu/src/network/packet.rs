//! As much of an Ethernet frame as a decision needs, read from bytes that a hostile guest wrote. The
//! user network behind reads the same bytes again, so whatever could be read in two ways is refused.

use std::net::Ipv4Addr;

/// The longest frame of the user network: 1500 bytes and an Ethernet header, which has no VLAN tag.
pub(super) const LONGEST: usize = 1514;

const ETHERNET: usize = 14;
const IPV4: usize = 20;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packet {
    /// A question or an answer about an IPv4 address.
    Arp,
    /// An IPv4 packet without options.
    Ipv4 { source: Ipv4Addr, destination: Ipv4Addr, payload: Payload },
    /// Another EtherType: IPv6 and VLAN tags among them.
    Foreign(u16),
}

/// What an IPv4 packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// One segment; only the flags that tell a beginning.
    Tcp { source: u16, destination: u16, syn: bool, ack: bool },
    /// One datagram.
    Udp { source: u16, destination: u16 },
    /// An ICMP message of this type.
    Icmp(u8),
    /// A part of a packet: its ports are in another part, or were.
    Fragment,
    /// Another protocol.
    Other(u8),
}

/// Reads a frame; the error says what is wrong with it.
pub(super) fn parse(frame: &[u8]) -> Result<Packet, &'static str> {
    if frame.len() > LONGEST {
        return Err("a frame longer than 1514 bytes");
    }
    let Some(kind) = word(frame, 12) else { return Err("a frame without an Ethernet header") };
    let files = &frame[ETHERNET..];
    match kind {
        0x0800 => ipv4(files),
        // Ethernet and IPv4 addresses of six and four bytes: the only ARP there is here.
        0x0806 if files.len() >= 28 && files[..6] == [0, 1, 8, 0, 6, 4] => Ok(Packet::Arp),
        0x0806 => Err("a malformed ARP packet"),
        other => Ok(Packet::Foreign(other)),
    }
}

fn ipv4(files: &[u8]) -> Result<Packet, &'static str> {
    let Some(header) = files.first_chunk::<IPV4>() else { return Err("a truncated IPv4 header") };
    match header[0] {
        0x45 => {}
        // A source route would send it elsewhere than its destination says; nobody needs the rest.
        0x46..=0x4f => return Err("IPv4 options"),
        _ => return Err("an impossible IPv4 header"),
    }
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    // Short frames are padded to 60 bytes, so the body may be longer than the packet.
    let Some(data) = files.get(IPV4..total) else { return Err("an impossible IPv4 length") };
    let address = |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    let fragment = u16::from_be_bytes([header[6], header[7]]);
    let payload = match header[9] {
        // More fragments follow, or this is not the first.
        _ if fragment & 0x3fff != 0 => Payload::Fragment,
        6 => {
            let Some(flags) = data.get(13).filter(|_| data.len() >= 20) else { return Err("a truncated TCP header") };
            let (source, destination) = ports(data)?;
            Payload::Tcp { source, destination, syn: flags & 0x02 != 0, ack: flags & 0x10 != 0 }
        }
        17 => {
            if data.len() < 8 {
                return Err("a truncated UDP header");
            }
            let (source, destination) = ports(data)?;
            Payload::Udp { source, destination }
        }
        1 => Payload::Icmp(*data.first().filter(|_| data.len() >= 8).ok_or("a truncated ICMP message")?),
        other => Payload::Other(other),
    };
    Ok(Packet::Ipv4 { source: address(12), destination: address(16), payload })
}

fn ports(data: &[u8]) -> Result<(u16, u16), &'static str> {
    word(data, 0).zip(word(data, 2)).ok_or("no ports")
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// Frames for tests of this room.
#[cfg(test)]
pub(super) mod make {
    use super::*;

    pub(crate) fn ethernet(kind: u16, files: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x52, 0x55, 10, 0, 2, 2, 0x52, 0x54, 0, 0x12, 0x34, 0x56];
        frame.extend(kind.to_be_bytes());
        frame.extend(files);
        frame
    }

    pub(crate) fn ipv4(source: &str, destination: &str, protocol: u8, data: &[u8]) -> Vec<u8> {
        let mut files = vec![0x45, 0];
        files.extend(((IPV4 + data.len()) as u16).to_be_bytes());
        files.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
        files.extend(source.parse::<Ipv4Addr>().unwrap().octets());
        files.extend(destination.parse::<Ipv4Addr>().unwrap().octets());
        files.extend(data);
        ethernet(0x0800, &files)
    }

    pub(crate) fn tcp(from: (&str, u16), to: (&str, u16), flags: u8) -> Vec<u8> {
        let mut data = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
        data.extend([0; 8]);
        data.extend([0x50, flags]);
        data.extend([0; 6]);
        ipv4(from.0, to.0, 6, &data)
    }

    pub(crate) fn udp(from: (&str, u16), to: (&str, u16)) -> Vec<u8> {
        let mut data = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
        data.extend([0, 12, 0, 0, 1, 2, 3, 4]);
        ipv4(from.0, to.0, 17, &data)
    }

    pub(crate) fn arp() -> Vec<u8> {
        let mut files = vec![0, 1, 8, 0, 6, 4, 0, 1];
        files.extend([0; 20]);
        ethernet(0x0806, &files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read() {
        assert_eq!(
            parse(&make::tcp(("10.0.2.15", 40000), ("1.2.3.4", 443), 0x12)),
            Ok(Packet::Ipv4 {
                source: Ipv4Addr::new(10, 0, 2, 15),
                destination: Ipv4Addr::new(1, 2, 3, 4),
                payload: Payload::Tcp { source: 40000, destination: 443, syn: true, ack: true },
            })
        );
        let Ok(Packet::Ipv4 { payload, .. }) = parse(&make::udp(("10.0.2.15", 68), ("255.255.255.255", 67))) else {
            panic!("no IPv4")
        };
        assert_eq!(payload, Payload::Udp { source: 68, destination: 67 });
        assert_eq!(parse(&make::arp()), Ok(Packet::Arp));
        assert_eq!(parse(&make::ethernet(0x86dd, &[0x60; 60])), Ok(Packet::Foreign(0x86dd)));
        assert_eq!(parse(&make::ethernet(0x8100, &[0; 60])), Ok(Packet::Foreign(0x8100)));
    }

    #[test]
    fn padding_is_not_part_of_the_packet() {
        let mut frame = make::udp(("10.0.2.15", 1), ("1.2.3.4", 2));
        frame.resize(60, 0xff);
        assert!(matches!(parse(&frame), Ok(Packet::Ipv4 { payload: Payload::Udp { source: 1, destination: 2 }, .. })));
    }

    #[test]
    fn every_cut_is_refused_and_none_panics() {
        for whole in [
            make::tcp(("10.0.2.15", 40000), ("1.2.3.4", 443), 2),
            make::udp(("10.0.2.15", 68), ("1.2.3.4", 67)),
            make::ipv4("10.0.2.15", "1.2.3.4", 1, &[8, 0, 0, 0, 0, 0, 0, 0]),
            make::arp(),
        ] {
            assert!(parse(&whole).is_ok());
            for length in 0..whole.len() {
                assert!(parse(&whole[..length]).is_err(), "{length} of {}", whole.len());
            }
        }
    }

    #[test]
    fn lying_lengths_and_headers_are_refused() {
        let frame = make::tcp(("10.0.2.15", 40000), ("1.2.3.4", 443), 2);
        let change = |at: usize, bytes: &[u8]| {
            let mut frame = frame.clone();
            frame[at..at + bytes.len()].copy_from_slice(bytes);
            parse(&frame)
        };
        assert_eq!(change(14, &[0x46]), Err("IPv4 options"));
        assert_eq!(change(14, &[0x44]), Err("an impossible IPv4 header"));
        assert_eq!(change(14, &[0x65]), Err("an impossible IPv4 header"));
        for total in [0_u16, 19, 41, 0xffff] {
            assert_eq!(change(16, &total.to_be_bytes()), Err("an impossible IPv4 length"), "{total}");
        }
        // The length that the header states counts, not what else lies in the frame.
        assert_eq!(change(16, &39_u16.to_be_bytes()), Err("a truncated TCP header"));
        assert_eq!(parse(&make::ethernet(0x0800, &[0x45; 1501])), Err("a frame longer than 1514 bytes"));
        assert_eq!(parse(&make::ethernet(0x0806, &[0; 28])), Err("a malformed ARP packet"));
    }

    #[test]
    fn a_part_of_a_packet_has_no_ports() {
        let mut frame = make::tcp(("10.0.2.15", 22), ("10.0.2.2", 443), 0x10);
        for bits in [0x2000_u16, 0x0001, 0x1fff, 0x2010] {
            frame[20..22].copy_from_slice(&bits.to_be_bytes());
            assert!(matches!(parse(&frame), Ok(Packet::Ipv4 { payload: Payload::Fragment, .. })), "{bits:#x}");
        }
        // "Do not fragment" is no fragment.
        frame[20..22].copy_from_slice(&0x4000_u16.to_be_bytes());
        assert!(matches!(parse(&frame), Ok(Packet::Ipv4 { payload: Payload::Tcp { .. }, .. })));
    }
}
