//! Indexes of systems: of metadata and facts that lie on this host, or that were read of an image.

use super::facts;
use super::image::Read;
use super::side::Side;
use super::target::{Kept, KeptRepository};
use crate::error::CliError;
use muster_base::exit::Exit;
use muster_base::machine::Arch;
use muster_base::text::one_line;
use muster_chain::Chain;
use muster_compare::facts::Facts;
use muster_port::{Known, SystemFacts};
use muster_repodata::{Full, Interest, PackageRecord, RepositoryDir};

/// With whose units a system is compared: where these are in packages must be known.
#[derive(Clone, Copy)]
pub(super) enum Units<'a> {
    /// With none.
    Unknown,
    /// With those of the system that the chains come from.
    Of(&'a SystemFacts),
    /// It is that system.
    Own,
}

/// A system of which files are there.
///
/// # Errors
/// A file cannot be read.
pub(super) fn read(
    kept: &Kept,
    own: &[KeptRepository],
    of: &[Chain],
    arch: Option<Arch>,
    units: Units<'_>,
) -> Result<Side, CliError> {
    let found = kept.facts.as_ref().map(|path| Facts::read(path)).transpose()?;
    let arch = match (&found, arch) {
        (_, Some(arch)) => arch.to_string(),
        (Some(facts), None) if !facts.system.arch.is_empty() => facts.system.arch.clone(),
        _ => std::env::consts::ARCH.to_owned(),
    };
    let dirs: Vec<RepositoryDir> = kept.repositories.iter().chain(own).map(dir).collect();
    let installed = found.as_ref().and_then(|found| facts::installed(found, dirs.is_empty()));
    let mut system = match &found {
        Some(found) => facts::of(found),
        None => SystemFacts::default(),
    };
    if found.is_none() {
        system.arch = Known::Yes(arch.clone());
    }
    // Files that a person named.
    let error = |error: CliError| CliError { exit: Exit::Invalid, ..error };
    side(kept.name(), &arch, &dirs, installed, system, of, units).map_err(error)
}

/// A system that was read of an image.
///
/// # Errors
/// What was read of it cannot be understood.
pub(super) fn of_image(name: &str, read: Read, of: &[Chain], units: Units<'_>) -> Result<Side, CliError> {
    let dir = |one: super::metadata::Fetched| RepositoryDir { id: one.id, path: one.dir, enabled: one.enabled };
    let dirs: Vec<RepositoryDir> = read.repositories.into_iter().map(dir).collect();
    let arch = read.facts.arch.value().cloned().unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let error = |error: CliError| CliError { exit: Exit::Error, ..error };
    side(one_line(name, 200), &arch, &dirs, read.installed, read.facts, of, units).map_err(error)
}

fn dir(one: &KeptRepository) -> RepositoryDir {
    RepositoryDir { id: one.id.clone(), path: one.dir.clone(), enabled: true }
}

fn side(
    name: String,
    arch: &str,
    dirs: &[RepositoryDir],
    installed: Option<Vec<PackageRecord>>,
    facts: SystemFacts,
    of: &[Chain],
    units: Units<'_>,
) -> Result<Side, CliError> {
    let needs = of.iter().flat_map(|chain| &chain.needs);
    let units = match units {
        Units::Unknown => None,
        Units::Of(from) => Some(from),
        Units::Own => Some(&facts),
    };
    let interest = Interest { paths: muster_port::paths(needs, units), required_paths: true };
    let mut index = muster_repodata::read::read(dirs, &interest, arch)?;
    let mut notes = Vec::new();
    if let Some(installed) = &installed {
        let full = |full: Full| CliError::invalid(format!("{name}: the installed packages: {full}"));
        index = index.with_installed(installed).map_err(full)?;
    }
    let partial = index.partial().len();
    if partial > 0 {
        let what = "it is only known by name what they provide, so that less is certain";
        notes.push(format!("{name}: {partial} of the installed packages are in none of its repositories: {what}"));
    }
    if installed.is_none() {
        notes.push(format!("{name}: what is installed is not known: answers rest on its repositories alone"));
    }
    Ok(Side { name, index, facts, notes })
}
