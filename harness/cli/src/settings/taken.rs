//! Options that a run takes over from the earlier run that it goes on with: those of that run's command line that are not
//! given again. They become words of the command line, as defaults do, and win over these.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::command::Typed;
use super::options::{EXCEPTIONS, key};
use muster_base::text::{one_line, shell_word};

/// What belongs to one run alone: what it goes on with, where it writes, how it is shown.
const OWN: [&str; 15] = [
    "annotations",
    "attempts",
    "attachments-base",
    "before",
    "colour",
    "failed",
    "history",
    "list",
    "no-progress",
    "out",
    "quiet",
    "report",
    "rerun",
    "resume",
    "verbose",
];
/// What selects tests by their names: one that is given replaces all of them.
const NAMES: [&str; 3] = ["filter", "test", "focus"];
/// Whom a run connects to, which no file from elsewhere decides.
const CONNECTS: [&str; 6] =
    ["connect", "identity", "host-key", "accept-new-host-key", "allow-changes", "connect-timeout"];

/// The earlier run that a command line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// `--rerun` or `--resume`.
    pub option: &'static str,
    /// The run, as it was typed.
    pub run: String,
}

/// A command line with the options of an earlier run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// What clap reads.
    pub words: Vec<OsString>,
    /// What was taken, as it would be typed; empty when nothing was.
    pub shown: String,
    /// Options that are given again, by their names: the results that are kept were found with others.
    pub given: Vec<String>,
    /// The earlier run was on a machine that it connected to, and this command line does not say to which.
    pub lacks_connect: bool,
}

/// Whether a command line takes options of an earlier run, and which run that is. Mistakes are for clap to name.
pub(crate) fn named(root: &Command, words: &[OsString]) -> Option<Named> {
    let matches = run_matches(root, words)?;
    let of = |option: &'static str| {
        let run = matches.try_get_one::<String>(&option[2..]).ok().flatten()?;
        Some(Named { option, run: run.clone() })
    };
    of("--rerun").or_else(|| of("--resume"))
}

/// Whose options they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// A run in a directory of this host.
    Here,
    /// An archive. What another host's record names is not connected to; with suites of its own it needs none of that host's paths.
    Archive {
        /// Whether it brings its suites.
        with_suites: bool,
    },
}

/// Adds the options of an earlier run's command line (without the program) to this one.
///
/// `None` when what was recorded is no command line that this version runs: half of its options would be another run.
pub(crate) fn take(root: &Command, words: Vec<OsString>, recorded: &[String], from: From) -> Option<Taken> {
    let (from_elsewhere, with_suites) = (from != From::Here, from == From::Archive { with_suites: true });
    let unchanged = |words| Some(Taken { words, shown: String::new(), given: Vec::new(), lacks_connect: false });
    let mut built = root.clone();
    built.build();
    let Some(typed) = Typed::read(root, &built, &words) else { return unchanged(words) };
    let before: Vec<OsString> =
        std::iter::once("muster".to_owned()).chain(recorded.iter().cloned()).map(OsString::from).collect();
    let then = root.clone().try_get_matches_from(&before).ok()?.subcommand_matches("run")?.clone();
    let leaf = built.find_subcommand("run")?;
    let given: BTreeSet<&str> = typed.given().map(|argument| argument.get_id().as_str()).collect();
    let names_given = NAMES.iter().any(|name| given.contains(name));
    let was_given = |argument: &&Arg| then.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine);
    let refused = |argument: &Arg| {
        let name = key(argument);
        OWN.contains(&name)
            || OWN.contains(&argument.get_id().as_str())
            || EXCEPTIONS.iter().any(|(of, pattern, _)| (of.is_empty() || *of == "run") && *pattern == name)
            || from_elsewhere && CONNECTS.contains(&name)
            || with_suites && name == "suites"
            || names_given && NAMES.contains(&argument.get_id().as_str())
            || given.contains(argument.get_id().as_str())
            || typed.given().any(|given| typed.conflict(given, argument))
    };
    let known: Vec<&Arg> = leaf
        .get_arguments()
        .filter(|argument| matches!(then.try_contains_id(argument.get_id().as_str()), Ok(true)))
        .collect();
    let lacks_connect = from_elsewhere
        && !given.contains("connect")
        && known.iter().filter(|argument| was_given(argument)).any(|argument| key(argument) == "connect");
    let (mut options, mut positional) = (Vec::new(), Vec::new());
    for argument in known.into_iter().filter(was_given).filter(|argument| !refused(argument)) {
        let into = if argument.get_long().is_some() { &mut options } else { &mut positional };
        into.extend(typed_again(argument, &then));
    }
    let taken: Vec<String> = options.into_iter().chain(positional).collect();
    let shown = taken.iter().map(|word| shell_word(&one_line(word, 200))).collect::<Vec<_>>().join(" ");
    let mut words = words;
    words.splice(typed.at..typed.at, taken.into_iter().map(OsString::from));
    let again = |argument: &&Arg| {
        let (name, id) = (key(argument), argument.get_id().as_str());
        !name.is_empty()
            && !OWN.contains(&name)
            && !OWN.contains(&id)
            && !NAMES.contains(&id)
            && !CONNECTS.contains(&name)
    };
    let given = typed.given().filter(again).map(|argument| format!("--{}", key(argument))).collect();
    Some(Taken { words, shown, given, lacks_connect })
}

/// What clap makes of a command line of `muster run`, whatever is wrong with it.
fn run_matches(root: &Command, words: &[OsString]) -> Option<ArgMatches> {
    let matches = root.clone().ignore_errors(true).try_get_matches_from(words).ok()?;
    let (name, run) = matches.subcommand()?;
    (name == "run").then(|| run.clone())
}

/// The words of an option.
fn typed_again(argument: &Arg, matches: &ArgMatches) -> Vec<String> {
    let id = argument.get_id().as_str();
    let long = argument.get_long();
    match argument.get_action() {
        ArgAction::Count => {
            let count = matches.try_get_one::<u8>(id).ok().flatten().copied().unwrap_or_default();
            (0..count).filter_map(|_| long.map(|long| format!("--{long}"))).collect()
        }
        action if action.takes_values() => {
            let raw = matches.try_get_raw(id).ok().flatten().into_iter().flatten();
            let values = raw.map(|value| value.to_string_lossy().into_owned());
            values.map(|value| long.map_or(value.clone(), |long| format!("--{long}={value}"))).collect()
        }
        _ => long.map(|long| format!("--{long}")).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn taken(line: &str, recorded: &str, from_elsewhere: bool) -> Taken {
        let recorded: Vec<String> = recorded.split(' ').map(str::to_owned).collect();
        let from = if from_elsewhere { From::Archive { with_suites: false } } else { From::Here };
        take(&crate::Arguments::command(), words(line), &recorded, from).unwrap()
    }

    #[test]
    fn what_is_not_given_again_is_taken_and_what_belongs_to_one_run_is_not() {
        let recorded = "--color never run kernel --image lab --cpus 2 -E tier0 -E slow --tpm=true --prove --out x -v \
                        --update-snapshots --rerun older --report junit -j 3";
        let again = taken("muster run --rerun last --cpus=4", recorded, false);
        let shown = "--jobs=3 --prove --image=lab --tag=tier0 --tag=slow --tpm=true kernel";
        let sorted = |text: &str| {
            let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            words.sort();
            words
        };
        assert_eq!(sorted(&again.shown), sorted(shown));
        assert_eq!(again.given, ["--cpus"]);
        let all: Vec<&str> = again.words.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(all[..2], ["muster", "run"]);
        assert_eq!(all[all.len() - 3..], ["--rerun", "last", "--cpus=4"]);
        // The names of tests are one selection.
        assert_eq!(taken("muster run other --rerun last", "run kernel --focus kernel/a", false).shown, "");
        assert_eq!(
            taken("muster run --rerun last --connect a@b", "run --image lab --cpus 2 --suites s", false).shown,
            "--suites=s"
        );
    }

    #[test]
    fn a_command_line_of_which_this_version_does_not_know_an_option_is_not_taken_in_part() {
        let root = crate::Arguments::command();
        for recorded in [vec!["run", "--image", "lab", "--no-such-option"], vec!["test"], vec![]] {
            let recorded: Vec<String> = recorded.into_iter().map(str::to_owned).collect();
            assert_eq!(take(&root, words("muster run --rerun x"), &recorded, From::Here), None);
        }
    }

    #[test]
    fn nobody_is_connected_to_because_an_archive_says_so() {
        let recorded = "run --connect a@b --identity k --suites s";
        assert_eq!(taken("muster run --rerun x", recorded, false).shown, "--suites=s --connect=a@b --identity=k");
        let foreign = taken("muster run --rerun x", recorded, true);
        assert_eq!((foreign.shown.as_str(), foreign.lacks_connect), ("--suites=s", true));
        assert!(!taken("muster run --rerun x --connect c@d", recorded, true).lacks_connect);
        // An archive with its suites needs no path of another host.
        let recorded: Vec<String> = ["run", "--suites", "s", "--cpus", "1"].map(str::to_owned).into();
        let from = From::Archive { with_suites: true };
        let taken = take(&crate::Arguments::command(), words("muster run --rerun x"), &recorded, from).unwrap();
        assert_eq!(taken.shown, "--cpus=1");
    }

    #[test]
    fn only_a_run_that_goes_on_with_another_names_one() {
        let root = crate::Arguments::command();
        let of = |line: &str| named(&root, &words(line)).map(|named| (named.option, named.run));
        assert_eq!(of("muster run --rerun last"), Some(("--rerun", "last".to_owned())));
        assert_eq!(of("muster --color never run --resume=a/b"), Some(("--resume", "a/b".to_owned())));
        for line in ["muster run --failed last", "muster run", "muster report last", "muster"] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
