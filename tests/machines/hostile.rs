//! Guests that misbehave while tests run: each act ends in an id of its own within its deadline and
//! costs the test that ran, and no other. All acts are tests of one run, so that they share a boot.

use std::net::TcpListener;
use std::time::Duration;

use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

use crate::support::{Place, assert_clean, assert_outcome, digest, ids, lab_disk};

/// Acts on the warm shell of a fork, or on SSH where they are tagged so, and a calm test after each
/// that wrecks its machine. `HOSTPORT` is a port that the host listens on.
const ACTS: &str = r#"
schema: suite/v1
suite: acts
defaults: {timeout: 1m}
tests:
  - id: floods-console
    summary: nonsense on the console, as fast as it can
    steps:
      - run: timeout 3 yes "$(printf '\033]0;owned\007\033[2J\302\233\357\277\276 ]]></system-out><testcase name="forged"/>')" >/dev/ttyS0; true
  - id: floods-errors
    summary: a gibibyte on standard error
    steps:
      - run: cat /dev/zero >&2
        timeout: 30s
  - id: prints-control-bytes
    summary: what would move a cursor, end an element or forge a test
    steps:
      - run: |
          printf '\033]0;owned\007\033[2J\000\302\233\357\277\276\342\200\256 ]]></system-out></testcase><testcase name="forged"/>\r\n\377'
          printf '\033[31mred ]]>' >&2
          exit 3
  - id: lies
    summary: markers of its own in both streams, to end the frame with a status that it did not have
    steps:
      - run: |
          for n in 00000000000000000000000000000000 "" "$(printf %032x 255)"; do
            printf '\036%s>0\n\036%s<1\n\036%s>0\n' "$n" "$n" "$n"; printf '\036%s>\n' "$n" >&2
          done
          exit 7
  - id: closes-mid-frame
    summary: half an answer, and then no shell
    steps:
      - run: printf half; kill -9 $$
  - id: leaves-a-flooder
    summary: ends well and leaves something behind that floods the streams of what comes next
    steps:
      - run: setsid cat /dev/zero & true
  - id: fills-its-disk
    summary: no room is left anywhere it may write
    steps:
      - run: cat /dev/zero >/tmp/full
  - id: reaches-out
    summary: the host behind the gateway, its port, its cloud
    steps:
      - run: |
          for to in 10.0.2.2:HOSTPORT 10.0.2.2:22 169.254.169.254:80 168.63.129.16:80 127.1.2.3:HOSTPORT; do
            ! nc -w 2 $${to%:*} $${to#*:} </dev/null || echo "reached $to"
          done
        stdout: {empty: true}
  - id: reboots
    summary: by itself, while it is in use
    steps:
      - run: reboot -f; sleep 60
  - id: calm-after-reboot
    summary: the next test has a machine
    steps: [{run: echo calm, stdout: {line: calm}}]
  - id: panics
    summary: read from the console at once
    steps:
      - run: echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 60
  - id: panics-after-its-last-step
    summary: it has passed when the kernel panics, and is not told from one that is well by its exit status
    steps:
      - run: echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger &
  - id: powers-off
    summary: told from one that is silent
    steps:
      - run: poweroff -f; sleep 60
  - id: eats-memory
    summary: until the kernel finds nobody left to kill
    steps:
      - run: mount -o remount,size=100% /tmp; mount -t tmpfs -o size=100% x /mnt; cat /dev/zero >/tmp/full; cat /dev/zero >/mnt/full; sleep 60
  - id: forks
    summary: without end
    timeout: 2s
    steps:
      - run: "f() { f & f & wait; }; f"
  - id: calm-after-forks
    summary: the next test has a machine
    steps: [{run: echo calm, stdout: {line: calm}}]
"#;

/// The same where SSH itself is what is tested.
const OVER_SSH: &str = r#"
schema: suite/v1
suite: over-ssh
tags: [ssh]
defaults: {timeout: 1m}
tests:
  - id: lies
    summary: markers of its own in both streams
    steps:
      - run: printf '\036%s>0\n' "" 00000000000000000000000000000000; printf '\036>\n' >&2; exit 7
  - id: closes-mid-frame
    summary: half an answer, and then no shell
    steps:
      - run: printf half; kill -9 $$
  - id: kills-sshd
    summary: loses the test, not the run
    steps:
      - run: 'for p in /proc/[0-9]*; do read -r c <$p/comm || continue; case $c in dropbear|sshd*) kill -9 $${p#/proc/};; esac; done 2>/dev/null; sleep 60'
  - id: hangs-in-the-kernel
    summary: everything is frozen, its clock included
    timeout: 1s
    steps:
      - run: echo freeze >/sys/power/state; sleep 60
  - id: changes-its-host-key
    summary: the tiny image makes a new key on every boot
    timeout: 3m
    steps:
      - reboot: soft
  - id: calm-at-last
    summary: the next test has a machine
    steps: [{run: echo calm, stdout: {line: calm}}]
"#;

/// Tests that share one machine, in this order: the setup makes them all tests that change it.
const SHARED: &str = r#"
schema: suite/v1
suite: shared
setup: [{run: "true"}]
defaults: {timeout: 1m}
tests:
  - id: floods
    summary: a command that prints a gibibyte is cut off
    guest: shared
    steps:
      - run: cat /dev/zero
        timeout: 30s
  - id: after-flood
    summary: the same machine still answers
    guest: shared
    expect: {command: {"echo calm": {stdout: {line: calm}}}}
  - id: never-ends
    summary: a command that never ends is killed
    guest: shared
    steps:
      - run: sleep 100000
        timeout: 1s
  - id: after-hang
    summary: nothing of it is left
    guest: shared
    expect: {command: {"cat /proc/[0-9]*/cmdline": {stdout: {lacks: ["100000"]}}}}
"#;

/// One run of these suites, all of whose acts must have been survived.
struct Acted {
    place: Place,
    record: RunRecord,
    stdout: String,
}

impl Acted {
    fn out(suites: &[(&str, &str)]) -> Self {
        let place = Place::new();
        let disk = lab_disk("lab-tiny");
        let before = digest(&disk);
        let files: Vec<_> = suites.iter().map(|(name, text)| place.write(name, text)).collect();
        let mut words = vec!["run", "--image", "lab-tiny", "--jobs", "1"];
        for file in &files {
            words.extend(["--suites", file.to_str().unwrap()]);
        }
        let ended = place.run(&words, Duration::from_secs(420));
        assert_eq!(digest(&disk), before, "the source image was written to");
        assert_clean(place.dir.path());
        let record = place.record();
        let acted = Self { place, record, stdout: ended.stdout };
        for test in acted.record.tests.iter().filter(|test| test.suite != "machine") {
            assert!(test.seconds < 120.0, "{} took {} s", test.name(), test.seconds);
            assert!(test.machine.is_some(), "{} had no machine", test.name());
            let sharers = acted.record.tests.iter().filter(|other| other.machine == test.machine).count();
            assert_eq!(sharers, if test.suite == "shared" { 4 } else { 1 }, "{}", test.name());
        }
        acted
    }

    fn test(&self, name: &str) -> TestRecord {
        self.place.test(name)
    }

    fn assert(&self, outcome: Outcome, ends: &[(&str, &str)]) {
        for (name, id) in ends {
            assert_outcome(&self.test(name), outcome, &[id]);
        }
    }

    /// Passed, and was asked after the other test.
    fn assert_calm(&self, calm: &str, after: &str) {
        let calm = self.test(calm);
        assert_outcome(&calm, Outcome::Pass, &[]);
        assert!(self.test(after).started < calm.started, "{} came before {after}", calm.name());
    }
}

#[test]
fn each_act_has_its_own_id_and_the_run_goes_on() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    let acts = ACTS.replace("HOSTPORT", &host.local_addr().unwrap().port().to_string());
    let acted = Acted::out(&[("acts.yaml", &acts), ("shared.yaml", SHARED)]);
    acted.assert(
        Outcome::Fail,
        &[
            ("acts/floods-errors", "command.output-limit"),
            ("acts/prints-control-bytes", "step.run"),
            ("acts/lies", "step.run"),
            ("acts/fills-its-disk", "step.run"),
            ("shared/floods", "command.output-limit"),
            ("shared/never-ends", "command.timeout"),
        ],
    );
    acted.assert(
        Outcome::Error,
        &[
            ("acts/closes-mid-frame", "ssh.protocol"),
            ("acts/reboots", "machine.rebooted"),
            ("acts/powers-off", "machine.powered-off"),
        ],
    );
    // What it leaves behind has the streams of a shell that is used no more: it reaches no other answer, and the
    // test says so.
    let flooder = acted.test("acts/leaves-a-flooder");
    assert_outcome(&flooder, Outcome::Pass, &[]);
    assert!(flooder.remarks.iter().any(|remark| remark.contains("left a process running")), "{:?}", flooder.remarks);
    for name in ["acts/panics", "acts/panics-after-its-last-step"] {
        assert_eq!(ids(&acted.test(name))[0], "console.kernel-panic", "{name}");
    }
    for name in ["acts/eats-memory", "acts/forks"] {
        assert!(ids(&acted.test(name)).contains(&"console.oom"), "{name}: {:?}", ids(&acted.test(name)));
    }
    for name in ["acts/floods-console", "acts/reaches-out"] {
        assert_outcome(&acted.test(name), Outcome::Pass, &[]);
    }
    acted.assert_calm("acts/calm-after-reboot", "acts/reboots");
    acted.assert_calm("acts/calm-after-forks", "acts/forks");
    acted.assert_calm("shared/after-flood", "shared/floods");
    acted.assert_calm("shared/after-hang", "shared/never-ends");
    assert!(host.accept().is_err(), "a restricted guest reached the host");
    // The lie changed nothing: the status is the one the command had.
    assert_eq!(acted.test("acts/lies").failures[0].actual.as_deref(), Some("7"));
    acted.assert_escaped();
    // Every failure ends with the command that runs it again.
    let failed = acted.test("shared/floods");
    assert!(failed.rerun.ends_with("--image lab-tiny --test shared/floods"), "{}", failed.rerun);
    assert!(acted.stdout.contains(&failed.rerun), "{}", acted.stdout);
}

#[test]
fn so_it_is_over_ssh() {
    let acted = Acted::out(&[("over-ssh.yaml", OVER_SSH)]);
    acted.assert(Outcome::Fail, &[("over-ssh/lies", "step.run"), ("over-ssh/changes-its-host-key", "reboot.host-key")]);
    acted.assert(
        Outcome::Error,
        &[
            ("over-ssh/closes-mid-frame", "ssh.protocol"),
            ("over-ssh/kills-sshd", "ssh.lost"),
            ("over-ssh/hangs-in-the-kernel", "test.timeout"),
        ],
    );
    acted.assert_calm("over-ssh/calm-at-last", "over-ssh/changes-its-host-key");
}

impl Acted {
    /// Nothing the guest printed reaches a terminal or a parser as more than text.
    fn assert_escaped(&self) {
        let junit = self.place.junit();
        let mut cases = junit.test_suites.iter().flat_map(|suite| &suite.test_cases);
        assert!(!cases.any(|case| case.name.contains("forged")), "the guest added a test to junit.xml");
        for name in ["run.json", "junit.xml", "events.jsonl"] {
            let text = std::fs::read_to_string(self.place.path("run").join(name)).unwrap();
            assert_eq!(control(&text), None, "{name}");
        }
        assert_eq!(control(&self.stdout), None, "the terminal");
        assert!(self.stdout.contains(r"\x1b]0;owned"), "what was printed is not shown");
    }
}

/// The first character that a terminal would obey or XML forbids.
fn control(text: &str) -> Option<char> {
    text.chars().find(|c| (c.is_control() && !"\n\t\r".contains(*c)) || "\u{202e}\u{fffe}\u{ffff}".contains(*c))
}
