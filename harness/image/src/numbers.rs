//! Numbers as they stand in the sectors of a disk.

/// Bytes of a sector, as all formats here count them.
pub(crate) const SECTOR: u64 = 512;

/// A number of up to eight bytes, most significant first.
pub(crate) fn big(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    Some(bytes.get(at..at + width)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// A number of up to eight bytes, least significant first.
pub(crate) fn little(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    Some(bytes.get(at..at + width)?.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}
