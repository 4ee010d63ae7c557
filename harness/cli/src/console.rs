//! `muster console`: the console rules on logs that are already there, and its rules.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, stdin};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Serialize, Serializer};
use serde_json::json;

use super::error::CliError;
use super::load;
use super::output::{OutputFormat, say, say_error};
use super::packed::{PackedError, unpacked};
use muster_base::exit::Exit;
use muster_base::text::escape;
use muster_console::scan::{Scan, scan};
use muster_console::{Rules, Setting};
use muster_record::finding::{Finding, Severity};

/// The schema of what `scan --format json` prints.
pub(crate) const SCHEMA: &str = include_str!("../../../reports/schema/console-v1.json");

/// Lines before and after a finding that people are shown; programs get all.
const SHOWN: (usize, usize) = (2, 12);

/// Check console logs offline, and list the rules
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster console scan console.log --format json")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check logs as a run checks its consoles
    #[command(
        after_help = "Exit codes: 0 nothing of severity fail or fatal · 1 something · 2 invalid rules or usage, or a file \
        that cannot be read or is no log: empty or binary · 3 a program that would unpack one is missing\n\n\
        --format json prints one object, {schema, at-least, files}; `muster schema console` describes it\n\
        Example: muster console scan /var/log/serial.log - <other.log"
    )]
    Scan {
        /// Logs, plain or packed by gzip, xz, zstd or bzip2, in whatever form journalctl, dmesg and syslog daemons print
        /// them; `-` is stdin
        #[arg(required = true)]
        files: Vec<Utf8PathBuf>,
        /// Rules in addition to the shipped ones: a file or a directory; may be repeated
        #[arg(long, value_name = "FILE")]
        rules: Vec<Utf8PathBuf>,
        /// The mildest severity that is reported
        #[arg(long, value_enum, default_value_t = Level::Warn, value_name = "SEVERITY")]
        at_least: Level,
        /// The guest was emulated: rules about slowness do not count
        #[arg(long)]
        emulated: bool,
        /// How findings are printed: text for people (the worst first, repeats grouped), json for programs (one object,
        /// in the order of the log)
        #[arg(long, value_enum, default_value_t)]
        format: OutputFormat,
    },
    /// List the rules: severity, category, name, and why
    #[command(after_help = "Example: muster console rules --rules mine.yaml")]
    Rules {
        /// Rules in addition to the shipped ones: a file or a directory; may be repeated
        #[arg(long, value_name = "FILE")]
        rules: Vec<Utf8PathBuf>,
        /// How rules are printed: text for people, json for programs (an array of objects)
        #[arg(long, value_enum, default_value_t)]
        format: OutputFormat,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Level {
    Info,
    Warn,
    Fail,
    Fatal,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Fail => Self::Fail,
            Level::Fatal => Self::Fatal,
        }
    }
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    match arguments.command {
        Command::Scan { files, rules, at_least, emulated, format } => {
            let setting = Setting { rules: self::rules(&rules)?, emulated, resets_watched: false };
            Ok(scan_all(&files, &setting, at_least.into(), format))
        }
        Command::Rules { rules, format } => {
            let rules = self::rules(&rules)?;
            match format {
                OutputFormat::Text => say(list(&rules).trim_end()),
                OutputFormat::Json => {
                    let rows: Vec<RuleRow> = rules.all().iter().map(RuleRow::new).collect();
                    say(&serde_json::to_string_pretty(&rows).unwrap_or_default());
                }
            }
            Ok(Exit::Pass)
        }
    }
}

/// The shipped rules and those of the files; everything that is wrong with them is printed.
pub(crate) fn rules(files: &[Utf8PathBuf]) -> Result<Arc<Rules>, CliError> {
    Rules::with_user_files(files).map_err(|diagnostics| {
        load::report(&diagnostics);
        CliError::reported(Exit::Invalid)
    })
}

fn scan_all(files: &[Utf8PathBuf], setting: &Setting, at_least: Severity, format: OutputFormat) -> Exit {
    let mut rows = Vec::new();
    for file in files {
        let row = match read(file, setting) {
            Ok(scan) => FileRow::new(file, &scan, at_least),
            Err(refusal) => FileRow::refused(file, refusal),
        };
        if format == OutputFormat::Text {
            match &row.error {
                Some(error) => say_error(&format!("error: {}: {}", escape(file.as_str()), escape(error))),
                None => say(row.text().trim_end()),
            }
        }
        rows.push(row);
    }
    let exit = match () {
        () if rows.iter().any(|row| row.host_lacks) => Exit::Error,
        // Nothing was found in it, since nothing could be.
        () if rows.iter().any(|row| row.error.is_some()) => Exit::Invalid,
        () if rows.iter().any(FileRow::fails) => Exit::Failed,
        () => Exit::Pass,
    };
    if format == OutputFormat::Json {
        let document = Document { schema: "console/v1", at_least: at_least.name(), files: rows };
        say(&serde_json::to_string_pretty(&document).unwrap_or_default());
    }
    exit
}

/// Why a file has no findings.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Packed(#[from] PackedError),
    #[error("the file {what}; a log of text is wanted{instead}")]
    NoLog { what: &'static str, instead: &'static str },
}

fn read(file: &Utf8Path, setting: &Setting) -> Result<Scan, Refusal> {
    let source: Box<dyn Read> = match file.as_str() {
        "-" => Box::new(stdin().lock()),
        _ => Box::new(File::open(file).map_err(PackedError::Read)?),
    };
    let scan = unpacked(source, UNPACKED, |log| scan(log, setting.clone()))?;
    match scan.unfit() {
        Some(what) => Err(Refusal::NoLog { what, instead: instead(&scan) }),
        None => Ok(scan),
    }
}

/// The most that comes out of a packed log, in bytes.
const UNPACKED: u64 = 4 << 30;

/// What a file is that people take for a log, and how it becomes one.
fn instead(scan: &Scan) -> &'static str {
    match () {
        () if scan.head.starts_with(b"LPKSHHRH") => {
            " (this is a journal: print it with `journalctl --file FILE -o short-monotonic`)"
        }
        () if scan.head.starts_with(b"PK\x03\x04") => " (this is a ZIP archive: unpack it first)",
        () if scan.head.starts_with(b"\x04\x22\x4d\x18") => " (this is packed by lz4: unpack it with `lz4 -d`)",
        () if scan.head.starts_with(b"\x7fELF") => " (this is a program or a memory dump)",
        () => "",
    }
}

/// What `scan --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    schema: &'static str,
    at_least: &'static str,
    files: Vec<FileRow>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct FileRow {
    file: String,
    bytes: u64,
    lines: u64,
    /// The worst severity of all findings.
    worst: Option<&'static str>,
    /// How often each severity was found, those below `at-least` included.
    severities: BTreeMap<&'static str, u64>,
    /// How often each category was found with a severity that is reported.
    counts: BTreeMap<String, u64>,
    #[serde(serialize_with = "rows")]
    findings: Vec<Finding>,
    /// Findings that are counted and not listed, since there were many of their kind.
    omitted: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Whether this host lacks what would unpack it.
    #[serde(skip)]
    host_lacks: bool,
}

/// Findings as the schema has them.
fn rows<S: Serializer>(findings: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(findings.iter().map(|finding| {
        json!({
            "rule": finding.rule,
            "category": finding.category,
            "severity": finding.severity,
            "line-number": finding.line_number,
            "line": finding.line,
            "excerpt": finding.excerpt,
            "excerpt-hit": finding.excerpt_hit,
        })
    }))
}

impl FileRow {
    fn new(file: &Utf8Path, scan: &Scan, at_least: Severity) -> Self {
        let mut severities: BTreeMap<_, _> = Severity::ALL.into_iter().map(|severity| (severity.name(), 0)).collect();
        let mut counts = BTreeMap::new();
        for ((category, severity), count) in &scan.counts {
            *severities.entry(severity.name()).or_default() += count;
            if *severity >= at_least {
                *counts.entry(category.to_string()).or_default() += count;
            }
        }
        let findings: Vec<_> = scan.findings.iter().filter(|found| found.severity >= at_least).cloned().collect();
        Self {
            file: file.to_string(),
            bytes: scan.bytes,
            lines: scan.lines,
            worst: scan.worst().map(Severity::name),
            severities,
            omitted: counts.values().sum::<u64>().saturating_sub(findings.len() as u64),
            counts,
            findings,
            error: None,
            host_lacks: false,
        }
    }

    fn refused(file: &Utf8Path, refusal: Refusal) -> Self {
        let nothing = Self::new(file, &Scan::default(), Severity::Info);
        let host_lacks = matches!(refusal, Refusal::Packed(PackedError::NotInstalled { .. }));
        Self { error: Some(refusal.to_string()), host_lacks, ..nothing }
    }

    fn fails(&self) -> bool {
        [Severity::Fail, Severity::Fatal].iter().any(|severity| self.severities[severity.name()] > 0)
    }

    /// For people. Everything of the log was escaped when it was read.
    fn text(&self) -> String {
        let file = escape(&self.file);
        let reported: Vec<_> = Severity::ALL
            .iter()
            .rev()
            .map(|severity| (self.severities[severity.name()], severity.name()))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let mut out = match reported.is_empty() {
            true => format!("{file}: nothing found in {} lines\n", self.lines),
            false => format!("{file}: {} in {} lines\n", reported.join(", "), self.lines),
        };
        for (finding, again) in folded(&self.findings) {
            let _ = writeln!(
                out,
                "  line {}: {} {} ({})",
                finding.line_number,
                finding.severity.name(),
                finding.category,
                finding.rule
            );
            let first = finding.excerpt_hit.saturating_sub(SHOWN.0);
            for (at, line) in finding.excerpt.iter().enumerate().skip(first) {
                if at > finding.excerpt_hit + SHOWN.1 {
                    break;
                }
                let _ = writeln!(out, "    {} {line}", if at == finding.excerpt_hit { '>' } else { ' ' });
            }
            if finding.excerpt.is_empty() {
                let _ = writeln!(out, "    > {}", finding.line);
            }
            if let Some((last, rest)) = again.split_last() {
                let some: Vec<String> = rest.iter().take(LINES).map(u64::to_string).collect();
                let more = if rest.len() > LINES { ", …" } else { "" };
                let lines = [some.join(", ").as_str(), more, if rest.is_empty() { "" } else { ", " }].concat();
                let _ = writeln!(
                    out,
                    "    {} more like it, line{} {lines}{last}",
                    again.len(),
                    muster_base::text::plural(again.len())
                );
            }
        }
        if self.omitted > 0 {
            let _ = writeln!(out, "  {} more of these categories are not listed", self.omitted);
        }
        out
    }
}

/// Lines of repeats that are named.
const LINES: usize = 5;

/// The findings, the worst first and else in the order of the log, each with the lines of those that say the same.
fn folded(findings: &[Finding]) -> Vec<(&Finding, Vec<u64>)> {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.line_number));
    let mut out: Vec<(&Finding, Vec<u64>)> = Vec::new();
    let mut known: BTreeMap<(Severity, &str, String), usize> = BTreeMap::new();
    for finding in sorted {
        match known.entry((finding.severity, &finding.rule, gist(&finding.line))) {
            Entry::Occupied(at) => out[*at.get()].1.push(finding.line_number),
            Entry::Vacant(entry) => {
                entry.insert(out.len());
                out.push((finding, Vec::new()));
            }
        }
    }
    out
}

/// What a line says, without its numbers (times, processes, addresses); the place in a source file is kept.
fn gist(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| !c.is_ascii_hexdigit() && c != 'x').unwrap_or(from.len());
        out.push_str(before);
        let is_place = [".c:", ".h:", ".S:", ".rs:"].iter().any(|end| out.ends_with(end));
        out.push_str(if is_place { &from[..end] } else { "#" });
        rest = &from[end..];
    }
    out + rest
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct RuleRow<'r> {
    id: &'r str,
    category: &'r str,
    severity: &'static str,
    because: &'r str,
    pattern: &'r str,
    location: String,
}

impl<'r> RuleRow<'r> {
    fn new(rule: &'r muster_console::rules::Rule) -> Self {
        Self {
            id: &rule.id,
            category: &rule.category,
            severity: rule.severity.name(),
            because: &rule.because,
            pattern: &rule.pattern,
            location: rule.location.to_string(),
        }
    }
}

fn list(rules: &Rules) -> String {
    let rows: Vec<_> = rules
        .all()
        .iter()
        .map(|rule| {
            let words = [&*rule.category, rule.severity.name(), &*rule.id, &*rule.because];
            words.iter().map(|word| escape(word)).collect()
        })
        .collect();
    muster_report::list::columns(&["CATEGORY", "SEVERITY", "RULE", "BECAUSE"], &rows)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const LOG: &[u8] = b"a\x1b[31m\xff\x07\n[    1.000000] prog[1]: segfault at 10 ip 0 sp 0 error 4\n\
[    2.000000] BUG: KASAN: x\n[    2.000001] CPU: 0\n[FAILED] Failed to start x.\n[    3.000000] BUG: KASAN: x\n";

    fn scanned(at_least: Severity) -> FileRow {
        FileRow::new("x\x1b.log".into(), &scan(LOG, Setting::default()).unwrap(), at_least)
    }

    fn errors(instance: &Value) -> Vec<String> {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    fn document(files: Vec<FileRow>) -> Value {
        serde_json::to_value(Document { schema: "console/v1", at_least: "warn", files }).unwrap()
    }

    #[test]
    fn the_document_has_its_schema() {
        let missing = Refusal::Packed(PackedError::Read(std::io::Error::other("gone")));
        let whole = document(vec![scanned(Severity::Info), FileRow::refused("y".into(), missing)]);
        assert_eq!(errors(&whole), Vec::<String>::new());
        assert_eq!(whole["files"][0]["findings"][1]["rule"], "kasan");
        assert_eq!(whole["files"][0]["findings"][1]["line-number"], 3);
        assert_eq!(whole["files"][0]["counts"]["kasan"], 2);
        for (pointer, value) in [
            ("/schema", "console/v2"),
            ("/files/0/findings/0/severity", "bad"),
            ("/files/0/findings/0/line-number", "x"),
            ("/files/0/worst", "worse"),
        ] {
            let mut spoiled = whole.clone();
            *spoiled.pointer_mut(pointer).unwrap() = value.into();
            assert_eq!(errors(&spoiled).len(), 1, "{pointer}");
        }
    }

    #[test]
    fn what_is_milder_is_counted_and_not_listed() {
        let row = scanned(Severity::Warn);
        let found: Vec<_> = row.findings.iter().map(|finding| (&*finding.rule, finding.severity.name())).collect();
        assert_eq!(found, [("kasan", "fail"), ("unit-failed", "warn"), ("kasan", "fail")]);
        assert_eq!((row.severities["info"], row.severities["fail"], row.omitted), (1, 2, 0));
        assert!(!row.counts.contains_key("segfault") && row.fails());
        let mild = FileRow::new(
            "x".into(),
            &scan(&b"[FAILED] Failed to start x.\n"[..], Setting::default()).unwrap(),
            Severity::Fail,
        );
        assert!(!mild.fails() && mild.findings.is_empty());
        assert_eq!(mild.worst, Some("warn"));
    }

    #[test]
    fn people_see_the_worst_first_and_what_repeats_once() {
        let warn = |at: u32| format!("[   {at}.000000] WARNING: CPU: {at} PID: 1{at} at a.c:{} f+0x1/0x2\n", at / 8);
        let log: String = (1..16).map(warn).collect::<String>() + "[   20.000000] Kernel panic - not syncing: x\n";
        let text = FileRow::new("x".into(), &scan(log.as_bytes(), Setting::default()).unwrap(), Severity::Warn).text();
        let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("  line ")).collect();
        let [panic, first, second] = heads[..] else { panic!("{text}") };
        assert!(panic.starts_with("  line 16: fatal kernel-panic"), "{text}");
        assert_eq!(
            [first, second],
            ["  line 1: fail warning (kernel-warning)", "  line 8: fail warning (kernel-warning)"]
        );
        assert!(text.contains("    6 more like it, lines 2, 3, 4, 5, 6, 7\n"), "{text}");
        assert!(text.contains("    7 more like it, lines 9, 10, 11, 12, 13, …, 15\n"), "{text}");
    }

    #[test]
    fn people_read_it_without_harm() {
        let text = scanned(Severity::Warn).text();
        assert!(
            text.starts_with("x\\x1b.log: 2 fail, 1 warn, 1 info in 6 lines\n  line 3: fail kasan (kasan)\n"),
            "{text}"
        );
        assert!(text.contains("    > [    2.000000] BUG: KASAN: x\n      [    2.000001] CPU: 0\n"), "{text}");
        assert!(!text.contains('\x1b') && !text.contains('\x07'));
    }
}
