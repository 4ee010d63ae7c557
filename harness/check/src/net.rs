//! Listening sockets, as `ss` or as /proc/net tell them. Shared by `port` and `listeners`.

use std::collections::BTreeMap;

use super::{shell, whole_name};
use crate::check::{Observations, Probe};
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;

/// One listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Socket {
    /// `tcp` or `udp`.
    pub(super) protocol: &'static str,
    /// `127.0.0.1`, `0.0.0.0`, `::`, `*`; without brackets and without `%interface`.
    pub(super) address: String,
    pub(super) port: u16,
    /// Names of the processes that hold it; empty when it cannot be seen.
    pub(super) processes: Vec<String>,
    /// Whether one of these is cut by the kernel and not known as a whole.
    pub(super) cut: bool,
}

impl Socket {
    /// The names, if all of them can be seen as a whole.
    pub(super) fn holders(&self) -> Read<&[String]> {
        let of = format!("{}/{}", self.protocol, self.port);
        match self.processes.as_slice() {
            [] => Err(Unreadable::new(format!("which process holds {of} cannot be seen"))),
            names if self.cut => Err(Unreadable::new(format!(
                "the name of a process that holds {of} is cut to 15 bytes by the kernel: {}",
                one_line(&names.join(", "), 120)
            ))),
            names => Ok(names),
        }
    }

    /// Whether it can be reached from outside.
    pub(super) fn exposed(&self) -> bool {
        !(self.address.starts_with("127.") || self.address == "::1" || self.address.starts_with("::ffff:127."))
    }
}

const SS: &str = "net/ss";
const PROC: &str = "net/proc";

/// `ss` when the guest has it. Without it, the kernel's tables and who holds which socket.
pub(super) fn probes() -> Vec<Probe> {
    let proc = concat!(
        whole_name::function!(),
        r#"if command -v ss >/dev/null 2>&1; then exit 0; fi
lf='
'
[ -r /proc/net/tcp ] || { echo 'neither ss nor /proc/net/tcp can be read' >&2; exit 1; }
for table in tcp tcp6 udp udp6; do
    [ -r /proc/net/$table ] || continue
    while IFS= read -r line; do printf '%s %s\n' $table "$line"; done </proc/net/$table
done
for fd in /proc/[0-9]*/fd/*; do
    link=$(readlink "$fd" 2>/dev/null) || continue
    case $link in
    socket:*) pid=${fd#/proc/}; pid=${pid%%/*}
        { IFS= read -r comm && while IFS= read -r more; do comm="$comm\\n$more"; done; } 2>/dev/null </proc/$pid/comm
        [ -z "$comm" ] || { whole $pid "$comm"; [ -n "$name" ] || echo "cut $comm"; printf 'holds %s %s\n' "$link" "${name:-$comm}"; }
        comm=;;
    esac
done
bindv6only=; { IFS= read -r bindv6only </proc/sys/net/ipv6/bindv6only; } 2>/dev/null
echo "bindv6only $bindv6only"
exit 0"#
    );
    vec![Probe::new(SS, 30, format!("{}{}", shell::need("ss"), WITH_SS)), Probe::new(PROC, 60, proc)]
}

/// What ss prints, and the whole name of each process whose name may be cut.
const WITH_SS: &str = concat!(
    whole_name::function!(),
    r#"rest=$(ss -lntup) || exit 1
printf '%s\n' "$rest"
seen=' '
while :; do
    case $rest in *'",pid='[0-9]*) ;; *) break;; esac
    rest=${rest#*'",pid='}; pid=${rest%%[!0-9]*}
    case $seen in *" $pid "*) continue;; esac
    seen="$seen$pid "
    comm=; IFS= read -r comm 2>/dev/null </proc/$pid/comm || continue
    case $comm in ???????????????) whole $pid "$comm"; printf 'whole %s %s\n' $pid "$name";; esac
done
exit 0"#
);

/// All listening sockets.
pub(super) fn sockets(seen: &Observations) -> Read<Vec<Socket>> {
    let without_ss = seen.0.get(SS).is_some_and(|reply| reply.status == 127);
    if without_ss { from_proc(&seen.output(PROC)?) } else { from_ss(&seen.output(SS)?) }
}

/// `ss -lntup`: netid, state, two queues, local, peer, and processes when they can be seen. The heading
/// proves that it speaks when nothing listens.
fn from_ss(text: &str) -> Read<Vec<Socket>> {
    let (heading, rest) = text.split_once('\n').unwrap_or((text, ""));
    if !heading.starts_with("Netid") {
        return Err(Unreadable::new(format!("ss prints no heading: `{}`", one_line(heading, 120))));
    }
    // The name of a process may have line feeds in it, and is too short to look like a line of its own.
    let mut lines: Vec<String> = Vec::new();
    let mut whole: BTreeMap<&str, &str> = BTreeMap::new();
    for line in rest.lines() {
        if let Some((pid, name)) = line.strip_prefix("whole ").and_then(|line| line.split_once(' ')) {
            whole.insert(pid, name);
            continue;
        }
        match lines.last_mut() {
            Some(last) if !starts_a_socket(line) => {
                last.push_str("\\n");
                last.push_str(line);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            ss_line(line, &whole).ok_or_else(|| Unreadable::new(format!("ss prints `{}`", one_line(line, 120))))
        })
        .collect()
}

fn starts_a_socket(line: &str) -> bool {
    let mut words = line.split_whitespace();
    matches!((words.next(), words.next()), (Some("tcp" | "udp"), Some("LISTEN" | "UNCONN")))
}

fn ss_line(line: &str, whole: &BTreeMap<&str, &str>) -> Option<Socket> {
    let mut words = line.split_whitespace();
    let protocol = match (words.next()?, words.next()?) {
        ("tcp", "LISTEN") => "tcp",
        ("udp", "UNCONN") => "udp",
        _ => return None,
    };
    let local = words.nth(2)?;
    let (address, port) = local.rsplit_once(':')?;
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let address = address.split('%').next()?.trim_end_matches(']');
    let mut processes: Vec<String> = Vec::new();
    let mut cut = false;
    if let Some((_, users)) = line.split_once("users:((") {
        // ("sshd",pid=700,fd=3),("systemd",pid=1,fd=50): a name may hold anything but its end.
        for entry in users.split("),(") {
            let name = entry.trim_start_matches(['(', '"']);
            let (name, pid) = name.rsplit_once("\",pid=").unwrap_or((name, ""));
            let name = match whole.get(pid.split(',').next().unwrap_or_default()) {
                Some(whole) if !whole.is_empty() => whole,
                known => {
                    cut |= known.is_some();
                    name
                }
            };
            if !processes.iter().any(|known| known == name) {
                processes.push(name.to_owned());
            }
        }
    }
    Some(Socket { protocol, address: address.to_owned(), port: port.parse().ok()?, processes, cut })
}

fn from_proc(text: &str) -> Read<Vec<Socket>> {
    let holders: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("holds socket:[")?.split_once("] ")).collect();
    let cut: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("cut ")).collect();
    let own = |line: &&str| ["holds ", "cut ", "bindv6only"].iter().any(|own| line.starts_with(own));
    let mut sockets: Vec<Socket> = Vec::new();
    if !text.lines().any(|line| line.starts_with("tcp ") && line.contains("local_address")) {
        return Err(Unreadable::new("/proc/net/tcp was printed without its heading"));
    }
    for line in text.lines().filter(|line| !own(line)) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(table), Some(slot)) = (words.first(), words.get(1)) else { continue };
        if *slot == "sl" {
            continue;
        }
        let parsed = || {
            let (address, port) = words.get(2)?.split_once(':')?;
            let listens = match (*table, *words.get(4)?) {
                ("tcp" | "tcp6", "0A") => Some("tcp"),
                // 07 is a datagram socket without a peer.
                ("udp" | "udp6", "07") => Some("udp"),
                _ => None,
            };
            let Some(protocol) = listens else { return Some(None) };
            let inode = words.get(10)?;
            let mut processes: Vec<String> =
                holders.iter().filter(|(holder, _)| holder == inode).map(|(_, name)| (*name).to_owned()).collect();
            processes.dedup();
            Some(Some(Socket {
                cut: processes.iter().any(|name| cut.contains(&name.as_str())),
                protocol,
                address: proc_address(address)?,
                port: u16::from_str_radix(port, 16).ok()?,
                processes,
            }))
        };
        match parsed() {
            Some(socket) => sockets.extend(socket),
            None => return Err(Unreadable::new(format!("/proc/net has the line `{line}`"))),
        }
    }
    // The tables do not show whether a socket of `::` takes IPv4 too (IPV6_V6ONLY), which ss asks netlink
    // for. The kernel's default is that it does; one that does not leaves room for a socket of 0.0.0.0.
    if !text.lines().any(|line| line == "bindv6only 1") {
        let four: Vec<(&str, u16)> = sockets
            .iter()
            .filter(|socket| socket.address == "0.0.0.0")
            .map(|socket| (socket.protocol, socket.port))
            .collect();
        for socket in sockets.iter_mut().filter(|socket| socket.address == "::") {
            if !four.contains(&(socket.protocol, socket.port)) {
                socket.address = "*".to_owned();
            }
        }
    }
    Ok(sockets)
}

/// Words of 32 bits in the byte order of the machine, which is little-endian on all that matter.
fn proc_address(hex: &str) -> Option<String> {
    let word = |at: usize| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok().map(u32::swap_bytes);
    match hex.len() {
        8 => Some(std::net::Ipv4Addr::from_bits(word(0)?).to_string()),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bits = words.iter().fold(0u128, |bits, word| bits << 32 | u128::from(*word));
            Some(std::net::Ipv6Addr::from_bits(bits).to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_this_host;

    fn socket(protocol: &'static str, address: &str, port: u16, processes: &[&str]) -> Socket {
        Socket {
            protocol,
            address: address.into(),
            port,
            processes: processes.iter().map(|name| (*name).to_owned()).collect(),
            cut: false,
        }
    }

    #[test]
    fn a_cut_name_is_made_whole_or_none() {
        let ss = "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
                  udp UNCONN 0 0 0.0.0.0:5355 0.0.0.0:* users:((\"systemd-resolve\",pid=300,fd=14))\n\
                  tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=700,fd=3))\n\
                  tcp LISTEN 0 128 0.0.0.0:23 0.0.0.0:* users:((\"hidden-behind-a\",pid=9,fd=3))\n\
                  whole 300 systemd-resolved\nwhole 9 \n";
        let sockets = from_ss(ss).unwrap();
        assert_eq!(sockets[0], socket("udp", "0.0.0.0", 5355, &["systemd-resolved"]));
        assert_eq!(sockets[1].holders().unwrap(), ["sshd"]);
        let why = sockets[2].holders().unwrap_err().to_string();
        assert!(why.contains("tcp/23 is cut to 15 bytes by the kernel: hidden-behind-a"), "{why}");
        let tables = "tcp   sl  local_address\ntcp    0: 00000000:0017 00000000:0000 0A 0:0 00:0 0 0 0 6001 1\n\
                      holds socket:[6001] hidden-behind-a\ncut hidden-behind-a\n";
        assert!(from_proc(tables).unwrap()[0].holders().is_err());
    }

    #[test]
    fn ss_is_read_with_and_without_processes() {
        let text = "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
                    udp   UNCONN 0      0      127.0.0.53%lo:53   0.0.0.0:*    users:((\"systemd-resolve\",pid=300,fd=14))\n\
                    udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:*\n\
                    tcp   LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    users:((\"sshd\",pid=700,fd=3),(\"systemd\",pid=1,fd=50))\n\
                    tcp LISTEN 0 4096 *:9090 *:*\n\
                    tcp LISTEN 0 128 [::]:22 [::]:* users:((\"a b\",pid=7,fd=4))\n\
                    tcp LISTEN 0 9 127.0.0.1:25 0.0.0.0:* users:((\"x\ntcp L 0 0 *:1\",pid=8,fd=4))\n";
        assert_eq!(
            from_ss(text).unwrap(),
            [
                socket("udp", "127.0.0.53", 53, &["systemd-resolve"]),
                socket("udp", "fe80::1", 546, &[]),
                socket("tcp", "0.0.0.0", 22, &["sshd", "systemd"]),
                socket("tcp", "*", 9090, &[]),
                socket("tcp", "::", 22, &["a b"]),
                socket("tcp", "127.0.0.1", 25, &["x\\ntcp L 0 0 *:1"]),
            ]
        );
        assert_eq!(from_ss("Netid State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n").unwrap(), []);
        assert!(from_ss("").is_err());
        assert_eq!(from_ss("ss: bad option").unwrap_err().to_string(), "ss prints no heading: `ss: bad option`");
        assert!(from_ss("Netid State\nsomething else\n").is_err());
    }

    #[test]
    fn proc_tables_are_read_in_both_families() {
        let text = "tcp   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                    tcp    0: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   991        0 6001 1 0 100 0 0 10 5\n\
                    tcp    1: 0100007F:0016 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 6002 1 0 20 4 30 10 -1\n\
                    tcp6    0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6003 1 0 100 0 0 10 0\n\
                    tcp6    1: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6004 1 0 100 0 0 10 0\n\
                    udp  10: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000   992        0 6005 2 0 0\n\
                    holds socket:[6001] systemd-resolve\nholds socket:[6003] sshd\n";
        assert_eq!(
            from_proc(text).unwrap(),
            [
                socket("tcp", "127.0.0.53", 53, &["systemd-resolve"]),
                // No socket of 0.0.0.0 has the port, so this one takes IPv4 too, as ss would say.
                socket("tcp", "*", 22, &["sshd"]),
                socket("tcp", "::1", 631, &[]),
                socket("udp", "0.0.0.0", 68, &[]),
            ]
        );
        let address =
            |text: &str| from_proc(text).unwrap().into_iter().rfind(|socket| socket.port == 22).unwrap().address;
        assert_eq!(address(&format!("{text}bindv6only 0\n")), "*");
        assert_eq!(address(&format!("{text}bindv6only 1\n")), "::");
        let both = text.replace("3500007F:0035", "00000000:0016");
        assert_eq!(address(&both), "::");
        assert!(from_proc("bindv6only 0\n").is_err());
        assert!(from_proc("tcp 0: broken").is_err());
        assert!(!socket("tcp", "::1", 1, &[]).exposed() && !socket("tcp", "127.0.0.53", 1, &[]).exposed());
        assert!(socket("tcp", "*", 1, &[]).exposed() && socket("tcp", "10.0.2.15", 1, &[]).exposed());
    }

    #[test]
    fn a_socket_of_this_host_is_seen_both_ways() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let with_ss = on_this_host(&probes());
        let mut hidden = probes();
        for probe in &mut hidden {
            probe.script = probe.script.replace("command -v ss", "command -v no-such-ss");
        }
        for seen in [with_ss, on_this_host(&hidden)] {
            let sockets = sockets(&seen).unwrap();
            let found = sockets.iter().find(|socket| socket.port == port && socket.protocol == "tcp").unwrap();
            assert_eq!(found.address, "127.0.0.1");
            // Whoever runs tests as another user sees no holder; what is seen is this program, whose name is longer.
            let name = std::env::current_exe().unwrap();
            let name = name.file_name().unwrap().to_str().unwrap();
            assert!(name.len() > 15 && found.processes.iter().all(|seen| seen == name), "{found:?}");
        }
    }
}
