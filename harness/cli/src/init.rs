//! `muster init`: a project of one's own to begin with.

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::error::CliError;
use super::output::say;
use super::project;
use muster_base::exit::Exit;
use muster_base::files;
use muster_report::annotations::Server;

/// Write a first suite, an image description and settings to edit
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster init my-distribution && cd my-distribution && muster run mine --image lab
  muster init --isv my-app certify && cd certify && muster run product --product my-app.rpm --image lab
                                          tests of a package of yours
  muster init --ci github                 with a job for GitHub Actions")]
pub(crate) struct Arguments {
    /// The directory, which is made when it is not there
    #[arg(default_value = ".", value_name = "DIR")]
    directory: Utf8PathBuf,
    /// Write a suite for a package of yours, which `muster run --product FILE` installs
    #[arg(long, value_name = "PACKAGE", value_parser = package)]
    isv: Option<String>,
    /// Write a job for this CI server too
    #[arg(long, value_name = "SERVER")]
    ci: Option<Job>,
}

/// The job for a CI server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Job(Server);

impl Job {
    /// Where it goes below the directory, and its text.
    fn file(self) -> (&'static str, &'static str) {
        match self.0 {
            Server::Github => (".github/workflows/image.yml", include_str!("../../../docs/ci/github-actions.yml")),
            Server::Gitlab => (".gitlab-ci.yml", include_str!("../../../docs/ci/gitlab-ci.yml")),
            Server::Azure => ("azure-pipelines.yml", include_str!("../../../docs/ci/azure-pipelines.yml")),
        }
    }
}

impl ValueEnum for Job {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: &[Job] = &[Job(Server::Github), Job(Server::Gitlab), Job(Server::Azure)];
        ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()).help(format!("{}: {}", self.0.title(), self.file().0)))
    }
}

/// Where each file goes below the directory, and what is in it.
const FILES: [(&str, &str); 3] = [
    ("suites/mine.yaml", include_str!("init/suite.yaml")),
    ("images/mine.yaml", include_str!("init/images.yaml")),
    ("known-issues.example", include_str!("init/known-issues.example")),
];

/// What every project has.
const ALWAYS: [(&str, &str); 2] =
    [("muster.toml", include_str!("init/muster.toml")), (".gitignore", "/muster-runs/\n")];

/// The suite of a person who ships a package, and a worked example about a daemon, which no directory of suites reads before it is
/// copied.
const ISV: [(&str, &str); 2] = [
    ("suites/product.yaml", include_str!("init/isv.yaml")),
    ("daemon.example", include_str!("../../../suites/isv-template.yaml")),
];

/// A name of an RPM: what stands in a suite without quotes.
fn package(typed: &str) -> Result<String, NotAName> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    match typed.starts_with(|c: char| c.is_ascii_alphanumeric()) && typed.chars().all(allowed) && typed.len() <= 200 {
        true if typed.ends_with(".rpm") => Err(NotAName::File),
        true => Ok(typed.to_owned()),
        false => Err(NotAName::Characters),
    }
}

/// Why something is no name of a package.
#[derive(Debug, thiserror::Error)]
enum NotAName {
    #[error("it is a file: give the name that `rpm -qp --qf '%{{NAME}}' FILE` prints")]
    File,
    #[error("a package's name begins with a letter or digit, and has letters, digits and `._+-`")]
    Characters,
}

/// Days from now to the last day of the known issue in the example.
const DAYS: i64 = 90;

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    let at = &arguments.directory;
    let own = if arguments.isv.is_some() { ISV.to_vec() } else { FILES.to_vec() };
    let files: Vec<(&str, &str)> = own.into_iter().chain(ALWAYS).chain(arguments.ci.map(Job::file)).collect();
    let there: Vec<&str> =
        files.iter().map(|(name, _)| *name).filter(|name| at.join(name).symlink_metadata().is_ok()).collect();
    if !there.is_empty() {
        let are = if there.len() == 1 { "is" } else { "are" };
        let what = format!("{} {are} there already in {at}, and nothing is overwritten", there.join(", "));
        return Err(CliError::invalid(what).hint("name another directory: muster init DIR"));
    }
    let last_day = jiff::Zoned::now().date().saturating_add(jiff::Span::new().days(DAYS)).to_string();
    for (name, text) in files {
        let path = if at == "." { name.into() } else { at.join(name) };
        // The shipped suite of this name stays.
        let text = text.replace("\nsuite: isv-template\n", "\nsuite: my-daemon\n");
        let text = text.replace("EXPIRES", &last_day).replace("PACKAGE", arguments.isv.as_deref().unwrap_or("PACKAGE"));
        write(&path, &text)?;
        say(&format!("wrote {}", project::short(&path)));
    }
    let there = if at == "." { String::new() } else { format!("cd {at} && ") };
    say("\nnext:");
    say(&format!("  {there}muster check suites           every mistake of every file, without a machine"));
    if arguments.isv.is_some() {
        say("  muster list product           the tests");
        say("  muster run product --product FILE.rpm --image IMAGE   `muster images list` names images");
        return Ok(Exit::Pass);
    }
    say("  muster list mine              the tests");
    say("  muster run mine --image FILE --user NAME");
    say(
        "                                on a disk of yours, as an account that its seed gives the key (root without --user);",
    );
    say("                                `muster images list` names others");
    Ok(Exit::Pass)
}

fn write(path: &Utf8Path, text: &str) -> Result<(), CliError> {
    let made = path.parent().map_or(Ok(()), files::ensure);
    let written = made.and_then(|()| files::write_atomically(path, text.as_bytes()));
    written.map_err(|error| CliError::infrastructure(error.to_string()))
}
