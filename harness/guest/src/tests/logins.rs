//! Logins that are refused, held, cut off or lead to another host.

use super::*;

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
