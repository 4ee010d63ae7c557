//! A part of a disk as a file that is only read, whatever the format of the image. Bounded: a file system that leads in circles,
//! or all over the disk, ends in an error.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use super::bytes::{plain, through_qemu};
use crate::Inspected;

/// What is fetched at once: a run of `qemu-img` costs more than to read this.
const BLOCK: u64 = 256 << 10;
/// Blocks that are fetched at most: 32 MiB.
const MOST_BLOCKS: usize = 128;
/// Reads that are answered at most.
const MOST_READS: u32 = 200_000;

/// Why no more of it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BlocksError {
    #[error("it leads all over the disk: more than 32 MiB would have to be read")]
    Blocks,
    #[error("it leads in circles: it was read {MOST_READS} times")]
    Reads,
    #[error("it could not be read in time")]
    Late,
}

/// Which part of which disk.
pub(super) struct Whence {
    pub(super) disk: Inspected,
    /// Whether the file is the disk, byte for byte.
    pub(super) whole: bool,
    /// In bytes, from the beginning of the disk.
    pub(super) start: u64,
    /// In bytes.
    pub(super) length: u64,
    /// For all that is read.
    pub(super) deadline: Duration,
}

/// The part. To be used outside of the runtime's own threads.
pub(super) struct Blocks {
    whence: Whence,
    runtime: tokio::runtime::Handle,
    begun: Instant,
    fetched: HashMap<u64, Vec<u8>>,
    reads: u32,
    at: u64,
}

impl Blocks {
    pub(super) fn new(whence: Whence, runtime: tokio::runtime::Handle) -> Self {
        Self { whence, runtime, begun: Instant::now(), fetched: HashMap::new(), reads: 0, at: 0 }
    }

    /// The bytes from `place` on to the end of their block; none behind the end.
    fn rest(&mut self, place: u64) -> std::io::Result<&[u8]> {
        let Whence { disk, whole, start, length, deadline } = &self.whence;
        let number = place / BLOCK;
        self.reads += 1;
        if self.reads > MOST_READS {
            return Err(std::io::Error::other(BlocksError::Reads));
        }
        if !self.fetched.contains_key(&number) {
            let left = deadline.saturating_sub(self.begun.elapsed());
            if left.is_zero() {
                return Err(std::io::Error::other(BlocksError::Late));
            }
            if self.fetched.len() >= MOST_BLOCKS {
                return Err(std::io::Error::other(BlocksError::Blocks));
            }
            let (from, end) =
                (start.saturating_add(number * BLOCK), start.saturating_add(*length).min(disk.virtual_size));
            let take = BLOCK.min(end.saturating_sub(from));
            let bytes = match (take, whole) {
                (0, _) => Ok(Vec::new()),
                (_, true) => plain(disk, from, take),
                (_, false) => self.runtime.block_on(through_qemu(disk, from, take, left)),
            };
            self.fetched.insert(number, bytes.map_err(std::io::Error::other)?);
        }
        let block = self.fetched.get(&number).map_or(&[][..], Vec::as_slice);
        let within = usize::try_from(place % BLOCK).unwrap_or(usize::MAX);
        Ok(block.get(within..).unwrap_or_default())
    }
}

impl Read for Blocks {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let at = self.at;
        let rest = self.rest(at)?;
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Blocks {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.whence.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// The crate that reads FAT wants it of every volume.
impl Write for Blocks {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
