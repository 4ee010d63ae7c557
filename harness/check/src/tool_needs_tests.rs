//! The commands of the suites that ship, and the tools that their conditions name: what a shell calls and a system does not
//! have is a failure or an error on a healthy system. Only tools that the condition language knows.

use std::collections::BTreeSet;

use camino::Utf8Path;

use muster_record::facts::{CAPABILITIES, TOOLS};
use muster_suite::Vocabulary;
use muster_suite::condition::{Truth, evaluate};
use muster_suite::model::{Action, Condition, Suite, Test, When};

/// Tools that come with what a capability says is there.
const COMES_WITH: &[(&str, &[&str])] = &[
    ("rpm", &["rpmdb"]),
    ("systemctl", &["systemd"]),
    ("systemd-analyze", &["systemd"]),
    ("journalctl", &["journal", "systemd"]),
    ("coredumpctl", &["systemd"]),
    ("getenforce", &["selinux"]),
    ("locale", &["locale"]),
    ("docker", &["container-engine"]),
    ("podman", &["container-engine"]),
    ("ctr", &["container-engine"]),
];

/// Tools that every system has which can be logged in to for tests.
const EVERYWHERE: &[&str] = &["grep", "sed", "stat", "getent"];

/// Tests that call a tool without a condition, with the reason. One that is not needed is an error.
const MAY: &[(&str, &str, &str)] = &[
    ("base/clock", "systemctl", "`adjust` removes the command where there is no systemd"),
    ("fedora-compat/daemon-serves", "curl", "rpm itself needs curl"),
    ("security/core-dumps", "coredumpctl", "that it is not there is one of the states that are expected"),
    ("wsl/display", "systemctl", "it is read only where the link has no entry"),
    ("wsl/*", "awk", "every distribution that is made for WSL has it"),
];

/// The words of a shell text that stand where a command does. What stands in single quotes is a program of another language,
/// or a text.
fn commands(text: &str) -> BTreeSet<String> {
    let plain = regex::Regex::new("'[^']*'").unwrap().replace_all(text, "''");
    let plain = format!("\n{plain}");
    let words = regex::Regex::new(
        r"(?:[;|&({`\n]|\b(?:do|then|else|if|elif|while|until|exec|xargs|env)\s|!\s)\s*(?:[A-Za-z_]\w*=\S*\s+)*([a-z][\w-]*)",
    )
    .unwrap();
    let mut found = BTreeSet::new();
    let mut at = 0;
    // A word may be what the next begins after: `if`, `exec`.
    while let Some(word) = words.captures_at(&plain, at).and_then(|found| found.get(1)) {
        found.insert(word.as_str().to_owned());
        at = word.start();
    }
    found
}

fn texts(test: &Test) -> Vec<&str> {
    let expected = muster_suite::clause::expectations(&test.expect);
    let expected = expected.into_iter().filter(|expectation| expectation.check == "command");
    let steps = test.steps.iter().filter_map(|step| match &step.action {
        Action::Run { command, .. } => Some(command.as_str()),
        _ => None,
    });
    expected.map(|expectation| expectation.subject.as_str()).chain(steps).collect()
}

/// The tools of which one is enough, this one among them: `tool == docker or tool == podman`.
fn alternatives<'c>(condition: &'c Condition, tool: &str) -> Vec<&'c str> {
    let parts = match condition {
        Condition::Not(inner) => return alternatives(inner, tool),
        Condition::And(parts) | Condition::Or(parts) => parts,
        _ => return Vec::new(),
    };
    let named = parts.iter().filter_map(|part| match part {
        Condition::Compare { dimension, values, .. } if dimension == "tool" => Some(values),
        _ => None,
    });
    let named: Vec<&str> = named.flatten().map(String::as_str).collect();
    if matches!(condition, Condition::Or(_)) && named.contains(&tool) {
        return named;
    }
    parts.iter().flat_map(|part| alternatives(part, tool)).collect()
}

/// Whether a condition keeps a test away from systems without the tool, and without what can take its place.
fn needs(when: Option<&When>, tool: &str) -> bool {
    let gone = COMES_WITH.iter().find(|(name, _)| *name == tool).map_or(&[][..], |(_, capabilities)| *capabilities);
    let others = when.map_or_else(Vec::new, |when| alternatives(&when.condition, tool));
    let lookup = |name: &str| {
        let all: Vec<&str> = match name {
            "tool" => TOOLS.iter().copied().filter(|name| *name != tool && !others.contains(name)).collect(),
            // Whoever has dnf 4 or dnf5 has `dnf`.
            "package-manager" if tool == "dnf" => vec!["tdnf"],
            // The lab is ours, and has what the suites call that are only for it.
            "id" => vec!["another"],
            "capability" => CAPABILITIES.iter().map(|(name, _)| *name).filter(|name| !gone.contains(name)).collect(),
            _ => return None,
        };
        Some(all.into_iter().map(str::to_owned).collect())
    };
    when.is_some_and(|when| matches!(evaluate(&when.condition, &lookup), Truth::False { .. }))
}

/// The test, and those that it needs: it runs only where they do.
fn chain<'s>(suite: &'s Suite, test: &'s Test) -> Vec<&'s Test> {
    let mut all = vec![test];
    let mut at = 0;
    while let Some(test) = all.get(at) {
        let needed: Vec<&Test> = suite
            .tests
            .iter()
            .filter(|other| test.needs.iter().any(|need| *need == other.id || need == other.base_id()))
            .collect();
        all.extend(needed);
        at += 1;
    }
    all
}

#[test]
fn commands_are_found_where_a_shell_finds_them() {
    let text = "r=$(uname -r) && [ -e x ] || { ssh -F none; LC_ALL=C awk '; sed'; }; if grep -q ss x; then exec curl y | sudo python3";
    let found = commands(text);
    for word in ["uname", "ssh", "awk", "grep", "curl", "sudo"] {
        assert!(found.contains(word), "{word}: {found:?}");
    }
    for word in ["sed", "ss", "python3", "none", "fi"] {
        assert!(!found.contains(word), "{word}: {found:?}");
    }
}

#[test]
fn every_shipped_test_names_the_tools_that_its_commands_call() {
    let vocabulary = Vocabulary { tables: crate::tables(), capabilities: CAPABILITIES, tools: TOOLS };
    let suites = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites");
    let (suites, problems) = muster_suite::load(&[suites], &vocabulary);
    assert!(problems.is_empty(), "{}", problems.render(false));
    let (mut wrong, mut may) = (Vec::new(), BTreeSet::new());
    for suite in &suites {
        for test in &suite.tests {
            let called: BTreeSet<String> = texts(test).into_iter().flat_map(commands).collect();
            let conditions: Vec<_> = chain(suite, test).into_iter().map(|test| test.when.as_ref()).collect();
            for tool in
                called.iter().map(String::as_str).filter(|tool| TOOLS.contains(tool) && !EVERYWHERE.contains(tool))
            {
                let (name, all) = (format!("{}/{}", suite.name, test.base_id()), format!("{}/*", suite.name));
                if needs(suite.images.as_ref(), tool) || conditions.iter().any(|when| needs(*when, tool)) {
                    continue;
                }
                match MAY.iter().position(|(id, of, _)| (*id == name || *id == all) && *of == tool) {
                    Some(at) => drop(may.insert(at)),
                    None => wrong.push(format!("{name} calls {tool}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "say `tool == …` in `when:` of the test:\n{}", wrong.join("\n"));
    for (at, (name, tool, why)) in MAY.iter().enumerate() {
        assert!(may.contains(&at) && !why.is_empty(), "{name} needs no exception for {tool}");
    }
}
