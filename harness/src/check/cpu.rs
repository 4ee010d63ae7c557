//! `cpu`: the processor as the guest sees it.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "level",
        Kind::Word(&["x86-64-v1", "x86-64-v2", "x86-64-v3", "x86-64-v4"]),
        "Highest x86-64 level of which it has every feature; no value on other architectures.",
    ),
    attribute("levels", Kind::Set, "All x86-64 levels of which it has every feature."),
    attribute("flags", Kind::Set, "Feature flags."),
    attribute("count", Kind::Integer, "Processors that are online."),
    attribute("vendor", Kind::Text, "Vendor."),
    attribute("model", Kind::Text, "Model name."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "cpu",
    summary: "The processor as the guest sees it.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "/proc/cpuinfo, /sys/devices/system/cpu/online.",
    example: r#"cpu:
  levels: {has: [x86-64-v2]}
  flags: {has: [aes, rdrand]}
  count: ">= 1"
"#,
};
