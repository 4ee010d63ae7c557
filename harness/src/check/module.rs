//! `module`: a kernel module. `available` means that the running kernel has it or can load it.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "state",
        Kind::Word(&["loaded", "builtin", "available", "denylisted", "absent"]),
        "The first that holds: loaded, built in, denylisted, loadable, or not there.",
    ),
    attribute("loaded", Kind::Bool, "Whether it is loaded or built in."),
    attribute(
        "available",
        Kind::Bool,
        "Whether it is loaded, built in, or can be loaded by name; a denylist entry (`install … /bin/false`) makes it unavailable.",
    ),
    attribute(
        "denylisted",
        Kind::Bool,
        "Whether modprobe's configuration has a `blacklist` or an `install … /bin/false` for it.",
    ),
    attribute("signed", Kind::Bool, "Whether the module file carries a signature."),
    attribute("signer", Kind::Text, "Who signed the module file."),
    attribute("in-tree", Kind::Bool, "Whether it was built with the kernel."),
    attribute("version", Kind::Text, "Its version, where it states one."),
    attribute("license", Kind::Text, "Its licence."),
    attribute("path", Kind::Text, "The module file."),
    attribute("depends", Kind::Set, "Modules it needs."),
    attribute("firmware", Kind::Set, "Firmware files it asks for."),
    attribute("parameters", Kind::Map(&Kind::Loose), "Parameters of the loaded module, from /sys/module."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "module",
    summary: "A kernel module. `available` means that the running kernel has it or can load it.",
    subject: Subject::Named { what: "a module name" },
    shorthand: Shorthand::Words(&[
        ("loaded", "loaded", "true"),
        ("builtin", "state", "builtin"),
        ("available", "available", "true"),
        ("absent", "state", "absent"),
        ("denylisted", "denylisted", "true"),
    ]),
    attributes: ATTRIBUTES,
    reads: "/proc/modules, modules.builtin, modules.dep and modprobe.d; `modinfo` only for what asks for it.",
    example: r#"module:
  btrfs: available
  vsock_loopback: {state: loaded, signed: true}
  firewire_core: absent
"#,
};
