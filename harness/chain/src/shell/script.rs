//! The first line of a script.

use std::sync::Arc;

use super::names;
use super::origin::Origin;
use super::walk::Run;
use crate::need::{Verb, Want};

/// What runs a script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Interpreter<'t> {
    /// `/usr/bin/env`, `/bin/bash`
    pub(crate) path: &'t str,
    /// `python3` of `/usr/bin/env -S python3 -u`.
    pub(crate) command: Option<&'t str>,
}

impl<'t> Interpreter<'t> {
    /// Of `#!…` at the beginning of a text.
    pub(crate) fn of(text: &'t str) -> Option<Self> {
        let line = text.strip_prefix("#!")?.lines().next()?;
        let mut words = line.split_whitespace();
        let path = words.next()?;
        let command = match path.ends_with("/env") {
            true => words.find(|word| !word.starts_with('-') && !word.contains('=')),
            false => None,
        };
        Some(Self { path, command })
    }

    /// Its name, without path and version: `python`.
    pub(crate) fn name(&self) -> &'t str {
        let name = self.command.unwrap_or_else(|| self.path.rsplit('/').next().unwrap_or(self.path));
        name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
    }

    /// Whether it is a shell whose text is read.
    pub(crate) fn is_shell(&self) -> bool {
        matches!(self.name(), "sh" | "bash" | "dash" | "ksh" | "zsh" | "ash" | "bats")
    }
}

/// Whether a text is one for the shell; otherwise says that it is not read. What its first line names is needed where
/// the script is run by its name.
pub(super) fn shebang(text: &str, file: &Arc<str>, run: &mut Run<'_, '_>, program: bool) -> bool {
    let Some(interpreter) = Interpreter::of(text) else { return true };
    let origin = Origin::whole(file, text);
    let mut needed = |want: Want, written: &str| {
        let at = text.find(written).unwrap_or(0);
        run.need(want, Verb::Use, written, origin.place(at..at + written.len()));
    };
    if program {
        if names::is_system_path(interpreter.path) {
            needed(Want::Path(interpreter.path.to_owned()), interpreter.path);
        }
        if let Some(command) = interpreter.command.filter(|command| names::is_command(command)) {
            needed(Want::Command(command.to_owned()), command);
        }
    }
    if !interpreter.is_shell() {
        let why = format!("what code for {} needs is not read", muster_base::text::one_line(interpreter.name(), 40));
        let first = text.find('\n').map_or(0, |end| end + 1);
        let line = text[first..].lines().next().unwrap_or_default();
        run.into.not_understood(origin.line(first), line, why);
    }
    interpreter.is_shell()
}
