//! `listeners`: everything that listens, so that nothing else may.

use muster_suite::grammar::{network, system};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{unanswered, verdicts, wants};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::net::{Socket, probes, sockets};
use crate::observed::Value;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("tcp", AttributeKind::Set(&network::PORT_NUMBER), "TCP ports that something listens on."),
    attribute("udp", AttributeKind::Set(&network::PORT_NUMBER), "UDP ports that something is bound to without a peer."),
    attribute("exposed-tcp", AttributeKind::Set(&network::PORT_NUMBER), "TCP ports bound to any address but loopback."),
    attribute("exposed-udp", AttributeKind::Set(&network::PORT_NUMBER), "UDP ports bound to any address but loopback."),
    attribute(
        "processes",
        AttributeKind::Set(&system::PROCESS),
        "Names of the processes that listen on any address but loopback.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "listeners",
    summary: "Everything that listens, so that nothing else may.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "As `port`.",
    example: r#"listeners:
  exposed-tcp: {only: ["22"]}
  exposed-udp: {lacks: ["5353", "111"]}
"#,
};

/// The check type.
pub struct Listeners;

impl Check for Listeners {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        if wants(wanted, &["tcp", "udp", "exposed-tcp", "exposed-udp", "processes"]) { probes() } else { Vec::new() }
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let sockets = sockets(seen)?;
            let ports = |chosen: &dyn Fn(&Socket) -> bool| {
                let mut ports: Vec<u16> =
                    sockets.iter().filter(|socket| chosen(socket)).map(|socket| socket.port).collect();
                ports.sort_unstable();
                ports.dedup();
                Ok(Value::items(ports.iter().map(u16::to_string)))
            };
            match assertion.attribute {
                "tcp" => ports(&|socket| socket.protocol == "tcp"),
                "udp" => ports(&|socket| socket.protocol == "udp"),
                "exposed-tcp" => ports(&|socket| socket.protocol == "tcp" && socket.exposed()),
                "exposed-udp" => ports(&|socket| socket.protocol == "udp" && socket.exposed()),
                "processes" => {
                    let exposed = sockets.iter().filter(|socket| socket.exposed());
                    let mut names: Vec<String> = Vec::new();
                    for socket in exposed {
                        names.extend(socket.holders()?.iter().cloned());
                    }
                    names.sort();
                    names.dedup();
                    Ok(Value::items(names))
                }
                _ => unanswered(assertion),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expectation, missed, reply, seen};
    use muster_suite::model::Matcher;

    #[test]
    fn only_these_may_listen() {
        let text = "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\ntcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\ntcp LISTEN 0 128 [::]:22 [::]:*\ntcp LISTEN 0 9 *:111 *:*\ntcp LISTEN 0 9 127.0.0.1:25 0.0.0.0:*\n";
        let wanted = expectation(
            "listeners",
            "",
            &[
                ("exposed-tcp", Matcher::Only(vec!["22".into()])),
                ("udp", Matcher::None),
                ("tcp", Matcher::Count(Box::new(Matcher::Equals("3".into())))),
            ],
        );
        let verdicts = Listeners.evaluate(&wanted, &seen("net/ss", reply(0, text)), &Facts::default());
        assert_eq!(missed(&verdicts[0]), ("exposed-tcp has only 22", "also 111; 22, 111"));
        assert_eq!(verdicts[1..], [Verdict::MET, Verdict::MET]);
    }
}
