//! `muster run`.

mod goes_on;
mod inputs;
mod options;

use std::ffi::OsString;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::attempts::{self, Attempts};
use super::connect;
use super::consumer::{self, Consumer, ReportsTo};
use super::deciding;
use super::earlier;
use super::error::CliError;
use super::event_loop::{interruption, runtime};
use super::load::Selection;
use super::opening::{Opening, announce, run_id};
use super::over::Over;
use super::product;
use super::project::Project;
use super::session::{self, Prepared};
use super::shard::PRODUCT;
use super::suite_files;
use super::this_host::{self, accelerator, budget, choose_accelerator, measured, one_machine, templates};
use muster_base::exit::Exit;
use muster_base::text::shell_word;
use muster_console::rules::Rules;
use muster_engine::budget::Budget;
use muster_engine::capsule::CapsuleStore;
use muster_engine::cloned::TemplateImages;
use muster_engine::engine;
use muster_engine::halt::Halt;
use muster_engine::product::Product;
use muster_engine::run_baseline::RunBaseline;
use muster_engine::settings::Settings;
use muster_engine::sink::Events;
use muster_engine::updates::Updates;
use muster_facts::compare::UpdateMode;
use muster_qemu::driver::{HostImages, HostTemplate};
use muster_qemu::{Accel, TemplateStore};
use muster_record::deciding::DecidingFile;
use muster_record::durations::Durations;
use muster_record::layout::RunDir;
use muster_record::run::RunRecord;
use muster_record::shard::ShardRecord;
use muster_remote::RemoteImages;

use goes_on::{gone_on_with, next_attempt, settled};

pub(crate) use inputs::Files;
pub(crate) use options::Arguments;

/// A run that can begin: what another command has composed as a command line, read.
pub(crate) struct Ready {
    pub(crate) arguments: Box<Arguments>,
    /// Which options come from settings.
    pub(crate) notes: Vec<String>,
    /// The whole command line.
    pub(crate) words: Vec<OsString>,
}

/// A machine that was booted and frozen before the run: each machine of the run is a clone of it, with these updates.
pub(crate) struct FrozenMachine<'t> {
    pub(crate) template: &'t HostTemplate,
    pub(crate) updates: Updates,
}

/// `notes` say which options come from settings; the run keeps them.
/// `words` are the whole command line, as the run keeps it.
pub(crate) fn execute(arguments: Arguments, notes: &[String], words: &[OsString]) -> Result<Exit, CliError> {
    execute_from(arguments, notes, words, None)
}

/// The same; with a frozen machine nothing boots.
pub(crate) fn execute_from(
    mut arguments: Arguments,
    notes: &[String],
    words: &[OsString],
    frozen: Option<FrozenMachine<'_>>,
) -> Result<Exit, CliError> {
    arguments.filter.add_to(&mut arguments.selection)?;
    arguments.selection.test.extend(arguments.focus.iter().cloned());
    arguments.selection.accepts_snapshots = arguments.update_snapshots;
    arguments.selection.shard = arguments.shard.chosen()?;
    let id = run_id();
    // Held until the run has ended: what an archive was unpacked into goes with it.
    let before = gone_on_with(&mut arguments, &id)?;
    let before = before.as_ref().map(|opened| &opened.dir);
    // Held until the run has ended.
    let attempts = arguments.attempts.as_deref().map(Attempts::open).transpose()?;
    let over = match &attempts {
        Some(attempts) => next_attempt(&mut arguments, attempts, words)?,
        None => None,
    };
    if arguments.list {
        listable(&arguments)?;
        let Arguments { selection, images, known_issues, .. } = arguments;
        return super::list::execute(super::list::Arguments::of(selection, images.image, known_issues));
    }
    if let Some(typed) = &arguments.connect.connect {
        return execute_at(typed, &arguments, notes, words, &id, before, over.as_ref());
    }
    match &arguments.out {
        // No machine starts.
        _ if over.is_some() => {}
        Some(out) => session::room(out)?,
        None => session::room(&Project::find()?.runs())?,
    }
    let files = Files::of(&arguments);
    let products = product::read(&files.products)?;
    // Before it is said that nothing is outstanding, which would be of other products.
    if let Some(again) = arguments.selection.again.as_ref().filter(|again| again.keeps()) {
        product::fit(&products, again.record())?;
    }
    if let Some(over) = &over {
        product::fit(&products, &over.earlier.opened.record)?;
    }
    let proofs = arguments.prove.then_some(arguments.proofs.as_slice());
    // What a run is given decides which results it keeps. A file that is wrong is an error of its own before it is one of those.
    let rules = files.rules()?;
    let given = files.deciding()?;
    let mut prepared =
        session::prepare(&arguments.selection, &arguments.images, &arguments.known_issues, proofs, given)?;
    prepared.notices.splice(0..0, notes.iter().cloned());
    if frozen.is_some() && prepared.plan.groups.iter().any(|group| !group.machine_spec.is_plain()) {
        let what = "a test wants a machine of another shape (a matrix, or `internet: true`), which clones of one machine cannot be";
        return Err(CliError::invalid(what).hint("name a test that runs on the image as it is described"));
    }
    let boot_baseline = files.boots(prepared.specs.iter().map(|spec| spec.id.as_str()))?;
    if arguments.warm && !products.is_empty() {
        prepared.notices.push("--warm: machines with a product are not saved, and saved ones are not used".to_owned());
    }
    if let Some(shard) = &mut prepared.shard {
        let products = products.iter().map(|product| (PRODUCT.to_owned(), product.sha256.clone()));
        let mut options = session::rerun_options(&Selection::default(), &arguments.images.machine);
        options.extend(arguments.deciding());
        let loaded = session::loaded(&prepared.project, &prepared.specs)?;
        let files = deciding::contents(&[&*prepared.files, &*loaded].concat());
        let files: Vec<_> = files.into_iter().chain(products).collect();
        super::shard::with_options(shard, &options, &files);
    }
    if let Some(over) = &over {
        let (shard, root) = (prepared.shard.as_ref(), prepared.project.root());
        return over.result(&prepared.plan, shard, &prepared.files, root, &prepared.specs);
    }
    same_part(&arguments, prepared.shard.as_ref())?;
    // Without them one test run again would be evaluated otherwise.
    for (option, file) in files.each() {
        prepared.rerun.options.extend([option.to_owned(), shell_word(file.as_str())]);
    }
    for file in &arguments.proofs {
        prepared.rerun.proving.extend(["--proofs".to_owned(), shell_word(file.as_str())]);
    }
    // Whatever this host refuses, it refuses before anything is written: the same command line works once that is put right.
    let accel = choose_accelerator(arguments.images.machine.accel)?;
    let runtime = runtime()?;
    let images: Vec<String> = prepared.specs.iter().map(|spec| spec.id.clone()).collect();
    let reports = run_dir(&arguments, &prepared.project, &id, &images)?;
    let history = history_file(&arguments, &prepared.project);
    let dir = reports.dir.clone();
    prepared.notices.extend(suite_files::keep(&dir, prepared.plan.suites.iter().map(AsRef::as_ref), before)?);
    let (events, stream) = Events::channel();
    let durations = this_host::durations_file().map(|path| Durations::load(&path)).unwrap_or_default();
    let consumer = consumer::start(stream, reports, Some(arguments.display), durations.clone())?;
    let ends = ending(&arguments, &consumer);
    let opening = opening(&id, words, &arguments, prepared.shard.clone(), &prepared.files);
    announce(&events, opening, accelerator(&accel), &prepared.notices);
    let templates = (arguments.warm && frozen.is_none())
        .then(|| templates(arguments.templates.as_deref(), arguments.templates_max, &events))
        .flatten();
    let budget = budget(arguments.jobs, arguments.all_memory);
    let capsules = arguments.capsules.capsule_store(&dir);
    let focused = !arguments.focus.is_empty();
    let halt = Halt::at_first_failure(arguments.fail_fast);
    let update = update_mode(&arguments);
    let means = Means { update, budget, templates, rules, capsules, boot_baseline, focused, durations, halt, products };
    let outcome = runtime.block_on(drive(prepared, &dir, accel, means, &events, ends, frozen));
    // Guards of machines that are still up release them here, before anything is said about the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    drop(events);
    let reported = consumer.finish();
    let exit = outcome?;
    let record = reported?;
    this_host::learn(&record);
    keep(history, &record);
    Ok(exit)
}

/// On the machine that is up at this address.
fn execute_at(
    typed: &str,
    arguments: &Arguments,
    notes: &[String],
    words: &[OsString],
    id: &str,
    before: Option<&RunDir>,
    over: Option<&Over>,
) -> Result<Exit, CliError> {
    let Arguments { selection, connect, allow_changes, known_issues, .. } = arguments;
    let mut prepared = connect::prepare(typed, selection, connect, *allow_changes, known_issues)?;
    prepared.notices.splice(0..0, notes.iter().cloned());
    if let Some(shard) = &mut prepared.shard {
        super::shard::with_options(shard, &arguments.deciding(), &deciding::contents(&prepared.files));
    }
    if let Some(over) = over {
        return over.result(&prepared.plan, prepared.shard.as_ref(), &prepared.files, prepared.project.root(), &[]);
    }
    same_part(arguments, prepared.shard.as_ref())?;
    execute_connected(prepared, arguments, words, id, before)
}

/// What a run refuses before it starts anything, of the files that its options name: the list is of a run that could begin.
fn listable(arguments: &Arguments) -> Result<(), CliError> {
    if let Some(out) = &arguments.out {
        is_new(out)?;
        can_be_made(out)?;
        session::room(out)?;
    }
    let files = Files::of(arguments);
    product::read(&files.products)?;
    if arguments.connect.connect.is_none() {
        let images = session::image_ids(&Project::find()?, &arguments.images.image)?;
        files.rules_and_boots(images.iter().map(String::as_str))?;
    }
    Ok(())
}

/// An error when something is at the path of a run's directory.
fn is_new(out: &Utf8Path) -> Result<(), CliError> {
    match out.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(_) => {
            let what = format!("--out {out}: it is there already, and a run never writes into another");
            Err(CliError::invalid(what).hint("name a directory that does not exist, or remove this one"))
        }
    }
}

/// An error when this process could not make the directory.
fn can_be_made(out: &Utf8Path) -> Result<(), CliError> {
    let absolute = camino::absolute_utf8(out).map_err(|cause| CliError::invalid(format!("--out {out}: {cause}")))?;
    let Some(there) = absolute.ancestors().skip(1).find(|above| above.symlink_metadata().is_ok()) else {
        return Ok(());
    };
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    if there.is_dir() && rustix::fs::access(there.as_std_path(), access).is_ok() {
        return Ok(());
    }
    let why = if there.is_dir() { "nothing can be made in" } else { "no directory is at" };
    Err(CliError::infrastructure(format!("--out {out}: {why} {there}")).hint("name a directory that you may write to"))
}

/// That an attempt goes on with the same part of the same run.
fn same_part(arguments: &Arguments, now: Option<&ShardRecord>) -> Result<(), CliError> {
    let before = arguments.selection.again.as_ref().filter(|_| arguments.attempts.is_some());
    before.map_or(Ok(()), |again| attempts::same_part(again.record().shard.as_ref(), now))
}

/// What it says first of itself, with the options that it takes from others, so that the next run can take them from it.
fn opening(
    id: &str,
    words: &[OsString],
    arguments: &Arguments,
    shard: Option<ShardRecord>,
    files: &[DecidingFile],
) -> Opening {
    let earlier = arguments.selection.again.as_ref().map(|again| again.earlier()).unwrap_or_default();
    let arguments = settled(words, arguments.selection.shard.as_deref());
    Opening { id: id.to_owned(), arguments, earlier, shard, files: files.to_vec() }
}

/// What ends a run before its time. That of an attempt also ends when its results can no longer be kept: what would be found from then on
/// is found again by the next attempt, where they can.
fn ending(arguments: &Arguments, consumer: &Consumer) -> impl Future<Output = ()> + use<> {
    let lost = arguments.attempts.is_some().then(|| consumer.lost());
    async move {
        match lost {
            Some(lost) => tokio::select! { () = interruption() => {}, () = lost.notified() => {} },
            None => interruption().await,
        }
    }
}

/// The history that a run is added to.
fn history_file(arguments: &Arguments, project: &Project) -> Option<Utf8PathBuf> {
    let of_runs = || arguments.out.is_none().then(|| project.runs().join(muster_record::history::FILE));
    arguments.reports.history.clone().or_else(of_runs)
}

fn keep(history: Option<Utf8PathBuf>, record: &RunRecord) {
    if let Some(file) = history {
        super::history::keep(&file, record);
    }
}

/// A run on a machine that is already up: the same, without anything of this host's but SSH.
fn execute_connected(
    mut prepared: connect::Prepared,
    arguments: &Arguments,
    words: &[OsString],
    id: &str,
    before: Option<&RunDir>,
) -> Result<Exit, CliError> {
    let runtime = runtime()?;
    let reports = run_dir(arguments, &prepared.project, id, std::slice::from_ref(&prepared.remote.name))?;
    let history = history_file(arguments, &prepared.project);
    let dir = reports.dir.clone();
    prepared.notices.extend(suite_files::keep(&dir, prepared.plan.suites.iter().map(AsRef::as_ref), before)?);
    let (events, stream) = Events::channel();
    let consumer = consumer::start(stream, reports, Some(arguments.display), Durations::default())?;
    let ends = ending(arguments, &consumer);
    let opening = opening(id, words, arguments, prepared.shard.clone(), &prepared.files);
    announce(&events, opening, muster_remote::accelerator(), &prepared.notices);
    let settings = Settings {
        update: update_mode(arguments),
        own_snapshots: prepared.project.own_snapshots(),
        known: prepared.known,
        focused: !arguments.focus.is_empty(),
        shard: prepared.shard,
        halt: Halt::at_first_failure(arguments.fail_fast),
        kept: prepared.kept,
        ..one_machine(prepared.rerun, muster_remote::ACCELERATOR, dir.root())
    };
    let images = RemoteImages::new(prepared.remote, events.clone());
    let (exit, _) = runtime.block_on(engine::run(&prepared.plan, &images, &settings, &events, ends));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    drop((events, images));
    keep(history, &consumer.finish()?);
    Ok(exit)
}

/// The directory of the run, which must be new, and what is written there.
fn run_dir(arguments: &Arguments, project: &Project, id: &str, images: &[String]) -> Result<ReportsTo, CliError> {
    let path = match &arguments.out {
        Some(path) => {
            is_new(path)?;
            path.clone()
        }
        None => project.runs().join(id),
    };
    // Before anything is made.
    let base = arguments.reports.base(&path)?;
    let before = match arguments.reports.before.as_deref() {
        Some("none") => None,
        Some(typed) => Some(earlier::open(project, "--before", typed)?.opened.record),
        None if arguments.selection.again.is_some() => {
            arguments.selection.again.as_ref().map(|again| again.record().clone())
        }
        None => earlier::newest(project, images),
    };
    let history = arguments.reports.history.clone();
    let dir = RunDir::create(&path)?;
    Ok(ReportsTo { dir, base, chosen: arguments.reports.chosen(), before, history })
}

fn update_mode(arguments: &Arguments) -> UpdateMode {
    match (arguments.update_snapshots, super::annotations::is_ci()) {
        (true, _) => UpdateMode::Accept,
        (false, true) => UpdateMode::Ci,
        (false, false) => UpdateMode::Review,
    }
}

/// What a run may use and change in addition to its machines.
struct Means {
    update: UpdateMode,
    budget: Budget,
    templates: Option<TemplateStore>,
    rules: Arc<Rules>,
    capsules: Option<CapsuleStore>,
    boot_baseline: Option<RunBaseline>,
    focused: bool,
    durations: Durations,
    halt: Halt,
    products: Vec<Product>,
}

async fn drive(
    prepared: Prepared,
    dir: &RunDir,
    accel: Accel,
    means: Means,
    events: &Events,
    ends: impl Future<Output = ()>,
    frozen: Option<FrozenMachine<'_>>,
) -> Result<Exit, CliError> {
    let Means { update, budget, templates, rules, capsules, boot_baseline, focused, durations, halt, products } = means;
    let measured = measured(&prepared.plan, accel.kind, boot_baseline.is_some());
    let shard = prepared.shard;
    let (template, updates) = frozen.map(|frozen| (frozen.template, frozen.updates)).unzip();
    let settings = Settings {
        rerun: prepared.rerun,
        accelerator: accel.kind.name().to_owned(),
        update,
        pending: dir.snapshots(),
        own_snapshots: prepared.project.own_snapshots(),
        artifacts: dir.tests(),
        claims: prepared.claims,
        known: prepared.known,
        boot_baseline,
        proofs: prepared.proofs,
        focused,
        shard,
        budget,
        durations,
        halt,
        products,
        updates: updates.unwrap_or_default(),
        kept: prepared.kept,
    };
    let mut host = this_host::host(prepared.project.root(), dir.root(), accel, events).await?;
    host.templates = templates.map(Arc::new);
    host.rules = rules;
    host.capsules = capsules;
    host.measured = measured;
    let images = HostImages::new(&host, prepared.specs).expecting(prepared.expected).entered_with(prepared.enter);
    let plan = &prepared.plan;
    let (exit, _) = match template {
        None => engine::run(plan, &images, &settings, events, ends).await,
        Some(template) => {
            let images = TemplateImages::new(images, template);
            engine::run(plan, &images, &settings, events, ends).await
        }
    };
    Ok(exit)
}
