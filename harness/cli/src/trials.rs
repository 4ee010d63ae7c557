//! `muster test` and `tests/conformance.rs`: the same engine behind libtest's interface, for cargo,
//! nextest and editors.
//!
//! One process boots at most one shared machine, when its first trial needs it, and asks its trials
//! one after the other; with `MUSTER_WARM` it clones the one that an earlier process has saved, which
//! makes a process for each test bearable. A skip counts as a pass to whoever only reads exit codes,
//! because libtest has no other word for it; reports for people come from `muster run`.

mod chosen;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Completion, Failed, Trial};

use self::chosen::Chosen;
use super::consumer;
use super::error::CliError;
use super::output::{all_said, say};
use super::session::Prepared;
use super::this_host::host;
use muster_base::exit::Exit;
use muster_base::failure::Failure;
use muster_engine::driver::Driver;
use muster_engine::engine::{Images, exit_of};
use muster_engine::plan::{Group, Isolation, MachineSpec, Planned};
use muster_engine::session::Session;
use muster_engine::session::clones::MachineSource;
use muster_engine::settings::Settings;
use muster_engine::sink::{Events, now};
use muster_engine::worker::Worker;
use muster_qemu::accel;
use muster_qemu::driver::HostImages;
use muster_record::event::Event;
use muster_record::layout::RunDir;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;

/// The same tests with libtest's interface, for cargo, nextest and editors
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster test --list
  muster test kernel/            only trials whose name contains this

MUSTER_IMAGE names the image (default lab), MUSTER_SUITES other suites; MUSTER_WARM=true begins from a saved machine.")]
// Its own has no name of a program.
#[command(help_template = "{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}{after-help}")]
// libtest-mimic's own struct is called Arguments too, and clap names groups after structs.
#[group(id = "trials")]
// Its own `--color` gives way to that of all commands.
#[command(mut_arg("color", |argument| argument.long("libtest-color").hide(true)))]
pub struct Arguments {
    #[command(flatten)]
    libtest: libtest_mimic::Arguments,
}

/// Runs the trials and says how they ended.
pub fn execute(arguments: Arguments, colour: clap::ColorChoice) -> Result<Exit, CliError> {
    let mut libtest = arguments.libtest;
    libtest.color = libtest.color.or(match colour {
        clap::ColorChoice::Auto => None,
        clap::ColorChoice::Always => Some(libtest_mimic::ColorSetting::Always),
        clap::ColorChoice::Never => Some(libtest_mimic::ColorSetting::Never),
    });
    let lists = libtest.list;
    let (conclusion, exit) = conclude(libtest)?;
    if !lists && conclusion.num_passed + conclusion.num_failed + conclusion.num_ignored == 0 {
        return Err(CliError::invalid("no test matches the filter").hint("`muster list` names them all"));
    }
    // The code is the one that run.json has; a trial that could not run is in no record.
    Ok(if exit == Exit::Pass && conclusion.has_failed() { Exit::Failed } else { exit })
}

/// The whole of a `harness = false` test binary.
pub fn main(arguments: libtest_mimic::Arguments) -> ExitCode {
    let concluded = conclude(arguments).and_then(|(conclusion, _)| {
        all_said()?;
        Ok(conclusion)
    });
    match concluded {
        Ok(conclusion) => conclusion.exit_code(),
        Err(cli_error) => {
            cli_error.show();
            cli_error.exit.into()
        }
    }
}

fn conclude(mut arguments: libtest_mimic::Arguments) -> Result<(libtest_mimic::Conclusion, Exit), CliError> {
    // Trials share a machine, and what one leaves there must not depend on a race.
    arguments.test_threads = Some(1);
    let chosen = Chosen::of_process(&arguments)?;
    if arguments.list {
        let all = chosen.names()?.into_iter().map(|name| Trial::test(name, || Ok(())));
        let mut trials: Vec<Trial> = all.filter(|trial| !arguments.is_filtered_out(trial)).collect();
        // libtest's own printer panics where stdout is a closed pipe or a full disk; a log file is for it alone.
        if arguments.logfile.is_none() {
            trials.drain(..).for_each(|trial| say(&format!("{}: test", trial.name())));
        }
        return Ok((libtest_mimic::run(&arguments, trials), Exit::Pass));
    }
    let prepared = chosen.prepare()?;
    let names = chosen::names(&prepared.plan);
    let worker = Arc::new(TrialThread::new(prepared, chosen.warm));
    let trials = names
        .into_iter()
        .map(|name| {
            let worker = Arc::clone(&worker);
            Trial::ignorable_test(name.clone(), move || verdict(worker.ask(&name)))
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    Ok((conclusion, worker.finish()))
}

fn verdict(record: Result<TestRecord, TrialError>) -> Result<Completion, Failed> {
    let record = record.map_err(Failed::from)?;
    match record.outcome {
        Outcome::Pass | Outcome::Flaky | Outcome::Known => Ok(Completion::Completed),
        Outcome::Skip => Ok(Completion::Ignored { reason: record.skipped.map(|reason| reason.message) }),
        // libtest has no word for it, and an ignored test would be green.
        Outcome::NotRun => {
            let why = record.skipped.map(|why| why.message).unwrap_or_default();
            Err(Failed::from(format!("not run: {why}\nrun it again: {}\n", record.rerun)))
        }
        Outcome::Fail | Outcome::Error => {
            let mut text: String = record.failures.iter().map(describe).collect();
            text.push_str(&format!("run it again: {}\n", record.rerun));
            Err(Failed::from(text))
        }
    }
}

/// A failure as lines for a person, with the end of its evidence.
pub(super) fn describe(failure: &Failure) -> String {
    let place = failure.location.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
    let detail = failure
        .detail
        .as_ref()
        .map(|detail| format!("{}\n", muster_base::text::tail(&muster_base::text::escape(detail), 4096)))
        .unwrap_or_default();
    format!("{}: {}{place}\n{detail}", failure.id, failure.message)
}

/// Why a trial could not run.
#[derive(Debug, thiserror::Error)]
enum TrialError {
    #[error("the worker could not be started before")]
    NotStarted,
    #[error("no thread for the machine: {0}")]
    Thread(std::io::Error),
    #[error("the worker has ended")]
    Ended,
    #[error("the run could not be started; `muster doctor` explains what this host lacks")]
    Gone,
}

/// A question to the worker thread: the test's name, and where the answer goes.
type Question = (String, mpsc::Sender<TestRecord>);

/// The thread that owns the machine. Started with the first question.
struct TrialThread {
    state: Mutex<State>,
    warm: bool,
}

enum State {
    Idle(Option<Box<Prepared>>),
    Busy { questions: mpsc::Sender<Question>, thread: std::thread::JoinHandle<Result<Exit, CliError>> },
}

impl TrialThread {
    fn new(prepared: Prepared, warm: bool) -> Self {
        Self { state: Mutex::new(State::Idle(Some(Box::new(prepared)))), warm }
    }

    /// Runs one test; an error when the worker itself is in trouble.
    fn ask(&self, name: &str) -> Result<TestRecord, TrialError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Idle(prepared) = &mut *state {
            let prepared = prepared.take().ok_or(TrialError::NotStarted)?;
            let (questions, asked) = mpsc::channel();
            let warm = self.warm;
            let thread = std::thread::Builder::new()
                .name("session".to_owned())
                .spawn(move || work(*prepared, warm, asked))
                .map_err(TrialError::Thread)?;
            *state = State::Busy { questions, thread };
        }
        let State::Busy { questions, .. } = &*state else { return Err(TrialError::Ended) };
        let (answer, answered) = mpsc::channel();
        questions.send((name.to_owned(), answer)).map_err(|_| TrialError::Gone)?;
        answered.recv().map_err(|_| TrialError::Gone)
    }

    /// Ends the machine, waits for the reports, and says what the tests that ran come to.
    fn finish(&self) -> Exit {
        let state =
            std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), State::Idle(None));
        let State::Busy { questions, thread } = state else { return Exit::Pass };
        drop(questions);
        match thread.join() {
            Ok(Ok(exit)) => exit,
            Ok(Err(cli_error)) => {
                cli_error.show();
                cli_error.exit
            }
            Err(_) => Exit::Error,
        }
    }
}

fn work(prepared: Prepared, warm: bool, questions: mpsc::Receiver<Question>) -> Result<Exit, CliError> {
    super::session::room(&prepared.project.runs())?;
    let accel = super::this_host::choose_accelerator(muster_qemu::AccelRequest::Auto)?;
    let dir = RunDir::create(&prepared.project.runs().join(format!("test-{}", super::opening::run_id())))?;
    let (events, stream) = Events::channel();
    let options = consumer::ReportOptions::default();
    let reports = consumer::ReportsTo {
        dir: dir.clone(),
        base: options.base(dir.root())?,
        chosen: options.chosen(),
        before: None,
        history: None,
    };
    let consumer = consumer::start(stream, reports, None, Default::default())?;
    let runtime = super::event_loop::runtime()?;
    let done = runtime.block_on(run_all(prepared, warm, &dir, accel, &events, questions));
    drop(runtime);
    drop(events);
    consumer.finish()?;
    done
}

async fn run_all(
    prepared: Prepared,
    warm: bool,
    dir: &RunDir,
    accel: accel::Accel,
    events: &Events,
    questions: mpsc::Receiver<Question>,
) -> Result<Exit, CliError> {
    let Prepared { project, plan, specs, rerun, known, claims, files, .. } = prepared;
    let own_snapshots = project.own_snapshots();
    let one_machine = super::this_host::one_machine(rerun, accel.kind.name(), dir.root());
    let settings = Settings { known, claims, own_snapshots, ..one_machine };
    let image = specs.first().map(|spec| spec.id.clone()).unwrap_or_default();
    super::opening::announce(
        events,
        super::opening::Opening { files, ..super::opening::Opening::of_process("test") },
        super::this_host::accelerator(&accel),
        &[],
    );
    events.emit(Event::Planned {
        suites: plan.suite_records(),
        tests: plan.unreached(&settings.rerun),
        kept: Vec::new(),
    });
    let measured = super::this_host::measured(&plan, accel.kind, false);
    let mut host = host(project.root(), dir.root(), accel, events).await?;
    host.measured = measured;
    host.templates = if warm { super::this_host::templates(None, None, events).map(Arc::new) } else { None };
    let images = HostImages::new(&host, specs);
    let driver = images.prepare(&image).await.map_err(|failure| CliError::infrastructure(failure.message))?;
    let machine_specs: BTreeSet<&MachineSpec> = plan.groups.iter().map(|group| &group.machine_spec).collect();
    // The driver of the image's own shape is there already.
    let own = MachineSpec::default();
    let others: BTreeMap<&MachineSpec, _> = machine_specs
        .iter()
        .filter(|machine_spec| ***machine_spec != own)
        .map(|machine_spec| (*machine_spec, driver.with_spec(machine_spec)))
        .collect();
    let driver_of = |machine_spec: &MachineSpec| others.get(machine_spec).map_or(Ok(&driver), Result::as_ref);
    // A template that is saved, or will be, saves the boot of the next process.
    let wants_clones = |machine_spec: &MachineSpec| {
        driver_of(machine_spec).is_ok_and(Driver::keeps_templates)
            || plan
                .groups
                .iter()
                .any(|group| group.machine_spec == *machine_spec && group.isolation == Isolation::Clone)
    };
    let tests: BTreeMap<String, _> = plan
        .groups
        .iter()
        .flat_map(|group| group.tests.iter().map(move |planned| (group, planned)))
        .map(|(group, planned)| (format!("{}/{}", planned.suite.name, planned.test().id), (group, planned)))
        .collect();
    let mut records = Vec::new();
    loop {
        // One session a shape for all questions; the machine's own test ends them, and new ones begin.
        let session = Session::new(&driver, &image, &settings, events.clone());
        let sessions: BTreeMap<&MachineSpec, Result<_, &Failure>> = machine_specs
            .iter()
            .map(|machine_spec| {
                (*machine_spec, driver_of(machine_spec).map(|driver| session.next_to(driver, machine_spec)))
            })
            .collect();
        let health = {
            let mut machines = Machines::default();
            // Blocking on the channel is right here: nothing else runs on this task.
            let health = loop {
                let Ok((name, answer)) = questions.recv() else { break None };
                let Some((group, planned)) = tests.get(&name) else { break Some(answer) };
                let record = match &sessions[&group.machine_spec] {
                    Ok(of_shape) => {
                        let source =
                            if wants_clones(&group.machine_spec) { MachineSource::Clone } else { MachineSource::Boot };
                        machines.ask(of_shape, source, group, planned).await
                    }
                    Err(failure) => session.cannot_run(planned, failure),
                };
                records.push(record.clone());
                let _ = answer.send(record);
            };
            machines.end().await;
            health
        };
        for of_shape in sessions.values().flatten() {
            of_shape.close().await;
        }
        let Some(answer) = health else {
            // Only at the last event are the reports written whole.
            let exit = exit_of(&plan, &records);
            events.emit(Event::RunFinished { at: now(), interrupted: false, exit_code: exit as u8 });
            return Ok(exit);
        };
        if !session.has_booted() {
            session.boot_only().await;
        }
        let record = session.finish().await;
        records.push(record.clone());
        let _ = answer.send(record);
    }
}

/// The machines that trials of one shape share: one that was booted, and one that was cloned where the
/// shape is cloned at all.
struct Machines<'s, 'd, D: Driver> {
    workers: BTreeMap<(&'s MachineSpec, MachineSource), Worker<'s, 'd, D>>,
}

impl<D: Driver> Default for Machines<'_, '_, D> {
    fn default() -> Self {
        Self { workers: BTreeMap::new() }
    }
}

impl<'s, 'd, D: Driver> Machines<'s, 'd, D> {
    /// Asks a test of a machine that others share, or of one of its own.
    async fn ask(
        &mut self,
        session: &'s Session<'d, D>,
        source: MachineSource,
        group: &'s Group,
        planned: &Planned,
    ) -> TestRecord {
        // Trials come in the order of shapes, so that the machines of another are not needed again.
        if self.workers.keys().any(|(machine_spec, _)| **machine_spec != group.machine_spec) {
            self.end().await;
        }
        let shared_from = match group.isolation {
            Isolation::Shared => source,
            Isolation::Booted => MachineSource::Boot,
            Isolation::Clone => return session.worker(source).run_with_needs(group, planned).await,
            Isolation::Fresh => return session.worker(MachineSource::Boot).run_with_needs(group, planned).await,
        };
        let worker =
            self.workers.entry((&group.machine_spec, shared_from)).or_insert_with(|| session.worker(shared_from));
        worker.run_with_needs(group, planned).await
    }

    async fn end(&mut self) {
        for mut worker in std::mem::take(&mut self.workers).into_values() {
            worker.end_machine().await;
        }
    }
}
