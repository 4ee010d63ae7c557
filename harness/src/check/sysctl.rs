//! `sysctl`: a kernel parameter of /proc/sys.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("value", Kind::Loose, "Its value now; runs of white space are one space."),
    attribute("exists", Kind::Bool, "Whether the kernel has it."),
    attribute(
        "persisted",
        Kind::Loose,
        "The value that sysctl.d files set at boot, by systemd-sysctl's precedence; `none` matches when no file sets it.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "sysctl",
    summary: "A kernel parameter of /proc/sys.",
    subject: Subject::Named { what: "a parameter name such as `kernel.kptr_restrict`" },
    shorthand: Shorthand::Attribute("value"),
    attributes: ATTRIBUTES,
    reads: "/proc/sys; the sysctl.d directories and /etc/sysctl.conf only when `persisted` is asked for.",
    example: r#"sysctl:
  kernel.kptr_restrict: ">= 1"
  net.ipv4.conf.all.rp_filter: {any-of: [1, 2]}
  kernel.unprivileged_bpf_disabled: {persisted: 1}
"#,
};
