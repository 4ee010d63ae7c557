//! Reboots: a guest that does as it is asked, one that does not, and one that does more.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Finished, Place, assert_outcome, lab_disk};

/// The tiny image lives in memory alone. This puts what has to outlive a reboot into a second
/// archive beside the boot loader's first: the host key, and `FIRST` as what runs before init.
const KEEP: &str = r#"
  - run: |
      set -e
      modprobe -aq nls_ascii nls_cp437 vfat
      mount -t vfat /dev/vda1 /mnt
      mkdir -p /tmp/keep/etc/dropbear
      cd /tmp/keep
      cp /etc/dropbear/dropbear_ed25519_host_key etc/dropbear/
      cp /init init.again
      printf '%s\n' '#!/bin/sh' 'FIRST' 'exec /init.again' >init
      chmod 755 init
      find . | cpio -o -H newc >/mnt/keep
      sed -i 's|INITRD /initrd|INITRD /initrd,/keep|' /mnt/syslinux.cfg
      AGAIN
      umount /mnt
      sync
"#;

/// A suite that keeps what must be kept and then has these tests.
pub(crate) fn suite(first: &str, again: &str, tests: &str) -> String {
    let keep = KEEP.replace("FIRST", first).replace("AGAIN", again);
    format!("schema: suite/v1\nsuite: reboot\nsetup:{keep}tests:\n{tests}")
}

fn run(place: &Place, text: &str) -> Finished {
    let suite = place.write("reboot.yaml", text);
    let words = ["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny"];
    place.run(&words, Duration::from_secs(400))
}

#[test]
fn soft_hard_and_crash_come_back_once_and_are_evaluated_on_the_new_boot() {
    let place = Place::new();
    let tests = r#"
  - id: soft
    steps:
      - run: echo old >/run/mark; cat /proc/sys/kernel/random/boot_id
      - reboot: soft
      - run: test ! -e /run/mark
    expect: {kernel: {release: ">= 5.10"}}
  - id: hard
    steps:
      - reboot: hard
        timeout: 1m
    expect: {file: {/run/mark: absent}}
  - id: crash
    steps:
      - reboot: crash
      - run: test "$(cat /proc/sys/kernel/panic)" = 0
  - id: after
    expect: {kernel: {release: ">= 5.10"}}
"#;
    let ended = run(&place, &suite(":", ":", tests));
    ended.assert_status(0);
    for (name, kind) in [("reboot/soft", "soft"), ("reboot/hard", "hard"), ("reboot/crash", "crash")] {
        let test = place.test(name);
        assert_outcome(&test, Outcome::Pass, &[]);
        assert!(test.remarks[0].starts_with(&format!("{kind} reboot: settled again after ")), "{:?}", test.remarks);
        // Its boot on the console is the one that was asked for.
        assert!(!test.remarks.iter().any(|remark| remark.contains("unexpected-reboot")), "{:?}", test.remarks);
    }
    let crash = place.test("reboot/crash");
    assert!(crash.remarks.iter().any(|remark| remark.contains("kernel.panic was 0")), "{:?}", crash.remarks);
    assert!(crash.remarks.iter().any(|remark| remark.starts_with("kernel-panic: ")), "{:?}", crash.remarks);
    assert_outcome(&place.test("reboot/after"), Outcome::Pass, &[]);
    // Each rebooted a clone of its own, whose panic was expected and did not end it.
    let record = place.record();
    let of = |test: &str| place.test(test).machine.unwrap();
    let end = |id: String| record.machines.iter().find(|machine| machine.id == id).and_then(|m| m.end.clone());
    for name in ["reboot/soft", "reboot/hard", "reboot/crash"] {
        assert_eq!(end(of(name)).as_deref(), Some("killed"), "{name}");
    }
    assert_eq!(end(of("reboot/after")).as_deref(), Some("powered-off"));
    assert_eq!(record.machines.iter().filter(|machine| machine.cloned_from.is_none()).count(), 1);
    let findings = record.findings.iter().map(|found| &found.finding);
    let panics: Vec<bool> =
        findings.filter(|found| &*found.category == "kernel-panic").map(|found| found.is_fatal()).collect();
    assert_eq!(panics, [false]);
}

#[test]
fn a_guest_that_ignores_the_request_or_refuses_it_does_not_pass() {
    let place = Place::new();
    let tests = r#"
  - id: ignores
    steps:
      # The wish reaches PID 1, which is frozen.
      - run: |
          set -e
          mkdir -p /tmp/cgroup
          mount -t cgroup2 none /tmp/cgroup
          mkdir /tmp/cgroup/ice
          echo 1 >/tmp/cgroup/ice/cgroup.procs
          echo 1 >/tmp/cgroup/ice/cgroup.freeze
      - reboot: soft
        timeout: 1s
    expect: {kernel: {release: ">= 5.10"}}
  - id: refuses
    steps:
      - run: echo >/tmp/file; mount --bind /tmp/file /proc/sysrq-trigger; mount -o remount,bind,ro /proc/sysrq-trigger
      - reboot: crash
  - id: another-key
    steps:
      - reboot: hard
"#;
    let text = format!("schema: suite/v1\nsuite: reboot\ntests:\n{tests}");
    run(&place, &text).assert_status(1);
    let ignores = place.test("reboot/ignores");
    assert_outcome(&ignores, Outcome::Fail, &["reboot.same-boot"]);
    assert!(ignores.failures[0].location.as_ref().is_some_and(|at| at.line == 15), "{:?}", ignores.failures);
    let refuses = place.test("reboot/refuses");
    assert_outcome(&refuses, Outcome::Fail, &["reboot.refused"]);
    assert!(refuses.failures[0].message.contains("Read-only file system"), "{:?}", refuses.failures);
    // Nothing keeps its key here.
    assert_outcome(&place.test("reboot/another-key"), Outcome::Fail, &["reboot.host-key"]);
    assert_outcome(&place.test("machine/health"), Outcome::Pass, &[]);
}

#[test]
fn a_guest_that_reboots_twice_before_it_answers_does_not_pass() {
    let place = Place::new();
    let first = "export PATH=/usr/sbin:/usr/bin:/sbin:/bin; mount -t devtmpfs dev /dev; mount -t proc proc /proc; \
                 mount -t sysfs sys /sys; modprobe -aq virtio_pci virtio_blk nls_ascii nls_cp437 vfat; \
                 until [ -b /dev/vda1 ]; do sleep 0.1; done; mount -t vfat /dev/vda1 /mnt; \
                 if rm /mnt/again 2>/dev/null; then umount /mnt; sync; reboot -f; fi; umount /mnt /sys /proc /dev";
    let tests = r#"
  - id: twice
    steps:
      - reboot: soft
  - id: panics-on-the-way
    steps:
      - run: mount -t vfat /dev/vda1 /mnt; sed -i s/rdinit=.init/rdinit=none/ /mnt/syslinux.cfg; umount /mnt; sync
      - reboot: hard
"#;
    run(&place, &suite(first, "touch /mnt/again", tests)).assert_status(1);
    let twice = place.test("reboot/twice");
    assert_outcome(&twice, Outcome::Fail, &["reboot.twice"]);
    assert!(twice.failures[0].message.contains("2 starts of a kernel"), "{:?}", twice.failures);
    // What a reboot ends in is known at once, and by its own name.
    let panics = place.test("reboot/panics-on-the-way");
    assert_eq!(panics.outcome, Outcome::Fail, "{:?}", panics.failures);
    let id = panics.failures[0].id.as_str();
    assert!(["boot.emergency", "console.kernel-panic"].contains(&id), "{:?}", panics.failures);
}

/// A machine that muster did not start.
struct Stranger(Child);

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the tiny image by hand, with a key of its own; its port.
fn stranger(place: &Place) -> (Stranger, u16) {
    let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(place.path("key")));
    let key = std::fs::read_to_string(place.path("key.pub")).unwrap();
    let disk = place.path("disk.qcow2");
    let base = lab_disk("lab-tiny");
    run(Command::new("qemu-img").args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"]).arg(base).arg(&disk));
    // Free a moment ago; nobody else is likely to take it before QEMU does.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let qemu = Command::new("qemu-system-x86_64")
        .args(["-accel", "tcg", "-machine", "q35", "-m", "256", "-smp", "1", "-display", "none", "-serial", "null"])
        .arg("-drive")
        .arg(format!("file={},format=qcow2,if=virtio", disk.display()))
        .arg("-nic")
        .arg(format!("user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"))
        .arg("-smbios")
        .arg(format!("type=11,value=io.systemd.credential:ssh.authorized_keys.root={}", key.trim()))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    (Stranger(qemu), port)
}

#[test]
fn a_machine_that_is_already_up_reboots_when_it_is_asked_and_only_then() {
    let place = Place::new();
    let (_machine, port) = stranger(&place);
    let tests = r#"
  - id: soft
    steps:
      - run: echo old >/run/mark
      - reboot: soft
    expect: {file: {/run/mark: absent}}
  - id: hard
    steps:
      - reboot: hard
"#;
    let suite = place.write("reboot.yaml", &suite(":", ":", tests));
    let (target, key) = (format!("root@127.0.0.1:{port}"), place.path("key"));
    let words = ["run", "--suites", suite.to_str().unwrap(), "--connect", &target, "--identity", key.to_str().unwrap()];
    // It may still be booting.
    let more = ["--accept-new-host-key", "--allow-changes", "--connect-timeout", "2m"];
    place.run(&[&words[..], &more[..]].concat(), Duration::from_secs(300)).assert_status(0);
    let soft = place.test("reboot/soft");
    assert_outcome(&soft, Outcome::Pass, &[]);
    assert!(soft.remarks.iter().any(|remark| remark.contains("only once cannot be known")), "{:?}", soft.remarks);
    let hard = place.test("reboot/hard");
    assert_outcome(&hard, Outcome::Skip, &[]);
    assert_eq!(hard.skipped.as_ref().map(|why| why.id.as_str()), Some("skip.machine"));
}
