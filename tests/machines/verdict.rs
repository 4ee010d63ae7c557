//! What a person relies on: a wrong expectation fails exactly its test and says so, and a changed
//! fact is shown.

use std::process::Stdio;
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Place, assert_outcome, finish, lab_disk, root};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn one_wrong_expectation_fails_exactly_its_test() {
    let place = Place::new();
    let text = "schema: suite/v1\nsuite: edited\ntests:\n  - id: right\n    summary: as it is\n    expect:\n      kernel: {arch: x86_64}\n  - id: wrong\n    summary: as somebody mistyped it\n    expect:\n      kernel:\n        arch: x86_64\n        release: \">= 99\"\n";
    let suite = place.write("edited.yaml", text);
    let ended = place.run(&["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny"], 2 * MINUTE);
    ended.assert_status(1);
    assert_outcome(&place.test("edited/right"), Outcome::Pass, &[]);
    assert_outcome(&place.test("machine/health"), Outcome::Pass, &[]);
    let wrong = place.test("edited/wrong");
    assert_outcome(&wrong, Outcome::Fail, &["kernel.release"]);
    let failure = &wrong.failures[0];
    assert_eq!(failure.expected.as_deref(), Some("release >= 99"));
    assert!(failure.actual.as_deref().is_some_and(|actual| actual.starts_with("6.")), "{:?}", failure.actual);
    let location = failure.location.as_ref().unwrap();
    assert_eq!((location.line, location.column), (13, 9));
    for part in ["expected  release >= 99", "edited.yaml:13:9", "run it again: muster run", "--test edited/wrong"] {
        assert!(ended.stdout.contains(part), "{part:?} is missing in\n{}", ended.stdout);
    }
}

#[test]
fn a_changed_fact_fails_with_a_diff_until_somebody_accepts_it() {
    let place = Place::new();
    let text = "schema: suite/v1\nsuite: facts\ntests:\n  - id: release\n    summary: who it says it is\n    snapshots:\n      - name: os-release\n        of: {run: cat /etc/os-release}\n        filters: [{match: \"PRETTY_NAME=.*\", with: \"PRETTY_NAME=[name]\"}]\n";
    let suite = place.write("facts.yaml", text);
    let run = |more: &[&str]| {
        let _ = std::fs::remove_dir_all(place.path("run"));
        let mut words = vec!["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny"];
        words.extend(more);
        place.run(&words, 2 * MINUTE)
    };
    run(&["--update-snapshots"]).assert_status(0);
    let accepted = place.path("snapshots").join("facts__release__os-release@lab-tiny.snap");
    let text = std::fs::read_to_string(&accepted).unwrap();
    assert!(text.contains("VARIANT_ID=tiny") && text.contains("PRETTY_NAME=[name]"), "{text}");

    std::fs::write(&accepted, text.replace("VARIANT_ID=tiny", "VARIANT_ID=huge")).unwrap();
    let ended = run(&[]);
    ended.assert_status(1);
    let test = place.test("facts/release");
    assert_outcome(&test, Outcome::Fail, &["snapshot.changed"]);
    let diff = test.failures[0].detail.clone().unwrap();
    assert!(diff.contains("-VARIANT_ID=huge") && diff.contains("+VARIANT_ID=tiny"), "{diff}");
    // What waits for a decision lies where a review looks for it, and in the run folder.
    let name = "facts__release__os-release@lab-tiny.snap.new";
    assert!(place.path("snapshots").join(name).exists() && place.path("run/snapshots").join(name).exists());

    let dir = place.path("snapshots");
    let words = ["snapshots", "accept", "os-release", "--folder", dir.to_str().unwrap()];
    place.run(&words, MINUTE).assert_status(0);
    run(&[]).assert_status(0);
}

/// One boot for what a record keeps of it: claims that do not hold, and what every assertion that was met has seen.
#[test]
fn a_claim_that_the_machine_does_not_keep_fails_its_health_and_what_is_met_is_in_every_report() {
    let place = Place::new();
    let disk = lab_disk("lab-tiny");
    let entry = format!(
        "schema: images/v1\nimages:\n  - id: claims-too-much\n    summary: lab-tiny, of which its maker says that systemd runs it\n    \
         disk: {{path: {}}}\n    format: qcow2\n    firmware: bios\n    seed: systemd-credentials\n    user: root\n    \
         memory: 256 MiB\n    cpus: 1\n    boot-timeout: 1m\n    claims: {{systemd: true, tpm: false, kernel: \">= 6\"}}\n",
        disk.display()
    );
    std::fs::create_dir(place.path("images")).unwrap();
    place.write("images/claims.yaml", &entry);
    let text = "schema: suite/v1\nsuite: probe\ntests:\n  - id: one\n    summary: a kernel runs\n    steps: [{run: echo there, stdout: {contains: there}}]\n    expect:\n      kernel: {arch: x86_64, release: \">= 6\"}\n";
    let suite = place.write("probe.yaml", text);
    let mut command = place.command(&["run", "--suites", suite.to_str().unwrap(), "--image", "claims-too-much"]);
    // The descriptions of a project are those of the directory that it is started in.
    command.current_dir(place.dir.path()).env("MUSTER_ROOT", root());
    let ended = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), 2 * MINUTE);
    ended.assert_status(1);
    let health = place.test("machine/health");
    assert_outcome(&health, Outcome::Fail, &["claim.false"]);
    assert!(health.failures[0].message.contains("systemd == true"), "{:?}", health.failures);
    let held: Vec<&str> = health.met.iter().map(|met| met.expected.as_str()).collect();
    assert_eq!(held, ["boot", "tpm == false", "kernel >= 6"], "{:?}", health.met);

    let one = place.test("probe/one");
    assert_outcome(&one, Outcome::Pass, &[]);
    let lines: Vec<String> = one.met.iter().map(|met| format!("{}: {}", met.subject, met.expected)).collect();
    let run = "step run echo there";
    assert_eq!(
        lines,
        [
            format!("{run}: exit is 0"),
            format!("{run}: stdout contains there"),
            "kernel: arch is x86_64".to_owned(),
            "kernel: release >= 6".to_owned(),
        ]
    );
    assert_eq!((one.met[1].actual.as_str(), one.met[2].actual.as_str()), ("there", "x86_64"));
    let kernel = &one.met[3].actual;
    assert!(kernel.starts_with("6."), "{kernel}");
    assert_eq!((one.assertions as usize, one.met_left_out), (one.met.len(), 0));
    let junit = place.junit();
    let cases = junit.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let outputs: Vec<String> = cases.filter_map(|case| case.system_out.as_deref().map(str::to_owned)).collect();
    let line = format!("kernel: release >= 6, found {kernel}");
    assert!(outputs.iter().any(|output| output.lines().any(|shown| shown == line)), "{outputs:?}");
    assert!(place.record().binary.is_some_and(|digest| digest.len() == 64));
}
