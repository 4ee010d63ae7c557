//! Programs and libraries: the libraries and symbol versions they are linked with, their interpreter, and the machine
//! they are built for.
//!
//! Read by `object`, which checks every offset; how much is read of a file that is hostile is bounded here. Of a file
//! beyond [`limits::TEXT`] the source has the first bytes only, and the rest comes piece by piece from its host.

mod program;

use crate::chain::ChainKind;
use crate::limits;
use crate::need::{Need, Verb, Want};
use crate::place::Place;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::why::Why;
use object::read::{ReadCache, ReadCacheOps};
pub(super) use program::Program;

/// The reader.
pub(crate) struct Elf;

impl Reader for Elf {
    fn kind(&self) -> ChainKind {
        ChainKind::Elf
    }

    fn fits(&self, source: &Source<'_>) -> bool {
        source.bytes.starts_with(MAGIC)
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let broken = |why: Why| ReadError::Broken { file: source.path.to_string(), why: why.into() };
        let program = if (source.bytes.len() as u64) < limits::TEXT {
            Program::read(source.bytes)
        } else {
            let cache = ReadCache::new(Pieces { source, at: 0 });
            Program::read(&cache)
        };
        let program = program.map_err(broken)?;
        for want in wants(&program) {
            into.line();
            let written = written(&want);
            into.need(Need::new(want, Verb::Use, Place::whole(into.file()), written));
        }
        // A path by which it finds libraries is its own affair, but whoever installs it elsewhere must know it.
        for why in &program.not_known {
            into.line();
            into.not_understood(Place::whole(into.file()), source.path.as_str(), why.as_str());
        }
        Ok(())
    }
}

/// What every such file begins with.
pub(super) const MAGIC: &[u8] = b"\x7fELF";

/// What a program needs of a system.
pub(super) fn wants(program: &Program) -> Vec<Want> {
    let mut out = Vec::new();
    out.extend(program.arch.clone().map(Want::Arch));
    // The first level is that of every such machine.
    let level = program.isa_level.filter(|level| *level > 0);
    out.extend(level.map(|level| Want::IsaLevel(format!("x86-64-v{}", level + 1))));
    out.extend(program.interpreter.clone().map(Want::Path));
    for (name, versions) in &program.libraries {
        out.push(match name.starts_with('/') {
            true => Want::Path(name.clone()),
            false => Want::Soname {
                name: name.clone(),
                versions: versions.clone(),
                bits: program.bits,
                arch: program.arch.clone().unwrap_or_else(|| "unknown".to_owned()),
            },
        });
    }
    out
}

/// A need as one would name it.
pub(super) fn written(want: &Want) -> String {
    match want {
        Want::Soname { name, .. } | Want::Path(name) | Want::Arch(name) | Want::IsaLevel(name) => name.clone(),
        _ => String::new(),
    }
}

/// A large file, whose host knows the rest of it.
struct Pieces<'r, 's> {
    source: &'r Source<'s>,
    at: u64,
}

impl ReadCacheOps for Pieces<'_, '_> {
    /// The most that is read: how long it is nobody said.
    fn len(&mut self) -> Result<u64, ()> {
        Ok(limits::BINARY)
    }

    fn seek(&mut self, at: u64) -> Result<u64, ()> {
        self.at = at;
        Ok(at)
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, ()> {
        let from = usize::try_from(self.at).map_err(|_| ())?;
        let known = self.source.bytes.get(from..).unwrap_or_default();
        let count = if known.is_empty() {
            let piece = self.source.host.piece(self.source.path, self.at, into.len()).map_err(|_| ())?;
            let count = piece.len().min(into.len());
            into[..count].copy_from_slice(&piece[..count]);
            count
        } else {
            let count = known.len().min(into.len());
            into[..count].copy_from_slice(&known[..count]);
            count
        };
        self.at += count as u64;
        Ok(count)
    }

    fn read_exact(&mut self, mut into: &mut [u8]) -> Result<(), ()> {
        while !into.is_empty() {
            match self.read(into)? {
                0 => return Err(()),
                count => into = &mut into[count..],
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
