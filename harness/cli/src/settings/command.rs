//! What a command line says itself: which command, where its options begin, and which are given.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command, Id};

use super::options::key;

/// A command line as it was typed.
pub(super) struct Typed<'c> {
    /// The commands, from the program to the one that runs.
    pub path: Vec<&'c Command>,
    /// Index of the word after the command's name.
    pub at: usize,
    /// Ids of arguments that are given.
    given: BTreeSet<Id>,
}

impl<'c> Typed<'c> {
    /// `None` when no command with settings runs: help, the version, or a mistake that clap will name.
    pub(super) fn read(root: &Command, built: &'c Command, words: &[OsString]) -> Option<Self> {
        let (path, at) = locate(built, words)?;
        if path.get(1)?.get_name() == "test" {
            return None;
        }
        let matches = root.clone().ignore_errors(true).try_get_matches_from(words).ok()?;
        let mut innermost = &matches;
        while let Some((_, below)) = innermost.subcommand() {
            innermost = below;
        }
        let leaf = path.last()?;
        let given = leaf
            .get_arguments()
            .filter(|argument| !is_help(argument))
            .map(Arg::get_id)
            .filter(|id| matches!(innermost.try_contains_id(id.as_str()), Ok(true)))
            .filter(|id| innermost.value_source(id.as_str()) == Some(ValueSource::CommandLine))
            .cloned()
            .collect();
        Some(Self { path, at, given })
    }

    fn leaf(&self) -> &'c Command {
        self.path[self.path.len() - 1]
    }

    /// Whether the command has this option.
    pub(super) fn has(&self, option: &Arg) -> bool {
        self.leaf().get_arguments().any(|own| own.get_id() == option.get_id() && own.get_long() == option.get_long())
    }

    /// Whether the option was typed.
    pub(super) fn gives(&self, option: &Arg) -> bool {
        self.given.contains(option.get_id())
    }

    /// What was typed.
    pub(super) fn given(&self) -> impl Iterator<Item = &'c Arg> {
        self.leaf().get_arguments().filter(|argument| self.given.contains(argument.get_id()))
    }

    /// Whether clap refuses both together. An option says so of the other, or the other of it.
    pub(super) fn conflict(&self, one: &Arg, other: &Arg) -> bool {
        let says = |one: &Arg, other: &Arg| {
            // Only the command's own definition knows its groups.
            let own = self.leaf().get_arguments().find(|own| own.get_id() == one.get_id());
            own.is_some_and(|own| {
                own.is_exclusive_set()
                    || !own.is_global_set()
                        && self.leaf().get_arg_conflicts_with(own).iter().any(|found| found.get_id() == other.get_id())
            })
        };
        one.get_id() != other.get_id() && (says(one, other) || says(other, one))
    }

    /// The options that clap requires with this one. clap does not list them, so it is given the option alone.
    /// Without `words`, any value will do: what is missing is looked at before what a value is.
    pub(super) fn required_by(&self, option: &Arg, words: &[String]) -> Vec<&'c Arg> {
        let missing = |words: &[String]| -> Vec<String> {
            let command = self.leaf().clone().no_binary_name(true).mut_args(|argument| {
                let argument = argument.required(false);
                // A value of another option may stand in for one of this.
                if argument.get_action().takes_values() {
                    argument.value_parser(clap::value_parser!(OsString))
                } else {
                    argument
                }
            });
            match command.try_get_matches_from(words) {
                Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {
                    match error.get(ContextKind::InvalidArg) {
                        Some(ContextValue::Strings(names)) => names.clone(),
                        _ => Vec::new(),
                    }
                }
                _ => Vec::new(),
            }
        };
        let word = match option.get_action().takes_values() {
            true => format!("--{}=x", key(option)),
            false => format!("--{}", key(option)),
        };
        let always = missing(&[]);
        let now = missing(if words.is_empty() { std::slice::from_ref(&word) } else { words });
        let named = |argument: &&Arg| {
            let shown = argument.to_string();
            now.contains(&shown) && !always.contains(&shown)
        };
        self.leaf().get_arguments().filter(|other| other.get_id() != option.get_id()).filter(named).collect()
    }
}

fn is_help(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version)
}

/// Follows the names of commands, past the options between them: the commands, and the index of the word behind the last name.
pub(crate) fn locate<'c>(root: &'c Command, words: &[OsString]) -> Option<(Vec<&'c Command>, usize)> {
    let mut path = vec![root];
    let mut at = 1;
    while let Some(command) = path.last().filter(|command| command.has_subcommands()) {
        // It runs by itself too, unless the next word names one below it: clap takes no such name behind an option.
        if !command.is_subcommand_required_set() {
            let Some(below) = words.get(at).and_then(|word| command.find_subcommand(word)) else { break };
            path.push(below);
            at += 1;
            continue;
        }
        let word = words.get(at)?.to_str()?;
        at += 1;
        let option = if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let is_it = |argument: &&Arg| {
                argument.get_long() == Some(name)
                    || argument.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
            };
            Some((command.get_arguments().find(is_it)?, value.is_some()))
        } else if let Some(short) = word.strip_prefix('-') {
            let name = short.chars().next()?;
            let argument = command.get_arguments().find(|argument| argument.get_short() == Some(name))?;
            Some((argument, short.chars().count() > 1))
        } else {
            None
        };
        match option {
            Some((option, has_value)) => {
                at += usize::from(option.get_action().takes_values() && !has_value && !option.is_require_equals_set());
            }
            None => path.push(command.find_subcommand(word)?),
        }
    }
    (path.len() > 1).then_some((path, at))
}
