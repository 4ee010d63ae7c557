//! The options of `muster run` for machines, as a comparison takes them: each for both systems (`--kernel`), or for
//! one of them (`--baseline-kernel`, `--candidate-kernel`), where it takes the place of the common one. They are
//! made of clap's own definitions of [`MachineOptions`], so that an option that is added there is here too.

use std::ffi::OsString;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, parser::ValueSource};

use crate::error::CliError;
use crate::session::{DISK_FORMAT, MachineOptions};
use muster_base::text::one_line;

/// A system of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// What is compared with.
    Baseline,
    /// What is evaluated.
    Candidate,
}

impl Side {
    /// As options begin.
    fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Candidate => "candidate",
        }
    }
}

/// What was typed of machines.
#[derive(Debug, Clone, Default)]
pub(super) struct Sides(Vec<Typed>);

/// One option as it was typed.
#[derive(Debug, Clone)]
struct Typed {
    /// Its id in [`MachineOptions`].
    id: String,
    /// The system it is for; `None` is both.
    side: Option<Side>,
    /// `--baseline-kernel`.
    option: String,
    /// The option with its value, once for each time.
    words: Vec<OsString>,
}

impl Sides {
    /// The options of one system.
    ///
    /// # Errors
    /// What clap says of options that do not go together, by the names under which they were typed.
    pub(super) fn of(&self, side: Side) -> Result<MachineOptions, CliError> {
        let own: Vec<&Typed> = self.0.iter().filter(|typed| typed.side == Some(side)).collect();
        let is_own = |id: &str| own.iter().any(|typed| typed.id == id);
        let common = self.0.iter().filter(|typed| typed.side.is_none() && !is_own(&typed.id));
        let words: Vec<OsString> = common.chain(own.iter().copied()).flat_map(|typed| typed.words.clone()).collect();
        let named = |argument: Arg| {
            let side = is_own(argument.get_id().as_str()).then_some(side);
            let long = long(&argument, side);
            argument.alias(None::<&'static str>).long(long)
        };
        let command = MachineOptions::augment_args(Command::new("muster compare"))
            .mut_args(named)
            .no_binary_name(true)
            .disable_help_flag(true);
        let read = command.try_get_matches_from(words).and_then(|matches| MachineOptions::from_arg_matches(&matches));
        read.map_err(|error| {
            let said = error.render().to_string();
            let said = said.split("\n\n").next().unwrap_or_default();
            CliError::invalid(one_line(said.trim_start_matches("error: "), 400))
                .hint("`muster compare --help` lists the options of both systems and of each")
        })
    }

    /// The options that change nothing when systems are not `booted`, as they were typed: those of one system when it
    /// is not, and those of both when neither is.
    pub(super) fn idle(&self, booted: &[Side]) -> Vec<&str> {
        let idle = |typed: &&Typed| match typed.side {
            Some(side) => !booted.contains(&side),
            None => booted.is_empty(),
        };
        self.0.iter().filter(idle).map(|typed| typed.option.as_str()).collect()
    }
}

const SIDES: [Option<Side>; 3] = [None, Some(Side::Baseline), Some(Side::Candidate)];

/// The options of a machine, as `muster run` has them.
fn options() -> Vec<Arg> {
    MachineOptions::augment_args(Command::new("run")).get_arguments().cloned().collect()
}

/// How a comparison calls an option.
fn long(argument: &Arg, side: Option<Side>) -> String {
    let name = argument.get_long().unwrap_or(argument.get_id().as_str());
    match side {
        None => name.to_owned(),
        Some(side) => format!("{}-{name}", side.name()),
    }
}

fn id(argument: &Arg, side: Option<Side>) -> String {
    format!("machine-{}", long(argument, side))
}

/// The option as a comparison takes it. What goes together with what is looked at when the options of a system are
/// put together.
fn taken(argument: &Arg, side: Option<Side>) -> Arg {
    let long = long(argument, side);
    let mut out = Arg::new(id(argument, side))
        .value_parser(argument.get_value_parser().clone())
        .action(argument.get_action().clone())
        .require_equals(argument.is_require_equals_set());
    if let Some(names) = argument.get_value_names() {
        out = out.value_names(names.iter().cloned());
    }
    if let Some(count) = argument.get_num_args() {
        out = out.num_args(count);
    }
    match side {
        None => {
            out = out.help_heading("Machines of both systems").help(argument.get_help().cloned().unwrap_or_default())
        }
        Some(side) => {
            let of = format!("--{} of the {} alone", self::long(argument, None), side.name());
            out = out.help_heading("Machine of one system").help(of);
        }
    }
    // The earlier name, except where it says how the comparison is printed.
    if argument.get_all_aliases().unwrap_or_default().contains(&DISK_FORMAT) {
        out = out.alias(match side {
            None => DISK_FORMAT.to_owned(),
            Some(side) => format!("{}-{DISK_FORMAT}", side.name()),
        });
    }
    out.long(long)
}

impl Args for Sides {
    fn augment_args(command: Command) -> Command {
        let options = options();
        let all = SIDES.iter().flat_map(|side| options.iter().map(|argument| taken(argument, *side)));
        command.args(all.collect::<Vec<_>>())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Sides {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut out = Self::default();
        for side in SIDES {
            for argument in options() {
                let id = id(&argument, side);
                if matches.value_source(&id) != Some(ValueSource::CommandLine) {
                    continue;
                }
                let option = format!("--{}", long(&argument, side));
                let word = |values: &mut dyn Iterator<Item = &std::ffi::OsStr>| {
                    let mut word = OsString::from(&option);
                    if let Some(value) = values.next() {
                        word.push("=");
                        word.push(value);
                    }
                    word
                };
                let times = matches.get_raw_occurrences(&id).into_iter().flatten();
                let words = times.map(|mut values| word(&mut values)).collect();
                out.0.push(Typed { id: argument.get_id().to_string(), side, option, words });
            }
        }
        Ok(out)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::error::ErrorKind;

    use super::*;

    fn sides(words: &[&str]) -> Sides {
        let command = Sides::augment_args(Command::new("compare").no_binary_name(true));
        Sides::from_arg_matches(&command.try_get_matches_from(words).unwrap()).unwrap()
    }

    fn plain(words: &[String]) -> Result<MachineOptions, clap::Error> {
        let command = MachineOptions::augment_args(Command::new("run").no_binary_name(true));
        MachineOptions::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    /// Words that state the option, with those that it requires.
    fn stated(argument: &Arg) -> Vec<String> {
        let long = argument.get_long().unwrap();
        let values = ["uefi", "x86_64", "true", "1GiB", "2", "nocloud", "virtio-scsi", "9s", "tcg", "vhd", "some"];
        for value in values {
            let mut words = vec![format!("--{long}={value}")];
            for required in ["", "kernel", "cmdline"] {
                if !required.is_empty() && required != long {
                    words.push(format!("--{required}=some"));
                }
                if plain(&words).is_ok() {
                    return words;
                }
            }
        }
        panic!("none of the values is one of --{long}");
    }

    #[test]
    fn every_command_that_boots_takes_the_options_of_a_machine_and_compare_takes_them_of_each_system() {
        use clap::CommandFactory;

        let all = crate::Arguments::command();
        let longs = |name: &str| -> BTreeSet<String> {
            let command = all.find_subcommand(name).unwrap();
            let of = |argument: &Arg| {
                argument
                    .get_long_and_visible_aliases()
                    .unwrap_or_default()
                    .into_iter()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            command.get_arguments().flat_map(of).collect()
        };
        assert!(options().len() >= 16);
        for argument in options() {
            for command in ["run", "boot", "record"] {
                assert!(longs(command).contains(argument.get_long().unwrap()), "{command}: {}", argument.get_id());
            }
            for side in SIDES {
                let long = long(&argument, side);
                assert!(longs("compare").contains(&long), "--{long} is not an option of compare");
                assert!(side.is_some() || longs("run").contains(&long), "--{long} is not an option of run");
            }
        }
        // What of an image is not here is which image it is.
        let of_images = crate::session::ImageOptions::augment_args(Command::new("x"));
        let ids = |command: &Command| {
            command.get_arguments().map(|found| found.get_id().to_string()).collect::<BTreeSet<_>>()
        };
        let machine = MachineOptions::augment_args(Command::new("x"));
        assert_eq!(ids(&of_images).difference(&ids(&machine)).collect::<Vec<_>>(), ["image"]);
    }

    #[test]
    fn an_option_of_one_system_is_what_run_makes_of_it_and_leaves_the_other_alone() {
        let nothing = format!("{:?}", plain(&[]).unwrap());
        for argument in options() {
            let words = stated(&argument);
            let expected = format!("{:?}", plain(&words).unwrap());
            assert_ne!(expected, nothing, "{words:?}");
            for side in [Side::Baseline, Side::Candidate] {
                let other = if side == Side::Baseline { Side::Candidate } else { Side::Baseline };
                let own = |word: &String| word.replacen("--", &format!("--{}-", side.name()), 1);
                let typed: Vec<String> = words.iter().map(own).collect();
                let sides = sides(&typed.iter().map(String::as_str).collect::<Vec<_>>());
                assert_eq!(format!("{:?}", sides.of(side).unwrap()), expected, "{typed:?}");
                assert_eq!(format!("{:?}", sides.of(other).unwrap()), nothing, "{typed:?}");
                assert_eq!(sides.idle(&[other]).len(), words.len());
                assert!(sides.idle(&[side]).is_empty());
            }
            let both = sides(&words.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(format!("{:?}", both.of(Side::Baseline).unwrap()), expected);
            assert_eq!(format!("{:?}", both.of(Side::Candidate).unwrap()), expected);
            assert!(both.idle(&[Side::Candidate]).is_empty() && both.idle(&[]).len() == words.len());
        }
    }

    #[test]
    fn the_format_of_disks_has_its_earlier_names_where_they_mean_nothing_else() {
        for name in ["--format=vhd", "--disk-format=vhd", "--image-format=vhd"] {
            assert_eq!(
                plain(&[name.to_owned()]).unwrap().image_format,
                Some(muster_base::machine::Format::Vhd),
                "{name}"
            );
        }
        let of = |words: &[&str], side| sides(words).of(side).unwrap().image_format;
        for name in ["--candidate-disk-format=vhd", "--candidate-image-format=vhd"] {
            assert_eq!(of(&[name], Side::Candidate), Some(muster_base::machine::Format::Vhd), "{name}");
            assert_eq!(of(&[name], Side::Baseline), None, "{name}");
        }
        assert_eq!(of(&["--disk-format=vhd"], Side::Baseline), Some(muster_base::machine::Format::Vhd));
    }

    #[test]
    fn an_option_of_one_system_takes_the_place_of_the_common_one() {
        let sides = sides(&[
            "--user=a",
            "--extra-disk=1GiB",
            "--candidate-user=b",
            "--baseline-tpm",
            "--candidate-extra-disk=2GiB",
            "--candidate-extra-disk=3GiB",
        ]);
        let (baseline, candidate) = (sides.of(Side::Baseline).unwrap(), sides.of(Side::Candidate).unwrap());
        assert_eq!((baseline.user.as_deref(), candidate.user.as_deref()), (Some("a"), Some("b")));
        assert_eq!((baseline.tpm, candidate.tpm), (Some(true), None));
        assert_eq!((baseline.extra_disks, candidate.extra_disks), (vec![1 << 30], vec![2 << 30, 3 << 30]));
    }

    #[test]
    fn what_does_not_go_together_is_said_once_by_the_names_that_were_typed() {
        let wrong = |words: &[&str], side| sides(words).of(side).unwrap_err().what;
        let kernel = wrong(&["--baseline-kernel=k"], Side::Baseline);
        assert!(kernel.contains("required arguments were not provided") && kernel.contains("--cmdline"), "{kernel}");
        assert!(sides(&["--baseline-kernel=k"]).of(Side::Candidate).is_ok());
        assert!(sides(&["--baseline-kernel=k", "--baseline-cmdline=c"]).of(Side::Baseline).is_ok());
        let command = Sides::augment_args(Command::new("compare").no_binary_name(true));
        let error = command.try_get_matches_from(["--candidate-firmware=coreboot"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ValueValidation);
        assert!(error.to_string().contains("--candidate-firmware"), "{error}");
    }

    #[test]
    fn no_option_of_a_machine_that_is_booted_goes_with_one_that_is_up() {
        use clap::Parser;

        for argument in options() {
            for command in ["run", "record"] {
                let words = ["muster", command, "--connect", "root@192.0.2.7"].map(str::to_owned);
                let of: &[&str] = if command == "record" { &["--of", "users"] } else { &[] };
                let alone = words.iter().cloned().chain(of.iter().map(|word| word.to_string()));
                let both = alone.clone().chain(stated(&argument));
                assert!(crate::Arguments::try_parse_from(alone).is_ok());
                let error = crate::Arguments::try_parse_from(both).map(drop).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ArgumentConflict, "{command} {}", argument.get_id());
            }
        }
    }
}
