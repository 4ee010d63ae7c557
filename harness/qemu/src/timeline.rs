//! When the parts of a machine's last boot happened, as far as this side sees them.

use std::time::Instant;

use crate::Machine;
use muster_boot_time::curve::Point;
use muster_boot_time::measure::Evidence;
use muster_engine::boot_evidence::nanoseconds;
use muster_guest::Refusals;

/// What this side saw of the last boot. What only the guest knows is not in it.
pub(crate) fn evidence(machine: &Machine, refusals: &Refusals) -> Evidence {
    let tally = *machine.tally().borrow();
    let started = tally.last_reset.unwrap_or(machine.started());
    let since = |at: &Instant| *at >= started;
    let counts = machine.counts().into_iter();
    Evidence {
        started: nanoseconds(started),
        greeted: refusals.subscribe().borrow().greeted.filter(since).map(nanoseconds),
        lines: machine
            .console()
            .arrivals()
            .into_iter()
            .filter(|(at, _)| since(at))
            .map(|(at, text)| (nanoseconds(at), text))
            .collect(),
        points: counts
            .map(|count| Point { at: count.at, instructions: count.lower.saturating_add(count.upper) })
            .collect(),
        ..Evidence::default()
    }
}
