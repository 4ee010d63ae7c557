//! A run as one file to hand around: a zip of its record, journal, reports, console logs and evidence, and a manifest with
//! the SHA-256 of each. The same run always gives the same bytes. Whoever reads one trusts nothing of it: [`unpack`] has
//! bounds for everything, and compares every file with the manifest.

mod carry;
mod error;
mod first_error;
#[cfg(test)]
mod hostile_tests;
mod limits;
mod manifest;
mod pack;
mod unpack;

pub use carry::{Carry, EvidenceOfKept};
pub use error::{ArchiveError, Refusal};
pub use manifest::{MANIFEST, MANIFEST_SCHEMA, SCHEMA};
pub use pack::{Packed, pack};
pub use unpack::{Unpacked, unpack};
