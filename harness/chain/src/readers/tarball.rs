//! Archives of tar, packed or not: what the programs and scripts in them need of a system.
//!
//! A library that the archive brings is no need where its user finds it: next to it, where its RUNPATH leads from
//! `$ORIGIN`, or in a directory in which every loader looks. Brought elsewhere (a script that sets `LD_LIBRARY_PATH` may
//! lead there) it is optional.

use std::collections::{BTreeMap, BTreeSet};

use crate::chain::ChainKind;
use crate::need::{Need, Verb, Want};
use crate::place::Place;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::readers::elf::{self, Program};
use crate::shebang;

/// The reader.
pub(crate) struct Tarball;

/// Bytes of a member that are read: what a program needs stands near its beginning and its end.
const MEMBER: u64 = 64 << 20;
/// Directories in which loaders look without being led there.
const LOADER: &[&str] = &["lib", "lib64", "usr/lib", "usr/lib64"];

impl Reader for Tarball {
    fn kind(&self) -> ChainKind {
        ChainKind::Tarball
    }

    /// Its name; and its first bytes, which are a packer's or of tar itself.
    fn fits(&self, source: &Source<'_>) -> bool {
        let name = source.path.file_name().unwrap_or_default().to_ascii_lowercase();
        let magic = |magic: &[u8]| source.bytes.starts_with(magic);
        let packed = magic(b"\x1f\x8b") || magic(b"\xfd7zXZ\0") || magic(b"\x28\xb5\x2f\xfd") || magic(b"BZh");
        let plain = source.bytes.get(257..262) == Some(b"ustar");
        let is_named = [".tar", ".tgz", ".txz", ".tzst", ".tbz2", ".tbz"].iter().any(|end| name.ends_with(end))
            || name.contains(".tar.");
        plain || packed && is_named
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let mut members = Members::default();
        source
            .host
            .archive(source.path, MEMBER, &mut |name, bytes| members.add(name, bytes))
            .map_err(|why| ReadError::Broken { file: source.path.to_string(), why: why.to_string() })?;
        let place = Place::whole(into.file());
        let mut seen = BTreeSet::new();
        for (name, program) in &members.programs {
            into.line();
            for want in elf::wants(program) {
                let brought = members.brings(name, program, &want);
                if brought != Brought::Found && seen.insert(want.clone()) {
                    let written = elf::written(&want);
                    let need = Need::new(want, Verb::Use, place.clone(), written);
                    into.need(need.optional(brought == Brought::Elsewhere).within(Some(name.as_str())));
                }
            }
            for why in &program.not_known {
                into.not_understood(place.clone(), name, why.as_str());
            }
        }
        for (name, first) in &members.scripts {
            into.line();
            for want in shebang::needs(first) {
                if seen.insert(want.clone()) {
                    into.need(Need::new(want, Verb::Use, place.clone(), first.as_str()).within(Some(name.as_str())));
                }
            }
        }
        for (name, why) in &members.torn {
            into.line();
            into.not_understood(place.clone(), name, why.as_str());
        }
        Ok(())
    }
}

/// What an archive has.
#[derive(Default)]
struct Members {
    /// Programs and libraries by their path.
    programs: BTreeMap<String, Program>,
    /// Scripts and their first lines.
    scripts: BTreeMap<String, String>,
    /// Programs that could not be read, and why.
    torn: Vec<(String, String)>,
    /// Directories by the sonames that are in them.
    libraries: BTreeMap<String, BTreeSet<String>>,
}

/// Whether the archive brings a library.
#[derive(PartialEq, Eq)]
enum Brought {
    No,
    Found,
    Elsewhere,
}

impl Members {
    fn add(&mut self, name: &str, bytes: &[u8]) {
        let name = name.trim_start_matches("./").trim_start_matches('/').to_owned();
        if bytes.starts_with(elf::MAGIC) {
            match Program::read(bytes) {
                Ok(program) => {
                    let (dir, file) = name.rsplit_once('/').unwrap_or(("", &name));
                    let sonames = [Some(file.to_owned()), program.soname.clone()];
                    for soname in sonames.into_iter().flatten() {
                        self.libraries.entry(soname).or_default().insert(dir.to_owned());
                    }
                    self.programs.insert(name, program);
                }
                Err(why) => self.torn.push((name, why)),
            }
        } else if bytes.starts_with(b"#!") {
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let first = String::from_utf8_lossy(&line[..line.len().min(256)]).trim_end().to_owned();
            self.scripts.insert(name, first);
        }
    }

    fn brings(&self, user: &str, program: &Program, want: &Want) -> Brought {
        let Want::Soname { name, .. } = want else { return Brought::No };
        let Some(dirs) = self.libraries.get(name) else { return Brought::No };
        let origin = user.rsplit_once('/').map_or("", |(dir, _)| dir);
        let led = program.search.iter().map(|dir| resolved(dir, origin));
        let mut looked = LOADER.iter().map(|dir| (*dir).to_owned()).chain(led).chain([origin.to_owned()]);
        if looked.any(|dir| dirs.contains(&dir)) { Brought::Found } else { Brought::Elsewhere }
    }
}

/// A directory of RUNPATH in the archive.
fn resolved(dir: &str, origin: &str) -> String {
    let dir = dir.replace("${ORIGIN}", "$ORIGIN");
    let path = match dir.strip_prefix("$ORIGIN") {
        Some(rest) => format!("{origin}/{rest}"),
        None => dir,
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runpath_leads_from_where_its_program_is() {
        assert_eq!(resolved("$ORIGIN/../lib", "app/bin"), "app/lib");
        assert_eq!(resolved("${ORIGIN}", "app/bin"), "app/bin");
        assert_eq!(resolved("/opt/app/lib", "bin"), "opt/app/lib");
        assert_eq!(resolved("$ORIGIN/../../..", "bin"), "");
    }
}
