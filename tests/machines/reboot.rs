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
      printf '%s\n' '#!/bin/sh' FIRST 'exec /init.again' >init
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
