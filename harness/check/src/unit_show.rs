//! What `systemctl show` prints of units.

use std::collections::BTreeMap;

/// The units of `systemctl show`, which an empty line separates.
pub(crate) fn units(text: &str) -> Vec<BTreeMap<&str, &str>> {
    let mut units = vec![BTreeMap::new()];
    for line in text.lines() {
        match (line.split_once('='), units.last_mut()) {
            (Some((name, value)), Some(unit)) => {
                unit.entry(name).or_insert(value);
            }
            (None, Some(unit)) if line.is_empty() && !unit.is_empty() => units.push(BTreeMap::new()),
            _ => {}
        }
    }
    units.retain(|unit| !unit.is_empty());
    units
}

/// Whether a unit that systemctl showed is the one that was asked for: by its id or another name.
pub(crate) fn is_named(unit: &BTreeMap<&str, &str>, name: &str) -> bool {
    unit.get("Id") == Some(&name)
        || unit.get("Names").is_some_and(|names| names.split_whitespace().any(|other| other == name))
}

/// Microseconds from leaving to reaching a resting state, as `systemd-analyze blame` computes it.
pub(crate) fn activation(unit: &BTreeMap<&str, &str>) -> Option<u64> {
    let stamp = |name| unit.get(name).and_then(|value: &&str| value.parse::<u64>().ok()).filter(|stamp| *stamp > 0);
    let activating = stamp("InactiveExitTimestampMonotonic")?;
    let done = stamp("ActiveEnterTimestampMonotonic").filter(|stamp| *stamp >= activating);
    // A oneshot that does not remain goes back to inactive without ever being active.
    let done = done.or_else(|| stamp("InactiveEnterTimestampMonotonic").filter(|stamp| *stamp >= activating))?;
    Some(done - activating)
}
