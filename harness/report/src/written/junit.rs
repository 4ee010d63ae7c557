//! `junit.xml`, in the one shape that Jenkins, GitLab, Azure Pipelines and the common parsers all
//! read without loss.
//!
//! One flat test suite for each suite and image; each test has exactly one of failure, error and
//! skipped; counters, names and times as the strictest of those readers wants them. A run that is
//! no pass is never a green file: what no test says is said by a test case `muster`/`run`.
//!
//! quick-junit escapes text, but drops control characters and tabs, and lets U+FFFE and U+FFFF
//! through, which no XML parser accepts. All text is therefore escaped first; then it finds
//! nothing left to drop. Its time stamps carry a zone and some readers refuse one, so they are
//! written as plain attributes.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use self::text::{cost, duration, line, output, set_timestamp, unattached};
use super::budget::Budget;
use crate::evidence::{Base, Evidence, Evidences};
use crate::format::ReportInput;
use crate::verdict::{self, Unsaid};
use crate::words;
use muster_base::text::one_line;
use muster_record::layout::RunDir;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// Bytes of one failure's body at most.
const BODY_LIMIT: usize = 64 << 10;
/// Bytes of all bodies and outputs together, as escaped: GitLab refuses files over 30 MB. What is
/// beyond is cut to a few lines.
const TOTAL_LIMIT: usize = 16 << 20;
/// Bytes of what was met by tests that passed, all together: they leave room for what failed.
const MET_LIMIT: usize = 4 << 20;

/// The JUnit report.
pub(crate) struct Junit;

impl crate::format::Report for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn file(&self) -> &'static str {
        "junit.xml"
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(render(source.record, Some((source.dir, source.base)))?)
    }
}

/// The report as text. With a run directory, what did not pass gets the files that belong to it, by paths as the base has them.
fn render(record: &RunRecord, files: Option<(&RunDir, &Base)>) -> Result<String, quick_junit::SerializeError> {
    report(record, files).to_string()
}

pub(super) fn report(record: &RunRecord, files: Option<(&RunDir, &Base)>) -> Report {
    let evidences = files.map(|(dir, base)| (Evidences::new(dir), base));
    let (budget, met) = (Budget::new(TOTAL_LIMIT, cost), Budget::new(MET_LIMIT, cost));
    let mut writer = Writer { record, evidences, budget, met, taken: HashSet::new() };
    writer.report()
}

/// The tests of each suite on each image, in the order in which the suites of the report stand.
fn cells(record: &RunRecord) -> Vec<((&str, &str), Vec<&TestRecord>)> {
    let mut places: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut cells: Vec<((&str, &str), Vec<&TestRecord>)> = Vec::new();
    for test in &record.tests {
        let cell = (test.suite.as_str(), test.image.as_str());
        let place = *places.entry(cell).or_insert(cells.len());
        if place == cells.len() {
            cells.push((cell, Vec::new()));
        }
        cells[place].1.push(test);
    }
    cells
}

/// The tests in the order of the report's cases.
pub(super) fn in_order(record: &RunRecord) -> impl Iterator<Item = &TestRecord> {
    cells(record).into_iter().flat_map(|(_, tests)| tests)
}

struct Writer<'a> {
    record: &'a RunRecord,
    evidences: Option<(Evidences<'a>, &'a Base)>,
    budget: Budget,
    /// For tests that passed.
    met: Budget,
    /// Class names and, below them, test names that are in use. Readers drop the second of two equal
    /// ones, and with it perhaps the only failure.
    taken: HashSet<(String, String)>,
}

impl Writer<'_> {
    fn report(&mut self) -> Report {
        let record = self.record;
        let mut report = Report::new("muster");
        for (cell, tests) in cells(record) {
            let suite = self.suite(cell, &tests);
            report.add_test_suite(suite);
        }
        for unsaid in verdict::unsaid(record) {
            let suite = self.run_suite(&unsaid);
            report.add_test_suite(suite);
        }
        let total: Duration = report.test_suites.iter().filter_map(|suite| suite.time).sum();
        report.set_time(total);
        report
    }

    fn suite(&mut self, (name, image): (&str, &str), tests: &[&TestRecord]) -> TestSuite {
        let record = self.record;
        let mut suite = TestSuite::new(line(&format!("{name}[{image}]")));
        let started = tests.iter().filter_map(|test| test.started.as_deref()).min().unwrap_or(&record.started);
        set_timestamp(&mut suite.extra, started);
        suite.extra.insert("hostname".into(), line(image).into());
        if let Some(source) = record.suites.get(name) {
            suite.extra.insert("file".into(), line(&source.file).into());
        }
        suite.set_time(tests.iter().map(|test| duration(test.seconds)).sum());
        suite.add_properties(self.properties(name, image));
        let class = line(&format!("{}.{}", name.replace('.', "_"), image.replace('.', "_")));
        let class = self.unique("", class);
        for test in tests {
            let case = self.case(test, &class);
            suite.add_test_case(case);
        }
        suite
    }

    /// The name, with a number behind it when it is in use already: `a.b` and `a_b` are two suites.
    fn unique(&mut self, class: &str, name: String) -> String {
        let numbered = (2..).map(|n| format!("{name}~{n}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| {
            let key = (class.to_owned(), name.clone());
            self.taken.insert(key)
        });
        free.unwrap_or(name)
    }

    fn properties(&self, suite: &str, image: &str) -> Vec<Property> {
        let record = self.record;
        let mut properties = Vec::new();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                properties.push(Property::new(name, line(value)));
            }
        };
        add("image.id", image);
        if let Some(known) = record.images.get(image) {
            add("image.sha256", &known.sha256);
            for product in &known.products {
                add("product", &format!("{} sha256:{}", product.package, product.sha256));
            }
            for kernel in &known.kernels {
                add("matrix-kernel", &format!("{} ({})", kernel.package, kernel.release));
                for file in &kernel.files {
                    add("matrix-kernel-file", &format!("{} sha256:{}", file.package, file.sha256));
                }
            }
            if let Some(facts) = &known.facts {
                let os = |key: &str| facts.os_release.get(key).map_or("", String::as_str);
                add("distro", format!("{} {}", os("ID"), os("VERSION_ID")).trim());
                add("arch", &facts.arch);
                add("firmware", &facts.firmware);
                add("kernel", &facts.kernel);
            }
        }
        add("accelerator", &record.accelerator.kind);
        add("muster.version", &record.muster);
        add("run.id", &record.id);
        if let Some(source) = record.suites.get(suite) {
            add("suite.sha256", &source.sha256);
        }
        properties
    }

    fn case(&mut self, test: &TestRecord, class: &str) -> TestCase {
        let status = self.status(test);
        let mut case = TestCase::new(self.unique(class, line(&test.test)), status);
        case.set_classname(class);
        case.set_assertions(test.assertions as usize);
        case.set_time(duration(test.seconds));
        if let Some(started) = &test.started {
            set_timestamp(&mut case.extra, started);
        }
        case.extra.insert("file".into(), line(&test.location.file).into());
        case.extra.insert("line".into(), test.location.line.to_string().into());
        for tag in &test.tags {
            case.add_property(Property::new("tag", line(tag)));
        }
        for link in &test.links {
            case.add_property(Property::new("link", line(link)));
        }
        if let Some(issue) = &test.issue {
            case.add_property(Property::new("tracker", line(&issue.tracker)));
        }
        if let Some(before) = words::before(test) {
            case.add_property(Property::new("earlier", line(&before)));
        }
        if let Some(run) = &test.kept_from {
            case.add_property(Property::new("kept-from", line(run)));
        }
        for remark in &test.remarks {
            case.add_property(Property::new("remark", line(remark)));
        }
        if matches!(test.outcome, Outcome::Fail | Outcome::Error)
            && let Some((evidences, base)) = &mut self.evidences
        {
            let evidence = evidences.of(test);
            if evidence != Evidence::default() {
                let output = output(&evidence, base);
                let output = self.budget.within(&output, usize::MAX);
                case.set_system_out(output);
            }
        }
        if matches!(test.outcome, Outcome::Pass | Outcome::Flaky) && !test.met.is_empty() {
            case.set_system_out(self.met.within(&unattached(&words::met(test).join("\n")), BODY_LIMIT));
        }
        case
    }

    fn status(&mut self, test: &TestRecord) -> TestCaseStatus {
        let (id, message) = words::headline(test);
        let non_success = |kind, body: String| {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_type(id.clone()).set_message(message.clone()).set_description(body);
            status
        };
        match test.outcome {
            Outcome::Pass => self.with_attempts(test, TestCaseStatus::success()),
            Outcome::Fail => {
                let status = non_success(NonSuccessKind::Failure, self.body(test));
                self.with_attempts(test, status)
            }
            Outcome::Error => {
                let status = non_success(NonSuccessKind::Error, self.body(test));
                self.with_attempts(test, status)
            }
            // Not an error each: the one error is that of another test, which the message names.
            Outcome::Skip | Outcome::NotRun => {
                let mut status = TestCaseStatus::skipped();
                status.set_type(id).set_message(message.clone()).set_description(message);
                status
            }
            Outcome::Known => {
                let mut status = TestCaseStatus::skipped();
                status.set_type("known-issue").set_message(message).set_description(self.body(test));
                status
            }
            Outcome::Flaky => {
                if !test.attempts.is_empty() {
                    return self.with_attempts(test, TestCaseStatus::success());
                }
                let mut attempt = TestRerun::new(NonSuccessKind::Failure);
                attempt.set_type(id).set_message(message).set_stack_trace(self.body(test));
                let mut status = TestCaseStatus::success();
                status.add_rerun(attempt);
                self.with_attempts(test, status)
            }
        }
    }

    /// The earlier attempts, first those of earlier runs: flaky failures of a pass, failed reruns of a failure.
    fn with_attempts(&mut self, test: &TestRecord, mut status: TestCaseStatus) -> TestCaseStatus {
        let wrong = |outcome| matches!(outcome, Outcome::Fail | Outcome::Error);
        for earlier in test.earlier.iter().filter(|earlier| wrong(earlier.outcome)) {
            let failures = earlier.failure.iter().cloned().collect();
            let this = TestRecord { failures, outcome: earlier.outcome, ..test.clone() };
            let (id, message) = words::headline(&this);
            let error = earlier.outcome == Outcome::Error;
            let mut rerun = TestRerun::new(if error { NonSuccessKind::Error } else { NonSuccessKind::Failure });
            rerun.set_type(id).set_message(line(&format!("in {}: {message}", earlier.run)));
            rerun.set_stack_trace(self.body(&this));
            status.add_rerun(rerun);
        }
        for attempt in &test.attempts {
            let this = TestRecord { failures: attempt.failures.clone(), outcome: Outcome::Fail, ..test.clone() };
            let (id, message) = words::headline(&this);
            let mut rerun = TestRerun::new(NonSuccessKind::Failure);
            rerun.set_type(id).set_message(message).set_stack_trace(self.body(&this));
            rerun.set_time(duration(attempt.seconds));
            status.add_rerun(rerun);
        }
        status
    }

    /// A suite of one case that says why the run, or an image, is not a pass although its tests are.
    fn run_suite(&mut self, unsaid: &Unsaid<'_>) -> TestSuite {
        let record = self.record;
        let why = one_line(&unsaid.why, 200);
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type(verdict::run_id(record).as_str()).set_message(why.clone()).set_description(why);
        let mut suite =
            TestSuite::new(line(&unsaid.image.map_or("muster".to_owned(), |image| format!("muster[{image}]"))));
        let class = unsaid.image.map_or("muster".to_owned(), |image| format!("muster.{}", image.replace('.', "_")));
        let class = self.unique("", line(&class));
        let mut case = TestCase::new("run", status);
        case.set_classname(class).set_time(Duration::ZERO);
        set_timestamp(&mut suite.extra, &record.started);
        if let Some(image) = unsaid.image {
            suite.extra.insert("hostname".into(), line(image).into());
        }
        suite.set_time(Duration::ZERO);
        suite.add_test_case(case);
        suite
    }

    /// All failures of a test, one after another, then how to run it again.
    fn body(&mut self, test: &TestRecord) -> String {
        let body = self.budget.within(&words::account(test).join("\n"), BODY_LIMIT);
        format!("{}\n\n{}", body.trim_end(), words::again(test).join("\n"))
    }
}

pub(super) mod strict;
#[cfg(test)]
mod tests;
pub(super) mod text;
