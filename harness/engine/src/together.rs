//! A test on several machines: each step on the one that it names, in the order of the file and one at a time, then what
//! is expected of each, then what the base checks saw on each. What went wrong says on which.

use std::time::Duration;

use futures_util::future::{FutureExt as _, select_all};

use super::attempt::{Attempt, of_machine};
use super::clock::Clock;
use super::driver::{Driver, Live};
use super::evaluate::evaluate;
use super::lease::Lease;
use super::one_reply::one_reply;
use super::plan::Planned;
use super::run_test::{look_after, over_a_reboot, timed_out};
use super::samples::Samples;
use super::segment::{self, Joined};
use super::session::Session;
use super::session::clones::MachineSource;
use super::steps::{self, Reboot};
use super::suite_steps;
use super::treatment::{note_findings, says};
use muster_base::failure::{self, Failure};
use muster_base::files;
use muster_guest::{Reply, Request};
use muster_record::run::{NamedMachine, TestRecord};
use muster_suite::model::{Action, Step};

/// How long a guest may take to set up its interface, unscaled.
const JOINING: Duration = Duration::from_secs(30);
/// Bytes of what it prints meanwhile.
const SAID: usize = 4 << 10;

/// The machines of a test after its first.
pub(super) struct Others<L> {
    pub(super) leases: Vec<Lease<L>>,
    /// Whether all machines are on one network, and know their addresses and names.
    joined: bool,
}

impl<L> Default for Others<L> {
    fn default() -> Self {
        Self { leases: Vec::new(), joined: false }
    }
}

/// A machine with its name in the test.
struct Member<'m, L> {
    name: &'m str,
    lease: &'m mut Lease<L>,
}

/// Runs a test that has several machines, of which the first is there. The others are started, and all are connected,
/// when a test of the chain has not done so before.
pub(super) async fn run<D: Driver>(
    session: &Session<'_, D>,
    source: MachineSource,
    first: &mut Lease<D::Live>,
    others: &mut Others<D::Live>,
    planned: &Planned,
    record: &mut TestRecord,
) -> Attempt {
    let names = planned.test().machine_names();
    if let Err(failure) = gather(session, source, first, others, &names).await {
        return Attempt { machine_lost: true, ..Attempt::failed(failure.at(&planned.test().location)) };
    }
    let leases = std::iter::once(first).chain(&mut others.leases);
    let mut members: Vec<Member<'_, D::Live>> =
        names.iter().zip(leases).map(|(name, lease)| Member { name, lease }).collect();
    record.machines =
        members.iter().map(|one| NamedMachine { name: one.name.to_owned(), id: one.lease.id.clone() }).collect();
    let mut attempt = if others.joined { Attempt::default() } else { join_all(&mut members).await };
    if attempt.failures.is_empty() && attempt.skipped.is_none() {
        others.joined = true;
        run_joined(&mut members, planned, session, &mut attempt).await;
    }
    for Member { name, lease } in members {
        let mut part = Attempt::default();
        let (findings, base_checks) = (lease.live.findings(), &planned.suite.base_checks);
        note_findings(&mut part.failures, &mut part.remarks, &lease.id, findings, &session.events, base_checks);
        // The line by which it died is among what is known of the test.
        let known =
            |one: &Failure| attempt.failures.iter().any(|known| known.id == one.id && says(known, &one.message));
        part.failures.retain(|one| !known(one));
        attempt.add(name, part);
    }
    attempt
}

/// Sees to it that there are as many machines as names, and that they are connected.
async fn gather<D: Driver>(
    session: &Session<'_, D>,
    source: MachineSource,
    first: &Lease<D::Live>,
    others: &mut Others<D::Live>,
    names: &[&str],
) -> Result<(), Failure> {
    if others.leases.len() + 1 == names.len() {
        return Ok(());
    }
    for name in &names[1..] {
        let lease = session.machine(source).await.map_err(|failure| of_machine(name, failure))?;
        others.leases.push(lease);
    }
    let all: Vec<&D::Live> = std::iter::once(first).chain(&others.leases).map(|lease| &lease.live).collect();
    session.driver.connect(&all)
}

/// Gives every machine its addresses and the names of all, and puts the cables in.
async fn join_all<L: Live>(members: &mut [Member<'_, L>]) -> Attempt {
    let mut attempt = Attempt::default();
    let names: Vec<&str> = members.iter().map(|one| one.name).collect();
    for (at, member) in members.iter_mut().enumerate() {
        match join(&mut member.lease.live, at, &names).await {
            Ok(Joined::Yes { ipv6: true, .. }) => {}
            Ok(Joined::Yes { ipv6: false, .. }) => {
                attempt
                    .remarks
                    .push(format!("{}: the guest has no IPv6, so `{}.ip6` does not answer", member.name, member.name));
            }
            Ok(Joined::Cannot(reason)) => return Attempt::skipped(of_machine(member.name, reason)),
            Err(failure) => {
                attempt.failures.push(of_machine(member.name, failure));
                attempt.machine_lost = true;
                return attempt;
            }
        }
    }
    attempt
}

/// The same for one machine, also after its reboot.
async fn join<L: Live>(live: &mut L, at: usize, names: &[&str]) -> Result<Joined, Failure> {
    let joined = segment::joined(&shell(live, segment::join(at, names)).await?)?;
    if let Joined::Yes { interface, .. } = &joined {
        live.plug(true).await?;
        segment::confirmed(&shell(live, segment::confirm(at, interface)).await?)?;
    }
    Ok(joined)
}

async fn shell<L: Live>(live: &L, script: String) -> Result<Reply, Failure> {
    let request = Request { script, timeout: JOINING.mul_f64(live.deadline_scale()), limit: SAID };
    tokio::select! {
        biased;
        failure = live.death() => Err(failure),
        reply = one_reply(live, request, "the network of the test's machines") => reply,
    }
}

/// Runs a test whose machines are on one network.
async fn run_joined<D: Driver>(
    members: &mut [Member<'_, D::Live>],
    planned: &Planned,
    session: &Session<'_, D>,
    attempt: &mut Attempt,
) {
    let test = planned.test();
    if let Err(failure) = set_up(members, planned, session).await {
        attempt.failures.push(failure);
        attempt.machine_lost |= members.iter().any(|one| one.lease.lost);
        return;
    }
    let scale = members.iter().map(|one| one.lease.live.deadline_scale()).fold(1.0, f64::max);
    let clock = Clock::new(test.timeout, scale);
    let dir = files::test_dir(&session.settings.artifacts, &planned.suite.name, &test.id, &session.image);
    let mut done = true;
    for step in &test.steps {
        match run_step(members, planned, step, &clock, &dir, attempt).await {
            Some(true) => {}
            Some(false) => {
                done = false;
                break;
            }
            None => return,
        }
    }
    for at in 0..if done { members.len() } else { 0 } {
        let mut part = Attempt::default();
        let live = &members[at].lease.live;
        let expected = test.expected_of(members[at].name);
        let samples = Samples::default();
        let ended = watched(members, planned, &clock, evaluate(live, expected, &samples, &clock, &mut part)).await;
        attempt.add(members[at].name, part);
        if settled(members, at, ended, attempt).is_none() {
            return;
        }
    }
    if clock.is_over() {
        attempt.failures.push(timed_out(test, "while its last command ran"));
    }
    for at in 0..members.len() {
        let mut part = Attempt::default();
        let lease = &members[at].lease;
        let ended = watched(members, planned, &clock, look_after(&lease.live, planned, &lease.base, &mut part)).await;
        if let Some(base) = part.base_after.take() {
            members[at].lease.base = base;
        }
        attempt.add(members[at].name, part);
        if settled(members, at, ended, attempt).is_none() {
            return;
        }
    }
}

/// What comes before the first test of the suite on each machine.
async fn set_up<D: Driver>(
    members: &mut [Member<'_, D::Live>],
    planned: &Planned,
    session: &Session<'_, D>,
) -> Result<(), Failure> {
    for Member { name, lease } in members {
        if planned.wants_login() {
            let logged_in = lease.live.log_in().await;
            lease.lost |= logged_in.is_err();
            logged_in.map_err(|failure| of_machine(name, failure.at(&planned.test().location)))?;
        }
        lease.runs += 1;
        let done = suite_steps::before(lease, planned, &session.settings.artifacts, &session.image).await;
        done.map_err(|failure| of_machine(name, failure))?;
    }
    Ok(())
}

/// Runs a step on its machine. Whether it did what it states; `None` when the machines cannot be used any more.
async fn run_step<L: Live>(
    members: &mut [Member<'_, L>],
    planned: &Planned,
    step: &Step,
    clock: &Clock,
    dir: &camino::Utf8Path,
    attempt: &mut Attempt,
) -> Option<bool> {
    let Some(name) = &step.on else {
        // Only `wait` is on no machine.
        let ended = watched(members, planned, clock, async {
            if let Action::Wait(duration) = &step.action {
                tokio::time::sleep(clock.stretch(*duration)).await;
            }
            Ok(())
        });
        let ended = ended.await;
        return settled(members, 0, ended, attempt).map(|()| true);
    };
    let Some(at) = members.iter().position(|one| one.name == name) else {
        let text = format!("a step is of the machine {name}, which the test does not have");
        attempt.failures.push(Failure::new(failure::INTERNAL, text).at(&step.location));
        return Some(false);
    };
    if let Action::Reboot(how) = step.action {
        return reboot(members, at, planned, &Reboot { step, how, rest: &[] }, clock, attempt).await;
    }
    let ended = watched(members, planned, clock, async {
        match steps::run(&members[at].lease.live, step, clock, &dir.join(members[at].name)).await {
            Ok(done) => Ok(Ok(done)),
            Err(broken) if broken.machine_lost => Err(broken.failure),
            Err(broken) => Ok(Err(broken)),
        }
    });
    let ended = ended.await;
    let part = match settled(members, at, ended, attempt)? {
        Ok(done) => {
            Attempt { assertions: done.assertions(), met: done.met, remarks: done.remarks, ..Attempt::default() }
        }
        Err(broken) => Attempt { assertions: broken.assertions, ..Attempt::failed(broken.failure) },
    };
    let done = part.failures.is_empty();
    attempt.add(members[at].name, part);
    Some(done)
}

/// Reboots a machine while the others stay up. Its cable is out until it has its address again.
async fn reboot<L: Live>(
    members: &mut [Member<'_, L>],
    at: usize,
    planned: &Planned,
    wanted: &Reboot<'_>,
    clock: &Clock,
    attempt: &mut Attempt,
) -> Option<bool> {
    let names: Vec<&str> = members.iter().map(|one| one.name).collect();
    let (before, rest) = members.split_at_mut(at);
    let (member, after) = rest.split_first_mut()?;
    let mut part = Attempt::default();
    let rebooted = async {
        let live = &mut member.lease.live;
        live.plug(false).await?;
        let base = over_a_reboot(live, planned, wanted, clock, &mut part).await?;
        match join(live, at, &names).await {
            Ok(Joined::Yes { .. }) => Ok(base),
            Ok(Joined::Cannot(failure)) | Err(failure) => Err(failure.at(&wanted.step.location)),
        }
    };
    let ended = tokio::select! {
        biased;
        (other, failure) = death(before.iter().chain(&*after)) => Err((Some(other), failure)),
        rebooted = rebooted => rebooted.map_err(|failure| (None, failure)),
    };
    attempt.add(names[at], part);
    match ended {
        Ok(base) => {
            member.lease.base = base;
            // What a base check found does not keep the rest of the test from running.
            Some(true)
        }
        Err((other, failure)) => {
            let name = other.unwrap_or(names[at]).to_owned();
            lost(members, &name, failure.at(&planned.test().location), attempt);
            None
        }
    }
}

/// How a part of a test ended.
enum Ended<T> {
    Done(T),
    /// The machine of the part does not answer any more.
    Lost(Failure),
    /// A machine died, which one the name says.
    Died(String, Failure),
}

/// Does a part of a test, unless a machine dies or the time is over.
async fn watched<L: Live, T>(
    members: &[Member<'_, L>],
    planned: &Planned,
    clock: &Clock,
    part: impl Future<Output = Result<T, Failure>>,
) -> Ended<T> {
    let test = planned.test();
    tokio::select! {
        biased;
        (name, failure) = death(members.iter()) => Ended::Died(name.to_owned(), failure.at(&test.location)),
        ended = part => match ended {
            Ok(done) => Ended::Done(done),
            Err(failure) => Ended::Lost(failure),
        },
        () = tokio::time::sleep(clock.left() + clock.grace()) => {
            Ended::Lost(timed_out(test, "and the guest did not come back"))
        }
    }
}

/// What a part of the machine `at` gave; `None`, with the failure noted, when a machine cannot be used any more.
fn settled<L, T>(members: &mut [Member<'_, L>], at: usize, ended: Ended<T>, attempt: &mut Attempt) -> Option<T> {
    match ended {
        Ended::Done(done) => return Some(done),
        Ended::Lost(failure) => {
            let name = members[at].name;
            lost(members, name, failure, attempt);
        }
        Ended::Died(name, failure) => lost(members, &name, failure, attempt),
    }
    None
}

fn lost<L>(members: &mut [Member<'_, L>], name: &str, failure: Failure, attempt: &mut Attempt) {
    attempt.failures.push(of_machine(name, failure));
    attempt.machine_lost = true;
    members.iter_mut().filter(|one| one.name == name).for_each(|one| one.lease.lost = true);
}

/// Resolves when one of the machines has died; never when there is none.
async fn death<'m, 'l: 'm, L: Live + 'l>(members: impl Iterator<Item = &'m Member<'l, L>>) -> (&'l str, Failure) {
    let deaths: Vec<_> = members.map(|one| one.lease.live.death().map(|failure| (one.name, failure)).boxed()).collect();
    if deaths.is_empty() {
        return std::future::pending().await;
    }
    select_all(deaths).await.0
}
