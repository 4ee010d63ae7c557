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
use crate::why::Why;

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
                into.not_understood(place.clone(), name, why.clone());
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
            into.not_understood(place.clone(), name, why.clone());
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
    torn: Vec<(String, Why)>,
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
    use crate::testing::{FakeHost, read_bytes, shown};

    /// The program that runs this, which has libraries and an interpreter.
    fn program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    fn programs_and_scripts_of_an_archive_need_what_it_does_not_bring() {
        let member = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
        let own = program();
        let needed: Vec<String> = Program::read(&*own).unwrap().libraries.into_iter().map(|(name, _)| name).collect();
        let brought = needed.iter().find(|name| name.starts_with("libc.so")).unwrap();
        let read = |members: Vec<(String, Vec<u8>)>| {
            let host = FakeHost { members, ..FakeHost::default() };
            shown(&read_bytes("app.tar.gz", b"\x1f\x8b\x08", &host).unwrap())
        };
        let alone = read(vec![
            member("./app/bin/run", b"#!/usr/bin/env python3\nimport os\n"),
            member("app/bin/app", &own),
            member("app/README", b"text"),
        ]);
        assert!(alone.contains("use command python3 [app/bin/run]") && alone.contains("use path /usr/bin/env"));
        assert!(alone.contains(&format!("use soname {brought}")) && alone.ends_with("2 of 2 lines\n"), "{alone}");
        let of_library = |text: &str| text.lines().find(|line| line.contains(brought.as_str())).map(str::to_owned);
        let next = read(vec![member("app/bin/app", &own), member(&format!("app/bin/{brought}"), b"\x7fELF")]);
        assert!(
            of_library(&next).is_some_and(|line| !line.contains("optional")),
            "a torn library brings nothing: {next}"
        );
        // Any library under the name will do here.
        let next = read(vec![member("app/bin/app", &own), member(&format!("app/bin/{brought}"), &own)]);
        assert_eq!(of_library(&next), None, "{next}");
        let elsewhere = read(vec![member("app/bin/app", &own), member(&format!("app/x/{brought}"), &own)]);
        let line = of_library(&elsewhere).unwrap();
        assert!(line.ends_with("optional [app/bin/app]"), "{line}");
    }

    #[test]
    fn an_archive_that_its_host_refuses_is_unreadable() {
        struct Refusing;
        impl crate::host::Host for Refusing {
            fn included(&self, _: &camino::Utf8Path, _: &str) -> Result<(String, String), crate::Unavailable> {
                Err(crate::Unavailable(String::new()))
            }
            fn rpm(&self, _: &camino::Utf8Path, _: &str) -> Result<String, crate::Unavailable> {
                Err(crate::Unavailable(String::new()))
            }
            fn rpmspec(&self, _: &camino::Utf8Path, _: &[&str]) -> Result<String, crate::Unavailable> {
                Err(crate::Unavailable(String::new()))
            }
            fn archive(
                &self,
                _: &camino::Utf8Path,
                _: u64,
                _: &mut dyn FnMut(&str, &[u8]),
            ) -> Result<(), crate::Unavailable> {
                Err(crate::Unavailable("more than 4 GiB come out of it".to_owned()))
            }
        }
        let source = Source { path: camino::Utf8Path::new("bomb.tar.xz"), bytes: b"\xfd7zXZ\0", host: &Refusing };
        let error = crate::read(&source, None).unwrap_err().to_string();
        assert_eq!(error, "bomb.tar.xz: more than 4 GiB come out of it");
    }

    #[test]
    fn a_runpath_leads_from_where_its_program_is() {
        assert_eq!(resolved("$ORIGIN/../lib", "app/bin"), "app/lib");
        assert_eq!(resolved("${ORIGIN}", "app/bin"), "app/bin");
        assert_eq!(resolved("/opt/app/lib", "bin"), "opt/app/lib");
        assert_eq!(resolved("$ORIGIN/../../..", "bin"), "");
    }
}
