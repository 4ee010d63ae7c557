//! Chains tried in clones of lab, whose own package manager installs the planted packages.

use std::time::Duration;

use serde_json::Value;

use crate::support::Place;

/// Each chain, and what must be said of it.
struct Chain {
    file: &'static str,
    text: &'static str,
    verdict: &'static str,
    /// Words of its answers, its installations and its trial.
    says: &'static [&'static str],
}

const CHAINS: &[Chain] = &[
    Chain {
        file: "good.Containerfile",
        text: "FROM fedora:43\nRUN dnf -y install port-good jq && dnf clean all\nRUN systemctl enable port-good.service\n",
        verdict: "as-is",
        says: &["port-good.service", "libjq1"],
    },
    Chain { file: "renamed.list", text: "port-web\n", verdict: "with-edits", says: &["port-httpd", "obsoletes"] },
    Chain {
        file: "split.list",
        text: "port-db\n",
        verdict: "does-not-port",
        says: &["port-db-server", "port-db-client"],
    },
    Chain { file: "soname.list", text: "port-legacy\n", verdict: "does-not-port", says: &["libport.so.1"] },
    Chain {
        file: "unlinked.list",
        text: "port-unlinked\n",
        verdict: "does-not-port",
        says: &["/usr/bin/port-unlinked: libport.so.1"],
    },
    Chain {
        file: "conflict.list",
        text: "port-left\nport-right\n",
        verdict: "does-not-port",
        says: &["port-left", "port-right", "conflict"],
    },
    Chain { file: "scriptlet.list", text: "port-scriptlet\n", verdict: "does-not-port", says: &["scriptlet"] },
    Chain { file: "arch.list", text: "port-arm\n", verdict: "does-not-port", says: &["aarch64"] },
    Chain { file: "needy.list", text: "port-needy\n", verdict: "does-not-port", says: &["port-nowhere"] },
    Chain {
        file: "down.Containerfile",
        text: "FROM fedora:43\nRUN dnf -y install port-down && systemctl enable --now port-down.service\n",
        verdict: "does-not-port",
        says: &["port-down.service: it is failed"],
    },
    Chain {
        file: "moved.sh",
        text: "#!/bin/sh\nset -e\ndnf -y install port-tools\n/opt/port/bin/port-ctl\n",
        verdict: "with-edits",
        says: &["/opt/port/bin/port-ctl", "/usr/bin/port-ctl", "moved"],
    },
];

#[test]
fn every_planted_fault_is_named_by_a_machine_and_only_the_good_chain_ports_as_it_is() {
    let place = Place::new();
    let files: Vec<String> =
        CHAINS.iter().map(|chain| place.write(chain.file, chain.text).display().to_string()).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let planted = format!("planted={}", place.planted("planted").display());
    let words =
        ["--on", "lab", "--cpus", "1", "--repo", &planted, "--format", "json", "--run", "test -e /etc/os-release"];
    let ended = place.run(&[&["port"], files.as_slice(), &words].concat(), Duration::from_secs(2700));
    ended.assert_status(1);
    let document: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(document["depth"], "smoke");
    let mut faults = Vec::new();
    for (chain, found) in CHAINS.iter().zip(document["chains"].as_array().expect("chains")) {
        let whole = found.to_string();
        let missing: Vec<&&str> = chain.says.iter().filter(|word| !whole.contains(**word)).collect();
        if found["verdict"] != chain.verdict || !missing.is_empty() {
            faults.push(format!("{}: {} without {missing:?}: {found:#}", chain.file, found["verdict"]));
        }
        let tried = found["trial"]["succeeded"] == true && found["trial"]["failed"].is_null();
        if chain.verdict == "as-is" && !(tried && found["smoke"]["result"] == "works") {
            faults.push(format!("{}: it was not tried: {found:#}", chain.file));
        }
    }
    assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), ended.stderr);
}

/// Of an image and of where the chain comes from, here the same: two machines of it print the same, or something of their
/// own, or both fail.
#[test]
fn a_command_is_compared_with_where_the_chain_comes_from() {
    let place = Place::new();
    let chain = place.write("chain.sh", "#!/bin/sh\nset -e\nls /etc\n").display().to_string();
    let words = |command| {
        ["port", &chain, "--on", "lab-tiny", "--from", "lab-tiny", "--cpus", "1", "--format", "json", "--run", command]
    };
    let own = "echo same; cat /proc/sys/kernel/random/boot_id; [ -e /proc/self/status ]";
    for (command, status, result) in [(own, 0, "works-otherwise"), ("echo same; exit 7", 3, "unknown")] {
        let ended = place.run(&words(command), Duration::from_secs(900));
        ended.assert_status(status);
        let document: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let smoke = &document["chains"][0]["smoke"];
        assert_eq!(smoke["result"], result, "{document:#}\n{}", ended.stderr);
        for side in ["target", "from"] {
            assert!(smoke[side]["stdout"].as_str().is_some_and(|text| text.starts_with("same\n")), "{side}: {smoke:#}");
        }
    }
}

/// What was written for a chain, with a repository of the team's, passes and is proven without an edit.
#[test]
fn a_written_suite_brings_its_repository_and_all_its_proofs_hold() {
    let place = Place::new();
    let chain = CHAINS.iter().find(|chain| chain.file == "good.Containerfile").expect("the good one");
    let file = place.write(chain.file, chain.text).display().to_string();
    let planted = format!("planted={}", place.planted("planted").display());
    let suite = place.path("our-chain.yaml").display().to_string();
    let lab = ["--warm", "--cpus", "1"];
    let port = ["port", &file, "--on", "lab", "--repo", &planted, "--write", &suite];
    place.run(&[&port[..], &lab].concat(), Duration::from_secs(1800)).assert_status(0);
    assert!(place.path("our-chain.repositories/planted/port-good-2-1.x86_64.rpm").is_file());
    assert!(!place.path("our-chain.repositories/planted/port-httpd-2-1.noarch.rpm").exists());
    let run = ["run", "--image", "lab", "--suites", &suite, "--prove"];
    let ended = place.run(&[&run[..], &lab].concat(), Duration::from_secs(1800));
    ended.assert_status(0);
    let record = place.record();
    let proofs = record.tests.iter().filter(|test| test.suite == "proof-of-our-chain").count();
    assert!(proofs >= 5 && record.tests.iter().any(|test| test.test == "install"), "{}", ended.stdout);
}
