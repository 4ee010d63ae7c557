//! What listens, and on which kind of address.

use std::collections::{BTreeMap, BTreeSet};

use super::answer;
use crate::error::KindError;
use crate::item::{Field, Items, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_check::{Observations, Probe};
use muster_facts::sources as facts;
use muster_suite::model::SnapshotSource;

/// The kind.
pub(crate) struct Port;

const FIELDS: &[Field] = &[compared("address", "`any`, `loopback` or `address`, or several of them.")];

impl FactKind for Port {
    fn name(&self) -> &'static str {
        "port"
    }

    fn what(&self) -> &'static str {
        "listening ports"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        vec![facts::probe(&SnapshotSource::Ports)]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let mut ports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (port, cells) in answer::table(seen, &SnapshotSource::Ports)? {
            ports.entry(port).or_default().insert(cells[2].clone());
        }
        // A system on which nothing listens is one, if a rare one behind SSH.
        let item = |(port, kinds): (String, BTreeSet<String>)| {
            (port, answer::item([("address", &kinds.into_iter().collect::<Vec<_>>().join(", "))]))
        };
        Ok(Part::Known(ports.into_iter().map(item).collect::<Items>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    #[test]
    fn several_sockets_of_a_port_are_one_subject() {
        let line = |address: &str| format!("   0: {address}:0016 00000000:0000 0A 0 0 0 0 0 1\n");
        let text = format!("= tcp\n  sl local\n{}{}", line("00000000"), line("0100007F"));
        let items = known(Port.parse(&seen(&[("snapshot ports", &text)])));
        assert_eq!(items["tcp/22"]["address"], "any, loopback");
        assert!(Port.parse(&seen(&[("snapshot ports", "= tcp\nnonsense\n")])).is_err());
    }
}
