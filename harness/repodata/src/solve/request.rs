//! What is to be installed.

use crate::package::PackageId;

/// What is to be installed, together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// All of these.
    pub install: Vec<Wanted>,
    /// Whether weak dependencies are installed too (dnf's `install_weak_deps`, which is on).
    pub weak: bool,
    /// Whether only the newest version of what is wanted will do (dnf's `best`: off in dnf 4 and in Fedora's, on in
    /// RHEL's configuration and in dnf5).
    pub best: bool,
    /// Whether packages may be removed to make it possible (`--allowerasing`).
    pub allow_erasing: bool,
}

impl Request {
    /// Installs these as dnf does without options.
    pub fn install(wanted: impl IntoIterator<Item = Wanted>) -> Self {
        Self { install: wanted.into_iter().collect(), weak: true, best: false, allow_erasing: false }
    }
}

/// Something to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// As `dnf install` takes it: a name, `NAME.ARCH`, `NAME-VERSION`, `NAME-VERSION-RELEASE[.ARCH]`, a pattern of
    /// names, a capability or a path; the first of these that has a match.
    Spec(String),
    /// This very package.
    Package(PackageId),
    /// One of these, the best that can be.
    OneOf(Vec<PackageId>),
}
