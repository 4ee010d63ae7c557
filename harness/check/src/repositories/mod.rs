//! The repositories that packages come from, as the package manager of the system itself reads its files.
//! Shared by `repo`, `repos` and the comparison of two systems.
//!
//! - [`repo`]: a repository, and how the manager understands its options.
//! - [`dnf`]: the files of dnf 4, dnf5, microdnf and tdnf.
//! - [`listed`]: what dnf itself says of them; a difference is an error.
//! - [`origin`]: whose they are, by the database of rpm.
//! - [`switches`]: whether a file is as its package brought it.
//! - [`apt`]: the files of apt.

pub mod apt;
pub(crate) mod dnf;
mod listed;
pub(crate) mod origin;
mod repo;
mod switches;

pub(crate) use repo::{Manager, unknown};
pub use repo::{Repo, Repos};

use crate::check::{Observations, Probe};
use crate::unreadable::{Read, Unreadable};
use muster_record::facts::Facts;

/// What must be read of the files, and what the package manager says of them.
pub(crate) fn probes(facts: &Facts) -> Vec<Probe> {
    if facts.dpkg.is_some() { vec![apt::probe()] } else { vec![dnf::probe(), listed::probe()] }
}

/// The readings for every kind of package manager.
pub fn all_probes() -> Vec<Probe> {
    vec![dnf::probe(), listed::probe(), apt::probe()]
}

/// The repositories of dnf or tdnf; `None` where no file configures one.
///
/// # Errors
/// As [`read`], and where they are those of a manager that is not read.
pub fn of_dnf(seen: &Observations) -> Read<Option<Repos>> {
    let Some(mut repos) = dnf::read(seen)? else { return Ok(None) };
    listed::settle(&mut repos, seen)?;
    Ok(Some(repos))
}

/// All repositories, by the answers to [`probes`].
///
/// # Errors
/// What could not be read, or where the files and the package manager's own list differ.
pub(crate) fn read(seen: &Observations, facts: &Facts) -> Read<Repos> {
    if facts.dpkg.is_some() {
        return apt::read(seen);
    }
    of_dnf(seen)?.ok_or_else(|| match &facts.package_manager {
        Some(manager) => Unreadable::new(format!(
            "no file of dnf or tdnf configures a repository here; the package manager is {manager}"
        )),
        None => Unreadable::new("no package manager is configured here"),
    })
}

/// The answer of a system without dnf, for tests.
#[cfg(test)]
pub(crate) fn nothing_listed() -> Observations {
    let nothing = muster_guest::Reply { stdout: b"= nothing\n".to_vec(), ..Default::default() };
    Observations([(listed::KEY.to_owned(), nothing)].into())
}
