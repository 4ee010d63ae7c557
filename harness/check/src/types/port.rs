//! `port`: a port that something listens on, IPv4 and IPv6 together.

use muster_suite::grammar::{network, system};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::net::{probes, sockets};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("listening", AttributeKind::Bool, "Whether something listens."),
    attribute(
        "address",
        AttributeKind::Set(&network::BOUND_ADDRESS),
        "Addresses it is bound to; `*` is every IPv4 and IPv6 address, `0.0.0.0` every IPv4 and `::` every IPv6 address.",
    ),
    attribute("exposed", AttributeKind::Bool, "Whether it is bound to any address but loopback."),
    attribute(
        "process",
        AttributeKind::Name(&system::PROCESS),
        "Name of the process; every listener of the port must match. `systemd` for sockets that it holds.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "port",
    summary: "A port that something listens on, IPv4 and IPv6 together.",
    subject: Subject::Named(&network::PORT),
    shorthand: Shorthand::Keywords(&[
        ("listening", "listening", "true"),
        ("closed", "listening", "false"),
        ("absent", "listening", "false"),
    ]),
    gone: &["listening"],
    attributes: ATTRIBUTES,
    reads: "`ss -Hlntup`; `/proc/net/{tcp,tcp6,udp,udp6}` and /proc/*/fd when there is no ss.",
    example: r#"port:
  tcp/22: {listening: true, process: sshd, eventually: 20s}
  tcp/111: closed
"#,
};

/// The check type.
pub struct Port;

impl Check for Port {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        if subjects(wanted, &["listening", "address", "exposed", "process"]).is_empty() { Vec::new() } else { probes() }
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let (protocol, number) = parse(&expectation.subject).ok_or_else(|| {
                Unreadable::new(format!("`{}` is not a protocol and port such as tcp/22", expectation.subject))
            })?;
            let sockets = sockets(seen)?;
            let mine: Vec<_> =
                sockets.iter().filter(|socket| socket.protocol == protocol && socket.port == number).collect();
            if mine.is_empty() && assertion.attribute != "listening" {
                return Ok(Value::gone("nothing listens"));
            }
            match assertion.attribute {
                "listening" => Ok(Value::flag(!mine.is_empty())),
                "address" => {
                    let mut addresses: Vec<&String> = mine.iter().map(|socket| &socket.address).collect();
                    addresses.sort();
                    addresses.dedup();
                    Ok(Value::items(addresses))
                }
                "exposed" => Ok(Value::flag(mine.iter().any(|socket| socket.exposed()))),
                "process" => {
                    let holders: Vec<&[String]> = mine.iter().map(|socket| socket.holders()).collect::<Read<_>>()?;
                    // A socket-activated service shares its socket with systemd.
                    Ok(Value::each(holders.into_iter().map(|names| {
                        let own = names.iter().find(|name| *name != "systemd");
                        Value::text(own.unwrap_or(&names[0]))
                    })))
                }
                _ => unanswered(assertion),
            }
        })
    }
}

/// `tcp/22`.
fn parse(subject: &str) -> Option<(&str, u16)> {
    let (protocol, port) = subject.split_once('/')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    matches!(protocol, "tcp" | "udp").then_some((protocol, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, reply, seen};
    use muster_suite::model::Matcher;

    #[test]
    fn both_families_are_one_port() {
        let text = "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\ntcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=7,fd=3),(\"systemd\",pid=1,fd=5))\ntcp LISTEN 0 128 [::1]:22 [::]:* users:((\"sshd\",pid=7,fd=4))\ntcp LISTEN 0 9 127.0.0.1:25 0.0.0.0:*\n";
        let evaluate = |subject: &str, attribute: &'static str, matcher: Matcher| {
            Port.evaluate(
                &expectation("port", subject, &[(attribute, matcher)]),
                &seen("net/ss", reply(0, text)),
                &Facts::default(),
            )
            .remove(0)
        };
        assert_eq!(evaluate("tcp/22", "process", equals("sshd")), Verdict::MET);
        assert_eq!(evaluate("tcp/22", "address", Matcher::Only(vec!["::1".into(), "0.0.0.0".into()])), Verdict::MET);
        assert_eq!(evaluate("tcp/25", "exposed", equals("false")), Verdict::MET);
        assert!(matches!(evaluate("tcp/25", "process", equals("x")), Verdict::Unknown { .. }));
        assert_eq!(missed(&evaluate("udp/22", "listening", equals("true"))), ("listening is true", "false"));
        assert_eq!(missed(&evaluate("udp/22", "process", equals("x"))).1, "nothing listens");
        assert!(matches!(evaluate("22", "listening", equals("false")), Verdict::Unknown { .. }));
    }
}
