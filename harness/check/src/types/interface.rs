//! `interface`: a network interface by the kernel's name of it, or the one that the default route leaves through.

use std::net::{Ipv4Addr, Ipv6Addr};

use muster_suite::grammar::network;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::fields::Fields;
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "present",
        AttributeKind::Bool,
        "Whether the kernel has it; for `default`, whether there is a default route.",
    ),
    attribute("name", AttributeKind::Text, "The kernel's name of it; of use with `default`."),
    attribute(
        "state",
        AttributeKind::Keyword(&["up", "down", "dormant", "lowerlayerdown", "testing", "notpresent"]),
        "Its operational state. One that cannot know its link, as `lo`, is up when it was set up.",
    ),
    attribute(
        "addresses",
        AttributeKind::Set(&network::NETWORK_ADDRESS),
        "Its addresses with their prefix lengths (`10.0.2.15/24`), of both families.",
    ),
    attribute("mtu", AttributeKind::Integer, "Largest packet in bytes."),
    attribute("mac", AttributeKind::Text, "Its hardware address, lower case; no value when it has none."),
    attribute(
        "kind",
        AttributeKind::Text,
        "`physical` for a device on a bus, virtio too, `loopback`, `tun`, what the kernel calls it (`bridge`, `bond`, `vlan`, `wlan`, `wireguard`), or else `virtual`.",
    ),
    attribute(
        "driver",
        AttributeKind::Text,
        "Driver of the device (`virtio_net`, `hv_netvsc`); no value when there is no device.",
    ),
    attribute(
        "default-route",
        AttributeKind::Bool,
        "Whether a default route of the main table, of either family, leaves through it.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "interface",
    summary: "A network interface by the kernel's name of it, or `default`: the one that the default route leaves through.",
    subject: Subject::Named(&network::INTERFACE),
    shorthand: Shorthand::Keywords(&[
        ("present", "present", "true"),
        ("absent", "present", "false"),
        ("up", "state", "up"),
        ("down", "state", "down"),
    ]),
    gone: &["present"],
    attributes: ATTRIBUTES,
    reads: "/sys/class/net, /proc/net/route and ipv6_route; `ip -o addr` for addresses, without it /proc/net/if_inet6 and fib_trie.",
    example: r#"interface:
  default: {state: up, driver: virtio_net, mtu: ">= 1280"}
  lo: {addresses: {has: [127.0.0.1/8]}}
  docker0: absent
"#,
};

/// The check type.
pub struct Interface;

impl Check for Interface {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, asked: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        read(asked, SOURCES)
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let links = seen.output("interface/links")?;
            let fields = Fields::read(&links);
            let links = fields.groups("interface");
            if links.is_empty() {
                return Err(Unreadable::new("/sys/class/net lists no interface, not even lo"));
            }
            let through = default_routes(&fields);
            let name = match expectation.subject.as_str() {
                "default" => match through.as_ref().map_err(Clone::clone)?.first() {
                    Some(name) => name.as_str(),
                    None if assertion.attribute == "present" => return Ok(Value::flag(false)),
                    None => return Ok(Value::gone("there is no default route")),
                },
                name => name,
            };
            let Some(link) = links.iter().find(|link| link.get("interface") == Some(name)) else {
                return Ok(match assertion.attribute {
                    "present" => Value::flag(false),
                    _ => Value::gone(format!("there is no interface {name}")),
                });
            };
            match assertion.attribute {
                "present" => Ok(Value::flag(true)),
                "name" => Ok(Value::text(name)),
                "state" => state(link).map(Value::text),
                "mtu" => link
                    .get("mtu")
                    .map(Value::text)
                    .ok_or_else(|| Unreadable::new(format!("the kernel does not say the MTU of {name}"))),
                "mac" => Ok(match link.get("address").unwrap_or_default() {
                    "" => Value::absent("no hardware address"),
                    zero if zero.bytes().all(|byte| matches!(byte, b'0' | b':')) => {
                        Value::absent("its hardware address is zero")
                    }
                    address => Value::text(address.to_lowercase()),
                }),
                "kind" => Ok(Value::text(kind(link))),
                "driver" => Ok(Value::text_or(link.get("driver").unwrap_or_default(), "no device with a driver")),
                "default-route" => {
                    let names = through.as_ref().map_err(Clone::clone)?;
                    Ok(Value::flag(names.iter().any(|other| other == name)))
                }
                "addresses" => addresses(&seen.output("interface/addresses")?, name).map(Value::Items),
                _ => unanswered(assertion),
            }
        })
    }
}

/// `IFF_UP` of linux/if.h.
const SET_UP: u32 = 1;

fn state<'a>(link: &Fields<'a>) -> Read<&'a str> {
    match link.get("operstate") {
        Some("unknown") => {
            let flags = link.get("flags").unwrap_or_default();
            let bits = flags.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
            let bits = bits.ok_or_else(|| Unreadable::new(format!("its flags are `{flags}`")))?;
            Ok(if bits & SET_UP == 0 { "down" } else { "up" })
        }
        Some(state) if !state.is_empty() => Ok(state),
        _ => Err(Unreadable::new("the kernel does not say its state")),
    }
}

fn kind<'a>(link: &Fields<'a>) -> &'a str {
    /// `ARPHRD_LOOPBACK` of linux/if_arp.h.
    const LOOPBACK: &str = "772";
    match link.get("devtype") {
        Some(kind) => kind,
        None if link.get("type") == Some(LOOPBACK) => "loopback",
        None if link.get("tun").is_some() => "tun",
        None if link.get("device").is_some() => "physical",
        None => "virtual",
    }
}

/// `RTF_UP` and `RTF_REJECT` of linux/route.h.
const ROUTE_UP: u32 = 0x1;
const ROUTE_REJECTS: u32 = 0x200;

/// Interfaces that default routes leave through: IPv4 before IPv6, the lowest metric first, else in
/// the kernel's order.
fn default_routes(fields: &Fields<'_>) -> Read<Vec<String>> {
    let mut found: Vec<(u8, u32, String)> = Vec::new();
    if let Some(why) = fields.get("unread") {
        return Err(Unreadable::new(format!("the routes cannot be read: {why}")));
    }
    // The table has a heading even when it is empty.
    if fields.get("route").is_none() {
        return Err(Unreadable::new("the routes were not read"));
    }
    let strange = |line: &str| Unreadable::new(format!("the kernel's table of routes has the line `{line}`"));
    for line in fields.all("route").filter(|line| !line.starts_with("Iface")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, destination, _, flags, _, _, metric, mask, ..] = words[..] else { return Err(strange(line)) };
        let flags = u32::from_str_radix(flags, 16).map_err(|_| strange(line))?;
        let metric: u32 = metric.parse().map_err(|_| strange(line))?;
        if destination == "00000000" && mask == "00000000" && flags & ROUTE_UP != 0 && flags & ROUTE_REJECTS == 0 {
            found.push((4, metric, name.to_owned()));
        }
    }
    for line in fields.all("route6") {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [destination, length, _, _, _, metric, _, _, flags, name] = words[..] else { return Err(strange(line)) };
        let flags = u32::from_str_radix(flags, 16).map_err(|_| strange(line))?;
        let metric = u32::from_str_radix(metric, 16).map_err(|_| strange(line))?;
        let everywhere = length == "00" && destination.bytes().all(|byte| byte == b'0');
        if everywhere && name != "lo" && flags & ROUTE_UP != 0 && flags & ROUTE_REJECTS == 0 {
            found.push((6, metric, name.to_owned()));
        }
    }
    // A stable sort: the kernel takes the first of equals.
    found.sort_by_key(|(family, metric, _)| (*family, *metric));
    Ok(found.into_iter().map(|(_, _, name)| name).collect())
}

fn addresses(text: &str, name: &str) -> Read<Vec<String>> {
    match text.split_once('\n') {
        Some(("from=ip", rest)) => from_ip(rest, name),
        Some(("from=proc", rest)) => from_proc(&Fields::read(rest), name),
        _ => Err(Unreadable::new("the reading of the addresses has another shape")),
    }
}

/// `ip -o addr`, of iproute2 or busybox: `2: eth0    inet 10.0.2.15/24 brd 10.0.2.255 scope …`.
fn from_ip(text: &str, name: &str) -> Read<Vec<String>> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(of), Some(family)) = (words.get(1), words.get(2)) else {
            return Err(Unreadable::new(format!("ip -o addr prints `{line}`")));
        };
        let of = of.trim_end_matches(':');
        // A half of a pair shows its other half: `eth0@if7`.
        if of.split('@').next() != Some(name) || !matches!(*family, "inet" | "inet6") {
            continue;
        }
        let address = words.get(3).ok_or_else(|| Unreadable::new(format!("ip -o addr prints `{line}`")))?;
        // With a peer, the prefix is the peer's, and the address is one alone.
        found.push(match (address.contains('/'), *family) {
            (true, _) => (*address).to_owned(),
            (false, "inet") => format!("{address}/32"),
            (false, _) => format!("{address}/128"),
        });
    }
    Ok(found)
}

/// Without `ip` the kernel lists IPv4 addresses without their interface; the networks that can be
/// reached without a gateway tell it. An address that none of them holds is not guessed at.
fn from_proc(fields: &Fields<'_>, name: &str) -> Read<Vec<String>> {
    let mut networks: Vec<(u32, u32, &str)> = Vec::new();
    for line in fields.all("route").filter(|line| !line.starts_with("Iface")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [of, destination, gateway, _, _, _, _, mask, ..] = words[..] else { continue };
        // The words are in the byte order of the machine, which is little-endian on all that matter.
        let word = |text| u32::from_str_radix(text, 16).map(u32::swap_bytes);
        if let (Ok(destination), Ok(0), Ok(mask)) = (word(destination), word(gateway), word(mask)) {
            networks.push((destination, mask, of));
        }
    }
    networks.push((u32::from(Ipv4Addr::new(127, 0, 0, 0)), u32::from(Ipv4Addr::new(255, 0, 0, 0)), "lo"));
    let mut found = Vec::new();
    let mut last = None;
    for line in fields.all("trie") {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = last
        {
            let bits = u32::from(address);
            let holds = |(network, mask, _): &&(u32, u32, &str)| *mask != 0 && bits & mask == *network;
            let network = networks.iter().filter(holds).max_by_key(|(_, mask, _)| *mask);
            let (_, mask, of) = network.ok_or_else(|| {
                Unreadable::new(format!(
                    "without `ip` the interface of the address {address} cannot be determined; install iproute2"
                ))
            })?;
            let address = format!("{address}/{}", mask.count_ones());
            // The tables main and local are printed one after the other, or as one twice.
            if *of == name && !found.contains(&address) {
                found.push(address);
            }
        }
    }
    for line in fields.all("inet6") {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [address, _, length, _, _, of] = words[..] else {
            return Err(Unreadable::new(format!("/proc/net/if_inet6 has the line `{line}`")));
        };
        let parsed = u128::from_str_radix(address, 16).ok().zip(u8::from_str_radix(length, 16).ok());
        let (address, length) =
            parsed.ok_or_else(|| Unreadable::new(format!("/proc/net/if_inet6 has the line `{line}`")))?;
        if of == name {
            found.push(format!("{}/{length}", Ipv6Addr::from_bits(address)));
        }
    }
    Ok(found)
}

const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &["present", "name", "state", "addresses", "mtu", "mac", "kind", "driver", "default-route"],
        key: "interface/links",
        seconds: 20,
        script: r#"[ -d /sys/class/net ] || { echo '/sys/class/net is not there' >&2; exit 1; }
for folder in /sys/class/net/*; do
    [ -d "$folder" ] || continue
    echo "interface=${folder##*/}"
    for file in operstate flags mtu address type; do
        text=; IFS= read -r text 2>/dev/null <"$folder/$file"; echo "$file=$text"
    done
    [ ! -e "$folder/device" ] || echo device=1
    [ ! -e "$folder/tun_flags" ] || echo tun=1
    [ ! -d "$folder/device/driver" ] || echo "driver=$(cd -P "$folder/device/driver" && echo "${PWD##*/}")"
    while IFS= read -r line; do case $line in DEVTYPE=*) echo "devtype=${line#*=}";; esac; done <"$folder/uevent"
done
if [ -r /proc/net/route ]; then
    while IFS= read -r line; do echo "route=$line"; done </proc/net/route
else
    echo 'unread=/proc/net/route is not there'
fi
# It is not there when IPv6 is off.
[ ! -r /proc/net/ipv6_route ] || while IFS= read -r line; do echo "route6=$line"; done </proc/net/ipv6_route
exit 0"#,
    },
    FixedReading {
        attributes: &["addresses"],
        key: "interface/addresses",
        seconds: 20,
        script: r#"if command -v ip >/dev/null 2>&1; then echo from=ip; exec ip -o addr; fi
echo from=proc
for table in route fib_trie; do [ -r /proc/net/$table ] || { echo "neither ip nor /proc/net/$table can be read" >&2; exit 1; }; done
while IFS= read -r line; do echo "route=$line"; done </proc/net/route
while IFS= read -r line; do echo "trie=$line"; done </proc/net/fib_trie
[ ! -r /proc/net/if_inet6 ] || while IFS= read -r line; do echo "inet6=$line"; done </proc/net/if_inet6
exit 0"#,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation, missed, on_this_host, reply, seen};
    use muster_suite::model::{Matcher, Operator};

    /// A guest of QEMU's user network; the tables of routes are as Linux 6.1 prints them.
    const LINKS: &str = "interface=eth0\noperstate=up\nflags=0x1003\nmtu=1500\naddress=52:54:00:12:34:56\ntype=1\ndevice=1\ndriver=virtio_net\ninterface=lo\noperstate=unknown\nflags=0x9\nmtu=65536\naddress=00:00:00:00:00:00\ntype=772\ninterface=br0\noperstate=down\nflags=0x1002\nmtu=1500\naddress=be:7a:00:00:00:01\ntype=1\ndevtype=bridge\nroute=Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\nroute=br0\t00000000\t010200C0\t0003\t0\t0\t1024\t00000000\t0\t0\t0\nroute=eth0\t00000000\t0202000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\nroute=eth0\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\nroute6=00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";

    fn evaluate(subject: &str, attribute: &'static str, matcher: Matcher, links: &str) -> Verdict {
        let asked = expectation("interface", subject, &[(attribute, matcher)]);
        Interface.evaluate(&asked, &seen("interface/links", reply(0, links)), &Facts::default()).remove(0)
    }

    #[test]
    fn the_default_route_with_the_lowest_metric_names_the_interface() {
        let met = |subject, attribute, wanted| {
            assert_eq!(evaluate(subject, attribute, equals(wanted), LINKS), Verdict::MET, "{subject} {attribute}");
        };
        met("default", "name", "eth0");
        met("default", "driver", "virtio_net");
        met("default", "kind", "physical");
        met("br0", "default-route", "true");
        met("br0", "kind", "bridge");
        met("br0", "state", "down");
        met("lo", "default-route", "false");
        met("lo", "state", "up");
        met("lo", "kind", "loopback");
        met("eth0", "mac", "52:54:00:12:34:56");
        met("lo", "mac", "none");
        met("wlan0", "present", "false");
        assert_eq!(missed(&evaluate("wlan0", "mac", Matcher::None, LINKS)).1, "there is no interface wlan0");
        let without: String =
            LINKS.lines().filter(|line| !line.contains("0003")).map(|line| format!("{line}\n")).collect();
        assert_eq!(evaluate("default", "present", equals("false"), &without), Verdict::MET);
        assert_eq!(missed(&evaluate("default", "mtu", equals("1500"), &without)).1, "there is no default route");
        for broken in ["", "unread=no\ninterface=lo\n", "interface=lo\nroute=eth0 00000000\n"] {
            assert!(
                matches!(evaluate("default", "present", equals("false"), broken), Verdict::Unknown { .. }),
                "{broken:?}"
            );
        }
    }

    #[test]
    fn addresses_are_read_from_both_kinds_of_ip() {
        // iproute2 6.1 and busybox 1.37, recorded: they differ only in the words of flags.
        let iproute2 = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n4: eth0    inet 192.0.2.2/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever preferred_lft forever\n4: eth0    inet6 fd00::2/64 scope global nodad \\       valid_lft forever preferred_lft forever\n";
        assert_eq!(from_ip(iproute2, "eth0").unwrap(), ["192.0.2.2/24", "fd00::2/64"]);
        let busybox = iproute2.replace("nodad", "flags 02");
        assert_eq!(from_ip(&busybox, "eth0").unwrap(), ["192.0.2.2/24", "fd00::2/64"]);
        // As documented: a peer, and a half of a pair.
        let others = "7: wg0    inet 10.8.0.1 peer 10.8.0.2/32 scope global wg0\n8: eth1@if9    inet 10.1.0.2/16 scope global eth1\n";
        assert_eq!(from_ip(others, "wg0").unwrap(), ["10.8.0.1/32"]);
        assert_eq!(from_ip(others, "eth1").unwrap(), ["10.1.0.2/16"]);
        assert_eq!(from_ip(others, "lo").unwrap(), Vec::<String>::new());
        assert!(from_ip("unknown\n", "lo").is_err());
    }

    #[test]
    fn without_ip_an_address_belongs_to_the_network_that_holds_it_or_is_not_guessed() {
        // Linux 6.1, recorded and shortened.
        let text = "from=proc\nroute=Iface\tDestination\tGateway \tFlags\nroute=eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\nroute=eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\ntrie=     |-- 127.0.0.1\ntrie=        /32 host LOCAL\ntrie=     |-- 192.0.2.2\ntrie=        /32 host LOCAL\ntrie=     |-- 192.0.2.255\ntrie=        /32 link BROADCAST\ntrie=     |-- 192.0.2.2\ntrie=        /32 host LOCAL\ninet6=00000000000000000000000000000001 01 80 10 80       lo\ninet6=fd000000000000000000000000000002 04 40 00 82     eth0\n";
        assert_eq!(addresses(text, "eth0").unwrap(), ["192.0.2.2/24", "fd00::2/64"]);
        assert_eq!(addresses(text, "lo").unwrap(), ["127.0.0.1/8", "::1/128"]);
        let alone = text.replace("|-- 192.0.2.2\n", "|-- 203.0.113.9\n");
        assert!(addresses(&alone, "eth0").unwrap_err().to_string().contains("203.0.113.9"));
    }

    #[test]
    fn the_loopback_of_this_host_is_seen_with_and_without_ip() {
        let asked = expectation(
            "interface",
            "lo",
            &[
                ("present", equals("true")),
                ("kind", equals("loopback")),
                ("mtu", Matcher::Compare(vec![(Operator::Ge, "1280".into())])),
                ("default-route", equals("false")),
            ],
        );
        assert_eq!(evaluate_on_this_host(&Interface, &asked), vec![Verdict::MET; 4]);
        let asked = expectation("interface", "lo", &[("addresses", Matcher::Has(vec!["127.0.0.1/8".into()]))]);
        let mut probes = Interface.probes(&[&asked], &Facts::default());
        for probe in &mut probes {
            probe.script = probe.script.replace("command -v ip ", "command -v no-such-ip ");
        }
        let verdict = Interface.evaluate(&asked, &on_this_host(&probes), &Facts::default()).remove(0);
        assert!(
            matches!(&verdict, Verdict::Met { .. })
                || matches!(&verdict, Verdict::Unknown { why } if why.contains("cannot be determined")),
            "{verdict:?}"
        );
    }
}
