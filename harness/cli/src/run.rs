//! `muster run`.

use std::ffi::OsString;
use std::process;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use super::again::{Again, Mode};
use super::attempts::{self, Attempts, Standing};
use super::capsules::CapsuleOptions;
use super::connect::{self, ConnectOptions};
use super::consumer::{self, Consumer, Display, ReportOptions, ReportsTo};
use super::earlier;
use super::error::CliError;
use super::event_loop::{interruption, runtime};
use super::load::{Filter, Selection};
use super::output::say_error;
use super::over::Over;
use super::product;
use super::project::Project;
use super::session::{self, ImageOptions, Prepared};
use super::shard::{Chosen, ShardOptions};
use super::text_file;
use muster_base::exit::Exit;
use muster_base::text::hex;
use muster_console::rules::Rules;
use muster_engine::budget::{self, Budget};
use muster_engine::capsule::CapsuleStore;
use muster_engine::cloned::TemplateImages;
use muster_engine::engine;
use muster_engine::halt::Halt;
use muster_engine::known::KnownIssues;
use muster_engine::plan;
use muster_engine::product::Product;
use muster_engine::prove::Proofs;
use muster_engine::run_baseline::RunBaseline;
use muster_engine::settings::{KeptResults, OwnSnapshots, Settings};
use muster_engine::sink::{Events, now};
use muster_engine::updates::Updates;
use muster_facts::compare::UpdateMode;
use muster_qemu::driver::{Host, HostImages, HostTemplate};
use muster_qemu::{Accel, AccelKind, AccelRequest, RunKey, Spawner, TemplateStore, accel, template_store};
use muster_record::durations::Durations;
use muster_record::event::Event;
use muster_record::layout::{RunDir, SNAPSHOTS, TESTS};
use muster_record::run::{Accelerator, EarlierRun, RunRecord};
use muster_record::shard::ShardRecord;
use muster_remote::RemoteImages;
use muster_report::pace;

/// Boot images and run suites on them
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster run                                        every shipped suite on the lab image
  muster run kernel 'security/ssh*'                 one suite, and some tests of another
  muster run kernel --image my.qcow2                one suite on a disk of yours
  muster run --image lab --test kernel/release      one test again
  muster run -x -E 'tier0 and not slow'             some tests by their tags, up to the first failure
  muster run --failed last                          what did not pass in the newest run, and what it needs
  muster run --rerun last                           the same with its options, and its other results kept
  muster run --shard 2/4 -o shard-2                 the second quarter; `muster merge` makes one run of all four
  muster run --capsule failed                       save the machines of failed tests for `muster resume`
  muster run --connect root@192.0.2.7 --identity ~/.ssh/id_ed25519
                                                    on a machine that is already up")]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    selection: Selection,
    /// Run again what failed, errored or did not run in an earlier run, and what that needs, and nothing else: a run's id,
    /// its directory or archive, or `last`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["test", "focus", "filter", "shard"])]
    failed: Option<String>,
    /// Go on with an earlier run (its id, directory or archive, or `last`): run again what failed, errored or did not run, and
    /// what is new, with its options but for those given here; keep all other results
    #[arg(long, value_name = "RUN", conflicts_with_all = ["failed", "list"])]
    rerun: Option<String>,
    /// Go on with a run that did not end: run what has no result, with its options but for those given here, and keep
    /// every result
    #[arg(long, value_name = "RUN", conflicts_with_all = ["failed", "rerun", "list"])]
    resume: Option<String>,
    #[command(flatten)]
    shard: ShardOptions,
    /// Begin no further test after the first that fails or errors
    #[arg(long, short = 'x')]
    fail_fast: bool,
    /// List the tests that would run, and start nothing
    #[arg(long, visible_alias = "dry-run")]
    list: bool,
    #[command(flatten)]
    images: ImageOptions,
    #[command(flatten)]
    connect: ConnectOptions,
    /// Also run tests that change the machine of --connect, or need one of their own
    #[arg(long, requires = "connect")]
    allow_changes: bool,
    /// Directory for this run's files; must not exist [default: a new one in reports/runs of a checkout, else in ./muster-runs]
    #[arg(long, short = 'o', value_name = "DIR")]
    out: Option<Utf8PathBuf>,
    /// Begin, or go on with what an earlier attempt in this directory has found: for jobs that are started again after they were
    /// killed. Each attempt has a directory of its own in it; run again is what has no result or ended in an error. A run
    /// that has come to a verdict is not begun again
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "failed", "rerun", "resume", "list", "prove"])]
    attempts: Option<Utf8PathBuf>,
    /// At most so many machines at a time [default: as many as processors and memory allow]
    #[arg(long, short = 'j', value_name = "N", conflicts_with = "connect", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Memory for all machines together, such as 8GiB [default: nine tenths of what is available]
    #[arg(long = "memory", value_name = "SIZE", conflicts_with = "connect", value_parser = session::memory)]
    all_memory: Option<u32>,
    /// Console rules, in addition to those that ship; may be repeated
    #[arg(long = "console-rules", value_name = "FILE")]
    console_rules: Vec<Utf8PathBuf>,
    /// Work on tests whose `suite/test` matches this glob, as --test selects them: the run can then end
    /// in a failure, and never as a pass; may be repeated
    #[arg(long, value_name = "GLOB", conflicts_with = "test")]
    focus: Vec<String>,
    /// Known issues, in addition to those next to the suites; may be repeated
    #[arg(long = "known-issues", value_name = "FILE")]
    known_issues: Vec<Utf8PathBuf>,
    /// Boots of before, which `muster boot-time --later --write-baseline` wrote: tests that compare boots and name no file compare
    /// with these; without them they are skipped
    #[arg(long, value_name = "FILE", conflicts_with = "connect")]
    boot_baseline: Option<Utf8PathBuf>,
    /// Install this RPM, with what it needs, in every machine after its boot and before its tests; may be repeated
    #[arg(long = "product", value_name = "FILE", conflicts_with = "connect")]
    products: Vec<Utf8PathBuf>,
    /// Run each test once more, in a clone that was changed so that the test must fail
    #[arg(long, conflicts_with_all = ["connect", "shard"])]
    prove: bool,
    /// Files or directories of proofs [default: the directory proofs next to the suites; of a suite file, the file of its
    /// name there]
    #[arg(long, value_name = "PATH", requires = "prove")]
    proofs: Vec<Utf8PathBuf>,
    /// Accept new and changed snapshots
    #[arg(long)]
    update_snapshots: bool,
    /// Save the booted machine of each image in the cache, and begin from the one that an earlier run has
    /// saved: only tests about a boot boot. Its SSH key is saved with it
    #[arg(long)]
    warm: bool,
    /// How much all saved machines may take; the least recently used are removed first [default: 8GiB]
    #[arg(long, value_name = "SIZE", env = "MUSTER_TEMPLATES_MAX", value_parser = muster_suite::value::size)]
    templates_max: Option<u64>,
    /// Directory of the saved machines, on a disk of this host [default: templates in the cache]
    #[arg(long, value_name = "DIR")]
    templates: Option<Utf8PathBuf>,
    #[command(flatten)]
    capsules: CapsuleOptions,
    #[command(flatten)]
    reports: ReportOptions,
    #[command(flatten)]
    display: Display,
}

impl Arguments {
    /// Which images, and how they are booted.
    pub(crate) fn images(&self) -> &ImageOptions {
        &self.images
    }

    /// Which tests.
    #[cfg(test)]
    pub(crate) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Which tests a run of these options selects, before it is divided or goes on with another.
    pub(crate) fn selected(&self) -> Result<Selection, CliError> {
        let mut selection = self.selection.clone();
        self.filter.add_to(&mut selection)?;
        selection.test.extend(self.focus.iter().cloned());
        Ok(selection)
    }

    /// The images, as they are typed.
    pub(crate) fn image_names(&self) -> &[String] {
        &self.images.image
    }

    /// Which reports it writes, and the history that it is added to, where these are named.
    pub(crate) fn reports_and_history(&self) -> (Vec<String>, Option<Utf8PathBuf>) {
        (self.reports.formats.clone(), self.reports.history.clone())
    }

    /// How often `-v` is given.
    pub(crate) fn verbose(&self) -> u8 {
        self.display.verbose
    }

    /// Whether it boots one image and tests it, and goes on with no earlier run.
    pub(crate) fn is_plain(&self) -> bool {
        let again = self.failed.is_some() || self.rerun.is_some() || self.resume.is_some() || self.attempts.is_some();
        let part = self.shard.shard.is_some();
        !self.list && !again && !part && self.connect.connect.is_none() && self.images.image.len() == 1 && !self.prove
    }

    /// Whether nothing is run.
    pub(crate) fn only_lists(&self) -> bool {
        self.list
    }
}

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
    arguments.selection.shard = arguments.shard.chosen()?;
    let named = [(Mode::Failed, &arguments.failed), (Mode::Rerun, &arguments.rerun), (Mode::Resume, &arguments.resume)];
    if let Some((mode, run)) = named.into_iter().find_map(|(mode, run)| Some((mode, run.as_deref()?))) {
        let project = Project::find()?;
        let earlier = earlier::open_ended(&project, mode.option(), run)?.with_results(&project, mode.option())?;
        arguments.selection.again = Some(Box::new(Again::new(mode, &earlier, !arguments.focus.is_empty())?));
    }
    // Held until the run has ended.
    let attempts = arguments.attempts.as_deref().map(Attempts::open).transpose()?;
    let mut over = None;
    if let Some(attempts) = &attempts {
        let words = settled(words, arguments.selection.shard.as_deref());
        match attempts.standing()? {
            Standing::New => {}
            Standing::Over { earlier, exit } => {
                attempts::same_words(&earlier, &words)?;
                over = Some(Over { earlier, exit });
            }
            Standing::Open(earlier) => {
                attempts::same_words(&earlier, &words)?;
                let focused = !arguments.focus.is_empty();
                arguments.selection.again = Some(Box::new(Again::new(Mode::Attempt, &earlier, focused)?));
            }
        }
        arguments.out = Some(attempts.next());
    }
    if arguments.list {
        return super::list::execute(super::list::Arguments::of(arguments.selection, arguments.images.image));
    }
    if let Some(typed) = &arguments.connect.connect {
        let mut prepared = {
            let Arguments { selection, connect, allow_changes, known_issues, .. } = &arguments;
            connect::prepare(typed, selection, connect, *allow_changes, known_issues)?
        };
        prepared.notices.splice(0..0, notes.iter().cloned());
        if let Some(over) = &over {
            return over.result(&prepared.plan, prepared.shard.as_ref(), prepared.project.root(), &[]);
        }
        same_part(&arguments, prepared.shard.as_ref())?;
        return execute_connected(prepared, &arguments, words);
    }
    match &arguments.out {
        // No machine starts.
        _ if over.is_some() => {}
        Some(out) => session::room(out)?,
        None => session::room(&Project::find()?.runs())?,
    }
    let products = product::read(&arguments.products)?;
    // Before it is said that nothing is outstanding, which would be of other products.
    if let Some(again) = arguments.selection.again.as_ref().filter(|again| again.keeps()) {
        product::fit(&products, again.record())?;
    }
    if let Some(over) = &over {
        product::fit(&products, &over.earlier.opened.record)?;
    }
    let proofs = arguments.prove.then_some(arguments.proofs.as_slice());
    let mut prepared = session::prepare(&arguments.selection, &arguments.images, &arguments.known_issues, proofs)?;
    prepared.notices.splice(0..0, notes.iter().cloned());
    if frozen.is_some() && prepared.plan.groups.iter().any(|group| !group.machine_spec.is_plain()) {
        let what = "a test wants a machine of another shape (a matrix, or `internet: true`), which clones of one machine cannot be";
        return Err(CliError::invalid(what).hint("name a test that runs on the image as it is described"));
    }
    let rules = super::console::rules(&arguments.console_rules)?;
    let boot_baseline = boot_baseline(arguments.boot_baseline.as_deref(), &prepared)?;
    if arguments.warm && !products.is_empty() {
        prepared.notices.push("--warm: machines with a product are not saved, and saved ones are not used".to_owned());
    }
    // Without them one test run again would be evaluated otherwise.
    let baselines: Vec<Utf8PathBuf> = arguments.boot_baseline.iter().cloned().collect();
    let files = [
        ("--console-rules", &arguments.console_rules),
        ("--known-issues", &arguments.known_issues),
        ("--boot-baseline", &baselines),
        ("--product", &arguments.products),
    ];
    if let Some(shard) = &mut prepared.shard {
        let digest = |file: &Utf8PathBuf| text_file::read(file).map(|text| hex(Sha256::digest(text)));
        let small = [&arguments.console_rules, &arguments.known_issues, &baselines].into_iter().flatten();
        let mut digests = small.map(digest).collect::<Result<Vec<_>, _>>()?;
        // Of products, which may be large, it is known already.
        digests.extend(products.iter().map(|product| product.sha256.clone()));
        let machine = session::rerun_options(&Selection::default(), &arguments.images.machine);
        shard.plan = super::shard::with_options(&shard.plan, &machine, digests.into_iter());
    }
    if let Some(over) = &over {
        return over.result(&prepared.plan, prepared.shard.as_ref(), prepared.project.root(), &prepared.specs);
    }
    same_part(&arguments, prepared.shard.as_ref())?;
    for (option, file) in files.iter().flat_map(|(option, files)| files.iter().map(move |file| (option, file))) {
        prepared.rerun.options.extend([(*option).to_owned(), plan::quote(file.as_str())]);
    }
    for file in &arguments.proofs {
        prepared.rerun.proving.extend(["--proofs".to_owned(), plan::quote(file.as_str())]);
    }
    let id = run_id();
    let images: Vec<String> = prepared.specs.iter().map(|spec| spec.id.clone()).collect();
    let reports = run_dir(&arguments, &prepared.project, &id, &images)?;
    let history = history_file(&arguments, &prepared.project);
    let dir = reports.dir.clone();
    let accel = choose_accelerator(arguments.images.machine.accel)?;
    let runtime = runtime()?;
    let (events, stream) = Events::channel();
    let durations = durations_file().map(|path| Durations::load(&path)).unwrap_or_default();
    let consumer = consumer::start(stream, reports, Some(arguments.display), durations.clone())?;
    let ends = ending(&arguments, &consumer);
    let opening = Opening::of(&id, words, &arguments, prepared.shard.clone());
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
    learn(&record);
    keep(history, &record);
    Ok(exit)
}

/// That an attempt goes on with the same part of the same run.
fn same_part(arguments: &Arguments, now: Option<&ShardRecord>) -> Result<(), CliError> {
    let before = arguments.selection.again.as_ref().filter(|_| arguments.attempts.is_some());
    before.map_or(Ok(()), |again| attempts::same_part(again.record().shard.as_ref(), now))
}

/// The words of a command line as a record has them: without the program, and with the number of the shard.
fn settled(words: &[OsString], chosen: Option<&Chosen>) -> Vec<String> {
    let words = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    super::shard::settled(words.collect(), chosen.map(|chosen| chosen.shard))
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

/// Keeps how long it took. That only tells what to expect: a cache that cannot be written is no reason to fail a run.
fn learn(record: &RunRecord) {
    let Some(path) = durations_file() else { return };
    let mut durations = Durations::load(&path);
    durations.learn(&record.tests);
    durations.learn_boots(record);
    let _ = durations.save(&path);
}

/// What machines may take of this host.
pub(crate) fn budget(jobs: Option<u32>, memory_mib: Option<u32>) -> Budget {
    let cores = std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
    Budget::new(cores, memory_mib.unwrap_or_else(budget::available_memory_mib), jobs)
}

/// How one machine at a time is asked, by the snapshots that are accepted, without known issues and proofs.
/// What the run writes lies below the directory.
pub(crate) fn one_machine(rerun: plan::Rerun, accelerator: &str, dir: &Utf8Path) -> Settings {
    Settings {
        rerun,
        accelerator: accelerator.to_owned(),
        update: UpdateMode::Ci,
        pending: dir.join(SNAPSHOTS),
        own_snapshots: None,
        artifacts: dir.join(TESTS),
        claims: Default::default(),
        known: KnownIssues::default(),
        boot_baseline: None,
        proofs: Proofs::default(),
        focused: false,
        budget: budget(Some(1), None),
        durations: Durations::default(),
        halt: Halt::default(),
        products: Vec::new(),
        updates: Updates::default(),
        kept: KeptResults::default(),
    }
}

/// Where snapshots of the shipped suites are accepted, when that is not next to them.
pub(crate) fn own_snapshots(project: &Project) -> Option<OwnSnapshots> {
    project.own_snapshots().map(|directory| OwnSnapshots { suites: project.suites(), directory })
}

/// Says that a machine boots, and how long that may take.
pub(crate) fn say_boots(machine: &str, image: &str, accel: AccelKind, deadline: std::time::Duration) {
    let usual = durations_file().map(|path| Durations::load(&path)).unwrap_or_default();
    let expected = pace::boot_expectation(&usual, image, accel.name(), deadline.as_secs_f64());
    say_error(&format!("{machine} boots ({expected})"));
}

/// Where it is kept how long tests took.
fn durations_file() -> Option<Utf8PathBuf> {
    muster_image::cache_dir().and_then(|cache| Utf8PathBuf::from_path_buf(cache.join("durations.json")).ok())
}

/// A run on a machine that is already up: the same, without anything of this host's but SSH.
fn execute_connected(prepared: connect::Prepared, arguments: &Arguments, words: &[OsString]) -> Result<Exit, CliError> {
    let id = run_id();
    let reports = run_dir(arguments, &prepared.project, &id, std::slice::from_ref(&prepared.remote.name))?;
    let history = history_file(arguments, &prepared.project);
    let dir = reports.dir.clone();
    let runtime = runtime()?;
    let (events, stream) = Events::channel();
    let consumer = consumer::start(stream, reports, Some(arguments.display), Durations::default())?;
    let ends = ending(arguments, &consumer);
    let opening = Opening::of(&id, words, arguments, prepared.shard.clone());
    announce(&events, opening, muster_remote::accelerator(), &prepared.notices);
    let settings = Settings {
        update: update_mode(arguments),
        own_snapshots: own_snapshots(&prepared.project),
        known: prepared.known,
        focused: !arguments.focus.is_empty(),
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
        Some(path) if path.symlink_metadata().is_ok() => {
            return Err(CliError::invalid(format!(
                "--out {path}: it is there already, and a run never writes into another"
            ))
            .hint("name a directory that does not exist, or remove this one"));
        }
        Some(path) => path.clone(),
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

/// What executes the guests.
pub(crate) fn choose_accelerator(asked: AccelRequest) -> Result<Accel, CliError> {
    Ok(accel::choose(asked)?)
}

fn update_mode(arguments: &Arguments) -> UpdateMode {
    match (arguments.update_snapshots, super::annotations::is_ci()) {
        (true, _) => UpdateMode::Accept,
        (false, true) => UpdateMode::Ci,
        (false, false) => UpdateMode::Review,
    }
}

/// The time of the start and the process id: unique on a host, and sorts by time.
pub(crate) fn run_id() -> String {
    format!("{}-{}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ"), process::id())
}

/// What a run says first of itself.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    /// Its id.
    pub(crate) id: String,
    /// The command line, without the program's path.
    pub(crate) arguments: Vec<String>,
    /// The runs that it goes on with.
    pub(crate) earlier: Vec<EarlierRun>,
    /// Which part of a run it is.
    pub(crate) shard: Option<ShardRecord>,
}

impl Opening {
    /// Of a run that goes on with no other, as this process was started.
    pub(crate) fn of_process(id: &str) -> Self {
        Self { id: id.to_owned(), arguments: std::env::args().skip(1).collect(), ..Self::default() }
    }

    /// With the options that it takes from others, so that the next run can take them from it.
    fn of(id: &str, words: &[OsString], arguments: &Arguments, shard: Option<ShardRecord>) -> Self {
        let earlier = arguments.selection.again.as_ref().map(|again| again.earlier()).unwrap_or_default();
        let arguments = settled(words, arguments.selection.shard.as_deref());
        Self { id: id.to_owned(), arguments, earlier, shard }
    }
}

/// The first events of a run.
pub(crate) fn announce(events: &Events, opening: Opening, accelerator: Accelerator, notices: &[String]) {
    let Opening { id, arguments, earlier, shard } = opening;
    events.emit(Event::RunStarted {
        id,
        muster: env!("MUSTER_VERSION").to_owned(),
        at: now(),
        arguments,
        earlier,
        shard,
    });
    for notice in notices {
        events.notice(notice.clone());
    }
    events.emit(Event::AcceleratorChosen { accelerator });
}

/// The accelerator as reports know it.
pub(crate) fn accelerator(accel: &Accel) -> Accelerator {
    Accelerator {
        kind: accel.kind.name().to_owned(),
        reason: accel.reason.clone(),
        deadline_scale: accel.deadline_scale,
        host_arch: Some(std::env::consts::ARCH.to_owned()),
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
    let metered = metered(&prepared.plan, accel.kind, boot_baseline.is_some());
    let (template, updates) = frozen.map(|frozen| (frozen.template, frozen.updates)).unzip();
    let settings = Settings {
        rerun: prepared.rerun,
        accelerator: accel.kind.name().to_owned(),
        update,
        pending: dir.snapshots(),
        own_snapshots: own_snapshots(&prepared.project),
        artifacts: dir.tests(),
        claims: prepared.claims,
        known: prepared.known,
        boot_baseline,
        proofs: prepared.proofs,
        focused,
        budget,
        durations,
        halt,
        products,
        updates: updates.unwrap_or_default(),
        kept: prepared.kept,
    };
    let mut host = host(prepared.project.root(), dir.root(), accel, events).await?;
    host.templates = templates.map(Arc::new);
    host.rules = rules;
    host.capsules = capsules;
    host.metered = metered;
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

/// Where warm machines are kept, in the cache unless a directory is named, and in at most so many bytes. Without it a run only takes longer.
pub(crate) fn templates(named: Option<&Utf8Path>, limit: Option<u64>, events: &Events) -> Option<TemplateStore> {
    let named = named.map(|dir| dir.as_std_path().to_owned());
    let Some(dir) = named.or_else(|| muster_image::cache_dir().map(|cache| TemplateStore::below(&cache))) else {
        events.notice("--warm: there is no cache: none of MUSTER_CACHE, XDG_CACHE_HOME and HOME is set");
        return None;
    };
    TemplateStore::open(&dir, limit.unwrap_or(template_store::DEFAULT_LIMIT))
        .inspect_err(|error| events.notice(format!("--warm: {error}; templates are not saved")))
        .ok()
}

/// Whether instructions are counted: a test compares boots, and the guests are emulated.
pub(crate) fn metered(plan: &plan::Plan, accelerator: AccelKind, run_has_baseline: bool) -> bool {
    accelerator == AccelKind::Tcg && plan.compares_boots(run_has_baseline)
}

/// The boots that the run is given, read before anything boots. A file in which none of the images is would skip every test that is
/// meant to compare with it.
fn boot_baseline(path: Option<&Utf8Path>, prepared: &Prepared) -> Result<Option<RunBaseline>, CliError> {
    let Some(path) = path else { return Ok(None) };
    let text = text_file::read(path)?;
    let baseline = RunBaseline::new(path.to_string(), text).map_err(|error| CliError::about(path.as_str(), error))?;
    if !prepared.specs.iter().any(|spec| baseline.has(&spec.id)) {
        let images: Vec<&str> = prepared.specs.iter().map(|spec| spec.id.as_str()).collect();
        let what = format!("--boot-baseline {path}: it has no later boots of {}", images.join(" or of "));
        let first = images.first().copied().unwrap_or("IMAGE");
        let hint = format!("measure them: muster boot-time {first} --later --write-baseline {path}");
        return Err(CliError::invalid(what).hint(hint));
    }
    Ok(Some(baseline))
}

/// What all machines of a run share.
pub(crate) async fn host(root: &Utf8Path, dir: &Utf8Path, accel: Accel, events: &Events) -> Result<Host, CliError> {
    let spawner = Spawner::new().map_err(|cause| CliError::infrastructure(format!("no thread for QEMU: {cause}")))?;
    let key = RunKey::generate(dir.as_std_path()).await?;
    Ok(Host {
        spawner,
        accel,
        versions: Arc::default(),
        key,
        rules: Rules::shipped(),
        root: root.to_owned(),
        machines: dir.join("machines"),
        capsules: None,
        events: events.clone(),
        metered: false,
        templates: None,
    })
}
