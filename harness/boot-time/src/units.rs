//! When units were activated, of what `systemctl show` prints of all of them, and the critical chain through them.

use std::collections::{BTreeMap, BTreeSet};

/// Units that are looked at, and characters of a name. What is more than that is nobody's boot.
const MOST: usize = 5000;
const LONGEST: usize = 256;

/// Properties that are needed, as options of `systemctl show`.
pub const PROPERTIES: [&str; 5] = [
    "Id",
    "After",
    "InactiveExitTimestampMonotonic",
    "ActiveEnterTimestampMonotonic",
    "InactiveEnterTimestampMonotonic",
];

/// The activation of a unit, in microseconds of the guest's monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// When it began.
    pub began: u64,
    /// When it was done; for a oneshot that does not stay, when it had run.
    pub done: u64,
    /// Units that it is ordered after.
    pub after: BTreeSet<String>,
}

/// Units by name.
pub type Activations = BTreeMap<String, Activation>;

/// A unit on the critical chain: its name, and the part of its activation in which nothing on the chain before it was still going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Critical {
    /// The unit.
    pub unit: String,
    /// When what it alone added began.
    pub from: u64,
    /// When it was done.
    pub done: u64,
}

/// Reads what `systemctl show -p … -- '*'` printed. Units that were never activated are not in it.
pub fn read(text: &str) -> Activations {
    let mut units = Activations::new();
    for block in text.split("\n\n") {
        let mut properties = BTreeMap::new();
        for (name, value) in block.lines().filter_map(|line| line.split_once('=')) {
            properties.entry(name).or_insert(value);
        }
        let stamp =
            |name: &str| properties.get(name)?.parse::<u64>().ok().filter(|stamp| *stamp > 0 && *stamp < u64::MAX);
        let Some(name) = properties.get("Id").filter(|name| !name.is_empty() && name.len() <= LONGEST) else {
            continue;
        };
        let Some(began) = stamp("InactiveExitTimestampMonotonic") else { continue };
        let later = |name| stamp(name).filter(|stamp| *stamp >= began);
        let Some(done) = later("ActiveEnterTimestampMonotonic").or_else(|| later("InactiveEnterTimestampMonotonic"))
        else {
            continue;
        };
        if units.len() == MOST {
            break;
        }
        let after =
            properties.get("After").copied().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        units.insert((*name).to_owned(), Activation { began, done, after });
    }
    units
}

/// The critical chain to `last`, backwards, as `systemd-analyze critical-chain` walks it: of the units that one is ordered after, the
/// one that was done last, if it was done before this one was. `end` is when the boot was finished; what came later held up nothing.
pub fn chain(units: &Activations, last: &str, end: u64) -> Vec<Critical> {
    let mut chain = Vec::new();
    let mut seen = BTreeSet::new();
    let mut next = Some(last);
    while let Some(name) = next {
        let Some((name, unit)) = units.get_key_value(name).filter(|(name, _)| seen.insert(name.as_str())) else {
            break;
        };
        let before = unit
            .after
            .iter()
            .filter_map(|name| units.get_key_value(name))
            .filter(|(name, other)| other.done <= unit.done && other.done <= end && !seen.contains(name.as_str()))
            // Of several that were done at once, the one that took longest says most.
            .max_by_key(|(_, other)| (other.done, other.done - other.began));
        let waited = before.map_or(0, |(_, other)| other.done);
        chain.push(Critical { unit: name.clone(), from: unit.began.max(waited), done: unit.done });
        next = before.map(|(name, _)| name.as_str());
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(id: &str, began: u64, active: u64, gone: u64, after: &str) -> String {
        format!(
            "Id={id}\nAfter={after}\nInactiveExitTimestampMonotonic={began}\nActiveEnterTimestampMonotonic={active}\n\
             InactiveEnterTimestampMonotonic={gone}\n\n"
        )
    }

    fn boot() -> Activations {
        let text = [
            shown("a.socket", 10, 10, 0, ""),
            shown("slow.service", 12, 500, 0, "a.socket"),
            shown("once.service", 20, 0, 90, "a.socket"),
            shown("b.service", 400, 600, 0, "slow.service once.service never.service"),
            shown("never.service", 0, 0, 0, ""),
            shown("late.service", 650, 900, 0, "b.service"),
            shown("multi-user.target", 601, 601, 0, "b.service late.service once.service"),
        ]
        .concat();
        read(&text)
    }

    #[test]
    fn what_was_activated_is_read_and_a_oneshot_is_done_when_it_has_run() {
        let units = boot();
        assert_eq!(units.len(), 6, "never.service was not activated");
        assert_eq!((units["once.service"].began, units["once.service"].done), (20, 90));
    }

    #[test]
    fn the_chain_goes_back_through_what_was_done_last_and_self_time_overlaps_with_nothing_on_it() {
        let found: Vec<(String, u64, u64)> = chain(&boot(), "multi-user.target", 700)
            .into_iter()
            .map(|link| (link.unit, link.from, link.done))
            .collect();
        let expected =
            [("multi-user.target", 601, 601), ("b.service", 500, 600), ("slow.service", 12, 500), ("a.socket", 10, 10)];
        assert_eq!(found, expected.map(|(unit, from, done)| (unit.to_owned(), from, done)));
    }

    #[test]
    fn circles_and_garbage_end() {
        let text = [shown("a", 5, 10, 0, "b"), shown("b", 5, 10, 0, "a"), "Id=\n\n=\n\nnothing".to_owned()].concat();
        assert_eq!(chain(&read(&text), "a", 99).len(), 2);
        assert!(chain(&read(&text), "absent", 99).is_empty());
        let huge = shown("x", 5, u64::MAX, 0, "");
        assert!(read(&huge).is_empty(), "a stamp that says infinity is none");
    }
}
