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
