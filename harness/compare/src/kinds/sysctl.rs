//! Kernel parameters, without those that change by themselves (`snapshot::facts::volatile` lists them).

use super::answer;
use crate::difference::{self, Difference};
use crate::error::KindError;
use crate::item::{Field, Items, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_check::{Observations, Probe};
use muster_facts::sources as facts;
use muster_suite::model::SnapshotSource;

/// The kind.
pub(crate) struct Sysctl;

const FIELDS: &[Field] = &[compared("value", "Its value; several lines are joined by a space.")];

/// What names the kernel that runs, which the identity of the system and its packages tell already, and
/// the name of the machine.
const OF_THE_KERNEL: &[&str] = &["kernel.osrelease", "kernel.version", "kernel.hostname", "kernel.domainname"];

/// What the kernel computes from the memory that is there or free when it starts: it moves a little from
/// boot to boot and from kernel to kernel, and only what moves far has been set by somebody. The kernel's
/// Documentation/admin-guide/sysctl (fs.rst, vm.rst) and net/ipv4/inetpeer.c say how each is computed.
const OF_FREE_MEMORY: &[&str] = &[
    "fs.file-max",
    "net.ipv4.inet_peer_threshold",
    "vm.admin_reserve_kbytes",
    "vm.min_free_kbytes",
    "vm.user_reserve_kbytes",
];

/// By how many percent those may move without being a difference.
const TOLERANCE: u128 = 5;

impl FactKind for Sysctl {
    fn name(&self) -> &'static str {
        "sysctl"
    }

    fn what(&self) -> &'static str {
        "kernel parameters"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        vec![facts::probe(&SnapshotSource::Sysctl)]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let mut items = Items::new();
        for (key, cells) in answer::table(seen, &SnapshotSource::Sysctl)? {
            if OF_THE_KERNEL.contains(&key.as_str()) {
                continue;
            }
            let value = items.entry(key).or_default().entry("value").or_default();
            if !value.is_empty() {
                value.push(' ');
            }
            value.push_str(&cells[1].replace('\t', " "));
        }
        answer::some(items, "parameter")
    }

    fn differences(&self, before: &Items, after: &Items) -> Vec<Difference> {
        let mut out = difference::of_items(self.name(), FIELDS, before, after);
        out.retain(|difference| {
            !OF_FREE_MEMORY.contains(&difference.subject.as_str()) || difference::moved_beyond(difference, TOLERANCE)
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{items, known, seen};

    #[test]
    fn what_the_kernel_measures_may_move_a_little() {
        let of = |file_max: &str, sysrq: &str| {
            items(&[("fs.file-max", &[("value", file_max)]), ("kernel.sysrq", &[("value", sysrq)])])
        };
        let keys = |after: Items| -> Vec<String> {
            Sysctl.differences(&of("19397", "100"), &after).iter().map(Difference::key).collect()
        };
        assert_eq!(keys(of("19385", "100")), Vec::<String>::new());
        assert_eq!(
            keys(of("9223372036854775807", "101")),
            ["sysctl/changed/fs.file-max", "sysctl/changed/kernel.sysrq"]
        );
        assert_eq!(keys(Items::new()).len(), 2);
    }

    #[test]
    fn counters_and_the_kernel_s_own_name_are_left_out() {
        let text = "kernel.ostype = Linux\nkernel.osrelease = 6.18\nfs.file-nr = 1\t0\t9\nkernel.x = a\nkernel.x = b\nnet.ipv4.tcp_rmem = 4096\t1\t2\n";
        let items = known(Sysctl.parse(&seen(&[("snapshot sysctl", text)])));
        assert_eq!(items.keys().collect::<Vec<_>>(), ["kernel.ostype", "kernel.x", "net.ipv4.tcp_rmem"]);
        assert_eq!(
            (items["kernel.x"]["value"].as_str(), items["net.ipv4.tcp_rmem"]["value"].as_str()),
            ("a b", "4096 1 2")
        );
    }
}
