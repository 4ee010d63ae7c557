//! What a person sees while a run goes on and at its end.
//!
//! The caller passes the writer (through anstream, which drops colour where it is not wanted) and,
//! for the interactive mode, how large the terminal is. Nothing here looks at the environment.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};

use super::annotations::{self, Server};
use super::closing::{self, FailedBefore};
use super::live::{LiveView, Region, TerminalSize};
use super::pace::{Pace, Slow};
use super::{verdict, words};
use muster_base::text::one_line;
use muster_record::durations::Durations;
use muster_record::event::Event;
use muster_record::finding::{Finding, OnMachine};
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// Lines of detail that one failure shows at most; the reports have all of it.
const DETAIL_LINES: usize = 40;
/// Lines of a test that are not folded where long output is.
const UNFOLDED: usize = 12;
/// Characters of a name at most.
const NAME: usize = 120;

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
        Self { out, options, quiet, screen, machines, notices, pace, folded: 0, failed_before }
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
        let lines: Vec<String> = slow.iter().filter(|_| !self.quiet).map(|slow| self.slow(slow, "over ")).collect();
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
                    lines.push(format!("{} {name}, {expected}", self.label("BOOT", AnsiColor::Cyan)));
                }
            }
            // On a terminal it stands where the machine is shown.
            Event::LoginRefused { machine, user, times } if !self.quiet && self.screen.is_none() => {
                let (word, refused) = (self.label("WAIT", AnsiColor::Yellow), words::refused(user, *times));
                lines.push(format!("{word} {}: {refused}", one_line(machine, NAME)));
            }
            Event::MachineReady { machine, boot_seconds, .. } if !self.quiet => {
                let Some(image) = self.machines.get(machine) else { return Ok(()) };
                let name = format!("{} [{}]", one_line(machine, NAME), one_line(image, NAME));
                let took = words::seconds(*boot_seconds);
                lines.push(format!("{} {name}  ({took})", self.label("UP", AnsiColor::Cyan)));
            }
            Event::ProductsInstalled { machine, products } if !self.quiet => {
                for product in products {
                    let label = self.label("PRODUCT", AnsiColor::Cyan);
                    let (package, machine) = (one_line(&product.package, NAME), one_line(machine, NAME));
                    lines.push(format!("{label} {package} is installed on {machine}"));
                }
            }
            Event::KernelBooted { machine, kernel } if !self.quiet => {
                let label = self.label("KERNEL", AnsiColor::Cyan);
                let (package, release) = (one_line(&kernel.package, NAME), one_line(&kernel.release, NAME));
                lines.push(format!("{label} {package} ({release}) runs on {}", one_line(machine, NAME)));
            }
            Event::ConsoleFinding(OnMachine { machine, finding }) => {
                let Finding { category, line, line_number, .. } = finding;
                let word = if finding.is_fatal() {
                    self.label("CRASH", AnsiColor::Red)
                } else {
                    self.label("CONSOLE", AnsiColor::Yellow)
                };
                let name = one_line(machine, NAME);
                lines.push(format!("{word} {} on {name}, console.log:{line_number}", one_line(category, NAME)));
                lines.push(format!("      {}", one_line(line, 200)));
            }
            Event::MachineEnded { record } if !self.quiet && record.boot_seconds.is_none() => {
                let name = format!("{} [{}]", one_line(&record.id, NAME), one_line(&record.image, NAME));
                let end = one_line(record.end.as_deref().unwrap_or("ended"), NAME);
                lines.push(format!("{} {name} never answered: {end}", self.label("DOWN", AnsiColor::Red)));
            }
            Event::TestFinished { record } => {
                if let Some(slow) = self.pace.was_slow(record).filter(|_| !self.quiet && record.kept_from.is_none()) {
                    lines.push(self.slow(&slow, ""));
                }
                let mut of_test = Vec::new();
                self.test(record, &mut of_test);
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
        let lines = self.last_lines(record, reports);
        let mut all = Vec::new();
        if let Some(mut screen) = self.screen.take() {
            let size = (screen.measure)();
            self.out.write_all(screen.region.erase(size).as_bytes())?;
            // The line of the prompt is on the screen too.
            let rows = usize::from(size.rows).saturating_sub(lines.len() + 2).max(LEAST_ROWS);
            all = self.closing(record, rows, usize::from(size.columns));
        }
        all.extend(lines);
        self.write(&all)?;
        self.out.flush()
    }

    fn closing(&self, record: &RunRecord, rows: usize, columns: usize) -> Vec<String> {
        let groups = closing::groups(record, &self.failed_before, rows, columns.saturating_sub(1));
        let mut lines = Vec::new();
        for group in groups {
            lines.push(self.paint(&group.heading, Style::new().bold()));
            lines.extend(group.tests.iter().map(|(mark, text)| match *mark {
                "" => format!("  {text}"),
                "KNOWN" => format!("  {} {text}", self.label(mark, AnsiColor::Yellow)),
                mark => format!("  {} {text}", self.label(mark, AnsiColor::Red)),
            }));
        }
        if !lines.is_empty() {
            lines.insert(0, String::new());
        }
        lines
    }

    fn last_lines(&self, record: &RunRecord, reports: &[(&str, String)]) -> Vec<String> {
        let mut lines = vec![String::new(), self.counts(record)];
        lines.extend(words::kept_results(record));
        lines.extend(words::machines(record));
        lines.extend(self.not_run(record));
        lines.extend(self.skips(record));
        for verdict in verdict::of_images(record) {
            let colour = match verdict.standing {
                verdict::Standing::Passes => AnsiColor::Green,
                verdict::Standing::NotTested => AnsiColor::Yellow,
                verdict::Standing::Fails => AnsiColor::Red,
            };
            lines.push(self.paint(&verdict.sentence(), Style::new().bold().fg_color(Some(colour.into()))));
        }
        if let Some(why) = verdict::unexplained(record) {
            lines.push(self.paint(&format!("the run is not a pass: {why}"), Style::new().bold()));
        }
        if record.accelerator.kind == "tcg" {
            lines.push("Timings are from emulation; do not compare with hardware".into());
        }
        let width = reports.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, path) in reports {
            lines.push(format!("{:<width$}  {}", one_line(name, NAME), one_line(path, 4096)));
        }
        lines
    }

    fn notice(&mut self, text: &str, lines: &mut Vec<String>) {
        let text = one_line(text, 400);
        if !self.notices.contains(&text) {
            lines.push(format!("{} {text}", self.label("note:", AnsiColor::Cyan)));
            self.notices.push(text);
        }
    }

    /// Tests that did not run, one line for each image and cause: the error itself stands above, once.
    fn not_run(&self, record: &RunRecord) -> Vec<String> {
        let mut causes: BTreeMap<(&str, String), usize> = BTreeMap::new();
        for test in record.tests.iter().filter(|test| test.outcome == Outcome::NotRun) {
            *causes.entry((&test.image, words::without_line(&words::headline(test).1))).or_default() += 1;
        }
        let several = record.images.len() > 1;
        let lines = causes.into_iter().map(|((image, cause), count)| {
            let on = if several { format!(" on {}", one_line(image, NAME)) } else { String::new() };
            let line = format!("{count} test{} not run{on}: {cause}", muster_base::text::plural(count));
            self.paint(&line, Style::new().fg_color(Some(AnsiColor::Red.into())))
        });
        words::bounded(lines.collect(), 10)
    }

    fn slow(&self, slow: &Slow, over: &str) -> String {
        let name = format!("{} [{}]", one_line(&slow.name, 2 * NAME), one_line(&slow.image, NAME));
        let (took, usual) = (words::seconds(slow.seconds), words::seconds(slow.usual));
        format!("{} {name}  ({over}{took}, usually {usual})", self.label("SLOW", AnsiColor::Yellow))
    }

    fn test(&self, test: &TestRecord, lines: &mut Vec<String>) {
        let name = format!("{} [{}]", one_line(&test.name(), 2 * NAME), one_line(&test.image, NAME));
        let took = words::seconds(test.seconds);
        let (_, headline) = words::headline(test);
        if let Some(kept) = words::kept(test) {
            if matches!(test.outcome, Outcome::Fail | Outcome::Error | Outcome::NotRun) {
                let mark = if test.outcome == Outcome::NotRun { "NOT RUN" } else { words::mark(test.outcome) };
                lines.push(format!("{} {name}, {kept}", self.label(mark, AnsiColor::Red)));
                lines.push(format!("  {headline}"));
            }
            return;
        }
        let before = words::before(test).map(|before| format!("; {before}")).unwrap_or_default();
        match test.outcome {
            // A failure is never overwritten by a pass in silence.
            Outcome::Pass if words::did_not_pass_before(test) => {
                lines.push(format!("{} {name}  ({took}){before}", self.label("PASS", AnsiColor::Green)));
            }
            Outcome::Pass if self.options.verbose => {
                lines.push(format!("{} {name}  ({took})", self.label("PASS", AnsiColor::Green)));
            }
            Outcome::Skip if self.options.verbose => {
                lines.push(format!("{} {name}: {headline}", self.label("SKIP", AnsiColor::Yellow)));
            }
            Outcome::NotRun if self.options.verbose => {
                lines.push(format!("NOT RUN {name}: {headline}"));
            }
            Outcome::Pass | Outcome::Skip | Outcome::NotRun => {}
            Outcome::Known => lines.push(format!("{} {name}: {headline}", self.label("KNOWN", AnsiColor::Yellow))),
            Outcome::Flaky => lines.push(format!(
                "{} {name}  ({took}): passed on a retry after: {headline}",
                self.label("FLAKY", AnsiColor::Yellow)
            )),
            Outcome::Fail | Outcome::Error => {
                let mark = self.label(words::mark(test.outcome), AnsiColor::Red);
                lines.push(format!("{mark} {name}  ({took}){before}"));
                lines.extend(self.failures(test));
            }
        }
        // Remarks on passes are for whoever asks; the record has all of them.
        let shown = self.options.verbose || !matches!(test.outcome, Outcome::Pass | Outcome::Skip | Outcome::NotRun);
        for remark in test.remarks.iter().filter(|_| shown) {
            lines.push(format!("      note: {}", one_line(remark, 400)));
        }
    }

    fn failures(&self, test: &TestRecord) -> Vec<String> {
        let mut lines = Vec::new();
        if test.failures.is_empty() {
            lines.push(format!("  {}", words::headline(test).1));
        }
        for failure in &test.failures {
            let id = self.paint(&one_line(failure.id.as_str(), NAME), Style::new().dimmed());
            lines.push(format!("  {}  {id}", one_line(&failure.message, 400)));
            let values = words::ends(words::values(failure), DETAIL_LINES);
            lines.extend(values.into_iter().map(|value| format!("      {}", cut(&value))));
            if let Some(location) = &failure.location {
                lines.push(format!("      {}", one_line(&location.to_string(), 400)));
            }
            let detail = words::ends(words::detail(failure), DETAIL_LINES);
            lines.extend(detail.into_iter().map(|detail| format!("        {}", cut(&detail)).trim_end().to_owned()));
        }
        if let Some(resume) = words::resume(test) {
            lines.push(format!("  enter its machine: {resume}"));
        }
        lines.push(format!("  run it again: {}", one_line(&test.rerun, 1000)));
        lines
    }

    fn counts(&self, record: &RunRecord) -> String {
        let counts: Vec<String> = Outcome::ALL
            .iter()
            .map(|outcome| (*outcome, record.tests.iter().filter(|test| test.outcome == *outcome).count()))
            .filter(|(outcome, count)| *count > 0 || *outcome == Outcome::Pass)
            .map(|(outcome, count)| {
                let colour = match outcome {
                    Outcome::Pass => AnsiColor::Green,
                    Outcome::Fail | Outcome::Error | Outcome::NotRun => AnsiColor::Red,
                    _ => AnsiColor::Yellow,
                };
                let word = if outcome == Outcome::NotRun { "not run" } else { outcome.name() };
                let word = self.paint(word, Style::new().fg_color(Some(colour.into())));
                format!("{count} {word}")
            })
            .collect();
        let images = record.images.len();
        let noun = if record.tests.len() == 1 { "test" } else { "tests" };
        let on = if images == 1 { "1 image".to_owned() } else { format!("{images} images") };
        format!("{} {noun} on {on}: {}", record.tests.len(), counts.join(", "))
    }

    /// Skips by reason, the most frequent first; each listed above already when verbose.
    fn skips(&self, record: &RunRecord) -> Vec<String> {
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for test in record.tests.iter().filter(|test| test.outcome == Outcome::Skip) {
            *reasons.entry(words::headline(test).1).or_default() += 1;
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let lines = reasons.into_iter().map(|(reason, count)| format!("  {count} skipped: {reason}")).collect();
        words::bounded(lines, 10)
    }

    fn label(&self, word: &str, colour: AnsiColor) -> String {
        self.paint(word, Style::new().bold().fg_color(Some(colour.into())))
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.options.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
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

/// A line no longer than a person reads; the reports have the whole.
fn cut(line: &str) -> String {
    if line.chars().count() <= 300 {
        return line.to_owned();
    }
    line.chars().take(299).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    fn shown(mode: Mode, options: Options) -> String {
        let mut terminal = Terminal::new(Vec::new(), mode, options);
        let events = sample::events();
        for event in &events {
            terminal.apply(event).unwrap();
        }
        let reports =
            [("junit", "reports/runs/r/junit.xml".to_owned()), ("record", "reports/runs/r/run.json".to_owned())];
        terminal.summary(&Recorder::fold(&events), &reports).unwrap();
        String::from_utf8(terminal.out).unwrap()
    }

    #[test]
    fn plain() {
        insta::assert_snapshot!(shown(Mode::Plain, Options::default()));
    }

    #[test]
    fn quiet() {
        insta::assert_snapshot!(shown(Mode::Quiet, Options::default()));
    }

    #[test]
    fn results_of_earlier_runs_are_told_from_those_of_this_one() {
        use muster_record::run::EarlierOutcome;
        let mut terminal = Terminal::new(Vec::new(), Mode::Plain, Options::default());
        let before =
            EarlierOutcome { run: "r1".into(), outcome: Outcome::Fail, failure: None, suite: None, image: None };
        let now = |id: &str, outcome| TestRecord { earlier: vec![before.clone()], ..sample::test("s", id, outcome) };
        let kept = |id: &str, outcome| TestRecord { kept_from: Some("r1".into()), ..sample::test("s", id, outcome) };
        let skip = TestRecord { failures: vec![], ..kept("d", Outcome::Error) };
        let tests = [now("a", Outcome::Pass), now("b", Outcome::Fail), kept("c", Outcome::Pass), skip];
        for test in &tests {
            terminal.apply(&Event::TestFinished { record: Box::new(test.clone()) }).unwrap();
        }
        terminal.summary(&RunRecord { tests: tests.to_vec(), ..RunRecord::default() }, &[]).unwrap();
        let text = String::from_utf8(terminal.out).unwrap();
        assert!(text.contains("PASS s/a [lab]  (1.2 s); fail in r1\n"), "{text}");
        assert!(text.contains("FAIL s/b [lab]  (1.2 s); fail in r1\n"), "{text}");
        assert!(text.contains("ERROR s/d [lab], kept from r1: it did not run again\n"), "{text}");
        assert!(!text.contains("s/c"), "{text}");
        assert!(text.contains("\n2 of them ran now; 2 are kept from r1\n"), "{text}");
    }

    #[test]
    fn verbose_lists_passes_and_skips() {
        let text = shown(Mode::Plain, Options { verbose: true, ..Options::default() });
        assert!(text.contains("\nPASS base/nginx-serves [lab]  (1.2 s)\n"), "{text}");
        assert!(
            text.contains("\nSKIP base/nginx-after-reboot [lab]: it needs nginx-version, which failed\n"),
            "{text}"
        );
    }

    #[test]
    fn without_colour_there_is_no_control_character_and_no_forged_line() {
        for mode in [Mode::Plain, Mode::Quiet] {
            let text = shown(mode, Options { verbose: true, ..Options::default() });
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
            assert!(!text.lines().any(|line| line.starts_with("PASS base/forged")), "{text}");
        }
    }

    #[test]
    fn the_last_lines_of_a_command_that_failed_are_shown() {
        use muster_base::failure::{self, Failure};
        let mut terminal = Terminal::new(Vec::new(), Mode::Plain, Options::default());
        let output: String = (1..=500).map(|number| format!("line {number}\n")).collect();
        let mut record = sample::test("s", "t", Outcome::Fail);
        let detail = format!("exit status 1\nstdout:\n{output}why it failed\x1b[2J\nstderr: (empty)\n");
        record.failures = vec![Failure::new(failure::STEP_INSTALL, "m").with_detail(detail)];
        terminal.apply(&Event::TestFinished { record: Box::new(record) }).unwrap();
        let text = String::from_utf8(terminal.out).unwrap();
        assert!(text.contains("        exit status 1\n        stdout:\n        line 1\n"), "{text}");
        assert!(text.contains("        line 500\n        why it failed\\x1b[2J\n        stderr: (empty)\n"), "{text}");
        assert!(text.contains("lines left out]") && text.lines().count() < DETAIL_LINES + 10, "{text}");
    }

    #[test]
    fn colour_is_only_ours() {
        let text = shown(Mode::Plain, Options { colour: true, ..Options::default() });
        assert!(text.contains("\x1b[1m\x1b[31mFAIL\x1b[0m base/nginx-version"), "{text:?}");
        let ours = regex::Regex::new("\x1b\\[[0-9]+m").unwrap();
        assert!(!ours.replace_all(&text, "").contains('\x1b'));
    }

    #[test]
    fn a_machine_that_cannot_be_had_is_one_error_and_one_line() {
        use muster_base::failure::{self, Failure};
        let record =
            |suite: &str, test: &str, outcome| TestRecord { machine: None, ..sample::test(suite, test, outcome) };
        let why = Failure::new(failure::REMOTE_UNREACHABLE, "nobody answers");
        let mut health = record("machine", "health", Outcome::Error);
        health.failures = vec![why.clone()];
        let not_run = |test: &str| TestRecord {
            skipped: Some(muster_record::names::no_machine(&why)),
            ..record("base", test, Outcome::NotRun)
        };
        let tests = vec![health, not_run("a"), not_run("b"), not_run("c")];
        let mut terminal = Terminal::new(Vec::new(), Mode::Quiet, Options::default());
        for record in &tests {
            terminal.apply(&Event::TestFinished { record: Box::new(record.clone()) }).unwrap();
        }
        terminal.summary(&RunRecord { tests, ..RunRecord::default() }, &[]).unwrap();
        let text = String::from_utf8(terminal.out).unwrap();
        let listed: Vec<_> = text.lines().filter(|line| line.starts_with("ERROR ") && line.contains('[')).collect();
        assert_eq!(listed, ["ERROR machine/health [lab]  (1.2 s)"], "{text}");
        let block = "\n3 tests not run: no machine (remote.unreachable, see machine/health): nobody answers\n";
        assert!(text.contains(block) && !text.contains("base/"), "{text}");
        assert!(text.contains("4 tests on 0 images: 0 pass, 1 error, 3 not run\n"), "{text}");
        assert!(text.contains("\nERROR lab: 0 passed, 1 error, 3 not run; no test ran"), "{text}");
    }

    #[test]
    fn what_takes_far_longer_than_usual_is_said_while_it_runs_and_once() {
        let mut usual = Durations::default();
        usual.learn(&[TestRecord { seconds: 2.0, ..sample::test("base", "slow", Outcome::Pass) }]);
        let started =
            Event::TestStarted { suite: "base".into(), test: "slow".into(), image: "lab".into(), machine: "m".into() };
        let shown = |mode: Mode, running: bool| {
            let mut terminal = Terminal::new(Vec::new(), mode, Options::default()).expecting(usual.clone());
            let begun = Instant::now();
            terminal.apply(&started).unwrap();
            if running {
                terminal.tick(begun + std::time::Duration::from_secs(30)).unwrap();
            }
            let record = TestRecord { seconds: 31.0, ..sample::test("base", "slow", Outcome::Pass) };
            terminal.apply(&Event::TestFinished { record: Box::new(record) }).unwrap();
            String::from_utf8(terminal.out).unwrap()
        };
        let said = shown(Mode::Plain, true);
        assert!(said.starts_with("SLOW base/slow [lab]  (over ") && said.ends_with(", usually 2.0 s)\n"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(shown(Mode::Plain, false), "SLOW base/slow [lab]  (31.0 s, usually 2.0 s)\n");
        assert_eq!(shown(Mode::Quiet, true), "");
    }

    #[test]
    fn a_ci_server_gets_its_lines_and_none_that_a_guest_made() {
        for (server, shown_as_errors, fold, unfold) in [
            (Server::Github, 1, "::group::", "::endgroup::"),
            (Server::Azure, 1, "##[group]", "##[endgroup]"),
            (Server::Gitlab, 0, "\x1b[0Ksection_start:", "\x1b[0Ksection_end:"),
        ] {
            let options = Options { server: Some(server), disarm: true, ..Options::default() };
            let text = shown(Mode::Quiet, options);
            let lines: Vec<&str> = text.split('\n').collect();
            let count = |part: &str| lines.iter().filter(|line| line.starts_with(part)).count();
            let open = sample::tests().iter().filter(|t| matches!(t.outcome, Outcome::Fail | Outcome::Error)).count();
            assert!(text.contains("all of base/hostile [lab]\n"), "{text}");
            assert!(count(fold) > 0 && count(fold) == count(unfold), "{text}");
            assert_eq!(count("::error ") + count("##vso[task.logissue type=error;"), shown_as_errors * open, "{text}");

            // The same with a guest that tries to give commands: not one more line is a command.
            let mut terminal = Terminal::new(Vec::new(), Mode::Quiet, options);
            let mut record = sample::test("base", "forges", Outcome::Fail);
            let said = "::error::x\n  ::set-env name=A::b\n##[add-path]x\nx ##vso[task.complete result=Succeeded;]\n";
            let failure =
                muster_base::failure::Failure::new(muster_base::failure::STEP_RUN, said).with_detail(said.repeat(9));
            record.failures = vec![failure];
            terminal.apply(&Event::TestFinished { record: Box::new(record) }).unwrap();
            terminal.apply(&Event::Notice { text: "::warning::note ##vso[x]".into() }).unwrap();
            let text = String::from_utf8(terminal.out).unwrap();
            let commands = text.split('\n').filter(|line| {
                let line = line.trim_start();
                line.starts_with("::") || line.starts_with("##") || line.contains("##vso[") || line.contains("##[")
            });
            let expected = if server == Server::Gitlab { 0 } else { 3 };
            assert_eq!(commands.count(), expected, "{text}");
        }
    }

    #[test]
    fn notices_are_said_once() {
        let mut terminal = Terminal::new(Vec::new(), Mode::Quiet, Options::default());
        for _ in 0..3 {
            terminal.apply(&Event::Notice { text: "the seed was ignored".into() }).unwrap();
        }
        assert_eq!(String::from_utf8(terminal.out).unwrap(), "note: the seed was ignored\n");
    }

    /// What a terminal of this width shows after it was sent this, and how many of its lines were broken: text, newlines,
    /// and the three sequences by which what goes on is taken away. Styles are left out.
    fn screen_after(text: &str, columns: usize) -> (Vec<String>, usize) {
        let styles = regex::Regex::new("\x1b\\[[0-9]+m").unwrap();
        let (mut lines, mut row, mut broken) = (vec![String::new()], 0, 0);
        let text = styles.replace_all(text, "");
        let mut rest = &*text;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("\r\x1b[") {
                let (up, after) = after.split_once("A\x1b[J").expect("the lines are taken away");
                row -= up.parse::<usize>().expect("a number of lines");
                lines.truncate(row);
                lines.push(String::new());
                rest = after;
                continue;
            }
            match c {
                '\n' => {
                    row += 1;
                    lines.push(String::new());
                }
                c => {
                    assert!(!c.is_control(), "{c:?} in {rest:?}");
                    if lines[row].chars().count() == columns {
                        broken += 1;
                        row += 1;
                        lines.push(String::new());
                    }
                    lines[row].push(c);
                }
            }
            rest = &rest[c.len_utf8()..];
        }
        (lines, broken)
    }

    fn of_size(columns: u16, rows: u16) -> Mode {
        Mode::Interactive(Box::new(move || TerminalSize { columns, rows }))
    }

    #[test]
    fn what_goes_on_stands_below_all_lines_and_is_gone_at_the_end() {
        for (columns, colour) in [(40, true), (100, false)] {
            let options = Options { colour, ..Options::default() };
            let mut terminal = Terminal::new(Vec::new(), of_size(columns, 24), options);
            let events = sample::events();
            let mut seen = Vec::new();
            for (minute, event) in (1..).zip(&events) {
                terminal.apply(event).unwrap();
                terminal.tick(Instant::now() + Duration::from_secs(60 * minute)).unwrap();
                let so_far = String::from_utf8(terminal.out.clone()).unwrap();
                let (lines, _) = screen_after(&so_far, usize::from(columns));
                assert_eq!(lines.last().map(String::as_str), Some(""), "the cursor begins a line: {lines:#?}");
                seen.extend(lines.iter().rev().skip(1).take(4).cloned());
            }
            terminal.summary(&Recorder::fold(&events), &[]).unwrap();
            let text = String::from_utf8(terminal.out).unwrap();
            let (lines, _) = screen_after(&text, usize::from(columns));
            let goes_on = |line: &String| {
                ["BOOT ", "TEST ", "[#", "[--"].iter().any(|begin| line.starts_with(begin)) || line.starts_with("11/11")
            };
            assert!(!lines.iter().any(goes_on), "{lines:#?}");
            for part in ["BOOT m1 [lab] ", "BOOT m2 [lab-immutable] "] {
                assert!(seen.iter().any(|line| line.starts_with(part)), "{part}: {seen:#?}");
            }
            assert!(seen.iter().any(|line| line.contains(if columns == 40 { "11/11" } else { "11 of 11 tests" })));
            assert_eq!(lines.iter().filter(|line| line.starts_with("FAIL base/nginx-version [lab]")).count(), 1);
            let closing = lines.iter().position(|line| line == "Failures (4 tests):").expect("the end has them");
            assert!(lines[closing + 1].starts_with("  ERROR machine/health"), "{lines:#?}");
            assert!(lines[closing + 4].starts_with("  ERROR kernel.core"), "{lines:#?}");
        }
    }

    #[test]
    fn what_goes_on_breaks_no_line_also_when_the_terminal_becomes_narrow() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicU16, Ordering};
        let columns = Arc::new(AtomicU16::new(100));
        let measured = columns.clone();
        let measure = move || TerminalSize { columns: measured.load(Ordering::Relaxed), rows: 24 };
        let mut terminal = Terminal::new(Vec::new(), Mode::Interactive(Box::new(measure)), Options::default());
        let events = sample::events();
        let later = Instant::now() + Duration::from_secs(60);
        for event in &events[..9] {
            terminal.apply(event).unwrap();
        }
        terminal.tick(later).unwrap();
        let wide = terminal.out.len();
        columns.store(40, Ordering::Relaxed);
        terminal.tick(later + Duration::from_secs(1)).unwrap();
        let text = String::from_utf8(terminal.out.split_off(wide)).unwrap();
        let (up, drawn) = text
            .strip_prefix("\r\x1b[")
            .and_then(|text| text.split_once("A\x1b[J"))
            .expect("what was drawn is taken away");
        // Two machines and how far the run is; the line about the one that says something is broken in three.
        assert_eq!(up, "5", "{text:?}");
        assert_eq!(screen_after(drawn, 40).1, 0, "{drawn:?}");
        assert!(drawn.lines().all(|line| line.chars().count() < 40), "{drawn:?}");
    }

    #[test]
    fn what_goes_on_carries_no_escape_of_a_guest() {
        let mut terminal = Terminal::new(Vec::new(), of_size(100, 40), Options::default());
        for event in &sample::events() {
            terminal.apply(event).unwrap();
        }
        let hostile =
            Event::TestStarted { suite: "s\x1b[2J".into(), test: "t\n".into(), image: "i".into(), machine: "m".into() };
        terminal.apply(&hostile).unwrap();
        terminal.tick(Instant::now() + Duration::from_secs(1)).unwrap();
        let drawn = String::from_utf8(terminal.out).unwrap();
        assert!(drawn.contains("TEST s\\x1b[2J/t [i] 1 s"), "{drawn:?}");
        assert!(!drawn.contains("\x1b[2J"), "{drawn:?}");
    }
}
