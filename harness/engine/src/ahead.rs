//! Reading ahead: what several tests that only look expect is read in one round trip, with one look of the base checks
//! after it. A test ends by such a reading only when everything it expects is met by it and no base check has moved;
//! otherwise it runs by itself as if nothing had been read, so that no failure rests on a reading that others shared.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::attempt::Attempt;
use super::clock::Clock;
use super::driver::Live;
use super::evaluate::{first_probes, met_by};
use super::plan::Planned;
use super::reading;
use muster_check::types::command::is_command;
use muster_check::{Observations, Probe, base};
use muster_guest::Reply;
use muster_suite::model::GuestMode;

/// The most readings of one round trip: a test that fails after it has waited for all of them.
pub(super) const MOST_READINGS: usize = 64;
/// Bytes of each stream of a reading, of which so many are in memory at once. A test whose reading is longer runs by itself, with
/// the limit of one reading.
const LIMIT: usize = 1 << 20;
/// What a reading ahead may take in all, unscaled. Each reading has its own limit as well.
const MOST_TIME: Duration = Duration::from_secs(600);

/// What was read for tests that have not run yet, in their order.
#[derive(Debug, Default)]
pub(super) struct Ahead(pub(super) VecDeque<Ready>);

/// What was read for one test.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) suite: String,
    pub(super) test: String,
    pub(super) seen: Observations,
    /// Its share of what its readings took, and of the look of the base checks.
    pub(super) seconds: f64,
    /// The same with the whole of what it shares with others: it took no longer.
    pub(super) at_most: f64,
}

/// What came of a reading ahead.
pub(super) enum Read {
    /// It holds: the base checks saw nothing new, and compare with this from now on.
    Quiet { ahead: Ahead, base: Observations },
    /// It is not used. The text says what moved, for the report of whoever fails next.
    Unusable { why: Option<String> },
}

impl Ahead {
    /// Whether nothing is left of it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The end of a test, when what was read for it meets all that it expects. Used up by the call, and by
    /// any test that was not among those that were read for.
    pub(super) fn met<L: Live>(&mut self, live: &L, planned: &Planned) -> Option<Attempt> {
        let next = self.0.pop_front()?;
        if next.suite != planned.suite.name || next.test != planned.test().id {
            self.0.clear();
            return None;
        }
        // One that takes longer than it may is not met in time, whoever else it was read with.
        if next.at_most > planned.test().timeout.mul_f64(live.deadline_scale()).as_secs_f64() {
            return None;
        }
        let met = met_by(live, planned.test(), &next.seen)?;
        Some(Attempt { read_before: next.seconds, ..met })
    }
}

/// Whether a test does nothing but look, in ways that are muster's own, and depends on nothing around it.
pub(super) fn is_only_looking(planned: &Planned) -> bool {
    let (suite, test) = (&planned.suite, planned.test());
    test.steps.is_empty()
        && test.snapshots.is_empty()
        && test.guest == GuestMode::Shared
        && !test.expect.is_empty()
        && suite.setup.is_empty()
        && suite.teardown.is_empty()
}

/// Reads what the first of these tests expect, as many as one round trip takes, and says how many those
/// were: zero when it is not worth a round trip of its own.
pub(super) async fn read<L: Live>(live: &L, tests: &[Planned], before: &Observations) -> (usize, Read) {
    let Readings { needed, probes } = readings(live, tests);
    let unusable = |why| Read::Unusable { why };
    if needed.len() < 2 {
        return (0, unusable(None));
    }
    let count = needed.len();
    let base = base::next(before, live.facts());
    let clock = Clock::new(MOST_TIME, live.deadline_scale());
    let all: Vec<&Probe> = probes.iter().chain(&base).collect();
    let replies = tokio::select! {
        biased;
        // Whoever runs next finds the machine dead, and says so.
        _ = live.death() => return (count, unusable(None)),
        replies = reading::read(live, &all, false, LIMIT, &clock) => replies,
        () = tokio::time::sleep(clock.left()) => return (count, unusable(None)),
    };
    let Ok(mut replies) = replies else { return (count, unusable(None)) };
    if replies.len() != all.len() {
        return (count, unusable(None));
    }
    let after = replies.split_off(probes.len());
    let share = after.iter().map(seconds).sum::<f64>() / count as f64;
    let after = Observations(base.iter().map(|probe| probe.key.clone()).zip(after).collect());
    let findings = base::compare(before, &after, live.facts());
    if let Some(first) = findings.first() {
        let name = |planned: &Planned| format!("{}/{}", planned.suite.name, planned.test().id);
        let why = format!(
            "seen while what {count} tests expect was read at once, from {} to {}: {}",
            name(&tests[0]),
            name(&tests[count - 1]),
            first.message
        );
        return (count, unusable(Some(why)));
    }
    let ready = tests.iter().zip(needed).map(|(planned, needed)| {
        let whole: BTreeSet<usize> = needed.iter().map(|(_, at)| *at).collect();
        let seen = needed.iter().map(|(one, at)| (one.key.clone(), probes[*at].share(one, &replies[*at])));
        let seen = Observations(seen.collect());
        Ready {
            suite: planned.suite.name.clone(),
            test: planned.test().id.clone(),
            seconds: share + seen.0.values().map(seconds).sum::<f64>(),
            at_most: share + whole.into_iter().map(|at| seconds(&replies[at])).sum::<f64>(),
            seen,
        }
    });
    (count, Read::Quiet { ahead: Ahead(ready.collect()), base: base::carry(before, after) })
}

fn seconds(reply: &Reply) -> f64 {
    reply.elapsed.as_secs_f64()
}

/// What the first tests need, and what is read for them.
#[derive(Default)]
struct Readings {
    /// The probes of each test, and which of those that are read each is a part of.
    needed: Vec<Vec<(Probe, usize)>>,
    /// What is read: one command for the names of several tests is one probe.
    probes: Vec<Probe>,
}

/// The readings of the first tests. Two tests may use one key for different scripts, so a reading is shared only when both are the
/// same, or the same command for several names.
fn readings<L: Live>(live: &L, tests: &[Planned]) -> Readings {
    let mut readings = Readings::default();
    let mut distinct = BTreeSet::new();
    for planned in tests {
        let mut by_key: BTreeMap<String, Probe> = BTreeMap::new();
        for probe in first_probes(live, planned.test()) {
            by_key.insert(probe.key.clone(), probe);
        }
        // A command line of the suite may do anything, and is run once.
        if by_key.keys().any(|key| is_command(key)) {
            break;
        }
        let mut needed = Vec::new();
        for probe in by_key.into_values() {
            distinct.insert((probe.key.clone(), probe.script.clone()));
            let at = readings.probes.iter_mut().position(|known| known.join(&probe));
            let at = at.unwrap_or_else(|| {
                readings.probes.push(probe.clone());
                readings.probes.len() - 1
            });
            needed.push((probe, at));
        }
        readings.needed.push(needed);
        if distinct.len() >= MOST_READINGS {
            break;
        }
    }
    readings
}
