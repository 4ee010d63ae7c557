//! A system that is an image: booted, read, and given chains to try.

use std::cell::RefCell;

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::future::join_all;

use super::facts;
use super::machines::Machines;
use super::metadata::{self, Fetched};
use super::target::KeptRepository;
use super::trial::{self, Plan};
use super::{brought, chains};
use crate::boot::Wanted;
use crate::compare::Reading;
use crate::error::CliError;
use crate::guest;
use crate::installed;
use crate::machine_dir::MachineDir;
use crate::output::say_error;
use crate::this_host::{budget, host};
use muster_base::text::one_line;
use muster_chain::Chain;
use muster_check::shell;
use muster_compare::kind::{FactKind, Scope};
use muster_compare::kinds;
use muster_engine::driver::{Driver, Live, Stop};
use muster_engine::engine::Images;
use muster_engine::plan::MachineSpec;
use muster_engine::sink::Events;
use muster_port::SystemFacts;
use muster_port::{Ran, Trial};
use muster_qemu::TemplateStore;
use muster_qemu::driver::HostImages;
use muster_repodata::PackageRecord;

/// What was read of an image.
pub(super) struct Read {
    pub(super) facts: SystemFacts,
    /// `None` where rpm has no database of them.
    pub(super) installed: Option<Vec<PackageRecord>>,
    /// Where the metadata of its repositories lies on this host.
    pub(super) repositories: Vec<Fetched>,
}

/// How images are booted, and what is brought into them.
pub(super) struct Means<'m> {
    pub(super) internet: bool,
    pub(super) templates: Option<TemplateStore>,
    pub(super) repositories: &'m [KeptRepository],
    /// Where metadata is put on this host.
    pub(super) dir: &'m Utf8Path,
}

/// What is tried of a chain on one machine.
pub(super) struct Task {
    /// What it is called in messages.
    pub(super) name: String,
    pub(super) plan: Plan,
    /// Package files of this host that are installed with it.
    pub(super) packages: Vec<Utf8PathBuf>,
    /// The team's own command, and how long it may take in seconds of a fast machine.
    pub(super) run: Option<(String, u64)>,
    /// Paths whose presence is looked at afterwards.
    pub(super) paths: Vec<String>,
}

/// What came of each task: the trial, and the team's own command where it was reached.
pub(super) type Tried = Vec<(Trial, Option<Ran>)>;

/// Boots the image, reads it, and tries what `tasks` makes of what was read: each on a machine of its own.
///
/// # Errors
/// The image cannot be booted or read.
pub(super) async fn with_image<T>(
    wanted: Wanted,
    means: Means<'_>,
    of: &[Chain],
    then: impl FnOnce(Read) -> Result<(T, Vec<Task>), CliError>,
) -> Result<(T, Tried), CliError> {
    let Wanted { project, spec, accel } = wanted;
    let id = spec.id.clone();
    let machine_dir = MachineDir::make(&id, &id)?;
    let (events, _nobody) = Events::channel();
    let mut host = host(project.root(), machine_dir.dir(), accel, &events).await?;
    host.templates = means.templates.map(std::sync::Arc::new);
    let images = HostImages::new(&host, [spec]);
    let mut driver = images.prepare(&id).await.map_err(CliError::of_machine)?;
    if means.internet {
        let open = MachineSpec { internet: true, ..MachineSpec::default() };
        driver = driver.with_spec(&open).map_err(CliError::of_machine)?;
    }
    let mut machines = Machines::new(&driver, &id);
    let paths = chains::paths(of);

    let live = machines.next().await?;
    let read = async {
        brought::repositories(&live, means.repositories).await?;
        say_error(&format!("reading {id}: facts, packages, repositories"));
        let facts = read_facts(&live, &id, &paths).await?;
        let installed = match live.facts().rpm {
            Some(_) => Some(installed::read(&live).await?),
            None => None,
        };
        // On an image without a package manager programs can still be run.
        let repositories = match live.facts().package_manager {
            Some(_) => metadata::fetch(&live, means.dir).await?,
            None => Vec::new(),
        };
        Ok::<_, CliError>(Read { facts, installed, repositories })
    };
    let read = read.await;
    live.stop(Stop::Discard).await;
    let (made, tasks) = then(read?)?;

    let tried = try_all(machines, &driver, &id, means.repositories, tasks).await?;
    Ok((made, tried))
}

/// Tries each on a machine of its own, as many at a time as the host has processors and memory for.
async fn try_all<D: Driver>(
    machines: Machines<'_, D>,
    driver: &D,
    id: &str,
    repositories: &[KeptRepository],
    tasks: Vec<Task>,
) -> Result<Tried, CliError> {
    let workers = budget(None, None).side_by_side(driver.cost(true)).min(tasks.len() as u32);
    // Held while a machine starts, so that an image that cannot be cloned is found out once.
    let machines = tokio::sync::Mutex::new(machines);
    let queue = RefCell::new(tasks.into_iter().enumerate());
    let next = || queue.borrow_mut().next();
    let worker = || async {
        let mut done = Vec::new();
        while let Some((at, task)) = next() {
            let mut live = machines.lock().await.next().await?;
            say_error(&format!("trying {} on {id}: {} to install", one_line(&task.name, 200), task.plan.install.len()));
            let tried = try_task(&mut live, id, repositories, task).await;
            live.stop(Stop::Discard).await;
            // One chain that cannot be tried is no reason to throw away what is known of the others.
            let failed = |error: CliError| (Trial { failed: Some(error.what), ..Trial::default() }, None);
            done.push((at, tried.unwrap_or_else(failed)));
        }
        Ok::<_, CliError>(done)
    };
    let done: Vec<Vec<_>> = join_all((0..workers).map(|_| worker())).await.into_iter().collect::<Result<_, _>>()?;
    let mut done: Vec<_> = done.into_iter().flatten().collect();
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, tried)| tried).collect())
}

async fn try_task(
    live: &mut impl Live,
    id: &str,
    repositories: &[KeptRepository],
    task: Task,
) -> Result<(Trial, Option<Ran>), CliError> {
    brought::repositories(live, repositories).await?;
    let mut plan = task.plan;
    plan.install.extend(brought::packages(live, &task.packages).await?);
    let mut trial = trial::try_plan(live, &plan).await?;
    if !trial.succeeded {
        return Ok((trial, None));
    }
    let ran = match &task.run {
        Some((command, seconds)) => Some(trial::run(live, command, *seconds).await?),
        None => None,
    };
    trial.after = Some(read_facts(live, id, &task.paths).await?);
    Ok((trial, ran))
}

/// The facts that answers rest on, and whether each of the paths is there.
async fn read_facts(live: &impl Live, id: &str, paths: &[String]) -> Result<SystemFacts, CliError> {
    let kinds: Vec<&'static dyn FactKind> = facts::KINDS.iter().filter_map(|name| kinds::find(name)).collect();
    let scope = Scope { trees: Vec::new() };
    let reading = Reading { kinds: &kinds, scope: &scope };
    let mut found = facts::of(&reading.read_kinds(live, id.to_owned()).await?);
    found.paths.seen.extend(seen(live, paths).await?);
    Ok(found)
}

/// Whether each path is there, a link to nothing included.
async fn seen(live: &impl Live, paths: &[String]) -> Result<Vec<(String, bool)>, CliError> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let names = paths.iter().map(String::as_str);
    let script = shell::batch(names, "[ -e \"$1\" ] || [ -L \"$1\" ]");
    let reply = guest::run(live, script, 60, guest::OUTPUT).await?;
    let unreadable = |why: String| CliError::infrastructure(format!("the paths that the chains use: {why}"));
    if let Some(why) = guest::cut(&reply) {
        return Err(unreadable(why.to_owned()));
    }
    let answers = shell::answers(&reply).map_err(|why| unreadable(why.to_string()))?;
    let one = |path: &String| match answers.get(path).map(|answer| answer.status) {
        Some(0) => Ok((path.clone(), true)),
        Some(1) => Ok((path.clone(), false)),
        _ => Err(unreadable(format!("nothing was said of {}", one_line(path, 200)))),
    };
    paths.iter().map(one).collect()
}
