//! Which IPv4 addresses a guest must never reach, whatever its network.

use std::net::Ipv4Addr;

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    base: u32,
    mask: u32,
}

impl Block {
    const fn new(base: [u8; 4], length: u8) -> Self {
        let mask = if length == 0 { 0 } else { u32::MAX << (32 - length) };
        Self { base: u32::from_be_bytes(base) & mask, mask }
    }

    fn holds(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask == self.base
    }
}

/// What is not the public internet, by the IANA registry of special-purpose IPv4 addresses, with what
/// it is; and the one public address at which Azure answers for the host.
///
/// The blocks that are reserved for documentation are not here: nobody has them, and a test can send
/// there without reaching anybody.
const NEVER: [(Block, &str); 15] = [
    (Block::new([169, 254, 169, 254], 32), "the metadata service of the host's cloud"),
    (Block::new([168, 63, 129, 16], 32), "the wire server of the host's cloud (Azure)"),
    (Block::new([100, 100, 100, 200], 32), "the metadata service of the host's cloud (Alibaba)"),
    (Block::new([169, 254, 0, 0], 16), "link-local"),
    (Block::new([127, 0, 0, 0], 8), "loopback"),
    (Block::new([0, 0, 0, 0], 8), "this host"),
    (Block::new([10, 0, 0, 0], 8), "private"),
    (Block::new([172, 16, 0, 0], 12), "private"),
    (Block::new([192, 168, 0, 0], 16), "private"),
    (Block::new([100, 64, 0, 0], 10), "private, behind a carrier's NAT"),
    (Block::new([192, 0, 0, 0], 24), "reserved for protocols"),
    (Block::new([192, 88, 99, 0], 24), "a 6to4 relay"),
    (Block::new([198, 18, 0, 0], 15), "a benchmark network"),
    (Block::new([224, 0, 0, 0], 4), "multicast"),
    (Block::new([240, 0, 0, 0], 4), "reserved or broadcast"),
];

/// What an address is when no guest may reach it.
pub(super) fn never(address: Ipv4Addr) -> Option<&'static str> {
    NEVER.iter().find(|(block, _)| block.holds(address)).map(|(_, what)| *what)
}

/// The addresses at which this host itself answers, public ones included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OwnAddresses(Vec<Block>);

impl OwnAddresses {
    /// These.
    #[cfg(test)]
    pub(crate) fn of(addresses: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        Self(addresses.into_iter().map(|address| Block::new(address.octets(), 32)).collect())
    }

    /// As the kernel routes them now. An address that the host gains later is not known; guests run
    /// for minutes.
    pub(crate) fn of_this_host() -> std::io::Result<Self> {
        let table = std::fs::read_to_string("/proc/net/fib_trie")?;
        let own = Self::parse(&table);
        if own.0.is_empty() {
            // Every network namespace has a loopback address, unless its interface is down; then there
            // is no network at all to protect, and no forwarded port could work.
            return Err(std::io::Error::other(
                "/proc/net/fib_trie names no address of this host; is the loopback interface up?",
            ));
        }
        Ok(own)
    }

    /// Reads the kernel's dump of its routing tables: a line `|-- ADDRESS` is followed by its routes,
    /// `/LENGTH SCOPE TYPE`.
    fn parse(table: &str) -> Self {
        let mut own = Vec::new();
        let mut leaf: Option<Ipv4Addr> = None;
        for line in table.lines().map(str::trim) {
            if let Some(address) = line.strip_prefix("|-- ") {
                leaf = address.parse().ok();
            } else if let Some(route) = line.strip_prefix('/') {
                let mut words = route.split_whitespace();
                let length = words.next().and_then(|word| word.parse::<u8>().ok()).filter(|length| *length <= 32);
                let kind = words.nth(1);
                if let (Some(address), Some(length), Some("LOCAL" | "BROADCAST")) = (leaf, length, kind) {
                    let block = Block::new(address.octets(), length);
                    if !own.contains(&block) {
                        own.push(block);
                    }
                }
            }
        }
        Self(own)
    }

    /// Whether it is one of them.
    pub(crate) fn hold(&self, address: Ipv4Addr) -> bool {
        self.0.iter().any(|block| block.holds(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn the_edges_of_every_block() {
        for (address, what) in [
            ("169.254.169.254", Some("the metadata service of the host's cloud")),
            ("169.254.169.253", Some("link-local")),
            ("168.63.129.16", Some("the wire server of the host's cloud (Azure)")),
            ("168.63.129.15", None),
            ("168.63.129.17", None),
            ("9.255.255.255", None),
            ("10.0.0.0", Some("private")),
            ("10.255.255.255", Some("private")),
            ("11.0.0.0", None),
            ("100.63.255.255", None),
            ("100.64.0.0", Some("private, behind a carrier's NAT")),
            ("100.127.255.255", Some("private, behind a carrier's NAT")),
            ("100.128.0.0", None),
            ("126.255.255.255", None),
            ("127.255.255.255", Some("loopback")),
            ("172.15.255.255", None),
            ("172.31.255.255", Some("private")),
            ("172.32.0.0", None),
            ("192.0.0.192", Some("reserved for protocols")),
            ("192.0.1.0", None),
            ("192.167.255.255", None),
            ("192.169.0.0", None),
            ("198.17.255.255", None),
            ("198.19.255.255", Some("a benchmark network")),
            ("198.20.0.0", None),
            ("223.255.255.255", None),
            ("239.1.1.1", Some("multicast")),
            ("255.255.255.255", Some("reserved or broadcast")),
            ("0.0.0.0", Some("this host")),
            ("1.1.1.1", None),
        ] {
            assert_eq!(never(at(address)), what, "{address}");
        }
    }

    #[test]
    fn own_addresses_are_read_from_the_routing_tables() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 203.0.113.0\n        /24 link UNICAST\n\
            Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.0\n        /8 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 203.0.113.7\n        /32 host LOCAL\n     |-- 203.0.113.255\n        /32 link BROADCAST\n     |-- 198.51.100.0\n        /24 link UNICAST\n        /28 host LOCAL\n     |-- rubbish\n        /32 host LOCAL\n     |-- 8.8.8.8\n        /99 host LOCAL\n";
        let own = OwnAddresses::parse(table);
        for (address, held) in [
            ("203.0.113.7", true),
            ("203.0.113.8", false),
            ("203.0.113.255", true),
            ("198.51.100.15", true),
            ("198.51.100.16", false),
            ("127.9.9.9", true),
            ("8.8.8.8", false),
        ] {
            assert_eq!(own.hold(at(address)), held, "{address}");
        }
    }

    #[test]
    fn this_host_has_a_loopback_address() {
        assert!(OwnAddresses::of_this_host().unwrap().hold(Ipv4Addr::LOCALHOST));
    }
}
