//! What may be wanted, and what is answered.

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

/// Whether a request can be fulfilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Solution {
    /// It can, so.
    Installs(Transaction),
    /// It cannot, and why: at least one problem.
    Impossible(Vec<Problem>),
    /// It was not found out, for these reasons: sentences.
    Undecided(Vec<String>),
}

/// What would be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transaction {
    /// Packages that are new, by name.
    pub install: Vec<PackageId>,
    /// Of those, the ones that only weak dependencies bring.
    pub weak: Vec<PackageId>,
    /// Installed packages that another version replaces: the old one and the new one.
    pub upgrade: Vec<(PackageId, PackageId)>,
    /// Installed packages that go: replaced by one of another name, or in the way.
    pub remove: Vec<PackageId>,
    /// Bytes to download.
    pub download: u64,
    /// Bytes that the disk has less afterwards; below 0 when it has more.
    pub installed: i64,
}

/// One reason for which a request cannot be fulfilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which of what was wanted it stops: places in [`Request::install`].
    pub wanted: Vec<usize>,
    /// From what was wanted to what is missing or in the way, each a sentence that names both sides.
    pub chain: Vec<String>,
}
