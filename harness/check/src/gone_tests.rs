//! What is not on the machine meets nothing but what states its absence, of every check type. Each type with
//! named subjects has a reading here of a machine without the subject; one that has none fails the test.

use super::testing::{equals, expectation, records, reply, seen};
use super::*;
use muster_guest::Reply;
use muster_record::facts::Facts;
use muster_suite::grammar::Grammar;
use muster_suite::model::{Matcher, Operator};
use muster_suite::table::{AttributeKind, Shorthand, Subject};

/// A subject and what a machine without it says to all probes.
fn machine_without(check: &str) -> Option<(&'static str, Observations)> {
    let answers = |all: &[(&str, Reply)]| {
        Observations(all.iter().map(|(key, reply)| ((*key).to_owned(), reply.clone())).collect())
    };
    let batch = |key: &str, subject: &'static str, status: i32, said: &str| {
        Some((subject, seen(key, records(&[(subject, status, said)]))))
    };
    match check {
        "block" => batch("block", "/dev/vdz", 0, "gone=there is no such device\n"),
        "closure" => batch("closure", "nope", 1, "No match for argument: nope\nError: Unable to find a match: nope\n"),
        "file" => batch("file/stat", "/no/such", 1, "stat: cannot statx '/no/such': No such file or directory"),
        "group" => batch("accounts/group", "nobodys", 2, ""),
        "http" => batch(
            "http",
            "http://localhost:81/",
            0,
            "\n--- muster: fetched ---\ntool=curl\nscheme=http\ncurl: (7) Failed to connect to localhost port 81: Connection refused\nexit=7\n",
        ),
        "interface" => Some((
            "eth9",
            seen(
                "interface/links",
                reply(
                    0,
                    "interface=lo\noperstate=unknown\nflags=0x9\nmtu=65536\naddress=00:00:00:00:00:00\ntype=772\n",
                ),
            ),
        )),
        "kconfig" => Some((
            "CONFIG_NO_SUCH",
            seen(
                "kernel/kconfig",
                reply(0, "6.6.1-azl3\n# Linux/x86 6.6.1 Kernel Configuration\nCONFIG_KVM=m\n# end of Kernel hacking\n"),
            ),
        )),
        "module" => Some((
            "no_such",
            answers(&[
                ("module/state", records(&[("no_such", 0, "absent")])),
                ("module/modprobe.d", reply(0, "blacklist no_such\nend\n")),
            ]),
        )),
        "mount" => Some(("/mnt", seen("mount/info", reply(0, "29 1 254:1 / / rw shared:1 - ext4 /dev/vda1 rw\n")))),
        "package" => Some((
            "nope",
            answers(&[
                ("package/query", reply(0, "package nope is not installed\nsentinel\tbash\n")),
                ("package/available", reply(0, "\nwhatprovides\tnope\n\n\ncomplete\n")),
            ]),
        )),
        "port" => Some((
            "tcp/81",
            seen(
                "net/ss",
                reply(
                    0,
                    "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\ntcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n",
                ),
            ),
        )),
        "process" => batch("process", "nosuchd", 0, "end"),
        "repo" => Some((
            "nope",
            answers(&[
                ("repo/files", records(&[("/etc/yum.repos.d/a.repo", 0, "[base]\nenabled=0\n")])),
                ("repo/listed", reply(0, "= nothing\n")),
            ]),
        )),
        "resolve" => batch("resolve", "no.such.host", 0, "from=getent\n\nwhy=no.such.host: Name or service not known"),
        "rpm-macro" => batch("rpm/macros", "%no_such", 0, "=%no_such"),
        "service" => Some((
            "sshdd.service",
            seen(
                "service/show",
                reply(
                    0,
                    "Type=\nRestart=no\nNRestarts=0\nResult=success\nMemoryCurrent=[not set]\nId=sshdd.service\nNames=sshdd.service\nAfter=\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nUnitFilePreset=\nNeedDaemonReload=no\n",
                ),
            ),
        )),
        "soname" => Some(("libnope.so.1", seen("rpm/provides", reply(0, "bash\tbash\nglibc\tlibc.so.6()(64bit)\n")))),
        "sshd" => Some(("nosuchoption", seen("sshd/options", reply(0, "port 22\npermitrootlogin no\n")))),
        "sysctl" => Some((
            "kernel.no_such",
            answers(&[
                ("sysctl/value", records(&[("kernel.no_such", 3, "")])),
                ("sysctl/files", records(&[("/etc/sysctl.d/a.conf", 0, "")])),
            ]),
        )),
        "tool" => batch("tool/path", "nope", 1, ""),
        "user" => Some((
            "nobodys",
            answers(&[
                ("accounts/passwd", records(&[("nobodys", 2, "")])),
                (crate::types::accounts::PASSWD, reply(0, "root:x:0:0:root:/root:/bin/bash\n")),
            ]),
        )),
        "writable" => batch("writable", "/no/such", 0, "absent"),
        _ => None,
    }
}

/// Types whose subjects are not things of the machine, each with the reason.
const NOT_THINGS: &[(&str, &str)] =
    &[("command", "a command line is run, and a program that is not there is status 127")];

/// One matcher of every class, those that hold of nothing too.
fn matchers(kind: &AttributeKind) -> Vec<Matcher> {
    let value = match kind {
        AttributeKind::Keyword(words) | AttributeKind::Level(words) => words.last().copied().unwrap_or("x"),
        AttributeKind::Bool => "false",
        AttributeKind::Integer | AttributeKind::Ranged(..) | AttributeKind::Number | AttributeKind::Share(_) => "0",
        AttributeKind::Size => "0 B",
        AttributeKind::Duration => "0s",
        AttributeKind::Baseline => "0%",
        AttributeKind::Mode => "0000",
        AttributeKind::Evr | AttributeKind::Version => "1",
        _ => "x",
    };
    let not = |inner: Matcher| Matcher::Not(Box::new(inner));
    let never = || Matcher::Matches(regex::Regex::new("never this").unwrap());
    vec![
        equals(value),
        equals(""),
        equals("none"),
        equals("false"),
        equals("inactive"),
        not(equals(value)),
        not(equals("something else")),
        not(Matcher::None),
        not(Matcher::Absent),
        not(Matcher::AnyOf(vec![equals("a"), equals("b")])),
        not(never()),
        not(Matcher::Contains(vec!["x".into()])),
        Matcher::Compare(vec![(Operator::Ne, value.to_owned())]),
        Matcher::Compare(vec![(Operator::Le, value.to_owned())]),
        Matcher::Compare(vec![(Operator::Ge, value.to_owned())]),
        Matcher::Lacks(vec!["x".into()]),
        Matcher::None,
        Matcher::Empty(true),
        Matcher::Empty(false),
        Matcher::Count(Box::new(equals("0"))),
        Matcher::Count(Box::new(not(equals("1")))),
        Matcher::Only(vec![]),
        Matcher::AnyOf(vec![equals(value), not(equals(value))]),
        Matcher::All(vec![Matcher::Lacks(vec!["x".into()]), Matcher::Empty(true)]),
        Matcher::All(vec![Matcher::Absent, not(equals("x"))]),
    ]
}

#[test]
fn what_is_not_on_the_machine_meets_nothing_but_its_absence() {
    let mut wrong = Vec::new();
    for check in registry() {
        let table = check.table();
        let Subject::Named(grammar) = table.subject else {
            assert!(table.gone.is_empty(), "{} has no subjects that could be gone", table.name);
            continue;
        };
        if NOT_THINGS.iter().any(|(name, _)| *name == table.name) {
            continue;
        }
        let Some((subject, seen)) = machine_without(table.name) else {
            wrong.push(format!("{}: no reading of a machine without its subject is given in this file", table.name));
            continue;
        };
        assert_eq!(grammar.read(subject).as_deref(), Ok(subject), "{}", table.name);
        let evaluate = |attribute: &'static str, key: Option<&str>, matcher: &Matcher| {
            let mut wanted = expectation(table.name, subject, &[(attribute, matcher.clone())]);
            wanted.assertions[0].key = key.map(str::to_owned);
            check.evaluate(&wanted, &seen, &Facts::default()).remove(0)
        };
        for attribute in table.attributes {
            let (kind, key) = match attribute.kind {
                AttributeKind::Map(grammar, inner) => (inner, grammar.good.first().map(|(_, name)| *name)),
                AttributeKind::Samples(inner) => (inner, None),
                ref kind => (kind, None),
            };
            if table.gone.contains(&attribute.name) {
                continue;
            }
            for matcher in matchers(kind) {
                let verdict = evaluate(attribute.name, key, &matcher);
                if !matches!(verdict, Verdict::Missed { .. }) {
                    wrong.push(format!("{} {} {}: {matcher}: {verdict:?}", table.name, subject, attribute.name));
                }
            }
            for matcher in [Matcher::Absent, Matcher::AnyOf(vec![equals("x"), Matcher::Absent])] {
                let verdict = evaluate(attribute.name, key, &matcher);
                if verdict != Verdict::MET {
                    wrong.push(format!("{} {} {}: {matcher}: {verdict:?}", table.name, subject, attribute.name));
                }
            }
        }
        if let Shorthand::Keywords(words) = table.shorthand {
            for (word, attribute, value) in words {
                let verdict = evaluate(attribute, None, &equals(value));
                if (verdict == Verdict::MET) != matches!(*word, "absent" | "closed") {
                    wrong.push(format!("{} {subject}: {word}: {verdict:?}", table.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A value that fits an attribute, as YAML.
fn value_of(kind: &AttributeKind) -> String {
    let good = |grammar: &Grammar| quoted(grammar.good[0].0);
    match kind {
        AttributeKind::Keyword(words) | AttributeKind::Level(words) => quoted(words[0]),
        AttributeKind::Bool => "true".to_owned(),
        AttributeKind::Integer | AttributeKind::Ranged(..) | AttributeKind::Number | AttributeKind::Share(_) => {
            "5".to_owned()
        }
        AttributeKind::Size => "5 MiB".to_owned(),
        AttributeKind::Duration => "5s".to_owned(),
        AttributeKind::Mode => "\"0644\"".to_owned(),
        AttributeKind::Evr | AttributeKind::Version => "\"1.2\"".to_owned(),
        AttributeKind::Text | AttributeKind::Loose | AttributeKind::Output => "{contains: x}".to_owned(),
        AttributeKind::Name(grammar) => good(grammar),
        AttributeKind::Set(grammar) | AttributeKind::List(grammar) => format!("{{has: [{}]}}", good(grammar)),
        AttributeKind::Map(grammar, inner) => format!("{{{}: {}}}", good(grammar), value_of(inner)),
        AttributeKind::Samples(inner) => value_of(inner),
        AttributeKind::Baseline => "{file: boot.json, regression: <= 5%}".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Codes of what is wrong with a suite of one test.
fn codes_of(vars: &str, expect: &str) -> Vec<&'static str> {
    let vocabulary = muster_suite::Vocabulary { tables: tables(), capabilities: &[], tools: &[] };
    let source = format!("schema: suite/v1\nsuite: s\n{vars}tests:\n  - id: t\n    expect:\n      {expect}\n");
    let (_, problems) = muster_suite::decode_source("s.yaml", &source, &vocabulary);
    problems.iter().map(|problem| problem.code).collect()
}

/// For every subject, element and key of every table: each spelling that the grammar calls bad is an error with
/// the code of bad names, and each good one is none.
#[test]
fn every_name_of_every_table_is_read_by_its_grammar() {
    let mut wrong = Vec::new();
    let mut places = 0;
    for table in tables() {
        let mut place = |grammar: &Grammar, write: &dyn Fn(&str) -> String| {
            places += 1;
            for (text, _) in grammar.good {
                let found = codes_of("", &write(&quoted(text)));
                if found.contains(&"bad-name") || found.contains(&"unknown-key") {
                    wrong.push(format!("{}: `{text}` is refused: {found:?}", write(text)));
                }
            }
            for (text, _) in grammar.bad {
                let found = codes_of("", &write(&quoted(text)));
                if found != ["bad-name"] {
                    wrong.push(format!("{}: {found:?}", write(text)));
                }
            }
            // What a variable puts in is read as what is written.
            if let Some((text, _)) = grammar.bad.iter().find(|(text, _)| !text.contains("${")) {
                let found = codes_of(&format!("vars: {{x: {}}}\n", quoted(text)), &write("\"${x}\""));
                if found != ["bad-name"] {
                    wrong.push(format!("{} with x = `{text}`: {found:?}", write("${x}")));
                }
            }
        };
        let first = &table.attributes[0];
        let subject = match table.subject {
            Subject::Named(grammar) => {
                let value = value_of(&first.kind);
                place(grammar, &|name| format!("{}: {{{name}: {{{}: {value}}}}}", table.name, first.name));
                Some(quoted(grammar.good[0].0))
            }
            Subject::Whole => None,
        };
        let below = |attribute: &str, value: &str| match &subject {
            Some(subject) => format!("{}: {{{subject}: {{{attribute}: {value}}}}}", table.name),
            None => format!("{}: {{{attribute}: {value}}}", table.name),
        };
        for attribute in table.attributes {
            match attribute.kind {
                AttributeKind::Set(grammar) | AttributeKind::List(grammar) => {
                    for matcher in ["has", "lacks", "only"] {
                        place(grammar, &|name| below(attribute.name, &format!("{{{matcher}: [{name}]}}")));
                    }
                    place(grammar, &|name| below(attribute.name, &format!("{{any-of: [{{lacks: {name}}}, absent]}}")));
                }
                AttributeKind::Name(grammar) => {
                    place(grammar, &|name| below(attribute.name, name));
                    place(grammar, &|name| below(attribute.name, &format!("{{not: {name}}}")));
                }
                AttributeKind::Map(grammar, inner) => {
                    place(grammar, &|name| below(attribute.name, &format!("{{{name}: {}}}", value_of(inner))));
                    if let AttributeKind::Set(elements) = inner {
                        let key = quoted(grammar.good[0].0);
                        place(elements, &|name| below(attribute.name, &format!("{{{key}: {{lacks: [{name}]}}}}")));
                    }
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(places > 200, "{places}");
}

#[test]
fn either_or_none_of_a_subject_can_be_said() {
    for good in [
        "service: {sshd: {any-of: [inactive, absent]}}",
        "service: {sshd: {active: {any-of: [inactive, absent]}}}",
        "service: {sshd: {masked: absent, after: {any-of: [none, absent]}}}",
        "package: {bash: {any-of: [absent]}}",
        "module: {btrfs: available, firewire_core: absent, cramfs: {any-of: [denylisted, absent]}}",
        "mount: {/boot/efi/: {options: {any-of: [absent, {has: [ro]}]}}}",
        "file: {/etc/fstab: {content: {any-of: [absent, {lacks: [swap]}]}}}",
        "kdump: absent",
    ]
    .iter()
    .filter(|text| **text != "kdump: absent")
    {
        assert_eq!(codes_of("", good), Vec::<&str>::new(), "{good}");
    }
    for (bad, code) in [
        ("service: {sshd: {any-of: [inactive, enabled]}}", "wrong-shape"),
        ("service: {sshd: {any-of: [inactiv]}}", "bad-value"),
        ("service: {sshd: {any-of: inactive}}", "wrong-shape"),
        ("mount: {/boot/efi: absent, /boot/efi/: absent}", "duplicate-subject"),
        ("module: {virtio-net: absent, virtio_net: absent}", "duplicate-subject"),
        ("service: {sshd: active, sshd.service: active}", "duplicate-subject"),
    ] {
        assert_eq!(codes_of("", bad), [code], "{bad}");
    }
}
