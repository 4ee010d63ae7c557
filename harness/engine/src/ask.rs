//! One test on one machine: steps, then everything that is expected, then what the always-on base
//! checks saw meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::budget::Budget;
use super::driver::Live;
use super::halt::Halt;
use super::known::KnownIssues;
use super::plan::{Planned, Rerun};
use super::prove::Proofs;
use super::samples::{self, Samples};
use super::steps::{self, Reboot};
use muster_base::failure;
use muster_base::failure::{Failure, FailureId};
use muster_base::files;
use muster_check::base;
use muster_check::base::Finding;
use muster_check::evaluation;
use muster_check::evaluation::Evaluation;
use muster_check::types::command;
use muster_check::types::command::is_command;
use muster_check::wording::subject_of;
use muster_check::{Observations, Probe, Verdict};
use muster_facts::compare;
use muster_facts::compare::{SnapshotRequest, SnapshotVerdict, UpdateMode};
use muster_guest::{Reply, Request};
use muster_record::durations::Durations;
use muster_record::facts::Facts;
use muster_suite::model::{BaseCheck, Expectation, RebootKind, SharedBy, SnapshotSpec, Step, Suite, Test};

/// Bytes of a probe's stdout and stderr, each. The largest honest answer, all capabilities of all
/// packages of a workstation, is about 4 MiB.
const PROBE_LIMIT: usize = 32 << 20;
/// How often a condition with `eventually` is looked at.
const POLL: Duration = Duration::from_millis(500);
/// What a test may take beyond its time-out until its machine is given up: the guest is asked to
/// kill what runs first. Unscaled.
const GRACE: Duration = Duration::from_secs(10);

/// Bytes of evidence below a base check's finding.
const EVIDENCE: usize = 16 << 10;

/// What does not change during a run.
pub struct Settings {
    /// How a person runs one test again.
    pub rerun: Rerun,
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// What becomes of new and changed snapshots.
    pub update: UpdateMode,
    /// `snapshots/` of the run directory.
    pub pending: Utf8PathBuf,
    /// Where snapshots of shipped suites are accepted, when that is not next to them.
    pub own_snapshots: Option<OwnSnapshots>,
    /// `tests/` of the run directory, for what is collected.
    pub artifacts: Utf8PathBuf,
    /// Failures that are documented.
    pub known: KnownIssues,
    /// Tests that must fail, when this run is for proofs.
    pub proofs: Proofs,
    /// Whether somebody works on some tests: such a run is never a pass.
    pub focused: bool,
    /// What all machines of the run share.
    pub budget: Budget,
    /// How long tests took before.
    pub durations: Durations,
    /// Whether the run stops at its first failure.
    pub halt: Halt,
}

/// Snapshots that a person accepts of suites that nobody may write next to.
#[derive(Debug, Clone)]
pub struct OwnSnapshots {
    /// The directory of those suites.
    pub suites: Utf8PathBuf,
    /// Where their snapshots are accepted.
    pub directory: Utf8PathBuf,
}

/// What came of a test.
#[derive(Default)]
pub struct Answer {
    /// How many assertions were evaluated.
    pub assertions: u32,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// What is only reported.
    pub remarks: Vec<String>,
    /// Why it was not asked.
    pub skipped: Option<Failure>,
    /// What the base checks saw after it: what comes next is compared with this.
    pub base_after: Option<Observations>,
    /// Whether the machine cannot be used any more.
    pub machine_lost: bool,
    /// Seconds of what was read for it before it began.
    pub read_before: f64,
}

impl Answer {
    /// It was not asked.
    pub fn skipped(reason: Failure) -> Self {
        Self { skipped: Some(reason), ..Self::default() }
    }

    /// It could not be asked, or ended at once.
    pub fn failed(failure: Failure) -> Self {
        Self { failures: vec![failure], ..Self::default() }
    }
}

/// What is left of a test's time, in guest time: requests are cut to it.
pub struct Clock {
    deadline: Instant,
    scale: f64,
}

impl Clock {
    pub(super) fn new(timeout: Duration, scale: f64) -> Self {
        Self { deadline: Instant::now() + timeout.mul_f64(scale), scale }
    }

    /// A duration of a suite, stretched for the machine and cut to what is left.
    pub fn stretch(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.scale).min(self.left())
    }

    /// What is left.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// What a test may take beyond its time.
    fn grace(&self) -> Duration {
        GRACE.mul_f64(self.scale.clamp(1.0, 4.0))
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }
}

/// Runs a suite's setup steps on a machine. A reboot among them changes what the next test is
/// compared with.
pub async fn setup<L: Live>(
    live: &mut L,
    suite: &Suite,
    base: &mut Observations,
    dir: &Utf8Path,
) -> Result<(), Failure> {
    let timeout = suite.tests.iter().map(|test| test.timeout).max().unwrap_or(Duration::from_secs(300));
    let clock = Clock::new(timeout, live.deadline_scale());
    let mut open = suite.setup.as_slice();
    loop {
        let (steps, reboot) = steps::split_at_reboot(open);
        for step in steps {
            let done = tokio::select! {
                biased;
                failure = live.death() => Err(failure),
                done = steps::run(live, step, &clock, dir) => done.map(|_| ()).map_err(|broken| broken.failure),
            };
            done.map_err(|cause| setup_failed(suite, cause))?;
        }
        let Some(reboot) = reboot else { return Ok(()) };
        steps::reboot(live, &reboot, &clock).await.map_err(|cause| setup_failed(suite, cause))?;
        let (after, findings, _) = since_boot(live).await?;
        let (failures, _) = weighed(findings, suite);
        if let Some(cause) = failures.into_iter().next() {
            return Err(setup_failed(suite, cause.at(&reboot.step.location)));
        }
        *base = after;
        open = reboot.rest;
    }
}

/// Runs a suite's teardown steps on a machine, all of them whatever becomes of one. What went wrong,
/// what a reader should know, and what the next test is compared with; an error means that the
/// machine cannot be used any more.
pub async fn teardown<L: Live>(
    live: &L,
    suite: &Suite,
    base: &Observations,
    dir: &Utf8Path,
) -> Result<(Vec<Failure>, Vec<String>, Observations), Failure> {
    let timeout = suite.tests.iter().map(|test| test.timeout).max().unwrap_or(Duration::from_secs(300));
    let clock = Clock::new(timeout, live.deadline_scale());
    let (mut failures, mut remarks) = (Vec::new(), Vec::new());
    let told = |cause: Failure| {
        let message = format!("teardown of suite {}: {}", suite.name, cause.message);
        Failure { id: failure::TEARDOWN_FAILED, message, ..cause }
    };
    for step in &suite.teardown {
        let done = tokio::select! {
            biased;
            failure = live.death() => return Err(told(failure)),
            done = steps::run(live, step, &clock, dir) => done,
        };
        match done {
            Ok(done) => remarks.extend(done.remarks),
            Err(broken) if broken.machine_lost => return Err(told(broken.failure)),
            Err(broken) => failures.push(told(broken.failure)),
        }
    }
    let clock = Clock::new(Duration::from_secs(60), live.deadline_scale());
    let after = observe(live, &base::next(base, live.facts()), &clock).await.map_err(told)?;
    let (found, noted) = weighed(base::compare(base, &after, live.facts()), suite);
    failures.extend(found.into_iter().map(told));
    remarks.extend(noted);
    Ok((failures, remarks, base::carry(base, after)))
}

fn setup_failed(suite: &Suite, cause: Failure) -> Failure {
    let message = format!("setup of suite {}: {}", suite.name, cause.message);
    Failure { id: failure::SETUP_FAILED, message, ..cause }
}

/// Asks a test that is to be asked.
pub async fn ask<L: Live>(
    live: &mut L,
    planned: &Planned,
    image: &str,
    settings: &Settings,
    base_before: &Observations,
) -> Answer {
    let test = planned.test();
    let clock = Clock::new(test.timeout, live.deadline_scale());
    let mut answer = Answer::default();
    let mut base = base_before.clone();
    let mut open = test.steps.as_slice();
    let mut samples = Samples::default();
    if let Some(overrides) = samples::boot_samples_of(test) {
        match take_samples(live, planned, &overrides, &clock, &mut answer).await {
            Ok((taken, after)) => {
                samples = taken;
                base = after.unwrap_or(base);
            }
            Err(failure) => {
                answer.machine_lost = true;
                answer.failures.push(failure);
                return answer;
            }
        }
        open = &open[1..];
    }
    loop {
        let (steps, reboot) = steps::split_at_reboot(open);
        let last = if reboot.is_none() { Some(&samples) } else { None };
        let work = work(live, planned, (steps, last), (image, settings), &clock, &base, &mut answer);
        let ended = tokio::select! {
            biased;
            failure = live.death() => Err(failure.at(&test.location)),
            ended = work => ended,
            () = tokio::time::sleep(clock.left() + clock.grace()) => Err(timed_out(test, "and the guest did not come back")),
        };
        let steps_done = match ended {
            Ok(done) => done,
            Err(failure) => {
                answer.machine_lost = true;
                answer.failures.push(failure);
                return answer;
            }
        };
        // What a base check found does not keep the rest of the test from being asked.
        let Some(reboot) = reboot.filter(|_| steps_done) else { return answer };
        match over_a_reboot(live, planned, &reboot, &clock, &mut answer).await {
            Ok(after) => base = after,
            Err(failure) => {
                answer.machine_lost = true;
                answer.failures.push(failure);
                return answer;
            }
        }
        open = reboot.rest;
    }
}

/// Reboots, and looks at the new boot with the base checks; what the next steps are compared with.
async fn over_a_reboot<L: Live>(
    live: &mut L,
    planned: &Planned,
    asked: &Reboot<'_>,
    clock: &Clock,
    answer: &mut Answer,
) -> Result<Observations, Failure> {
    let rebooted = tokio::select! {
        biased;
        rebooted = steps::reboot(live, asked, clock) => rebooted?,
        () = tokio::time::sleep(clock.left() + clock.grace()) => {
            return Err(timed_out(planned.test(), "while its machine rebooted").at(&asked.step.location));
        }
    };
    answer.assertions += 1;
    answer.remarks.push(format!("{} reboot: settled again after {:.1} s", asked.how.name(), rebooted.seconds));
    answer.remarks.extend(rebooted.remarks);
    let (base, findings, _) = since_boot(live).await?;
    let (failures, remarks) = weighed(findings, &planned.suite);
    answer.remarks.extend(remarks);
    answer.failures.extend(failures.into_iter().map(|mut failure| {
        failure.message = format!("after the reboot: {}", failure.message);
        failure.at(&asked.step.location)
    }));
    answer.base_after = Some(base.clone());
    Ok(base)
}

/// Boots the machine as often as is wished, and reads after each boot that counts what the test
/// expects of boots. Also what the next steps are compared with, when there was more than one boot.
async fn take_samples<L: Live>(
    live: &mut L,
    planned: &Planned,
    overrides: &samples::BootSamples<'_>,
    clock: &Clock,
    answer: &mut Answer,
) -> Result<(Samples, Option<Observations>), Failure> {
    let mut taken = Samples::default();
    let mut base = None;
    for number in 0..overrides.boots {
        if number > 0 {
            let again = Reboot { step: overrides.step, how: RebootKind::Soft, rest: &[] };
            base = Some(over_a_reboot(live, planned, &again, clock, answer).await?);
        }
        if number >= overrides.discard {
            taken.add(observe(live, &overrides.probes(live.facts()), clock).await?);
        }
    }
    Ok((taken, base))
}

/// The steps, then, unless a reboot comes first (`last` is `None`), all that is expected, then the base
/// checks. Says whether every step did what it states; an error means that the machine cannot be used any more.
async fn work<L: Live>(
    live: &L,
    planned: &Planned,
    (steps, last): (&[Step], Option<&Samples>),
    (image, settings): (&str, &Settings),
    clock: &Clock,
    base_before: &Observations,
    answer: &mut Answer,
) -> Result<bool, Failure> {
    let test = planned.test();
    let mut steps_done = true;
    let dir = files::test_dir(&settings.artifacts, &planned.suite.name, &test.id, image);
    for step in steps {
        match steps::run(live, step, clock, &dir).await {
            Ok(done) => {
                answer.assertions += done.assertions;
                answer.remarks.extend(done.remarks);
            }
            Err(broken) if broken.machine_lost => return Err(broken.failure),
            Err(broken) => {
                answer.assertions += broken.assertions;
                answer.failures.push(broken.failure);
                steps_done = false;
                break;
            }
        }
    }
    if let Some(samples) = last.filter(|_| steps_done) {
        expectations(live, test, samples, clock, answer).await?;
        snapshots(live, planned, image, settings, clock, answer).await?;
    }
    if clock.is_over() {
        answer.failures.push(timed_out(test, "while its last command ran"));
        steps_done = false;
    }
    // The base checks have time of their own: a test that used up its own must still be judged.
    let clock = Clock::new(Duration::from_secs(60), live.deadline_scale());
    let after = observe(live, &base::next(base_before, live.facts()), &clock).await?;
    let findings = base::compare(base_before, &after, live.facts());
    let (failures, remarks) = weighed(with_evidence(live, findings, &clock).await?, &planned.suite);
    answer.failures.extend(failures.into_iter().map(|failure| failure.at(&test.location)));
    answer.remarks.extend(remarks);
    answer.base_after = Some(base::carry(base_before, after));
    Ok(steps_done)
}

/// Findings of base checks as the suite wants them treated: failures, and what is only reported.
fn weighed(findings: Vec<Finding>, suite: &Suite) -> (Vec<Failure>, Vec<String>) {
    let (mut failures, mut remarks) = (Vec::new(), Vec::new());
    for finding in findings {
        match suite.base_checks.get(finding.kind.name()).copied().unwrap_or(BaseCheck::Fail) {
            BaseCheck::Fail => failures.push(base_failure(finding)),
            BaseCheck::Info => remarks.push(finding.message),
            BaseCheck::Off => {}
        }
    }
    (failures, remarks)
}

/// Findings of base checks with what explains them, read only when there is something to explain.
async fn with_evidence<L: Live>(live: &L, mut findings: Vec<Finding>, clock: &Clock) -> Result<Vec<Finding>, Failure> {
    let probes = base::evidence(&findings);
    if probes.is_empty() {
        return Ok(findings);
    }
    let seen = observe(live, &probes, clock).await?;
    let text: Vec<String> = seen.0.values().map(|reply| muster_base::text::escape_bytes(&reply.stdout)).collect();
    for finding in findings.iter_mut().filter(|finding| !finding.units.is_empty()) {
        finding.detail = muster_base::text::tail(&text.join("\n"), EVIDENCE);
    }
    Ok(findings)
}

fn base_failure(finding: Finding) -> Failure {
    let failure = Failure::new(finding.id, finding.message);
    if finding.detail.is_empty() { failure } else { failure.with_detail(finding.detail) }
}

fn timed_out(test: &Test, detail: &str) -> Failure {
    let text = format!("the test did not end within its time-out of {:?} (before stretching), {detail}", test.timeout);
    Failure::new(failure::TEST_TIMEOUT, text).at(&test.location)
}

/// Reads all probes: muster's own in one round trip, then the command lines of the suite. Keys that several check types share are read once.
async fn observe<L: Live>(live: &L, probes: &[Probe], clock: &Clock) -> Result<Observations, Failure> {
    let mut by_key: BTreeMap<&str, &Probe> = BTreeMap::new();
    for probe in probes {
        by_key.insert(&probe.key, probe);
    }
    let (theirs, ours): (Vec<_>, Vec<_>) = by_key.into_values().partition(|probe| is_command(&probe.key));
    let mut seen = Observations::default();
    for (probes, guarded) in [(ours, false), (theirs, true)] {
        if probes.is_empty() {
            continue;
        }
        let replies = read(live, &probes, guarded, clock).await?;
        seen.0.extend(probes.iter().map(|probe| probe.key.clone()).zip(replies));
    }
    Ok(seen)
}

/// Reads probes in one round trip, in their order; `guarded` ones are command lines of the suite.
pub(super) async fn read<L: Live>(
    live: &L,
    probes: &[&Probe],
    guarded: bool,
    clock: &Clock,
) -> Result<Vec<Reply>, Failure> {
    let request = |probe: &&Probe| Request {
        script: probe.script.clone(),
        timeout: clock.stretch(probe.timeout),
        limit: PROBE_LIMIT,
    };
    let requests = probes.iter().map(request).collect();
    let replies = if guarded { live.commands(requests).await? } else { live.batch(requests).await? };
    for (probe, reply) in probes.iter().zip(&replies) {
        // The key of a suite's own command line holds the command line, which may hold a password.
        let key = if guarded { "a command line of the suite" } else { &probe.key };
        tracing::debug!(key, status = reply.status, took = ?reply.elapsed, "probe");
    }
    Ok(replies)
}

/// Evaluates all expectations, polling those that are allowed to arrive later.
async fn expectations<L: Live>(
    live: &L,
    test: &Test,
    samples: &Samples,
    clock: &Clock,
    answer: &mut Answer,
) -> Result<(), Failure> {
    answer.assertions += assertions(test);
    let begun = Instant::now();
    let mut evaluation = Evaluation::of(&test.expect);
    loop {
        let mut seen = observe(live, &probes_for(&evaluation.open(), live), clock).await?;
        samples.show(&mut seen);
        for expectation in evaluation.open().into_iter().filter(|one| one.check == command::TABLE.name) {
            let reply = seen.0.get(&command::probe_key(&expectation.subject));
            if let Some(remark) = reply.and_then(|reply| command::remark(&expectation.subject, reply))
                && !answer.remarks.contains(&remark)
            {
                answer.remarks.push(remark);
            }
        }
        evaluation.evaluate(verdicts_by(live, &seen), |expectation| {
            let patience = expectation.eventually.map_or(Duration::ZERO, |limit| clock.stretch(limit));
            begun.elapsed() < patience && !clock.is_over()
        });
        if evaluation.open().is_empty() {
            answer.failures.extend(evaluation.findings().into_iter().filter_map(failure_of));
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What is to be read first of what a test without steps expects.
pub(super) fn first_probes<L: Live>(live: &L, test: &Test) -> Vec<Probe> {
    probes_for(&Evaluation::of(&test.expect).open(), live)
}

/// How many assertions a test has when these readings meet them all. `None` when one is missed or could not be read.
pub(super) fn met_by<L: Live>(live: &L, test: &Test, seen: &Observations) -> Option<u32> {
    let evaluation = Evaluation::once(&test.expect, verdicts_by(live, seen));
    let met = evaluation.findings().into_iter().all(|finding| failure_of(finding).is_none());
    met.then(|| assertions(test))
}

/// The verdicts of an expectation by these readings; none when there is no such check.
fn verdicts_by<L: Live>(live: &L, seen: &Observations) -> impl Fn(&Expectation) -> Vec<Verdict> {
    |expectation| {
        let check = muster_check::find(expectation.check);
        check.map(|check| check.evaluate(expectation, seen, live.facts())).unwrap_or_default()
    }
}

/// How many assertions a test has.
fn assertions(test: &Test) -> u32 {
    let count = |found: &Expectation| found.assertions.len() as u32;
    test.expect.iter().map(|clause| clause.assertions(&count)).sum()
}

fn probes_for<L: Live>(open: &[&Expectation], live: &L) -> Vec<Probe> {
    let mut by_check: BTreeMap<&str, Vec<&Expectation>> = BTreeMap::new();
    for expectation in open {
        by_check.entry(expectation.check).or_default().push(expectation);
    }
    by_check
        .into_iter()
        .filter_map(|(name, asked)| muster_check::find(name).map(|check| check.probes(&asked, live.facts())))
        .flatten()
        .collect()
}

/// The failure that a finding is; `None` when it is met.
fn failure_of(finding: evaluation::Finding<'_>) -> Option<Failure> {
    use evaluation::Finding;
    match finding {
        Finding::Assertion { verdict: Verdict::Met, .. } | Finding::AnyOf { verdict: Verdict::Met, .. } => None,
        Finding::Assertion { expectation, assertion, verdict: Verdict::Missed { expected, actual, detail } } => {
            let (subject, line) = (subject_of(expectation), muster_base::text::one_line(&actual, 120));
            let message = format!("{subject}: expected {}, found {line}", muster_base::text::one_line(&expected, 160));
            let id = FailureId::of_check(expectation.check, assertion.attribute);
            let mut failure = Failure::new(id, message).at(&assertion.location);
            failure.expected = Some(expected);
            failure.actual = Some(actual);
            failure.detail = Some(detail).filter(|detail| !detail.is_empty());
            Some(failure)
        }
        Finding::Assertion { expectation, assertion, verdict: Verdict::Unknown { why } } => {
            let (subject, why) = (subject_of(expectation), muster_base::text::one_line(&why, 300));
            let message = format!("{subject}: cannot determine {}: {why}", assertion.attribute);
            Some(Failure::new(failure::PROBE_FAILED, message).at(&assertion.location))
        }
        Finding::AnyOf { joined, verdict: Verdict::Missed { expected, actual, .. }, detail } => {
            let found = muster_base::text::one_line(&actual, 300);
            let message = format!("none of {} alternatives holds: {found}", joined.branches.len());
            let mut failure = Failure::new(failure::EXPECT_ANY_OF, message).with_detail(detail).at(&joined.location);
            failure.expected = Some(expected);
            failure.actual = Some(actual);
            Some(failure)
        }
        Finding::AnyOf { joined, verdict: Verdict::Unknown { why }, detail } => {
            let message = format!("cannot determine {}", muster_base::text::one_line(&why, 300));
            Some(Failure::new(failure::PROBE_FAILED, message).with_detail(detail).at(&joined.location))
        }
        Finding::Miscounted { expectation, verdicts } => {
            let (check, count) = (expectation.check, expectation.assertions.len());
            let message = format!("the check {check} answered {verdicts} of {count} questions");
            Some(Failure::new(failure::INTERNAL, message).at(&expectation.location))
        }
    }
}

async fn snapshots<L: Live>(
    live: &L,
    planned: &Planned,
    image: &str,
    settings: &Settings,
    clock: &Clock,
    answer: &mut Answer,
) -> Result<(), Failure> {
    let test = planned.test();
    if test.snapshots.is_empty() {
        return Ok(());
    }
    let requests = test
        .snapshots
        .iter()
        .map(|spec| {
            let probe = muster_facts::sources::probe(&spec.of);
            Request { script: probe.script, timeout: clock.stretch(probe.timeout), limit: PROBE_LIMIT }
        })
        .collect();
    // Some of them are command lines of the suite.
    let replies = live.commands(requests).await?;
    for (spec, reply) in test.snapshots.iter().zip(replies) {
        answer.assertions += 1;
        match muster_facts::sources::render(&spec.of, &reply, spec) {
            Err(why) => {
                let text = format!("snapshot {}: {}", spec.name, muster_base::text::one_line(&why, 300));
                answer.failures.push(Failure::new(failure::PROBE_FAILED, text).at(&spec.location));
            }
            Ok(rendered) => {
                answer.remarks.extend(rendered.warnings.iter().map(|w| format!("snapshot {}: {w}", spec.name)));
                match compare_snapshot(planned, spec, image, live.facts(), settings, rendered.text) {
                    Ok(remark) => answer.remarks.extend(remark),
                    Err(failure) => answer.failures.push(failure),
                }
            }
        }
    }
    Ok(())
}

fn compare_snapshot(
    planned: &Planned,
    spec: &SnapshotSpec,
    image: &str,
    facts: &Facts,
    settings: &Settings,
    body: String,
) -> Result<Option<String>, Failure> {
    let (suite, test) = (&planned.suite, planned.test());
    let failure = |id: &FailureId, text: String| Failure::new(id.clone(), text).at(&spec.location);
    let whose = match spec.per {
        SharedBy::Image => image.to_owned(),
        SharedBy::Distro => match facts.dimension("distro").and_then(|names| names.into_iter().next()) {
            Some(distro) => format!("{distro}-{}", facts.arch),
            None => {
                let text = format!("snapshot {}: the guest does not say which distribution it is", spec.name);
                return Err(failure(&failure::PROBE_FAILED, text));
            }
        },
    };
    let dir = Utf8Path::new(&*suite.file).parent().unwrap_or(Utf8Path::new("."));
    // What a changed guest says must never be offered for acceptance, let alone accepted.
    let (names, pending, update) = match &spec.proves {
        Some((suite, of)) => {
            let pending = settings.pending.join("proofs").join(files::safe_name(&test.id));
            ((suite, of), pending, UpdateMode::Ci)
        }
        None => ((&suite.name, &test.id), settings.pending.clone(), settings.update),
    };
    let next_to = dir.join("snapshots");
    let (directory, shipped) = match &settings.own_snapshots {
        Some(own) if dir.starts_with(&own.suites) => (own.directory.clone(), Some(next_to)),
        _ => (next_to, None),
    };
    let request = SnapshotRequest {
        directory,
        shipped,
        pending_directory: match spec.per {
            SharedBy::Image => pending,
            // Images that share the accepted form must not overwrite what each of them leaves in the run directory.
            SharedBy::Distro => pending.join(files::safe_name(image)),
        },
        name: compare::file_name(names.0, names.1, &spec.name, &whose),
        body,
        source: spec.location.clone(),
        description: test.summary.clone(),
        info: vec![("image".to_owned(), image.to_owned())],
        update,
    };
    // Without a review in the checkout there is nothing that `muster snapshots` would find.
    let next = match update {
        UpdateMode::Review => {
            "look at it with `muster snapshots review`, and accept it with `muster snapshots accept` or by a run with \
             --update-snapshots"
        }
        UpdateMode::Ci | UpdateMode::Accept => "accept it by a run with --update-snapshots",
    };
    match compare::compare(&request) {
        Ok(SnapshotVerdict::Same) => Ok(None),
        Ok(SnapshotVerdict::Accepted { .. }) => Ok(Some(format!("snapshot {} was accepted by this run", spec.name))),
        Ok(SnapshotVerdict::Changed { diff, pending }) => {
            let text = format!(
                "snapshot {} differs from the accepted one; the new one is {pending}; if it is right, {next}",
                spec.name
            );
            Err(failure(&failure::SNAPSHOT_CHANGED, text).with_detail(diff))
        }
        Ok(SnapshotVerdict::New { diff, pending }) => {
            let text = format!("snapshot {} was never accepted for {whose}; it is {pending}; {next}", spec.name);
            Err(failure(&failure::SNAPSHOT_NEW, text).with_detail(diff))
        }
        Err(error) => Err(failure(&failure::PROBE_FAILED, format!("snapshot {}: {error}", spec.name))),
    }
}

/// What the base checks find right after a boot: the failures, what cannot be looked at on this
/// machine, and the state that the first test is compared with.
pub async fn base_after_boot<L: Live>(live: &L) -> Result<(Observations, Vec<Failure>, Vec<String>), Failure> {
    let (baseline, findings, mut blind) = since_boot(live).await?;
    blind.extend(live.blind());
    if !live.seen_from_start() {
        blind.extend(findings.into_iter().map(|finding| format!("before this run: {}", finding.message)));
        return Ok((baseline, Vec::new(), blind));
    }
    Ok((baseline, findings.into_iter().map(base_failure).collect(), blind))
}

/// What happened since the machine's boot, as [`base_after_boot`] and every reboot want it.
async fn since_boot<L: Live>(live: &L) -> Result<(Observations, Vec<Finding>, Vec<String>), Failure> {
    let clock = Clock::new(Duration::from_secs(120), live.deadline_scale());
    let facts = live.facts();
    let seen = observe(live, &base::since_boot_probes(facts), &clock).await?;
    let findings = with_evidence(live, base::since_boot(&seen, facts), &clock).await?;
    let baseline = observe(live, &base::baseline(facts), &clock).await?;
    let blind = base::unavailable(&baseline, facts);
    let blind = blind.into_iter().map(|(kind, why)| format!("{} cannot be read here: {why}", kind.name()));
    Ok((baseline, findings, blind.collect()))
}
