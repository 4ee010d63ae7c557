//! `muster compare` on facts files: what a release gate would see.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Finished, Place};

const SOON: Duration = Duration::from_secs(30);

/// What differs: kind, subject, the baseline's item, the candidate's item, the keys of the differences,
/// and whether the ledger documents them.
type Planted = (&'static str, &'static str, Value, Value, &'static [&'static str], bool);

fn package(version: &str, release: &str) -> Value {
    json!({"epoch": "0", "version": version, "release": release, "arch": "x86_64", "vendor": "P", "source": "s", "size": "1"})
}

fn planted() -> Vec<Planted> {
    let one = |value: &str| json!({ "value": value });
    let file = |mode: &str, content: &str| json!({"type": "file", "mode": mode, "owner": "root", "group": "root", "content": content, "size": "1", "package": "a"});
    let user = |uid: &str, shell: &str| json!({"uid": uid, "gid": "9", "home": "/", "shell": shell});
    let unit = |state: &str, preset: &str| json!({"state": state, "preset": preset, "package": "a"});
    let none = Value::Null;
    vec![
        ("identity", "ID", one("fedora"), one("azurelinux"), &["identity/changed/ID"], true),
        ("identity", "BUG_URL", one("a"), none.clone(), &["identity/removed/BUG_URL"], false),
        (
            "package",
            "bash",
            package("5.2", "1.fc43"),
            package("5.2", "1.azl4"),
            &["package/changed/bash:release"],
            true,
        ),
        (
            "package",
            "openssl",
            package("3.5", "1.fc43"),
            package("3.4", "1.azl4"),
            &["package/changed/openssl:version"],
            false,
        ),
        (
            "package",
            "openssl-x",
            package("1", "1.fc43"),
            package("1", "1.azl4"),
            &["package/changed/openssl-x:release"],
            true,
        ),
        ("package", "xen-libs", package("4", "1"), none.clone(), &["package/removed/xen-libs"], true),
        ("package", "which", package("2", "1"), none.clone(), &["package/removed/which"], false),
        ("package", "azl-extra", none.clone(), package("1", "1"), &["package/added/azl-extra"], true),
        ("package", "spyware", none.clone(), package("1", "1"), &["package/added/spyware"], false),
        (
            "repository",
            "base",
            json!({"enabled": "true", "gpgcheck": "true", "baseurl": "https://…/f"}),
            json!({"enabled": "true", "gpgcheck": "false", "baseurl": "https://…/a"}),
            &["repository/changed/base:gpgcheck"],
            false,
        ),
        (
            "soname",
            "libxen.so.4()(64bit)",
            json!({"package": "xen-libs"}),
            none.clone(),
            &["soname/removed/libxen.so.4()(64bit)"],
            true,
        ),
        (
            "soname",
            "libfoo.so.1()(64bit)",
            json!({"package": "a"}),
            none.clone(),
            &["soname/removed/libfoo.so.1()(64bit)"],
            false,
        ),
        (
            "command",
            "ps",
            json!({"path": "/usr/bin/ps", "package": "a"}),
            json!({"path": "/usr/sbin/ps", "package": "a"}),
            &["command/changed/ps"],
            true,
        ),
        (
            "command",
            "tar",
            json!({"path": "/usr/bin/tar", "package": "a"}),
            none.clone(),
            &["command/removed/tar"],
            false,
        ),
        ("file", "/etc/issue", file("0644", "a"), file("0644", "b"), &["file/changed/etc/issue:content"], true),
        ("file", "/etc/sudoers", file("0440", "a"), file("0666", "a"), &["file/changed/etc/sudoers:mode"], false),
        ("file", "/etc/azl/new", none.clone(), file("0644", "n"), &["file/added/etc/azl/new"], true),
        (
            "unit",
            "sshd.service",
            unit("enabled", "enabled"),
            unit("disabled", "enabled"),
            &["unit/changed/sshd.service:state"],
            false,
        ),
        (
            "unit",
            "bfq.service",
            unit("enabled", "enabled"),
            unit("enabled", "disabled"),
            &["unit/changed/bfq.service:preset"],
            true,
        ),
        ("user", "games", user("12", "/sbin/nologin"), none.clone(), &["user/removed/games"], true),
        ("user", "sync", user("5", "/sbin/nologin"), user("5", "/bin/bash"), &["user/changed/sync:shell"], false),
        (
            "group",
            "wheel",
            json!({"gid": "10", "members": ""}),
            json!({"gid": "10", "members": "azureuser"}),
            &["group/changed/wheel:members"],
            true,
        ),
        ("port", "tcp/111", none.clone(), json!({"address": "any"}), &["port/added/tcp/111"], false),
        ("kernel-option", "HZ", one("1000"), one("100"), &["kernel-option/changed/HZ"], true),
        ("kernel-option", "KEXEC", one("y"), one("n"), &["kernel-option/changed/KEXEC"], false),
        ("module", "btrfs", json!({"kind": "built-in"}), json!({"kind": "loadable"}), &["module/changed/btrfs"], true),
        ("cmdline", "mitigations", none.clone(), one("off"), &["cmdline/added/mitigations"], false),
        ("sysctl", "kernel.kptr_restrict", one("0"), one("1"), &["sysctl/changed/kernel.kptr_restrict"], true),
        ("sysctl", "net.ipv4.ip_forward", one("0"), one("1"), &["sysctl/changed/net.ipv4.ip_forward"], false),
        ("certificate", "CN=Evil", none.clone(), json!({"sha256": "00"}), &["certificate/added/CN=Evil"], false),
        ("locale", "de_DE.utf8", json!({}), none.clone(), &["locale/removed/de_DE.utf8"], true),
        ("footprint", "packages", one("300"), one("310"), &["footprint/changed/packages"], false),
    ]
}

/// What both systems have beside what was planted, so that no kind is empty.
fn documents() -> (Value, Value) {
    let mut sides = [json!({}), json!({})];
    let kinds: BTreeSet<&str> = planted().iter().map(|row| row.0).collect();
    assert_eq!(kinds.len(), 17, "each kind has a difference: {kinds:?}");
    for side in &mut sides {
        for kind in &kinds {
            side[*kind] = json!({"items": {"same": {}}});
        }
    }
    for (kind, subject, before, after, _, _) in planted() {
        for (side, mut item) in sides.iter_mut().zip([before, after]) {
            if item.is_null() {
                continue;
            }
            // The difference of openssl is its version alone.
            if subject == "openssl" {
                item["release"] = "1".into();
            }
            if kind == "repository" {
                item["baseurl"] = "https://…/same".into();
            }
            side[kind]["items"][subject] = item;
        }
    }
    let document = |name: &str, kinds: &Value| {
        json!({"schema": "facts/v1", "name": name, "taken": "2026-11-01T00:00:00Z", "trees": ["/etc"], "kinds": kinds,
            "system": {"os-release": {"ID": name}, "arch": "x86_64", "kernel": "6.18", "boot-id": "", "systemd": 258,
                "package-manager": null, "rpm": null, "selinux": null, "firmware": "uefi", "mode": "package",
                "capabilities": [], "tools": [], "kconfig": null}})
    };
    (document("fedora", &sides[0]), document("azurelinux", &sides[1]))
}

const LEDGER: &str = "schema: deviations/v1
deviations:
  - {pattern: 'package/changed/*:release', after: {contains: azl4}, category: azl-release-management, upstream-status: inapplicable, reason: rebuilt, link: l}
  - {pattern: 'package/added/azl-*', where: id == azurelinux, category: azl-branding-policy, upstream-status: inapplicable, reason: ours, link: l}
  - {pattern: identity/changed/ID, before: fedora, category: azl-branding-policy, upstream-status: inapplicable, reason: r, link: l}
";

const PRUNED: &str = "category: azl-pruning, upstream-status: inapplicable, reason: r, link: l";

struct Gate {
    place: Place,
    before: String,
    after: String,
    ledger: String,
}

impl Gate {
    fn new() -> Self {
        let place = Place::new();
        let (before, after) = documents();
        let write = |name: &str, text: String| place.write(name, &text).display().to_string();
        let (before, after) = (write("before.json", before.to_string()), write("after.json", after.to_string()));
        let ledger = write("ledger.yaml", ledger());
        Self { before, after, ledger, place }
    }

    fn run(&self, more: &[&str]) -> Finished {
        let words: Vec<&str> =
            ["compare", &self.before, &self.after, "--ledger", &self.ledger].iter().chain(more).copied().collect();
        self.place.run(&words, SOON)
    }
}

/// One entry for each key that is documented, beside the wide ones.
fn ledger() -> String {
    let mut text = LEDGER.to_owned();
    for (_, _, _, _, keys, documented) in planted() {
        for key in keys.iter().filter(|_| documented) {
            if !(key.ends_with(":release") || key.contains("azl-extra") || *key == "identity/changed/ID") {
                text.push_str(&format!("  - {{pattern: '{key}', {PRUNED}}}\n"));
            }
        }
    }
    text
}

fn keys(documented: bool) -> BTreeSet<String> {
    let rows = planted().into_iter().filter(|row| row.5 == documented);
    rows.flat_map(|row| row.4.iter().map(|key| (*key).to_owned())).collect()
}

#[test]
fn all_and_only_the_undocumented_differences_are_reported() {
    let gate = Gate::new();
    assert!(keys(true).len() + keys(false).len() >= 25);
    let ended = gate.run(&["--format", "json"]);
    ended.assert_status(1);
    let document: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let found = |standing: &str| -> BTreeSet<String> {
        let rows = document["differences"].as_array().expect("differences");
        rows.iter()
            .filter(|row| row["standing"] == standing)
            .map(|row| row["key"].as_str().expect("a key").to_owned())
            .collect()
    };
    assert_eq!(found("undocumented"), keys(false));
    assert_eq!(found("documented"), keys(true));
    let text = gate.run(&[]);
    text.assert_status(1);
    for key in keys(false) {
        assert_eq!(text.stdout.matches(&format!("{{pattern: \"{key}\"")).count(), 1, "{key} in\n{}", text.stdout);
    }
    for key in keys(true) {
        assert!(!text.stdout.contains(&format!("\"{key}\"")), "{key} in\n{}", text.stdout);
    }
    assert!(gate.run(&["--all"]).stdout.contains("(documented)"));
    let comment = gate.run(&["--format", "markdown"]);
    comment.assert_status(1);
    assert!(comment.stdout.starts_with("### ` fedora ` → ` azurelinux `"), "{}", comment.stdout);
}

#[test]
fn a_ledger_that_documents_everything_opens_the_gate_and_a_stale_entry_is_reported() {
    let gate = Gate::new();
    let mut whole = ledger();
    for key in keys(false) {
        whole.push_str(&format!("  - {{pattern: '{key}', {PRUNED}}}\n"));
    }
    std::fs::write(&gate.ledger, &whole).expect("written");
    gate.run(&[]).assert_status(0);
    std::fs::write(&gate.ledger, format!("{whole}  - {{pattern: package/removed/vim, {PRUNED}}}\n")).expect("written");
    let ended = gate.run(&[]);
    ended.assert_status(4);
    assert!(ended.stdout.contains("nothing matches `package/removed/vim` any more"), "{}", ended.stdout);
    // An entry of a kind that is not compared is not stale.
    gate.run(&["--only", "user,group"]).assert_status(0);
    std::fs::write(
        &gate.ledger,
        whole.replace(
            "pattern: 'locale/removed/de_DE.utf8'",
            "pattern: 'locale/removed/de_DE.utf8', expires: 2020-01-01",
        ),
    )
    .expect("written");
    let ended = gate.run(&[]);
    ended.assert_status(4);
    assert!(ended.stdout.contains("expired on 2020-01-01"), "{}", ended.stdout);
}

#[test]
fn a_system_does_not_differ_from_itself() {
    let gate = Gate::new();
    let ended = gate.place.run(&["compare", &gate.before, &gate.before], SOON);
    ended.assert_status(0);
    assert!(ended.stdout.contains("no differences in 17 kinds"), "{}", ended.stdout);
}

#[test]
fn what_one_side_does_not_tell_is_an_error_and_no_pass() {
    let gate = Gate::new();
    let (mut facts, _) = documents();
    facts["kinds"]["unit"] = json!({"unreadable": "systemctl: time-out"});
    let lame = gate.place.write("lame.json", &facts.to_string()).display().to_string();
    let ended = gate.place.run(&["compare", &gate.before, &lame], SOON);
    ended.assert_status(3);
    assert!(
        ended.stdout.contains("could not be compared\n  unit: the candidate does not report it: systemctl"),
        "{}",
        ended.stdout
    );
    gate.place.run(&["compare", &gate.before, &lame, "--ignore", "unit"], SOON).assert_status(0);
    facts["kinds"].as_object_mut().expect("kinds").remove("unit");
    let fewer = gate.place.write("fewer.json", &facts.to_string()).display().to_string();
    gate.place.run(&["compare", &fewer, &gate.before], SOON).assert_status(3);
}

#[test]
fn what_was_given_wrongly_is_reported_before_anything_is_compared() {
    let gate = Gate::new();
    let run = |words: &[&str]| gate.place.run(&[&["compare"], words].concat(), SOON);
    let wide = gate.place.write("wide.yaml", &format!("schema: deviations/v1\ndeviations: [{{pattern: '*', {PRUNED}}}, {{pattern: 'package/removed/*', {PRUNED}}}]\n"));
    let ended = run(&[&gate.before, &gate.after, "--ledger", &wide.display().to_string()]);
    ended.assert_status(2);
    assert!(
        ended.stderr.contains("differences of every kind") && ended.stderr.contains("asserts-nothing"),
        "{}",
        ended.stderr
    );
    let broken = gate.place.write("broken.json", "{}").display().to_string();
    run(&[&broken, &gate.after]).assert_status(2);
    run(&[&gate.before]).assert_status(2);
    run(&[&gate.before, &gate.after, "--only", "colour"]).assert_status(2);
    // How nothing is booted, and what does not go together: one message each.
    for (words, said) in [
        (&[&gate.before, &gate.after, "--tpm"][..], "--tpm says how a system is booted that is not booted here"),
        (&[&gate.before, "lab", "--baseline-user", "x", "--baseline-tpm"], "--baseline-tpm, --baseline-user says how"),
        (&["lab", &gate.after, "--baseline-kernel", "k"], "--cmdline"),
        (&["lab", &gate.after, "--baseline-firmware", "coreboot"], "--baseline-firmware"),
    ] {
        let ended = run(words);
        ended.assert_status(2);
        assert!(ended.stderr.contains(said), "{words:?}: {}", ended.stderr);
        assert_eq!(ended.stderr.matches("error:").count(), 1, "{}", ended.stderr);
    }
    let dir = gate.place.dir.path().display().to_string();
    run(&[&dir, &gate.after]).assert_status(2);
    run(&[&gate.before, &gate.after, "--azldev", &format!("{dir}/none")]).assert_status(2);
}

#[test]
fn a_system_is_read_after_one_test_that_can_be_asked_of_it() {
    let gate = Gate::new();
    let run = |words: &[&str]| gate.place.run(&[&["compare"], words].concat(), SOON);
    for (words, reported) in [
        (&[&gate.before, "lab", "--candidate-after", "upgrade/*"][..], "is not one test of a suite"),
        (&[&gate.before, "lab", "--candidate-after", "machine/health"], "is not one test of a suite"),
        (&[&gate.before, "lab", "--candidate-after", "upgrade/restart-well"], "did you mean `upgrade/restarts-well`?"),
        (&[&gate.before, &gate.after, "--candidate-after", "upgrade/restarts-well"], "was read before"),
        (&[&gate.before, "lab", "--baseline-after", "upgrade/restarts-well"], "was read before"),
        (&[&gate.before, "--save-facts", "x.json", "--candidate-after", "upgrade/restarts-well"], "<CANDIDATE>"),
        (&[&gate.before, &gate.after, "--suites", "suites"], "neither is given"),
    ] {
        let ended = run(words);
        ended.assert_status(2);
        assert!(ended.stderr.contains(reported), "{words:?}\n{}", ended.stderr);
    }
}

#[test]
fn overlays_of_a_tree_document_what_is_in_their_packages() {
    let gate = Gate::new();
    let tree = gate.place.path("tree");
    std::fs::create_dir_all(&tree).expect("a folder");
    let toml = "[[components.s.overlays]]\ntype = \"spec-remove-subpackage\"\npackage = \"which\"\ndescription = \"not ours\"\n";
    std::fs::write(tree.join("s.comp.toml"), toml).expect("written");
    let ended = gate.run(&["--azldev", &tree.display().to_string(), "--all"]);
    ended.assert_status(1);
    assert!(ended.stdout.contains("overlay of s s.comp.toml:1:1: not ours"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("{pattern: \"package/removed/which\""), "{}", ended.stdout);
}

#[test]
fn facts_that_are_saved_are_the_facts_that_were_read() {
    let gate = Gate::new();
    let copy = gate.place.path("copy.json").display().to_string();
    gate.place.run(&["compare", &gate.after, "--save-facts", &copy], SOON).assert_status(0);
    gate.place.run(&["compare", &gate.after, &copy], SOON).assert_status(0);
    gate.place.run(&["compare", &gate.before, &copy], SOON).assert_status(1);
}
