//! `selinux`: sELinux.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "mode",
        Kind::Word(&["enforcing", "permissive", "disabled"]),
        "Mode now; `disabled` when no policy is loaded.",
    ),
    attribute("configured", Kind::Word(&["enforcing", "permissive", "disabled"]), "Mode in /etc/selinux/config."),
    attribute("policy", Kind::Text, "Policy type in /etc/selinux/config (`targeted`)."),
    attribute("policy-version", Kind::Integer, "Version of the policy format that the kernel speaks."),
    attribute("mls", Kind::Bool, "Whether the policy has levels."),
    attribute(
        "unknown",
        Kind::Word(&["deny", "allow", "reject"]),
        "What is done with permissions that the policy does not know.",
    ),
    attribute("booleans", Kind::Map(&Kind::Word(&["on", "off"])), "Booleans of the policy."),
    attribute("permissive-types", Kind::Set, "Domains that the policy makes permissive."),
    attribute(
        "unconfined-services",
        Kind::Set,
        "Names of running system services in unconfined_service_t, initrc_t or unlabeled_t.",
    ),
    attribute("denials", Kind::Output, "Denials of this boot, one a line."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "selinux",
    summary: "SELinux.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "/sys/fs/selinux, /etc/selinux/config, /proc/*/attr/current, the journal or the audit log; `semodule` for permissive types.",
    example: r#"selinux:
  mode: enforcing
  configured: enforcing
  policy: targeted
  unconfined-services: none
  booleans: {httpd_can_network_connect: "off"}
"#,
};
