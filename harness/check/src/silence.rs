//! Silence is not an answer: tests made from the attribute tables, so that a new check type cannot
//! forget it. A tool that ends well and prints nothing (replaced, muted, or cut off from what it
//! reads) must never satisfy an expectation, whatever its matcher.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::testing::{equals, expectation};
use crate::check::{Check, Observations, Probe, Verdict};
use crate::registry;
use muster_guest::Reply;
use muster_record::facts::Facts;
use muster_suite::model::{Expectation, Matcher, Operator};
use muster_suite::table::{Attribute, AttributeKind};

/// Types whose answer is what a program prints, so that nothing printed is an answer.
const PRINTED: [&str; 1] = ["command"];

/// Attributes of what the test's own host may lack, which a builtin sees: `absent` is a true answer.
const GONE_HERE: &[&str] = &[
    "crypto-policy.backends",
    "crypto-policy.configured",
    "crypto-policy.policy",
    "interface.driver",
    "interface.kind",
    "interface.mac",
    "interface.name",
    "tpm.version",
];

/// Attributes that the shell reads itself, by its builtins, from /proc, /sys and the file system: no program
/// that could be silent is between, so that the answers of the test's own host are true ones.
const BUILTIN: &[&str] = &[
    "boot.entries",
    "boot.firmware-kind",
    "boot.loader-name",
    "boot.secure-boot",
    "cpu.flags",
    "cpu.level",
    "cpu.levels",
    "cpu.model",
    "cpu.vendor",
    "crypto-policy.fips",
    "deployment.slots",
    "deployment.verity-devices",
    "footprint.processes",
    "footprint.threads",
    "identity.machine-id-valid",
    "interface.present",
    "kernel.btf",
    "kernel.cgroup-controllers",
    "kernel.fips",
    "kernel.installed",
    "kernel.namespaces",
    "kernel.page-size",
    "kernel.pressure",
    "kernel.vulnerabilities",
    "kernel.vulnerable",
    "log.persistent",
    "repos.manager",
    "secure-boot.enabled",
    "selinux.mls",
    "selinux.mode",
    "selinux.policy-version",
    "selinux.unknown",
    "sysctl.exists",
    "sysctl.persisted",
    "tool.exists",
    "tool.path",
    "tpm.present",
    "writable.value",
];

/// A name that the type takes, of something that this host has.
fn subject(check: &dyn Check) -> &'static str {
    match check.table().name {
        "file" => "/etc/passwd",
        "writable" => "/tmp",
        "mount" => "/proc",
        "user" | "group" => "root",
        "tool" => "sh",
        "module" => "btrfs",
        _ => "tcp/1",
    }
}

/// Expectations that hold when there is nothing: of every class of matchers that the kind takes.
fn met_by_nothing(kind: &AttributeKind) -> Vec<Matcher> {
    let nowhere = || vec!["no-such-text".to_owned()];
    let mut all = vec![
        Matcher::None,
        Matcher::Empty(true),
        Matcher::Lacks(nowhere()),
        Matcher::Not(Box::new(equals("no-such-text"))),
        Matcher::Not(Box::new(Matcher::Contains(nowhere()))),
        Matcher::Not(Box::new(Matcher::Has(nowhere()))),
        Matcher::Not(Box::new(Matcher::Line("no-such-text".into()))),
        Matcher::Count(Box::new(equals("0"))),
        Matcher::Count(Box::new(Matcher::Compare(vec![(Operator::Le, "1".into())]))),
        Matcher::Only(Vec::new()),
        Matcher::Compare(vec![(Operator::Ne, "no-such-text".into())]),
        Matcher::AnyOf(vec![equals("no-such-text"), Matcher::None]),
        equals(""),
    ];
    match kind {
        AttributeKind::Keyword(words) | AttributeKind::Level(words) => {
            all.extend(words.iter().map(|word| equals(word)))
        }
        AttributeKind::Bool => all.extend(["true", "false"].map(equals)),
        AttributeKind::Map(_, inner) | AttributeKind::Samples(inner) => all = met_by_nothing(inner),
        _ => all.extend(["0", "0 B", "0s", "none", "absent", "n"].map(equals)),
    }
    all
}

fn wanted(check: &dyn Check, attribute: &Attribute, matcher: &Matcher) -> Expectation {
    let mut wanted = expectation(check.table().name, subject(check), &[(attribute.name, matcher.clone())]);
    if matches!(attribute.kind, AttributeKind::Map(..)) {
        wanted.assertions[0].key = Some(subject(check).to_owned());
    }
    wanted
}

/// What is met although the answers are these, as `type.attribute matcher`.
fn met(answer: impl Fn(&[Probe]) -> Observations) -> Vec<String> {
    let facts = Facts::default();
    let mut met = Vec::new();
    for check in registry().iter().filter(|check| !PRINTED.contains(&check.table().name)) {
        for attribute in check.table().attributes {
            let any = wanted(*check, attribute, &Matcher::None);
            let seen = answer(&check.probes(&[&any], &facts));
            for matcher in met_by_nothing(&attribute.kind) {
                let wanted = wanted(*check, attribute, &matcher);
                if check.evaluate(&wanted, &seen, &facts) == [Verdict::MET] {
                    met.push(format!("{}.{} {matcher:?}", check.table().name, attribute.name));
                }
            }
        }
    }
    met
}

#[test]
fn a_reply_without_a_word_meets_nothing() {
    for silence in ["", "\n", "   \n\n\t\n"] {
        let reply = Reply { stdout: silence.into(), ..Reply::default() };
        let met = met(|probes| Observations(probes.iter().map(|probe| (probe.key.clone(), reply.clone())).collect()));
        assert!(met.is_empty(), "{} after {silence:?}:\n{}", met.len(), met.join("\n"));
    }
}

/// A directory with a program under every name that a probe may call, each of which prints nothing
/// and ends well.
fn mute(directory: &Path, scripts: &str) {
    let silent = directory.join("silent program");
    std::fs::write(&silent, "#!/bin/sh\nexit 0\n").unwrap();
    std::fs::set_permissions(&silent, PermissionsExt::from_mode(0o755)).unwrap();
    let names: std::collections::BTreeSet<&str> = scripts
        .split(|c: char| !(c.is_ascii_alphanumeric() || "-_.+".contains(c)))
        .filter(|word| word.len() > 1 && word.chars().any(|c| c.is_ascii_alphabetic()))
        .filter(|word| !word.starts_with(['-', '.']) && word.len() < 32)
        .collect();
    for name in names {
        std::os::unix::fs::symlink(&silent, directory.join(name)).unwrap();
    }
}

#[test]
fn programs_that_print_nothing_and_end_well_meet_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let facts = Facts::default();
    let scripts: Vec<String> = registry()
        .iter()
        .flat_map(|check| {
            check
                .table()
                .attributes
                .iter()
                .flat_map(|attribute| check.probes(&[&wanted(*check, attribute, &Matcher::None)], &facts))
                .map(|probe| probe.script)
        })
        .collect();
    mute(directory.path(), &scripts.join("\n"));
    let ran = std::cell::RefCell::new(BTreeMap::<String, Reply>::new());
    let met = met(|probes| {
        Observations(
            probes
                .iter()
                .map(|probe| {
                    let reply = ran
                        .borrow_mut()
                        .entry(probe.script.clone())
                        .or_insert_with(|| {
                            let output = std::process::Command::new("/bin/sh")
                                .args(["-c", &probe.script])
                                .env("PATH", directory.path())
                                .stdin(std::process::Stdio::null())
                                .output()
                                .unwrap();
                            Reply {
                                status: output.status.code().unwrap_or(-1),
                                stdout: output.stdout,
                                stderr: output.stderr,
                                ..Reply::default()
                            }
                        })
                        .clone();
                    (probe.key.clone(), reply)
                })
                .collect(),
        )
    });
    let is_true = |line: &String| {
        let (attribute, matcher) = line.split_once(' ').unwrap_or_default();
        // Where dnf is configured the shell reads its files without a program, and what it says of them is true.
        let of_files = (attribute.starts_with("repo.") || attribute.starts_with("repos."))
            && Path::new("/etc/dnf/dnf.conf").exists();
        of_files || BUILTIN.contains(&attribute) || (GONE_HERE.contains(&attribute) && matcher == "Equals(\"absent\")")
    };
    let met: Vec<&String> = met.iter().filter(|line| !is_true(line)).collect();
    assert!(met.is_empty(), "{}: {met:#?}; what the shell itself reads is named in BUILTIN", met.len());
}
