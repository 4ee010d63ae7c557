//! The guest room against a real sshd on this host.

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
async fn a_batch_of_fifty_is_one_round_trip_and_answered_in_order() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let before = guest.stats();
    let requests = (0..50).map(|n| request_of(&format!("printf out{n}; printf err{n} >&2; exit {n}"))).collect();
    let replies = guest.batch(requests).await;
    assert_eq!(replies.len(), 50);
    for (n, reply) in replies.into_iter().enumerate() {
        let reply = reply.unwrap();
        assert_eq!((reply.status, reply.end), (n as i32, End::Exited));
        assert_eq!((text(&reply.stdout), text(&reply.stderr)), (&*format!("out{n}"), &*format!("err{n}")));
    }
    let after = guest.stats();
    assert_eq!((after.requests - before.requests, after.round_trips - before.round_trips), (50, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_fixed_and_standard_input_closed() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let said =
        run(&guest, "echo $TERM,$NO_COLOR,$PAGER,$SYSTEMD_PAGER,$SYSTEMD_COLORS,$PWD,$OLDPWD; cat; pwd; echo $LC_ALL")
            .await;
    assert_eq!(text(&said.stdout), "dumb,1,cat,,0,/,\n/\nC.UTF-8\n");
    assert_eq!(run(&guest, "case :$PATH: in *:/usr/sbin:*) exit 4;; esac").await.status, 4);
    run(&guest, "cd /tmp; X=1; export X; umask 777; set -e").await;
    assert_eq!(text(&run(&guest, "echo $X; pwd").await.stdout), "\n/\n", "one command does not leak into the next");
    // bash runs it where it finds SSH's variables.
    let bash = "d=$(mktemp -d) && echo 'echo of the user' >$d/.bashrc; HOME=$d bash -c 'echo ran'; rm -r \"$d\"";
    assert_eq!(text(&run(&guest, bash).await.stdout), "ran\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_output_comes_through_unchanged() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let all = r"i=0; while [ $i -lt 256 ]; do printf \\$(printf %03o $i); i=$((i + 1)); done";
    assert_eq!(run(&guest, all).await.stdout, (0..=255).collect::<Vec<u8>>());
    let big = run(&guest, "head -c 900000 /dev/zero; head -c 700000 /dev/zero >&2").await;
    assert_eq!((big.stdout.len(), big.stderr.len(), big.end), (900_000, 700_000, End::Exited));
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_try_to_break_the_shell_only_break_themselves() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    for script in
        ["echo 'open", "if", "exec >&- 2>&-", "(", "exit 7", "exec /bin/false", "kill -9 0 & kill 0", "-x", "}", "'"]
    {
        let reply = guest.run(request_of(script)).await;
        if !script.starts_with("kill") && !script.starts_with("exec >") {
            assert_ne!(reply.unwrap().status, 0, "{script:?}");
        }
        assert_eq!(text(&run(&guest, "echo alive").await.stdout), "alive\n", "after {script:?}");
    }
    assert_eq!(run(&guest, "exit 7").await.status, 7);
    assert_eq!(run(&guest, "false # a comment").await.status, 1);
    assert_eq!(text(&run(&guest, "cat <<X\nhere\nX").await.stdout), "here\n");
    assert_eq!(text(&run(&guest, "echo it\\'s 'a \"quoted\" word'").await.stdout), "it's a \"quoted\" word\n");
    let refused = guest.run(request_of("echo a\0b")).await.unwrap_err();
    assert_eq!(refused.failure_id(), Some(failure::PROBE_FAILED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_shell_is_an_error_of_its_command_and_replaced_for_the_next() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let replies =
        guest.batch(vec![request_of("echo 1"), request_of("kill -9 $$; sleep 1"), request_of("echo 3")]).await;
    assert_eq!(text(&replies[0].as_ref().unwrap().stdout), "1\n");
    assert_eq!(replies[1].as_ref().unwrap_err().failure_id(), Some(failure::SSH_PROTOCOL));
    assert_eq!(text(&replies[2].as_ref().unwrap().stdout), "3\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_runs_too_long_is_killed_with_its_children() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let mark = format!("9{}", sshd.addr.port());
    let began = Instant::now();
    let mut slow =
        request_of(&format!("echo so far; (sleep {mark} & exec sleep {mark}) & sh -c 'sleep {mark}; :'; echo never"));
    slow.timeout = Duration::from_millis(600);
    let replies = guest.batch(vec![request_of("echo before"), slow, request_of("sleep 0.2; echo after")]).await;
    assert_eq!(text(&replies[0].as_ref().unwrap().stdout), "before\n");
    let killed = replies[1].as_ref().unwrap();
    assert_eq!((killed.end, text(&killed.stdout)), (End::TimedOut, "so far\n"));
    let after = replies[2].as_ref().unwrap();
    assert_eq!((after.end, after.status, text(&after.stdout)), (End::Exited, 0, "after\n"));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(vanishes(&mark).await, "a child outlived its command");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_ends_soon_after_its_limit() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let began = Instant::now();
    let mut flood = request_of("yes | head -c 1073741824");
    flood.limit = 100_000;
    let mut zeros = request_of("cat /dev/zero >&2");
    zeros.limit = 5000;
    let replies = guest.batch(vec![flood, zeros, request_of("echo after")]).await;
    let yes = replies[0].as_ref().unwrap();
    assert_eq!((yes.end, yes.stdout.len(), yes.stderr.len()), (End::TooMuchOutput, 100_000, 0));
    let zeros = replies[1].as_ref().unwrap();
    assert_eq!((zeros.end, zeros.stdout.len(), zeros.stderr.len()), (End::TooMuchOutput, 0, 5000));
    assert_eq!(text(&replies[2].as_ref().unwrap().stdout), "after\n");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_limit_is_not_too_much() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let mut request = request_of("printf 12345; printf 12345 >&2");
    request.limit = 5;
    let reply = guest.run(request).await.unwrap();
    assert_eq!((reply.end, text(&reply.stdout), text(&reply.stderr)), (End::Exited, "12345", "12345"));
    // What exceeds it ends the command at once, and what is still on its way then is not waited for: the other stream is another
    // way, so that nobody knows which arrives first.
    let mut request = request_of("printf 1234 >&2; printf 12345");
    request.limit = 4;
    let reply = guest.run(request).await.unwrap();
    assert_eq!((reply.end, text(&reply.stdout)), (End::TooMuchOutput, "1234"));
    assert!("1234".starts_with(text(&reply.stderr)), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_process_does_not_hold_the_frame_and_lives_on() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let mark = format!("8{}", sshd.addr.port());
    let began = Instant::now();
    let reply = run(&guest, &format!("sleep {mark} & echo started")).await;
    assert_eq!((text(&reply.stdout), reply.end), ("started\n", End::Exited));
    assert!(began.elapsed() < Duration::from_secs(20));
    // A later command that is killed does not take it along.
    let mut slow = request_of("sleep 100");
    slow.timeout = Duration::from_millis(200);
    assert_eq!(guest.run(slow).await.unwrap().end, End::TimedOut);
    let found = run(&guest, &format!("pkill -f '^sleep {mark}'")).await;
    assert_eq!(found.status, 0, "the background process was killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn output_between_commands_is_stray_and_never_taken() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let reply = run(
        &guest,
        "{ while [ ! -e /tmp/muster-go.$$ ]; do sleep 0.05; done; echo stray; rm /tmp/muster-go.$$; } & echo $$",
    )
    .await;
    let pid = text(&reply.stdout).trim().to_owned();
    std::fs::write(format!("/tmp/muster-go.{pid}"), "").unwrap();
    let deadline = within(20);
    while guest.stats().stray_bytes == 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(guest.stats().stray_bytes, 6);
    assert_eq!(text(&run(&guest, "echo clean").await.stdout), "clean\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_batch_does_not_deadlock() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let padding = "x".repeat(100_000);
    let requests =
        (0..40).map(|n| request_of(&format!("V={padding}; echo {n}${{#V}}; head -c 300000 /dev/zero"))).collect();
    let replies = guest.batch(requests).await;
    for (n, reply) in replies.into_iter().enumerate() {
        let reply = reply.unwrap();
        let head = format!("{n}100000\n");
        assert!(reply.stdout.starts_with(head.as_bytes()) && reply.stdout.len() == head.len() + 300_000, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_process_is_reported_at_once_and_reconnecting_helps() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let mark = format!("7{}", sshd.addr.port());
    let other = guest.clone();
    let script = format!("sleep {mark}");
    let running = tokio::spawn(async move { other.run(request_of(&script)).await });
    let deadline = within(20);
    while Instant::now() < deadline && !processes().iter().any(|(.., name)| name == "sleep") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let began = Instant::now();
    assert!(sshd.kill_connections() > 0);
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.failure_id(), Some(failure::SSH_LOST), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(guest.run(request_of("true")).await.unwrap_err().failure_id(), Some(failure::SSH_LOST));
    guest.reconnect(within(30)).await.unwrap();
    assert_eq!(text(&run(&guest, "echo back").await.stdout), "back\n");
    run(&guest, &format!("pkill -f '^sleep {mark}'")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_noticed_while_idle() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    assert!(sshd.kill_connections() > 0);
    let error = guest.run(request_of("true")).await.unwrap_err();
    assert_eq!(error.failure_id(), Some(failure::SSH_LOST), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_reported_as_such_and_tried_again_until_it_is_accepted() {
    let sshd = sshd();
    let mut stranger = target(&sshd);
    stranger.private_key = sshd.stranger().unwrap();
    let error = Guest::connect(stranger.clone(), within(2), 1.0).await.unwrap_err();
    assert_eq!(error.failure_id(), Some(failure::SEED_REJECTED), "{error}");
    let counted = stranger.refusals.subscribe().borrow().times;
    assert!(error.last == LastState::KeyRefused { times: counted } && counted > 0, "{error}: {counted}");
    assert!(error.waited < Duration::from_secs(10));
    let late = tokio::spawn(Guest::connect(stranger.clone(), within(60), 1.0));
    tokio::time::sleep(Duration::from_millis(700)).await;
    sshd.accept(&stranger.private_key).unwrap();
    let guest = late.await.unwrap().unwrap();
    assert_eq!(run(&guest, "exit 3").await.status, 3);
}

#[test]
fn a_user_who_cannot_become_root_is_reported_at_once() {
    let programs = tempfile::tempdir().unwrap();
    let sshd = Sshd::configured(format!("SetEnv PATH={}", programs.path().display())).unwrap();
    let target = target(&sshd);
    let sudo = programs.path().join("sudo");
    for (script, said) in [
        (None, "not found"),
        (Some("echo 'sudo: a password is required' >&2; exit 1"), "a password is required"),
        (Some("echo 'x is not in the sudoers file.' >&2; echo 'sudo: x may not' >&2; exit 1"), "not in the sudoers"),
    ] {
        if let Some(script) = script {
            std::fs::write(&sudo, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&sudo, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        let (key, wake) = (access::read_key(&target).unwrap(), wake::Wake::new().unwrap());
        // As for any user who is not root, whoever runs this test.
        let start = start::Start { elevated: true, root: true, patience: Duration::from_secs(60) };
        let deadline = within(300);
        let Err(state) = login(&target, &key, start, &wake, deadline).enter() else {
            panic!("{said}: a login without root")
        };
        assert!(matches!(&state, LastState::NoRoot { said: what } if what.contains(said)), "{said}: {state}");
        assert!(deadline - Instant::now() > Duration::from_secs(240), "{said}: it was tried again and again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_a_key_ends_at_the_deadline() {
    let config = "AuthorizedKeysCommand /bin/sleep 1000\nAuthorizedKeysCommandUser root\nAuthorizedKeysFile none";
    let sshd = Sshd::configured(config.to_owned()).unwrap();
    let begun = Instant::now();
    let error = Guest::connect(target(&sshd), within(4), 1.0).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(matches!(&error.last, LastState::Handshake(what) if what.starts_with("authentication: ")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_host_key_is_refused_on_reconnect_and_where_a_key_is_expected() {
    let mut sshd = sshd();
    let guest = connect(&sshd).await;
    let known = HostKey::parse(&sshd.host_key()).unwrap();
    assert_eq!(guest.host_key(), Some(known.clone()));
    let mut expecting = target(&sshd);
    expecting.host_key = HostKeyPolicy::Expect(vec![known]);
    Guest::connect(expecting.clone(), within(30), 1.0).await.unwrap();
    sshd.change_host_key().unwrap();
    let error = guest.reconnect(within(30)).await.unwrap_err();
    assert_eq!(error.failure_id(), Some(failure::SSH_HOST_KEY), "{error}");
    assert_eq!(guest.run(request_of("true")).await.unwrap_err().failure_id(), Some(failure::SSH_HOST_KEY));
    let error = Guest::connect(expecting, within(30), 1.0).await.unwrap_err();
    assert_eq!(error.failure_id(), Some(failure::SSH_HOST_KEY), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_silence_and_nonsense_are_distinguished() {
    let sshd = sshd();
    let mut target = target(&sshd);
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    target.addr = silent.local_addr().unwrap();
    let error = Guest::connect(target.clone(), within(1), 1.0).await.unwrap_err();
    assert_eq!((error.failure_id(), &error.last), (Some(failure::BOOT_TIMEOUT), &LastState::Silent));
    drop(silent);
    let error = Guest::connect(target.clone(), within(1), 1.0).await.unwrap_err();
    assert!(matches!(error.last, LastState::Unreachable(_)), "{error}");
    assert_eq!(error.failure_id(), Some(failure::BOOT_TIMEOUT));

    let hostile = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    target.addr = hostile.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in hostile.incoming().flatten().take(3) {
            let _ = std::io::Write::write_all(&mut &stream, b"SSH-2.0-hostile\r\n\0\0\0\x0c\x0a\x14garbage....");
        }
    });
    let error = Guest::connect(target.clone(), within(3), 1.0).await.unwrap_err();
    assert!(matches!(error.last, LastState::Handshake(_)), "{error}");
    assert_eq!(error.failure_id(), Some(failure::SSH_PROTOCOL));

    target.private_key = "/nowhere/key".into();
    let error = Guest::connect(target, within(3), 1.0).await.unwrap_err();
    assert_eq!(error.failure_id(), Some(failure::SEED_FAILED), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_wait_ends_the_tries_and_the_command() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let sshd = sshd();
    let mut nobody = target(&sshd);
    nobody.addr = silent.local_addr().unwrap();
    let waiting = Guest::connect(nobody, within(600), 1.0);
    assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
    // The thread hangs up: the accepted connection reaches its end.
    let (mut stream, _) = silent.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    std::io::copy(&mut stream, &mut std::io::sink()).unwrap();

    let guest = connect(&sshd).await;
    let mark = format!("6{}", sshd.addr.port());
    let script = format!("sleep {mark}");
    assert!(tokio::time::timeout(Duration::from_millis(300), guest.run(request_of(&script))).await.is_err());
    assert_eq!(text(&run(&guest, "echo next").await.stdout), "next\n");
    assert!(vanishes(&mark).await, "the command outlived its caller");
    guest.close().await;
    assert_eq!(guest.run(request_of("true")).await.unwrap_err(), GuestError::Closed);
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

/// A server that says who it is and then nothing more, and afterwards leads to the real one: as a
/// guest does that is reset while somebody logs in.
fn dies_once(sshd: &Sshd) -> (std::net::SocketAddr, std::sync::mpsc::Receiver<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (addr, real) = (listener.local_addr().unwrap(), sshd.addr);
    let (ringing, rung) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        use std::io::Write;
        let (mut first, _) = listener.accept().unwrap();
        first.write_all(b"SSH-2.0-about_to_die\r\n").unwrap();
        ringing.send(()).unwrap();
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), std::net::TcpStream::connect(real).unwrap());
            for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
        drop(first);
    });
    (addr, rung)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_a_reset_cuts_off_begins_again_at_once() {
    let sshd = sshd();
    let (addr, banner) = dies_once(&sshd);
    let generation = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = generation.clone();
    let generations = Generations::counted(move || count.load(std::sync::atomic::Ordering::Relaxed));
    // So slow a machine is given five minutes for what the server never answers.
    let connecting = Guest::connect(Target { addr, generations, ..target(&sshd) }, within(400), 10.0);
    let reset = tokio::task::spawn_blocking(move || {
        banner.recv().unwrap();
        generation.store(1, std::sync::atomic::Ordering::Relaxed);
        generation
    });
    let begun = Instant::now();
    let (guest, generation) = tokio::join!(connecting, reset);
    let (guest, generation) = (guest.unwrap(), generation.unwrap());
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
    assert_eq!(text(&run(&guest, "echo here").await.stdout), "here\n");

    // What runs when the machine is reset is lost at once, and so is what comes after it.
    let running = tokio::spawn({
        let guest = guest.clone();
        async move { guest.run(request_of("sleep 600")).await }
    });
    let begun = Instant::now();
    generation.store(2, std::sync::atomic::Ordering::Relaxed);
    let ended = running.await.unwrap();
    assert!(matches!(&ended, Err(GuestError::Lost { .. })), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let after = guest.run(request_of("true")).await;
    assert!(matches!(&after, Err(GuestError::Lost { .. })), "{after:?}");
    guest.reconnect(within(60)).await.unwrap();
    assert_eq!(text(&run(&guest, "echo again").await.stdout), "again\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_left_behind_does_not_write_into_the_next_command() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let mark = format!("5{}", sshd.addr.port());
    let writer = format!("(while :; do echo NOISE; echo NOISE >&2; sleep 0.02; done) & echo started {mark}");
    let replies = guest
        .commands(vec![request_of(&writer), request_of("sleep 0.3; echo clean"), request_of("echo err >&2; exit 4")])
        .await;
    let replies: Vec<Reply> = replies.into_iter().map(Result::unwrap).collect();
    assert!(text(&replies[0].stdout).contains("started") && replies[0].notes.left_open, "{:?}", replies[0]);
    assert_eq!((text(&replies[1].stdout), replies[1].notes), ("clean\n", Notes::default()));
    assert_eq!((replies[2].status, text(&replies[2].stdout), text(&replies[2].stderr)), (4, "", "err\n"));
    // It goes on, and what it prints is counted and dropped.
    let before = guest.stats().stray_bytes;
    let deadline = within(20);
    while guest.stats().stray_bytes == before && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(guest.stats().stray_bytes > before, "the process was ended, or its output blocks");
    assert_eq!(text(&run(&guest, "echo clean").await.stdout), "clean\n");
    guest.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_only_inherit_streams_elsewhere_leave_the_shell_as_it_is() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let before = guest.stats().round_trips;
    let quiet = "sleep 3 >/dev/null 2>&1 & echo started; yes | head -n 1; sleep 0.1; (exit 3)";
    let reply = guest.commands(vec![request_of(quiet)]).await.remove(0).unwrap();
    assert_eq!((reply.status, text(&reply.stdout), reply.notes), (3, "started\ny\n", Notes::default()));
    assert_eq!(text(&guest.commands(vec![request_of("echo next")]).await.remove(0).unwrap().stdout), "next\n");
    assert_eq!(guest.stats().round_trips - before, 2, "no shell was started anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_reads_the_memory_of_the_shell_cannot_choose_its_status() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    // Every nonce that the shell has seen, from the memory of the shell, in every form of a marker.
    let forge = r#"P=$$; for r in $(awk '/rw-p/ {print $1}' /proc/$P/maps); do a=0x${r%-*}; b=0x${r#*-}
        dd if=/proc/$P/mem bs=4096 skip=$((a / 4096)) count=$(((b - a) / 4096)) 2>/dev/null
        done | tr -c '[:print:]' '\n' | grep -o '036[0-9a-f]\{32\}' | sed 's/^036//' | sort -u | {
        echo all good; while read -r n; do for mark in '|' '>'; do
        printf "\036$n${mark}0\n"; printf "\036$n${mark}\n" >&2; done; done; }; sleep 0.3; exit 7"#;
    match guest.commands(vec![request_of(forge)]).await.remove(0) {
        Ok(reply) => assert_eq!(reply.status, 7),
        Err(error) => assert_eq!(error.failure_id(), Some(failure::SSH_PROTOCOL), "{error}"),
    }
    let next = guest.commands(vec![request_of("echo next")]).await.remove(0).unwrap();
    assert_eq!((text(&next.stdout), next.status), ("next\n", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_shell_cannot_parse_is_distinguished_from_what_ends_with_the_same_status() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    for (script, unparsed) in [
        ("if then fi (", true),
        ("echo a\nfi", true),
        ("echo 'open", true),
        ("exit 2", false),
        ("grep -q x /nowhere", false),
        ("false # (", false),
        ("eval 'if'", false),
    ] {
        let reply = guest.commands(vec![request_of(script)]).await.remove(0).unwrap();
        assert_eq!((reply.notes.unparsed, reply.status != 0), (unparsed, true), "{script:?}: {reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guarded_commands_are_killed_limited_and_hostile_as_others() {
    let sshd = sshd();
    let guest = connect(&sshd).await;
    let mut slow = request_of("echo so far; sleep 600");
    slow.timeout = Duration::from_millis(600);
    let mut flood = request_of("yes | head -c 1073741824");
    flood.limit = 100_000;
    let replies = guest.commands(vec![slow, flood, request_of("echo after")]).await;
    let slow = replies[0].as_ref().unwrap();
    assert_eq!((slow.end, text(&slow.stdout)), (End::TimedOut, "so far\n"));
    let flood = replies[1].as_ref().unwrap();
    assert_eq!((flood.end, flood.stdout.len()), (End::TooMuchOutput, 100_000));
    assert_eq!(text(&replies[2].as_ref().unwrap().stdout), "after\n");
    for script in ["exec >&- 2>&-", "kill -9 0 & kill 0", "kill -9 $$; sleep 1", "exec /bin/false", "-x", "'"] {
        let _ = guest.commands(vec![request_of(script)]).await;
        assert_eq!(
            text(&guest.commands(vec![request_of("echo alive")]).await.remove(0).unwrap().stdout),
            "alive\n",
            "{script}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_logs_in_while_a_login_is_held_back() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let sshd = sshd();
    let asked = Arc::new(AtomicU32::new(0));
    let refusals = Refusals::default();
    let seen = refusals.subscribe();
    let hold = {
        let asked = asked.clone();
        Hold::until(move || asked.fetch_add(1, Ordering::Relaxed) >= 5)
    };
    let began = Instant::now();
    let guest = Guest::connect(Target { hold, refusals, ..target(&sshd) }, within(60), 1.0).await.unwrap();
    let greeted = seen.borrow().greeted.unwrap();
    assert!(
        began.elapsed() >= Duration::from_millis(700),
        "asked in vain five times, four of them a fifth of a second apart"
    );
    assert!(greeted.elapsed() >= Duration::from_millis(700), "the greeting is noted when it came");
    assert_eq!(asked.load(Ordering::Relaxed), 6, "a hold that is over stays over");
    assert_eq!(text(&run(&guest, "echo in").await.stdout), "in\n");

    let never = Target { hold: Hold::until(|| false), ..target(&sshd) };
    let error = Guest::connect(never, Instant::now() + Duration::from_millis(1500), 1.0).await.unwrap_err();
    assert_eq!((&error.last, error.failure_id()), (&LastState::Held, Some(failure::BOOT_TIMEOUT)));
}
