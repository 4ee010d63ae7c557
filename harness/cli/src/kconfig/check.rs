//! `muster kconfig check`: what suites ask of a kernel's configuration, asked of files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use camino::Utf8PathBuf;
use serde::Serialize;

use super::format::{Format, cell};
use super::source::{About, ConfigFile};
use crate::error::CliError;
use crate::load::{self, Loaded, Selection};
use crate::offline::{self, Known, Outcome, Part, Row};
use crate::output::{OutputFormat, say, say_error};
use muster_base::exit::Exit;
use muster_base::fault::Fault as _;
use muster_base::text::{escape, one_line};
use muster_check::types::kconfig::{TABLE, evaluated};
use muster_suite::select::TestIndex;

/// The schema of what `check --format json` prints.
pub(crate) const SCHEMA: &str = include_str!("../../../../reports/schema/kconfig-check-v1.json");

/// Run the kernel configuration tests of the suites on configuration files, without a machine
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 everything checked is as expected · 1 a test failed · 2 invalid suite or usage, \
a file that cannot be read, nothing was checked, or the file and the options do not decide a test\n\
Example: muster kconfig check 6.18-x86_64-azl.config --given distro=azurelinux-4.0 --given id-like=fedora"
)]
pub(super) struct Arguments {
    /// Configurations, plain or packed by gzip, xz, zstd or bzip2; `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    #[command(flatten)]
    selection: Selection,
    /// The processor, for files that do not say it: x86_64, aarch64
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
    /// The kernel's release, for files that do not say it: 6.18.5
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,
    /// What else is known of the system, for the conditions of suites: distro=fedora-43, id-like=fedora,
    /// capability=cgroup2; `id-like=` says that it has none, 'capability!=cgroup2' that this one is missing. May be
    /// repeated
    #[arg(long, value_name = "DIMENSION=VALUE")]
    given: Vec<String>,
    /// Accept tests that the file and the options do not decide
    #[arg(long)]
    allow_unknown: bool,
    /// How results are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    files: Vec<FileRow>,
}

/// A file and what came of each test, or why it could not be read.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum FileRow {
    Checked {
        #[serde(flatten)]
        about: About,
        counts: BTreeMap<&'static str, usize>,
        tests: Vec<Row>,
    },
    Unreadable {
        file: String,
        error: String,
    },
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let known = Known::given(&arguments.given, &[("arch", "write --arch"), ("kernel", "write --release")])?;
    let loaded = load::suites(&arguments.selection, OutputFormat::Text)?;
    let tests = offline::select(&loaded, &arguments.selection, TABLE.name, "muster kconfig check")?;
    let mut host_lacks = false;
    let rows: Vec<FileRow> = arguments
        .files
        .iter()
        .map(|file| match ConfigFile::read(file, arguments.release.as_deref(), arguments.arch.as_deref()) {
            Ok(source) => FileRow::checked(&loaded, &tests, &source, &known),
            Err(error) => {
                host_lacks |= error.exit() == Exit::Error;
                FileRow::Unreadable { file: escape(file.as_str()), error: one_line(&error.to_string(), 300) }
            }
        })
        .collect();
    let exit = if host_lacks { Exit::Error } else { exit(&rows, arguments.allow_unknown) };
    match arguments.format {
        Format::Text => rows.iter().for_each(|row| say(text(row).trim_end())),
        Format::Markdown => rows.iter().for_each(|row| say(markdown(row).trim_end())),
        Format::Json => {
            let document = Document { schema: "kconfig-check/v1", files: rows };
            say(&serde_json::to_string_pretty(&document).unwrap_or_default());
            return Ok(exit);
        }
    }
    if let Some(hint) = hint(&rows).filter(|_| !arguments.allow_unknown) {
        say_error(&hint);
    }
    Ok(exit)
}

impl FileRow {
    fn checked(loaded: &Loaded, tests: &[TestIndex], source: &ConfigFile, known: &Known) -> Self {
        let known = known.with(&source.header.dimensions());
        let evaluate = |expectation: &_| evaluated(expectation, Ok(&source.config));
        let part = Part { check: TABLE.name, proves: Some("kconfig"), evaluate: &evaluate };
        let tests = offline::run_all(loaded, tests, &part, &known);
        Self::Checked { about: source.about(), counts: offline::counts(&tests), tests }
    }

    fn tests(&self) -> &[Row] {
        match self {
            Self::Checked { tests, .. } => tests,
            Self::Unreadable { .. } => &[],
        }
    }
}

fn exit(rows: &[FileRow], allow_unknown: bool) -> Exit {
    if rows.iter().any(|row| matches!(row, FileRow::Unreadable { .. })) {
        return Exit::Invalid;
    }
    offline::exit(&rows.iter().map(FileRow::tests).collect::<Vec<_>>(), allow_unknown)
}

fn hint(rows: &[FileRow]) -> Option<String> {
    offline::hint(rows.iter().flat_map(FileRow::tests), |dimension| match dimension {
        "arch" => "--arch".to_owned(),
        "kernel" => "--release".to_owned(),
        other => format!("--given {other}=…"),
    })
}

fn text(row: &FileRow) -> String {
    let (about, counts, tests) = match row {
        FileRow::Checked { about, counts, tests } => (about, counts, tests),
        FileRow::Unreadable { file, error } => return format!("{file}: cannot be read: {error}"),
    };
    let mut out = format!("{}\n", about.line());
    out.extend(tests.iter().map(offline::text));
    let met: usize = tests.iter().map(|row| row.met).sum();
    let missed: usize = tests.iter().map(|row| row.missed.len()).sum();
    let asked = tests.iter().filter(|row| row.met + row.missed.len() + row.unknown.len() > 0);
    let elsewhere: usize = asked.map(|row| row.elsewhere).sum();
    let _ = writeln!(out, "  {}; {met} expectations met, {missed} missed", offline::summary(counts));
    if elsewhere > 0 {
        let _ = writeln!(out, "  {elsewhere} more assertions of these tests need a machine and did not run");
    }
    out
}

fn markdown(row: &FileRow) -> String {
    let (about, counts, tests) = match row {
        FileRow::Checked { about, counts, tests } => (about, counts, tests),
        FileRow::Unreadable { file, error } => {
            return format!("### {}\n\nCannot be read: {}\n", cell(file), cell(error));
        }
    };
    let mut out = format!("### {}\n\n{}. {}.\n", cell(about.file()), cell(&about.line()), offline::summary(counts));
    let mut table = |head: &str, rows: Vec<[String; 4]>| {
        if !rows.is_empty() {
            let _ = write!(out, "\n{head}\n|---|---|---|---|\n");
            let _ = rows.iter().try_for_each(|row| writeln!(out, "| {} |", row.join(" | ")));
        }
    };
    let missed = |row: &Row| -> Vec<[String; 4]> {
        let line =
            |miss: &offline::Miss| [cell(&row.name), cell(&miss.subject), cell(&miss.expected), cell(&miss.found)];
        row.missed.iter().map(line).collect()
    };
    table("| test | option | expected | found |", tests.iter().flat_map(missed).collect());
    let other = |row: &Row| -> Vec<[String; 4]> {
        let name = || cell(&row.name);
        let mut rows: Vec<[String; 4]> =
            row.unknown.iter().map(|open| [name(), cell(&open.subject), "unknown".into(), cell(&open.why)]).collect();
        let reason = row.reason.as_deref().unwrap_or_default();
        if matches!(row.outcome, Outcome::Undecided | Outcome::Skip) {
            rows.push([name(), String::new(), row.outcome.name().to_owned(), cell(reason)]);
        }
        rows
    };
    table("| test | option | not evaluated | why |", tests.iter().flat_map(other).collect());
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::errors;
    use super::*;
    use crate::offline::{Miss, Undecided};

    fn row(outcome: Outcome, depends_on: Option<&str>) -> FileRow {
        let source = ConfigFile::parse(
            "x|\x1b.config",
            "# Linux/x86_64 6.18.5 Kernel Configuration\nCONFIG_A=y\n# end of Kernel hacking\n",
            None,
            None,
        );
        let test = Row {
            name: "s/t".to_owned(),
            summary: "why it matters".to_owned(),
            outcome,
            reason: Some("because".to_owned()),
            depends_on: depends_on.map(str::to_owned),
            met: 2,
            missed: Vec::new(),
            unknown: Vec::new(),
            elsewhere: 3,
        };
        let counts = Outcome::ALL.iter().map(|one| (one.name(), usize::from(*one == outcome))).collect();
        FileRow::Checked { about: source.unwrap().about(), counts, tests: vec![test] }
    }

    #[test]
    fn only_what_was_asked_and_met_ends_with_zero() {
        let unreadable = || FileRow::Unreadable { file: "y".to_owned(), error: "gone".to_owned() };
        let of = |rows: Vec<FileRow>, allow| exit(&rows, allow) as u8;
        assert_eq!(of(vec![row(Outcome::Pass, None)], false), 0);
        assert_eq!(of(vec![row(Outcome::Pass, None), row(Outcome::Fail, None)], true), 1);
        assert_eq!(of(vec![row(Outcome::Fail, None), unreadable()], true), 2);
        for silent in [Outcome::Unknown, Outcome::Undecided, Outcome::Skip] {
            assert_eq!(
                of(vec![row(Outcome::Pass, None), row(silent, None)], true),
                2,
                "{silent:?} alone shows nothing"
            );
        }
        let FileRow::Checked { about, counts, mut tests } = row(Outcome::Pass, None) else { unreachable!() };
        tests.push(Row { outcome: Outcome::Undecided, ..tests[0].clone() });
        let mixed = vec![FileRow::Checked { about, counts, tests }];
        assert_eq!((exit(&mixed, false) as u8, exit(&mixed, true) as u8), (2, 0));
    }

    #[test]
    fn the_document_has_its_schema() {
        let unreadable = FileRow::Unreadable { file: "y".to_owned(), error: "gone".to_owned() };
        let mut full = row(Outcome::Fail, Some("distro"));
        if let FileRow::Checked { tests, .. } = &mut full {
            let (subject, location) = ("CONFIG_A".to_owned(), "s.yaml:1:1".to_owned());
            let miss = Miss { subject: subject.clone(), expected: "value is y".into(), found: "n".into(), location };
            tests[0].unknown.push(Undecided { subject, why: "x".into(), location: miss.location.clone() });
            tests[0].missed.push(miss);
        }
        let document = Document { schema: "kconfig-check/v1", files: vec![full, unreadable] };
        assert_eq!(errors(SCHEMA, &document), Vec::<String>::new());
        assert_eq!(errors(SCHEMA, &Document { schema: "kconfig-check/v2", files: vec![] }).len(), 1);
    }

    #[test]
    fn the_hint_names_the_options_that_would_decide() {
        assert_eq!(hint(&[row(Outcome::Pass, None)]), None);
        let rows = [row(Outcome::Undecided, Some("distro")), row(Outcome::Undecided, Some("kernel"))];
        let hint = hint(&rows).unwrap();
        assert!(hint.contains("--given distro=…, --release would decide"), "{hint}");
    }

    #[test]
    fn the_reports_are_escaped_and_say_what_was_not_asked() {
        let undecided = row(Outcome::Undecided, Some("distro"));
        let text = text(&undecided);
        assert!(
            text.starts_with("x|\\x1b.config: Linux 6.18.5, x86_64, 1 symbols\n  UNDECIDED s/t\n      because\n"),
            "{text}"
        );
        assert!(text.contains("\n  1 test: 1 undecided; "), "{text}");
        let mut failed = row(Outcome::Fail, None);
        if let FileRow::Checked { tests, .. } = &mut failed {
            tests[0].summary.clear();
        }
        assert!(super::text(&failed).contains("  FAIL s/t\n  1 test: 1 fail"), "{}", super::text(&failed));
        assert!(text.contains("  3 more assertions of these tests need a machine"), "{text}");
        let markdown = markdown(&undecided);
        assert!(markdown.starts_with("### x\\|\\\\x1b.config\n"), "{markdown}");
        assert!(markdown.contains("| s/t |  | undecided | because |\n"), "{markdown}");
    }
}
