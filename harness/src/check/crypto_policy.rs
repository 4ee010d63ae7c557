//! `crypto-policy`: the system-wide cryptographic policy.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("policy", Kind::Text, "The policy in effect, with its subpolicies (`DEFAULT`, `FUTURE:NO-SHA1`)."),
    attribute("configured", Kind::Text, "The policy of /etc/crypto-policies/config."),
    attribute("applied", Kind::Bool, "Whether what is configured is in effect."),
    attribute("fips", Kind::Bool, "Whether the kernel is in FIPS mode."),
    attribute("backends", Kind::Map(&Kind::Output), "By back end (`openssl`, `opensshserver`): its configuration."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "crypto-policy",
    summary: "The system-wide cryptographic policy.",
    subject: Subject::Whole,
    shorthand: Shorthand::Attribute("policy"),
    attributes: ATTRIBUTES,
    reads: "/etc/crypto-policies, /proc/sys/crypto/fips_enabled.",
    example: r#"crypto-policy:
  policy: DEFAULT
  backends: {opensshserver: {lacks: [3des]}}
"#,
};
