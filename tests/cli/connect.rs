//! `muster run --connect` on a machine that is already up: this one, through an SSH server that the
//! test starts. Nothing here changes the machine beyond a file in the test's own directory.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Finished, Place, assert_outcome, finish, ids};
use muster_guest::loopback::Sshd;

const SUITE: &str = r#"
schema: suite/v1
suite: up
tests:
  - id: looks
    expect:
      kernel: {release: ">= 1"}
      file: {/etc/passwd: {type: file}}
  - id: here
    when: image == remote
    expect: {file: {/etc/passwd: {type: file}}}
  - id: emulated
    when: accelerator == tcg
    expect: {file: {/etc/passwd: {type: file}}}
  - id: changes
    steps:
      - run: touch MARK
  - id: follows
    needs: [changes]
    expect: {file: {MARK: {type: file}}}
  - id: own
    guest: fresh
    expect: {file: {/etc/passwd: {type: file}}}
  - id: resets
    steps:
      - reboot: hard
"#;

/// Runs the suite on the server; `known` is what stands in the person's `known_hosts`.
fn run(place: &Place, sshd: &Sshd, known: &str, more: &[&str]) -> Finished {
    let mark = place.path("mark");
    let suite = place.write("up.yaml", &SUITE.replace("MARK", mark.to_str().unwrap()));
    let home = place.path("home/.ssh");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("known_hosts"), known).unwrap();
    let target = format!("{}@{}", sshd.user, sshd.addr);
    let words = ["run", "--suites", suite.to_str().unwrap(), "--connect", &target];
    let mut command = place.command(&words);
    command.args(more).env("HOME", place.path("home")).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !more.contains(&"--identity") {
        command.arg("--identity").arg(&sshd.key);
    }
    finish(command.spawn().unwrap(), Duration::from_secs(60))
}

#[test]
fn tests_that_look_are_asked_and_tests_that_change_are_skipped_with_their_reason() {
    let sshd = Sshd::start().unwrap();
    let place = Place::new();
    let ended = run(&place, &sshd, "", &["--host-key", &sshd.host_key()]);
    ended.assert_status(0);
    assert_outcome(&place.test("up/looks"), Outcome::Pass, &[]);
    assert_outcome(&place.test("up/here"), Outcome::Pass, &[]);
    for (name, id, why) in [
        ("up/emulated", "skip.when", "accelerator"),
        ("up/changes", "skip.machine", "--allow-changes"),
        ("up/follows", "skip.need", "needs `changes`"),
        ("up/own", "skip.machine", "a machine of its own"),
        ("up/resets", "skip.machine", "reset button"),
    ] {
        let test = place.test(name);
        assert_outcome(&test, Outcome::Skip, &[]);
        let skipped = test.skipped.as_ref().unwrap();
        assert_eq!(skipped.id.as_str(), id, "{name}");
        assert!(skipped.message.contains(why), "{name}: {}", skipped.message);
    }
    assert!(!place.path("mark").exists(), "a skipped test ran");
    // What cannot be known is not claimed.
    let record = place.record();
    let image = &record.images["remote"];
    assert_eq!((image.format.as_str(), image.sha256.as_str()), ("remote", ""));
    assert_eq!(image.path, format!("{}@{}", sshd.user, sshd.addr));
    assert_eq!((record.accelerator.kind.as_str(), record.accelerator.deadline_scale), ("", 1.0));
    assert_eq!(record.machines.len(), 1);
    assert_eq!(record.machines[0].end.as_deref(), Some("left running"));
    let health = place.test("machine/health");
    assert_eq!(health.outcome, Outcome::Pass, "{:?}", ids(&health));
    assert!(health.remarks.iter().any(|remark| remark.contains("console is not checked")), "{:?}", health.remarks);
    assert!(place.test("up/looks").rerun.contains("--connect"), "{}", place.test("up/looks").rerun);
}

#[test]
fn changes_are_made_only_where_they_are_allowed_and_the_run_says_so() {
    let sshd = Sshd::start().unwrap();
    let place = Place::new();
    // The name is known with its port, as ssh writes it.
    let known = format!("[127.0.0.1]:{} {}", sshd.addr.port(), sshd.host_key());
    let ended = run(&place, &sshd, &known, &["--allow-changes", "--name", "desk"]);
    ended.assert_status(0);
    assert!(place.path("mark").exists());
    for name in ["up/changes", "up/follows", "up/own"] {
        assert_outcome(&place.test(name), Outcome::Pass, &[]);
    }
    assert_eq!(place.test("up/resets").outcome, Outcome::Skip);
    assert_eq!(place.test("up/here").outcome, Outcome::Skip, "its name is not `remote` here");
    let record = place.record();
    assert!(record.notices.iter().any(|text| text.contains("run on it all the same")), "{:?}", record.notices);
    assert!(record.images.contains_key("desk"));
}

#[test]
fn nobody_is_trusted_without_a_word() {
    let sshd = Sshd::start().unwrap();
    let place = Place::new();
    let ended = run(&place, &sshd, "", &[]);
    ended.assert_status(2);
    assert!(
        ended.stderr.contains("no host key of") && ended.stderr.contains("--accept-new-host-key"),
        "{}",
        ended.stderr
    );
    assert!(!place.path("run").exists());
    let accepted = run(&place, &sshd, "", &["--accept-new-host-key", "--test", "up/looks"]);
    accepted.assert_status(0);
    assert!(accepted.stdout.contains("was accepted unseen"), "{}", accepted.stdout);
}

#[test]
fn another_host_key_than_the_known_one_is_refused_even_when_new_ones_are_accepted() {
    let sshd = Sshd::start().unwrap();
    let place = Place::new();
    let other = Sshd::start().unwrap().host_key();
    let known = format!("[127.0.0.1]:{} {other}", sshd.addr.port());
    run(&place, &sshd, &known, &["--accept-new-host-key"]).assert_status(3);
    assert_no_machine(&place, "ssh.host-key");
    let place = Place::new();
    run(&place, &sshd, "", &["--host-key", &other]).assert_status(3);
    assert_no_machine(&place, "ssh.host-key");
}

#[test]
fn a_machine_that_is_not_there_or_refuses_the_key_ends_with_three_and_says_so() {
    let mut sshd = Sshd::start().unwrap();
    let place = Place::new();
    let stranger = sshd.stranger().unwrap();
    let identity = stranger.to_str().unwrap();
    let words = ["--host-key", &sshd.host_key(), "--identity", identity, "--connect-timeout", "3s"];
    let ended = run(&place, &sshd, "", &words);
    ended.assert_status(3);
    let health = assert_no_machine(&place, "remote.refused");
    assert!(health.failures[0].message.contains("sshd refuses the key ("), "{}", health.failures[0].message);
    let refused = format!("WAIT remote-1: sshd refuses {}'s key (3 tries)\n", sshd.user);
    assert!(ended.stdout.contains(&refused), "{}", ended.stdout);
    let journal = std::fs::read_to_string(place.path("run/events.jsonl")).unwrap();
    assert_eq!(journal.matches("\"event\":\"login-refused\"").count(), 1, "{journal}");
    let place = Place::new();
    // A port that was free a moment ago.
    sshd.addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let ended = run(&place, &sshd, "", &["--host-key", &sshd.host_key(), "--connect-timeout", "1s"]);
    ended.assert_status(3);
    let health = assert_no_machine(&place, "remote.unreachable");
    assert!(health.failures[0].message.contains("nobody answers within 1 s"), "{}", health.failures[0].message);
    let others = place.record().tests.len() - 1;
    let block =
        format!("\n{others} tests not run: no machine (remote.unreachable, see machine/health): cannot log in to ");
    assert!(ended.stdout.contains(&block), "{}", ended.stdout);
    assert_eq!(ended.stdout.matches("\nERROR machine/").count(), 1, "{}", ended.stdout);
    let verdict = format!("ERROR remote: 0 passed, 1 error, {others} not run; no test ran");
    assert!(ended.stdout.contains(&verdict), "{}", ended.stdout);
}

/// One error, of the machine's own test; all others did not run and name it, in run.json and in JUnit.
fn assert_no_machine(place: &Place, id: &str) -> muster_record::run::TestRecord {
    let health = place.test("machine/health");
    assert_outcome(&health, Outcome::Error, &[id]);
    let record = place.record();
    assert!(record.tests.len() > 2);
    for test in record.tests.iter().filter(|test| test.name() != "machine/health") {
        assert_outcome(test, Outcome::NotRun, &[]);
    }
    assert_eq!(record.totals["not-run"] as usize, record.tests.len() - 1);
    let junit = place.junit();
    assert_eq!((junit.errors, junit.failures), (1, 0));
    for case in
        junit.test_suites.iter().flat_map(|suite| &suite.test_cases).filter(|case| case.name.as_str() != "health")
    {
        let quick_junit::TestCaseStatus::Skipped { message, .. } = &case.status else { panic!("{case:?}") };
        let message = message.as_ref().map(|message| message.as_str()).unwrap_or_default();
        assert!(message.starts_with(&format!("no machine ({id}, see machine/health)")), "{message}");
    }
    health
}

/// Tests that fail, with a file of each.
const REPORTED: &str = r#"
schema: suite/v1
suite: up
tests:
  - id: either
    expect:
      any-of:
        - file: {/no/such/file: {type: file}}
        - file: {/etc/passwd: {type: file}}
          kernel: {release: ">= 1"}
  - id: neither
    steps:
      - collect: [/etc/passwd]
    expect:
      any-of:
        - file: {/no/such/file: {type: file}}
        - file: {/etc/passwd: {type: file}}
          command: {"sh -c 'exit 3'": {exit: 0}}
  - id: loud
    steps:
      - run: seq 1 500; echo why it failed >&2; exit 3
"#;

#[test]
fn what_failed_is_shown_from_its_end_and_with_files_that_a_ci_server_finds() {
    let sshd = Sshd::start().unwrap();
    let place = Place::new();
    let suite = place.write("up.yaml", REPORTED);
    let target = format!("{}@{}", sshd.user, sshd.addr);
    let run = |base: &str| {
        let words = ["run", "--suites", suite.to_str().unwrap(), "--connect", &target, "--allow-changes"];
        let mut command = place.command(&words);
        command.args(["--host-key", &sshd.host_key(), "--attachments-base", base]).arg("--identity").arg(&sshd.key);
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), Duration::from_secs(60))
    };
    let refused = run(env!("CARGO_MANIFEST_DIR"));
    refused.assert_status(2);
    assert!(refused.stderr.contains("--attachments-base: the run directory"), "{}", refused.stderr);
    assert!(!place.path("run").exists(), "nothing was made");

    let base = place.dir.path();
    let ended = run(base.to_str().unwrap());
    ended.assert_status(1);
    assert_outcome(&place.test("up/either"), Outcome::Pass, &[]);
    assert_outcome(&place.test("up/neither"), Outcome::Fail, &["expect.any-of"]);
    assert_outcome(&place.test("up/loud"), Outcome::Fail, &["step.run"]);
    for line in ["        500\n", "        why it failed\n", "found 3: why it failed"] {
        assert!(ended.stdout.contains(line), "{line:?} is missing in\n{}", ended.stdout);
    }
    let attached = place.attachments(base);
    assert!(attached.iter().any(|file| file.ends_with("etc.passwd")), "{attached:?}");
}
