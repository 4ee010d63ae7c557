//! `port`: a port that something listens on, IPv4 and IPv6 together.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("listening", Kind::Bool, "Whether something listens."),
    attribute(
        "address",
        Kind::Set,
        "Addresses it is bound to; `*` is every IPv4 and IPv6 address, `0.0.0.0` every IPv4 and `::` every IPv6 address.",
    ),
    attribute("exposed", Kind::Bool, "Whether it is bound to any address but loopback."),
    attribute(
        "process",
        Kind::Text,
        "Name of the process; every listener of the port must match. `systemd` for sockets that it holds.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "port",
    summary: "A port that something listens on, IPv4 and IPv6 together.",
    subject: Subject::Named { what: "a protocol and port such as `tcp/22`" },
    shorthand: Shorthand::Words(&[
        ("listening", "listening", "true"),
        ("closed", "listening", "false"),
        ("absent", "listening", "false"),
    ]),
    attributes: ATTRIBUTES,
    reads: "`ss -Hlntup`; `/proc/net/{tcp,tcp6,udp,udp6}` and /proc/*/fd when there is no ss.",
    example: r#"port:
  tcp/22: {listening: true, process: sshd, eventually: 20s}
  tcp/111: closed
"#,
};
