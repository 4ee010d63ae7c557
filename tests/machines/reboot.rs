//! Reboots: a guest that does as it is asked, one that does not, and one that does more.

use std::time::Duration;

use muster::run::outcome::Outcome;

use crate::support::{Finished, Place, assert_outcome};

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
fn suite(first: &str, again: &str, tests: &str) -> String {
    let keep = KEEP.replace("FIRST", first).replace("AGAIN", again);
    format!("schema: suite/v1\nsuite: reboot\nsetup:{keep}tests:\n{tests}")
}

fn run(place: &Place, text: &str) -> Finished {
    let suite = place.write("reboot.yaml", text);
    let words = ["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny"];
    place.run(&words, Duration::from_secs(400))
}

#[test]
fn soft_hard_and_crash_come_back_once_and_are_judged_on_the_new_boot() {
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
    }
    let crash = place.test("reboot/crash");
    assert!(crash.remarks.iter().any(|remark| remark.contains("kernel.panic was 0")), "{:?}", crash.remarks);
    assert!(crash.remarks.iter().any(|remark| remark.starts_with("kernel-panic: ")), "{:?}", crash.remarks);
    assert_outcome(&place.test("reboot/after"), Outcome::Pass, &[]);
    // All of it was one machine, whose panic was expected and did not end it.
    let record = place.record();
    assert_eq!(record.machines.len(), 1);
    assert_eq!(record.machines[0].end.as_deref(), Some("powered-off"));
    let panics: Vec<bool> =
        record.findings.iter().filter(|f| f.category == "kernel-panic").map(|finding| finding.fatal).collect();
    assert_eq!(panics, [false]);
}

#[test]
fn a_guest_that_ignores_the_wish_or_refuses_it_does_not_pass() {
    let place = Place::new();
    let tests = r#"
  - id: ignores
    steps:
      - run: rm /sbin/reboot; printf '#!/bin/sh\n' >/sbin/reboot; chmod 755 /sbin/reboot
      - reboot: soft
        timeout: 1s
    expect: {kernel: {release: ">= 5.10"}}
  - id: refuses
    steps:
      - run: rm /sbin/reboot; printf '#!/bin/sh\necho not today >&2; exit 1\n' >/sbin/reboot; chmod 755 /sbin/reboot
      - reboot: soft
  - id: another-key
    steps:
      - reboot: hard
"#;
    let text = format!("schema: suite/v1\nsuite: reboot\ntests:\n{tests}");
    run(&place, &text).assert_status(1);
    let ignores = place.test("reboot/ignores");
    assert_outcome(&ignores, Outcome::Fail, &["reboot.same-boot"]);
    assert!(ignores.failures[0].location.as_ref().is_some_and(|at| at.line == 7), "{:?}", ignores.failures);
    let refuses = place.test("reboot/refuses");
    assert_outcome(&refuses, Outcome::Fail, &["reboot.refused"]);
    assert!(refuses.failures[0].message.ends_with("not today"), "{:?}", refuses.failures);
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
      - run: mount -t vfat /dev/vda1 /mnt; rm /mnt/keep; echo nothing >/mnt/keep; sed -i s/rdinit=.init/rdinit=none/ /mnt/syslinux.cfg; umount /mnt; sync
      - reboot: hard
"#;
    run(&place, &suite(first, "touch /mnt/again", tests)).assert_status(1);
    let twice = place.test("reboot/twice");
    assert_outcome(&twice, Outcome::Fail, &["reboot.twice"]);
    assert!(twice.failures[0].message.contains("2 starts of a kernel"), "{:?}", twice.failures);
    // What a reboot ends in is known at once, and by its own name.
    assert_outcome(&place.test("reboot/panics-on-the-way"), Outcome::Fail, &["console.kernel-panic"]);
}
