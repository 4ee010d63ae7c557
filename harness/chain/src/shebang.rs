//! The first line of a script.

use crate::need::Want;
use crate::shell::Interpreter;

/// What a first line needs: its interpreter, and the command that `env` looks up. Empty where it is no such line.
pub(crate) fn needs(first: &str) -> Vec<Want> {
    let Some(interpreter) = Interpreter::of(first).filter(|it| it.path.starts_with('/')) else { return Vec::new() };
    let command = interpreter.command.map(|command| Want::Command(command.to_owned()));
    std::iter::once(Want::Path(interpreter.path.to_owned())).chain(command).collect()
}

/// Whether a shell of POSIX's runs it.
pub(crate) fn is_shell(first: &str) -> bool {
    Interpreter::of(first).is_some_and(|interpreter| interpreter.is_shell())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_needs_its_interpreter_and_what_env_looks_up() {
        let path = |path: &str| Want::Path(path.to_owned());
        let python = Want::Command("python3".to_owned());
        assert_eq!(needs("#!/bin/sh -e"), [path("/bin/sh")]);
        assert_eq!(needs("#! /usr/bin/env python3"), [path("/usr/bin/env"), python.clone()]);
        assert_eq!(needs("#!/usr/bin/env -S A=1 python3 -u"), [path("/usr/bin/env"), python]);
        assert!(needs("#!").is_empty() && needs("# no").is_empty() && needs("#!python").is_empty());
        assert!(is_shell("#!/bin/bash") && is_shell("#!/usr/bin/env sh") && !is_shell("#!/usr/bin/python3"));
    }
}
