//! What commands give back, and what they cannot do to each other or to the shell.

use super::*;

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
