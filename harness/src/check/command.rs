//! `command`: runs a command line that changes nothing and looks at what it says; a status that is not stated must be 0.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "exit",
        Kind::Integer,
        "The exit status; 0 is required when it is not stated. A command that is not there (127) never satisfies a status other than a stated 127.",
    ),
    attribute("stdout", Kind::Output, "What it printed."),
    attribute("stderr", Kind::Output, "What it printed as errors."),
    attribute("duration", Kind::Duration, "Seconds from sending the command to its end; emulation is not compensated."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "command",
    summary: "Runs a command line that changes nothing and looks at what it says; a status that is not stated must be 0.",
    subject: Subject::Named { what: "a command line" },
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "The command line, run by `/bin/sh`.",
    example: r#"command:
  systemd-detect-virt --vm: {stdout: {any-of: [kvm, qemu]}}
  "test -e /run/ostree-booted": {exit: 1}
"#,
};
