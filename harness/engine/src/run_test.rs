//! One test on one machine: steps, then everything that is expected, then what the always-on base
//! checks saw meanwhile.

use std::time::Duration;

use super::attempt::Attempt;
use super::base_checks::{since_boot, weighed, with_evidence};
use super::clock::Clock;
use super::driver::Live;
use super::evaluate::evaluate;
use super::kernel_kept::KernelKept;
use super::plan::Planned;
use super::reading::observe;
use super::samples::{self, Samples};
use super::settings::Settings;
use super::snapshots;
use super::steps::{self, Reboot};
use muster_base::failure::{self, Failure};
use muster_base::files;
use muster_check::{Observations, base};
use muster_record::met::MetRecord;
use muster_suite::model::{RebootKind, Step, Test};

/// Runs a test for which the machine is ready.
pub(super) async fn run_test<L: Live>(
    live: &mut L,
    planned: &Planned,
    image: &str,
    settings: &Settings,
    base_before: &Observations,
) -> Attempt {
    let test = planned.test();
    let clock = Clock::new(test.timeout, live.deadline_scale());
    let mut attempt = Attempt::default();
    let mut base = base_before.clone();
    let mut open = test.steps.as_slice();
    let mut samples = Samples::default();
    if let Some(overrides) = samples::boot_samples_of(test) {
        if !overrides.before.is_empty() {
            let part = (overrides.before, None);
            match undisturbed(live, planned, part, (image, settings), &clock, &base, &mut attempt).await {
                Some(true) => {}
                _ => return attempt,
            }
        }
        let mut taken = Samples::compared_with(overrides.baselines(), settings.boot_baseline.as_ref());
        match take_samples(live, planned, &overrides, &clock, &mut taken, &mut attempt).await {
            Ok(after) => {
                samples = taken;
                base = after.or(attempt.base_after.clone()).unwrap_or(base);
            }
            Err(failure) => {
                attempt.machine_lost = true;
                attempt.failures.push(failure);
                return attempt;
            }
        }
        open = overrides.after;
    }
    loop {
        let (steps, reboot) = steps::split_at_reboot(open);
        let last = if reboot.is_none() { Some(&samples) } else { None };
        let place = (image, settings);
        let done = undisturbed(live, planned, (steps, last), place, &clock, &base, &mut attempt).await;
        let Some(steps_done) = done else { return attempt };
        // What a base check found does not keep the rest of the test from running.
        let Some(reboot) = reboot.filter(|_| steps_done) else { return attempt };
        match over_a_reboot(live, planned, &reboot, &clock, &mut attempt).await {
            Ok(after) => base = after,
            Err(failure) => {
                attempt.machine_lost = true;
                attempt.failures.push(failure);
                return attempt;
            }
        }
        open = reboot.rest;
    }
}

/// Does a part of a test, unless the machine dies or the time is over. None when the machine cannot be used any more.
async fn undisturbed<L: Live>(
    live: &L,
    planned: &Planned,
    part: (&[Step], Option<&Samples>),
    place: (&str, &Settings),
    clock: &Clock,
    base: &Observations,
    attempt: &mut Attempt,
) -> Option<bool> {
    let test = planned.test();
    let ended = tokio::select! {
        biased;
        failure = live.death() => Err(failure.at(&test.location)),
        ended = work(live, planned, part, place, clock, base, attempt) => ended,
        () = tokio::time::sleep(clock.left() + clock.grace()) => Err(timed_out(test, "and the guest did not come back")),
    };
    match ended {
        Ok(done) => Some(done),
        Err(failure) => {
            attempt.machine_lost = true;
            attempt.failures.push(failure);
            None
        }
    }
}

/// Reboots, and looks at the new boot with the base checks; what the next steps are compared with.
pub(super) async fn over_a_reboot<L: Live>(
    live: &mut L,
    planned: &Planned,
    wanted: &Reboot<'_>,
    clock: &Clock,
    attempt: &mut Attempt,
) -> Result<Observations, Failure> {
    let kernel = KernelKept::note(live, planned.test());
    let rebooted = tokio::select! {
        biased;
        rebooted = steps::reboot(live, wanted, clock) => rebooted?,
        () = tokio::time::sleep(clock.left() + clock.grace()) => {
            return Err(timed_out(planned.test(), "while its machine rebooted").at(&wanted.step.location));
        }
    };
    let expected = match &wanted.step.on {
        Some(machine) => planned.test().expected_of(machine),
        None => &planned.test().expect,
    };
    kernel.compare(live, expected).map_err(|failure| failure.at(&wanted.step.location))?;
    attempt.assertions += 1;
    let settled = format!("settled again after {:.1} s", rebooted.seconds);
    let subject = format!("{} reboot", wanted.how.name());
    attempt.met.push(MetRecord::new(&subject, "is another boot, which settles", &settled));
    attempt.remarks.push(format!("{subject}: {settled}"));
    attempt.remarks.extend(rebooted.remarks);
    let (base, findings, _) = since_boot(live).await?;
    let (failures, remarks) = weighed(findings, &planned.suite);
    attempt.remarks.extend(remarks);
    attempt.failures.extend(failures.into_iter().map(|mut failure| {
        failure.message = format!("after the reboot: {}", failure.message);
        failure.at(&wanted.step.location)
    }));
    attempt.base_after = Some(base.clone());
    Ok(base)
}

/// Boots the machine as often as is wished, and reads after each boot that counts what the test
/// expects of boots. Also what the next steps are compared with, when there was more than one boot.
async fn take_samples<L: Live>(
    live: &mut L,
    planned: &Planned,
    overrides: &samples::BootSamples<'_>,
    clock: &Clock,
    taken: &mut Samples,
    attempt: &mut Attempt,
) -> Result<Option<Observations>, Failure> {
    let mut base = None;
    for number in 0..overrides.boots {
        let mut before = None;
        if number > 0 {
            before = taken.calibrate().await;
            let again = Reboot { step: overrides.step, how: RebootKind::Soft, rest: &[] };
            base = Some(over_a_reboot(live, planned, &again, clock, attempt).await?);
        }
        if number >= overrides.discard {
            if number > 0 {
                taken.measure(live, before).await?;
            }
            taken.add(observe(live, &overrides.probes(live.facts()), clock).await?);
        }
    }
    Ok(base)
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
    attempt: &mut Attempt,
) -> Result<bool, Failure> {
    let test = planned.test();
    let mut steps_done = true;
    let dir = files::test_dir(&settings.artifacts, &planned.suite.name, &test.id, image);
    for step in steps {
        match steps::run(live, step, clock, &dir).await {
            Ok(done) => {
                attempt.assertions += done.assertions();
                attempt.met.extend(done.met);
                attempt.remarks.extend(done.remarks);
            }
            Err(broken) if broken.machine_lost => return Err(broken.failure),
            Err(broken) => {
                attempt.assertions += broken.assertions;
                attempt.failures.push(broken.failure);
                steps_done = false;
                break;
            }
        }
    }
    if let Some(samples) = last.filter(|_| steps_done) {
        evaluate(live, &test.expect, samples, clock, attempt).await?;
        snapshots::compare_all(live, planned, image, settings, clock, attempt).await?;
    }
    if clock.is_over() {
        attempt.failures.push(timed_out(test, "while its last command ran"));
        steps_done = false;
    }
    look_after(live, planned, base_before, attempt).await?;
    Ok(steps_done)
}

/// What the base checks see after a test. An error means that the machine cannot be used any more.
pub(super) async fn look_after<L: Live>(
    live: &L,
    planned: &Planned,
    base_before: &Observations,
    attempt: &mut Attempt,
) -> Result<(), Failure> {
    // The base checks have time of their own: a test that used up its own must still be evaluated.
    let clock = Clock::new(Duration::from_secs(60), live.deadline_scale());
    let after = observe(live, &base::next(base_before, live.facts()), &clock).await?;
    let findings = base::compare(base_before, &after, live.facts());
    let (failures, remarks) = weighed(with_evidence(live, findings, &clock).await?, &planned.suite);
    attempt.failures.extend(failures.into_iter().map(|failure| failure.at(&planned.test().location)));
    attempt.remarks.extend(remarks);
    attempt.base_after = Some(base::carry(base_before, after));
    Ok(())
}

pub(super) fn timed_out(test: &Test, detail: &str) -> Failure {
    let text = format!("the test did not end within its time-out of {:?} (before stretching), {detail}", test.timeout);
    Failure::new(failure::TEST_TIMEOUT, text).at(&test.location)
}
