//! When units were activated, of what `systemctl show` prints of all of them, and the critical chain through them.

use std::collections::{BTreeMap, BTreeSet};

use crate::systemctl_show;

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
    for properties in systemctl_show::units(text) {
        let Some(name) = properties.get("Id").filter(|name| !name.is_empty() && name.len() <= LONGEST) else {
            continue;
        };
        let Some((began, done)) = systemctl_show::activation(&properties) else { continue };
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

/// What one unit alone adds to a boot, as a part of userspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitShare {
    /// The unit.
    pub unit: String,
    /// What it alone adds, in microseconds.
    pub micros: u64,
    /// What userspace took.
    pub userspace: u64,
}

impl UnitShare {
    /// The part in per cent.
    pub fn percent(&self) -> f64 {
        self.micros as f64 * 100.0 / self.userspace as f64
    }
}

/// The unit that alone adds most to the chain to `last`, of a userspace that began and was finished at these moments. None when
/// the chain has no unit or userspace took no time.
pub fn largest_share(units: &Activations, last: &str, userspace: u64, finish: u64) -> Option<UnitShare> {
    let whole = finish.checked_sub(userspace).filter(|whole| *whole > 0)?;
    // Of what was done in the initrd only the rest is userspace; what the target itself was done after the end is not.
    let own = |link: &Critical| link.done.min(finish).saturating_sub(link.from.max(userspace));
    let largest = chain(units, last, finish).into_iter().max_by_key(own)?;
    Some(UnitShare { micros: own(&largest), unit: largest.unit, userspace: whole })
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
    fn the_largest_part_is_a_share_of_userspace_and_begins_with_it() {
        let found = largest_share(&boot(), "multi-user.target", 100, 700).unwrap();
        // 400 of 600: what slow.service did before systemd of the real root began is not userspace.
        assert_eq!((found.unit.as_str(), found.micros, found.userspace), ("slow.service", 400, 600));
        assert!((found.percent() - 66.667).abs() < 0.001);
        assert_eq!(largest_share(&boot(), "never.service", 100, 700), None, "it is not on a chain");
        assert_eq!(largest_share(&boot(), "multi-user.target", 700, 700), None, "userspace took no time");
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
