use super::again::Wrong;
use super::collect::{self, Fact};
use super::draft::Recorded;
use super::sources::{self, Of, RecordSource};
use super::write::{self, Origin};
use crate::load;
use muster_guest::{End, Reply};
use muster_suite::clause::expectations;
use muster_suite::model::{Expectation, Matcher, Suite};
use muster_suite::write::{Drafted, Entry, Stated};

const RPMS: &str = "bash\t0:5.2.37-1.fc42\tx86_64\tFedora Project\nkernel-core\t0:6.14.0-63.fc42\tx86_64\tFedora Project\n\
    kernel-core\t0:6.14.3-300.fc42\tx86_64\tFedora Project\ngpg-pubkey\t0:105ef944-65ca83d1\t(none)\t(none)\n\
    dbus\t1:1.16.0-3.fc42\tx86_64\tFedora Project\n";

const UNITS: &str = "boot.mount                 generated -\nsshd.service               enabled   enabled\n\
    getty@.service             enabled   enabled\ndebug-shell.service        disabled  disabled\n\
    systemd-timedated.service  static    -\nnfs-server.service         masked    disabled\nrun-u7.service transient -\n";

const SYSCTLS: &str = "abi.vsyscall32 = 1\ndev.cdrom.info = CD-ROM information, Id: cdrom.c 3.20 2003/12/17\ndev.cdrom.info = \n\
    fs.file-nr = 1024\t0\t9223372036854775807\nfs.protected_symlinks = 1\nkernel.core_pattern = |/usr/lib/systemd/systemd-coredump %P %u\n\
    kernel.hostname = box\nkernel.ostype = Linux\nkernel.printk = 4\t4\t1\t7\nkernel.random.uuid = 2f1c\n\
    net.ipv4.conf.all.rp_filter = 2\nnet.ipv4.conf.eth0.rp_filter = 2\nnet.ipv4.conf.eth0/100.rp_filter = 2\n\
    net.ipv4.ip_local_port_range = 32768\t60999\nnet.ipv4.tcp_mem = 1\t2\t3\n";

const KCONFIG: &str = "#\n# Linux/x86_64 6.14.3 Kernel Configuration\n#\nCONFIG_CC_VERSION_TEXT=\"gcc 15\"\nCONFIG_KVM=m\nCONFIG_BPF=y\n\
    # CONFIG_DEVMEM is not set\nCONFIG_LSM=\"lockdown,yama,bpf\"\nCONFIG_NR_CPUS=8192\nCONFIG_BASE_SMALL=0\nCONFIG_CMDLINE=\"\"\n";

const USERS: &str = "root:x:0:0:Super User:/root:/bin/bash\nnobody:x:65534:65534:Kernel Overflow User:/:/usr/sbin/nologin\nold:x:7:7::/:\n\
    systemd-x:!:61700:61700::/:/sbin/nologin\n";

const GROUPS: &str = "root:x:0:\nwheel:x:10:ada,grace\nadm:x:4:\n";

const PORTS: &str = "= tcp\n  sl  local_address rem_address   st\n   0: 00000000:0016 00000000:0000 0A\n   1: 0100007F:0277 00000000:0000 0A\n\
    = tcp6\n   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A\n= udp\n   9: 0100007F:0143 00000000:0000 07\n";

fn reply(text: &str) -> Reply {
    Reply { stdout: text.into(), ..Reply::default() }
}

fn of(source: RecordSource, globs: &[&str]) -> Of {
    Of { source, globs: globs.iter().map(|glob| (*glob).to_owned()).collect() }
}

fn facts(source: RecordSource, text: &str) -> Vec<Fact> {
    collect::facts(&of(source, &[]), &reply(text)).unwrap()
}

fn recorded(source: RecordSource, text: &str) -> Recorded {
    let mut recorded = Recorded::default();
    recorded.add(source, facts(source, text), false);
    recorded
}

fn origin() -> Origin {
    Origin {
        suite: "recorded-box".into(),
        machine: "box".into(),
        system: "Fedora Linux 42".into(),
        distro: "fedora-42".into(),
        arch: "x86_64".into(),
        kernel: "6.14.3-300.fc42".into(),
        at: "2026-11-26T12:00:00.000Z".into(),
        of: "packages".into(),
    }
}

fn decoded(recorded: &Recorded) -> Suite {
    let text = write::suite(recorded, &origin());
    let (suite, problems) = muster_suite::decode_source("r.yaml", &text, &load::vocabulary());
    assert_eq!(problems.render(false), "", "{text}");
    suite.unwrap()
}

fn said(expectation: &Expectation) -> String {
    let asked = expectation.assertions.iter().map(|a| format!("{} {}", a.attribute, a.matcher));
    format!("{} {}: {}", expectation.check, expectation.subject, asked.collect::<Vec<_>>().join(", "))
}

fn all_said(recorded: &Recorded) -> Vec<String> {
    decoded(recorded)
        .tests
        .iter()
        .flat_map(|test| expectations(&test.expect).into_iter().map(said).collect::<Vec<_>>())
        .collect()
}

#[test]
fn packages_are_there_and_with_versions_not_older_than_the_newest_instance() {
    assert_eq!(
        all_said(&recorded(RecordSource::Packages, RPMS)),
        ["bash", "dbus", "gpg-pubkey", "kernel-core"].map(|name| format!("package {name}: installed true"))
    );
    let mut with_versions = Recorded::default();
    with_versions.add(RecordSource::Packages, facts(RecordSource::Packages, RPMS), true);
    assert_eq!(
        all_said(&with_versions),
        [
            "package bash: version >= 5.2.37-1.fc42",
            "package dbus: version >= 1:1.16.0-3.fc42",
            "package gpg-pubkey: installed true",
            "package kernel-core: version >= 6.14.3-300.fc42",
        ]
    );
}

#[test]
fn units_are_held_to_what_an_administrator_decided() {
    assert_eq!(
        all_said(&recorded(RecordSource::Units, UNITS)),
        [
            "service sshd.service: enabled enabled",
            "service debug-shell.service: enabled disabled",
            "service nfs-server.service: loaded masked",
        ]
    );
}

#[test]
fn kernel_parameters_are_those_of_the_image_and_not_of_the_machine() {
    let recorded = recorded(RecordSource::Sysctl, SYSCTLS);
    assert_eq!(
        all_said(&recorded),
        [
            "sysctl abi.vsyscall32: value 1",
            "sysctl fs.protected_symlinks: value 1",
            "sysctl kernel.core_pattern: value |/usr/lib/systemd/systemd-coredump %P %u",
            "sysctl kernel.ostype: value Linux",
            "sysctl kernel.printk: value 4 4 1 7",
            "sysctl net.ipv4.conf.all.rp_filter: value 2",
            "sysctl net.ipv4.ip_local_port_range: value 32768 60999",
        ]
    );
    let ids: Vec<&str> = recorded.tests.iter().map(|test| test.id.as_str()).collect();
    assert_eq!(ids, ["sysctl-abi", "sysctl-fs", "sysctl-kernel", "sysctl-net"]);
}

#[test]
fn kernel_options_have_their_values_without_quotes() {
    assert_eq!(
        all_said(&recorded(RecordSource::Kconfig, KCONFIG)),
        [
            "kconfig CONFIG_BPF: value y",
            "kconfig CONFIG_KVM: value m",
            "kconfig CONFIG_BASE_SMALL: value 0",
            "kconfig CONFIG_CMDLINE: value \"\"",
            "kconfig CONFIG_LSM: value lockdown,yama,bpf",
            "kconfig CONFIG_NR_CPUS: value 8192",
        ]
    );
}

#[test]
fn users_and_groups_are_whole() {
    assert_eq!(
        all_said(&recorded(RecordSource::Users, USERS)),
        [
            "user nobody: uid 65534, gid 65534, home /, shell /usr/sbin/nologin",
            "user old: uid 7, gid 7, home /, shell \"\"",
            "user root: uid 0, gid 0, home /root, shell /bin/bash",
        ]
    );
    assert_eq!(
        all_said(&recorded(RecordSource::Groups, GROUPS)),
        [
            "group adm: gid 4, members none",
            "group root: gid 0, members none",
            "group wheel: gid 10, members only [ada, grace]"
        ]
    );
}

#[test]
fn ports_are_one_for_both_families_and_nothing_else_is_exposed() {
    assert_eq!(
        all_said(&recorded(RecordSource::Ports, PORTS)),
        [
            "port tcp/22: listening true, exposed true",
            "port tcp/631: listening true, exposed false",
            "port udp/323: listening true, exposed false",
            "listeners : exposed-tcp only [22]",
        ]
    );
    let quiet = recorded(RecordSource::Ports, "= tcp\n  sl  local_address\n");
    assert_eq!(all_said(&quiet), ["listeners : exposed-tcp none"], "a machine on which nothing listens is one too");
}

#[test]
fn files_have_kind_owner_and_permissions() {
    let text =
        "/etc/ssh\x000\x0041ed root root\0/etc/a b\x000\x0081a4 ada users\0/etc/l\x000\x00a1ff root root\n../x y\0";
    assert_eq!(
        all_said(&recorded(RecordSource::Files, text)),
        [
            "file /etc/a b: type file, mode 0644, owner ada, group users",
            "file /etc/l: type symlink, target ../x y, owner root, group root",
            "file /etc/ssh: type directory, mode 0755, owner root, group root",
        ]
    );
    let torn = collect::facts(&of(RecordSource::Files, &["/x"]), &reply("/x\x001\0stat: gone\0"));
    assert!(torn.unwrap_err().to_string().contains("stat: gone"));
}

#[test]
fn the_text_is_one_that_a_person_can_work_with() {
    let mut recorded = recorded(RecordSource::Users, USERS);
    recorded.left_out.push("sysctl a.b: value was 2 when it was read again\n# injected".into());
    let text = write::suite(&recorded, &Origin { machine: "x\nschema: evil/v1".into(), ..origin() });
    assert_eq!(
        text,
        "\
# Recorded from x schema: evil/v1 at 2026-11-26T12:00:00.000Z by muster 0.1.0: --of packages
# Fedora Linux 42, x86_64, kernel 6.14.3-300.fc42
#
# This is what one machine was, not what an image must be. Before it gates anything: remove what may
# change, loosen what may grow (`\">= 4\"`, `{any-of: [a, b]}`), say in each summary why it matters, and
# state under `images` whom it is for.
#
# Left out:
# - sysctl a.b: value was 2 when it was read again # injected
schema: suite/v1
suite: recorded-box
summary: \"what x schema: evil/v1 was when it was recorded\"
tags: [recorded]
# images: {where: \"distro == fedora-42\", because: it was recorded there}
tests:
  - id: users
    summary: \"every user account is there, with its numbers, home and shell\"
    expect:
      user:
        nobody: {uid: 65534, gid: 65534, home: /, shell: /usr/sbin/nologin}
        old: {uid: 7, gid: 7, home: /, shell: \"\"}
        root: {uid: 0, gid: 0, home: /root, shell: /bin/bash}
"
        .replace("0.1.0", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_reading_that_failed_is_no_suite() {
    for source in
        [RecordSource::Packages, RecordSource::Groups, RecordSource::Commands, RecordSource::Files, RecordSource::Ports]
    {
        for (status, end) in [(127, End::Exited), (0, End::TimedOut), (0, End::TooMuchOutput)] {
            let failed = Reply { status, end, stderr: b"rpm: not found".to_vec(), ..reply("") };
            assert!(collect::facts(&of(source, &[]), &failed).is_err(), "{source:?}");
        }
    }
    assert!(collect::facts(&of(RecordSource::Groups, &[]), &reply("nonsense\n")).is_err());
    assert!(collect::facts(&of(RecordSource::Commands, &[]), &reply("")).is_err());
    assert_eq!(collect::facts(&of(RecordSource::Packages, &["zsh*"]), &reply(RPMS)), Ok(vec![]), "read, and not there");
}

#[test]
fn what_was_otherwise_a_moment_later_is_left_out_and_named() {
    let mut recorded = recorded(RecordSource::Users, USERS);
    let wrong = |subject: &str, attribute| Wrong {
        test: "users".into(),
        check: "user",
        subject: subject.into(),
        attribute,
        why: "changed".into(),
        unknown: false,
    };
    let all = ["uid", "gid", "home", "shell"];
    recorded.leave_out(&[wrong("root", "shell"), wrong("old", "uid")]);
    recorded.leave_out(&all.map(|attribute| wrong("nobody", attribute)));
    assert_eq!(all_said(&recorded), ["user old: gid 7, home /, shell \"\"", "user root: uid 0, gid 0, home /root"]);
    assert!(recorded.left_out.contains(&"user root: changed".to_owned()));
    recorded.leave_out(&["old", "root"].map(|name| all.map(|attribute| wrong(name, attribute))).concat());
    assert_eq!(recorded.tests, []);
}

#[test]
fn a_test_that_cannot_be_asked_at_all_ends_the_recording() {
    let recorded = recorded(RecordSource::Users, USERS);
    let wrong = |subject: &str, unknown| Wrong {
        test: "users".into(),
        check: "user",
        subject: subject.into(),
        attribute: "uid",
        why: "getent: not found".into(),
        unknown,
    };
    let some = [wrong("root", true), wrong("nobody", false), wrong("old", true)];
    assert!(super::refuse_what_cannot_be_checked(&recorded, &some).is_ok());
    let all = ["root", "nobody", "old"].map(|name| wrong(name, true));
    let cli_error = super::refuse_what_cannot_be_checked(&recorded, &all).unwrap_err();
    assert!(cli_error.what.contains("getent: not found"), "{}", cli_error.what);
    assert_eq!(cli_error.exit, muster_base::exit::Exit::Error);
}

#[test]
fn sources_are_read_from_what_is_typed() {
    let parsed = |items: &[&str]| sources::parse(&items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>());
    let both = parsed(&["files:/etc/*", "sysctl:net.*", "packages", "sysctl:vm.*", "packages:a*"]).unwrap();
    let wanted = [
        of(RecordSource::Packages, &[]),
        of(RecordSource::Sysctl, &["net.*", "vm.*"]),
        of(RecordSource::Files, &["/etc/*"]),
    ];
    assert_eq!(both, wanted);
    assert!(both[1].wants("net.core.x") && !both[1].wants("kernel.x"));
    let cli_error = parsed(&["package"]).unwrap_err();
    assert!(cli_error.hint.is_some_and(|hint| hint.contains("did you mean `packages`")));
    for bad in [&["files"][..], &["files:etc/x"], &["sysctl:"], &[""]] {
        assert!(parsed(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn globs_of_files_are_found_by_the_shell_and_can_do_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for name in ["a.conf", "b c.conf", "$(touch pwned).conf", "other"] {
        std::fs::write(dir.path().join(name), "x").unwrap();
    }
    std::os::unix::fs::symlink("gone", dir.path().join("l.conf")).unwrap();
    let wanted =
        of(RecordSource::Files, &[&format!("{path}/*.conf"), &format!("{path}/$(touch pwned)*; touch '{path}/pwned'")]);
    let output = std::process::Command::new("/bin/sh")
        .args(["-c", &collect::probe(&wanted).script])
        .current_dir(&dir)
        .output()
        .unwrap();
    let said = Reply { status: output.status.code().unwrap(), stdout: output.stdout, ..Reply::default() };
    let names: Vec<String> = collect::facts(&wanted, &said)
        .unwrap()
        .into_iter()
        .map(|fact| fact.name.strip_prefix(&format!("{path}/")).unwrap().to_owned())
        .collect();
    assert_eq!(names, ["$(touch pwned).conf", "a.conf", "b c.conf", "l.conf"]);
    assert!(!dir.path().join("pwned").exists());
}

#[test]
fn the_scripts_are_sh_and_read_this_machine() {
    for source in [RecordSource::Groups, RecordSource::Commands] {
        let output =
            std::process::Command::new("/bin/sh").args(["-c", &collect::probe(&of(source, &[])).script]).output();
        let output = output.unwrap();
        let said = Reply { status: output.status.code().unwrap(), stdout: output.stdout, ..Reply::default() };
        let facts = collect::facts(&of(source, &[]), &said).unwrap();
        let known = if source == RecordSource::Groups { "root" } else { "sh" };
        assert!(facts.iter().any(|fact| fact.name == known), "{source:?}");
    }
}

/// Numbers that are the same at every run: what fails once fails again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn text(&mut self) -> String {
        const PIECES: &[&str] = &[
            "a",
            "Z",
            "0",
            "1.10",
            "0x1",
            "-",
            "--",
            "---",
            "...",
            ":",
            ": ",
            " #",
            "#",
            "'",
            "\"",
            "\\",
            "\\n",
            "{",
            "}",
            "[",
            "]",
            ",",
            "&a",
            "*",
            "!",
            "!!str",
            "|",
            ">",
            ">=",
            ">= 1",
            "<",
            "==",
            "!= ",
            "%",
            "@",
            "`",
            "~",
            "null",
            "Null",
            "true",
            "no",
            "<<",
            "${",
            "${x}",
            "$${x}",
            "$",
            "$$",
            "=",
            "?",
            "? ",
            "- ",
            " ",
            "  ",
            "\t",
            "\u{7f}",
            "\u{85}",
            "\u{a0}",
            "é",
            "日本",
            "😀",
            "\u{202e}",
            "\u{2028}",
            "\u{feff}",
            "\u{1b}[31m",
            "\u{0}",
            "\u{fffe}",
            "none",
            "eventually",
            "any-of",
            "(",
            ")",
            "^",
            "+",
            "\\x41",
            "/",
        ];
        (0..1 + self.roll(6)).map(|_| PIECES[self.roll(PIECES.len())]).collect()
    }
}

/// What a matcher asks for, when it asks for one text.
fn text_of(matcher: &Matcher) -> String {
    match matcher {
        Matcher::Equals(text) => text.clone(),
        Matcher::Compare(parts) if parts.len() == 1 => parts[0].1.clone(),
        Matcher::Only(items) => items.join("\u{1}"),
        Matcher::None => String::new(),
        // An anchored expression in which everything is escaped matches one text.
        Matcher::Matches(regex) => {
            let inner = regex.as_str().strip_prefix('^').unwrap().strip_suffix('$').unwrap();
            let mut out = String::new();
            let mut chars = inner.chars();
            while let Some(c) = chars.next() {
                out.push(if c == '\\' { chars.next().unwrap() } else { c });
            }
            assert!(regex.is_match(&out) || out.ends_with('\n'), "{out:?}");
            out
        }
        other => panic!("{other}"),
    }
}

#[test]
fn whatever_a_guest_calls_its_things_is_read_back_as_what_was_meant() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut compared = 0;
    for _ in 0..400 {
        let mut recorded = Recorded::default();
        let mut meant: Vec<Entry> = Vec::new();
        for check in ["sysctl", "user", "group", "package", "file", "tool"] {
            let mut entries: Vec<Entry> = Vec::new();
            for _ in 0..3 {
                // Names of the right form, of which files have nearly any, and every third as a guest may call it.
                let number = entries.len() + compared % 7;
                let subject = match (check, dice.text()) {
                    (_, text) if text.len() % 3 == 0 => text,
                    ("file", text) => format!("/{text}"),
                    ("sysctl", _) => format!("kernel.p{number}"),
                    (other, _) => format!("{other}{number}"),
                };
                let asked = match check {
                    "sysctl" => vec![("value", Stated::Is(dice.text()))],
                    "user" => vec![("home", Stated::Is(dice.text())), ("shell", Stated::Is(String::new()))],
                    "group" => vec![("members", Stated::Only(vec![format!("u{}", dice.text().len()), "root".into()]))],
                    "package" => vec![("version", Stated::AtLeast(dice.text()))],
                    "file" => vec![("mode", Stated::Is("0644".into())), ("target", Stated::Is(dice.text()))],
                    _ => vec![("exists", Stated::Is("true".into()))],
                };
                let entry = Entry { check, subject, asked };
                let twice = entries.iter().any(|other| other.subject == entry.subject);
                if !twice && muster_suite::write::cannot_be_said(&entry, muster_check::tables()).is_none() {
                    entries.push(entry);
                }
            }
            if !entries.is_empty() {
                meant.extend(entries.iter().cloned());
                recorded.tests.push(Drafted {
                    id: check.to_owned(),
                    summary: dice.text() + "x",
                    entries,
                    ..Drafted::default()
                });
            }
        }
        let suite = decoded(&recorded);
        for (test, draft) in suite.tests.iter().zip(&recorded.tests) {
            assert_eq!(test.summary, draft.summary);
        }
        let read: Vec<&Expectation> = suite.tests.iter().flat_map(|test| expectations(&test.expect)).collect();
        assert_eq!(read.len(), meant.len());
        for (read, meant) in read.iter().zip(&meant) {
            assert_eq!((read.check, &read.subject), (meant.check, &meant.subject));
            assert_eq!(read.assertions.len(), meant.asked.len(), "{meant:?}");
            for (assertion, (attribute, want)) in read.assertions.iter().zip(&meant.asked) {
                let wanted = match want {
                    Stated::Is(text) => text.clone(),
                    Stated::AtLeast(text) => text.trim().to_owned(),
                    Stated::Only(items) | Stated::Has(items) => items.join("\u{1}"),
                };
                assert_eq!((assertion.attribute, text_of(&assertion.matcher)), (*attribute, wanted), "{meant:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 4000, "only {compared} were compared");
}

#[test]
fn what_a_suite_cannot_say_is_left_out_and_named() {
    let mut recorded = Recorded::default();
    let user = |name: &str, uid: &str| Fact { name: name.into(), cells: vec![("uid", uid.into())] };
    let long = "x".repeat(2000);
    let facts =
        vec![user("fine", "1"), user("bad", "one"), user("two\nlines", "2"), user(&long, "3"), user("\u{fffd}", "4")];
    recorded.add(RecordSource::Users, facts, false);
    assert_eq!(all_said(&recorded), ["user fine: uid 1"]);
    assert_eq!(recorded.left_out.len(), 4, "{:?}", recorded.left_out);
}
