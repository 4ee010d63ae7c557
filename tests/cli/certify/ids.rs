//! Reasons that need more than one run or a policy of their own, and that no reason is without a test.

use std::path::Path;

use muster_base::failure::{Failure, RUN_INTERRUPTED};
use muster_base::text::one_line;
use muster_certificate::refusal::RefusalId;
use muster_record::event::Event;
use muster_record::outcome::Outcome;
use muster_record::run::{EarlierRun, RunRecord};

use super::scene::{Scene, ids, sha256};

const GOOD: &[(&str, Outcome)] = &[("a", Outcome::Pass), ("b", Outcome::Pass)];

#[test]
fn a_resumed_run_is_certified_with_the_interrupted_one_that_it_goes_on_with() {
    let scene = Scene::new("");
    let last_week = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - 7 * 86_400).expect("a time");
    let interrupted = |events: &mut Vec<Event>| {
        for event in events.iter_mut() {
            match event {
                Event::RunStarted { at, .. } => *at = last_week.to_string(),
                Event::Planned { tests, .. } => {
                    for test in tests.iter_mut().filter(|test| test.suite == "s" && test.test == "b") {
                        test.outcome = Outcome::Error;
                        test.failures = vec![Failure::new(RUN_INTERRUPTED, "the run ended before this test did")];
                    }
                }
                Event::RunFinished { interrupted, exit_code, .. } => (*interrupted, *exit_code) = (true, 3),
                _ => {}
            }
        }
        // It was stopped before its last test of the suite had a result.
        events.retain(
            |event| !matches!(event, Event::TestFinished { record } if record.suite == "s" && record.test == "b"),
        );
    };
    scene.run("first", GOOD, interrupted);
    let text = scene.read("first/run.json");
    let first: RunRecord = serde_json::from_str(&text).expect("the record");
    let resumed = |digest: String| {
        let reference = EarlierRun {
            id: "first".into(),
            directory: "first".into(),
            file: "run.json".into(),
            sha256: digest,
            found: Some(first.found()),
        };
        move |events: &mut Vec<Event>| {
            for event in events {
                match event {
                    Event::RunStarted { earlier, .. } => earlier.push(reference.clone()),
                    Event::TestFinished { record } if record.suite == "s" && record.test == "a" => {
                        record.kept_from = Some("first".into());
                    }
                    _ => {}
                }
            }
        }
    };
    scene.run("second", GOOD, resumed(sha256(text.as_bytes())));
    scene.run("other", GOOD, resumed("ab".repeat(32)));
    let certified = scene.certify(&["@second", "@first"], "@c");
    certified.assert_status(0);
    scene.verify("@c", &[]).assert_status(0);
    for (words, expected, says) in [
        (
            &["@second"][..],
            &["evidence.missing"][..],
            "goes on with the run first, which is not there: name that run as well",
        ),
        (&["@first"], &["result.missing", "run.incomplete"], "it was interrupted"),
        (&["@other", "@first"], &["run.incomplete", "run.merged"], "another record of the run first"),
    ] {
        let refused = scene.certify(words, "@none");
        refused.assert_status(1);
        let mut found = ids(&refused.stdout);
        found.dedup();
        assert_eq!(found, expected, "{}", refused.stdout);
        assert!(refused.stdout.contains(says), "{}", refused.stdout);
    }
}

#[test]
fn every_system_of_the_policy_must_be_certified() {
    let scene = Scene::new("systems: [{distro: lab, version: '1'}, {entry: lab, arch: x86_64}]\n");
    scene.run("good", GOOD, |_| {});
    scene.certify(&["@good"], "@c").assert_status(0);
    scene.verify("@c", &[]).assert_status(0);
    scene.place.write("policy.yaml", &scene.read("policy.yaml").replace("{entry: lab", "{entry: other"));
    let refused = scene.certify(&["@good"], "@none");
    refused.assert_status(1);
    assert_eq!(ids(&refused.stdout), ["system.missing"], "{}", refused.stdout);
    assert!(refused.stdout.contains("system entry other x86_64: no image of the runs"), "{}", refused.stdout);
}

#[test]
fn evidence_that_cannot_be_read_is_one_reason() {
    let scene = Scene::new("");
    scene.run("good", GOOD, |_| {});
    scene.certify(&["@good"], "@c").assert_status(0);
    let replaced = |name: &str, text: &str| {
        scene.copy("c", "x");
        let path = scene.path(&format!("x/evidence/{name}"));
        let old = std::fs::read(&path).expect("the file");
        std::fs::write(&path, text).expect("written");
        scene.sign_again("x", "key", "muster-certificate", |statement| {
            let sizes = (format!("\"bytes\":{}", old.len()), format!("\"bytes\":{}", text.len()));
            statement.replace(&sha256(&old), &sha256(text.as_bytes())).replace(&sizes.0, &sizes.1)
        });
        let refused = scene.verify("@x", &[]);
        refused.assert_status(1);
        let mut found = ids(&refused.stdout);
        found.dedup();
        found
    };
    assert_eq!(replaced("policy.yaml", "schema: policy/v1\nid: p\n"), ["format.evidence"]);
    assert_eq!(replaced("profile.lock.json", "{\"schema\": \"profile/v2\"}"), ["format.evidence"]);
    assert_eq!(replaced("good.zip", "PK"), ["evidence.modified"]);
}

#[test]
fn a_certificate_that_nobody_trusted_signed_gives_no_summary() {
    let scene = Scene::new("");
    scene.run("good", GOOD, |_| {});
    scene.certify(&["@good"], "@c").assert_status(0);
    scene.place.write("signers", "# nobody\n");
    let refused = scene.verify("@c", &["--vsa", "@vsa.json", "--key", "@key", "--format", "json"]);
    refused.assert_status(1);
    assert!(refused.stdout.contains("signature.unknown-key") && refused.stderr.contains("it is not written"));
    assert!(!scene.path("vsa.json").exists());
}

#[test]
fn options_that_make_no_certificate_are_refused() {
    let scene = Scene::new("");
    scene.run("good", GOOD, |_| {});
    for (words, says) in [
        (&["@good", "--valid-for", "0d"][..], "valid for no time"),
        (&["@good", "--profile", "@p.lock.json"], "the one that the policy names"),
    ] {
        let refused = scene.certify(words, "@none");
        refused.assert_status(2);
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
}

/// What tests of a file there are: those of a file or a directory of tests, else what stands behind `#[cfg(test)]`.
fn tests_in(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let below = |name: &str| path.components().any(|part| part.as_os_str() == name);
    let is_of_tests = path.to_string_lossy().ends_with("tests.rs") || below("certify") || below("tests");
    match text.split_once("#[cfg(test)]") {
        _ if is_of_tests => text,
        Some((_, tests)) => tests.to_owned(),
        None => String::new(),
    }
}

fn all(dir: &Path) -> String {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| if path.is_dir() { all(&path) } else { tests_in(&path) }).collect()
}

#[test]
fn no_reason_is_without_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tests = all(&root.join("harness/certificate/src")) + &all(&root.join("tests/cli/certify"));
    let has = |id: &&RefusalId| {
        let variant = format!("RefusalId::{id:?}");
        let named = tests
            .match_indices(&variant)
            .any(|(at, found)| !tests[at + found.len()..].starts_with(|next: char| next.is_ascii_alphanumeric()));
        named || tests.contains(&format!("\"{}\"", id.name())) || tests.contains(&format!("  {}: ", id.name()))
    };
    let without: Vec<&str> = RefusalId::ALL.iter().filter(|id| !has(id)).map(|id| id.name()).collect();
    assert_eq!(without, [""; 0], "{}", one_line(&without.join(", "), 400));
}
