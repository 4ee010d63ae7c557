//! Why an archive is no root file system.

/// What is wrong with a tar or an OCI layout. Names of its entries are escaped and bounded by whoever puts them in.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ArchiveError {
    #[error(transparent)]
    Read(#[from] std::io::Error),
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
    #[error("there is nothing in it")]
    Empty,

    #[error("it is cut: it ends at byte {length} without the mark of its end")]
    Cut { length: u64 },
    #[error("it ends after an extended header that belongs to nothing")]
    LooseHeader,
    #[error("it is no tar: {why}")]
    NoTar { why: Box<ArchiveError> },
    #[error("at byte {at}: {why}")]
    At { at: u64, why: Box<ArchiveError> },
    #[error("no tar header (its checksum is wrong)")]
    HeaderChecksum,
    #[error("a header of a tar older than 1988")]
    OldHeader,
    #[error("at byte {at}: an entry of {length} bytes, more than the archive has left")]
    LongEntry { at: u64, length: u64 },
    #[error("an extended header of {length} bytes")]
    LongHeader { length: u64 },
    #[error("a damaged extended header")]
    DamagedHeader,
    #[error("a header field at {at} is no number")]
    Number { at: usize },

    #[error("an entry's name is empty, too long, or has control characters: {entry}")]
    Name { entry: String },
    #[error("{entry} links to something unspeakable: {target}")]
    LinkTarget { entry: String, target: String },
    #[error("{entry} is a device of impossible number {major}:{minor}")]
    Device { entry: String, major: u64, minor: u64 },
    #[error("{entry} is a sparse file, whose stated size costs nothing: pack without --sparse")]
    Sparse { entry: String },
    #[error("{entry} is of the unknown type {kind}")]
    Kind { entry: String, kind: String },
    #[error("{entry} has more than {limit} bytes of extended attributes, which do not fit")]
    Attributes { entry: String, limit: usize },
    #[error("{entry} has the impossible owner {id}")]
    Owner { entry: String, id: u64 },

    #[error("it has more than {limit} entries")]
    TooManyEntries { limit: u64 },
    #[error("its files have more than {limit} bytes together")]
    TooManyBytes { limit: u64 },
    #[error("its root is not a directory")]
    Root,
    #[error("an inode is missing")]
    NoInode,
    #[error("a directory is missing")]
    NoDirectory,
    #[error("{entry} is below something that is not a directory, {name}")]
    BelowNoDirectory { entry: String, name: String },
    #[error("{entry} is not in the archive")]
    NotInside { entry: String },
    #[error("{entry} is an absolute path")]
    Absolute { entry: String },
    #[error("{entry} leads out of the archive")]
    Outside { entry: String },
    #[error("{entry} is too deep or has too long a name")]
    Deep { entry: String },
    #[error("{entry} is a hard link outside: {why}")]
    LinkOutside { entry: String, why: Box<ArchiveError> },
    #[error("{entry} is a hard link to {target}, which is not in the archive")]
    LinkToNothing { entry: String, target: String },
    #[error("{entry} is a hard link to a directory")]
    LinkToDirectory { entry: String },

    #[error("its lost+found is not a directory")]
    LostAndFound,
    #[error("{entry} has {links} hard links, more than ext4 takes")]
    Links { entry: String, links: u32 },
    #[error("{line} is too long")]
    Line { line: String },

    #[error("it has {count} layers, not 1 to {most}")]
    Layers { count: usize, most: usize },
    #[error("{name}: {source}")]
    File { name: String, source: std::io::Error },
    #[error("{name}: {source}")]
    Json { name: String, source: serde_json::Error },
    #[error("the bytes of {name} are not those its name promises")]
    Digest { name: String },
    #[error("{name} is not a plain file")]
    NoFile { name: String },
    #[error("it has no {name}")]
    Lacks { name: String },
    #[error("{name} has {size} bytes, more than {limit}")]
    LongFile { name: String, size: u64, limit: u64 },
    #[error("its index has no image for {arch}")]
    NoImage { arch: &'static str },
    #[error("its index has {count} images for {arch}; copy one into a layout of its own")]
    SeveralImages { count: usize, arch: &'static str },
    #[error("it brings no kernel: it has no file /usr/lib/modules/VERSION/vmlinuz")]
    NoKernel,
    #[error("it brings several kernels, and which one boots it is not known: {releases}")]
    SeveralKernels { releases: String },
    #[error("its kernel {release} has no initramfs.img next to it")]
    NoInitramfs { release: String },
    #[error("{digest} is not a digest of sha256")]
    NoDigest { digest: String },
}
