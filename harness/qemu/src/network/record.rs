//! `network.log` of a machine: what its guest tried to reach, each thing once, whether it got there
//! or not. A test that fails because an address is out of bounds is explained by it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::time::Instant;

use super::packet::{Packet, Payload};
use super::verdict::FilterDecision;

/// Lines of the log; a guest that scans the internet must not fill the host's disk.
const LINES: usize = 1000;

/// The log of one machine.
#[derive(Debug)]
pub(super) struct Record {
    log: Option<File>,
    begun: Instant,
    seen: BTreeSet<String>,
}

impl Record {
    pub(super) fn new(log: File) -> Self {
        Self { log: Some(log), begun: Instant::now(), seen: BTreeSet::new() }
    }

    /// Notes a frame of the guest. Seconds stand before what was tried, since the machine was made.
    pub(super) fn note(&mut self, packet: Option<Packet>, verdict: FilterDecision) {
        let Some(log) = &mut self.log else { return };
        let Some(line) = line(packet, verdict) else { return };
        if self.seen.contains(&line) {
            return;
        }
        let full = self.seen.len() == LINES;
        let written = match full {
            false => writeln!(log, "{:.3} {line}", self.begun.elapsed().as_secs_f64()),
            true => writeln!(log, "[muster: the log ends here; the guest tried more than {LINES} things]"),
        };
        self.seen.insert(line);
        // A full disk of the host ends the log, not the network.
        if full || written.is_err() {
            self.log = None;
            self.seen.clear();
        }
    }
}

/// `pass tcp 1.1.1.1:443`, `drop udp 10.0.2.2:69 (why)`; nothing for what every guest sends.
fn line(packet: Option<Packet>, verdict: FilterDecision) -> Option<String> {
    let what = match packet {
        Some(Packet::Arp) => return None,
        None => "a frame".to_owned(),
        Some(Packet::Foreign(_)) => "a frame".to_owned(),
        Some(Packet::Ipv4 { destination, payload, .. }) => match payload {
            // An answer, if not a beginning; the beginning has been reported.
            Payload::Tcp { syn, ack, .. } if verdict == FilterDecision::Pass && (ack || !syn) => return None,
            Payload::Tcp { destination: port, .. } => format!("tcp {destination}:{port}"),
            Payload::Udp { destination: port, .. } => format!("udp {destination}:{port}"),
            Payload::Icmp(kind) => format!("icmp {destination} type {kind}"),
            Payload::Fragment => format!("a fragment to {destination}"),
            Payload::Other(protocol) => format!("protocol {protocol} to {destination}"),
        },
    };
    Some(match verdict {
        FilterDecision::Pass => format!("pass {what}"),
        FilterDecision::Drop(reason) => format!("drop {what} ({reason})"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::address::OwnAddresses;
    use super::super::filter::Filter;
    use super::super::handler::{Outbox, PacketHandler, Side};
    use super::super::packet::make;
    use super::*;

    fn logged(frames: &[Vec<u8>]) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut filter = Filter::new(OwnAddresses::default(), file.reopen().unwrap());
        let mut out = Outbox::default();
        for frame in frames {
            filter.frame(Side::Guest, frame, &mut out);
        }
        let text = std::fs::read_to_string(file.path()).unwrap();
        text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }

    #[test]
    fn each_thing_is_reported_once() {
        let guest = ("10.0.2.15", 40000);
        let lines = logged(&[
            make::arp(),
            make::tcp(guest, ("1.1.1.1", 443), 2),
            make::tcp(guest, ("1.1.1.1", 443), 0x10),
            make::tcp(guest, ("1.1.1.1", 443), 2),
            make::tcp(guest, ("169.254.169.254", 80), 2),
            make::ethernet(0x86dd, &[0; 60]),
            make::ethernet(0x0800, &[0; 60]),
        ]);
        assert_eq!(
            lines,
            [
                "pass tcp 1.1.1.1:443",
                "drop tcp 169.254.169.254:80 (the metadata service of the host's cloud)",
                "drop a frame (IPv6)",
                "drop a frame (an impossible IPv4 header)",
            ]
        );
    }

    #[test]
    fn a_scan_does_not_fill_the_disk() {
        let frames: Vec<Vec<u8>> = (0..3000).map(|port| make::udp(("10.0.2.15", 1), ("1.1.1.1", port))).collect();
        let lines = logged(&frames);
        assert_eq!(lines.len(), LINES + 1);
        assert_eq!(lines[LINES], "the log ends here; the guest tried more than 1000 things]");
    }
}
