//! `muster kconfig`: configurations as a kernel's maintainer and a pipeline ask of them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Finished, Place, finish};

const SOON: Duration = Duration::from_secs(30);

const SUITE: &str = "schema: suite/v1\nsuite: s\ntests:\n\
- {id: one, summary: it matters, expect: {kconfig: {CONFIG_KVM: {enabled: true}, CONFIG_DEVMEM: {disabled: true}}}}\n\
- {id: two, summary: x, when: distro == fedora, because: y, expect: {kconfig: {CONFIG_NR_CPUS: '>= 512'}}}\n";

const GOOD: &str = "# Linux/x86_64 6.18.5 Kernel Configuration\nCONFIG_KVM=m\nCONFIG_NR_CPUS=512\nCONFIG_HZ=1000\n# end of Kernel hacking\n";

struct Files {
    place: Place,
    suite: String,
    good: String,
    bad: String,
}

fn files() -> Files {
    let place = Place::new();
    let suite = place.write("s.yaml", SUITE).display().to_string();
    let good = place.write("good.config", GOOD).display().to_string();
    let bad = GOOD.replace("CONFIG_KVM=m", "# CONFIG_KVM is not set").replace("=1000", "=100");
    let bad = place.write("bad.config", &bad).display().to_string();
    Files { place, suite, good, bad }
}

impl Files {
    fn check(&self, words: &[&str]) -> Finished {
        let words: Vec<&str> = ["kconfig", "check", "--suites", &self.suite].iter().chain(words).copied().collect();
        self.place.run(&words, SOON)
    }
}

#[test]
fn the_exit_code_distinguishes_met_missed_and_not_known() {
    let files = files();
    let fedora = ["--given", "distro=fedora-43"];
    files.check(&[&files.good, fedora[0], fedora[1]]).assert_status(0);
    let missed = files.check(&[&files.good, &files.bad, fedora[0], fedora[1]]);
    missed.assert_status(1);
    for part in ["  FAIL s/one\n      it matters\n", "CONFIG_KVM: expected enabled is true, found false", "s.yaml:4:"] {
        assert!(missed.stdout.contains(part), "{part:?} is missing in\n{}", missed.stdout);
    }
    let undecided = files.check(&[&files.good]);
    undecided.assert_status(2);
    assert!(undecided.stderr.contains("--given distro=… would decide"), "{}", undecided.stderr);
    files.check(&[&files.good, "--allow-unknown"]).assert_status(0);
    files.check(&["/nowhere.config", &files.bad]).assert_status(2);
    files.check(&[&files.good, "--test", "s/three"]).assert_status(2);
    files.check(&[&files.good, "--arch", "aarch64"]).assert_status(2);
}

#[test]
fn a_capability_that_is_given_decides_and_a_wrong_one_is_explained() {
    let files = files();
    let suite = "schema: suite/v1\nsuite: c\ntests:\n- {id: old, summary: x, when: not (capability == cgroup2), because: y, \
                 expect: {kconfig: {CONFIG_KVM: n}}}\n- {id: new, summary: x, expect: {kconfig: {CONFIG_KVM: m}}}\n";
    let suite = files.place.write("c.yaml", suite).display().to_string();
    let run = |given: &[&str]| {
        let words = [&["kconfig", "check", &files.good, "--suites", &suite], given].concat();
        files.place.run(&words, SOON)
    };
    let open = run(&[]);
    open.assert_status(2);
    assert!(open.stderr.contains("--given capability=cgroup2 or --given 'capability!=cgroup2'"), "{}", open.stderr);
    run(&["--given", "capability=cgroup2", "--given", "capability=systemd,efi"]).assert_status(0);
    run(&["--given", "capability!=cgroup2"]).assert_status(1);
    let slip = run(&["--given", "capability=cgroups2"]);
    slip.assert_status(2);
    assert!(slip.stderr.contains("did you mean `cgroup2`?"), "{}", slip.stderr);
}

#[test]
fn a_fragment_is_said_to_be_one_and_does_not_pass() {
    let files = files();
    let fragment = files.place.write("x-fedora.config", "# x86_64\nCONFIG_KVM=m\n").display().to_string();
    let ended = files.check(&[&fragment, "--test", "s/one"]);
    ended.assert_status(2);
    assert!(ended.stdout.contains("a fragment") && ended.stdout.contains("UNKNOWN s/one"), "{}", ended.stdout);
    assert!(ended.stdout.contains("CONFIG_DEVMEM: not known: CONFIG_DEVMEM is not in this file"), "{}", ended.stdout);
}

#[test]
fn a_packed_configuration_comes_through_a_pipe() {
    let files = files();
    let packed = Command::new("gzip").args(["-c", &files.good]).output().expect("gzip runs").stdout;
    let words = ["kconfig", "check", "--suites", &files.suite, "--format", "json", "--test", "s/one", "-"];
    let mut command = files.place.command(&words);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("muster starts");
    child.stdin.take().expect("a pipe").write_all(&packed).expect("it reads");
    let ended = finish(child, SOON);
    ended.assert_status(0);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(document["files"][0]["arch"], "x86_64");
    assert_eq!(document["files"][0]["tests"][0]["met"], 2);
}

#[test]
fn the_shipped_suites_ask_hundreds_of_options() {
    let files = files();
    let ended = files.place.run(&["kconfig", "check", &files.good, "--format", "json"], SOON);
    ended.assert_status(1);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let tests = document["files"][0]["tests"].as_array().expect("tests");
    let missed: usize = tests.iter().map(|test| test["missed"].as_array().map_or(0, Vec::len)).sum();
    assert!(tests.len() > 40 && missed > 200, "{} tests, {missed} missed", tests.len());
}

#[test]
fn differences_are_sorted_and_can_be_a_gate() {
    let files = files();
    let run = |words: &[&str]| files.place.run(&[&["kconfig", "diff", &files.good, &files.bad], words].concat(), SOON);
    let all = run(&[]);
    all.assert_status(1);
    assert!(all.stdout.contains("\nvalue → value (1)\n  CONFIG_HZ  1000 -> 100\n"), "{}", all.stdout);
    let only = run(&["--only", "m:n", "--format", "markdown"]);
    only.assert_status(1);
    assert!(only.stdout.contains("| CONFIG\\_KVM | m | n |") && !only.stdout.contains("HZ"), "{}", only.stdout);
    run(&["--only", "y->n"]).assert_status(0);
    let slip = run(&["--only", "y-"]);
    slip.assert_status(2);
    assert!(slip.stderr.contains("in quotes"), "{}", slip.stderr);
    files.place.run(&["kconfig", "diff", &files.good, &files.good], SOON).assert_status(0);
}
