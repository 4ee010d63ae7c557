//! The ways in which images are packed, by how their files are called.

use std::path::Path;

/// How an image is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
    /// `.gz`
    Gzip,
    /// `.bz2`
    Bzip2,
}

impl Compression {
    /// By the end of the file's name.
    pub fn of_name(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "xz" | "txz" => Some(Self::Xz),
            "zst" | "tzst" => Some(Self::Zstd),
            "gz" | "tgz" => Some(Self::Gzip),
            "bz2" | "tbz2" => Some(Self::Bzip2),
            _ => None,
        }
    }

    /// What its files' names end with.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Xz => "xz",
            Self::Zstd => "zst",
            Self::Gzip => "gz",
            Self::Bzip2 => "bz2",
        }
    }

    /// The program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
        }
    }
}
