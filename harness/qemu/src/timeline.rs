//! When the parts of a machine's last boot happened, as far as this side sees them.

use std::time::Instant;

use crate::Machine;
use crate::meter::{Count, nanoseconds};
use muster_guest::Refusals;

/// Moments of one boot in nanoseconds of the host's monotonic clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// QEMU's start, or the last reset of the machine.
    pub started: u64,
    /// When sshd greeted somebody for the first time since.
    pub greeted: Option<u64>,
    /// When the lines of the console ended, in order.
    pub lines: Vec<(u64, String)>,
    /// What had been executed, by moment; empty when it was not counted.
    pub counts: Vec<Count>,
}

impl Timeline {
    pub(crate) fn of(machine: &Machine, refusals: &Refusals) -> Self {
        let tally = *machine.tally().borrow();
        let started = tally.last_reset.unwrap_or(machine.started());
        let since = |at: &Instant| *at >= started;
        Self {
            started: nanoseconds(started),
            greeted: refusals.subscribe().borrow().greeted.filter(since).map(nanoseconds),
            lines: machine
                .console()
                .arrivals()
                .into_iter()
                .filter(|(at, _)| since(at))
                .map(|(at, text)| (nanoseconds(at), text))
                .collect(),
            counts: machine.counts(),
        }
    }
}
