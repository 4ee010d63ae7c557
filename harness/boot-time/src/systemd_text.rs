//! What `systemd-analyze [time]`, `blame` and `critical-chain` print, for systems that are reached over SSH and for logs that are
//! imported. A guest that muster boots is measured by time stamps instead.
//!
//! Untrusted: at most [`MAX_BYTES`] and [`MAX_LINES`] are read, a unit's name has the characters that systemd allows in one, and what
//! is not understood is an error that names its line.

use std::borrow::Cow;

use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::text::one_line;

use crate::sample::PhaseName;

/// Bytes that are read at most.
pub const MAX_BYTES: usize = 4 << 20;
/// Lines that are read at most.
pub const MAX_LINES: usize = 20_000;
/// Characters of a line that an error repeats.
const SHOWN: usize = 120;

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// More than [`MAX_BYTES`].
    #[error("{command} printed {bytes} bytes; at most {MAX_BYTES} are read")]
    TooLarge {
        /// Which command.
        command: Command,
        /// How many.
        bytes: usize,
    },
    /// More than [`MAX_LINES`].
    #[error("{command} printed more than {MAX_LINES} lines")]
    TooManyLines {
        /// Which command.
        command: Command,
    },
    /// No line of it is what the command prints.
    #[error("{command} printed nothing that says what a boot took")]
    Nothing {
        /// Which command.
        command: Command,
    },
    /// A line that the command does not print.
    #[error("{command}, line {line}: not understood: `{text}`")]
    Line {
        /// Which command.
        command: Command,
        /// From 1.
        line: usize,
        /// The line, escaped and bounded.
        text: String,
    },
    /// Where a time should be, something else is.
    #[error("{command}, line {line}: `{text}` is not a time as systemd writes it")]
    Span {
        /// Which command.
        command: Command,
        /// From 1.
        line: usize,
        /// What stands there, escaped and bounded.
        text: String,
    },
    /// A phase that is none of [`PhaseName`].
    #[error("{command}, line {line}: `{text}` is not a phase of a boot")]
    Phase {
        /// Which command.
        command: Command,
        /// From 1.
        line: usize,
        /// What stands there, escaped and bounded.
        text: String,
    },
}

impl Fault for TextError {
    fn exit(&self) -> Exit {
        Exit::Invalid
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::TooLarge { .. } | Self::TooManyLines { .. } => "keep the output of one command of one boot",
            Self::Nothing { .. } => "run the command on the system and keep all that it prints, also to stderr",
            Self::Line { .. } | Self::Span { .. } | Self::Phase { .. } => {
                "keep the command's own output, unchanged; set LC_ALL=C and SYSTEMD_COLORS=0 where it was made"
            }
        };
        Some(hint.into())
    }
}

/// Which of the commands printed a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `systemd-analyze time`, or without an argument.
    Time,
    /// `systemd-analyze blame`.
    Blame,
    /// `systemd-analyze critical-chain`.
    CriticalChain,
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Time => "systemd-analyze time",
            Self::Blame => "systemd-analyze blame",
            Self::CriticalChain => "systemd-analyze critical-chain",
        })
    }
}

/// What a command answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// The boot was over.
    Finished(T),
    /// `Bootup is not yet finished`: there is nothing to measure yet, or start jobs hang.
    NotFinished,
}

/// What `systemd-analyze time` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// Phases and what they took, in microseconds, in the order of the line.
    pub phases: Vec<(PhaseName, u64)>,
    /// What a soft reboot took until systemd ran again; then there are no phases before userspace, and it is not a boot of a machine.
    pub soft_reboot: Option<u64>,
    /// As the line says, in microseconds; the sum of its parts where it says none (containers).
    pub total: u64,
    /// What it says of the default target; none when it says nothing.
    pub target: Option<Target>,
}

impl Startup {
    /// Whether the parts come to the total, each of them cut to a millisecond. Where they do not, the line was changed, or a unit of
    /// time misprinted, and neither is to be compared with anything.
    pub fn adds_up(&self) -> bool {
        let parts = self.phases.iter().map(|(_, micros)| *micros).chain(self.soft_reboot);
        let sum = parts.fold(0, u64::saturating_add);
        self.total.abs_diff(sum) <= 1_000 * (self.phases.len() as u64 + 1)
    }
}

/// What `systemd-analyze time` says of the default target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Microseconds of userspace after which it was reached.
    Reached {
        /// Its name.
        unit: String,
        /// Microseconds.
        after: u64,
    },
    /// `graphical.target was never reached`: the boot ended without it.
    NeverReached {
        /// Its name.
        unit: String,
    },
    /// systemd could not say when, or knows no default target.
    Unknown,
}

/// A line of `systemd-analyze blame`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blamed {
    /// The unit.
    pub unit: String,
    /// Microseconds of its activation.
    pub micros: u64,
}

/// A line of `systemd-analyze critical-chain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chained {
    /// The unit.
    pub unit: String,
    /// How deep in the tree; 0 is a root.
    pub depth: usize,
    /// Microseconds of userspace after which its activation began, or, of one without an activation that takes time, ended.
    pub at: Option<u64>,
    /// Microseconds of its activation.
    pub took: Option<u64>,
}

/// Reads what `systemd-analyze time` printed. Lines before it (of a login, of a journal) are passed over.
pub fn time(text: &str) -> Result<Answer<Startup>, TextError> {
    let command = Command::Time;
    let mut lines = lines(text, command)?;
    let startup = loop {
        let Some((number, line)) = lines.next() else { return Err(TextError::Nothing { command }) };
        if is_not_finished(&line) {
            return Ok(Answer::NotFinished);
        }
        if let Some((_, parts)) = line.split_once("Startup finished in ") {
            break startup(parts.trim_end(), number)?;
        }
    };
    let mut target = None;
    for (number, line) in lines {
        target = target_of(line.trim(), number)?;
        if target.is_some() {
            break;
        }
    }
    Ok(Answer::Finished(Startup { target, ..startup }))
}

/// Reads what `systemd-analyze blame` printed, in its order.
pub fn blame(text: &str) -> Result<Answer<Vec<Blamed>>, TextError> {
    let command = Command::Blame;
    let mut blamed = Vec::new();
    for (number, line) in lines(text, command)? {
        let line = line.trim();
        if is_not_finished(line) {
            return Ok(Answer::NotFinished);
        }
        if line.is_empty() {
            continue;
        }
        let not_understood = || TextError::Line { command, line: number, text: one_line(line, SHOWN) };
        let (took, unit) = line.rsplit_once(char::is_whitespace).ok_or_else(not_understood)?;
        let unit = unit_name(unit).ok_or_else(not_understood)?;
        blamed.push(Blamed { unit, micros: span_at(took, command, number)? });
    }
    if blamed.is_empty() { Err(TextError::Nothing { command }) } else { Ok(Answer::Finished(blamed)) }
}

/// Reads what `systemd-analyze critical-chain` printed, in its order: the unit that was last comes first.
pub fn critical_chain(text: &str) -> Result<Answer<Vec<Chained>>, TextError> {
    let command = Command::CriticalChain;
    let mut chain = Vec::new();
    for (number, line) in lines(text, command)? {
        let line = line.trim_end();
        if is_not_finished(line) {
            return Ok(Answer::NotFinished);
        }
        let (depth, rest) = tree(line);
        // Two lines say what the characters mean; `...` stands for units that were printed before.
        if rest.is_empty() || line.starts_with("The time ") || rest == "..." {
            continue;
        }
        let (unit, times) = rest.split_once(' ').unwrap_or((rest, ""));
        let not_understood = || TextError::Line { command, line: number, text: one_line(line, SHOWN) };
        let unit = unit_name(unit).ok_or_else(not_understood)?;
        let (at, took) = match times.split_once('+') {
            Some((at, took)) => (at.trim(), Some(took)),
            None => (times.trim(), None),
        };
        let at = match at.strip_prefix('@') {
            Some(at) => Some(span_at(at, command, number)?),
            None if at.is_empty() => None,
            None => return Err(not_understood()),
        };
        let took = took.map(|took| span_at(took, command, number)).transpose()?;
        chain.push(Chained { unit, depth, at, took });
    }
    if chain.is_empty() { Err(TextError::Nothing { command }) } else { Ok(Answer::Finished(chain)) }
}

/// Microseconds of a time as systemd writes it: `2y 11month 3w 5d 8h 7min 53.958s`, `2.020ms`, `12us`, `0`. None for anything else.
///
/// A year is 365.25 days and a month a twelfth of it, as in systemd.
pub fn span(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 9] = [
        ("y", 31_557_600_000_000),
        ("month", 2_629_800_000_000),
        ("w", 604_800_000_000),
        ("d", 86_400_000_000),
        ("h", 3_600_000_000),
        ("min", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1_000),
        ("us", 1),
    ];
    if text.trim() == "0" {
        return Some(0);
    }
    let (mut total, mut next) = (0u64, 0);
    for part in text.split_whitespace() {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = part.split_at(end);
        // Some versions write the Greek letter, which Unicode has twice.
        let unit = if matches!(unit, "µs" | "μs") { "us" } else { unit };
        // From large to small, each at most once.
        let place = UNITS.iter().position(|(name, _)| *name == unit).filter(|place| *place >= next)?;
        let (name, scale) = UNITS[place];
        next = place + 1;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let micros = whole.parse::<u64>().ok()?.checked_mul(scale)?;
        let below = match (number.contains('.'), name) {
            (false, _) => 0,
            (true, "s") => decimals(fraction, 6)?,
            (true, "ms") => decimals(fraction, 3)?,
            (true, _) => return None,
        };
        total = total.checked_add(micros)?.checked_add(below)?;
    }
    (next > 0).then_some(total)
}

/// `958` of six places is 958000.
fn decimals(digits: &str, places: usize) -> Option<u64> {
    let fits = (1..=places).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !fits {
        return None;
    }
    format!("{digits:0<places$}").parse().ok()
}

fn span_at(text: &str, command: Command, line: usize) -> Result<u64, TextError> {
    span(text).ok_or_else(|| TextError::Span { command, line, text: one_line(text, SHOWN) })
}

/// Numbered lines, without colours, when there are not too many.
fn lines(text: &str, command: Command) -> Result<impl Iterator<Item = (usize, Cow<'_, str>)>, TextError> {
    if text.len() > MAX_BYTES {
        return Err(TextError::TooLarge { command, bytes: text.len() });
    }
    if text.lines().nth(MAX_LINES).is_some() {
        return Err(TextError::TooManyLines { command });
    }
    Ok(text.lines().enumerate().map(|(index, line)| (index + 1, without_colours(line))))
}

fn is_not_finished(line: &str) -> bool {
    line.contains("Bootup is not yet finished")
}

/// The line without the sequences that set a terminal's colours.
fn without_colours(line: &str) -> Cow<'_, str> {
    if !line.contains('\x1b') {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        out.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(after.len());
        match after[end..].strip_prefix('m') {
            Some(next) => rest = next,
            // Something else: it stays, and no unit has such a name.
            None => {
                out.push('\x1b');
                rest = after;
            }
        }
    }
    Cow::Owned(out + rest)
}

/// `2.672s (kernel) + 7.635s (userspace) = 10.308s`.
fn startup(text: &str, line: usize) -> Result<Startup, TextError> {
    let command = Command::Time;
    let text = text.trim_end_matches('.');
    let (parts, stated) = match text.split_once('=') {
        Some((parts, total)) => (parts, Some(span_at(total, command, line)?)),
        None => (text, None),
    };
    let (mut phases, mut soft_reboot, mut sum) = (Vec::new(), None, 0u64);
    for part in parts.split('+') {
        let wrong = || TextError::Line { command, line, text: one_line(text, SHOWN) };
        let (took, name) = part.trim().split_once('(').ok_or_else(wrong)?;
        let name = name.strip_suffix(')').ok_or_else(wrong)?;
        let took = span_at(took, command, line)?;
        sum = sum.checked_add(took).ok_or_else(wrong)?;
        if name == "soft reboot" {
            soft_reboot = Some(took);
            continue;
        }
        let Some(phase) = PhaseName::ALL.into_iter().find(|phase| phase.name() == name) else {
            return Err(TextError::Phase { command, line, text: one_line(name, SHOWN) });
        };
        // In the order of a boot, each once.
        if phases.last().is_some_and(|(last, _)| *last >= phase) {
            return Err(wrong());
        }
        phases.push((phase, took));
    }
    Ok(Startup { phases, soft_reboot, total: stated.unwrap_or(sum), target: None })
}

/// The line about the default target; none when it is another line.
fn target_of(line: &str, number: usize) -> Result<Option<Target>, TextError> {
    let command = Command::Time;
    let named = |unit: &str| {
        unit_name(unit).ok_or_else(|| TextError::Line { command, line: number, text: one_line(line, SHOWN) })
    };
    let plain = line.trim_end_matches('.');
    if let Some((unit, after)) = plain.split_once(" reached after ") {
        let after = after.strip_suffix(" in userspace").unwrap_or(after);
        return Ok(Some(Target::Reached { unit: named(unit)?, after: span_at(after, command, number)? }));
    }
    if let Some(unit) = plain.strip_suffix(" was never reached") {
        return Ok(Some(Target::NeverReached { unit: named(unit)? }));
    }
    let unknown = line.starts_with("Could not get time to reach ") || line.starts_with("could not find default.target");
    Ok(unknown.then_some(Target::Unknown))
}

/// How deep a line of a tree is, and what stands behind its lines: drawn with `└─`, or in the C locale with `` `- ``.
fn tree(line: &str) -> (usize, &str) {
    let (mut depth, mut rest) = (0, line);
    loop {
        if let Some(next) = ["│ ", "| ", "  "].iter().find_map(|cell| rest.strip_prefix(cell)) {
            (depth, rest) = (depth + 1, next);
        } else if let Some(next) = ["├─", "└─", "|-", "`-"].iter().find_map(|cell| rest.strip_prefix(cell)) {
            return (depth + 1, next);
        } else {
            return (depth, rest);
        }
    }
}

/// A unit's name, when it is one that systemd allows: of these characters, with a known ending, of at most 255 bytes.
fn unit_name(text: &str) -> Option<String> {
    const KINDS: [&str; 11] =
        ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];
    let (stem, kind) = text.rsplit_once('.')?;
    let allowed = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte));
    (allowed && !stem.is_empty() && text.len() <= 255 && KINDS.contains(&kind)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished<T: std::fmt::Debug>(answer: Result<Answer<T>, TextError>) -> T {
        match answer {
            Ok(Answer::Finished(it)) => it,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_unit_of_time_is_read() {
        for (text, micros) in [
            ("2y 11month 3w 5d 8h 7min 53.958s", 94_318_673_958_000),
            ("1min 5.268s", 65_268_000),
            ("296ms", 296_000),
            ("2.020ms", 2_020),
            ("12us", 12),
            ("12µs", 12),
            ("1h 1s", 3_601_000_000),
            ("53.9s", 53_900_000),
            ("0", 0),
        ] {
            assert_eq!(span(text), Some(micros), "{text}");
        }
        for text in [
            "",
            "s",
            "5",
            "1.5min",
            "5s 1min",
            "5s 5s",
            "1..5s",
            "1.s",
            "-1s",
            "1.1234567s",
            "infinity",
            "1 s",
            "99999999999999999999s",
            "999999999y",
            "1us 1µs",
            "5sec",
            "١s",
        ] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    const FULL: &str = "Startup finished in 1.204s (firmware) + 806ms (loader) + 2.020ms (kernel) + 8.866s (initrd) + \
                        59.997s (userspace) = 1min 10.876s\ngraphical.target reached after 59.001s in userspace.\n";

    #[test]
    fn the_time_of_a_boot_has_its_phases_its_total_and_its_target() {
        let startup = finished(time(FULL));
        assert_eq!(startup.total, 70_876_000);
        assert_eq!(startup.phases.iter().map(|(name, _)| *name).collect::<Vec<_>>(), PhaseName::ALL);
        assert_eq!(startup.phases[2], (PhaseName::Kernel, 2_020));
        assert_eq!(startup.target, Some(Target::Reached { unit: "graphical.target".into(), after: 59_001_000 }));

        let container = finished(time("motd\nStartup finished in 296ms (userspace) \n"));
        assert_eq!((container.total, &container.target), (296_000, &None));
        let journal = finished(time("x systemd[1]: Startup finished in 1.5s (kernel) + 2s (userspace) = 3.500s."));
        assert_eq!(journal.total, 3_500_000);
        // A kernel phase of 2.020 ms where 2.020 s was meant, as logs that were copied by hand have it.
        let copied = "Startup finished in 2.020ms (kernel) + 8.866s (initrd) + 4.894s (userspace) = 15.780s";
        assert!(!finished(time(copied)).adds_up());
        assert!(startup.adds_up() && container.adds_up() && journal.adds_up());
        let soft = finished(time("Startup finished in 1.100s (soft reboot) + 2.200s (userspace) \n"));
        assert_eq!((soft.soft_reboot, soft.total), (Some(1_100_000), 3_300_000));
    }

    #[test]
    fn what_is_no_measured_boot_is_an_answer_of_its_own() {
        let not_finished = "Bootup is not yet finished (org.freedesktop.systemd1.Manager.FinishTimestampMonotonic=0).\n\
                            Please try again later.\nHint: Use 'systemctl list-jobs' to see active jobs\n";
        assert_eq!(time(not_finished), Ok(Answer::NotFinished));
        assert_eq!(blame(not_finished), Ok(Answer::NotFinished));
        assert_eq!(critical_chain(not_finished), Ok(Answer::NotFinished));
        for (line, target) in [
            ("graphical.target was never reached", Target::NeverReached { unit: "graphical.target".into() }),
            ("graphical.target was never reached.", Target::NeverReached { unit: "graphical.target".into() }),
            ("Could not get time to reach graphical.target.", Target::Unknown),
            ("could not find default.target.", Target::Unknown),
        ] {
            let startup = finished(time(&format!("Startup finished in 1s (kernel) + 2s (userspace) = 3s \n{line}\n")));
            assert_eq!(startup.target, Some(target), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error_with_its_line() {
        let command = Command::Time;
        for (text, expected) in [
            ("", TextError::Nothing { command }),
            ("a\nb\n", TextError::Nothing { command }),
            ("\nStartup finished in 1s (kernel) + x (userspace) = 1s", span_error(2, "x")),
            ("Startup finished in 1s (kernel) + 2s (userspace) = ", span_error(1, "")),
            ("Startup finished in 1s (warp) = 1s", TextError::Phase { command, line: 1, text: "warp".into() }),
            (
                "Startup finished in 2s (userspace) + 1s (kernel) = 3s",
                TextError::Line { command, line: 1, text: "2s (userspace) + 1s (kernel) = 3s".into() },
            ),
            (
                "Startup finished in 1s\u{1b}]0;x\u{7}",
                TextError::Line { command, line: 1, text: "1s\\x1b]0;x\\x07".into() },
            ),
        ] {
            assert_eq!(time(text), Err(expected), "{text}");
        }
        let error = blame("  5s a.service\n  6s rm -rf\n").unwrap_err();
        assert_eq!(error.to_string(), "systemd-analyze blame, line 2: not understood: `6s rm -rf`");
        assert!(error.hint().is_some());
        assert!(blame("5 parsecs a.service").is_err());
        assert!(critical_chain("a.target @1s\n└─b.service 1s").is_err());
        assert!(critical_chain("a.target @1s\n└─<script>.service @1s").is_err());
    }

    fn span_error(line: usize, text: &str) -> TextError {
        TextError::Span { command: Command::Time, line, text: text.into() }
    }

    #[test]
    fn blame_is_read_in_its_order() {
        let text = "2y 11month 3w 5d 8h 7min 53.958s plymouth-read-write.service\n  \
                    1min 5.268s dnf-makecache.service\n       2.020ms dev-disk-by\\x2dlabel-root.swap\n     \
                    12us getty@tty1.service\n";
        let blamed = finished(blame(text));
        assert_eq!(
            blamed.iter().map(|unit| unit.micros).collect::<Vec<_>>(),
            [94_318_673_958_000, 65_268_000, 2_020, 12]
        );
        assert_eq!(blamed[2].unit, "dev-disk-by\\x2dlabel-root.swap");
    }

    /// The lines that say what the characters mean, as all versions print them.
    const LEGEND: &str = "The time when unit became active or started is printed after the \"@\" character.\n\
                          The time the unit took to start is printed after the \"+\" character.\n\n";

    #[test]
    fn a_chain_reads_the_same_in_both_ways_to_draw_it() {
        let drawn = "multi-user.target @1min 7.281s\n├─sshd.service @1min 5.100s +2.181s\n│ └─network.target @5s\n│   \
                     └─...\n└─-.mount\n  └─system.slice @12ms\n";
        let plain = drawn.replace("├─", "|-").replace("└─", "`-").replace('│', "|");
        let coloured =
            drawn.replace("sshd.service @1min 5.100s +2.181s", "\x1b[0;1;31msshd.service @1min 5.100s +2.181s\x1b[0m");
        let chain = finished(critical_chain(&format!("{LEGEND}{drawn}")));
        let shape: Vec<(usize, &str)> = chain.iter().map(|link| (link.depth, link.unit.as_str())).collect();
        let expected =
            [(0, "multi-user.target"), (1, "sshd.service"), (2, "network.target"), (1, "-.mount"), (2, "system.slice")];
        assert_eq!(shape, expected);
        assert_eq!((chain[1].at, chain[1].took), (Some(65_100_000), Some(2_181_000)));
        assert_eq!((chain[3].at, chain[3].took), (None, None));
        assert!(coloured.contains('\x1b'));
        for other in [plain, coloured] {
            assert_eq!(finished(critical_chain(&format!("{LEGEND}{other}"))), chain, "{other}");
        }
    }

    #[test]
    fn what_is_read_is_bounded() {
        let long = "x".repeat(MAX_BYTES + 1);
        assert!(matches!(time(&long), Err(TextError::TooLarge { .. })));
        assert!(matches!(blame(&"1s a.service\n".repeat(MAX_LINES + 1)), Err(TextError::TooManyLines { .. })));
        assert_eq!(finished(blame(&"1s a.service\n".repeat(MAX_LINES))).len(), MAX_LINES);
        let error = blame(&format!("1s {}.service", "a".repeat(300))).unwrap_err();
        assert!(error.to_string().chars().count() < 200, "{error}");
    }
}
