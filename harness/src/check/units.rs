//! `units`: systemd as a whole.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "state",
        Kind::Word(&[
            "initializing",
            "starting",
            "running",
            "degraded",
            "maintenance",
            "stopping",
            "offline",
            "unknown",
        ]),
        "`systemctl is-system-running`.",
    ),
    attribute("failed", Kind::Set, "Failed units."),
    attribute("jobs", Kind::Set, "Units with a queued or running job."),
    attribute("active", Kind::Set, "Active units."),
    attribute("enabled", Kind::Set, "Enabled unit files."),
    attribute("masked", Kind::Set, "Masked unit files."),
    attribute("generated", Kind::Set, "Units made by generators."),
    attribute("timers", Kind::Set, "Active timers."),
    attribute("sockets", Kind::Set, "Listening sockets."),
    attribute(
        "not-by-preset",
        Kind::Set,
        "Unit files that are enabled although the presets disable them, or disabled although the presets enable them.",
    ),
    attribute("not-found", Kind::Set, "Units that others refer to as wanted or required and that do not exist."),
    attribute("needs-reload", Kind::Set, "Units whose files changed since systemd read them."),
    attribute("ordering-cycles", Kind::Set, "Units whose job systemd deleted to break an ordering cycle in this boot."),
    attribute("default-target", Kind::Text, "`systemctl get-default`."),
    attribute("version", Kind::Integer, "Major version of systemd."),
    attribute("tainted", Kind::Set, "systemd's own taint flags (`unmerged-bin`, `cgroupsv1`)."),
    attribute(
        "manager",
        Kind::Map(&Kind::Loose),
        "Properties of the manager (`DefaultTimeoutStartUSec`, `ShowStatus`).",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "units",
    summary: "systemd as a whole.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "`systemctl list-units`, `list-unit-files`, `list-jobs`, `is-system-running`, `get-default`, `show`; the journal for ordering cycles.",
    example: r#"units:
  failed: none
  jobs: none
  not-by-preset: none
  default-target: multi-user.target
"#,
};
