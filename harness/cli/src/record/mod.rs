//! `muster record`: what a good machine is becomes a suite, to check later ones against.
//!
//! - [`sources`]: what can be recorded, as it is typed.
//! - [`collect`]: what is read in the guest for each, and the facts in the answers. Pure.
//! - [`suite`]: facts become tests with sensible matchers. Pure.
//! - [`write`]: tests become a text that the decoder reads as what was meant. Pure.
//! - [`again`]: the suite is asked of the machine it came from, so that it holds nothing that is not
//!   so a moment later.

mod again;
mod collect;
mod draft;
mod sources;
mod suite;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::boot;
use super::connect::{self, ConnectOptions};
use super::error::CliError;
use super::event_loop::{interruption, runtime};
use super::load;
use super::output::{say, say_note};
use super::session::ImageOptions;
use draft::Recorded;
use muster_base::exit::Exit;
use muster_base::{files, text};
use muster_engine::driver::{Live, Stop};
use muster_engine::sink::now;
use muster_guest::{Reply, Request};
use sources::Of;
use write::Origin;

/// Bytes that are read for one source. All packages of a workstation are less than 1 MiB.
const LIMIT: usize = 8 << 20;

/// Write a suite of what a good machine is, to check later ones against
#[derive(Debug, clap::Args)]
#[command(after_help = "The machine is only read. What was recorded is checked on it once more before it is written.

Examples:
  muster record lab --of packages,units,ports --output suites/lab-as-it-was.yaml
  muster record my.qcow2 --of 'sysctl:net.*,files:/etc/ssh/*' --suite golden
  muster record --connect root@192.0.2.7 --identity ~/.ssh/id_ed25519 --of users,groups")]
pub(crate) struct Arguments {
    /// An image of the catalogue, or a disk file [default: lab]
    #[arg(value_name = "IMAGE", conflicts_with_all = ["image", "connect"])]
    name_of_image: Option<String>,
    #[command(flatten)]
    images: ImageOptions,
    #[command(flatten)]
    connect: ConnectOptions,
    /// What is recorded: packages, units, sysctl, kconfig, users, groups, ports, commands, files:GLOB. A
    /// glob behind a colon narrows any of them; of several, one must match
    #[arg(long, required = true, value_name = "SOURCES", value_delimiter = ',')]
    of: Vec<String>,
    /// Also require of packages the version that is installed, or a newer one
    #[arg(long)]
    versions: bool,
    /// Name of the suite [default: recorded-IMAGE]
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,
    /// Where it is written [default: standard output]
    #[arg(long, short = 'o', visible_alias = "out", value_name = "FILE")]
    output: Option<Utf8PathBuf>,
    /// Overwrite an existing file
    #[arg(long, requires = "output")]
    force: bool,
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    let of = sources::parse(&arguments.of)?;
    if let Some(name) = &arguments.suite
        && !muster_suite::is_id(name)
    {
        return Err(CliError::invalid(format!("--suite `{name}` is not a name"))
            .hint("lower-case letters, digits, `.`, `_` and `-`, at most 100"));
    }
    // Before a machine boots for nothing.
    refuse_to_replace(&arguments)?;
    // The image is looked into by a runtime of its own, so before the one of the machine.
    let wanted = match &arguments.connect.connect {
        Some(_) => None,
        None => Some(boot::one_image(arguments.name_of_image.as_deref(), &arguments.images)?),
    };
    let runtime = runtime()?;
    let written = runtime.block_on(async {
        tokio::select! {
            biased;
            () = interruption() => Err(CliError::reported(Exit::Error)),
            written = record(&arguments, &of, wanted) => written,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    let suite = written?;
    for remark in &suite.remarks {
        say_note(remark, 400);
    }
    match &arguments.output {
        None => say(suite.text.trim_end()),
        Some(path) => {
            refuse_to_replace(&arguments)?;
            files::write_atomically(path, suite.text.as_bytes())?;
            say(&format!("{path}: {} tests, {} assertions", suite.tests, suite.assertions));
        }
    }
    Ok(Exit::Pass)
}

fn refuse_to_replace(arguments: &Arguments) -> Result<(), CliError> {
    match &arguments.output {
        // A dangling symbolic link is there too.
        Some(path) if !arguments.force && path.symlink_metadata().is_ok() => {
            Err(CliError::invalid(format!("{path} is there already"))
                .hint("name another file, or write over it with --force"))
        }
        Some(path) if !dir(path).is_dir() => {
            Err(CliError::invalid(format!("{path} cannot be written: its directory is not there")))
        }
        _ => Ok(()),
    }
}

fn dir(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|above| !above.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
}

/// A suite that can be written.
struct Written {
    text: String,
    tests: usize,
    assertions: usize,
    /// For the person, in addition to what stands in the text.
    remarks: Vec<String>,
}

async fn record(arguments: &Arguments, of: &[Of], wanted: Option<boot::Wanted>) -> Result<Written, CliError> {
    if let Some(typed) = &arguments.connect.connect {
        let remote = connect::remote(typed, &arguments.connect)?;
        let (name, shown) = (remote.name.clone(), remote.shown.clone());
        let live = connect::log_in(remote).await?;
        let written = read(&live, arguments, of, &name, &shown).await;
        live.stop(Stop::Discard).await;
        return written;
    }
    let Some(wanted) = wanted else { return Err(CliError::invalid("no image was named")) };
    let image = wanted.image().to_owned();
    boot::with_machine(wanted, async |live, _, _| read(live, arguments, of, &image, &image).await).await
}

/// Reads the machine, makes the suite, and asks it again.
async fn read<L: Live>(
    live: &L,
    arguments: &Arguments,
    of: &[Of],
    name: &str,
    shown: &str,
) -> Result<Written, CliError> {
    let replies = read_replies(live, of.iter().map(collect::probe).collect()).await?;
    let mut recorded = Recorded::default();
    for (of, reply) in of.iter().zip(&replies) {
        let facts = collect::facts(of, reply).map_err(|why| {
            CliError::infrastructure(format!(
                "{} cannot be recorded: {}",
                of.source.name(),
                text::one_line(&why.to_string(), 300)
            ))
            .hint(format!("leave out {}, when this machine has none", of.source.name()))
        })?;
        if facts.is_empty() && !of.globs.is_empty() {
            let globs = text::one_line(&of.globs.join(", "), 200);
            return Err(CliError::invalid(format!("--of {}: nothing on {shown} matches {globs}", of.source.name())));
        }
        recorded.add(of.source, facts, arguments.versions);
    }
    let suite = arguments.suite.clone().unwrap_or_else(|| default_name(name));
    let facts = live.facts();
    let release = |key: &str| facts.os_release.get(key).cloned().unwrap_or_default();
    let origin = Origin {
        suite: suite.clone(),
        machine: shown.to_owned(),
        system: release("PRETTY_NAME"),
        distro: facts.dimension("distro").and_then(|mut values| values.pop()).unwrap_or_default(),
        arch: facts.arch.clone(),
        kernel: facts.kernel.clone(),
        at: now(),
        of: arguments.of.join(","),
    };
    let decoded = decode(&write::suite(&recorded, &origin))?;
    let wrong = again::check(live, &decoded).await.map_err(CliError::of_machine)?;
    refuse_what_cannot_be_checked(&recorded, &wrong)?;
    recorded.leave_out(&wrong);
    if recorded.tests.is_empty() {
        return Err(CliError::invalid(format!("nothing of {shown} can be recorded: {}", recorded.left_out.join("; ")))
            .hint("record something else with --of, or more with a wider glob"));
    }
    let text = write::suite(&recorded, &origin);
    let decoded = decode(&text)?;
    let assertions = decoded.tests.iter().map(|test| test.assertions() as usize).sum();
    Ok(Written { tests: decoded.tests.len(), assertions, remarks: recorded.left_out.clone(), text })
}

/// A test that can answer nothing here must not be missing from the suite in silence.
fn refuse_what_cannot_be_checked(recorded: &Recorded, wrong: &[again::Wrong]) -> Result<(), CliError> {
    for test in &recorded.tests {
        let mut unknown = wrong.iter().filter(|one| one.unknown && one.test == test.id);
        let subjects: BTreeSet<&str> = unknown.clone().map(|one| one.subject.as_str()).collect();
        if let Some(first) = unknown.next().filter(|_| subjects.len() == test.entries.len()) {
            return Err(CliError::infrastructure(format!(
                "what was recorded could not be checked again here: {}: {}",
                first.check,
                text::one_line(&first.why, 300)
            ))
            .hint("a suite that no run can check is of no use: leave out what this check is for"));
        }
    }
    Ok(())
}

/// The suite as a run will read it. That it does is promised, so that anything else is our mistake.
fn decode(text: &str) -> Result<muster_suite::model::Suite, CliError> {
    let (suite, problems) = muster_suite::decode_source("the recorded suite", text, &load::vocabulary());
    if problems.iter().any(|problem| problem.code == muster_suite::diagnostic::codes::TOO_LARGE) {
        return Err(CliError::invalid("what was recorded is larger than a suite may be")
            .hint("narrow it with globs, such as `kconfig:CONFIG_NET*`, or record it in several suites"));
    }
    match suite.filter(|_| problems.is_empty()) {
        Some(suite) => Ok(suite),
        None => Err(CliError::infrastructure(format!(
            "muster wrote a suite that it cannot read, which is a mistake of its own:\n{}",
            problems.render(false)
        ))),
    }
}

/// `recorded-IMAGE`, in the letters that names of suites may have.
fn default_name(machine: &str) -> String {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let name: String = machine.to_lowercase().chars().map(|c| if fine(c) { c } else { '-' }).take(80).collect();
    format!("recorded-{name}")
}

/// Reads all of this in one round trip.
async fn read_replies<L: Live>(live: &L, probes: Vec<muster_check::Probe>) -> Result<Vec<Reply>, CliError> {
    let scale = live.deadline_scale();
    let request = |probe: muster_check::Probe| Request {
        script: probe.script,
        timeout: probe.timeout.mul_f64(scale),
        limit: LIMIT,
    };
    live.batch(probes.into_iter().map(request).collect()).await.map_err(CliError::of_machine)
}
