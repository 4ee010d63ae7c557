//! The command line: the only place that prints, and the only one that composes rooms. What was
//! typed becomes what is meant here, so that no room below ever sees an argument.
//!
//! One file a command. [`load`] and [`project`] are what they share.

#[cfg(test)]
mod advice_tests;
mod boot;
mod catalogue;
mod check;
mod compare;
mod completions;
mod connect;
mod console;
mod consumer;
mod coverage;
mod doctor;
mod door;
mod explain;
mod failures;
mod image_check;
mod images;
mod init;
mod kconfig;
mod list;
mod load;
mod names;
mod offline;
mod packed;
mod place;
#[cfg(test)]
mod plain_words_tests;
mod project;
mod prune;
mod pull;
mod record;
mod reference;
mod resume;
mod run;
mod schema;
mod session;
mod shipped;
mod snapshots;
pub mod trials;

use clap::{Parser, Subcommand};

use crate::exit::Exit;

/// Does your image pass muster? Boots candidate Linux images in QEMU, runs suites written in YAML
/// over SSH, and writes JUnit, JSON and snapshots.
#[derive(Debug, Parser)]
#[command(name = "muster", version = env!("MUSTER_VERSION"), propagate_version = true, after_help = EXIT_CODES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 passed · 1 a test failed · 2 invalid suite, image or usage, or no test ran · \
3 infrastructure error · 4 only stale or expired known issues";

#[derive(Debug, Subcommand)]
enum Command {
    /// Boot images and run suites on them
    Run(Box<run::Arguments>),
    /// Enter the machine of a failed test as it was when the test failed
    Resume(resume::Arguments),
    /// Enter a temporary machine, or start one that stays
    Boot(Box<boot::Arguments>),
    /// Write a first suite and a first image description to edit
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
    /// List, show, accept or reject snapshots that have changed
    Snapshots(snapshots::Arguments),
    /// Compare two systems, and fail on differences that nobody has documented
    Compare(Box<compare::Arguments>),
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
    let exit = match Arguments::try_parse() {
        Ok(arguments) => return dispatch(arguments.command),
        Err(error) => {
            // clap prints help and versions to stdout, errors to stderr; a closed pipe is nobody's
            // failure.
            let _ = error.print();
            if error.use_stderr() { Exit::Invalid } else { Exit::Pass }
        }
    };
    exit.into()
}

fn dispatch(command: Command) -> std::process::ExitCode {
    let result = match command {
        // These two may end with the status of a command in a guest.
        Command::Resume(arguments) => return finish(resume::execute(arguments)),
        Command::Boot(arguments) => return finish(boot::execute(*arguments)),
        Command::Run(arguments) => run::execute(*arguments),
        Command::Init(arguments) => init::execute(arguments),
        Command::List(arguments) => list::execute(arguments),
        Command::Check(arguments) => check::execute(arguments),
        Command::Explain(arguments) => explain::execute(arguments),
        Command::Record(arguments) => record::execute(*arguments),
        Command::Schema(arguments) => schema::execute(arguments),
        Command::Images(arguments) => images::execute(arguments),
        Command::Snapshots(arguments) => snapshots::execute(arguments),
        Command::Compare(arguments) => compare::execute(*arguments),
        Command::Coverage(arguments) => coverage::execute(arguments),
        Command::Console(arguments) => console::execute(arguments),
        Command::Kconfig(arguments) => kconfig::execute(*arguments),
        Command::Doctor(arguments) => doctor::execute(arguments),
        Command::Failures(arguments) => failures::execute(arguments),
        Command::Reference(arguments) => reference::execute(arguments),
        Command::Completions(arguments) => completions::completions(arguments),
        Command::Man(arguments) => completions::man(arguments),
        Command::Test(arguments) => trials::execute(*arguments),
    };
    finish(result)
}

fn finish(result: Result<impl Into<std::process::ExitCode>, Complaint>) -> std::process::ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(complaint) => {
            complaint.show();
            complaint.exit.into()
        }
    }
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document for programs
    Json,
}

/// Why a command could not do what was asked: one sentence, what to do next, and the exit code.
#[derive(Debug)]
pub struct Complaint {
    /// What happened and where.
    pub what: String,
    /// What to do next.
    pub hint: Option<String>,
    /// How the command ends.
    pub exit: Exit,
}

impl Complaint {
    /// Something the person who typed can mend.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::Invalid }
    }

    /// Something about this host.
    pub fn infrastructure(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::Error }
    }

    /// Diagnostics were printed already; only the exit code is left.
    pub fn told(exit: Exit) -> Self {
        Self { what: String::new(), hint: None, exit }
    }

    /// The same, with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn show(&self) {
        if !self.what.is_empty() {
            say_error(&format!("error: {}", crate::text::harmless(&self.what)));
        }
        if let Some(hint) = &self.hint {
            say_error(&format!("  help: {}", crate::text::harmless(hint)));
        }
    }
}

/// Prints to stdout; a closed pipe (`muster list | head`) is not an error.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(anstream::stdout().lock(), "{text}");
}

/// Prints to stderr.
fn say_error(text: &str) {
    use std::io::Write;
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
