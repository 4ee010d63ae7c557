//! `muster profile`: the tests of some suites, locked, and what is different between two locks.

use camino::{Utf8Path, Utf8PathBuf};

use super::error::CliError;
use super::load::{self, Filter, Selection};
use super::output::{OutputFormat, say, say_note};
use super::project::short;
use super::text_file;
use muster_base::exit::Exit;
use muster_base::files::write_atomically;
use muster_base::text::plural;
use muster_gate::profile::{ENDING, Profile, ProfileDifference};

/// Lock which tests a policy requires, and compare two locks
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster profile lock fedora-compat kernel -o isv-2026.1.lock.json
  muster profile diff isv-2026.1.lock.json isv-2026.2.lock.json")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write the names and digests of the selected tests, as `muster list` lists them
    Lock(Lock),
    /// List the tests that were added, removed and changed; exits 1 when there is one
    Diff(Diff),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster profile lock --tag 'tier0 or tier1' -o policies/stable.lock.json

A policy names it by its file or by its id, which is the file's name without `.lock.json`.")]
struct Lock {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    selection: Selection,
    /// The profile's id [default: the file's name without `.lock.json`, else `profile`]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The last day on which a certificate may rest on it: 2027-06-30 [default: no end is known]
    #[arg(long, value_name = "DAY", value_parser = muster_suite::value::date)]
    retired: Option<jiff::civil::Date>,
    /// The file that it is written to [default: it is printed]
    #[arg(long, short = 'o', value_name = "FILE")]
    out: Option<Utf8PathBuf>,
    /// Overwrite an existing file
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster profile diff isv-2026.1.lock.json isv-2026.2.lock.json

Exit codes: 0 they have the same tests · 1 they differ · 2 a file is not there · 3 one is no profile")]
struct Diff {
    /// The earlier profile
    #[arg(value_name = "BEFORE")]
    before: Utf8PathBuf,
    /// The later profile
    #[arg(value_name = "AFTER")]
    after: Utf8PathBuf,
    /// How it is printed: text for people, json for programs (one object)
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    match arguments.command {
        Command::Lock(arguments) => lock(arguments),
        Command::Diff(arguments) => diff(&arguments),
    }
}

fn lock(mut arguments: Lock) -> Result<Exit, CliError> {
    arguments.filter.add_to(&mut arguments.selection)?;
    // A dangling symbolic link is there too.
    if let Some(file) = arguments.out.as_ref().filter(|file| !arguments.force && file.symlink_metadata().is_ok()) {
        let hint = "write another file and compare the two with `muster profile diff`, or write over it with --force";
        return Err(CliError::invalid(format!("{file} is there already, and was reviewed")).hint(hint));
    }
    let id = arguments.id.clone().unwrap_or_else(|| id_of(arguments.out.as_deref()));
    if !muster_suite::is_id(&id) {
        let what = format!("`{}` cannot be the id of a profile", muster_base::text::one_line(&id, 80));
        return Err(
            CliError::invalid(what).hint("ids are lower-case letters, digits, `.`, `_` and `-`: `--id isv-2026.1`")
        );
    }
    let loaded = load::suites(&arguments.selection, OutputFormat::Text)?;
    load::report_ignored(&arguments.selection);
    let selected = load::select(&loaded, &arguments.selection)?;
    for line in load::not_meant(&loaded, &arguments.selection, &selected) {
        say_note(&line, 1000);
    }
    if selected.tests.is_empty() {
        let hint = "every policy requires `machine/health`, which is no test of a suite";
        return Err(CliError::invalid("the selection selects no test of a suite").hint(hint));
    }
    // Read once more, since a test is compared by its own lines; the suite was just decoded from the same file.
    let lines = |file: &str| text_file::read(Utf8Path::new(file)).ok();
    let tests = selected.tests.iter().map(|index| index.of(&loaded.suites));
    let profile = Profile { retired: arguments.retired, ..Profile::of(&id, env!("MUSTER_VERSION"), tests, &lines)? };
    let text = profile
        .render()
        .map_err(|cause| CliError::infrastructure(format!("the profile cannot be written: {cause}")))?;
    match &arguments.out {
        Some(file) => {
            write_atomically(file, text.as_bytes())?;
            let (tests, suites) = (profile.tests.len(), profile.suites.len());
            let (some, more) = (plural(tests), plural(suites));
            say(&format!("{}: {tests} test{some} of {suites} suite{more}", short(file)));
        }
        None => say(text.trim_end()),
    }
    Ok(Exit::Pass)
}

fn id_of(file: Option<&Utf8Path>) -> String {
    let name = file.and_then(Utf8Path::file_name);
    let stem = name.map(|name| name.strip_suffix(ENDING).or(name.strip_suffix(".json")).unwrap_or(name));
    stem.unwrap_or("profile").to_owned()
}

fn diff(arguments: &Diff) -> Result<Exit, CliError> {
    let read = |path: &Utf8Path| -> Result<Profile, CliError> {
        let text = text_file::read(path)?;
        Profile::parse(path.as_str(), &text).map_err(|error| {
            let error = CliError::from(error);
            // Where there is no JSON at all, the line at which it ends is of no use.
            match text.trim_start().starts_with('{') {
                true => error,
                false => CliError { what: format!("{path} is no profile"), ..error },
            }
        })
    };
    let different = read(&arguments.before)?.compared_with(&read(&arguments.after)?);
    match arguments.format {
        OutputFormat::Json => say(&serde_json::to_string_pretty(&different).unwrap_or_default()),
        OutputFormat::Text => say(&text(&different)),
    }
    Ok(if different.is_empty() { Exit::Pass } else { Exit::Failed })
}

fn text(different: &ProfileDifference) -> String {
    let mut out = Vec::new();
    for (what, names) in [
        ("added", &different.added),
        ("removed", &different.removed),
        ("changed", &different.changed),
        ("changed outside its tests, or in a comment", &different.suites),
    ] {
        out.extend(names.iter().map(|name| muster_base::text::one_line(&format!("{what}: {name}"), 400)));
    }
    if let Some((before, after)) = &different.muster {
        let (before, after) = (muster_base::text::one_line(before, 60), muster_base::text::one_line(after, 60));
        out.push(format!("note: locked with muster {before}, and with {after}"));
    }
    if different.is_empty() {
        out.push("no test is different".to_owned());
    }
    out.join("\n")
}
