use std::sync::Arc;

use super::account::{self, Account};
use super::system::System;
use super::text;
use crate::load;
use muster_base::machine::Format;
use muster_image::{DiskSource, ImageSpec};
use muster_suite::model::Suite;

const SUITE: &str = r#"schema: suite/v1
suite: web
images: {where: "distro >= fedora-41", because: older ones are not looked after}
tags: [isv]
vars: {port: 80}
base-checks: {coredump: info}
matrix:
  firmware: [bios, uefi]
setup:
  - run: dnf -q makecache
    timeout: 2m
tests:
  - id: install
    summary: nginx comes
    tags: [needs-internet]
    steps:
      - install: [nginx]
        scriptlet-errors: none
      - service: nginx
        state: started
        enabled: true
    expect:
      package: {nginx: {version: ">= 1:1.26, < 2:0"}}
  - id: serves
    summary: nginx answers
    link: https://example.org/serves
    needs: [install]
    retry: 2
    steps:
      - write: /srv/x
        content: "a\u001bb"
      - run: curl -fsS http://127.0.0.1:${port}/
        stdout: {matches: "(?i)nginx"}
        eventually: 15s
    expect:
      port: {"tcp/${port}": {listening: true, eventually: 20s}}
      kconfig: {CONFIG_KVM: {any-of: [y, m]}}
      command: {"true": {stdout: {empty: true}}}
      all-of:
        - sysctl: {net.core.somaxconn: ">= 4096"}
        - any-of: [{package: {nginx: present}}, {file: {/opt/nginx: {type: directory}}}]
    snapshots:
      - name: units
        of: units
        only: ["nginx*"]
    adjust:
      - when: arch == aarch64
        because: KVM is built in there
        expect: {kconfig: {CONFIG_KVM: y}}
      - when: capability == selinux
        because: a policy has more to say
        expect: {port: null, selinux: {mode: enforcing}}
        timeout: 9m
"#;

fn suite() -> Arc<Suite> {
    let (suite, problems) = muster_suite::decode_source("suites/web.yaml", SUITE, &load::vocabulary());
    assert_eq!(problems.render(false), "");
    Arc::new(suite.unwrap())
}

fn image(facts: &[(&str, &str)]) -> System {
    let mut spec = ImageSpec::new("box", DiskSource::Path("x".into()), Format::Raw);
    spec.facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    System::of(&spec)
}

fn account(test: &str, system: &System) -> Account {
    let suite = suite();
    let index = suite.tests.iter().position(|one| one.id == test).unwrap();
    account::of(&suite, index, system)
}

#[test]
fn a_page_says_all_there_is_to_a_test() {
    let page = text::render(&account("serves[firmware=bios]", &image(&[("distro", "fedora-43"), ("arch", "aarch64")])));
    for part in [
        "web/serves[firmware=bios]\n",
        "why         nginx answers",
        "file        suites/web.yaml:24:5",
        "tags        isv",
        "see         https://example.org/serves",
        "runs when   distro >= fedora-41, because older ones are not looked after (suite)",
        "on box: it runs",
        "clone: a clone of the booted machine for this chain alone; with firmware bios; it reaches the internet",
        "in order    install[firmware=bios], then serves[firmware=bios]",
        "run again up to 2 times",
        "run dnf -q makecache: exit is 0 (within 2m)",
        "run curl -fsS http://127.0.0.1:80/: exit is 0, stdout matches (?i)nginx (tried again for 15s)",
        "port tcp/80: listening is true (may arrive within 20s)",
        "kconfig CONFIG_KVM: value is y",
        "command true: exit is 0",
        "all-of 1 of 2: sysctl net.core.somaxconn: value >= 4096",
        "all-of 2 of 2: any-of 2 of 2: file /opt/nginx: type is directory",
        "[check file",
        "on box: it applies, and is in what is expected above",
        "units: units (only nginx*)",
        "checks too  failed-units, crash-loop, avc, coredump (only reported), oom, taint",
        "[step 1]\n      # writes 3 bytes to /srv/x: a\\x1bb",
        "[step 2]\n      curl -fsS http://127.0.0.1:80/\n",
        "[snapshot units, at most 1m]\n      systemctl list-unit-files",
        "[base checks, at most 20s, if systemd is PID 1]\n      list=$(systemctl list-units --state=failed",
        "--after-cursor='LAST-ENTRY-BEFORE-THE-TEST'",
    ] {
        assert!(page.contains(part), "{part:?} is missing in\n{page}");
    }
    assert!(!page.contains('\u{1b}'), "{page}");
}

#[test]
fn what_only_a_booted_guest_can_tell_is_unknown_and_both_variants_are_shown() {
    let account = account("serves[firmware=uefi]", &image(&[("distro", "fedora-43"), ("arch", "x86_64")]));
    let conditions: Vec<&Vec<String>> = account.variants.iter().map(|variant| &variant.conditions).collect();
    assert_eq!(conditions, [&vec!["capability == selinux".to_owned()]], "the other is known not to apply");
    assert!(account.expect.iter().any(|line| line.text.starts_with("port tcp/80")));
    assert!(!account.variants[0].expect.iter().any(|line| line.text.starts_with("port tcp/80")));
    assert_eq!(account.variants[0].timeout, "9m");
    let page = text::render(&account);
    for part in [
        "on box: no, arch is x86_64 here",
        "on box: unknown until it has booted (capability)",
        "if `capability == selinux` holds, in place of the above",
        "- port tcp/80: listening is true",
        "+ selinux: mode is enforcing",
        "- time 5m\n    + time 9m",
        "- [check port",
        "+ [check selinux",
        "kconfig CONFIG_KVM: value is y or is m",
    ] {
        assert!(page.contains(part), "{part:?} is missing in\n{page}");
    }
}

#[test]
fn without_an_image_nothing_is_decided_and_every_combination_is_shown() {
    let account = account("serves[firmware=uefi]", &System::default());
    assert_eq!(account.variants.len(), 3, "either, or both");
    assert_eq!(account.variants[2].conditions.len(), 2);
    assert!(account.variants[2].expect.iter().any(|line| line.text == "kconfig CONFIG_KVM: value is y"));
    let page = text::render(&account);
    assert!(page.contains("otherwise when arch == aarch64, because KVM is built in there"), "{page}");
    assert!(!page.contains("  on "), "no image is spoken of\n{page}");
}

#[test]
fn what_is_known_not_to_be_asked_says_why() {
    let page = text::render(&account("install[firmware=bios]", &image(&[("distro", "fedora-40")])));
    assert!(page.contains("on box: no, distro is fedora-40 here"), "{page}");
    assert!(page.contains("# installs nginx with the guest's package manager"), "{page}");
    let dnf = account("install[firmware=bios]", &image(&[("package-manager", "dnf5")]));
    assert!(dnf.commands.iter().any(|command| command.script.starts_with("# installs nginx with dnf5")));
}

#[test]
fn every_command_is_sh() {
    for test in ["install[firmware=bios]", "serves[firmware=uefi]"] {
        for command in account(test, &System::default()).commands {
            let status = std::process::Command::new("/bin/sh").args(["-n", "-c", &command.script]).status().unwrap();
            assert!(status.success(), "{}", command.script);
        }
    }
}

#[test]
fn a_selinux_that_is_known_is_not_a_question() {
    let off = account("install[firmware=bios]", &image(&[("selinux", "disabled"), ("systemd", "257")]));
    assert!(off.commands.iter().all(|command| command.only_if.is_none() && !command.script.contains("audit.log")));
    let on = account("install[firmware=bios]", &image(&[("selinux", "enforcing"), ("systemd", "257")]));
    assert!(on.commands.iter().any(|command| command.script.contains("audit.log")));
}

#[test]
fn many_open_adjustments_are_shown_one_by_one_and_that_is_said() {
    let many: String = (0..5)
        .map(|n| {
            format!(
                "      - {{when: tool == rpm and kernel >= {n}, because: b, expect: {{kernel: {{taint: {}}}}}}}\n",
                n + 1
            )
        })
        .collect();
    let text = format!(
        "schema: suite/v1\nsuite: s\ntests:\n  - id: t\n    expect: {{kernel: {{taint: 0}}}}\n    adjust:\n{many}"
    );
    let (suite, problems) = muster_suite::decode_source("s.yaml", &text, &load::vocabulary());
    assert_eq!(problems.render(false), "");
    let account = account::of(&Arc::new(suite.unwrap()), 0, &System::default());
    assert_eq!(account.variants.len(), 5);
    assert!(text::render(&account).contains("each is shown alone"));
}

#[test]
fn a_test_of_which_nothing_is_left_says_so() {
    let text = "schema: suite/v1\nsuite: s\ntests:\n  - id: t\n    expect: {kernel: {taint: 0}, sysctl: {kernel.ostype: Linux}}\n    adjust:\n      - {when: arch == aarch64, because: b, expect: {kernel: null}}\n      - {when: mode == image, because: b, expect: {sysctl: null}}\n";
    let (suite, problems) = muster_suite::decode_source("s.yaml", text, &load::vocabulary());
    assert_eq!(problems.render(false), "");
    let suite = Arc::new(suite.unwrap());
    let left = |facts: &[(&str, &str)]| account::of(&suite, 0, &image(facts));
    assert!(left(&[("arch", "aarch64"), ("mode", "image")]).nothing_left);
    let open = left(&[("arch", "aarch64")]);
    assert!(!open.nothing_left && open.variants[0].nothing_left);
    assert!(text::render(&open).contains("nothing is left of the test"));
}

#[test]
fn the_machine_s_own_test_has_an_account_too() {
    let page = text::render(&account::of_health(&System::default()));
    assert!(page.starts_with("machine/health\n") && page.contains("base checks after a boot"), "{page}");
}

#[test]
fn every_shipped_test_has_an_account() {
    let dir = camino::Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../suites"));
    let (suites, problems) = muster_suite::load(&[dir], &load::vocabulary());
    assert!(problems.is_empty());
    for suite in suites.into_iter().map(Arc::new) {
        for index in 0..suite.tests.len() {
            let account = account::of(&suite, index, &image(&[("distro", "fedora-43")]));
            assert!(account.commands.len() > 1, "{}", account.name);
            assert_eq!(account.chain.last().map(String::as_str), Some(suite.tests[index].id.as_str()));
        }
    }
}
