//! Why metadata cannot be read.

use std::borrow::Cow;

use camino::Utf8PathBuf;
use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::text::one_line;

use crate::data::Full;

/// Why metadata cannot be read. Every message names the file.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum RepodataError {
    #[error("there is no repomd.xml at {path}, nor in its directory `repodata`")]
    Missing { path: Utf8PathBuf },
    #[error("{path} holds several repositories: {}", found.join(", "))]
    Several { path: Utf8PathBuf, found: Vec<String> },
    #[error("{path} could not be read: {source}")]
    Io { path: Utf8PathBuf, source: std::io::Error },
    #[error("{path} is no plain file")]
    NotAFile { path: Utf8PathBuf },
    #[error("{path} names the file `{}`, which is not below its repository", one_line(href, 100))]
    Outside { path: Utf8PathBuf, href: String },
    #[error("{path} is damaged: its {kind} is {found}, and repomd.xml states {}", one_line(stated, 140))]
    Checksum { path: Utf8PathBuf, kind: &'static str, found: String, stated: String },
    #[error("{path} is damaged: it has {found} bytes, and repomd.xml states {stated}")]
    Size { path: Utf8PathBuf, found: u64, stated: u64 },
    #[error("{path} has a checksum of the kind `{}`, which proves nothing today or is not known", one_line(kind, 20))]
    ChecksumKind { path: Utf8PathBuf, kind: String },
    #[error("{path} lists no primary metadata as XML{}", if *database { ", only a database" } else { "" })]
    NoPrimary { path: Utf8PathBuf, database: bool },
    #[error("{path} is compressed with zchunk, which is not read")]
    Zchunk { path: Utf8PathBuf },
    #[error("{path} could not be unpacked: {reason}")]
    Compressed { path: Utf8PathBuf, reason: String },
    #[error("{path} unpacks to more than {limit} bytes")]
    Bomb { path: Utf8PathBuf, limit: u64 },
    #[error("{path} was not read within {seconds} s")]
    Slow { path: Utf8PathBuf, seconds: u64 },
    #[error("`{tool}`, which unpacks {path}, is not installed")]
    ToolMissing { path: Utf8PathBuf, tool: &'static str },
    #[error("{path} is not what its name says, at byte {at}: {reason}")]
    Xml { path: Utf8PathBuf, at: u64, reason: String },
    #[error("{path} cannot be read as modules: {reason}")]
    Modules { path: Utf8PathBuf, reason: String },
    #[error("{path}: {source}")]
    Full { path: Utf8PathBuf, source: Full },
}

impl Fault for RepodataError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            Self::Missing { .. } => "name the directory that has `repodata/repomd.xml`, or make it with `createrepo_c`",
            Self::Several { .. } => "name one of these directories",
            Self::Io { .. } => "check the path and its permissions",
            Self::NotAFile { .. } | Self::Outside { .. } => {
                "fetch the repository again, and look at where it comes from"
            }
            Self::Checksum { .. } | Self::Size { .. } | Self::Compressed { .. } | Self::Xml { .. } => {
                "fetch the repository again; files of two states of it may be mixed"
            }
            Self::ChecksumKind { .. } | Self::NoPrimary { .. } | Self::Zchunk { .. } => {
                "make the metadata again with `createrepo_c`, which writes XML and SHA-256"
            }
            Self::Bomb { .. } | Self::Slow { .. } | Self::Full { .. } => {
                "no repository that is known is as large; look at where it comes from"
            }
            Self::ToolMissing { .. } => "install it from the packages of this host",
            Self::Modules { .. } => "look at the file, or fetch the repository again",
        }))
    }

    fn exit(&self) -> Exit {
        Exit::Invalid
    }
}
