//! What a person sees while a run goes on and at its end.
//!
//! The caller passes the writer (through anstream, which drops colour where it is not wanted) and,
//! for the interactive mode, how large the terminal is. Nothing here looks at the environment.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anstyle::AnsiColor;

use self::paint::Paint;
use super::annotations::{self, Server};
use super::closing::FailedBefore;
use super::live::{LiveView, Region, TerminalSize};
use super::pace::Pace;
use super::words::{self, NAME};
use muster_base::text::one_line;
use muster_record::durations::Durations;
use muster_record::event::Event;
use muster_record::finding::{Finding, OnMachine};
use muster_record::last_seen;
use muster_record::run::{RunRecord, TestRecord};

/// Lines of a test that are not folded where long output is.
const UNFOLDED: usize = 12;

/// Lines that what did not pass has at the end at least, on however small a terminal.
const LEAST_ROWS: usize = 8;
/// How often what goes on is drawn at most; lines above it are written at once.
const BETWEEN_DRAWINGS: Duration = Duration::from_millis(100);

/// Says how large the terminal is now.
pub type MeasureTerminal = Box<dyn Fn() -> TerminalSize + Send>;

/// How much is shown.
pub enum Mode {
    /// What goes on stands at the bottom of the terminal that is written to, and lines are written above it.
    Interactive(MeasureTerminal),
    /// No terminal: a line for each machine and each test that did not pass.
    Plain,
    /// CI and `--quiet`: only what did not pass, notices, and the summary.
    Quiet,
}

/// What else is asked of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Styles are written. The writer may still drop them.
    pub colour: bool,
    /// Passes and skips are listed too.
    pub verbose: bool,
    /// The CI server that shows failures and folds long output by lines of its own.
    pub server: Option<Server>,
    /// Whether a CI server obeys commands in what is written, so that none of a guest may be left in it.
    pub disarm: bool,
}

/// Writes what happens to a person.
pub struct Terminal<W: Write> {
    out: W,
    options: Options,
    paint: Paint,
    quiet: bool,
    screen: Option<Screen>,
    /// Image of each machine that has been started.
    machines: BTreeMap<String, String>,
    notices: Vec<String>,
    pace: Pace,
    /// How many parts were folded.
    folded: usize,
    failed_before: FailedBefore,
}

/// What goes on, and where it is drawn.
struct Screen {
    measure: MeasureTerminal,
    view: LiveView,
    region: Region,
    drawn: Option<Instant>,
}

impl<W: Write> Terminal<W> {
    /// Nothing is written before the first event.
    pub fn new(out: W, mode: Mode, options: Options) -> Self {
        let quiet = matches!(mode, Mode::Quiet);
        let screen = match mode {
            Mode::Interactive(measure) => {
                Some(Screen { measure, view: LiveView::default(), region: Region::default(), drawn: None })
            }
            Mode::Plain | Mode::Quiet => None,
        };
        let (machines, notices, pace) = (BTreeMap::new(), Vec::new(), Pace::default());
        let failed_before = FailedBefore::default();
        let paint = Paint { colour: options.colour };
        Self { out, options, paint, quiet, screen, machines, notices, pace, folded: 0, failed_before }
    }

    /// The same, on a host that remembers how long boots and tests took.
    pub fn expecting(self, usual: Durations) -> Self {
        Self { pace: Pace::new(usual), ..self }
    }

    /// The same, where it is known what failed before: the end of an interactive run has it apart.
    pub fn knowing(self, failed_before: FailedBefore) -> Self {
        Self { failed_before, ..self }
    }

    /// Says what has become of what goes on, without an event; to be called every second or so.
    pub fn tick(&mut self, now: Instant) -> io::Result<()> {
        let slow = self.pace.slow(now);
        let lines: Vec<String> =
            slow.iter().filter(|_| !self.quiet).map(|slow| test::slow(self.paint, slow, "over ")).collect();
        self.write(&lines)?;
        let drawn = self.screen.as_ref().map(|screen| screen.drawn);
        match drawn {
            Some(drawn) if drawn.is_none_or(|drawn| now.saturating_duration_since(drawn) >= BETWEEN_DRAWINGS) => {
                self.put("", now)
            }
            _ => Ok(()),
        }
    }

    /// Shows one event.
    pub fn apply(&mut self, event: &Event) -> io::Result<()> {
        let now = Instant::now();
        self.pace.apply(event, now);
        if let Some(screen) = &mut self.screen {
            screen.view.apply(event, &self.pace, now);
        }
        let mut lines = Vec::new();
        match event {
            Event::Notice { text } => self.notice(text, &mut lines),
            Event::AcceleratorChosen { accelerator } if accelerator.kind == "tcg" => {
                self.notice(&format!("guests are emulated: {}", accelerator.reason), &mut lines);
            }
            // A clone is no news: the last lines count them.
            Event::MachineStarting { machine, image, cloned_from: None, deadline_seconds, .. } => {
                self.machines.insert(machine.clone(), image.clone());
                if !self.quiet && self.screen.is_none() {
                    let name = format!("{} [{}]", one_line(machine, NAME), one_line(image, NAME));
                    let expected = words::expected(self.pace.boot(image), *deadline_seconds);
                    lines.push(format!("{} {name}, {expected}", self.paint.label("BOOT", AnsiColor::Cyan)));
                }
            }
            // On a terminal it stands where the machine is shown.
            Event::LoginRefused { machine, user, times } if !self.quiet && self.screen.is_none() => {
                let (word, refused) = (self.paint.label("WAIT", AnsiColor::Yellow), last_seen::refused(user, *times));
                lines.push(format!("{word} {}: {refused}", one_line(machine, NAME)));
            }
            Event::MachineReady { machine, boot_seconds, .. } if !self.quiet => {
                let Some(image) = self.machines.get(machine) else { return Ok(()) };
                let name = format!("{} [{}]", one_line(machine, NAME), one_line(image, NAME));
                let took = words::seconds(*boot_seconds);
                lines.push(format!("{} {name}  ({took})", self.paint.label("UP", AnsiColor::Cyan)));
            }
            Event::ProductsInstalled { machine, products } if !self.quiet => {
                for product in products {
                    let label = self.paint.label("PRODUCT", AnsiColor::Cyan);
                    let (package, machine) = (one_line(&product.package, NAME), one_line(machine, NAME));
                    lines.push(format!("{label} {package} is installed on {machine}"));
                }
            }
            Event::KernelBooted { machine, kernel } if !self.quiet => {
                let label = self.paint.label("KERNEL", AnsiColor::Cyan);
                let (package, release) = (one_line(&kernel.package, NAME), one_line(&kernel.release, NAME));
                lines.push(format!("{label} {package} ({release}) runs on {}", one_line(machine, NAME)));
            }
            Event::ConsoleFinding(OnMachine { machine, finding }) => {
                let Finding { category, line, line_number, .. } = finding;
                let word = if finding.is_fatal() {
                    self.paint.label("CRASH", AnsiColor::Red)
                } else {
                    self.paint.label("CONSOLE", AnsiColor::Yellow)
                };
                let name = one_line(machine, NAME);
                lines.push(format!("{word} {} on {name}, console.log:{line_number}", one_line(category, NAME)));
                lines.push(format!("      {}", one_line(line, 200)));
            }
            Event::MachineEnded { record } if !self.quiet && record.boot_seconds.is_none() => {
                let name = format!("{} [{}]", one_line(&record.id, NAME), one_line(&record.image, NAME));
                let end = one_line(record.end.as_deref().unwrap_or("ended"), NAME);
                lines.push(format!("{} {name} never answered: {end}", self.paint.label("DOWN", AnsiColor::Red)));
            }
            Event::TestFinished { record } => {
                if let Some(slow) = self.pace.was_slow(record).filter(|_| !self.quiet && record.kept_from.is_none()) {
                    lines.push(test::slow(self.paint, &slow, ""));
                }
                let of_test = test::lines(self.paint, self.options.verbose, record);
                self.write(&lines)?;
                return self.annotated(record, &of_test);
            }
            _ => {}
        }
        self.write(&lines)
    }

    /// The end: counts, the sentence about each image, what a reader should know of the figures, and
    /// where the reports are (name and path). Nothing of what was drawn is left after it, and on a terminal what did not
    /// pass comes first: the lines about it may be far above.
    pub fn summary(&mut self, record: &RunRecord, reports: &[(&str, String)]) -> io::Result<()> {
        let lines = end::last_lines(self.paint, record, reports);
        let mut all = Vec::new();
        if let Some(mut screen) = self.screen.take() {
            let size = (screen.measure)();
            self.out.write_all(screen.region.erase(size).as_bytes())?;
            // The line of the prompt is on the screen too.
            let rows = usize::from(size.rows).saturating_sub(lines.len() + 2).max(LEAST_ROWS);
            all = end::closing(self.paint, record, &self.failed_before, rows, usize::from(size.columns));
        }
        all.extend(lines);
        self.write(&all)?;
        self.out.flush()
    }

    fn notice(&mut self, text: &str, lines: &mut Vec<String>) {
        let text = one_line(text, 400);
        if !self.notices.contains(&text) {
            lines.push(format!("{} {text}", self.paint.label("note:", AnsiColor::Cyan)));
            self.notices.push(text);
        }
    }

    /// What there is to say of a test, the way a CI server shows it: long output folded after its first lines, then the
    /// line by which the server knows the failure.
    fn annotated(&mut self, test: &TestRecord, lines: &[String]) -> io::Result<()> {
        let Some(server) = self.options.server else { return self.write(lines) };
        if lines.len() <= UNFOLDED {
            self.write(lines)?;
        } else {
            self.folded += 1;
            let at = jiff::Timestamp::now().as_second();
            let title = format!("all of {} [{}]", test.name(), test.image);
            self.write(&lines[..2])?;
            self.command(&annotations::fold(server, self.folded, &title, at))?;
            self.write(&lines[2..])?;
            self.command(&annotations::unfold(server, self.folded, at))?;
        }
        annotations::error(server, test).map_or(Ok(()), |line| self.command(&line))
    }

    /// A line for the CI server, as it is.
    fn command(&mut self, line: &str) -> io::Result<()> {
        self.put(&format!("{line}\n"), Instant::now())
    }

    fn write(&mut self, lines: &[String]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let text = lines.join("\n") + "\n";
        let text = if self.options.disarm { annotations::disarmed(&text) } else { text };
        self.put(&text, Instant::now())
    }

    /// Writes lines, above what goes on where that is shown; all with one call, so that nothing flickers.
    fn put(&mut self, text: &str, now: Instant) -> io::Result<()> {
        let Some(screen) = &mut self.screen else { return self.out.write_all(text.as_bytes()) };
        let size = (screen.measure)();
        let lines = screen.view.lines(&self.pace, size, now, self.options.colour);
        let all = screen.region.erase(size) + text + &screen.region.draw(&lines);
        screen.drawn = Some(now);
        self.out.write_all(all.as_bytes())?;
        self.out.flush()
    }
}

mod end;
mod paint;
mod test;
#[cfg(test)]
mod tests;
