//! `kconfig`: a symbol of the kernel's configuration, with or without `CONFIG_`. `n` (not set) and `absent` (not known to this kernel) are different; a kernel whose configuration cannot be read is an error.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("value", Kind::Loose, "`y`, `m`, `n`, `absent`, or the value without its quotes."),
    attribute("enabled", Kind::Bool, "Whether it is y or m."),
    attribute("builtin", Kind::Bool, "Whether it is y."),
    attribute("disabled", Kind::Bool, "Whether it is n or absent."),
    attribute("list", Kind::List, "A string value such as CONFIG_LSM as a comma-separated list."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "kconfig",
    summary: "A symbol of the kernel's configuration, with or without `CONFIG_`. `n` (not set) and `absent` (not known to this kernel) are different; a kernel whose configuration cannot be read is an error.",
    subject: Subject::Named { what: "a configuration symbol" },
    shorthand: Shorthand::Attribute("value"),
    attributes: ATTRIBUTES,
    reads: "/lib/modules/$(uname -r)/config, /boot/config-$(uname -r), or /proc/config.gz.",
    example: r#"kconfig:
  CONFIG_KVM: {any-of: [y, m]}
  CONFIG_NR_CPUS: ">= 512"
  CONFIG_LSM: {list: {has: [bpf, landlock]}}
  CONFIG_DEVMEM: {disabled: true}
"#,
};
