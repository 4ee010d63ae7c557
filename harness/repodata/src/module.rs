//! Modules: several streams of one software in one repository.

/// A module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Module {
    /// As `dnf module enable NAME` has it.
    pub name: String,
    /// Its streams, each once, in the order in which they were met.
    pub streams: Vec<Stream>,
}

/// A stream of a module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stream {
    /// `20` of `nodejs:20`.
    pub name: String,
    /// Whether it is on where nobody has chosen one.
    pub is_default: bool,
    /// Names of its profiles (`development`), each once.
    pub profiles: Vec<String>,
    /// `NAME-EPOCH:VERSION-RELEASE.ARCH` of its packages.
    pub artifacts: Vec<String>,
}
