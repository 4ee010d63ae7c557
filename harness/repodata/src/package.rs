//! What an index knows of a package.

use muster_base::evr::Evr;

use crate::dependency::Dependency;

/// A package of an index: its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub u32);

impl PackageId {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// A package in full, from which an index is made. An index stores it in a tenth of the room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageRecord {
    /// Without version and architecture: `zlib-devel`.
    pub name: String,
    /// 0 when it has none.
    pub epoch: u64,
    /// Never empty.
    pub version: String,
    /// Never empty in what rpm builds.
    pub release: String,
    /// `x86_64`, `noarch`, …
    pub arch: String,
    /// Bytes of its files.
    pub installed_size: u64,
    /// Bytes of the RPM file.
    pub download_size: u64,
    /// The file name of the source package it was built from.
    pub source: Option<String>,
    /// What it provides. Its own name with its version is among these in whatever rpm built; an index adds it if not.
    pub provides: Vec<Dependency>,
    /// What it needs.
    pub requires: Vec<Dependency>,
    /// What must not be installed with it.
    pub conflicts: Vec<Dependency>,
    /// The packages that it replaces, by name.
    pub obsoletes: Vec<Dependency>,
    /// What is installed with it where that is possible.
    pub recommends: Vec<Dependency>,
    /// With what it wants to be installed.
    pub supplements: Vec<Dependency>,
    /// Absolute paths that it owns.
    pub files: Vec<String>,
}

impl PackageRecord {
    /// A package that has nothing but a name, a version `VERSION-RELEASE` and an architecture.
    pub fn new(name: &str, version: &str, release: &str, arch: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            release: release.to_owned(),
            arch: arch.to_owned(),
            ..Self::default()
        }
    }

    /// `[epoch:]version-release`, the epoch where it is not 0.
    pub fn evr(&self) -> String {
        evr_text(self.epoch, &self.version, &self.release)
    }
}

/// `[epoch:]version[-release]`, the epoch where it is not 0.
pub(crate) fn evr_text(epoch: u64, version: &str, release: &str) -> String {
    let epoch = if epoch == 0 { String::new() } else { format!("{epoch}:") };
    let dash = if release.is_empty() { "" } else { "-" };
    format!("{epoch}{version}{dash}{release}")
}

/// A package of an index, looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package<'i> {
    /// Its number.
    pub id: PackageId,
    /// Without version and architecture.
    pub name: &'i str,
    /// `[epoch:]version-release`, the epoch where it is not 0.
    pub evr: &'i str,
    /// `x86_64`, `noarch`, …
    pub arch: &'i str,
    /// The repository it is in: its id. [`crate::INSTALLED`] for what is installed.
    pub repository: &'i str,
    /// Bytes of its files.
    pub installed_size: u64,
    /// Bytes of the RPM file.
    pub download_size: u64,
    /// The file name of its source package: `zlib-1.3.1-2.azl4.src.rpm`.
    pub source: Option<&'i str>,
    /// Whether it is installed already, and not only in a repository.
    pub is_installed: bool,
}

impl Package<'_> {
    /// `NAME-[EPOCH:]VERSION-RELEASE.ARCH`, as dnf writes it.
    pub fn nevra(&self) -> String {
        format!("{}-{}.{}", self.name, self.evr, self.arch)
    }

    /// The epoch, version and release apart; `None` when the version is empty.
    pub fn parsed_evr(&self) -> Option<Evr<'_>> {
        Evr::parse(self.evr)
    }
}
