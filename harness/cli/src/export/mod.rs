//! `muster export`: suites as tests of a runner that people already have. Each of its tests runs one suite and reports
//! every test of it, as far as that runner can show them.

mod autopkgtest;
mod exported;
mod pytest;
mod tmt;

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum;

use self::exported::{Exported, Written};
use super::error::CliError;
use super::load::{self, Filter, Selection};
use super::output::{OutputFormat, say};
use super::project::short;
use muster_base::exit::Exit;
use muster_base::files;
use muster_suite::model::Suite;

/// Write suites as tests of tmt, autopkgtest or pytest
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The tests call `muster run` on the image that the variable MUSTER_IMAGE names, with the options in MUSTER_OPTIONS, and the program \
                  that MUSTER names where `muster` is not in the PATH.

Examples:
  muster export tmt plans kernel security && cd plans
  tmt --feeling-safe run --environment MUSTER_IMAGE=my.qcow2 discover provision execute report finish
  muster export autopkgtest package base
  autopkgtest --no-built-binaries --env MUSTER_IMAGE=my.qcow2 ./package -- null
  muster export pytest tests base kernel      also for `azldev image test`
  pytest tests --image-path my.qcow2"
)]
pub(crate) struct Arguments {
    /// For which runner
    runner: Runner,
    /// The directory, which is made when it is not there; nothing in it is overwritten
    #[arg(value_name = "DIR")]
    directory: Utf8PathBuf,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    selection: Selection,
}

/// Who runs the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Runner {
    /// tmt: a plan and a test for each suite, whose tests are results of their own
    Tmt,
    /// autopkgtest: a test for each suite, which passes, fails or is skipped as a whole
    Autopkgtest,
    /// pytest: one file whose tests are those of the suites, with the lines for azldev's catalogue
    Pytest,
}

pub(crate) fn execute(mut arguments: Arguments) -> Result<Exit, CliError> {
    arguments.filter.add_to(&mut arguments.selection)?;
    let loaded = load::suites(&arguments.selection, OutputFormat::Text)?;
    load::report_ignored(&arguments.selection);
    let selected = load::select(&loaded, &arguments.selection)?;
    let mut suites: Vec<(&Suite, Vec<&str>)> = Vec::new();
    for (suite, test) in selected.tests.iter().map(|index| index.of(&loaded.suites)) {
        match suites.last_mut().filter(|(last, _)| last.name == suite.name) {
            Some((_, tests)) => tests.push(&test.id),
            None => suites.push((suite, vec![&test.id])),
        }
    }
    let mut files = Vec::new();
    for file in &load::named(&arguments.selection.suites)? {
        // The tests are run from wherever their runner stands.
        let whole = file.canonicalize_utf8().map_err(|error| CliError::invalid(format!("--suites {file}: {error}")))?;
        files.extend(["--suites".to_owned(), whole.into_string()]);
    }
    let exported: Vec<Exported> = suites.iter().map(|(suite, tests)| Exported::of(suite, tests, &files)).collect();
    if exported.is_empty() {
        return Err(CliError::invalid("no test is selected, so there is nothing to export"));
    }
    let files = match arguments.runner {
        Runner::Tmt => tmt::files(&exported),
        Runner::Autopkgtest => autopkgtest::files(&exported),
        Runner::Pytest => pytest::files(&exported),
    };
    write_all(&arguments.directory, &files)?;
    Ok(Exit::Pass)
}

fn write_all(dir: &Utf8Path, all: &[Written]) -> Result<(), CliError> {
    let there: Vec<&str> =
        all.iter().map(|file| file.name.as_str()).filter(|name| dir.join(name).symlink_metadata().is_ok()).collect();
    if !there.is_empty() {
        let are = if there.len() == 1 { "is" } else { "are" };
        let what = format!("{} {are} there already in {dir}, and nothing is overwritten", there.join(", "));
        return Err(CliError::invalid(what).hint("name another directory"));
    }
    for file in all {
        let path = dir.join(&file.name);
        path.parent().map_or(Ok(()), files::ensure).map_err(|error| CliError::infrastructure(error.to_string()))?;
        let written = files::write_atomically(&path, file.text.as_bytes());
        written.map_err(|error| CliError::infrastructure(error.to_string()))?;
        if file.executable {
            executable(&path).map_err(|error| CliError::infrastructure(format!("{path}: {error}")))?;
        }
        say(&format!("wrote {}", short(&path)));
    }
    Ok(())
}

fn executable(path: &Utf8Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path)?.permissions().mode();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode | 0o111))
}
