//! What a chain may be, at most. A file beyond a limit is an error that names the limit.

/// Bytes of a text file: 4 MiB. Lists, comps and facts files included.
pub const TEXT: u64 = 4 << 20;
/// Bytes of a program or archive: 1 GiB.
pub const BINARY: u64 = 1 << 30;
/// Bytes that come out of a packed archive, in all.
pub const UNPACKED: u64 = 4 << 30;
/// Entries of an archive.
pub const ENTRIES: usize = 100_000;
/// Files that a file includes, and those in turn.
pub const INCLUDES: usize = 100;
/// Bytes of the lists that commands of one chain read (`$(cat list)`), each time counted: 8 MiB.
pub const LISTED: u64 = 8 << 20;
/// Needs of one chain. 5,000 are a large distribution image.
pub const NEEDS: usize = 100_000;
/// Characters of a line as it is shown.
pub const SHOWN: usize = 200;
