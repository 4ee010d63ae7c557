//! User accounts, without those that systemd makes for services while they run.

use super::answer;
use crate::error::KindError;
use crate::item::{Field, Items, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_check::{Observations, Probe};
use muster_facts::sources as facts;
use muster_suite::model::SnapshotSource;

/// The kind.
pub(crate) struct User;

const FIELDS: &[Field] = &[
    compared("uid", "Its number."),
    compared("gid", "The number of its group."),
    compared("home", "Its home directory."),
    compared("shell", "Its login shell."),
];

impl FactKind for User {
    fn name(&self) -> &'static str {
        "user"
    }

    fn what(&self) -> &'static str {
        "users"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        vec![facts::probe(&SnapshotSource::Users)]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let mut items = Items::new();
        for (name, cells) in answer::table(seen, &SnapshotSource::Users)? {
            let fields = [("uid", &*cells[1]), ("gid", &*cells[2]), ("home", &*cells[3]), ("shell", &*cells[4])];
            if items.insert(name.clone(), answer::item(fields)).is_some() {
                return Err(KindError::Twice { what: "user", name });
            }
        }
        answer::some(items, "user")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    #[test]
    fn users_are_read_and_one_that_stands_twice_is_an_error() {
        let text = "root:x:0:0:root:/root:/bin/bash\nsvc:x:61200:61200::/:/usr/sbin/nologin\n";
        let items = known(User.parse(&seen(&[("snapshot users", text)])));
        assert_eq!(items.keys().collect::<Vec<_>>(), ["root"]);
        let twice = "a:x:1:1::/:/bin/sh\na:x:2:2::/:/bin/sh\n";
        assert!(User.parse(&seen(&[("snapshot users", twice)])).unwrap_err().to_string().contains("twice"));
    }
}
