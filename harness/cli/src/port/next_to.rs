//! Repositories of this host that a written suite needs: their files are copied next to the suite, since a suite uploads
//! nothing from elsewhere.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::brought::{self, Brought};
use super::target::KeptRepository;
use crate::error::CliError;
use muster_base::files::write_atomically;
use muster_base::text::one_line;
use muster_port::Port;
use muster_port::written::bring::NextToSuite;
use muster_suite::model::UPLOAD_LIMIT;

/// Files of one repository that a suite uploads.
const FILES: usize = 200;
/// Bytes of them.
const BYTES: u64 = 256 << 20;

/// What a suite uploads of a repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    id: String,
    /// Relative to the suite.
    dir: String,
    files: Vec<Brought>,
}

impl Chosen {
    /// As the suite names it.
    pub(super) fn in_suite(&self) -> NextToSuite {
        let files = self.files.iter().map(|file| file.to.clone()).collect();
        NextToSuite { id: self.id.clone(), dir: self.dir.clone(), files }
    }

    /// Copies its files next to the suite.
    ///
    /// # Errors
    /// One cannot be read or written.
    pub(super) fn copy(&self, suite: &Utf8Path) -> Result<(), CliError> {
        let dir = parent(suite).join(&self.dir);
        let failed = |error: std::io::Error| CliError::infrastructure(error.to_string());
        for file in &self.files {
            let to = dir.join(&file.to);
            fs_err::create_dir_all(parent(&to)).map_err(failed)?;
            write_atomically(&to, &fs_err::read(&file.from).map_err(failed)?)?;
        }
        Ok(())
    }
}

fn parent(path: &Utf8Path) -> Utf8PathBuf {
    match path.parent() {
        Some(dir) if !dir.as_str().is_empty() => dir.to_owned(),
        _ => Utf8PathBuf::from("."),
    }
}

/// The directory of all of them, relative to the suite: `our-chain.repositories`.
fn directory(suite: &Utf8Path) -> String {
    format!("{}.repositories", suite.file_stem().unwrap_or("port"))
}

/// Refuses to write where something is already.
///
/// # Errors
/// The directory is there.
pub(super) fn refuse_to_replace(suite: Option<&Utf8Path>, own: &[KeptRepository], force: bool) -> Result<(), CliError> {
    let Some(suite) = suite.filter(|_| !own.is_empty() && !force) else { return Ok(()) };
    let dir = parent(suite).join(directory(suite));
    match dir.symlink_metadata() {
        Ok(_) => {
            Err(CliError::invalid(format!("{dir} is there already, where the packages of --repo would be copied"))
                .hint("name another file with --write, or write over it with --force"))
        }
        Err(_) => Ok(()),
    }
}

/// What the suite must upload: the metadata, and the packages that the trials installed; without a trial all packages.
///
/// # Errors
/// A repository cannot be read, or is larger than a suite should bring.
pub(super) fn chosen(found: &Port, own: &[KeptRepository], suite: &Utf8Path) -> Result<Vec<Chosen>, CliError> {
    let installed = installed(found);
    let one = |repository: &KeptRepository| {
        let mut files = brought::files(&repository.dir, "")?;
        files.iter_mut().for_each(|file| file.to = file.to.trim_start_matches('/').to_owned());
        if let Some(installed) = &installed {
            files.retain(|file| name_of(&file.to).is_none_or(|name| installed.contains(name)));
        }
        bounded(repository, &files)?;
        let dir = format!("{}/{}", directory(suite), repository.id);
        Ok(Chosen { id: repository.id.clone(), dir, files })
    };
    own.iter().map(one).collect()
}

/// Names of packages that were installed in the trials; `None` when one did not take place.
fn installed(found: &Port) -> Option<BTreeSet<&str>> {
    let mut names = BTreeSet::new();
    for chain in &found.chains {
        let trial = chain.trial.as_ref().filter(|trial| trial.failed.is_none() && trial.succeeded)?;
        names.extend(trial.installed.iter().map(String::as_str));
    }
    Some(names)
}

fn bounded(repository: &KeptRepository, files: &[Brought]) -> Result<(), CliError> {
    let mut bytes = 0;
    for file in files {
        let size = fs_err::metadata(&file.from).map_err(|error| CliError::invalid(error.to_string()))?.len();
        bytes += size;
        if size > UPLOAD_LIMIT {
            let what =
                format!("{} is longer than {} MiB, the most that a suite uploads", file.from, UPLOAD_LIMIT >> 20);
            return Err(CliError::invalid(what).hint("give the repository to the image, and leave --repo out"));
        }
    }
    match files.len() <= FILES && bytes <= BYTES {
        true => Ok(()),
        false => {
            let (count, mib) = (files.len(), bytes >> 20);
            let id = one_line(&repository.id, 100);
            let what = format!("the suite would upload {count} files of {mib} MiB of the repository `{id}`");
            let most = format!("at most {FILES} files of {} MiB", BYTES >> 20);
            Err(CliError::invalid(format!("{what}; {most} are written next to it"))
                .hint("name a repository that has only the packages of the chain and what they need"))
        }
    }
}

/// The name of a package by its file; `None` of other files, and of one that is not called as rpm calls packages.
fn name_of(file: &str) -> Option<&str> {
    let stem = file.rsplit('/').next()?.strip_suffix(".rpm")?;
    let (rest, _arch) = stem.rsplit_once('.')?;
    let (rest, _release) = rest.rsplit_once('-')?;
    let (name, _version) = rest.rsplit_once('-')?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_known_by_the_name_of_its_file() {
        assert_eq!(name_of("a/port-good-data-2-1.noarch.rpm"), Some("port-good-data"));
        assert_eq!(name_of("repodata/repomd.xml"), None);
        assert_eq!(name_of("odd.rpm"), None);
    }

    #[test]
    fn what_is_chosen_is_copied_next_to_the_suite() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        let repository = path.join("repository");
        std::fs::create_dir_all(repository.join("repodata")).unwrap();
        for name in ["repodata/repomd.xml", "a-1-1.noarch.rpm"] {
            std::fs::write(repository.join(name), "x").unwrap();
        }
        let own = [KeptRepository { id: "own".into(), dir: repository, address: None }];
        let suite = path.join("chain.yaml");
        let nothing = Port {
            target: "x".into(),
            from: None,
            depth: muster_port::Depth::Offline,
            internet: false,
            chains: Vec::new(),
            accepts_gaps: false,
            notes: Vec::new(),
        };
        let chosen = chosen(&nothing, &own, &suite).unwrap();
        // No trial took a package, since there was no chain.
        assert_eq!(chosen[0].in_suite().files, ["repodata/repomd.xml"]);
        refuse_to_replace(Some(&suite), &own, false).unwrap();
        chosen[0].copy(&suite).unwrap();
        assert!(path.join("chain.repositories/own/repodata/repomd.xml").is_file());
        assert!(refuse_to_replace(Some(&suite), &own, false).is_err());
        refuse_to_replace(Some(&suite), &own, true).unwrap();
        refuse_to_replace(Some(&suite), &[], false).unwrap();
    }
}
