//! Runs, policies and waivers for the tests of this crate.

use std::collections::BTreeMap;

use jiff::Timestamp;

use muster_base::failure::Location;
use muster_record::facts::Facts;
use muster_record::outcome::Outcome;
use muster_record::run::{Accelerator, ImageRecord, RunRecord, SuiteRecord, TestRecord};
pub(crate) use muster_record::sample::{digest, ended as test};
use muster_suite::diagnostic::Diagnostics;
use muster_suite::policy::{self, Policy};
use muster_suite::testing::VOCABULARY;
use muster_suite::waivers::Waiver;

use crate::decision::Decision;
use crate::inputs::{GateError, GateInputs, NamedFile, RunInput};
use crate::profile::{Profile, ProfileSuite, ProfileTest, SCHEMA};
use crate::systems::decide;
use crate::ways::{Way, ways};

pub(crate) const AT: &str = "2026-11-20T12:00:00Z";

/// A policy whose tests come from [`profile`]; `more` are its other keys.
pub(crate) fn policy(more: &str) -> Policy {
    let text = format!("schema: policy/v1\nid: p\ncontext: ship\n{more}");
    let mut sink = Diagnostics::new();
    let policy = policy::decode_source("p.yaml", &text, &VOCABULARY, &mut sink);
    policy.unwrap_or_else(|| panic!("{}", sink.render(false)))
}

pub(crate) fn profile(names: &[&str]) -> Profile {
    let test = |name: &&str| ((*name).to_owned(), ProfileTest { sha256: digest(1), tags: vec!["tier0".into()] });
    Profile {
        retired: None,
        schema: SCHEMA.into(),
        id: "lock".into(),
        muster: "1.0".into(),
        suites: BTreeMap::from([("s".to_owned(), ProfileSuite { sha256: digest(2) })]),
        tests: names.iter().map(test).collect(),
    }
}

/// A complete run of these tests on one image, and of the machine's own test.
pub(crate) fn run(id: &str, started: &str, tests: &[(&str, Outcome)]) -> RunInput {
    let mut all: Vec<TestRecord> = tests.iter().map(|(name, outcome)| test(name, *outcome)).collect();
    if !tests.iter().any(|(name, _)| *name == "machine/health") {
        all.push(test("machine/health", Outcome::Pass));
    }
    let os_release = [("ID", "azurelinux"), ("VERSION_ID", "4.0"), ("VERSION", "4.0.20261001")];
    let facts = Facts {
        os_release: os_release.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        arch: "x86_64".into(),
        firmware: "uefi".into(),
        ..Facts::default()
    };
    let image = ImageRecord {
        path: "lab.qcow2".into(),
        format: "qcow2".into(),
        sha256: digest(0xab),
        facts: Some(facts),
        ..ImageRecord::default()
    };
    let record = RunRecord {
        schema: "run/v1".into(),
        id: id.into(),
        muster: "1.0".into(),
        started: started.into(),
        finished: Some(started.into()),
        accelerator: Accelerator { kind: "kvm".into(), ..Accelerator::default() },
        images: BTreeMap::from([("lab".to_owned(), image)]),
        suites: BTreeMap::from([(
            "s".to_owned(),
            SuiteRecord { file: "s.yaml".into(), summary: String::new(), sha256: digest(2) },
        )]),
        tests: all,
        exit_code: Some(0),
        ..RunRecord::default()
    };
    RunInput { file: NamedFile { file: format!("{id}/run.json"), sha256: digest(3) }, record }
}

pub(crate) fn today(tests: &[(&str, Outcome)]) -> RunInput {
    run("r1", "2026-11-19T10:00:00Z", tests)
}

/// A waiver of what [`test`] shows of a failure.
pub(crate) fn waiver(name: &str) -> Waiver {
    Waiver {
        image: digest(0xab),
        test: name.into(),
        cell: [("image", "lab"), ("accelerator", "kvm")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        failure: Some("package.version".into()),
        signature: Some("package nginx: version … is not as expected".into()),
        reason: "it ships with it".into(),
        tracker: "bug 1".into(),
        requested_by: "alice".into(),
        approved_by: "bob".into(),
        created: "2026-11-10".parse().expect("a day"),
        expires: "2026-12-20".parse().expect("a day"),
        missing: false,
        location: Location { file: "w.yaml".into(), line: 3, column: 5 },
    }
}

/// The same of a test that did not run.
pub(crate) fn missing(name: &str) -> Waiver {
    Waiver { failure: None, signature: None, missing: true, ..waiver(name) }
}

pub(crate) fn decided(
    policy: &Policy,
    profile: Option<&Profile>,
    waivers: &[Waiver],
    runs: &[RunInput],
) -> Result<Decision, GateError> {
    decided_about(policy, profile, waivers, runs, None)
}

pub(crate) fn decided_about(
    policy: &Policy,
    profile: Option<&Profile>,
    waivers: &[Waiver],
    runs: &[RunInput],
    image: Option<&str>,
) -> Result<Decision, GateError> {
    let file = NamedFile { file: "p.yaml".into(), sha256: digest(4) };
    let at: Timestamp = AT.parse().expect("a time");
    let profile = profile.map(|profile| (profile, &file));
    decide(&GateInputs { policy, policy_file: &file, profile, waivers, runs, image, at })
}

/// What would open the gate of a decision about the image of these runs.
pub(crate) fn explained(
    decision: &Decision,
    policy: &Policy,
    profile: Option<&Profile>,
    runs: &[RunInput],
) -> Vec<Way> {
    let file = NamedFile { file: "p.lock.json".into(), sha256: digest(4) };
    let at: Timestamp = AT.parse().expect("a time");
    let profile = profile.map(|profile| (profile, &file));
    ways(decision, &GateInputs { policy, policy_file: &file, profile, waivers: &[], runs, image: None, at })
}
