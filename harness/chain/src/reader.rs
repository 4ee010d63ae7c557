//! Readers: which of them a file is for, and what it hands to them.

use std::collections::HashSet;
use std::sync::Arc;

use camino::Utf8Path;

use crate::chain::{Chain, ChainKind, NotUnderstood};
use crate::host::Host;
use crate::limits;
use crate::need::Need;
use crate::place::Place;
use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::text::one_line;

/// A file to read.
pub struct Source<'a> {
    /// As it was named.
    pub path: &'a Utf8Path,
    /// What is in it; of an archive or program beyond [`limits::TEXT`], the first bytes.
    pub bytes: &'a [u8],
    /// Other files and programs.
    pub host: &'a dyn Host,
}

impl<'a> Source<'a> {
    /// Its text.
    ///
    /// # Errors
    /// It is not UTF-8, or beyond [`limits::TEXT`].
    pub fn text(&self) -> Result<&'a str, ReadError> {
        let file = self.path.to_string();
        if self.bytes.len() as u64 > limits::TEXT {
            return Err(ReadError::TooLong { file, limit: limits::TEXT });
        }
        std::str::from_utf8(self.bytes).map_err(|error| ReadError::NotText { file, at: error.valid_up_to() })
    }

    /// Says why a file or directory was not read that need not be there, if it is there. Whether it is.
    pub(crate) fn unread(&self, name: &str, why: impl Into<String>, into: &mut Reading) -> bool {
        let there = self.host.is_there(self.path, name);
        if there {
            into.line();
            into.not_understood(Place::whole(&Arc::from(name)), name, why);
        }
        there
    }

    /// What [`Host::listed`] says of a directory that need not be there.
    pub(crate) fn listed_if_there(&self, dir: &str, into: &mut Reading) -> Vec<String> {
        self.host.listed(self.path, dir).unwrap_or_else(|why| {
            self.unread(dir, why.to_string(), into);
            Vec::new()
        })
    }
}

/// Reads one kind of file.
pub trait Reader: Sync {
    /// What it reads.
    fn kind(&self) -> ChainKind;

    /// Whether the file is one, by its name and its first bytes. The first reader that says so gets it.
    fn fits(&self, source: &Source<'_>) -> bool;

    /// Reads it.
    ///
    /// # Errors
    /// The file as a whole cannot be read. A line that cannot is [`Reading::not_understood`].
    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError>;
}

/// What a reader has found so far.
#[derive(Debug)]
pub struct Reading {
    chain: Chain,
    /// Lines that were not understood: of one, the first reason stays.
    odd: HashSet<(Arc<str>, u32)>,
    /// Bytes of lists that were read.
    listed: u64,
}

impl Reading {
    /// Of a file that was just opened.
    pub fn new(file: &Arc<str>, kind: ChainKind) -> Self {
        let chain = Chain {
            file: Arc::clone(file),
            kind,
            needs: Vec::new(),
            lines: 0,
            not_understood: Vec::new(),
            written_for: None,
        };
        Self { chain, odd: HashSet::new(), listed: 0 }
    }

    /// The file that is read.
    pub fn file(&self) -> &Arc<str> {
        &self.chain.file
    }

    /// Counts a line that says something. Each is counted once, whatever comes of it.
    pub fn line(&mut self) {
        self.chain.lines += 1;
    }

    /// A need. Beyond [`limits::NEEDS`] it is counted as not understood.
    pub fn need(&mut self, need: Need) {
        if self.chain.needs.len() < limits::NEEDS {
            self.chain.needs.push(need);
        } else {
            let why = format!("a chain has at most {} needs", limits::NEEDS);
            self.not_understood(need.place, &need.written, why);
        }
    }

    /// A line, already counted, that was not understood. Of one line the first reason stays.
    pub fn not_understood(&mut self, place: Place, written: &str, why: impl Into<String>) {
        if place.line == 0 || self.odd.insert((Arc::clone(&place.file), place.line)) {
            let written = one_line(written, limits::SHOWN);
            self.chain.not_understood.push(NotUnderstood { place, written, why: why.into() });
        }
    }

    /// Whether a list of this many bytes may still be read: of one chain [`limits::LISTED`], however often it is read.
    pub(crate) fn may_list(&mut self, bytes: u64) -> bool {
        // A file has a price though it be empty.
        self.listed = self.listed.saturating_add(bytes.max(4 << 10));
        self.listed <= limits::LISTED
    }

    /// The system that the file says it is for.
    pub fn written_for(&mut self, system: impl Into<String>) {
        self.chain.written_for = Some(system.into());
    }

    /// What was read.
    pub fn end(self) -> Chain {
        self.chain
    }
}

/// A file that cannot be read as a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is longer than text may be.
    #[error("{file} is longer than {} MiB, the most that is read of a text", limit >> 20)]
    TooLong {
        /// As it was named.
        file: String,
        /// In bytes.
        limit: u64,
    },
    /// It is not UTF-8.
    #[error("{file} is not UTF-8 text (byte {at})")]
    NotText {
        /// As it was named.
        file: String,
        /// Bytes before the first that is wrong.
        at: usize,
    },
    /// No reader knows it.
    #[error("{file} is no kind of file that is read")]
    Unknown {
        /// As it was named.
        file: String,
    },
    /// It is broken as a whole.
    #[error("{file}: {why}")]
    Broken {
        /// As it was named.
        file: String,
        /// What is wrong.
        why: String,
    },
}

impl Fault for ReadError {
    fn exit(&self) -> Exit {
        Exit::Invalid
    }
}
