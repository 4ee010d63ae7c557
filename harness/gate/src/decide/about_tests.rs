//! What a policy, several runs and waivers are about: tests that there are, runs that go on with others, several images, and what nearly
//! covers.

use super::*;
use crate::testing::{decided, decided_about, digest, missing, policy, profile, run, test, today, waiver};
use crate::written::markdown;
use muster_record::outcome::Outcome;

fn blocking(decision: &Decision) -> Vec<String> {
    decision.blocking().map(|one| format!("{} {}", one.kind.name(), one.name)).collect()
}

#[test]
fn what_may_not_be_waived_is_a_test_that_there_is() {
    let runs = [today(&[("s/a", Outcome::Pass)])];
    let rules = |glob: &str| format!("waivers: {{max-days: 60, not-waivable: ['{glob}']}}\n");
    for (glob, fits) in [("s/*", true), ("s/a", true), ("machine/*", true), ("r/*", false), ("s/b", false)] {
        let of_profile = policy(&format!("profile: lock\n{}", rules(glob)));
        let of_rules = policy(&format!("require: [{{test: s/a}}]\n{}", rules(glob)));
        for (policy, profile) in [(&of_profile, Some(profile(&["s/a"]))), (&of_rules, None)] {
            let found = decided(policy, profile.as_ref(), &[], &runs);
            match fits {
                true => assert!(found.unwrap().open, "{glob}"),
                false => {
                    let error = found.unwrap_err().to_string();
                    assert!(error.ends_with(&format!("not-waivable {glob}")), "{error}");
                }
            }
        }
    }
}

#[test]
fn a_run_that_was_interrupted_counts_with_the_one_that_goes_on_with_it() {
    let profile = profile(&["s/a", "s/b"]);
    let policy = policy("profile: lock\n");
    let mut first = run("r1", "2026-11-18T10:00:00Z", &[("s/a", Outcome::Pass), ("s/b", Outcome::Error)]);
    first.record.interrupted = true;
    first.record.exit_code = Some(3);
    let mut second = run("r2", "2026-11-19T10:00:00Z", &[("s/a", Outcome::Pass), ("s/b", Outcome::Pass)]);
    second.record.tests[0].kept_from = Some("r1".into());
    second.record.earlier.push(muster_record::run::EarlierRun {
        id: "r1".into(),
        directory: "runs/r1".into(),
        file: "run.json".into(),
        sha256: first.file.sha256.clone(),
        found: Some(first.record.found()),
    });
    let of = |runs: &[RunInput]| blocking(&decided(&policy, Some(&profile), &[], runs).unwrap());
    let none: [&str; 0] = [];
    assert_eq!(of(&[first.clone(), second.clone()]), none);
    assert_eq!(of(std::slice::from_ref(&second)), none);
    assert!(of(std::slice::from_ref(&first)).contains(&"run r1".to_owned()));
    // It is no excuse for anything else, for another record, or for tests that were left behind.
    let broken = |change: &dyn Fn(&mut RunInput, &mut RunInput)| {
        let (mut one, mut two) = (first.clone(), second.clone());
        change(&mut one, &mut two);
        of(&[one, two])
    };
    assert_eq!(broken(&|_, two| two.record.earlier[0].sha256 = digest(9)), ["run r1"]);
    assert_eq!(broken(&|_, two| two.record.earlier[0].id = "r0".into()), ["run r1"]);
    assert_eq!(broken(&|_, two| two.record.interrupted = true), ["run r2"]);
    assert_eq!(broken(&|one, _| one.record.arguments.push("--update-snapshots".into())).len(), 2);
    let extra = test("s/z", Outcome::Pass);
    assert_eq!(broken(&|one, _| one.record.tests.push(extra.clone())), ["run r1"]);
    // What failed before it was interrupted is not forgotten.
    assert_eq!(broken(&|one, _| one.record.tests[1].outcome = Outcome::Fail), ["test s/b"]);
}

#[test]
fn every_system_must_be_an_image_that_satisfies_the_policy() {
    let profile = profile(&["s/a"]);
    let policy =
        policy("profile: lock\nsystems: [{distro: azurelinux, version: '4.*'}, {distro: fedora}, {entry: lab}]\n");
    let lab = today(&[("s/a", Outcome::Pass)]);
    let mut fedora = run("r2", "2026-11-19T11:00:00Z", &[("s/a", Outcome::Pass)]);
    let mut image = fedora.record.images.remove("lab").unwrap();
    image.sha256 = digest(0xcd);
    image.facts.as_mut().unwrap().os_release.insert("ID".into(), "fedora".into());
    fedora.record.images.insert("f43".into(), image);
    fedora.record.tests.iter_mut().for_each(|test| test.image = "f43".into());
    let of = |runs: &[RunInput], image: u8| decided_about(&policy, Some(&profile), &[], runs, Some(&digest(image)));
    for image in [0xab, 0xcd] {
        let decision = of(&[lab.clone(), fedora.clone()], image).unwrap();
        assert!(decision.open, "{:?}", blocking(&decision));
        let rows = decision.requirements.iter().filter(|one| one.kind == RequirementKind::System);
        let names: Vec<&str> = rows.map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["azurelinux 4.*", "fedora", "entry lab"]);
        // Only its own runs are its evidence.
        assert_eq!(decision.runs.len(), 1);
    }
    let alone = of(std::slice::from_ref(&lab), 0xab).unwrap();
    assert_eq!(blocking(&alone), ["system fedora"]);
    assert!(alone.blocking().all(|one| one.state == RequirementState::Missing && one.message.contains("no image")));
    let mut bad = fedora.clone();
    bad.record.tests[0].outcome = Outcome::Fail;
    let closed = of(&[lab.clone(), bad], 0xab).unwrap();
    assert_eq!(blocking(&closed), ["system fedora"]);
    assert!(closed.blocking().all(|one| one.message.contains("f43 (cdcd")), "{closed:#?}");
    let unnamed = decided_about(&policy, Some(&profile), &[], &[lab.clone(), fedora.clone()], None);
    assert!(matches!(unnamed, Err(GateError::SeveralImages { .. })), "{unnamed:?}");
    assert!(matches!(of(&[lab, fedora], 0xef), Err(GateError::OtherImage { .. })));
}

#[test]
fn a_waiver_that_nearly_covers_says_what_is_different() {
    let profile = profile(&["s/a", "s/b", "s/c", "s/d", "s/e[x=1]"]);
    let policy = policy("profile: lock\nwaivers: {max-days: 60}\n");
    let outcomes =
        [("s/a", Outcome::Fail), ("s/b", Outcome::Pass), ("s/c", Outcome::Skip), ("s/e[x=1]", Outcome::Fail)];
    let cell = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let of = |waiver: Waiver| {
        let decision = decided(&policy, Some(&profile), &[waiver], &[today(&outcomes)]).unwrap();
        assert_eq!(decision.waivers[0].fate, WaiverFate::Unused);
        let why = decision.waivers[0].uncovered.clone();
        let page = markdown::markdown(&decision, None);
        assert_eq!(page.contains("does not cover it: "), why.is_some());
        assert_eq!(page.contains("unused: delete it"), why.is_none());
        why.unwrap_or_default()
    };
    let other = of(Waiver { signature: Some("another".into()), ..waiver("s/a") });
    assert_eq!(other, "its signature is `package nginx: version … is not as expected`, the waiver says `another`");
    let other = of(Waiver { failure: Some("package.arch".into()), ..waiver("s/a") });
    assert_eq!(other, "its failure is package.version, the waiver says package.arch");
    let place = "its cell is {accelerator: kvm, image: lab}, the waiver says";
    assert_eq!(of(Waiver { cell: cell(&[]), ..waiver("s/a") }), format!("{place} {{}}"));
    assert_eq!(of(Waiver { cell: cell(&[("image", "lab")]), ..waiver("s/a") }), format!("{place} {{image: lab}}"));
    assert_eq!(of(missing("s/a")), "it ran (fail), and the waiver is of a test that did not");
    assert!(of(missing("s/d")).starts_with("a test that never ran has no cell, the waiver says {accelerator: kvm"));
    let skipped = of(Waiver { failure: Some("skip.image".into()), ..missing("s/c") });
    assert_eq!(skipped, "its failure is skip.when, the waiver says skip.image");
    let base = of(Waiver { missing: true, failure: None, signature: None, ..waiver("s/e") });
    assert_eq!(base, "the test is called s/e[x=1], the waiver says s/e");
    // One that nothing needs is to be deleted.
    assert_eq!(of(waiver("s/b")), "");
}
