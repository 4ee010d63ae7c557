//! `kernel`: the running kernel.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("release", Kind::Version, "`uname -r`; operators look at the numbers before the first dash."),
    attribute("version", Kind::Text, "`uname -v`: build number, preemption model, date."),
    attribute("arch", Kind::Text, "`uname -m`."),
    attribute("taint", Kind::Integer, "/proc/sys/kernel/tainted; messages decode the bits."),
    attribute(
        "taints",
        Kind::Set,
        "The bits that are set, by name (`proprietary-module`, `warn`, `unsigned-module`, …).",
    ),
    attribute("cmdline", Kind::List, "Arguments of the command line, in order."),
    attribute("lsm", Kind::List, "Active security modules, in order."),
    attribute("lockdown", Kind::Word(&["none", "integrity", "confidentiality"]), "Lockdown mode."),
    attribute(
        "vulnerabilities",
        Kind::Map(&Kind::Text),
        "State of each CPU vulnerability, by its file name below /sys/devices/system/cpu/vulnerabilities.",
    ),
    attribute("vulnerable", Kind::Set, "CPU vulnerabilities whose state begins with `Vulnerable`."),
    attribute("btf", Kind::Bool, "Whether the kernel's type information is there (/sys/kernel/btf/vmlinux)."),
    attribute("cgroup", Kind::Word(&["v2", "v1", "hybrid"]), "Which cgroup hierarchy is mounted."),
    attribute("cgroup-controllers", Kind::Set, "Controllers of the unified hierarchy."),
    attribute("namespaces", Kind::Set, "Kinds of namespaces (`mnt`, `net`, `pid`, `user`, …)."),
    attribute("pressure", Kind::Bool, "Whether pressure stall information can be read."),
    attribute("modules", Kind::Set, "Loaded modules."),
    attribute("out-of-tree", Kind::Set, "Loaded modules that were not built with the kernel."),
    attribute("unsigned", Kind::Set, "Loaded modules without a valid signature."),
    attribute("filesystems", Kind::Set, "File systems it can mount now."),
    attribute("crypto", Kind::Set, "Names of the algorithms of /proc/crypto."),
    attribute("page-size", Kind::Size, "Size of a page."),
    attribute("clocksource", Kind::Text, "Clock source in use."),
    attribute("hugepages", Kind::Word(&["always", "madvise", "never"]), "Transparent huge pages."),
    attribute("fips", Kind::Bool, "Whether FIPS mode is on."),
    attribute("config", Kind::Text, "Where its configuration can be read; `none` matches when it cannot."),
    attribute("installed", Kind::Set, "Releases that have a directory below /lib/modules."),
    attribute("errors", Kind::Output, "Kernel log of this boot at level err and worse."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "kernel",
    summary: "The running kernel.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "/proc, /sys, `uname`, `dmesg` or `journalctl -k`.",
    example: r#"kernel:
  release: ">= 6.14"
  taint: 0
  cmdline: {lacks: [nomodeset]}
  lsm: {has: [selinux, bpf]}
  vulnerabilities: {spectre_v2: {matches: ^Mitigation}}
"#,
};
