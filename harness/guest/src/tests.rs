//! Sessions with a real sshd on this host.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use super::loopback::{Sshd, processes};
use super::*;
use muster_base::failure;
use muster_base::fault::Fault as _;

fn sshd() -> Sshd {
    Sshd::start().unwrap_or_else(|why| panic!("{why}"))
}

pub(super) fn target(sshd: &Sshd) -> Target {
    Target {
        addr: sshd.addr,
        user: sshd.user.clone(),
        private_key: sshd.key.clone(),
        become_root: false,
        host_key: HostKeyPolicy::AcceptFirst,
        generations: Generations::unknown(),
        refusals: Refusals::default(),
        hold: Hold::none(),
    }
}

/// A first login, on a host that is not slow.
pub(super) fn login<'a>(
    target: &'a Target,
    key: &'a str,
    start: start::Start,
    wake: &'a wake::Wake,
    deadline: Instant,
) -> login::Login<'a> {
    login::Login { target, key, remembered: None, start, wake, slow: 1.0, deadline, gone: &|| false }
}

fn within(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

async fn connect(sshd: &Sshd) -> Guest {
    Guest::connect(target(sshd), within(60), 1.0).await.unwrap()
}

fn request_of(script: &str) -> Request {
    Request { script: script.to_owned(), timeout: Duration::from_secs(60), limit: 1 << 20 }
}

async fn run(guest: &Guest, script: &str) -> Reply {
    guest.run(request_of(script)).await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Waits until no process of this host has `mark` among its arguments.
async fn vanishes(mark: &str) -> bool {
    let deadline = within(20);
    while Instant::now() < deadline {
        let generations = |pid: i32| {
            let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            arguments.split(|byte| *byte == 0).any(|argument| argument == mark.as_bytes())
        };
        if !processes().iter().any(|(pid, ..)| generations(*pid)) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn the_facts_of_this_host_are_collected_in_one_round_trip() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let before = guest.stats().round_trips;
    let facts = facts::collect(&guest, 1.0).await.unwrap();
    assert_eq!(guest.stats().round_trips - before, 1);
    assert_eq!(facts.kernel, std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap().trim());
    assert_eq!(facts.boot_id, std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim());
    assert_eq!(facts.arch, std::env::consts::ARCH);
    assert!(facts.tools.contains("grep") && facts.dimension("distro").is_some());
}

mod commands;
mod logins;
