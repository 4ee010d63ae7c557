//! The consumer of a run's events: journal, terminal and, at the end, the reports. One thread, so
//! that neither a slow disk nor a slow terminal holds up a machine.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use tokio::sync::Notify;

use super::annotations::{self, Annotations};
use super::error::CliError;
use super::logging::Wanted;
use super::output::say_error;
use muster_record::durations::Durations;
use muster_record::event::Event;
use muster_record::fold::Recorder;
use muster_record::history;
use muster_record::journal::Journal;
use muster_record::layout::RunDir;
use muster_record::run::RunRecord;
use muster_report::annotations::Server;
use muster_report::closing::FailedBefore;
use muster_report::evidence::Base;
use muster_report::live::TerminalSize;
use muster_report::pace;
use muster_report::terminal::{Mode, Options, Terminal};
use muster_report::written::{self, Chosen, ReportInput};

type Out = anstream::AutoStream<std::io::Stdout>;

/// How the run is shown.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Display {
    /// Only what is not a pass, and the verdict (the default on CI servers)
    #[arg(long, short, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Every test, and every skip with its reason; twice: also a log for bug reports (see MUSTER_LOG)
    #[arg(long, short, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Lines instead of a view of what goes on, on a terminal too
    #[arg(long)]
    pub no_progress: bool,
    /// Also print failures, and fold long output, the way a CI server reads it
    #[arg(long, value_name = "SERVER", value_enum, default_value_t)]
    pub annotations: Annotations,
}

impl Display {
    /// What goes on and a log on one terminal would overwrite each other.
    fn may_draw(self) -> bool {
        !self.no_progress && !Wanted::of_process(self.verbose).is_some_and(|log| log.is_on_stderr())
    }

    fn mode(self) -> Mode {
        use std::io::IsTerminal;
        if self.quiet || annotations::is_ci() {
            Mode::Quiet
        } else if self.may_draw() && std::io::stdout().is_terminal() && moves_the_cursor() {
            Mode::Interactive(Box::new(size_of_terminal))
        } else {
            Mode::Plain
        }
    }
}

/// Whether the terminal understands more than text. One that says nothing of itself is none.
fn moves_the_cursor() -> bool {
    std::env::var_os("TERM").is_some_and(|terminal| !terminal.is_empty() && terminal != "dumb")
}

fn size_of_terminal() -> TerminalSize {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => TerminalSize { columns: size.ws_col, rows: size.ws_row },
        _ => TerminalSize::default(),
    }
}

/// What else is said of the reports.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ReportOptions {
    /// The directory from which the CI server resolves the attachments that junit.xml names, such as $WORKSPACE or
    /// $CI_PROJECT_DIR; the run's directory must be in it [default: the current directory, if it has the directory]
    #[arg(long, value_name = "DIRECTORY")]
    pub attachments_base: Option<Utf8PathBuf>,
    /// Which reports the run writes, separated by commas; run.json is always one of them
    #[arg(long = "report", value_name = "FORMAT", value_delimiter = ',', default_value = Formats::default_names(), value_parser = Formats::parser())]
    pub formats: Vec<String>,
    /// The earlier run with which report.html compares this one, or none [default: the newest that was about the same image]
    #[arg(long, value_name = "RUN")]
    pub before: Option<String>,
    /// Adds the outcomes of this run to this file, for `muster history` [default: history.jsonl in the directory of runs;
    /// none with --out]
    #[arg(long, value_name = "FILE")]
    pub history: Option<Utf8PathBuf>,
}

impl ReportOptions {
    /// Those that were chosen, and the record.
    pub(crate) fn chosen(&self) -> Chosen {
        match self.formats.is_empty() {
            true => Chosen::default(),
            false => Chosen::of(self.formats.iter().map(String::as_str), true),
        }
    }

    /// From where reports of a run in this directory name files. The directory need not be there yet.
    pub(crate) fn base(&self, dir: &Utf8Path) -> Result<Base, CliError> {
        Base::of(dir, self.attachments_base.as_deref()).map_err(|error| CliError::about("--attachments-base", error))
    }
}

/// The names of reports, for the command line.
pub(crate) struct Formats;

impl Formats {
    /// Those that are written when nothing was said.
    pub(crate) fn default_names() -> String {
        Chosen::default().reports().map(|report| report.name()).collect::<Vec<_>>().join(",")
    }

    /// Only names that there are.
    pub(crate) fn parser() -> clap::builder::PossibleValuesParser {
        written::registry().iter().map(|report| report.name()).collect::<Vec<_>>().into()
    }
}

/// Where reports go and which.
#[derive(Debug, Clone)]
pub(crate) struct ReportsTo {
    /// The directory of the run.
    pub(crate) dir: RunDir,
    /// From where they name files.
    pub(crate) base: Base,
    /// Which.
    pub(crate) chosen: Chosen,
    /// An earlier run, with which they compare this one.
    pub(crate) before: Option<RunRecord>,
    /// The history that a person named, whether it is there or not.
    pub(crate) history: Option<Utf8PathBuf>,
}

impl ReportsTo {
    /// What failed in the earlier run, and the last time by the history. It is only shown to a person, so a
    /// history that cannot be read costs a note.
    fn failed_before(&self) -> FailedBefore {
        let of_run = self.before.as_ref().map(FailedBefore::of_run).unwrap_or_default();
        let Some(file) = self.history.as_ref().filter(|file| file.exists()) else { return of_run };
        match history::read(file) {
            Ok((entries, _)) => of_run.and(FailedBefore::of_history(&entries)),
            Err(error) => {
                say_error(&format!("note: --history: {error}"));
                of_run
            }
        }
    }
}

/// A consumer at work.
pub(crate) struct Consumer {
    thread: JoinHandle<Result<RunRecord, CliError>>,
    lost: Arc<Notify>,
}

/// Starts it. The journal exists when this returns.
/// Nothing is shown without a display; what is shown knows how long things usually take.
pub(crate) fn start(
    stream: Receiver<Event>,
    reports: ReportsTo,
    display: Option<Display>,
    usual: Durations,
) -> Result<Consumer, CliError> {
    let journal = Journal::create(&reports.dir.events())?;
    let server = display.and_then(|display| display.annotations.server());
    let terminal = display.map(|display| {
        let colour = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
        // GitLab's marks hold escapes, which nobody may drop; all others are only there with colour.
        let mode = display.mode();
        let out = match (server, &mode) {
            // Nor those that move the cursor.
            (Some(_), _) | (_, Mode::Interactive(_)) => anstream::AutoStream::always_ansi(std::io::stdout()),
            _ => anstream::stdout(),
        };
        let disarm = server.is_some() || annotations::here().is_some();
        let options = Options { colour, verbose: display.verbose > 0, server, disarm };
        let failed_before = match mode {
            Mode::Interactive(_) => reports.failed_before(),
            Mode::Plain | Mode::Quiet => FailedBefore::default(),
        };
        Terminal::new(out, mode, options).expecting(usual).knowing(failed_before)
    });
    let lost = Arc::new(Notify::new());
    let thread = std::thread::Builder::new()
        .name("events".to_owned())
        .spawn({
            let lost = Arc::clone(&lost);
            move || consume(stream, &reports, journal, terminal, server, &lost)
        })
        .map_err(|cause| CliError::infrastructure(format!("no thread for the reports: {cause}")))?;
    Ok(Consumer { thread, lost })
}

impl Consumer {
    /// Is notified once an event could not be kept.
    pub(crate) fn lost(&self) -> Arc<Notify> {
        Arc::clone(&self.lost)
    }

    /// Waits until everything is written, and gives the record of the run. All handles of the events must be gone.
    pub(crate) fn finish(self) -> Result<RunRecord, CliError> {
        self.thread.join().unwrap_or_else(|_| Err(CliError::infrastructure("the thread that writes reports panicked")))
    }
}

fn consume(
    stream: Receiver<Event>,
    reports: &ReportsTo,
    mut journal: Journal,
    mut terminal: Option<Terminal<Out>>,
    server: Option<Server>,
    lost: &Notify,
) -> Result<RunRecord, CliError> {
    let mut recorder = Recorder::new();
    let mut trouble = None;
    loop {
        // Before it waits, what has ended is on the disk.
        let event = match stream.try_recv() {
            Ok(event) => Ok(event),
            Err(_) => {
                if let Err(error) = journal.sync() {
                    trouble.get_or_insert(error.to_string());
                }
                stream.recv_timeout(pace::LOOK)
            }
        };
        let event = match event {
            Ok(event) => event,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                if let Some(terminal) = &mut terminal {
                    let _ = terminal.tick(Instant::now());
                }
                continue;
            }
        };
        // The run goes on when the disk is full: the terminal still tells, and the reports are tried
        // at the end.
        if let Err(error) = journal.append(&event) {
            trouble.get_or_insert(error.to_string());
            lost.notify_one();
        }
        recorder.apply(&event);
        if matches!(event, Event::Planned { .. }) {
            // From here on a run that is killed leaves reports that say what was not reached.
            write(reports, &recorder, &mut trouble);
        }
        if matches!(event, Event::RunFinished { .. }) {
            write(reports, &recorder, &mut trouble);
        }
        if let Some(terminal) = &mut terminal {
            // A closed pipe is nobody's failure; the reports are what counts.
            let _ = terminal.apply(&event);
            let _ = terminal.tick(Instant::now());
        }
    }
    if let Some(terminal) = &mut terminal {
        let ReportsTo { dir, chosen, .. } = reports;
        let files = written::files(chosen, dir.root()).into_iter().chain([("events", dir.events())]);
        let reports: Vec<_> = files.map(|(name, path)| (name, super::project::short(&path).to_string())).collect();
        let _ = terminal.summary(recorder.record(), &reports);
        if let Err(why) = annotations::summarise(server, recorder.record()) {
            say_error(&format!("note: the summary of the job was not written: {why}"));
        }
    }
    match trouble {
        None => Ok(recorder.into_record()),
        Some(error) => {
            let dir = super::project::short(reports.dir.root());
            let again = muster_base::text::shell_word(dir.as_str());
            Err(CliError::infrastructure(format!("the reports are not complete: {error}"))
                .hint(format!("`muster report {again}` makes them again of what {} has", RunDir::EVENTS)))
        }
    }
}

fn write(ReportsTo { dir, base, chosen, before, .. }: &ReportsTo, recorder: &Recorder, trouble: &mut Option<String>) {
    if let Err(error) = written::write(
        ReportInput { record: recorder.record(), before: before.as_ref(), dir, base },
        chosen,
        dir.root(),
    ) {
        trouble.get_or_insert(error.to_string());
    }
}
