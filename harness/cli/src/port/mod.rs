//! `muster port`: will what people run on one system run on another?
//!
//! - [`chains`]: the files that were named, read; [`host_files`] and [`child`] are what their readers get of this host.
//! - [`target`]: what `--on` and `--from` name.
//! - [`kept`]: a system of which only metadata and facts are there.
//! - [`image`]: a system that is booted: [`machines`] starts it, [`facts`] and [`metadata`] are read of it, as [`crate::installed`] is,
//!   [`brought`] puts files into it, and [`trial`], [`units`] and [`libraries`] try a chain on it.
//! - [`tasks`]: what is tried of a chain; [`debian`]: what packages of Debian may be called.
//! - [`output`]: what is printed and written; [`next_to`]: repositories that are written with a suite.

mod archive;
mod brought;
mod chains;
mod child;
mod debian;
mod facts;
mod host_files;
mod image;
mod kept;
mod libraries;
mod machines;
mod metadata;
mod next_to;
mod output;
mod side;
mod target;
mod tasks;
#[cfg(test)]
mod testing;
mod trial;
mod units;

use std::collections::BTreeSet;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use self::chains::Chains;
use self::image::{Means, Read, Task, Tried};
use self::kept::Units;
use self::side::Side;
use self::target::{Kept, KeptRepository, Named};
use super::boot;
use super::error::CliError;
use super::event_loop::{interruption, runtime};
use super::output::say_error;
use super::session::{ImageOptions, MachineOptions};
use muster_base::exit::Exit;
use muster_base::text::one_line;
use muster_port::{Depth, Port, PortedChain, Question, Ran, Smoke, Trial, port};
use muster_qemu::template_store::{self, TemplateStore};

/// Find out whether what runs on one system will run on another: Containerfiles, kickstarts, playbooks, specs, programs
#[derive(Debug, clap::Args)]
#[command(
    mut_arg("image_format", |argument| argument.alias(None::<&'static str>).alias(super::session::DISK_FORMAT)),
    after_help = "Exit codes: 0 everything ports as it is · 1 something does not, or only with edits · 2 a file cannot be read, or \
usage · 3 the image cannot be read, or an answer is not known

Examples:
  muster port Containerfile --on my-azurelinux.qcow2
                                     install what it installs in a temporary clone of the image, and say what is missing
  muster port Containerfile app.ks --offline --on base=repos/base --on extra=repos/extra
                                     from repository metadata alone, in seconds
  muster port app.spec --offline --on repos/base --on my.facts.json --from fedora.facts.json
  muster port Containerfile --on lab --run 'curl -fsS http://localhost/' --from fedora-43 --internet
  muster port Containerfile --on lab --write suites/our-chain.yaml --write-edits port.diff
                                     a suite that pins each need, and the edits as a patch"
)]
pub(crate) struct Arguments {
    /// What is to run: Containerfiles, kickstarts, playbooks, cloud-configs, specs, packages, programs, scripts, lists…
    #[arg(value_name = "CHAIN", required = true)]
    chains: Vec<Utf8PathBuf>,
    /// Where it is to run: an image or a disk file; offline, directories with repodata, and a facts file (*.json); may
    /// be repeated
    #[arg(long, value_name = "IMAGE|[ID=]DIR|FACTS", required = true)]
    on: Vec<String>,
    /// Where it runs today, in the same ways; may be repeated
    #[arg(long, value_name = "IMAGE|[ID=]DIR|FACTS")]
    from: Vec<String>,
    /// Start no machine: answer from repository metadata and facts alone
    #[arg(long)]
    offline: bool,
    /// After the installation, run this command as root, on the image of --from too, and compare how it ends
    #[arg(long, value_name = "COMMAND", conflicts_with = "offline")]
    run: Option<String>,
    /// How long that command may take, on working KVM; emulation extends it
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = muster_suite::value::duration_in("m"))]
    run_timeout: Duration,
    /// A repository of this host that the system has too, such as your own; ID may be the address by which a chain adds
    /// it; may be repeated
    #[arg(long = "repo", value_name = "ID=DIR")]
    repositories: Vec<String>,
    /// Let the guests reach the internet, where the repositories of vendor images are
    #[arg(long, conflicts_with = "offline")]
    internet: bool,
    /// Begin from a saved machine where there is one, as `muster run --warm` does, and save the one that is booted
    #[arg(long, conflicts_with = "offline")]
    warm: bool,
    /// What the files are, where their names and contents do not say it
    #[arg(long = "as", value_name = "KIND", value_parser = kinds_parser())]
    kind: Option<String>,
    /// Accept lines that are not understood: they may need something that nobody has looked at
    #[arg(long)]
    allow_not_understood: bool,
    /// Write a suite that pins each need as a test
    #[arg(long, value_name = "FILE")]
    write: Option<Utf8PathBuf>,
    /// Write the edits as a patch, for `git apply`
    #[arg(long, value_name = "FILE")]
    write_edits: Option<Utf8PathBuf>,
    /// Overwrite existing files
    #[arg(long)]
    force: bool,
    /// How the answers are printed
    #[arg(long, value_enum, default_value_t)]
    format: output::Format,
    /// List every need, those that are met too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    machine: MachineOptions,
}

fn kinds_parser() -> clap::builder::PossibleValuesParser {
    chains::kinds().into()
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    // Before anything is read for minutes.
    output::refuse_to_replace(arguments.write.as_deref(), arguments.force)?;
    output::refuse_to_replace(arguments.write_edits.as_deref(), arguments.force)?;
    let own = own_repositories(&arguments.repositories)?;
    next_to::refuse_to_replace(arguments.write.as_deref(), &own, arguments.force)?;
    let on = Named::parse("--on", &arguments.on, arguments.offline)?
        .ok_or_else(|| CliError::invalid("--on names no system").hint("name an image, or directories with repodata"))?;
    let from = Named::parse("--from", &arguments.from, arguments.offline)?;
    if let (Named::Kept(_), Some(_)) = (&on, &arguments.run) {
        return Err(CliError::invalid("--run needs an image to run the command on, and --on names files")
            .hint("name an image with --on"));
    }
    let chains = chains::read(&arguments.chains, arguments.kind.as_deref().and_then(chains::kind))?;
    chains::say_understood(&chains.chains);
    let work =
        tempfile::tempdir().map_err(|error| CliError::infrastructure(format!("no temporary directory: {error}")))?;
    let work = Utf8Path::from_path(work.path())
        .ok_or_else(|| CliError::infrastructure("the temporary directory has a name that is not UTF-8"))?;
    let request = Request { arguments: &arguments, chains, own: own.clone() };
    let found = match on {
        Named::Kept(kept) => request.offline(kept, from, work)?,
        Named::Image(name) => request.on_image(&name, from, work)?,
    };
    output::write(&found, &arguments, &own)?;
    Ok(found.exit())
}

fn own_repositories(values: &[String]) -> Result<Vec<KeptRepository>, CliError> {
    let one = |value: &String| {
        let found =
            target::repository(value).map_err(|error| CliError { what: format!("--repo {}", error.what), ..error })?;
        found.ok_or_else(|| {
            CliError::invalid(format!("--repo {value}: there is no such directory")).hint("name it: --repo ID=DIR")
        })
    };
    values.iter().map(one).collect()
}

/// What is wanted, as it was typed and read.
struct Request<'a> {
    arguments: &'a Arguments,
    chains: Chains,
    own: Vec<KeptRepository>,
}

/// The units that those of the target are compared with.
fn units_of(from: Option<&Side>) -> Units<'_> {
    from.map_or(Units::Unknown, |side| Units::Of(&side.facts))
}

/// What came of the system that the chains come from.
#[derive(Default)]
struct From {
    side: Option<Side>,
    /// The team's own command there, for each chain.
    ran: Vec<Option<Ran>>,
}

impl Request<'_> {
    /// From files alone, but for a system to compare with that is an image.
    fn offline(&self, on: Kept, from: Option<Named>, work: &Utf8Path) -> Result<Port, CliError> {
        let from = self.from(from, work)?;
        let units = units_of(from.side.as_ref());
        let target = kept::read(&on, &self.own, &self.chains.chains, self.arguments.machine.arch, units)?;
        let found = self.answers(&target, from.side.as_ref(), Vec::new(), Vec::new());
        Ok(self.sum(&target, from.side.as_ref(), Depth::Offline, found, Vec::new()))
    }

    /// In clones of an image.
    fn on_image(&self, name: &str, from: Option<Named>, work: &Utf8Path) -> Result<Port, CliError> {
        // Both are found before one is booted.
        let wanted = self.wanted(name)?;
        let From { side: from, ran: ran_there } = self.from(from, work)?;
        let dir = work.join("on");
        let plan = |read: Read| {
            let target = kept::of_image(name, read, &self.chains.chains, units_of(from.as_ref()))?;
            let first = self.answers(&target, from.as_ref(), Vec::new(), Vec::new());
            let (tasks, notes): (Vec<Task>, Vec<Vec<String>>) =
                first.iter().map(|found| tasks::with_edits(found, self.command())).unzip();
            Ok(((target, notes.concat()), tasks))
        };
        let means = self.means(&self.own, &dir)?;
        let ((target, notes), tried) = self.boot(wanted, means, plan)?;
        let (trials, ran): (Vec<Trial>, Vec<Option<Ran>>) = tried.into_iter().unzip();
        let smokes = ran.into_iter().enumerate().map(|(at, ran)| {
            let command = self.arguments.run.clone()?;
            Some(Smoke { command, target: ran?, from: ran_there.get(at).cloned().flatten() })
        });
        let found = self.answers(&target, from.as_ref(), trials, smokes.collect());
        let depth = if self.arguments.run.is_some() { Depth::Smoke } else { Depth::Trial };
        Ok(self.sum(&target, from.as_ref(), depth, found, notes))
    }

    /// The system that the chains come from, read; and the command there, where it is an image and there is one.
    fn from(&self, from: Option<Named>, work: &Utf8Path) -> Result<From, CliError> {
        match from {
            None => Ok(From::default()),
            Some(Named::Kept(kept)) => {
                let side = kept::read(&kept, &[], &self.chains.chains, self.arguments.machine.arch, Units::Own)?;
                Ok(From { side: Some(side), ran: Vec::new() })
            }
            Some(Named::Image(name)) => {
                let wanted = self.wanted(&name)?;
                let dir = work.join("from");
                let plan = |read: Read| {
                    let side = kept::of_image(&name, read, &self.chains.chains, Units::Own)?;
                    let tasks = match self.command() {
                        None => Vec::new(),
                        Some(_) => {
                            self.chains.chains.iter().map(|chain| tasks::as_written(chain, self.command()).0).collect()
                        }
                    };
                    Ok((side, tasks))
                };
                let (side, tried) = self.boot(wanted, self.means(&[], &dir)?, plan)?;
                for ((trial, ran), chain) in tried.iter().zip(&self.chains.chains) {
                    if ran.is_none() {
                        let why = trial.failed.as_deref().unwrap_or(trial.output.trim());
                        let (file, why) = (one_line(&chain.file, 200), one_line(why, 300));
                        say_error(&format!("note: {file} does not install on {name}, where it comes from: {why}"));
                    }
                }
                Ok(From { side: Some(side), ran: tried.into_iter().map(|(_, ran)| ran).collect() })
            }
        }
    }

    fn wanted(&self, name: &str) -> Result<boot::Wanted, CliError> {
        let options = ImageOptions { image: vec![name.to_owned()], machine: self.arguments.machine.clone() };
        boot::one_image(None, &options)
    }

    fn command(&self) -> Option<(String, u64)> {
        self.arguments.run.clone().map(|command| (command, self.arguments.run_timeout.as_secs().max(1)))
    }

    fn means<'m>(&self, repositories: &'m [KeptRepository], dir: &'m Utf8Path) -> Result<Means<'m>, CliError> {
        let open = |cache: std::path::PathBuf| {
            TemplateStore::open(&TemplateStore::below(&cache), template_store::DEFAULT_LIMIT).ok()
        };
        let templates = self.arguments.warm.then(muster_image::cache_dir).flatten().and_then(open);
        Ok(Means { internet: self.arguments.internet, templates, repositories, dir })
    }

    fn boot<T>(
        &self,
        wanted: boot::Wanted,
        means: Means<'_>,
        plan: impl FnOnce(Read) -> Result<(T, Vec<Task>), CliError>,
    ) -> Result<(T, Tried), CliError> {
        let runtime = runtime()?;
        let result = runtime.block_on(async {
            tokio::select! {
                biased;
                () = interruption() => Err(CliError::reported(Exit::Error)),
                result = image::with_image(wanted, means, &self.chains.chains, plan) => result,
            }
        });
        runtime.shutdown_timeout(Duration::from_secs(5));
        result
    }

    /// Every chain's answers; `trials` and `smokes` are those of each, or none yet.
    fn answers(
        &self,
        target: &Side,
        from: Option<&Side>,
        trials: Vec<Trial>,
        smokes: Vec<Option<Smoke>>,
    ) -> Vec<PortedChain> {
        let (target, from) = (target.system(), from.map(Side::system));
        let addresses: BTreeSet<String> = self.own.iter().filter_map(|one| one.address.clone()).collect();
        let question = Question {
            target: &target,
            from: from.as_ref(),
            debian: &debian::names,
            texts: &self.chains.texts,
            repositories: &addresses,
        };
        let mut trials = trials.into_iter();
        let mut smokes = smokes.into_iter();
        let chains = self.chains.chains.iter().cloned();
        chains.map(|chain| port(chain, &question, trials.next(), smokes.next().flatten())).collect()
    }

    fn sum(
        &self,
        target: &Side,
        from: Option<&Side>,
        depth: Depth,
        chains: Vec<PortedChain>,
        mut notes: Vec<String>,
    ) -> Port {
        notes.extend(target.notes.iter().cloned());
        notes.extend(from.into_iter().flat_map(|side| side.notes.iter().cloned()));
        // Both may be one image.
        let mut seen = BTreeSet::new();
        notes.retain(|note| seen.insert(note.clone()));
        Port {
            target: target.name.clone(),
            from: from.map(|side| side.name.clone()),
            depth,
            internet: self.arguments.internet || depth == Depth::Offline,
            chains,
            accepts_gaps: self.arguments.allow_not_understood,
            notes,
        }
    }
}
