//! The kernel that a combination of a matrix runs: a package of the image's repositories, or files of this host.

use std::fmt;

use camino::Utf8PathBuf;

/// How an RPM begins (rpm's `lib/rpmlead.c`).
pub const RPM_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
/// Bytes of a kernel's file, at most.
pub const KERNEL_FILE_LIMIT: u64 = 1 << 30;
/// Files of one kernel, at most.
pub const MOST_KERNEL_FILES: usize = 32;

/// Which kernel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatrixKernel {
    /// A package, as a package manager installs it: `kernel-6.12.40-1.azl4`. Letters, digits, `.`, `_`, `+`, `-` only.
    Package(String),
    /// Packages that are in no repository.
    Files(KernelFiles),
}

/// The files of one kernel, which are installed together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelFiles {
    /// What stands for it in the names of tests; the characters are those of a package.
    pub name: String,
    /// RPMs, at least one.
    pub files: Vec<KernelFile>,
}

/// A file of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelFile {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// SHA-256 when the suite was read, hex; empty when the suite is not in a file.
    pub sha256: String,
}

impl MatrixKernel {
    /// What stands for it in the names of tests.
    pub fn name(&self) -> &str {
        match self {
            Self::Package(name) => name,
            Self::Files(files) => &files.name,
        }
    }

    /// Its files, when it is of files.
    pub fn files(&self) -> &[KernelFile] {
        match self {
            Self::Package(_) => &[],
            Self::Files(files) => &files.files,
        }
    }
}

impl fmt::Display for MatrixKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<&str> = self.files().iter().map(|file| file.path.as_str()).collect();
        match files.as_slice() {
            [] => f.write_str(self.name()),
            files => write!(f, "{} ({})", self.name(), files.join(", ")),
        }
    }
}
