//! The help of every command, as clap has it: no paragraph is broken by hand, defaults are what they are called, and a duration that
//! lacks its unit is completed with the one that is meant.

use std::time::Duration;

use clap::{Arg, Command, CommandFactory as _};

use super::Arguments;

/// Every command with its own name, those of `muster test` that are another program's left out.
fn commands() -> Vec<(String, Command)> {
    fn below(name: &str, command: &Command, out: &mut Vec<(String, Command)>) {
        out.push((name.to_owned(), command.clone()));
        for inner in command.get_subcommands() {
            below(&format!("{name} {}", inner.get_name()), inner, out);
        }
    }
    let mut root = Arguments::command();
    root.build();
    let mut out = Vec::new();
    below("muster", &root, &mut out);
    out.retain(|(name, _)| name != "muster test" && !name.contains(" help"));
    assert!(out.len() > 40, "only {} commands", out.len());
    out
}

/// Lines that are broken in the middle of a paragraph. What is indented is an example.
fn broken(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2) {
        let [line, next] = pair else { continue };
        let goes_on = !line.is_empty() && !next.is_empty() && !next.starts_with(' ');
        let begins = ["Example", "Exit codes:"].iter().any(|begin| next.starts_with(begin));
        if goes_on && !begins {
            out.push(format!("{line}\n  | {next}"));
        }
    }
    out
}

#[test]
fn no_paragraph_is_broken_by_hand() {
    let mut wrong = Vec::new();
    for (name, command) in commands() {
        let texts =
            [command.get_about(), command.get_long_about(), command.get_after_help(), command.get_after_long_help()];
        let of_options = command.get_arguments().flat_map(|argument| [argument.get_help(), argument.get_long_help()]);
        for text in texts.into_iter().chain(of_options).flatten() {
            wrong.extend(broken(&text.to_string()).into_iter().map(|line| format!("{name}: {line}")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "{}", wrong.join("\n"));
    assert_eq!(broken("a b\nc d\n\ne:\n  f\n").len(), 1);
}

#[test]
fn suites_have_one_default_and_it_is_called_the_same_everywhere() {
    let named = "[default: those that ship with muster, and ./suites]";
    let mut seen = 0;
    for (name, command) in commands() {
        for argument in command.get_arguments() {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.contains("this checkout"), "{name}: {help}");
            // A comparison has its own way to name those of one side.
            if argument.get_long() == Some("suites") && help.contains("[default:") {
                assert!(help.contains(named), "{name}: {help}");
                seen += 1;
            }
        }
    }
    assert!(seen > 5, "only {seen} options");
}

/// What an option says of the number 7 without a unit.
fn said_of_seven(name: &str, argument: &Arg) -> String {
    let parsing = Command::new("x")
        .arg(Arg::new("it").long("it").value_parser(argument.get_value_parser().clone()).action(clap::ArgAction::Set));
    let error = parsing.try_get_matches_from(["x", "--it", "7"]).err();
    error.unwrap_or_else(|| panic!("{name} takes a number without a unit")).to_string()
}

#[test]
fn a_duration_without_its_unit_is_completed_with_the_one_that_is_meant() {
    let mut units = std::collections::BTreeMap::new();
    for (name, command) in commands() {
        let of_duration = |argument: &&Arg| {
            argument.get_value_names().is_some_and(|names| names.iter().any(|name| name.as_str() == "DURATION"))
        };
        for argument in command.get_arguments().filter(of_duration) {
            let option = format!("{name} --{}", argument.get_long().unwrap_or_default());
            // By its default; where there is none, by what it is for.
            let default = argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
            let unit = match (&default, argument.get_long()) {
                (Some(default), _) => default.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned(),
                (None, Some("older-than" | "max-age")) => "d".to_owned(),
                (None, Some("deadline")) => "h".to_owned(),
                (None, Some("target")) => "m".to_owned(),
                (None, _) => "s".to_owned(),
            };
            let said = said_of_seven(&option, argument);
            assert!(said.contains(&format!("`7{unit}`")), "{option}: {said}");
            units.insert(option, unit);
        }
    }
    assert!(units.len() > 8, "{units:?}");
    assert!(units.values().any(|unit| unit == "d") && units.values().any(|unit| unit == "s"), "{units:?}");
    assert_eq!(muster_suite::value::duration_in("d")("7d").ok(), Some(Duration::from_secs(7 * 86_400)));
}

/// What a machine is when an option is not typed: of a file, as the description of one has it.
#[test]
fn every_option_of_a_machine_says_its_default_as_it_is() {
    use clap::Args as _;
    use muster_base::machine::Format;
    use muster_image::{DiskSource, ImageSpec};
    let file = ImageSpec::new("x", DiskSource::Path("x".into()), Format::Raw);
    let defaults = [
        ("firmware", file.firmware.to_string()),
        ("arch", file.arch.to_string()),
        ("tpm", file.tpm.to_string()),
        ("seed", file.seed.to_string()),
        ("user", file.user.clone()),
        ("guest-memory", format!("{}GiB", file.memory_mib / 1024)),
        ("cpus", file.cpus.to_string()),
        ("bus", file.bus.to_string()),
        ("extra-disk", if file.extra_disks.is_empty() { "none".to_owned() } else { panic!("{:?}", file.extra_disks) }),
        ("nics", file.nics.to_string()),
        ("boot-timeout", muster_suite::value::show_duration(file.boot_timeout)),
    ];
    let command = crate::session::MachineOptions::augment_args(Command::new("x"));
    let mut named = 0;
    for argument in command.get_arguments().filter(|argument| argument.get_action().takes_values()) {
        let name = argument.get_long().expect("an option");
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let said = help.split_once("[default: ").map(|(_, said)| said.trim_end_matches(']').replace('\n', " "));
        let Some(said) = said else {
            assert!(!argument.get_default_values().is_empty(), "--{name} says no default: {help}");
            continue;
        };
        if let Some((_, default)) = defaults.iter().find(|(of, _)| *of == name) {
            assert_eq!(said, format!("as the catalogue has it; {default} for a file"), "--{name}");
            named += 1;
        }
    }
    assert_eq!(named, defaults.len(), "an option has another name");
}
