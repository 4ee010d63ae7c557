//! `process`: processes, by the name of their executable or their command name; kernel threads too.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("running", Kind::Bool, "Whether at least one runs."),
    attribute("count", Kind::Integer, "How many run."),
    attribute("user", Kind::Text, "Name of the effective user; every one must match."),
    attribute("args", Kind::Text, "Command line, arguments separated by spaces; every one must match."),
    attribute("selinux-type", Kind::Text, "SELinux domain; every one must match."),
    attribute("unit", Kind::Text, "systemd unit it runs in; every one must match."),
    attribute("no-new-privileges", Kind::Bool, "Whether every one has NoNewPrivs set."),
    attribute("seccomp", Kind::Bool, "Whether every one has a seccomp filter."),
    attribute("capabilities", Kind::Set, "Effective capabilities of all of them together, as cap_ names."),
    attribute("memory", Kind::Size, "Resident memory of all of them together."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "process",
    summary: "Processes, by the name of their executable or their command name; kernel threads too.",
    subject: Subject::Named { what: "a process name" },
    shorthand: Shorthand::Words(&[("running", "running", "true"), ("absent", "running", "false")]),
    attributes: ATTRIBUTES,
    reads: "/proc/*/status, cmdline, exe, cgroup and attr/current.",
    example: r#"process:
  chronyd: {running: true, user: chrony, selinux-type: chronyd_t}
  gdm: absent
"#,
};
