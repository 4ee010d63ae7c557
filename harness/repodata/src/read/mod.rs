//! Reads the metadata of repositories into an index.

mod comps;
mod error;
mod filelists;
mod modules;
mod parallel;
mod primary;
mod repomd;
mod unpack;
mod xml;

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use crate::data::Data;
use crate::grammar;
use crate::index::{Index, IndexBuilder, aliases, is_primary};

pub use error::RepodataError;
use repomd::{Listed, Repomd};
use unpack::Unpacked;
use xml::Xml;

/// Bytes of a primary.xml, unpacked. Fedora's has two hundred million.
const PRIMARY: u64 = 4 << 30;
/// Bytes of a filelists.xml, unpacked. Fedora's has eight hundred million.
const FILELISTS: u64 = 16 << 30;
/// Bytes of a comps.xml, unpacked.
const COMPS: u64 = 256 << 20;

/// A repository on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryDir {
    /// Its id, as reports name it.
    pub id: String,
    /// A directory that has `repodata/`, that directory itself, or one that dnf caches repositories in.
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

/// Reads repositories, in this order, for machines of an architecture. Every file that is read is compared with the
/// size and checksum that repomd.xml states.
///
/// Of each repository: primary.xml, package groups, modules, and filelists.xml where [`Interest`] needs it. Metadata
/// as SQLite is not read: who writes it (`createrepo_c`) writes the XML too, and a repository that has only a database
/// is an error that says so.
///
/// Fails at the first file that is missing, damaged, or larger than any that is known.
pub fn read(repositories: &[RepositoryDir], interest: &Interest, arch: &str) -> Result<Index, RepodataError> {
    let mut builder = IndexBuilder::new(arch);
    let numbers: Vec<u16> = repositories.iter().map(|one| begin(&mut builder, one)).collect::<Result<_, _>>()?;
    let read = parallel::each(repositories, |at, repository| {
        let repomd = Repomd::read(&repository.path, &repository.id)?;
        let mut data = Data::new(arch);
        let packages = primary(&repomd, &mut data, numbers[at])?;
        Ok::<_, RepodataError>((repomd, data, packages))
    })?;
    let mut listed = Vec::new();
    for ((repository, number), (repomd, data, packages)) in repositories.iter().zip(&numbers).zip(read) {
        let full = |source| RepodataError::Full { path: repository.path.clone(), source };
        let first = builder.data.packages.len() as u32;
        builder.data.append(data).map_err(full)?;
        builder.repositories[usize::from(*number)].packages = packages;
        listed.push((repomd, first..builder.data.packages.len() as u32));
    }
    let wanted = wanted(&builder.data, interest);
    let found = parallel::each(&listed, |_, (repomd, packages)| match repomd.file("filelists") {
        Some(file) if !wanted.is_empty() => {
            filelists::read(&mut open(file, FILELISTS)?, &builder.data, packages.clone(), &wanted)
        }
        _ => Ok(Vec::new()),
    })?;
    for ((repomd, _), found) in listed.iter().zip(found) {
        let full = |source| RepodataError::Full { path: repomd.path.clone(), source };
        filelists::add(&mut builder.data, found).map_err(full)?;
        // dnf's cache has the packed one alone, or none.
        let mut groups = ["group", "group_gz", "group_xz", "group_zst"].iter().filter_map(|kind| repomd.file(kind));
        if let Some(file) = groups.find(|file| file.path.exists()) {
            let (groups, environments) = comps::read(&mut open(file, COMPS)?)?;
            // As dnf has it, a later repository adds to the groups of an earlier one.
            for group in groups {
                let known = builder.groups.entry(group.id.clone()).or_default();
                (known.id, known.name) = (group.id, group.name);
                for package in group.packages {
                    if !known.packages.contains(&package) {
                        known.packages.push(package);
                    }
                }
            }
            builder.environments.extend(environments.into_iter().map(|one| (one.id.clone(), one)));
        }
        if let Some(file) = repomd.file("modules") {
            modules::read(&file.path, unpacked(file, modules::BYTES)?, &mut builder.modules)?;
        }
    }
    if listed.iter().all(|(repomd, _)| repomd.file("filelists").is_some()) {
        builder.searched = wanted;
    }
    builder.hide_modules();
    Ok(builder.build())
}

fn begin(builder: &mut IndexBuilder, repository: &RepositoryDir) -> Result<u16, RepodataError> {
    let full = |source| RepodataError::Full { path: repository.path.clone(), source };
    builder.begin(&repository.id, repository.enabled).map_err(full)
}

fn primary(repomd: &Repomd, data: &mut Data, repository: u16) -> Result<usize, RepodataError> {
    let Some(file) = repomd.file("primary") else {
        if repomd.file("primary_zck").is_some() {
            return Err(RepodataError::Zchunk { path: repomd.path.clone() });
        }
        let database = repomd.file("primary_db").is_some();
        return Err(RepodataError::NoPrimary { path: repomd.path.clone(), database });
    };
    primary::read(&mut open(file, PRIMARY)?, data, repository)
}

/// A file of a repository, verified.
fn unpacked(file: &Listed, limit: u64) -> Result<Unpacked, RepodataError> {
    let mut plain = unpack::open(&file.path)?;
    unpack::verify(&file.path, &mut plain, &file.stated)?;
    Unpacked::new(&file.path, plain, limit)
}

fn open(file: &Listed, limit: u64) -> Result<Xml, RepodataError> {
    Ok(Xml::new(&file.path, unpacked(file, limit)?))
}

/// The paths for which filelists.xml is read: with their aliases, when primary.xml cannot have them all.
fn wanted(data: &Data, interest: &Interest) -> BTreeSet<String> {
    let mut wanted: BTreeSet<String> = interest.paths.iter().flat_map(|path| aliases(path)).collect();
    wanted.retain(|path| path.starts_with('/') && path.len() <= 4096 && !is_primary(path));
    if interest.required_paths || !wanted.is_empty() {
        wanted.extend(required_paths(data).filter(|path| !is_primary(path)));
    }
    wanted
}

/// The paths that some package needs.
fn required_paths(data: &Data) -> impl Iterator<Item = String> + '_ {
    let simple = data.deps.iter().map(|dep| data.texts.get(dep.name)).filter(|name| name.starts_with('/'));
    let rich = data.deps.iter().map(|dep| data.texts.get(dep.name)).filter(|name| name.starts_with('('));
    let parsed = rich.filter_map(|name| grammar::parse(name).ok());
    simple.map(str::to_owned).chain(parsed.flat_map(|rich| {
        let mut names = Vec::new();
        rich.each_name(&mut |name| names.extend(name.starts_with('/').then(|| name.to_owned())));
        names
    }))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
