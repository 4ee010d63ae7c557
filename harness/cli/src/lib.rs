//! The command line: the only place that prints, and the only one that composes the other crates.
//! What was typed becomes what is meant here, so that no other crate ever sees an argument.
//!
//! One file a command. [`load`] and [`project`] are what they share.

#[cfg(test)]
mod advice_tests;
mod again;
mod annotations;
mod archive;
mod attempts;
mod bisect;
mod boot;
mod boot_time;
mod capsules;
mod catalogue;
mod certificate_files;
mod certify;
mod check;
mod compare;
mod completions;
mod connect;
mod console;
mod consumer;
mod coverage;
mod deciding;
mod diff;
mod divided;
mod doctor;
mod earlier;
mod elsewhere;
mod error;
mod event_loop;
mod explain;
mod export;
mod failures;
#[cfg(test)]
mod fuzz_corpus;
mod gate;
mod guest;
#[cfg(test)]
mod guide_tests;
#[cfg(test)]
mod help_tests;
mod history;
mod image_file;
mod images;
mod init;
mod installed;
mod kconfig;
mod list;
mod load;
mod logging;
mod machine_dir;
mod meant;
mod merge;
mod named_durations;
mod names;
mod offline;
mod opening;
mod output;
mod over;
mod packed;
#[cfg(test)]
mod plain_words_tests;
mod plan;
mod port;
mod product;
mod profile;
mod project;
mod record;
mod reference;
mod report;
mod requires;
mod resume;
mod run;
mod runs;
mod schema;
mod session;
mod settings;
mod shard;
mod shipped;
#[cfg(test)]
mod shipped_suites_tests;
mod snapshots;
mod ssh_client;
mod ssh_keygen;
mod submit;
mod suite_files;
mod supportable;
mod text_file;
mod this_host;
mod triage;
pub mod trials;
#[cfg(test)]
mod typed_again_tests;
mod unknown_teardown;
mod verify;
mod wording;

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser, Subcommand};

pub use error::CliError;
use muster_base::exit::Exit;
use output::say_error;
use settings::{Applied, Surroundings};

/// Does your image pass muster? Boots candidate Linux images in QEMU, runs suites written in YAML
/// over SSH, and writes JUnit, JSON and snapshots.
#[derive(Debug, Parser)]
#[command(name = "muster", version = env!("MUSTER_VERSION"), propagate_version = true, after_help = exit_codes(), max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// When output has colour: auto (on a terminal, as NO_COLOR and CLICOLOR_FORCE say), always or never
    // An id of its own: `muster test` has an option of this name from libtest.
    #[arg(
        id = "colour",
        long = "color",
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    colour: clap::ColorChoice,
}

/// The last line of `--help`.
fn exit_codes() -> String {
    let codes: Vec<String> = Exit::TABLE.iter().map(|(exit, brief, _)| format!("{} {brief}", *exit as u8)).collect();
    format!("Exit codes: {}", codes.join(" · "))
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Boot images and run suites on them
    Run(Box<run::Arguments>),
    /// Enter the machine of a failed test as it was when the test failed
    Resume(resume::Arguments),
    /// Enter a temporary machine, or start one that stays
    Boot(Box<boot::Arguments>),
    /// Measure what boots take: phases, units and executed instructions
    BootTime(Box<boot_time::Arguments>),
    /// Write a first suite, an image description and settings to edit
    Init(init::Arguments),
    /// List the tests that would be selected, without starting anything
    List(list::Arguments),
    /// Validate suites offline, all errors at once
    Check(check::Arguments),
    /// Explain what a test means, on which systems, and every command that it runs in the guest
    Explain(explain::Arguments),
    /// Write a suite of what a good machine is, to check later ones against
    Record(Box<record::Arguments>),
    /// Print the JSON Schema of a file format
    Schema(schema::Arguments),
    /// List, pull, verify, build, inspect and prune images
    Images(images::Arguments),
    /// List the directories of earlier runs, and remove old ones
    Runs(runs::Arguments),
    /// Make the reports of runs again, in any format
    Report(report::Arguments),
    /// Write a run as one file to hand around
    Archive(archive::Arguments),
    /// Print the jobs that a run needs to be over in time
    Plan(plan::Arguments),
    /// Run in shards on the hosts of a cluster
    Submit(submit::Arguments),
    /// Make one run of the runs of all shards
    Merge(merge::Arguments),
    /// Compare two runs: what fails now and did not, what was fixed, and which facts of the images changed
    Diff(diff::Arguments),
    /// Find the first of many images on which a test fails
    Bisect(Box<bisect::Arguments>),
    /// Show what is new, what goes on, what was fixed and what is flaky over many runs
    History(history::Arguments),
    /// Decide whether an image may ship: a policy, the records of runs, and waivers become a decision
    Gate(gate::Arguments),
    /// Sign what was tested, with which result, for customers and distributions
    Certify(Box<certify::Arguments>),
    /// Check a certificate: its signature, and everything that it says
    Verify(Box<verify::Arguments>),
    /// Lock which tests a policy requires, and compare two locks
    Profile(Box<profile::Arguments>),
    /// Write what is known of each failure of a run: class, evidence with file and line, how to run it again
    Triage(triage::Arguments),
    /// Write suites as tests of tmt, autopkgtest or pytest
    Export(Box<export::Arguments>),
    /// List, show, accept or reject snapshots that have changed
    Snapshots(snapshots::Arguments),
    /// Compare two systems, and fail on differences that nobody has documented
    Compare(Box<compare::Arguments>),
    /// Find out whether what runs on one system will run on another
    Port(Box<port::Arguments>),
    /// List which checks of other tools the suites replace, and which are missing
    Coverage(coverage::Arguments),
    /// Check console logs offline, and list the rules
    Console(console::Arguments),
    /// Check and compare kernel configurations offline
    Kconfig(Box<kconfig::Arguments>),
    /// Show what this host offers and how to install what is missing
    Doctor(doctor::Arguments),
    /// Explain failure ids: what each means and what to do next
    Failures(failures::Arguments),
    /// Explain check types, steps, keys, matchers and diagnostic codes
    Reference(reference::Arguments),
    /// Print the completions of a shell
    Completions(completions::CompletionsArguments),
    /// Write the manual pages, one for each command
    Man(completions::ManArguments),
    /// The same tests with libtest's interface, for cargo, nextest and editors
    Test(Box<trials::Arguments>),
}

/// Runs the command line of this process.
pub fn main() -> std::process::ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let typed = words.clone();
    paint(&words);
    let from = Surroundings::of_process();
    let (words, taken) = match earlier::taken(&Arguments::command(), words) {
        Ok(taken) => taken,
        // What cannot stand together is wrong whatever the earlier run was.
        Err(wrong) => match Arguments::try_parse_from(&typed) {
            Err(error) if error.kind() == clap::error::ErrorKind::ArgumentConflict => {
                let _ = error.print();
                return Exit::Invalid.into();
            }
            _ => {
                wrong.show();
                return wrong.exit.into();
            }
        },
    };
    // Without settings the command line is read once.
    let applied = match from.is_empty() {
        true => Ok(Applied { words: words.clone(), notes: Vec::new() }),
        false => settings::apply(&Arguments::command(), words.clone(), &from),
    };
    let applied = match applied {
        Ok(applied) => applied,
        Err(wrong) => match Arguments::try_parse_from(&words) {
            // It says itself what is wrong with the settings.
            Ok(Arguments { command: Command::Doctor(_), .. }) => Applied { words, notes: Vec::new() },
            _ => return refuse_settings(wrong),
        },
    };
    paint(&applied.words);
    let exit = match read(&applied.words) {
        Ok(Err(unmet)) => return finish(Err::<Exit, _>(unmet)),
        Ok(Ok(arguments)) => {
            let notes = taken.into_iter().chain(applied.notes).collect();
            return dispatch(arguments, notes, &applied.words);
        }
        Err(error) => {
            // Options that come from an earlier run or from settings are not shown in the usage of a mistake that was typed.
            let own = Arguments::try_parse_from(&typed).err().filter(|own| own.kind() == error.kind());
            let error = own.unwrap_or(error);
            if !error.use_stderr() {
                // Help and versions are output as that of any command is.
                output::say(error.render().ansi().to_string().trim_end());
                return finish(Ok(Exit::Pass));
            }
            let _ = meant::with_suggestion(error, &options(&typed)).print();
            Exit::Invalid
        }
    };
    exit.into()
}

/// The long names of the options of the command that is typed.
fn options(words: &[OsString]) -> Vec<String> {
    let mut built = Arguments::command();
    built.build();
    let Some((path, _)) = settings::locate(&built, words) else { return Vec::new() };
    let of =
        |command: &&clap::Command| command.get_arguments().filter_map(|it| it.get_long()).map(str::to_owned).collect();
    path.last().map(of).unwrap_or_default()
}

/// What a command line means. An option without the one that it is for is an error of ours: clap's does not say which option
/// needs the other, and it has none where another option excludes the missing one.
fn read(words: &[OsString]) -> Result<Result<Arguments, CliError>, clap::Error> {
    let unmet = || {
        // Most command lines have no option, and then there is nothing to look for.
        words.iter().skip(1).find(|word| word.as_encoded_bytes().starts_with(b"--"))?;
        let mut built = Arguments::command();
        built.build();
        requires::unmet(&built, words)
    };
    match Arguments::try_parse_from(words) {
        Ok(arguments) => Ok(unmet().map_or(Ok(arguments), Err)),
        Err(error) if error.kind() == clap::error::ErrorKind::MissingRequiredArgument => {
            unmet().map_or(Err(error), |unmet| Ok(Err(unmet)))
        }
        Err(error) => Err(error),
    }
}

/// Colour for all that is printed from here on, help and errors of the command line too: these end clap's reading
/// before the option is read, so it is looked for by itself. A wrong value is for clap to say.
fn paint(words: &[OsString]) {
    let mut words = words.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--").peekable();
    let mut choice = None;
    while let Some(word) = words.next() {
        match word.strip_prefix("--color") {
            Some("") => choice = words.peek().copied(),
            Some(rest) => choice = rest.strip_prefix('=').or(choice),
            None => {}
        }
    }
    match choice {
        Some("always") => anstream::ColorChoice::Always,
        Some("never") => anstream::ColorChoice::Never,
        _ => anstream::ColorChoice::Auto,
    }
    .write_global();
}

fn refuse_settings(wrong: Vec<String>) -> std::process::ExitCode {
    wrong.iter().for_each(|line| say_error(&format!("error: {}", muster_base::text::escape(line))));
    let page = project::Project::find().ok().and_then(|project| project.page("configuration.md"));
    let listed = match page {
        Some(page) => format!("{page} lists settings and variables"),
        None => "the options that `--help` of a command lists are the keys of its table".to_owned(),
    };
    say_error(&format!("  help: {listed}; `MUSTER_CONFIG=` leaves the file out"));
    Exit::Invalid.into()
}

/// `notes` say which defaults applied; `words` are the command line with them.
fn dispatch(
    Arguments { command, colour }: Arguments,
    notes: Vec<String>,
    words: &[OsString],
) -> std::process::ExitCode {
    let verbose = match &command {
        Command::Run(arguments) => arguments.verbose(),
        _ => 0,
    };
    if let Some(Err(cli_error)) = logging::Wanted::of_process(verbose).map(|log| log.start()) {
        return finish(Err::<Exit, _>(cli_error));
    }
    notes.iter().for_each(|note| tracing::info!("{note}"));
    let say_notes = || notes.iter().for_each(|note| say_error(&format!("note: {}", muster_base::text::escape(note))));
    match &command {
        // The run says it, and keeps it in its record.
        Command::Run(arguments) if !arguments.only_lists() => {}
        // The owner of a kept machine is started by a command that has said it.
        Command::Boot(arguments) if arguments.is_owner() => {}
        _ => say_notes(),
    }
    let result = match command {
        // These two may end with the status of a command in a guest.
        Command::Resume(arguments) => return finish(resume::execute(arguments)),
        Command::Boot(arguments) => return finish(boot::execute(*arguments)),
        Command::Run(arguments) => {
            let listed = arguments.only_lists();
            // A run that does not begin has no record of it.
            run::execute(*arguments, &notes, words).inspect_err(|_| {
                if !listed {
                    say_notes()
                }
            })
        }
        Command::BootTime(arguments) => boot_time::execute(*arguments),
        Command::Init(arguments) => init::execute(arguments),
        Command::List(arguments) => list::execute(arguments),
        Command::Check(arguments) => check::execute(arguments),
        Command::Explain(arguments) => explain::execute(arguments),
        Command::Record(arguments) => record::execute(*arguments),
        Command::Schema(arguments) => schema::execute(arguments),
        Command::Images(arguments) => images::execute(arguments),
        Command::Archive(arguments) => archive::execute(&arguments),
        Command::Plan(arguments) => plan::execute(&arguments, &typed_run),
        Command::Submit(arguments) => submit::execute(arguments, &typed_run),
        Command::Merge(arguments) => merge::execute(&arguments),
        Command::Diff(arguments) => diff::execute(&arguments),
        Command::Bisect(arguments) => bisect::execute(&arguments, &one_run),
        Command::History(arguments) => history::execute(&arguments),
        Command::Gate(arguments) => gate::execute(&arguments),
        Command::Certify(arguments) => certify::execute(&arguments),
        Command::Verify(arguments) => verify::execute(&arguments),
        Command::Profile(arguments) => profile::execute(*arguments),
        Command::Triage(arguments) => triage::execute(&arguments),
        Command::Report(arguments) => report::execute(&arguments),
        Command::Runs(arguments) => runs::execute(arguments),
        Command::Snapshots(arguments) => snapshots::execute(arguments),
        Command::Compare(arguments) => compare::execute(*arguments),
        Command::Port(arguments) => port::execute(*arguments),
        Command::Coverage(arguments) => coverage::execute(arguments),
        Command::Console(arguments) => console::execute(arguments),
        Command::Kconfig(arguments) => kconfig::execute(*arguments),
        Command::Doctor(arguments) => doctor::execute(arguments, &Arguments::command()),
        Command::Export(arguments) => export::execute(*arguments),
        Command::Failures(arguments) => failures::execute(arguments),
        Command::Reference(arguments) => reference::execute(arguments),
        Command::Completions(arguments) => completions::completions(arguments, Arguments::command()),
        Command::Man(arguments) => completions::man(arguments, Arguments::command()),
        Command::Test(arguments) => trials::execute(*arguments, colour),
    };
    finish(result)
}

/// The run of one image that a command line means, with the settings of this process.
fn one_run(words: &[String]) -> Result<run::Ready, CliError> {
    let ready = typed_run(words)?;
    match ready.arguments.is_plain() {
        true => Ok(ready),
        false => Err(wrong_options("one image is booted and tested at a time")),
    }
}

/// The run that a command line means, with the settings of this process.
fn typed_run(words: &[String]) -> Result<run::Ready, CliError> {
    let typed = std::iter::once("muster").chain(words.iter().map(String::as_str)).map(OsString::from).collect();
    let settings = settings::apply(&Arguments::command(), typed, &Surroundings::of_process());
    let Applied { words, notes } = settings.map_err(|lines| CliError::invalid(lines.join("; ")))?;
    let parsed = read(&words).map_err(|error| {
        let text = error.to_string();
        wrong_options(text.lines().next().unwrap_or_default().trim_start_matches("error: "))
    })??;
    match parsed.command {
        Command::Run(arguments) => Ok(run::Ready { arguments, notes, words }),
        _ => Err(wrong_options("they are of another command")),
    }
}

fn wrong_options(what: &str) -> CliError {
    CliError::invalid(format!("options of `muster run`: {}", muster_base::text::one_line(what, 300)))
        .hint("behind `--` stands what every run is to have: `-- --suites my.yaml --cpus 2`")
}

fn finish(result: Result<impl Into<std::process::ExitCode>, CliError>) -> std::process::ExitCode {
    let exit = match result {
        Ok(exit) => exit.into(),
        Err(cli_error) => {
            cli_error.show();
            cli_error.exit.into()
        }
    };
    match output::all_said() {
        Ok(()) => exit,
        Err(not_said) => {
            let cli_error = CliError::from(not_said);
            cli_error.show();
            // What the command came to says more, where that is no success.
            if exit == std::process::ExitCode::SUCCESS { cli_error.exit.into() } else { exit }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }

    #[test]
    fn the_readme_has_the_table_of_exit_codes() {
        let readme = include_str!("../../../README.md");
        for (exit, _, meaning) in super::Exit::TABLE {
            let row = format!("| {} | {meaning} |", *exit as u8);
            assert!(readme.lines().any(|line| line == row), "{row}");
        }
    }
}
