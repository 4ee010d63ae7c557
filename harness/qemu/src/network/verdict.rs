//! What becomes of a frame, and why.

use std::fmt;

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilterDecision {
    /// It goes on.
    Pass,
    /// It ends here.
    Drop(Reason),
}

/// Why a frame ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It cannot be read, or in more than one way.
    Malformed(&'static str),
    /// Neither ARP nor IPv4.
    EtherType(u16),
    /// Neither TCP, UDP nor a ping.
    Protocol,
    /// A part of a packet for an address where ports decide.
    Fragment,
    /// The host itself, by an address of its own.
    Host,
    /// The gateway, except for what the guest needs of it.
    Gateway,
    /// An address that is not of the public internet; what it is.
    Address(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => f.write_str(what),
            Self::EtherType(0x86dd) => f.write_str("IPv6"),
            Self::EtherType(kind) => write!(f, "EtherType {kind:#06x}"),
            Self::Protocol => f.write_str("neither TCP, UDP nor a ping"),
            Self::Fragment => f.write_str("a fragment, where ports decide"),
            Self::Host => f.write_str("an address of the host"),
            Self::Gateway => f.write_str("the gateway, behind which the host is"),
            Self::Address(what) => f.write_str(what),
        }
    }
}
