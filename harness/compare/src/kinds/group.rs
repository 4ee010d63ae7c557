//! Groups and who is in them.

use super::answer;
use crate::error::KindError;
use crate::item::{Field, Items, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_base::text;
use muster_check::{Observations, Probe};
use muster_facts::groups;

/// The kind.
pub(crate) struct Group;

const FIELDS: &[Field] = &[compared("gid", "Its number."), compared("members", "Its members, sorted.")];

/// The group ids that systemd hands out to services while they run (systemd.io/UIDS-GIDS).
const DYNAMIC: std::ops::RangeInclusive<u32> = 61184..=65519;

impl FactKind for Group {
    fn name(&self) -> &'static str {
        "group"
    }

    fn what(&self) -> &'static str {
        "groups"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        vec![groups::probe()]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let mut items = Items::new();
        let text = text::escape(&answer::output(seen, &groups::probe().key)?);
        for groups::Group { name, gid, mut members } in groups::parse(&text).map_err(KindError::reading)? {
            if DYNAMIC.contains(&gid) {
                continue;
            }
            members.sort_unstable();
            let item = answer::item([("gid", &*gid.to_string()), ("members", &*members.join(", "))]);
            if items.insert(name.clone(), item).is_some() {
                return Err(KindError::Twice { what: "group", name: text::one_line(&name, 60) });
            }
        }
        answer::some(items, "group")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    #[test]
    fn members_are_a_set() {
        let items = known(Group.parse(&seen(&[("facts/groups", "wheel:x:10:b,a\nroot:x:0:\nsvc:x:61200:\n")])));
        assert_eq!((items.len(), items["wheel"]["members"].as_str()), (2, "a, b"));
        assert!(Group.parse(&seen(&[("facts/groups", "wheel:x:ten:\n")])).is_err());
        assert!(Group.parse(&seen(&[("facts/groups", "a:x:1:\na:x:2:\n")])).is_err());
    }
}
