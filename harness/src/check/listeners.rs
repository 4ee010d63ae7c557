//! `listeners`: everything that listens, so that nothing else may.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("tcp", Kind::Set, "TCP ports that something listens on."),
    attribute("udp", Kind::Set, "UDP ports that something is bound to without a peer."),
    attribute("exposed-tcp", Kind::Set, "TCP ports bound to any address but loopback."),
    attribute("exposed-udp", Kind::Set, "UDP ports bound to any address but loopback."),
    attribute("processes", Kind::Set, "Names of the processes that listen on any address but loopback."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "listeners",
    summary: "Everything that listens, so that nothing else may.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "As `port`.",
    example: r#"listeners:
  exposed-tcp: {only: ["22"]}
  exposed-udp: {lacks: ["5353", "111"]}
"#,
};
