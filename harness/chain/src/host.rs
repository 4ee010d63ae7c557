//! What a reader cannot do by itself.

use camino::Utf8Path;

/// What is not available, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Other files, and programs of this host. It bounds sizes and times, and gives no file outside of what was named.
pub trait Host {
    /// A text file that `from` includes: its name, relative to `from`, and its text.
    ///
    /// # Errors
    /// It is not there, outside of the directory of `from`, not UTF-8 or too long.
    fn included(&self, from: &Utf8Path, name: &str) -> Result<(String, String), Unavailable>;

    /// What `rpm` says of a package file: `rpm -qp --qf FORMAT FILE`, without signatures being checked.
    ///
    /// # Errors
    /// rpm is missing, or cannot read it.
    fn rpm(&self, file: &Utf8Path, format: &str) -> Result<String, Unavailable>;

    /// What `rpmspec --query ARGUMENTS… FILE` prints. rpm has no switch that keeps a spec from running commands: readers
    /// hand over only those without a macro that could (`readers/spec/inert.rs`). The host gives rpmspec no other
    /// macros than rpm's own (`--macros=/usr/lib/rpm/macros`, a HOME without `.rpmmacros`), which such a spec cannot
    /// make run anything, and bounds its time and its output.
    ///
    /// # Errors
    /// rpmspec is missing, or cannot read it.
    fn rpmspec(&self, file: &Utf8Path, arguments: &[&str]) -> Result<String, Unavailable>;

    /// The members of a tar archive, packed or not: calls `each` with name and the first bytes of regular files, at
    /// most `bytes` of each.
    ///
    /// # Errors
    /// It is no archive, beyond [`crate::limits`], or cannot be unpacked.
    fn archive(&self, file: &Utf8Path, bytes: u64, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), Unavailable>;

    /// Whether something has that name, relative to `from`; also a link that leads nowhere, or out of the directory of
    /// `from`. Tells a file that is not there from one that cannot be read.
    fn is_there(&self, from: &Utf8Path, name: &str) -> bool {
        self.included(from, name).is_ok()
    }

    /// The names in a directory that `from` reads whole, relative to `from`, in their order: files
    /// (`mkosi.conf.d/10-a.conf`), links, which [`included`](Self::included) may refuse, and directories, which end in
    /// `/`, also those that a link leads to. A link to `/dev/null` hides what has its name elsewhere, and is left out.
    ///
    /// # Errors
    /// It is not there, or outside of the directory of `from`.
    fn listed(&self, from: &Utf8Path, name: &str) -> Result<Vec<String>, Unavailable> {
        Err(Unavailable(format!("{name} next to {from} cannot be listed")))
    }

    /// A piece of a binary file that was named, at most `length` bytes: programs have what they need near their ends.
    ///
    /// # Errors
    /// It cannot be read.
    fn piece(&self, file: &Utf8Path, from: u64, length: usize) -> Result<Vec<u8>, Unavailable> {
        Err(Unavailable(format!("{length} bytes at {from} of {file} cannot be read")))
    }
}
