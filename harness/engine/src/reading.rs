//! Reading probes on a machine.

use std::collections::BTreeMap;

use super::clock::Clock;
use super::driver::Live;
use muster_base::failure::Failure;
use muster_check::types::command::is_command;
use muster_check::{Observations, Probe};
use muster_guest::{Reply, Request};

/// Bytes of a probe's stdout and stderr, each. The largest honest answer, all capabilities of all
/// packages of a workstation, is about 4 MiB.
pub(super) const PROBE_LIMIT: usize = 32 << 20;

/// Reads all probes: muster's own in one round trip, then the command lines of the suite. Keys that
/// several check types share are read once.
pub(super) async fn observe<L: Live>(live: &L, probes: &[Probe], clock: &Clock) -> Result<Observations, Failure> {
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
        let replies = read(live, &probes, guarded, PROBE_LIMIT, clock).await?;
        seen.0.extend(probes.iter().map(|probe| probe.key.clone()).zip(replies));
    }
    Ok(seen)
}

/// Reads probes in one round trip, in their order; `guarded` ones are command lines of the suite. One that prints more than
/// `limit` bytes to a stream is cut off there, and its reply says so.
pub(super) async fn read<L: Live>(
    live: &L,
    probes: &[&Probe],
    guarded: bool,
    limit: usize,
    clock: &Clock,
) -> Result<Vec<Reply>, Failure> {
    let request =
        |probe: &&Probe| Request { script: probe.script.clone(), timeout: clock.stretch(probe.timeout), limit };
    let requests = probes.iter().map(request).collect();
    let replies = if guarded { live.commands(requests).await? } else { live.batch(requests).await? };
    for (probe, reply) in probes.iter().zip(&replies) {
        // The key of a suite's own command line holds the command line, which may hold a password.
        let key = if guarded { "a command line of the suite" } else { &probe.key };
        tracing::debug!(key, status = reply.status, took = ?reply.elapsed, "probe");
    }
    Ok(replies)
}
