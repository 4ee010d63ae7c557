//! What shell text needs: packages that it installs, commands and paths that it uses, units, users, kernel parameters,
//! and the branches that it takes on os-release.
//!
//! Nothing is run. What cannot be known (`$(curl …)`, a variable without value) makes a line not understood, and a name
//! is never put together from it. Every branch of a condition is read, since which of them a system takes is not known:
//! their needs are all needed, except those of a branch that only a distribution without RPM takes, which are optional.

mod arguments;
mod condition;
mod field;
mod filter;
mod lines;
mod lists;
mod names;
mod origin;
mod output;
mod packages;
mod parse;
mod parser;
mod programs;
mod run;
mod script;
mod simple;
mod state;
mod syntax;
mod system;
#[cfg(test)]
mod tests;
mod value;
mod walk;
mod words;

use crate::place::Place;
use crate::reader::Reading;
use field::Field;
use walk::Run;

pub(crate) use lines::{count_lines, says_something};
pub(crate) use names::{is_command, is_system_path};
pub(crate) use origin::Origin;
pub(crate) use script::Interpreter;
pub(crate) use state::Shell;

/// A word of a command that was given as a list: `["dnf", "install", "-y", "httpd"]`.
pub(crate) struct Argument {
    /// Its value.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) place: Place,
}

impl Shell<'_> {
    /// Reads a piece of text. It does not count lines: the caller knows which lines its file has. What is written in a
    /// script that the piece runs, and the host has, is counted.
    pub(crate) fn run(&mut self, text: &str, origin: &Origin, into: &mut Reading) {
        let directory = self.directory.clone();
        let mut run = Run::new(self, into);
        run.text(text.to_owned(), origin.clone());
        run.end();
        self.directory = directory;
    }

    /// Reads one command, given as a list: no shell expands its words.
    pub(crate) fn run_words(&mut self, words: &[Argument], into: &mut Reading) {
        let field = |word: &Argument| Field {
            text: word.text.clone(),
            unknown: None,
            place: word.place.clone(),
            release: None,
        };
        let fields: Vec<Field> = words.iter().map(field).collect();
        self.command = fields.iter().map(|field| field.text.as_str()).collect::<Vec<_>>().join(" ");
        let directory = self.directory.clone();
        let mut run = Run::new(self, into);
        run.simple(&fields, None);
        run.end();
        self.directory = directory;
    }
}
