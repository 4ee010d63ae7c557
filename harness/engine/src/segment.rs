//! The network between the machines of one test, as their guests see it: which addresses and names they get, and the
//! scripts that give them. Pure.
//!
//! Every machine that may be on one has a second interface, whose cable is out until its guest knows its own address:
//! clones have the hardware address of their template, and what manages interfaces leaves one without a cable alone.

use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_guest::Reply;

/// The hardware address that the interface has in every machine when it starts. Locally administered.
pub const FIRST_MAC: &str = "52:54:00:73:67:00";

/// The network that machines are on, without the last number. A private one that neither QEMU's user network (10.0.2.0/24,
/// 10.0.101.0/24 and on), nor the bridges of container engines and of libvirt use by default.
const IPV4: &str = "10.53.77";
/// The same for IPv6: a unique local address.
const IPV6: &str = "fd53:6d75:7374:";
/// What names of IPv6 addresses end with. A machine's own name has no dot.
const IPV6_SUFFIX: &str = ".ip6";
/// What ends each line in `/etc/hosts`.
const MARK: &str = "# muster";

/// Why a script ended: its exit status.
pub(super) const NO_IP: i32 = 40;
const NO_INTERFACE: i32 = 41;
const NO_ADDRESS: i32 = 42;
const NO_NAMES: i32 = 43;
const NO_CABLE: i32 = 44;
const LOST_ADDRESS: i32 = 45;

/// What came of a script.
#[derive(Debug, PartialEq)]
pub(super) enum Joined {
    /// The interface of that name has its addresses.
    Yes { interface: String, ipv6: bool },
    /// This guest cannot do so: the reason why the test is skipped.
    Cannot(Failure),
}

/// Gives the interface of the machine of this number, from 0, its addresses, and all machines their names. Prints the
/// interface's name, and `ipv6` when it has such an address.
pub fn join(at: usize, names: &[&str]) -> String {
    let number = at + 1;
    let mac = mac(at);
    let hosts = hosts(names);
    format!(
        r#"command -v ip >/dev/null 2>&1 || exit {NO_IP}
nic=
for dir in /sys/class/net/*; do
  [ -e "$dir/device" ] || continue
  read -r address <"$dir/address" || continue
  case $address in {FIRST_MAC} | {mac}) nic=${{dir##*/}} ;; esac
done
[ -n "$nic" ] || exit {NO_INTERFACE}
if command -v nmcli >/dev/null 2>&1 && nmcli -t general status >/dev/null 2>&1; then
  nmcli device set "$nic" managed no >/dev/null || exit {NO_ADDRESS}
fi
if command -v networkctl >/dev/null 2>&1 && systemctl -q is-active systemd-networkd 2>/dev/null; then
  mkdir -p /run/systemd/network &&
    printf '[Match]\nMACAddress={FIRST_MAC} {mac}\n\n[Link]\nUnmanaged=yes\n' >/run/systemd/network/00-muster.network &&
    networkctl reload || exit {NO_ADDRESS}
fi
ip link set dev "$nic" down && ip link set dev "$nic" address {mac} && ip addr flush dev "$nic" || exit {NO_ADDRESS}
six=/proc/sys/net/ipv6/conf/$nic
[ ! -d "$six" ] || {{ echo 0 >"$six/accept_ra"; echo 0 >"$six/accept_dad"; }}
ip link set dev "$nic" up && ip addr add {IPV4}.{number}/24 dev "$nic" || exit {NO_ADDRESS}
has_six=
if [ -d "$six" ] && [ "$(cat "$six/disable_ipv6")" = 0 ]; then
  ip -6 addr add {IPV6}:{number}/64 dev "$nic" || exit {NO_ADDRESS}
  has_six=ipv6
fi
if ! grep -q '{MARK}$' /etc/hosts 2>/dev/null; then
  printf '%s\n' {hosts} >>/etc/hosts || {{
    {{ cat /etc/hosts; printf '%s\n' {hosts}; }} >/run/muster-hosts 2>/dev/null && mount --bind /run/muster-hosts /etc/hosts
  }} || exit {NO_NAMES}
fi
echo "$nic" $has_six
"#
    )
}

/// Waits until the cable of an interface that [`join`] has named is in, and looks whether it still has its address.
pub fn confirm(at: usize, interface: &str) -> String {
    let number = at + 1;
    format!(
        r#"tries=0
while [ "$(cat /sys/class/net/{interface}/carrier 2>/dev/null)" != 1 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || exit {NO_CABLE}
  sleep 0.1 2>/dev/null || sleep 1
done
ip -4 addr show dev {interface} | grep -q ' {IPV4}\.{number}/24 ' || exit {LOST_ADDRESS}
"#
    )
}

/// The hardware address of the machine of this number, from 0.
fn mac(at: usize) -> String {
    format!("{}{:02x}", FIRST_MAC.trim_end_matches("00"), at + 1)
}

/// Lines of `/etc/hosts`, each a word of a command line. Names of machines need no quoting, and get some.
fn hosts(names: &[&str]) -> String {
    let line = |(at, name): (usize, &&str)| {
        let number = at + 1;
        [format!("'{IPV4}.{number} {name} {MARK}'"), format!("'{IPV6}:{number} {name}{IPV6_SUFFIX} {MARK}'")]
    };
    names.iter().enumerate().flat_map(line).collect::<Vec<_>>().join(" ")
}

/// What the reply to [`join`] says.
///
/// # Errors
/// The guest should have been able to do it, and was not.
pub(super) fn joined(reply: &Reply) -> Result<Joined, Failure> {
    match reply.status {
        0 => {}
        NO_IP => {
            let text = "the guest has no command `ip`, with which an interface gets an address";
            return Ok(Joined::Cannot(Failure::new(failure::SKIP_MACHINE, text)));
        }
        status => return Err(why(status, reply)),
    }
    let said = String::from_utf8_lossy(&reply.stdout);
    let words: Vec<&str> = said.split_whitespace().collect();
    let fits = |name: &str| name.len() <= 15 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b));
    match words.as_slice() {
        [interface, rest @ ..] if fits(interface) => {
            Ok(Joined::Yes { interface: (*interface).to_owned(), ipv6: rest.contains(&"ipv6") })
        }
        _ => {
            let text = format!("the guest does not say which interface it is: `{}`", text::one_line(&said, 80));
            Err(Failure::new(failure::MACHINE_SEGMENT, text))
        }
    }
}

/// What the reply to [`confirm`] says.
pub(super) fn confirmed(reply: &Reply) -> Result<(), Failure> {
    if reply.status == 0 { Ok(()) } else { Err(why(reply.status, reply)) }
}

fn why(status: i32, reply: &Reply) -> Failure {
    let what = match status {
        NO_INTERFACE => "the guest does not see the interface between the machines of the test",
        NO_ADDRESS => "the interface between the machines of the test gets no address",
        NO_NAMES => "the names of the machines cannot be written to /etc/hosts",
        NO_CABLE => "the interface between the machines of the test sees no cable",
        LOST_ADDRESS => {
            "the interface between the machines of the test lost its address: something in the guest manages it"
        }
        _ => "the interface between the machines of the test could not be set up",
    };
    let said = text::last_words(&text::escape_bytes(&reply.stderr), 200);
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    Failure::new(failure::MACHINE_SEGMENT, format!("{what}{said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replied(status: i32, stdout: &str) -> Reply {
        Reply { status, stdout: stdout.into(), stderr: b"RTNETLINK answers: no\n".to_vec(), ..Reply::default() }
    }

    #[test]
    fn each_machine_has_its_own_addresses_and_knows_all_names() {
        let names = ["server", "client"];
        let (server, client) = (join(0, &names), join(1, &names));
        assert!(server.contains("address 52:54:00:73:67:01") && server.contains("addr add 10.53.77.1/24"));
        assert!(client.contains("address 52:54:00:73:67:02") && client.contains("fd53:6d75:7374::2/64"));
        for script in [&server, &client] {
            for line in ["'10.53.77.1 server # muster'", "'fd53:6d75:7374::2 client.ip6 # muster'"] {
                assert!(script.contains(line), "{script}");
            }
            let syntax = std::process::Command::new("/bin/sh").args(["-n", "-c", script]).status().unwrap();
            assert!(syntax.success());
        }
        assert!(
            std::process::Command::new("/bin/sh").args(["-n", "-c", &confirm(1, "eth1")]).status().unwrap().success()
        );
    }

    #[test]
    fn a_guest_that_cannot_is_told_from_one_that_fails() {
        let yes = |ipv6| Ok(Joined::Yes { interface: "enp0s9".to_owned(), ipv6 });
        assert_eq!(joined(&replied(0, "enp0s9 ipv6\n")), yes(true));
        assert_eq!(joined(&replied(0, "enp0s9\n")), yes(false));
        let Ok(Joined::Cannot(reason)) = joined(&replied(NO_IP, "")) else { panic!() };
        assert_eq!(reason.id, failure::SKIP_MACHINE);
        for (status, stdout) in [(NO_INTERFACE, ""), (NO_ADDRESS, ""), (NO_NAMES, ""), (127, ""), (0, ""), (0, "a;b\n")]
        {
            assert_eq!(joined(&replied(status, stdout)).unwrap_err().id, failure::MACHINE_SEGMENT, "{status} {stdout}");
        }
        assert_eq!(confirmed(&replied(0, "")), Ok(()));
        let lost = confirmed(&replied(LOST_ADDRESS, "")).unwrap_err();
        assert!(lost.message.contains("something in the guest manages it: RTNETLINK"), "{}", lost.message);
    }
}
