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

use super::budget::Budget;
use crate::evidence::{Base, Evidence, Evidences};
use crate::format::ReportInput;
use crate::verdict::{self, Unsaid};
use crate::words;
use muster_base::text;
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

/// The same for readers that validate: nothing in it but what the schema of Jenkins' xunit plugin (`junit-10.xsd`) has.
/// No place in a suite's file, no tags and links, no time stamps of tests.
pub(crate) struct Strict;

impl crate::format::Report for Strict {
    fn name(&self) -> &'static str {
        "junit-strict"
    }

    fn file(&self) -> &'static str {
        "junit-strict.xml"
    }

    fn is_default(&self) -> bool {
        false
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(strict(report(source.record, Some((source.dir, source.base))))?)
    }
}

/// Of an earlier attempt the schema has no time.
fn untimed(attempts: &mut [TestRerun]) {
    for attempt in attempts {
        attempt.time = None;
    }
}

/// A report without what the schema does not know.
fn strict(mut report: Report) -> Result<String, quick_junit::SerializeError> {
    for suite in &mut report.test_suites {
        suite.extra.retain(|key, _| matches!(key.as_str(), "hostname" | "timestamp" | "file"));
        for case in &mut suite.test_cases {
            case.extra.clear();
            case.properties.clear();
            case.assertions = None;
            match &mut case.status {
                TestCaseStatus::Success { flaky_runs } => untimed(flaky_runs),
                TestCaseStatus::NonSuccess { reruns, .. } => untimed(&mut reruns.runs),
                TestCaseStatus::Skipped { .. } => {}
            }
        }
    }
    let text = report.to_string()?;
    // Of the root, which has no text of anybody's in it but its name.
    let end = text.find("<testsuite ").unwrap_or(text.len());
    let (root, rest) = text.split_at(end);
    let Some((before, after)) = root.split_once(" skipped=\"") else { return Ok(text) };
    let after = after.split_once('"').map_or("", |(_, after)| after);
    Ok(format!("{before}{after}{rest}"))
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
        let why = text::one_line(&unsaid.why, 200);
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

/// Bytes of a character in the file.
fn cost(c: char) -> usize {
    match c {
        '<' | '>' | '&' | '"' | '\'' => 6,
        c => c.len_utf8(),
    }
}

/// Attachments first, since readers look for them in the first lines, then the end of the console.
fn output(evidence: &Evidence, base: &Base) -> String {
    let mut out = String::new();
    for path in &evidence.attachments {
        out.push_str(&format!("[[ATTACHMENT|{}]]\n", text::escape(&base.name(path))));
    }
    if !evidence.console_tail.is_empty() {
        out.push_str("the end of the console:\n");
        out.push_str(&unattached(&evidence.console_tail.replace('\t', "    ")));
    }
    out
}

/// What a guest prints must not attach files of the host.
pub(super) fn unattached(text: &str) -> String {
    text.replace("[[ATTACHMENT|", "[[ATTACHMENT\\x7c")
}

type Attributes = indexmap::IndexMap<quick_junit::XmlString, quick_junit::XmlString>;

/// RFC 3339 in UTC without its fraction and zone, which is the only form all readers take. What is
/// not such a time is left out.
fn set_timestamp(attributes: &mut Attributes, at: &str) {
    if let Ok(at) = at.parse::<jiff::Timestamp>() {
        attributes.insert("timestamp".into(), at.strftime("%Y-%m-%dT%H:%M:%S").to_string().into());
    }
}

/// One line for an attribute. Readers limit names to 512 characters or so.
fn line(text: &str) -> String {
    text::one_line(text, 500)
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    /// Read back by quick-junit, which wants a zone in time stamps.
    fn parsed(xml: &str) -> Report {
        let zoned = regex::Regex::new(r#"timestamp="([^"]*)""#).unwrap().replace_all(xml, r#"timestamp="${1}Z""#);
        Report::deserialize_from_str(&zoned).expect("well-formed, and JUnit")
    }

    fn case<'a>(report: &'a Report, suite: &str, name: &str) -> &'a TestCase {
        let suite = report.test_suites.iter().find(|s| s.name.as_str() == suite).expect("the suite is there");
        suite.test_cases.iter().find(|case| case.name.as_str() == name).expect("the case is there")
    }

    #[test]
    fn the_sample_run_as_text() {
        let record = Recorder::fold(&sample::events());
        insta::assert_snapshot!(render(&record, None).unwrap());
    }

    #[test]
    fn a_hostile_guest_adds_no_case_and_hides_none() {
        let mut record = Recorder::fold(&sample::events());
        // Hostile text in every field that holds text.
        for test in &mut record.tests {
            test.summary = sample::HOSTILE.into();
            test.tags = vec![sample::HOSTILE.into()];
            test.links = vec![sample::HOSTILE.into()];
            test.rerun = sample::HOSTILE.into();
            test.remarks = vec![sample::HOSTILE.into()];
            test.location.file = sample::HOSTILE.into();
            for failure in test.failures.iter_mut().chain(&mut test.skipped) {
                failure.id = muster_base::failure::FailureId::of_check(sample::HOSTILE, sample::HOSTILE);
                failure.message = sample::HOSTILE.into();
                failure.expected = Some(sample::HOSTILE.into());
                failure.actual = Some(String::from_utf8_lossy(b"\xed\xa0\x80\xff\xfe").into_owned());
                failure.detail = Some(sample::HOSTILE.into());
            }
        }
        let facts = record.images.get_mut("lab").unwrap().facts.as_mut().unwrap();
        facts.kernel = sample::HOSTILE.into();
        facts.os_release.insert("ID".into(), sample::HOSTILE.into());
        let xml = render(&record, None).unwrap();
        let report = parsed(&xml);
        let cases: Vec<_> = report.test_suites.iter().flat_map(|suite| &suite.test_cases).collect();
        assert_eq!(cases.len(), sample::TESTS);
        assert!(cases.iter().all(|case| case.name.as_str() != "forged"));
        assert_eq!((report.tests, report.failures, report.errors, report.skipped), (11, 2, 2, 5));
        let allowed = |c: char| c == '\n' || (c >= ' ' && !matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}'));
        assert!(xml.chars().all(allowed), "only characters that XML 1.0 allows and terminals ignore");
        assert!(xml.contains("\\x1b[2J"), "escapes are visible, not dropped");
        assert!(!xml.contains("<!--") && !xml.contains("CDATA"));
    }

    #[test]
    fn counters_are_those_of_the_cases_and_names_are_unique() {
        let report = parsed(&render(&Recorder::fold(&sample::events()), None).unwrap());
        let mut names = std::collections::BTreeSet::new();
        for suite in &report.test_suites {
            let count = |wanted: fn(&TestCaseStatus) -> bool| {
                suite.test_cases.iter().filter(|case| wanted(&case.status)).count()
            };
            assert_eq!(suite.tests, suite.test_cases.len());
            assert_eq!(suite.skipped, count(|s| matches!(s, TestCaseStatus::Skipped { .. })));
            let of = |kind: fn(&NonSuccessKind) -> bool| {
                let is = |s: &&TestCase| matches!(&s.status, TestCaseStatus::NonSuccess { kind: k, .. } if kind(k));
                suite.test_cases.iter().filter(is).count()
            };
            assert_eq!(suite.failures, of(|kind| *kind == NonSuccessKind::Failure));
            assert_eq!(suite.errors, of(|kind| *kind == NonSuccessKind::Error));
            for case in &suite.test_cases {
                assert!(names.insert((case.classname.clone(), case.name.clone())), "{case:?} is there twice");
            }
        }
        assert_eq!(report.test_suites.len(), 4);
        let counts = |name: &str| {
            let suite = report.test_suites.iter().find(|suite| suite.name.as_str() == name).unwrap();
            (suite.tests, suite.errors, suite.skipped)
        };
        assert_eq!((counts("base[lab-immutable]"), counts("machine[lab-immutable]")), ((2, 0, 2), (1, 1, 0)));
    }

    #[test]
    fn two_suites_whose_names_differ_in_a_dot_stay_two() {
        let mut record = Recorder::fold(&sample::events());
        let test = |suite: &str, outcome| sample::test(suite, "t", outcome);
        record.tests = vec![test("a_b", Outcome::Pass), test("a.b", Outcome::Fail)];
        record.findings.clear();
        let report = parsed(&render(&record, None).unwrap());
        let classes: Vec<_> =
            report.test_suites.iter().map(|s| s.test_cases[0].classname.as_deref().unwrap()).collect();
        assert_eq!(classes, ["a_b.lab", "a_b.lab~2"]);
    }

    #[test]
    fn all_failures_of_a_test_are_in_one_element() {
        let report = parsed(&render(&Recorder::fold(&sample::events()), None).unwrap());
        let TestCaseStatus::NonSuccess { message, ty, description, .. } =
            &case(&report, "base[lab]", "nginx-version").status
        else {
            panic!("it failed");
        };
        assert_eq!(ty.as_deref(), Some("package.version"));
        assert_eq!(message.as_deref(), Some("package nginx: version is not as expected"));
        let body = description.as_deref().unwrap();
        assert_eq!(
            body,
            "package nginx: version is not as expected\n suites/base.yaml:21:9\n\
             expected  version >= 1:1.26\nactual    1:1.20-3\nrpm -q nginx\nnginx-1.20-3.x86_64\n\n\
             snapshot sysctl changed\n suites/base.yaml:25:5\n\
             -net.ipv4.ip_forward = 0\n+net.ipv4.ip_forward = 1\n\n\
             run it again: muster run suites/base.yaml --image lab --test base/nginx-version"
        );
    }

    #[test]
    fn a_run_that_is_no_pass_is_never_a_green_file() {
        let mut record = Recorder::fold(&sample::events());
        record.tests.retain(|test| test.outcome == Outcome::Pass);
        for (exit_code, findings, expected) in [(0, true, 1), (1, true, 1), (4, false, 1), (0, false, 0)] {
            record.exit_code = Some(exit_code);
            if !findings {
                record.findings.clear();
            }
            let report = parsed(&render(&record, None).unwrap());
            assert_eq!(report.errors, expected, "exit code {exit_code}, findings {findings}");
        }
        record.interrupted = true;
        let xml = render(&record, None).unwrap();
        assert!(xml.contains(r#"<error message="the run was interrupted" type="run.interrupted">"#), "{xml}");
        assert_eq!(parsed(&render(&RunRecord::default(), None).unwrap()).errors, 1, "an empty record is no pass");
    }

    #[test]
    fn evidence_of_failures_is_attached_by_paths_that_readers_resolve() {
        let temporary = tempfile::tempdir().unwrap();
        let runs = camino::Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        let dir = RunDir::create(&runs.join("r")).unwrap();
        std::fs::create_dir_all(dir.machine("m1")).unwrap();
        std::fs::write(dir.machine("m1").join("console.log"), sample::HOSTILE).unwrap();
        let record = Recorder::fold(&sample::events());
        let base = Base::of(dir.root(), Some(&runs)).unwrap();
        let report = parsed(&render(&record, Some((&dir, &base))).unwrap());
        let out = case(&report, "base[lab]", "nginx-version").system_out.as_deref().unwrap();
        assert!(out.starts_with("[[ATTACHMENT|r/machines/m1/console.log]]\nthe end of the console:\n"), "{out}");
        let named = out.lines().next().unwrap().strip_prefix("[[ATTACHMENT|").and_then(|rest| rest.strip_suffix("]]"));
        assert!(runs.join(named.unwrap()).is_file(), "as Jenkins and GitLab look for it");
        assert_eq!(out.matches("[[ATTACHMENT|").count(), 1, "the guest cannot attach files");
        let out = case(&report, "base[lab]", "hostile").system_out.as_deref().unwrap();
        assert_eq!(out.trim_end(), "[[ATTACHMENT|r/machines/m1/console.log]]");
        let passed = case(&report, "base[lab]", "nginx-serves").system_out.as_deref().unwrap();
        assert!(!passed.contains("console.log") && !passed.contains("[[ATTACHMENT|"), "{passed}");
    }

    #[test]
    fn a_pass_shows_what_was_expected_and_found_and_leaves_room_for_failures() {
        let mut record = Recorder::fold(&sample::events());
        let report = parsed(&render(&record, None).unwrap());
        let passed = case(&report, "base[lab]", "nginx-serves").system_out.as_deref().unwrap();
        let lines: Vec<&str> = passed.lines().collect();
        assert_eq!(lines[0], "package nginx: version >= 1:1.26, found 1:1.28-3.azl4");
        assert!(
            lines[1].starts_with("command curl -s localhost: stdout is not empty, found ]]></failure>"),
            "{passed}"
        );
        assert_eq!(lines[2..], ["and 1 more that was met"]);
        assert_eq!(case(&report, "base[lab]", "nginx-version").system_out, None, "a failure shows what it misses");

        let met = muster_record::met::MetRecord::new("a", "b", &"<&>".repeat(60));
        record.tests[0].met = vec![met; 100];
        record.tests = (0..200).map(|n| TestRecord { test: format!("t{n}"), ..record.tests[0].clone() }).collect();
        let xml = render(&record, None).unwrap();
        assert!(xml.len() < MET_LIMIT + 200 * 4096, "{} bytes", xml.len());
        assert!(xml.contains("bytes left out]"));
    }

    #[test]
    fn the_strict_one_has_the_same_cases_and_nothing_that_a_schema_refuses() {
        let record = Recorder::fold(&sample::events());
        let (strict, full) = (strict(report(&record, None)).unwrap(), render(&record, None).unwrap());
        let cases = |xml: &str| -> Vec<String> {
            let report = parsed(xml);
            let cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
            let time = regex::Regex::new(r"time: Some\([^)]*\)").unwrap();
            let whole = cases.map(|case| format!("{:?} {:?} {:?}", case.classname, case.name, case.status));
            whole.map(|case| time.replace_all(&case, "time: None").into_owned()).collect()
        };
        assert!(cases(&strict) == cases(&full), "but for the times of earlier attempts");
        let tags = regex::Regex::new(r"<(testsuites|testcase) ([^>]*)>").unwrap();
        let attribute = regex::Regex::new(r#"([\w-]+)="[^"]*""#).unwrap();
        for tag in tags.captures_iter(&strict) {
            let allowed: &[&str] = match &tag[1] {
                "testsuites" => &["name", "time", "tests", "failures", "errors"],
                _ => &["name", "time", "classname"],
            };
            assert!(attribute.captures_iter(&tag[2]).all(|found| allowed.contains(&&found[1])), "{}", &tag[0]);
        }
        assert!(full.contains("assertions=") && full.contains(" skipped=\"5\""), "the other has them");
    }

    #[test]
    fn a_file_stays_within_what_readers_take() {
        let mut record = Recorder::fold(&sample::events());
        let mut large = record.tests[1].clone();
        large.failures[0].detail = Some("<&>".repeat(5_000));
        record.tests = (0..400).map(|n| TestRecord { test: format!("t{n}"), ..large.clone() }).collect();
        record.findings.clear();
        let limit = 1 << 20;
        let (budget, met) = (Budget::new(limit, cost), Budget::new(limit, cost));
        let mut writer = Writer { record: &record, evidences: None, budget, met, taken: HashSet::new() };
        let xml = writer.report().to_string().unwrap();
        let least = 400 * (512 + 2048);
        assert!(xml.len() < limit + least, "{} bytes", xml.len());
        assert_eq!(xml.matches("<testcase ").count(), 400);
        assert!(xml.contains("bytes left out]"));
        assert_eq!(xml.matches("run it again: ").count(), 400, "what is cut still says how to run it again");
    }
}
