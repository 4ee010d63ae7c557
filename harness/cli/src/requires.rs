//! An option that says something of another one, typed without that one. clap refuses it, but not where an option is typed that
//! excludes the missing one: `--identity FILE` next to `--image NAME` would be read and then ignored.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, Command};

use super::error::CliError;
use super::settings::locate;

/// What is wrong when an option of this command line needs another one that is not there: what the option is for, and what
/// to type. `built` is the program's command with all that clap adds.
pub(crate) fn unmet(built: &Command, words: &[OsString]) -> Option<CliError> {
    let (path, at) = locate(built, words)?;
    let leaf = lenient(path.last()?);
    // What stands behind `--` is another program's.
    let typed: Vec<&OsString> = words.get(at..)?.iter().collect();
    let matches = leaf.clone().ignore_errors(true).try_get_matches_from(typed).ok()?;
    let is_typed = |argument: &&Arg| {
        let id = argument.get_id().as_str();
        matches!(matches.try_contains_id(id), Ok(true)) && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    let given: Vec<&Arg> = leaf.get_arguments().filter(is_typed).collect();
    let is_given = |wanted: &&Arg| given.iter().any(|other| other.get_id() == wanted.get_id());
    for option in given.iter().filter(|option| option.get_long().is_some()) {
        let missing: Vec<&Arg> = needed_by(&leaf, option).into_iter().filter(|wanted| !is_given(wanted)).collect();
        if !missing.is_empty() {
            return Some(without(option, &missing));
        }
    }
    None
}

fn without(option: &Arg, missing: &[&Arg]) -> CliError {
    let name = |argument: &Arg| match argument.get_long() {
        Some(long) => format!("--{long}"),
        None => argument.to_string(),
    };
    let names: Vec<String> = missing.iter().map(|argument| name(argument)).collect();
    let shown: Vec<String> = missing.iter().map(|argument| format!("`{argument}`")).collect();
    let option_name = name(option);
    let are = if missing.len() == 1 { "is" } else { "are" };
    CliError::invalid(format!("`{option_name}` needs `{}`, which {are} not given", names.join("` and `")))
        .hint(format!("type {} too, or leave `{option_name}` out", shown.join(" and ")))
}

/// The command by itself, which takes any text as a value and requires nothing of everybody: what is missing is looked at
/// before what a value is.
fn lenient(leaf: &Command) -> Command {
    leaf.clone().no_binary_name(true).subcommand_required(false).mut_args(|argument| {
        let argument = argument.required(false);
        match argument.get_action().takes_values() {
            true => argument.value_parser(clap::value_parser!(OsString)),
            false => argument,
        }
    })
}

/// What clap requires with an option. It does not list this, so it is given the option alone.
fn needed_by<'c>(lenient: &'c Command, option: &Arg) -> Vec<&'c Arg> {
    let missing = |words: &[String]| match lenient.clone().try_get_matches_from(words) {
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::Strings(names)) => names.clone(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let now = missing(&[alone(option)]);
    if now.is_empty() {
        return Vec::new();
    }
    let always = missing(&[]);
    let named = |argument: &&Arg| {
        let shown = argument.to_string();
        argument.get_id() != option.get_id() && now.contains(&shown) && !always.contains(&shown)
    };
    lenient.get_arguments().filter(named).collect()
}

/// The option as a word of its own, with a value where it takes one.
fn alone(option: &Arg) -> String {
    let long = option.get_long().unwrap_or_default();
    let takes = option.get_action().takes_values() && option.get_num_args().is_none_or(|count| count.max_values() > 0);
    if takes { format!("--{long}=x") } else { format!("--{long}") }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::Arguments;

    fn built() -> Command {
        let mut root = Arguments::command();
        root.build();
        root
    }

    fn leaves<'c>(path: Vec<String>, command: &'c Command, out: &mut Vec<(Vec<String>, &'c Command)>) {
        for below in command.get_subcommands().filter(|below| !["help", "test"].contains(&below.get_name())) {
            let path = [path.clone(), vec![below.get_name().to_owned()]].concat();
            out.push((path.clone(), below));
            leaves(path, below, out);
        }
    }

    /// Of every command: each option that needs another one, alone and next to each option that excludes the other one.
    #[test]
    fn an_option_without_the_one_it_is_for_is_refused_whatever_stands_next_to_it() {
        let root = built();
        let mut commands = Vec::new();
        leaves(vec!["muster".to_owned()], &root, &mut commands);
        let (mut alone_count, mut next_to) = (0, 0);
        for (path, command) in &commands {
            let own = lenient(command);
            let excluded_by = |wanted: &Arg| {
                let says = |one: &Arg, other: &Arg| {
                    let real = command.get_arguments().find(|real| real.get_id() == one.get_id());
                    real.is_some_and(|real| {
                        !real.is_global_set()
                            && command.get_arg_conflicts_with(real).iter().any(|found| found.get_id() == other.get_id())
                    })
                };
                let others = own.get_arguments().filter(|other| other.get_long().is_some());
                let excluded =
                    |other: &&Arg| other.get_id() != wanted.get_id() && (says(wanted, other) || says(other, wanted));
                others.filter(excluded).collect::<Vec<_>>()
            };
            for option in own.get_arguments().filter(|option| option.get_long().is_some()) {
                let needed = needed_by(&own, option);
                let line = |more: Option<&Arg>| -> Vec<OsString> {
                    let words = path.iter().cloned().chain([alone(option)]).chain(more.map(alone));
                    words.map(OsString::from).collect()
                };
                for wanted in &needed {
                    let refused = unmet(&root, &line(None)).unwrap_or_else(|| panic!("{:?}", line(None)));
                    let long = option.get_long().unwrap();
                    assert!(refused.what.starts_with(&format!("`--{long}`")), "{}", refused.what);
                    alone_count += 1;
                    for other in excluded_by(wanted).into_iter().filter(|other| other.get_id() != option.get_id()) {
                        assert!(unmet(&root, &line(Some(other))).is_some(), "{:?}", line(Some(other)));
                        next_to += 1;
                    }
                }
                // With all that it needs, it is refused no more.
                if !needed.is_empty() {
                    let mut words = line(None);
                    words.extend(needed.iter().map(|wanted| OsString::from(alone(wanted))));
                    let also: Vec<&Arg> = needed.iter().flat_map(|wanted| needed_by(&own, wanted)).collect();
                    words.extend(
                        also.iter().filter(|more| more.get_id() != option.get_id()).map(|more| alone(more).into()),
                    );
                    // Each once, behind the names of the commands.
                    let mut options = words.split_off(path.len());
                    options.sort();
                    options.dedup();
                    words.append(&mut options);
                    assert!(unmet(&root, &words).is_none(), "{words:?}");
                }
            }
        }
        assert!(alone_count > 15, "only {alone_count} options need another");
        assert!(next_to > 40, "only {next_to} pairs");
    }

    #[test]
    fn the_message_says_what_it_is_for_and_what_to_type() {
        let line = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let root = built();
        let refused = unmet(&root, &line("muster run kernel --image lab --identity key")).unwrap();
        assert_eq!(refused.what, "`--identity` needs `--connect`, which is not given");
        assert_eq!(refused.hint.as_deref(), Some("type `--connect <USER@HOST[:PORT]>` too, or leave `--identity` out"));
        for fine in
            ["muster run --connect me@there --identity key", "muster run --image lab", "muster check suites", "muster"]
        {
            assert!(unmet(&root, &line(fine)).is_none(), "{fine}");
        }
        // What another program reads is its own.
        assert!(unmet(&root, &line("muster bisect a/b --good a --bad b -- --identity key")).is_none());
    }
}
