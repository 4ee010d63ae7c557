//! Reads the metadata of repositories into an index.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

/// A repository on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryDir {
    /// Its id, as reports name it.
    pub id: String,
    /// A directory that has `repodata/`, that directory itself, or one that dnf caches a repository in.
    pub path: Utf8PathBuf,
    /// Whether packages are installed from it.
    pub enabled: bool,
}

/// Which paths will be looked up. filelists.xml, several times as large as the rest, is read only where one of these is
/// not among the paths of primary.xml, and only what is wanted is kept of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    /// Absolute paths.
    pub paths: BTreeSet<String>,
    /// Whether to look also for every path that some package needs and primary.xml does not have. Without it the solver
    /// leaves open what hangs on one ([`crate::Solution::Undecided`]).
    pub required_paths: bool,
}
