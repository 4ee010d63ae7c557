//! `resolve`: a host name, as the guest's own resolver sees it.

use std::net::IpAddr;

use muster_suite::grammar::network;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::shell::Answer;
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;
use muster_record::facts::Facts;
use muster_suite::model::{Expectation, Matcher};

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "resolves",
        AttributeKind::Bool,
        "Whether the name has an address. `false` is met only when the resolver says that there is no such name: a name server that does not answer says nothing of it.",
    ),
    attribute(
        "addresses",
        AttributeKind::Set(&network::ADDRESS),
        "Its addresses, without scopes. glibc leaves out a family of which the guest itself has no address.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "resolve",
    summary: "A host name, as the guest's own resolver sees it.",
    subject: Subject::Named(&network::HOST),
    shorthand: Shorthand::Attribute("resolves"),
    gone: &["resolves"],
    attributes: ATTRIBUTES,
    reads: "`getent ahosts`; without it /etc/hosts, then `nslookup`. `resolvectl` or `nslookup` then says why a name has no address. A name must be answered within 15 seconds.",
    example: r#"resolve:
  localhost: {addresses: {has: [127.0.0.1]}}
  packages.microsoft.com: true
"#,
};

/// The check type.
pub struct Resolve;

impl Check for Resolve {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let names = subjects(wanted, &["resolves", "addresses"]);
        // Each name may take its time, and the reason for its absence as long again.
        let seconds = 10 + 40 * names.len() as u64;
        Probe::batch("resolve", seconds.min(300), &names, READ).into_iter().collect()
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let name = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            let found = found(&seen.answer("resolve", name)?)?;
            match (assertion.attribute, found) {
                ("resolves", Found::Addresses(_)) => Ok(Value::flag(true)),
                ("resolves", Found::NoSuchName) => Ok(Value::flag(false)),
                // Whatever the reason: a name that has to resolve does not.
                ("resolves", Found::NoAddress(_)) if matches!(&assertion.matcher, Matcher::Equals(word) if word == "true") => {
                    Ok(Value::flag(false))
                }
                ("resolves", Found::NoAddress(why)) => {
                    Err(Unreadable::new(format!("{name} has no address, and {why}")))
                }
                ("addresses", Found::Addresses(addresses)) => Ok(Value::Items(addresses)),
                ("addresses", Found::NoSuchName) => Ok(Value::gone("there is no such name")),
                ("addresses", Found::NoAddress(why)) => Ok(Value::gone(format!("no address; {why}"))),
                _ => unanswered(assertion),
            }
        })
    }
}

/// What became of a name.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Addresses(Vec<String>),
    /// The resolver says so.
    NoSuchName,
    /// Nobody says why.
    NoAddress(String),
}

/// Reads what the probe printed: who was asked, what it said, and, after `why=`, what a second tool
/// said of the reason.
fn found(answer: &Answer) -> Read<Found> {
    let (first, why) = answer.output.split_once("\nwhy=").unwrap_or((&answer.output, ""));
    if answer.status != 0 {
        return Err(Unreadable::new(one_line(&answer.output, 200)));
    }
    let (tool, said) = first.split_once('\n').unwrap_or((first, ""));
    let addresses = match tool {
        "from=getent" | "from=hosts" => said.lines().filter_map(|line| line.split_whitespace().next()).collect(),
        "from=nslookup" => looked_up(said),
        _ => return Err(Unreadable::new("the reading of the name has another shape")),
    };
    let mut found: Vec<String> = Vec::new();
    for address in addresses {
        let plain = address.split('%').next().unwrap_or(address);
        let parsed: IpAddr =
            plain.parse().map_err(|_| Unreadable::new(format!("`{}` is not an address", one_line(address, 80))))?;
        let parsed = parsed.to_string();
        if !found.contains(&parsed) {
            found.push(parsed);
        }
    }
    if !found.is_empty() {
        return Ok(Found::Addresses(found));
    }
    let reason = if tool == "from=nslookup" { said } else { why };
    Ok(match no_such_name(reason) {
        true => Found::NoSuchName,
        false if reason.trim().is_empty() => Found::NoAddress(
            "`getent` cannot distinguish an unknown name from a name server that does not answer".to_owned(),
        ),
        false => {
            Found::NoAddress(one_line(reason.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default(), 120))
        }
    })
}

/// Addresses in what `nslookup` prints, of bind or of busybox: those after the name; what comes before
/// is the server's own.
fn looked_up(said: &str) -> Vec<&str> {
    said.lines()
        .skip_while(|line| !line.starts_with("Name:"))
        .filter_map(|line| line.strip_prefix("Address"))
        .filter_map(|rest| rest.split_once(':'))
        .filter_map(|(_, address)| address.split_whitespace().next())
        .collect()
}

/// Words by which resolvectl, nslookup of bind and nslookup of busybox say that there is no such name,
/// or that it has no address.
fn no_such_name(said: &str) -> bool {
    let known = ["NXDOMAIN", "No answer", "does not have any RR of the requested type"];
    let says = |line: &str| {
        known.iter().any(|words| line.contains(words))
            || (line.contains("resolve call failed: ") && line.trim_end().ends_with("not found"))
    };
    let fails = ["no servers could be reached", "SERVFAIL", "REFUSED"];
    said.lines().any(says) && !fails.iter().any(|words| said.contains(words))
}

/// `timeout` of coreutils ends with 124, of busybox with 143.
const READ: &str = r#"limit=
! command -v timeout >/dev/null 2>&1 || limit='timeout 15'
ended() { case $1 in 124|143) echo "$2 did not end within 15 seconds"; return 1;; esac; }
if command -v getent >/dev/null 2>&1; then
    said=$($limit getent ahosts -- "$1" 2>&1 </dev/null); status=$?
    ended $status getent || return 1
    case $status in
    0) printf 'from=getent\n%s\n' "$said"; return 0;;
    2) echo from=getent;;
    *) echo "getent: $said"; return 1;;
    esac
    why=
    if command -v resolvectl >/dev/null 2>&1; then why=$($limit resolvectl query -- "$1" 2>&1 </dev/null); fi
    case $why in ''|*'org.freedesktop'*|*'bus'*)
        ! command -v nslookup >/dev/null 2>&1 || why=$($limit nslookup "$1" 2>&1 </dev/null);;
    esac
    echo "why=$why"
    return 0
fi
if [ -r /etc/hosts ]; then
    said=$(while read -r address names || [ -n "$address" ]; do
        for name in ${names%%#*}; do [ "$name" != "$1" ] || echo "$address"; done
    done </etc/hosts)
    [ -z "$said" ] || { printf 'from=hosts\n%s\n' "$said"; return 0; }
fi
command -v nslookup >/dev/null 2>&1 || { echo 'neither getent nor nslookup: not found'; return 127; }
case $1 in -*) echo 'a host name does not begin with a dash'; return 1;; esac
said=$($limit nslookup "$1" 2>&1 </dev/null)
ended $? nslookup || return 1
printf 'from=nslookup\n%s\n' "$said""#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation, missed, records, seen};

    fn evaluate(attribute: &'static str, matcher: Matcher, text: &str) -> Verdict {
        let wanted = expectation("resolve", "example.org", &[(attribute, matcher)]);
        Resolve.evaluate(&wanted, &seen("resolve", records(&[("example.org", 0, text)])), &Facts::default()).remove(0)
    }

    /// glibc 2.36.
    const GETENT: &str = "from=getent\n127.0.0.1       STREAM localhost\n127.0.0.1       DGRAM  \n127.0.0.1       RAW    \nfe80::1%eth0   STREAM\n";

    #[test]
    fn addresses_are_each_named_once_and_without_their_scope() {
        assert_eq!(evaluate("resolves", equals("true"), GETENT), Verdict::MET);
        let only = Matcher::Only(vec!["127.0.0.1".into(), "fe80::1".into()]);
        assert_eq!(evaluate("addresses", only, GETENT), Verdict::MET);
        assert!(matches!(
            evaluate("resolves", equals("true"), "from=getent\nnot an address\n"),
            Verdict::Unknown { .. }
        ));
        assert!(matches!(evaluate("resolves", equals("true"), ""), Verdict::Unknown { .. }));
    }

    #[test]
    fn a_silent_name_server_does_not_prove_that_there_is_no_such_name() {
        // What nslookup says is recorded (busybox 1.37, then bind 9.20); what resolvectl says is how its
        // sources word it, before and since systemd 250.
        let no_such_name = [
            "from=getent\n\nwhy=nope.invalid: resolve call failed: Name 'nope.invalid' not found\n",
            "from=getent\n\nwhy=nope.invalid: resolve call failed: 'nope.invalid' not found\n",
            "from=nslookup\nServer:\t\t127.0.0.1\nAddress:\t127.0.0.1:53\n\n** server can't find nope.invalid: NXDOMAIN\n",
            "from=getent\n\nwhy=Server:\t\t127.0.0.53\nAddress:\t127.0.0.53#53\n\n** server can't find nope.invalid: NXDOMAIN\n",
        ];
        for text in no_such_name {
            assert_eq!(evaluate("resolves", equals("false"), text), Verdict::MET, "{text}");
            assert_eq!(missed(&evaluate("resolves", equals("true"), text)), ("resolves is true", "false"));
        }
        let silent = [
            "from=getent\n\nwhy=\n",
            "from=getent\n\nwhy=x: resolve call failed: All attempts to contact name servers or networks failed\n",
            "from=getent\n\nwhy=;; connection timed out; no servers could be reached\n",
            "from=nslookup\n;; connection timed out; no servers could be reached\n",
            "from=nslookup\n** server can't find x: SERVFAIL\n",
        ];
        for text in silent {
            assert!(matches!(evaluate("resolves", equals("false"), text), Verdict::Unknown { .. }), "{text}");
            assert_eq!(missed(&evaluate("resolves", equals("true"), text)), ("resolves is true", "false"), "{text}");
            assert!(missed(&evaluate("addresses", Matcher::None, text)).1.starts_with("no address; "), "{text}");
        }
    }

    #[test]
    fn both_kinds_of_nslookup_name_the_server_first() {
        // busybox 1.37 as recorded, with addresses for examples; then as older ones are documented.
        let busybox = "from=nslookup\nServer:\t\t192.0.2.1\nAddress:\t192.0.2.1:53\n\nNon-authoritative answer:\nName:\texample.org\nAddress: 198.51.100.7\n\nNon-authoritative answer:\nName:\texample.org\nAddress: 2001:db8::7\n";
        let old = "from=nslookup\nServer:    192.0.2.1\nAddress 1: 192.0.2.1\n\nName:      example.org\nAddress 1: 198.51.100.7 example.org\nAddress 2: 2001:db8::7\n";
        for text in [busybox, old] {
            let only = Matcher::Only(vec!["198.51.100.7".into(), "2001:db8::7".into()]);
            assert_eq!(evaluate("addresses", only, text), Verdict::MET, "{text}");
        }
    }

    #[test]
    fn the_last_line_of_hosts_counts_without_its_end() {
        let host = tempfile::tempdir().unwrap();
        let hosts = host.path().join("hosts");
        std::fs::write(&hosts, "127.0.0.1 localhost\n192.0.2.7 last.example # a comment").unwrap();
        let script = crate::shell::batch(["last.example"], READ)
            .replace("command -v getent", "command -v no-such-program")
            .replace("/etc/hosts", hosts.to_str().unwrap());
        let wanted = expectation("resolve", "last.example", &[("addresses", Matcher::Only(vec!["192.0.2.7".into()]))]);
        let seen = seen("resolve", crate::testing::with_tools(&[], &script));
        assert_eq!(Resolve.evaluate(&wanted, &seen, &Facts::default()), [Verdict::MET]);
    }

    #[test]
    fn localhost_resolves_on_this_host() {
        let wanted = expectation("resolve", "localhost", &[("resolves", equals("true"))]);
        assert_eq!(evaluate_on_this_host(&Resolve, &wanted), [Verdict::MET]);
        let hostile = expectation("resolve", "-x $(id)", &[("resolves", equals("false"))]);
        assert!(evaluate_on_this_host(&Resolve, &hostile)[0] != Verdict::MET);
    }
}
