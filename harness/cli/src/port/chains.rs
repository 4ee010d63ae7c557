//! The files that were named, read as chains.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::host_files::{self, HostFiles};
use crate::error::CliError;
use crate::output::say_error;
use muster_base::text::one_line;
use muster_chain::{Chain, ChainKind, Need, Source, Unavailable, Verb, Want, limits, readers};
use muster_port::Texts;

/// Chains, and the texts that edits are made of.
pub(super) struct Chains {
    pub(super) chains: Vec<Chain>,
    pub(super) texts: Texts,
}

/// The names of kinds, as `--as` takes them.
pub(super) fn kinds() -> Vec<&'static str> {
    let mut names: Vec<&str> = readers().iter().map(|reader| reader.kind().name()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The kind of that name.
pub(super) fn kind(name: &str) -> Option<ChainKind> {
    readers().iter().map(|reader| reader.kind()).find(|kind| kind.name() == name)
}

/// Reads all files; everything that is wrong with any of them is said.
///
/// # Errors
/// One of them cannot be read as a chain.
pub(super) fn read(paths: &[Utf8PathBuf], kind: Option<ChainKind>) -> Result<Chains, CliError> {
    let mut out = Chains { chains: Vec::new(), texts: Texts::new() };
    let mut last = None;
    for path in paths {
        if out.chains.iter().any(|chain| *chain.file == *path.as_str()) {
            continue;
        }
        match one(path, kind, &mut out.texts) {
            Ok(chain) => out.chains.push(chain),
            Err(error) => {
                if let Some(earlier) = last.replace(error) {
                    CliError::show(&earlier);
                }
            }
        }
    }
    match last {
        Some(error) => Err(error),
        None => Ok(out),
    }
}

fn one(path: &Utf8Path, kind: Option<ChainKind>, texts: &mut Texts) -> Result<Chain, CliError> {
    let unreadable = |why: Unavailable| CliError::invalid(why.0);
    // Of programs and archives more is read piece by piece.
    let bytes = host_files::read(path, limits::TEXT + 1).map_err(unreadable)?;
    let host = HostFiles::default();
    let source = Source { path, bytes: &bytes, host: &host };
    let chain = muster_chain::read(&source, kind).map_err(|error| {
        let is_unknown = matches!(error, muster_chain::reader::ReadError::Unknown { .. });
        let error = CliError::from(error);
        match is_unknown && kind.is_none() {
            true => error.hint(format!("name its kind: --as {}", kinds().join("|"))),
            false => error,
        }
    })?;
    if let Ok(text) = std::str::from_utf8(&bytes) {
        texts.insert(Arc::clone(&chain.file), Arc::from(text));
    }
    texts.extend(host.into_texts());
    Ok(chain)
}

/// Absolute paths that the chains use, each once.
pub(super) fn paths(chains: &[Chain]) -> Vec<String> {
    let of = |need: &Need| match &need.want {
        Want::Path(path) => Some(path.clone()),
        _ => None,
    };
    let mut out: Vec<String> = chains.iter().flat_map(|chain| chain.needs.iter().filter_map(of)).collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// Package files of this host that the chain installs. One that is not there is said, and left out of the trial.
pub(super) fn local_packages(chain: &Chain) -> (Vec<Utf8PathBuf>, Vec<String>) {
    let file = Utf8Path::new(&*chain.file);
    if chain.kind == ChainKind::Rpm {
        return (vec![file.to_owned()], Vec::new());
    }
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    for need in chain.needs.iter().filter(|need| need.verb == Verb::Install) {
        let Want::LocalPackage(name) = &need.want else { continue };
        // A path of the container is copied from the directory of the file: the name is what is the same.
        let names = [name.trim_start_matches('/'), Utf8Path::new(name).file_name().unwrap_or_default()];
        let there = names.iter().find_map(|name| host_files::contained(file, name).ok()).filter(|path| path.is_file());
        match there {
            Some(path) if !found.contains(&path) => found.push(path),
            Some(_) => {}
            None => notes.push(format!(
                "{}: {} is not in the directory of {file}, and was not installed in the trial",
                need.place,
                one_line(name, 200)
            )),
        }
    }
    (found, notes)
}

/// Says how much of each file was understood.
pub(super) fn say_understood(chains: &[Chain]) {
    for chain in chains.iter().filter(|chain| chain.understood() < chain.lines) {
        let (understood, lines) = (chain.understood(), chain.lines);
        say_error(&format!("note: {}: {understood} of {lines} lines are understood", one_line(&chain.file, 300)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_by_their_kind_or_as_they_are_said_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let (list, odd, bytes) = (path.join("a.list"), path.join("odd.q"), path.join("b.list"));
        std::fs::write(&list, "nginx\n# x\njq\n").unwrap();
        std::fs::write(&odd, "nginx\n").unwrap();
        std::fs::write(&bytes, [0xff, b'\n']).unwrap();
        let read = |paths: &[&Utf8PathBuf], kind| {
            super::read(&paths.iter().map(|path| (*path).clone()).collect::<Vec<_>>(), kind)
        };
        let both = read(&[&list, &list], None).unwrap();
        assert_eq!((both.chains.len(), both.chains[0].needs.len(), both.texts.len()), (1, 2, 1));
        assert_eq!(read(&[&odd], kind("list")).unwrap().chains[0].needs.len(), 1);
        let error = read(&[&bytes], None).err().unwrap();
        assert!(error.what.contains("UTF-8"), "{}", error.what);
        let error = read(&[&path.join("none")], None).err().unwrap();
        assert!(error.what.contains("there is no such file"), "{}", error.what);
        assert!(kinds().contains(&"list") && kind("nonsense").is_none());
    }
}
