//! A root file system that comes as a tar (as WSL's do) or as an OCI layout, made into an ext4 disk.
//!
//! Nothing in the archive becomes a name, a link, an owner or a device of this host. Our own reader
//! ([`tar`]) checks every entry, [`tree`] holds what they add up to in memory, and [`ext4`] writes it
//! into a disk image with e2fsprogs, which need no privileges and mount nothing; on the way the
//! contents of files lie as numbered files in one private directory. Why so: docs/decisions/0007-root-file-systems.md.

pub(super) mod contents;
mod error;
pub(super) mod ext4;
pub(super) mod kernel;
mod message;
pub(super) mod oci;
pub(super) mod tar;
pub(super) mod tree;
mod xattr;

pub use error::ArchiveError;

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

/// What an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Entries of all layers together.
    pub entries: u64,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Layers of an OCI image.
    pub layers: usize,
}

impl Default for Bounds {
    /// A large desktop has half a million files; a root file system of 64 GiB is none that anybody ships.
    fn default() -> Self {
        Self { entries: 1_000_000, bytes: 64 << 30, layers: 128 }
    }
}
