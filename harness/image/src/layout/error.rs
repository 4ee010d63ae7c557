//! Why the partitions of a disk are not known.

/// What is wrong with a table of partitions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TableError {
    #[error("the disk is smaller than any table of partitions")]
    SmallDisk,
    #[error("the disk ends before its table does")]
    CutDisk,
    #[error("its GPT is cut short")]
    Cut,
    #[error("there is none in the second sector")]
    None,
    #[error("it says that it has a GPT, and there is none in the second sector")]
    Nowhere,
    #[error("it lists other partitions than the first")]
    Differs,
    #[error("its GPT has a header of {length} bytes, which is not possible")]
    Header { length: usize },
    #[error("the checksum of its GPT's header is wrong")]
    HeaderChecksum,
    #[error("its GPT says that it is in sector {stated}, and is in sector {place}")]
    Place { stated: u64, place: u64 },
    #[error("its GPT has entries of {width} bytes, which is not possible")]
    Width { width: usize },
    #[error("its GPT has {count} entries, more than the {most} that are looked at")]
    Count { count: usize, most: usize },
    #[error("the checksum of its GPT's entries is wrong")]
    EntriesChecksum,
    #[error("partition {number} of its GPT ends before it begins")]
    Backwards { number: usize },
}
