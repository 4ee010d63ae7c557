//! How much the system takes. Sums move with every update, so that small movements are no difference;
//! what moved them is shown by the packages.

use super::answer;
use super::package;
use crate::difference::{self, Difference};
use crate::error::KindError;
use crate::item::{Field, Items, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_check::{Observations, Probe, shell};

/// The kind.
pub(crate) struct Footprint;

const KEY: &str = "compare/used";

const FIELDS: &[Field] = &[compared("value", "A count, or bytes.")];

/// The subjects, and by how many percent of the baseline each may move without being a difference.
const TOLERANCES: &[(&str, u128)] = &[(PACKAGES, 0), (INSTALLED, 1), (USED, 5)];

const PACKAGES: &str = "packages";
const INSTALLED: &str = "installed-bytes";
const USED: &str = "root-used-bytes";

impl FactKind for Footprint {
    fn name(&self) -> &'static str {
        "footprint"
    }

    fn what(&self) -> &'static str {
        "sums"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        let mut probes = package::probes();
        probes.push(Probe::new(KEY, 20, format!("{}stat -f -c '%S %b %f' /", shell::need("stat"))));
        probes
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let mut items = Items::new();
        let mut add =
            |name: &str, value: u128| items.insert(name.to_owned(), answer::item([("value", &value.to_string())]));
        let answer = answer::output(seen, KEY)?;
        add(USED, used(&answer).ok_or_else(|| answer::strange(answer.lines().last().unwrap_or_default()))?);
        if let Ok(packages) = package::installed(seen)? {
            add(PACKAGES, packages.len() as u128);
            add(INSTALLED, packages.iter().map(|package| package.size).sum());
        }
        Ok(Part::Known(items))
    }

    fn differences(&self, before: &Items, after: &Items) -> Vec<Difference> {
        let mut out = difference::of_items(self.name(), FIELDS, before, after);
        out.retain(|difference| {
            let stated = TOLERANCES.iter().find(|(name, _)| *name == difference.subject);
            difference::moved_beyond(difference, stated.map_or(0, |(_, percent)| *percent))
        });
        out
    }
}

/// Size of a block, blocks, and those that are free.
fn used(answer: &str) -> Option<u128> {
    let numbers: Result<Vec<u64>, _> = answer.split_whitespace().map(str::parse).collect();
    let [size, all, free] = numbers.ok()?[..] else { return None };
    Some(u128::from(size) * u128::from(all.checked_sub(free)?))
}

#[cfg(test)]
mod tests {
    use super::super::database;
    use super::*;
    use crate::testing::{items, known, seen};
    use muster_check::types::rpmdb;

    #[test]
    fn sums_are_read() {
        let line = "package\tbash\t0\t5\t1\tx86_64\tv\t\tMIT\tbash-5-1.src.rpm\tb\t700\t(none)\n";
        let items = known(Footprint.parse(&seen(&[database::RPM, (rpmdb::ALL, line), (KEY, "1024 1000 700\n")])));
        let value = |name: &str| items[name]["value"].as_str();
        assert_eq!((value(PACKAGES), value(INSTALLED), value(USED)), ("1", "700", "307200"));
        assert!(Footprint.parse(&seen(&[database::RPM, (rpmdb::ALL, line), (KEY, "1024 700 1000\n")])).is_err());
    }

    #[test]
    fn only_what_moves_far_is_a_difference() {
        let of = |packages: &str, installed: &str, used: &str| {
            items(&[
                (PACKAGES, &[("value", packages)]),
                (INSTALLED, &[("value", installed)]),
                (USED, &[("value", used)]),
            ])
        };
        let keys = |after: Items| -> Vec<String> {
            let before = of("100", "1000", "1000");
            Footprint.differences(&before, &after).iter().map(Difference::key).collect()
        };
        assert_eq!(keys(of("100", "1010", "950")), Vec::<String>::new());
        assert_eq!(
            keys(of("101", "1011", "949")),
            ["footprint/changed/installed-bytes", "footprint/changed/packages", "footprint/changed/root-used-bytes"]
        );
        assert_eq!(keys(Items::new()).len(), 3);
    }
}
