//! `service`: a systemd unit of any type; `.service` when it has no suffix.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "loaded",
        Kind::Word(&["loaded", "not-found", "masked", "error", "bad-setting", "merged", "stub"]),
        "LoadState.",
    ),
    attribute(
        "active",
        Kind::Word(&[
            "active",
            "inactive",
            "failed",
            "activating",
            "deactivating",
            "reloading",
            "maintenance",
            "refreshing",
        ]),
        "ActiveState.",
    ),
    attribute("sub-state", Kind::Text, "SubState (`running`, `exited`, `dead`, `listening`)."),
    attribute(
        "enabled",
        Kind::Word(&[
            "enabled",
            "enabled-runtime",
            "linked",
            "linked-runtime",
            "alias",
            "masked",
            "masked-runtime",
            "static",
            "indirect",
            "disabled",
            "generated",
            "transient",
            "bad",
        ]),
        "UnitFileState.",
    ),
    attribute(
        "preset",
        Kind::Word(&["enabled", "disabled", "ignored"]),
        "What the presets say of it (UnitFilePreset).",
    ),
    attribute("masked", Kind::Bool, "Whether it is masked, for ever or for this boot."),
    attribute("result", Kind::Text, "Result of its last run (`success`, `exit-code`, `timeout`)."),
    attribute("restarts", Kind::Integer, "How often it was restarted automatically since boot (NRestarts)."),
    attribute("type", Kind::Text, "Service type (`notify`, `oneshot`)."),
    attribute("user", Kind::Text, "User it runs as; empty when the unit states none."),
    attribute("path", Kind::Text, "The unit file (FragmentPath)."),
    attribute("drop-ins", Kind::Set, "Drop-in files that are in effect."),
    attribute("wanted-by", Kind::Set, "Units that want it."),
    attribute("required-by", Kind::Set, "Units that require it."),
    attribute("after", Kind::Set, "Units it is ordered after."),
    attribute("needs-reload", Kind::Bool, "Whether its files changed since systemd read them (NeedDaemonReload)."),
    attribute("activation", Kind::Duration, "How long its last activation took."),
    attribute("memory", Kind::Size, "Memory it uses now (MemoryCurrent)."),
    attribute("exposure", Kind::Number, "`systemd-analyze security`: 0 (locked in) to 10 (everything open)."),
    attribute("properties", Kind::Map(&Kind::Loose), "Any property of `systemctl show`, by its name."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "service",
    summary: "A systemd unit of any type; `.service` when it has no suffix.",
    subject: Subject::Named { what: "a unit name" },
    shorthand: Shorthand::Words(&[
        ("absent", "loaded", "not-found"),
        ("masked", "loaded", "masked"),
        ("active", "active", "active"),
        ("inactive", "active", "inactive"),
        ("enabled", "enabled", "enabled"),
        ("disabled", "enabled", "disabled"),
    ]),
    attributes: ATTRIBUTES,
    reads: "One `systemctl show` for all units; `systemd-analyze security` only when `exposure` is asked for.",
    example: r#"service:
  sshd: {active: active, enabled: enabled, restarts: 0, properties: {Restart: on-failure}}
  sshd.socket: disabled
  kdump: absent
"#,
};
