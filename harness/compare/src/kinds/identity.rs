//! What the system says that it is: os-release.

use super::answer;
use crate::error::KindError;
use crate::item::{Field, Items, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_base::text;
use muster_check::{Observations, Probe};
use muster_guest::facts::os_release;

/// The kind.
pub(crate) struct Identity;

const KEY: &str = "compare/os-release";

const FIELDS: &[Field] = &[compared("value", "Its value, unquoted.")];

impl FactKind for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn what(&self) -> &'static str {
        "keys of os-release"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        let script = "if [ -e /etc/os-release ]; then cat /etc/os-release; else cat /usr/lib/os-release; fi";
        vec![Probe::new(KEY, 10, script)]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let keys = os_release(&text::escape(&answer::output(seen, KEY)?));
        let item = |(key, value): (String, String)| (key, answer::item([("value", &value)]));
        answer::some(keys.into_iter().map(item).collect::<Items>(), "key of os-release")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    #[test]
    fn quotes_are_no_difference() {
        let items = known(Identity.parse(&seen(&[(KEY, "ID=azurelinux\nVERSION_ID=\"4.0\"\n")])));
        assert_eq!((items["ID"]["value"].as_str(), items["VERSION_ID"]["value"].as_str()), ("azurelinux", "4.0"));
    }
}
