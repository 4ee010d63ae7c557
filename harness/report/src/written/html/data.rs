//! What the script of the page shows, as JSON. All text is escaped and bounded here: the script puts it into text nodes
//! as it is.

use std::collections::{BTreeMap, HashMap};

use camino::Utf8Path;
use jiff::civil::Date;
use serde::Serialize;

use super::boots::Boots;
use super::known::Known;
use super::seconds::finite;
use crate::evidence::{Evidence, Evidences};
use crate::words;
use muster_base::failure::{self, Failure};
use muster_base::text::{self, one_line};
use muster_record::met;
use muster_record::outcome::Outcome;
use muster_record::run::{ImageRecord, IssueRecord, MachineRecord, Ruled, RunRecord, TestRecord};

/// Characters of a name at most.
const NAME: usize = 200;
/// Characters of a sentence at most.
const SENTENCE: usize = 600;
/// Characters of a command line at most: one that is cut is of no use.
const COMMAND: usize = 8000;
/// Failures of a test, attempts of it, notes on it, tags and links at most.
const PARTS: usize = 40;
/// Machines, findings and known issues that are listed at most.
const LISTED: usize = 400;

/// How much output the page repeats, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Of one value, output or console.
    one: usize,
    /// Of all of them together.
    all: usize,
    /// Of what was met by all tests together.
    met: usize,
}

impl Limits {
    /// The most first: the next is for a page that would be too large.
    pub(super) const STEPS: [Limits; 4] = [
        Limits { one: 64 << 10, all: 16 << 20, met: 4 << 20 },
        Limits { one: 16 << 10, all: 4 << 20, met: 2 << 20 },
        Limits { one: 4 << 10, all: 1 << 20, met: 1 << 20 },
        Limits { one: 512, all: 0, met: 0 },
    ];
    /// Of one text when all together are at their limit.
    const LEAST: usize = 200;
}

/// The output that is left to show.
struct Budget {
    limits: Limits,
    left: usize,
    /// Bytes that are left for what was met.
    met_left: usize,
}

impl Budget {
    fn new(limits: Limits) -> Self {
        Self { limits, left: limits.all, met_left: limits.met }
    }

    /// The assertions of a test that were met, as far as they fit, and how many more there were.
    fn met(&mut self, test: &TestRecord) -> (Vec<[String; 3]>, usize) {
        let mut shown = Vec::new();
        for met in test.met.iter().take(met::MOST) {
            let row = [&met.subject, &met.expected, &met.actual].map(|text| one_line(text, NAME));
            let bytes = row.iter().map(String::len).sum();
            let Some(left) = self.met_left.checked_sub(bytes) else { break };
            self.met_left = left;
            shown.push(row);
        }
        let more = (test.met.len() - shown.len()).saturating_add(test.met_left_out as usize);
        (shown, more)
    }

    /// The text or its end.
    fn take(&mut self, text: &str) -> String {
        let limit = self.limits.one.min(self.left.max(Limits::LEAST));
        self.left = self.left.saturating_sub(text.len().min(limit));
        text::tail(text, limit)
    }
}

/// All of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<'k> {
    seconds: Option<f64>,
    /// The day by which known issues are counted.
    day: Option<String>,
    causes: Vec<Group>,
    reasons: Vec<Group>,
    ids: BTreeMap<String, Meaning>,
    suites: BTreeMap<String, String>,
    images: Vec<Image>,
    machines: Vec<Machine>,
    machines_left_out: usize,
    findings: Vec<OnConsole>,
    issues: Vec<Issue>,
    consoles: BTreeMap<String, String>,
    time: Time,
    boots: &'k Boots,
    tests: Vec<Test>,
}

#[derive(Debug, Serialize)]
struct Group {
    id: String,
    message: String,
}

#[derive(Debug, Serialize)]
struct Meaning {
    meaning: &'static str,
    next: &'static str,
}

#[derive(Debug, Serialize)]
struct Image {
    id: String,
    /// The command line that enters a new machine of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    enter: Option<String>,
    facts: Vec<(&'static str, String)>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Machine {
    id: String,
    image: String,
    of: Option<String>,
    channel: Option<String>,
    ready: Option<f64>,
    worked: Option<f64>,
    mib: Option<u64>,
    end: Option<String>,
    tests: usize,
}

#[derive(Debug, Serialize)]
struct OnConsole {
    machine: String,
    category: String,
    severity: &'static str,
    line: String,
    number: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Issue {
    ruled: &'static str,
    tracker: String,
    because: String,
    expires: String,
    /// From the day of the run to the last day of the entry; negative when it is over.
    days: Option<i32>,
    owner: String,
    at: String,
    note: String,
}

#[derive(Debug, Default, PartialEq, Serialize)]
struct Time {
    boots: Part,
    clones: Part,
    guests: f64,
    /// Of muster itself; `None` when machines ran side by side or a time is not known.
    rest: Option<f64>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
struct Part {
    count: usize,
    seconds: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    suite: String,
    test: String,
    image: String,
    outcome: &'static str,
    summary: String,
    at: String,
    seconds: f64,
    rerun: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Wrong>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Wrong>,
    /// Of each assertion that was met: what it is about, what was expected, what was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    met: Vec<[String; 3]>,
    /// How many more were met.
    #[serde(skip_serializing_if = "is_zero")]
    met_more: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<Attempt>,
    /// Index into the issues of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    issue: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
    /// Where it has several: the name in the suite and the id of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    machines: Vec<[String; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<String>,
    /// Paths in the run's directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<&'static str>,
    /// Index into the causes of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<usize>,
    /// Index into the reasons of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<usize>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[derive(Debug, Serialize)]
struct Wrong {
    id: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

#[derive(Debug, Serialize)]
struct Attempt {
    /// The earlier run in which it was, and how it ended there; an attempt of this run has neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    machine: Option<String>,
    seconds: f64,
    failures: Vec<Wrong>,
}

impl<'k> Page<'k> {
    pub(super) fn of(record: &RunRecord, known: &'k Known<'_>, evidences: Evidences<'_>, limits: Limits) -> Self {
        let day = day(record);
        let seconds = seconds(record);
        let by_index = |groups: &[crate::causes::Cause]| -> HashMap<usize, usize> {
            groups.iter().enumerate().flat_map(|(at, group)| group.tests.iter().map(move |test| (*test, at))).collect()
        };
        let (causes, reasons) = (by_index(&known.failed), by_index(&known.not_run));
        let mut maker = Maker {
            budget: Budget::new(limits),
            evidences,
            consoles: BTreeMap::new(),
            ids: BTreeMap::new(),
            issues: Vec::new(),
            day,
        };
        let tests = record.tests.iter().enumerate().map(|(index, test)| Test {
            since: known.since.as_ref().and_then(|since| since.changes[index]).map(crate::since::Change::name),
            cause: causes.get(&index).copied(),
            why: reasons.get(&index).copied(),
            ..maker.test(test)
        });
        let tests = tests.collect();
        let groups = |groups: &[crate::causes::Cause]| {
            let group = |cause: &crate::causes::Cause| Group { id: cause.id.clone(), message: cause.message.clone() };
            groups.iter().map(group).collect::<Vec<_>>()
        };
        let finding = |found: &muster_record::finding::OnMachine| OnConsole {
            machine: one_line(&found.machine, NAME),
            category: one_line(&found.finding.category, NAME),
            severity: found.finding.severity.name(),
            line: one_line(&found.finding.line, SENTENCE),
            number: found.finding.line_number,
        };
        let suites =
            record.suites.iter().map(|(name, suite)| (one_line(name, NAME), one_line(&suite.summary, SENTENCE)));
        Self {
            seconds,
            day: day.map(|day| day.to_string()),
            causes: groups(&known.failed),
            reasons: groups(&known.not_run),
            suites: suites.collect(),
            images: record.images.iter().map(|(id, image)| self::image(id, image)).collect(),
            machines: machines(record),
            machines_left_out: record.machines.len().saturating_sub(LISTED),
            findings: record.findings.iter().take(LISTED).map(finding).collect(),
            time: time(&record.machines, seconds),
            boots: &known.boots,
            tests,
            ids: maker.ids,
            issues: maker.issues,
            consoles: maker.consoles,
        }
    }
}

/// Makes tests, and collects what several of them share.
struct Maker<'a> {
    budget: Budget,
    evidences: Evidences<'a>,
    consoles: BTreeMap<String, String>,
    ids: BTreeMap<String, Meaning>,
    issues: Vec<Issue>,
    day: Option<Date>,
}

impl Maker<'_> {
    fn test(&mut self, test: &TestRecord) -> Test {
        let shown = !matches!(test.outcome, Outcome::Pass | Outcome::Skip | Outcome::NotRun);
        let evidence = if shown { self.evidences.of(test) } else { Evidence::default() };
        if let Some(machine) = test.machine.as_ref().filter(|_| !evidence.console_tail.is_empty()) {
            let console = self.budget.take(&evidence.console_tail);
            self.consoles.insert(one_line(machine, NAME), console);
        }
        let lines = |texts: &[String], max: usize| -> Vec<String> {
            texts.iter().take(PARTS).map(|text| one_line(text, max)).collect()
        };
        let mut attempts: Vec<Attempt> = Vec::new();
        // The last ones, where there are many.
        for earlier in &test.earlier[test.earlier.len().saturating_sub(PARTS)..] {
            attempts.push(Attempt {
                run: Some(one_line(&earlier.run, NAME)),
                outcome: Some(earlier.outcome.name()),
                machine: None,
                seconds: 0.0,
                failures: earlier.failure.iter().map(|failure| self.wrong(failure)).collect(),
            });
        }
        attempts.extend(test.attempts.iter().take(PARTS).map(|attempt| Attempt {
            run: None,
            outcome: None,
            machine: attempt.machine.as_ref().map(|machine| one_line(machine, NAME)),
            seconds: finite(attempt.seconds),
            failures: attempt.failures.iter().take(PARTS).map(|failure| self.wrong(failure)).collect(),
        }));
        let (met, met_more) = self.budget.met(test);
        let notes = words::kept(test).into_iter().chain(lines(&test.remarks, SENTENCE)).collect();
        Test {
            suite: one_line(&test.suite, NAME),
            test: one_line(&test.test, NAME),
            image: one_line(&test.image, NAME),
            outcome: test.outcome.name(),
            summary: one_line(&test.summary, SENTENCE),
            at: one_line(&test.location.to_string(), NAME),
            seconds: finite(test.seconds),
            rerun: one_line(&test.rerun, COMMAND),
            tags: lines(&test.tags, NAME),
            links: lines(&test.links, SENTENCE),
            message: (test.outcome != Outcome::Pass).then(|| words::headline(test).1),
            failures: test.failures.iter().take(PARTS).map(|failure| self.wrong(failure)).collect(),
            reason: test.skipped.as_ref().map(|failure| self.wrong(failure)),
            met,
            met_more,
            notes,
            attempts,
            issue: test.issue.as_ref().map(|issue| self.issue(issue)),
            machine: test.machine.as_ref().map(|machine| one_line(machine, NAME)),
            machines: test
                .machines
                .iter()
                .take(PARTS)
                .map(|one| [&one.name, &one.id].map(|s| one_line(s, NAME)))
                .collect(),
            resume: words::resume(test),
            files: evidence.attachments.into_iter().filter(|path| stays_below(path)).collect(),
            since: None,
            cause: None,
            why: None,
        }
    }

    fn wrong(&mut self, failure: &Failure) -> Wrong {
        let id = one_line(failure.id.as_str(), NAME);
        if let Some(row) = failure::row(&failure.id) {
            self.ids.entry(id.clone()).or_insert(Meaning { meaning: row.meaning, next: row.next });
        }
        let detail = words::detail(failure).join("\n");
        Wrong {
            id,
            message: one_line(&failure.message, SENTENCE),
            expected: failure.expected.as_ref().map(|value| self.budget.take(&words::visible(value))),
            actual: failure.actual.as_ref().map(|value| self.budget.take(&words::visible(value))),
            detail: (!detail.is_empty()).then(|| self.budget.take(&detail)),
            at: failure.location.as_ref().map(|at| one_line(&at.to_string(), NAME)),
        }
    }

    fn issue(&mut self, issue: &IssueRecord) -> usize {
        let last = issue.expires.parse::<Date>().ok();
        let days = last.zip(self.day).and_then(|(last, day)| last.since(day).ok()).map(|span| span.get_days());
        let issue = Issue {
            ruled: ruled(issue.ruled),
            tracker: one_line(&issue.tracker, SENTENCE),
            because: one_line(&issue.because, SENTENCE),
            expires: one_line(&issue.expires, NAME),
            days,
            owner: one_line(&issue.owner, NAME),
            at: one_line(&issue.location.to_string(), NAME),
            note: one_line(&issue.note, SENTENCE),
        };
        self.issues.iter().position(|known| *known == issue).unwrap_or_else(|| {
            self.issues.push(issue);
            self.issues.len() - 1
        })
    }
}

/// What an entry of the known issues came to, in words.
fn ruled(ruled: Ruled) -> &'static str {
    match ruled {
        Ruled::Known => "failed as documented",
        Ruled::Skipped => "skipped",
        Ruled::UnexpectedPass => "passed, although it is documented to fail",
        Ruled::Unexplained => "failed in another way than documented",
        Ruled::Expired => "failed as documented, and the entry has expired",
        Ruled::Stale => "passed, and the entry has expired",
    }
}

/// A path that a link of the page may have: below the run's directory, of plain segments.
fn stays_below(path: &str) -> bool {
    let path = Utf8Path::new(path);
    !path.as_str().is_empty()
        && path.is_relative()
        && path.components().all(|part| matches!(part, camino::Utf8Component::Normal(_)))
}

/// The day on which the run ended or began, in UTC.
fn day(record: &RunRecord) -> Option<Date> {
    let at: jiff::Timestamp = record.finished.as_deref().unwrap_or(&record.started).parse().ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

/// How long the run took.
pub(super) fn seconds(record: &RunRecord) -> Option<f64> {
    let started: jiff::Timestamp = record.started.parse().ok()?;
    let finished: jiff::Timestamp = record.finished.as_deref()?.parse().ok()?;
    Some(finished.duration_since(started).as_secs_f64().max(0.0))
}

fn image(id: &str, image: &ImageRecord) -> Image {
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    let mut add = |name: &'static str, value: &str| {
        if !value.is_empty() {
            facts.push((name, one_line(value, SENTENCE)));
        }
    };
    if let Some(known) = &image.facts {
        let release = |key: &str| known.os_release.get(key).map_or("", String::as_str);
        let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
        let list = |values: &std::collections::BTreeSet<String>| {
            values.iter().take(100).cloned().collect::<Vec<_>>().join(" ")
        };
        add("system", release("PRETTY_NAME"));
        add("distribution", format!("{} {}", release("ID"), release("VERSION_ID")).trim());
        add("kernel", &known.kernel);
        add("architecture", &known.arch);
        add("firmware", &known.firmware);
        add("mode", &known.mode);
        add("systemd", &number(known.systemd));
        add("package manager", known.package_manager.as_deref().unwrap_or_default());
        add("rpm", known.rpm.as_deref().unwrap_or_default());
        add("dpkg", known.dpkg.as_deref().unwrap_or_default());
        add("SELinux", known.selinux.as_deref().unwrap_or("the kernel has none"));
        add("capabilities", &list(&known.capabilities));
    } else {
        add("system", "it never answered, so nothing is known of it");
    }
    add("file", &image.path);
    add("format", &image.format);
    add("SHA-256", &image.sha256);
    for product in &image.products {
        add("product", &format!("{}, from {}, SHA-256 {}", product.package, product.file, product.sha256));
    }
    for kernel in &image.kernels {
        add("kernel of a matrix", &format!("{}, which runs as {}", kernel.package, kernel.release));
        for file in &kernel.files {
            add("file of that kernel", &format!("{}, from {}, SHA-256 {}", file.package, file.file, file.sha256));
        }
    }
    Image { id: one_line(id, NAME), enter: image.enter.as_ref().map(|line| one_line(line, COMMAND)), facts }
}

/// Machines that were booted or never answered first: of clones there may be thousands.
fn machines(record: &RunRecord) -> Vec<Machine> {
    let mut tests: HashMap<&str, usize> = HashMap::new();
    for machine in record.tests.iter().filter(|test| test.outcome.has_run()).flat_map(TestRecord::machine_ids) {
        *tests.entry(machine).or_default() += 1;
    }
    let mut machines: Vec<&MachineRecord> = record.machines.iter().collect();
    machines.sort_by_key(|machine| machine.cloned_from.is_some() && machine.boot_seconds.is_some());
    let shown = machines.into_iter().take(LISTED).map(|machine| Machine {
        id: one_line(&machine.id, NAME),
        image: one_line(&machine.image, NAME),
        of: machine.cloned_from.as_ref().map(|of| one_line(of, NAME)),
        channel: machine.channel.as_ref().map(|channel| one_line(channel, NAME)),
        ready: machine.boot_seconds.map(finite),
        worked: machine.guest_seconds.map(finite),
        mib: machine.private_mib,
        end: machine.end.as_ref().map(|end| one_line(end, NAME)),
        tests: tests.get(machine.id.as_str()).copied().unwrap_or(0),
    });
    shown.collect()
}

/// Where the time of the run went, in seconds of machines.
fn time(machines: &[MachineRecord], wall: Option<f64>) -> Time {
    let part = |cloned: bool| {
        let ready = machines.iter().filter(|machine| machine.cloned_from.is_some() == cloned);
        let ready: Vec<f64> = ready.filter_map(|machine| machine.boot_seconds).collect();
        Part { count: ready.len(), seconds: finite(ready.iter().sum()) }
    };
    let (boots, clones) = (part(false), part(true));
    let worked: f64 = machines.iter().filter_map(|machine| machine.guest_seconds).sum();
    let all_known = machines.iter().all(|machine| machine.guest_seconds.is_some());
    let rest = wall.map(|wall| wall - worked).filter(|rest| all_known && *rest >= 0.0);
    Time { guests: finite((worked - boots.seconds - clones.seconds).max(0.0)), boots, clones, rest: rest.map(finite) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn days_left_are_those_of_the_day_of_the_run() {
        let record = Recorder::fold(&sample::events());
        let dir = tempfile::tempdir().unwrap();
        let root = camino::Utf8PathBuf::from_path_buf(dir.path().join("r")).unwrap();
        let dir = muster_record::layout::RunDir::create(&root).unwrap();
        let mut maker = Maker {
            budget: Budget::new(Limits::STEPS[0]),
            evidences: Evidences::new(&dir),
            consoles: BTreeMap::new(),
            ids: BTreeMap::new(),
            issues: Vec::new(),
            day: day(&record),
        };
        let mut issue = record.tests.iter().find_map(|test| test.issue.clone()).unwrap();
        let mut days = |expires: &str| {
            issue.expires = expires.into();
            let at = maker.issue(&issue);
            (maker.issues[at].days, maker.issues.len())
        };
        let expected = [("2026-03-01", Some(0)), ("2026-03-31", Some(30)), ("2026-02-27", Some(-2))];
        for (number, (expires, left)) in expected.into_iter().enumerate() {
            assert_eq!(days(expires), (left, number + 1));
        }
        assert_eq!(days("2027-03-01").0, Some(365), "days, not years and months");
        assert_eq!(days("\u{202e}soon").0, None);
        assert_eq!(days("2026-03-31"), (Some(30), 5), "tests share their issue");
    }

    #[test]
    fn time_that_is_not_known_is_not_guessed() {
        let machine = |of: Option<&str>, ready: f64, worked: Option<f64>| MachineRecord {
            cloned_from: of.map(str::to_owned),
            boot_seconds: Some(ready),
            guest_seconds: worked,
            ..MachineRecord::default()
        };
        let mut machines = vec![machine(None, 30.0, Some(40.0)), machine(Some("m1"), 0.5, Some(10.0))];
        let expected = Time {
            boots: Part { count: 1, seconds: 30.0 },
            clones: Part { count: 1, seconds: 0.5 },
            guests: 19.5,
            rest: Some(3.0),
        };
        assert_eq!(time(&machines, Some(53.0)), expected);
        assert_eq!(time(&machines, Some(45.0)).rest, None, "side by side");
        assert_eq!(time(&machines, None).rest, None, "it did not end");
        machines[1].guest_seconds = None;
        assert_eq!(time(&machines, Some(53.0)).rest, None);
    }

    #[test]
    fn output_stays_within_its_limits_and_keeps_its_end() {
        let mut budget = Budget { left: 1500, ..Budget::new(Limits { one: 1000, all: 0, met: 0 }) };
        let text = format!("{}the end", "x".repeat(5000));
        let taken: Vec<String> = (0..3).map(|_| budget.take(&text)).collect();
        assert!(taken.iter().all(|taken| taken.ends_with("the end")), "{taken:?}");
        assert_eq!(taken.iter().map(|taken| taken.len() / 100).collect::<Vec<_>>(), [10, 5, 2]);
    }

    #[test]
    fn what_was_met_stays_within_its_limit_and_the_rest_is_counted() {
        let mut test = sample::test("s", "t", Outcome::Pass);
        test.met = vec![met::MetRecord::new("package x", "version >= 1", &"v".repeat(178)); 10];
        test.met_left_out = 3;
        let mut budget = Budget::new(Limits { one: 0, all: 0, met: 1500 });
        let (shown, more) = budget.met(&test);
        assert_eq!((shown.len(), more, budget.met_left), (7, 6, 107));
        assert_eq!((budget.met(&test).0.len(), Budget::new(Limits::STEPS[3]).met(&test).1), (0, 13));
    }

    #[test]
    fn a_link_leads_nowhere_but_into_the_run() {
        assert!(stays_below("machines/m1/console.log"));
        for path in ["/etc/passwd", "../x", "a/../../x", "./a/..", ""] {
            assert!(!stays_below(path), "{path}");
        }
    }
}
