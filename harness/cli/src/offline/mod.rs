//! What one test says of a file without a guest. Only its expectations of one check type are asked, by
//! the evaluation that runs use; conditions are decided by what is known, and said where they are not.
//! `kconfig check` and `images check` ask so.

mod known;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use crate::error::CliError;
use crate::load::{self, Loaded, Selection};
use muster_base::exit::Exit;
use muster_base::text::{escape, one_line, plural};
use muster_check::Verdict;
use muster_check::evaluation::{Evaluation, ExpectationResult};
use muster_engine::gate::{Applies, applies};
use muster_suite::adjust::AdjustError;
use muster_suite::clause::{Clause, Join};
use muster_suite::model::{Adjustment, Change, Expectation, Suite, Test, When};
use muster_suite::select::TestIndex;

pub(crate) use known::Known;

/// What a file can be asked.
pub(crate) struct Part<'a> {
    /// The check type.
    pub check: &'static str,
    /// A capability that the file itself is the proof of.
    pub proves: Option<&'static str>,
    /// Judges an expectation of that type.
    pub evaluate: &'a dyn Fn(&Expectation) -> Vec<Verdict>,
}

/// What came of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Every expectation on the configuration is met.
    Pass,
    /// One is not.
    Fail,
    /// None is missed, but the file cannot answer all of them.
    Unknown,
    /// Whether it is asked depends on what is not known.
    Undecided,
    /// It is not asked of such a system.
    Skip,
}

impl Outcome {
    /// All of them, in the order of summaries.
    pub(crate) const ALL: [Self; 5] = [Self::Pass, Self::Fail, Self::Unknown, Self::Undecided, Self::Skip];

    /// As written in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Undecided => "undecided",
            Self::Skip => "skip",
        }
    }
}

/// One test and what came of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Row {
    /// `suite/test`.
    pub name: String,
    /// Why it matters.
    pub summary: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it was not asked, or could not be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The dimension that would have to be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depends_on: Option<String>,
    /// How many expectations are met.
    pub met: usize,
    /// Those that are missed.
    pub missed: Vec<Miss>,
    /// Those that the file cannot answer.
    pub unknown: Vec<Undecided>,
    /// Assertions of this test on other things, which need a machine.
    pub elsewhere: usize,
}

/// An expectation that is missed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Miss {
    /// As the suite has it: `CONFIG_BPF`; empty where there is only one.
    #[serde(rename = "symbol", skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// In the suite's words: `value is y`.
    pub expected: String,
    /// What the file says.
    pub found: String,
    /// Where the suite says it: `file:line:column`.
    pub location: String,
}

/// An expectation that the file cannot answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Undecided {
    /// As the suite has it: `CONFIG_BPF`; empty where there is only one.
    #[serde(rename = "symbol", skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Why not.
    pub why: String,
    /// Where the suite says it.
    pub location: String,
}

/// Whether a test says anything of what this check type is about, on whatever system.
fn concerns(test: &Test, check: &str) -> bool {
    let spoken = |change: &Change| match change {
        Change::RemoveJoined { .. } => false,
        other => concerns_change(other, check, &[]),
    };
    test.expect.iter().any(|clause| speaks_of(clause, check))
        || test.adjust.iter().any(|adjustment| adjustment.changes.iter().any(spoken))
}

fn speaks_of(clause: &Clause, check: &str) -> bool {
    match clause {
        Clause::Plain(expectation) => expectation.check == check,
        Clause::Joined(joined) => joined.speaks_of(check),
        Clause::On(on) => on.clauses.iter().any(|clause| speaks_of(clause, check)),
    }
}

/// Assertions on what the file is not about.
fn elsewhere(clauses: &[Clause], check: &str) -> usize {
    let count = |found: &Expectation| if found.check == check { 0 } else { found.assertions.len() as u32 };
    let of = |clause: &Clause| match clause {
        Clause::Joined(joined) if joined.join == Join::AnyOf && joined.speaks_of(check) => 0,
        other => other.assertions(&count),
    };
    clauses.iter().map(of).sum::<u32>() as usize
}

/// Asks a test of a file.
fn run(suite: &Suite, test: &Test, part: &Part<'_>, known: &Known) -> Row {
    let elsewhere = elsewhere(&test.expect, part.check);
    let mut row = Row {
        name: format!("{}/{}", suite.name, test.id),
        summary: test.summary.clone(),
        outcome: Outcome::Pass,
        reason: None,
        depends_on: None,
        met: 0,
        missed: Vec::new(),
        unknown: Vec::new(),
        elsewhere,
    };
    let known = known.proving(part.proves);
    let lookup = |dimension: &str| known.lookup(dimension);
    let mut open = None;
    for (when, what) in [(&suite.images, "the suite"), (&test.when, "the test")] {
        let Some(when) = when else { continue };
        let decided = given(when, &known);
        match applies(&decided, what, &lookup) {
            Applies::Yes => {}
            Applies::No(reason) => {
                // People are shown the condition that the suite has.
                let reason = reason.replacen(&decided.condition.to_string(), &when.condition.to_string(), 1);
                return Row { outcome: Outcome::Skip, reason: Some(reason), ..row };
            }
            // The other condition may be false, which decides both.
            Applies::Unknown(dimension) => {
                open = open.or_else(|| Some((format!("{what} needs {}", when.condition), dimension)));
            }
        }
    }
    if let Some((what, dimension)) = open {
        return undecided(row, what, dimension);
    }
    let adjusted = match part.of(test, &known).adjusted(&lookup) {
        Ok(adjusted) => adjusted.test,
        Err(AdjustError::Unknown { dimension }) => {
            return undecided(row, "an adjustment of the test depends on it".to_owned(), dimension);
        }
        Err(AdjustError::NothingLeft) => Test { expect: Vec::new(), ..test.clone() },
    };
    let about: Vec<Clause> = adjusted.expect.into_iter().filter(|clause| speaks_of(clause, part.check)).collect();
    let evaluate = |expectation: &Expectation| match expectation.check == part.check {
        true => (part.evaluate)(expectation),
        false => vec![Verdict::Unknown { why: "this needs a machine".to_owned() }; expectation.assertions.len()],
    };
    for finding in Evaluation::once(&about, evaluate).findings() {
        let (subject, location, verdict) = match finding {
            ExpectationResult::Assertion { expectation, .. } if expectation.check != part.check => continue,
            ExpectationResult::Assertion { expectation, assertion, verdict } => {
                (expectation.subject.clone(), &assertion.location, verdict)
            }
            ExpectationResult::AnyOf { joined, verdict, .. } => {
                (joined.join.name().to_owned(), &joined.location, verdict)
            }
            ExpectationResult::Miscounted { expectation, .. } => {
                let why = "the check gave no answer".to_owned();
                (expectation.subject.clone(), &expectation.location, Verdict::Unknown { why })
            }
        };
        let location = escape(&location.to_string());
        match verdict {
            Verdict::Met { .. } => row.met += 1,
            Verdict::Missed { expected, actual, .. } => {
                row.missed.push(Miss { subject, expected, found: one_line(&actual, 200), location });
            }
            Verdict::Unknown { why } => row.unknown.push(Undecided { subject, why, location }),
        }
    }
    let outcome = match () {
        () if !row.missed.is_empty() => Outcome::Fail,
        () if !row.unknown.is_empty() => Outcome::Unknown,
        () if row.met > 0 => Outcome::Pass,
        () => {
            let reason = "on this system the test checks nothing of the file".to_owned();
            return Row { outcome: Outcome::Skip, reason: Some(reason), ..row };
        }
    };
    Row { outcome, ..row }
}

fn undecided(row: Row, what: String, dimension: String) -> Row {
    let reason = format!("{what}, and `{dimension}` is not known");
    Row { outcome: Outcome::Undecided, reason: Some(reason), depends_on: Some(dimension), ..row }
}

/// Whether a change is about a check type. A join is when the test, or an adjustment of it, speaks in such a
/// join of the type: `joins`.
fn concerns_change(change: &Change, check: &str, joins: &[Join]) -> bool {
    match change {
        Change::Remove { check: removed, .. } => *removed == check,
        Change::Replace(expectation) | Change::Merge(expectation) => expectation.check == check,
        Change::RemoveJoined { join, .. } => joins.contains(join),
        Change::ReplaceJoined(joined) => joins.contains(&joined.join) || joined.speaks_of(check),
    }
}

/// The joins in which a test, or an adjustment of it, speaks of a check type.
fn joins(test: &Test, check: &str) -> Vec<Join> {
    let of_clause = |clause: &Clause| match clause {
        Clause::Joined(joined) if joined.speaks_of(check) => Some(joined.join),
        Clause::Joined(_) | Clause::Plain(_) | Clause::On(_) => None,
    };
    let of_change = |change: &Change| match change {
        Change::ReplaceJoined(joined) if joined.speaks_of(check) => Some(joined.join),
        _ => None,
    };
    let changes = test.adjust.iter().flat_map(|adjustment| &adjustment.changes);
    test.expect.iter().filter_map(of_clause).chain(changes.filter_map(of_change)).collect()
}

impl Part<'_> {
    /// The test with nothing but what it says of the file, so that an adjustment of something else does
    /// not have to be decided.
    fn of(&self, test: &Test, known: &Known) -> Test {
        let joins = joins(test, self.check);
        let meant = |change: &&Change| concerns_change(change, self.check, &joins);
        let adjust = |adjustment: &Adjustment| Adjustment {
            when: given(&adjustment.when, known),
            changes: adjustment.changes.iter().filter(meant).cloned().collect(),
            ..adjustment.clone()
        };
        Test {
            expect: test.expect.iter().filter(|clause| speaks_of(clause, self.check)).cloned().collect(),
            adjust: test.adjust.iter().map(adjust).filter(|adjustment| !adjustment.changes.is_empty()).collect(),
            ..test.clone()
        }
    }
}

/// The condition, in the form that what is known can decide.
fn given(when: &When, known: &Known) -> When {
    When { condition: known.decided(&when.condition), ..when.clone() }
}

/// The selected tests that say something of what this check type is about; `command` asks all of them
/// when nothing is selected.
pub(crate) fn select(
    loaded: &Loaded,
    selection: &Selection,
    check: &str,
    command: &str,
) -> Result<Vec<TestIndex>, CliError> {
    let ours = |index: &TestIndex| concerns(index.of(&loaded.suites).1, check);
    let tests: Vec<_> = load::select(loaded, selection)?.tests.into_iter().filter(ours).collect();
    if tests.is_empty() {
        return Err(CliError::invalid(format!("no selected test has `{check}` expectations"))
            .hint(format!("`{command}` without --suite, --test and --tag runs all of them")));
    }
    Ok(tests)
}

/// Runs these tests on a file.
pub(crate) fn run_all(loaded: &Loaded, tests: &[TestIndex], part: &Part<'_>, known: &Known) -> Vec<Row> {
    let tests = tests.iter().map(|index| index.of(&loaded.suites));
    tests.map(|(suite, test)| run(suite, test, part, known)).collect()
}

/// How many came to what.
pub(crate) fn counts(rows: &[Row]) -> BTreeMap<&'static str, usize> {
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
    Outcome::ALL.iter().map(|outcome| (outcome.name(), count(*outcome))).collect()
}

/// `4 tests: 3 pass, 1 fail`.
pub(crate) fn summary(counts: &BTreeMap<&'static str, usize>) -> String {
    let parts: Vec<String> = Outcome::ALL
        .iter()
        .filter_map(|outcome| counts.get(outcome.name()).filter(|count| **count > 0).map(|count| (outcome, count)))
        .map(|(outcome, count)| format!("{count} {}", outcome.name()))
        .collect();
    let number = counts.values().sum::<usize>();
    format!("{number} test{}: {}", plural(number), parts.join(", "))
}

/// What the rows of all files come to.
pub(crate) fn exit(files: &[&[Row]], allow_unknown: bool) -> Exit {
    let has = |rows: &[Row], outcomes: &[Outcome]| rows.iter().any(|row| outcomes.contains(&row.outcome));
    match () {
        () if files.iter().any(|rows| has(rows, &[Outcome::Fail])) => Exit::Failed,
        // A file of which nothing was asked has shown nothing.
        () if files.iter().any(|rows| !has(rows, &[Outcome::Pass, Outcome::Fail])) => Exit::Invalid,
        () if !allow_unknown && files.iter().any(|rows| has(rows, &UNDECIDED)) => Exit::Invalid,
        () => Exit::Pass,
    }
}

const UNDECIDED: [Outcome; 2] = [Outcome::Unknown, Outcome::Undecided];

/// What a person can do about what is not decided. `option` says how a dimension is given; a capability
/// or a tool is given with its name.
pub(crate) fn hint<'r>(rows: impl Iterator<Item = &'r Row> + Clone, option: impl Fn(&str) -> String) -> Option<String> {
    let dimensions: BTreeSet<&str> = rows.clone().filter_map(|row| row.depends_on.as_deref()).collect();
    let option = |dimension: &str| match dimension.split_once('=') {
        Some((dimension, word)) => format!("--given {dimension}={word} or --given '{dimension}!={word}'"),
        None => option(dimension),
    };
    let options: Vec<String> = dimensions.into_iter().map(option).collect();
    if !options.is_empty() {
        return Some(format!(
            "  help: {} would decide what is undecided; --allow-unknown accepts it",
            options.join(", ")
        ));
    }
    let undecided = rows.into_iter().any(|row| UNDECIDED.contains(&row.outcome));
    undecided.then(|| "  help: --allow-unknown accepts what these files do not decide".to_owned())
}

/// What to show a person of a test that did not pass, indented; nothing of one that did.
pub(crate) fn text(row: &Row) -> String {
    let mut out = String::new();
    if row.outcome == Outcome::Pass {
        return out;
    }
    let _ = writeln!(out, "  {} {}", row.outcome.name().to_uppercase(), row.name);
    let why = match row.outcome {
        Outcome::Fail => Some(one_line(&row.summary, 110)),
        _ => row.reason.as_ref().map(|reason| one_line(reason, 300)),
    };
    let _ = why.iter().filter(|why| !why.is_empty()).try_for_each(|why| writeln!(out, "      {why}"));
    let about = |subject: &str| match subject {
        "" => String::new(),
        subject => format!("{}: ", one_line(subject, 100)),
    };
    for miss in &row.missed {
        let (about, expected) = (about(&miss.subject), one_line(&miss.expected, 160));
        let _ = writeln!(out, "      {about}expected {expected}, found {}  {}", miss.found, miss.location);
    }
    for open in &row.unknown {
        let _ = writeln!(out, "      {}not known: {}", about(&open.subject), one_line(&open.why, 200));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kconfig::source::ConfigFile;
    use crate::load::vocabulary;
    use muster_check::types::kconfig::evaluated;

    const SUITE: &str = "schema: suite/v1
suite: s
images: {where: mode == package, because: x}
tests:
- id: plain
  expect: {kconfig: {CONFIG_A: y, CONFIG_B: {enabled: true}}, kernel: {taint: 0}}
- id: gated
  when: capability == kconfig and arch == x86_64
  because: it is a feature of x86
  expect: {kconfig: {CONFIG_A: y}}
- id: elsewhere
  when: capability == kconfig and capability == selinux
  because: x
  expect: {kconfig: {CONFIG_A: y}}
- id: adjusted
  expect: {kconfig: {CONFIG_C: y}, kernel: {taint: 0}}
  adjust:
  - when: kernel < 6.18
    because: it came then
    expect: {kconfig: {CONFIG_C: absent}}
  - when: firmware == bios
    because: not about the configuration
    expect: {kernel: {taint: 1}}
- id: other
  expect: {kernel: {taint: 0}}
";

    const ALTERNATIVES: &str = "schema: suite/v1
suite: s
tests:
- id: of-the-file
  expect: {any-of: [{kconfig: {CONFIG_A: y}}, {kconfig: {CONFIG_B: y, CONFIG_C: n}}]}
- id: of-both
  expect: {any-of: [{kconfig: {CONFIG_A: y}}, {sysctl: {vm.x: 1}}]}
- id: each-misses
  expect: {any-of: [{kconfig: {CONFIG_A: y}}, {kconfig: {CONFIG_B: y}, sysctl: {vm.x: 1}}]}
- id: all
  expect: {all-of: [{kconfig: {CONFIG_A: y}}, {sysctl: {vm.x: 1}}], kernel: {taint: 0}}
- id: elsewhere
  expect: {any-of: [{kernel: {taint: 0}}, {sysctl: {vm.x: 1}}]}
- id: adjusted
  expect: {any-of: [{kconfig: {CONFIG_A: y}}, {kconfig: {CONFIG_B: y}}], kernel: {taint: 0}}
  adjust:
  - when: mode == image
    because: x
    expect: {any-of: null}
";

    fn rows_of(text: &str, given: &[&str]) -> Vec<Row> {
        run_suite(SUITE, text, given)
    }

    fn run_suite(suite: &str, text: &str, given: &[&str]) -> Vec<Row> {
        let (suite, diagnostics) = muster_suite::decode_source("s.yaml", suite, &vocabulary());
        let suite = suite.unwrap_or_else(|| panic!("{}", diagnostics.render(false)));
        let source = ConfigFile::parse("x.config", text, None, None).unwrap();
        let given: Vec<String> = given.iter().map(|option| option.to_string()).collect();
        let known = Known::given(&given, &[]).unwrap().with(&source.header.dimensions());
        let evaluate = |expectation: &Expectation| evaluated(expectation, Ok(&source.config));
        let part = Part { check: "kconfig", proves: Some("kconfig"), evaluate: &evaluate };
        let tests = suite.tests.iter().filter(|test| concerns(test, "kconfig"));
        tests.map(|test| run(&suite, test, &part, &known)).collect()
    }

    fn outcomes(rows: &[Row]) -> Vec<(&str, &str)> {
        rows.iter().map(|row| (row.name.as_str(), row.outcome.name())).collect()
    }

    const WHOLE: &str =
        "# Linux/x86_64 6.17.5 Kernel Configuration\nCONFIG_A=y\n# CONFIG_B is not set\n# end of Kernel hacking\n";

    #[test]
    fn a_file_decides_what_it_can_and_the_rest_is_reported() {
        let rows = rows_of(WHOLE, &["mode=package"]);
        assert_eq!(
            outcomes(&rows),
            [("s/plain", "fail"), ("s/gated", "pass"), ("s/elsewhere", "undecided"), ("s/adjusted", "pass")]
        );
        let miss = &rows[0].missed[0];
        assert_eq!((&*miss.subject, &*miss.expected, &*miss.found), ("CONFIG_B", "enabled is true", "false"));
        assert_eq!((rows[0].met, rows[0].elsewhere), (1, 1));
        let reason = rows[2].reason.as_deref();
        assert_eq!(
            reason,
            Some(
                "the test needs capability == kconfig and capability == selinux, and `capability=selinux` is not known"
            )
        );
        let rows = rows_of(WHOLE, &["mode=package", "capability!=selinux"]);
        let reason = rows[2].reason.as_deref().unwrap();
        let said = "the test needs capability == kconfig and capability == selinux (capability selinux is absent here)";
        assert!(rows[2].outcome == Outcome::Skip && reason.starts_with(said), "{reason}");
    }

    #[test]
    fn alternatives_are_decided_by_the_file_where_it_can() {
        let none = "# Linux/x86_64 6.17.5 Kernel Configuration\n# CONFIG_A is not set\n# CONFIG_B is not set\n";
        let rows = run_suite(ALTERNATIVES, none, &["mode=package"]);
        assert_eq!(
            outcomes(&rows),
            [
                ("s/of-the-file", "fail"),
                ("s/of-both", "unknown"),
                ("s/each-misses", "fail"),
                ("s/all", "fail"),
                ("s/adjusted", "fail")
            ]
        );
        let miss = &rows[0].missed[0];
        assert_eq!((&*miss.subject, &*miss.location), ("any-of", "s.yaml:5:12"));
        assert!(miss.expected.starts_with("kconfig CONFIG_A: value is y; or "), "{}", miss.expected);
        let why = &rows[1].unknown[0].why;
        assert!(
            why.contains("CONFIG_A: expected value is y, found n; sysctl vm.x: cannot determine value: this needs"),
            "{why}"
        );
        assert!(rows[2].unknown.is_empty(), "what needs a machine decides nothing here");
        assert_eq!((rows[3].missed.len(), rows[3].unknown.len(), rows[3].elsewhere), (1, 0, 2));
        let some = run_suite(ALTERNATIVES, &none.replace("# CONFIG_A is not set", "CONFIG_A=y"), &["mode=image"]);
        let pass: Vec<_> =
            some.iter().filter(|row| row.outcome == Outcome::Pass).map(|row| row.name.as_str()).collect();
        assert_eq!(pass, ["s/of-the-file", "s/of-both", "s/each-misses", "s/all"]);
        assert_eq!(some[4].outcome, Outcome::Skip, "nothing is left to ask of the file");
    }

    #[test]
    fn what_is_not_known_of_the_system_decides_nothing() {
        let rows = rows_of(WHOLE, &[]);
        assert!(rows.iter().all(|row| row.outcome == Outcome::Undecided), "{:?}", outcomes(&rows));
        assert_eq!(rows[0].depends_on.as_deref(), Some("mode"));
        let rows = rows_of(WHOLE, &["mode=image"]);
        assert!(rows.iter().all(|row| row.outcome == Outcome::Skip), "{:?}", outcomes(&rows));
    }

    #[test]
    fn a_fragment_fails_by_what_it_says_and_leaves_the_rest_unknown() {
        let rows = rows_of("# arm64\n# CONFIG_A is not set\n", &["mode=package"]);
        assert_eq!(
            outcomes(&rows),
            [("s/plain", "fail"), ("s/gated", "skip"), ("s/elsewhere", "undecided"), ("s/adjusted", "undecided")]
        );
        assert_eq!((rows[0].missed.len(), rows[0].unknown.len()), (1, 1));
        assert!(rows[1].reason.as_deref().unwrap().contains("(arch is aarch64 here); it is a feature of x86"));
        let rows = rows_of("# x86_64\nCONFIG_A=y\n", &["mode=package"]);
        assert_eq!(rows[0].outcome, Outcome::Unknown);
    }
}
