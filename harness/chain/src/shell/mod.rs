//! What shell text needs: packages that it installs, commands and paths that it uses, units, users, kernel parameters,
//! and the branches that it takes on os-release.
//!
//! Nothing is run. What cannot be known (`$(curl …)`, a variable without value) makes a line not understood, and a name
//! is never put together from it.

mod origin;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::Host;
use crate::place::Place;
use crate::reader::Reading;

pub(crate) use origin::Origin;

/// A word of a command that was given as a list: `["dnf", "install", "-y", "httpd"]`.
pub(crate) struct Argument {
    /// Its value.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) place: Place,
}

/// A system on which shell text runs, piece after piece: what one piece brings, the next does not need.
pub(crate) struct Shell<'a> {
    host: &'a dyn Host,
    from: Utf8PathBuf,
    variables: BTreeMap<String, Option<String>>,
    within: Option<String>,
    optional: bool,
    brought: BTreeMap<String, Option<String>>,
}

impl<'a> Shell<'a> {
    /// A new system. Scripts that the text runs are read as included by `from`.
    pub(crate) fn new(host: &'a dyn Host, from: &Utf8Path) -> Self {
        Self {
            host,
            from: from.to_owned(),
            variables: BTreeMap::new(),
            within: None,
            optional: false,
            brought: BTreeMap::new(),
        }
    }

    /// An environment variable (`ENV`, `ARG`), which every piece sees. Without a value its value is not known.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) {
        self.variables.insert(name.to_owned(), value.map(str::to_owned));
    }

    /// What [`crate::Need::within`] is from here on.
    pub(crate) fn within(&mut self, within: Option<String>) {
        self.within = within;
    }

    /// Whether the chain goes on when what follows fails (`ignore_errors`).
    pub(crate) fn optional(&mut self, optional: bool) {
        self.optional = optional;
    }

    /// A file that the chain puts on the system, and the name under which the host has it, if it does.
    pub(crate) fn brings(&mut self, path: &str, source: Option<&str>) {
        self.brought.insert(path.to_owned(), source.map(str::to_owned));
    }

    /// Reads a piece of text. It does not count lines: the caller knows which lines its file has. What is written in a
    /// script that the piece runs, and the host has, is counted.
    pub(crate) fn run(&mut self, text: &str, origin: &Origin, into: &mut Reading) {
        into.not_understood(origin.line(0), text, "not read yet");
    }

    /// Reads one command, given as a list: no shell expands its words.
    pub(crate) fn run_words(&mut self, words: &[Argument], into: &mut Reading) {
        if let Some(first) = words.first() {
            into.not_understood(first.place.clone(), &first.text, "not read yet");
        }
    }
}
