//! What `systemctl show` prints: properties of units, and moments in microseconds of the guest's monotonic clock.

use std::collections::BTreeMap;

/// The properties of one unit, or of the manager.
pub type Properties<'t> = BTreeMap<&'t str, &'t str>;

/// The units of `systemctl show`, which an empty line separates.
pub fn units(text: &str) -> Vec<Properties<'_>> {
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

/// A moment. Neither 0, which is "it did not happen", nor systemd's infinity, which is "never": all that is left fits into 64
/// bits as nanoseconds too.
pub fn moment(text: &str) -> Option<u64> {
    text.parse().ok().filter(|micros| (1..u64::MAX / 1000).contains(micros))
}

/// When a unit began to leave its resting state, and when it had reached another, as `systemd-analyze blame` computes it.
pub fn activation(unit: &Properties<'_>) -> Option<(u64, u64)> {
    let stamp = |name| unit.get(name).and_then(|value| moment(value));
    let began = stamp("InactiveExitTimestampMonotonic")?;
    let later = |name| stamp(name).filter(|stamp| *stamp >= began);
    // A oneshot that does not remain goes back to inactive without ever being active.
    let done = later("ActiveEnterTimestampMonotonic").or_else(|| later("InactiveEnterTimestampMonotonic"))?;
    Some((began, done))
}

/// The moments of the manager, by name without `TimestampMonotonic`: `Userspace`, `Finish`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManagerStamps<'t>(BTreeMap<&'t str, Option<u64>>);

impl<'t> ManagerStamps<'t> {
    /// Reads what `systemctl show` prints of the manager.
    pub fn read(text: &'t str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        Self(
            lines.filter_map(|(name, value)| Some((name.strip_suffix("TimestampMonotonic")?, moment(value)))).collect(),
        )
    }

    /// When it happened; none when it did not.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied().flatten()
    }

    /// Whether the manager said anything of it, even that it did not happen.
    pub fn names(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: &str = "18446744073709551615";

    fn unit(began: &str, active: &str, gone: &str) -> String {
        format!(
            "Id=a.service\nInactiveExitTimestampMonotonic={began}\nActiveEnterTimestampMonotonic={active}\n\
             InactiveEnterTimestampMonotonic={gone}\n"
        )
    }

    #[test]
    fn units_are_apart_by_an_empty_line_and_the_first_of_a_name_counts() {
        let found = units("\nId=a\nId=b\nnonsense\n\n\nId=c\nExecStart={ x=y ; }\n\n");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0]["Id"], found[1]["Id"], found[1]["ExecStart"]), ("a", "c", "{ x=y ; }"));
    }

    #[test]
    fn an_activation_has_both_ends_and_neither_is_zero_or_infinity() {
        for (began, active, gone, expected) in [
            ("5", "9", "0", Some((5, 9))),
            ("5", "0", "7", Some((5, 7))),
            ("5", "3", "7", Some((5, 7))),
            ("0", "9", "0", None),
            ("5", "0", "0", None),
            ("5", NEVER, "0", None),
            ("5", NEVER, "8", Some((5, 8))),
            (NEVER, NEVER, "0", None),
            ("x", "9", "0", None),
        ] {
            let text = unit(began, active, gone);
            assert_eq!(activation(&units(&text)[0]), expected, "{text}");
        }
    }

    #[test]
    fn what_the_manager_says_did_not_happen_has_no_moment() {
        let text = format!(
            "Version=257\nUserspaceTimestampMonotonic=5\nFinishTimestampMonotonic={NEVER}\nFirmwareTimestampMonotonic=0\n"
        );
        let stamps = ManagerStamps::read(&text);
        assert_eq!((stamps.get("Userspace"), stamps.get("Finish"), stamps.get("Firmware")), (Some(5), None, None));
        assert!(
            stamps.names("Finish")
                && !stamps.names("Loader")
                && !ManagerStamps::read("Version=257\n").names("Userspace")
        );
    }
}
