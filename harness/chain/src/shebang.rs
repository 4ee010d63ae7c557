//! The first line of a script.

use crate::need::Want;

/// What a first line needs: its interpreter, and the command that `env` looks up. Empty where it is no such line.
pub(crate) fn needs(first: &str) -> Vec<Want> {
    let Some(line) = first.strip_prefix("#!") else { return Vec::new() };
    let mut words = line.split_whitespace();
    let Some(interpreter) = words.next().filter(|it| it.starts_with('/')) else { return Vec::new() };
    let mut wants = vec![Want::Path(interpreter.to_owned())];
    if interpreter.ends_with("/env") {
        let command = words.find(|word| !word.starts_with('-') && !word.contains('='));
        wants.extend(command.map(|command| Want::Command(command.to_owned())));
    }
    wants
}

/// Whether a shell of POSIX's runs it.
pub(crate) fn is_shell(first: &str) -> bool {
    let is = |name: &str| matches!(name.rsplit('/').next(), Some("sh" | "bash" | "dash" | "ksh" | "zsh"));
    first.strip_prefix("#!").is_some_and(|line| line.split_whitespace().take(2).any(is))
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
