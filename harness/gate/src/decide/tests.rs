use std::collections::BTreeSet;

use super::*;
use crate::decision::RefusalReason;
use crate::testing::{
    AT, decided, decided_about, digest, explained, missing, policy, profile, run, test, today, waiver,
};
use crate::written::{html, json, markdown, text};
use muster_base::failure::{self, Failure};
use muster_record::outcome::Outcome;
use muster_record::run::RunRecord;
use muster_record::shard::ShardRecord;

const WAIVERS: &str = "waivers: {max-days: 60}\n";

fn state(decision: &Decision, name: &str) -> RequirementState {
    let found = decision.requirements.iter().find(|one| one.kind == RequirementKind::Test && one.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in {decision:#?}")).state
}

fn blocking(decision: &Decision) -> Vec<String> {
    decision.blocking().map(|one| format!("{} {}", one.kind.name(), one.name)).collect()
}

/// Waivers of a test, by what they are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    None,
    Fitting,
    Missing,
    OtherFailure,
    OtherSignature,
    OtherCell,
    OtherImage,
    Expired,
}

impl Given {
    const ALL: [Self; 8] = [
        Self::None,
        Self::Fitting,
        Self::Missing,
        Self::OtherFailure,
        Self::OtherSignature,
        Self::OtherCell,
        Self::OtherImage,
        Self::Expired,
    ];

    fn waivers(self, outcome: Outcome) -> Vec<Waiver> {
        let fitting = match outcome {
            Outcome::Error => Waiver {
                failure: Some("ssh.lost".into()),
                signature: Some("the connection broke after … s".into()),
                ..waiver("s/a")
            },
            _ => waiver("s/a"),
        };
        vec![match self {
            Self::None => return Vec::new(),
            Self::Fitting => fitting,
            Self::Missing => missing("s/a"),
            Self::OtherFailure => Waiver { failure: Some("package.arch".into()), ..fitting },
            Self::OtherSignature => Waiver { signature: Some("something else".into()), ..fitting },
            Self::OtherCell => Waiver { cell: BTreeMap::from([("image".into(), "other".into())]), ..fitting },
            Self::OtherImage => Waiver { image: digest(0xcd), ..fitting },
            Self::Expired => Waiver { expires: "2026-11-19".parse().unwrap(), ..fitting },
        }]
    }
}

/// Every outcome at every level with every waiver: what the requirement comes to, and whether the gate opens.
#[test]
fn every_outcome_at_every_level_with_every_waiver() {
    let profile = profile(&["s/a", "s/b"]);
    for level in RequirementLevel::ALL {
        let from = if level == RequirementLevel::Upcoming { ", from: 2026-12-01" } else { "" };
        let rules =
            format!("profile: lock\n{WAIVERS}require: [{{test: s/*}}, {{test: s/a, level: {}{from}}}]\n", level.name());
        let policy = policy(&rules);
        for outcome in Outcome::ALL {
            for given in Given::ALL {
                let runs = [today(&[("s/a", outcome), ("s/b", Outcome::Pass)])];
                let decision = decided(&policy, Some(&profile), &given.waivers(outcome), &runs).unwrap();
                let ran_badly = matches!(outcome, Outcome::Fail | Outcome::Known | Outcome::Flaky | Outcome::Error);
                let expected = match (outcome, given) {
                    (Outcome::Pass, _) => RequirementState::Passed,
                    (_, Given::Fitting) if ran_badly => RequirementState::Waived,
                    (Outcome::Skip | Outcome::NotRun, Given::Missing) => RequirementState::Waived,
                    (Outcome::Fail | Outcome::Known | Outcome::Flaky, _) => RequirementState::Failed,
                    (Outcome::Error, _) => RequirementState::Errored,
                    (Outcome::Skip, _) => RequirementState::Skipped,
                    (Outcome::NotRun, _) => RequirementState::Missing,
                };
                let case = format!("{outcome:?} {level:?} {given:?}");
                assert_eq!(state(&decision, "s/a"), expected, "{case}");
                let open = expected.satisfies() || level != RequirementLevel::Required;
                assert_eq!(decision.open, open, "{case}: {:?}", blocking(&decision));
            }
        }
    }
}

#[test]
fn every_outcome_of_a_second_run_counts_by_its_time() {
    let profile = profile(&["s/a", "s/b"]);
    for flaky in ["fails", "passes"] {
        let policy = policy(&format!("profile: lock\nflaky: {flaky}\n"));
        for (first, second, expected) in [
            (Outcome::Fail, Outcome::Pass, if flaky == "passes" { "passed" } else { "failed" }),
            (Outcome::Known, Outcome::Pass, if flaky == "passes" { "passed" } else { "failed" }),
            (Outcome::Pass, Outcome::Flaky, if flaky == "passes" { "passed" } else { "failed" }),
            (Outcome::Error, Outcome::Pass, "passed"),
            (Outcome::Skip, Outcome::Pass, "passed"),
            (Outcome::Pass, Outcome::Skip, "passed"),
            (Outcome::Pass, Outcome::NotRun, "passed"),
            (Outcome::Pass, Outcome::Fail, "failed"),
            (Outcome::Pass, Outcome::Error, "errored"),
            (Outcome::Fail, Outcome::Error, "errored"),
            (Outcome::Fail, Outcome::NotRun, "failed"),
        ] {
            let a = run("r1", "2026-11-18T10:00:00Z", &[("s/a", first), ("s/b", Outcome::Pass)]);
            let b = run("r2", "2026-11-19T10:00:00Z", &[("s/a", second)]);
            for runs in [[a.clone(), b.clone()], [b, a]] {
                let decision = decided(&policy, Some(&profile), &[], &runs).unwrap();
                assert_eq!(state(&decision, "s/a").name(), expected, "{first:?} then {second:?}, flaky {flaky}");
                let evidence = &decision.requirements.iter().find(|one| one.name == "s/a").unwrap().evidence;
                assert_eq!((evidence.len(), evidence.iter().filter(|one| one.decides).count()), (2, 1));
            }
        }
    }
}

/// A number in a row that is the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn outcome(&mut self) -> Outcome {
        // Mostly passes, or no gate would ever open.
        let others = Outcome::ALL;
        if self.below(4) > 0 { Outcome::Pass } else { others[self.below(others.len())] }
    }
}

const NAMES: [&str; 5] = ["s/a", "s/b", "s/c[x=1]", "s/c[x=2]", "s/d"];
const POLICIES: [&str; 6] = [
    "profile: lock\n",
    "profile: lock\nflaky: passes\nallow-skips: [skip.when]\n",
    "profile: lock\nrequire: [{suite: s}, {test: s/d, level: advisory}]\n",
    "profile: lock\nrequire: [{suite: s}, {test: s/d, since: 2026-10-02}]\n",
    "profile: lock\nminimum: {passed: 3, assertions: 4}\nwaivers: {max-days: 90, not-waivable: [s/b]}\n",
    "profile: lock\nmatrix: {x: ['1'], image: [lab]}\nrequire: [{test: s/c}]\n",
];

/// Runs with tests that differ in time, completeness and accelerator.
fn any_runs(numbers: &mut Numbers) -> Vec<RunInput> {
    let count = 1 + numbers.below(3);
    let one = |at: usize, numbers: &mut Numbers| {
        let mut tests: Vec<(&str, Outcome)> = Vec::new();
        for name in NAMES.into_iter().chain(["machine/health"]) {
            if numbers.below(8) > 0 {
                tests.push((name, numbers.outcome()));
            }
        }
        let mut run = run(&format!("r{at}"), &format!("2026-11-1{}T10:00:00Z", numbers.below(9)), &tests);
        if numbers.below(12) == 0 {
            run.record.finished = None;
        }
        if numbers.below(12) == 0 {
            run.record.accelerator.kind = "tcg".into();
        }
        run
    };
    (0..count).map(|at| one(at, numbers)).collect()
}

fn any_waivers(numbers: &mut Numbers) -> Vec<Waiver> {
    let mut out = Vec::new();
    for name in NAMES {
        if numbers.below(4) == 0 {
            out.push(waiver(name));
        }
    }
    out
}

#[test]
fn no_gate_opens_with_a_required_test_that_neither_passed_nor_was_waived() {
    let (mut numbers, profile) = (Numbers(0x5eed), profile(&NAMES));
    let (mut opened, mut closed) = (0, 0);
    let policies = POLICIES.map(policy);
    for round in 0..1200 {
        let policy = &policies[round % POLICIES.len()];
        let (runs, waivers) = (any_runs(&mut numbers), any_waivers(&mut numbers));
        let decision = decided(policy, Some(&profile), &waivers, &runs).unwrap();
        if !decision.open {
            closed += 1;
            assert!(decision.blocking().next().is_some());
            continue;
        }
        opened += 1;
        // Counted again from the records alone, without the code that decides.
        let of = |name: &str| {
            let tests = runs.iter().flat_map(|run| &run.record.tests);
            tests.filter(|test| test.name() == name).map(|test| test.outcome).collect::<Vec<_>>()
        };
        let mut passed = 0;
        for requirement in &decision.requirements {
            if requirement.kind != RequirementKind::Test || requirement.level != RequirementLevel::Required {
                continue;
            }
            let outcomes = of(&requirement.name);
            match requirement.state {
                RequirementState::Passed => {
                    assert!(outcomes.iter().any(|one| matches!(one, Outcome::Pass | Outcome::Flaky)), "{outcomes:?}");
                    passed += usize::from(requirement.name != "machine/health");
                }
                RequirementState::Waived => {
                    assert!(policy.waivers.is_some() && waivers.iter().any(|one| one.test == requirement.name));
                    assert_ne!(requirement.name, "s/b", "it is not waivable");
                }
                RequirementState::Excluded => {
                    let skip = outcomes.contains(&Outcome::Skip) && !policy.allow_skips.is_empty();
                    assert!(skip || !policy.matrix.is_empty() || policy.rules.iter().any(|rule| rule.since.is_some()));
                }
                other => panic!("open with {} {}", requirement.name, other.name()),
            }
        }
        assert!(passed > 0 && runs.iter().all(|run| run.record.finished.is_some()));
    }
    assert!(opened > 30 && closed > 300, "{opened} opened, {closed} closed: this says nothing");
}

#[test]
fn a_failure_that_is_added_or_evidence_that_is_removed_opens_nothing() {
    let (mut numbers, profile) = (Numbers(0xfa11), profile(&NAMES));
    let policies = POLICIES.map(policy);
    for round in 0..600 {
        let policy = &policies[round % POLICIES.len()];
        let runs = any_runs(&mut numbers);
        if decided(policy, Some(&profile), &[], &runs).unwrap().open {
            continue;
        }
        let name = NAMES[numbers.below(NAMES.len())];
        let mut worse = runs.clone();
        let at = numbers.below(worse.len());
        let kept = |test: &muster_record::run::TestRecord| test.name() != name;
        worse[at].record.tests.retain(kept);
        worse[at].record.tests.push(test(name, Outcome::Fail));
        let mut later = run("later", "2026-11-19T23:00:00Z", &[(name, Outcome::Fail)]);
        // Only that: what its machines did would be evidence too.
        later.record.tests.retain(|test| test.name() == name);
        let added: Vec<RunInput> = runs.iter().cloned().chain([later]).collect();
        let mut fewer = runs.clone();
        fewer.iter_mut().for_each(|run| run.record.tests.retain(kept));
        for (what, other) in [("failing", worse), ("later", added), ("removed", fewer)] {
            // With an accelerator of its own a result is another one.
            let decision = decided(policy, Some(&profile), &[], &other).unwrap();
            assert!(!decision.open, "{what} {name} opened {runs:#?}");
        }
    }
}

#[test]
fn the_order_of_runs_and_a_run_that_is_given_twice_do_not_matter() {
    let (mut numbers, profile) = (Numbers(0x0bde), profile(&NAMES));
    let policies = POLICIES.map(policy);
    for round in 0..200 {
        let policy = &policies[round % POLICIES.len()];
        let (mut runs, waivers) = (any_runs(&mut numbers), any_waivers(&mut numbers));
        let decision = decided(policy, Some(&profile), &waivers, &runs).unwrap();
        runs.reverse();
        assert_eq!(decided(policy, Some(&profile), &waivers, &runs).unwrap(), decision);
        runs.push(runs[0].clone());
        runs.rotate_left(1);
        assert_eq!(decided(policy, Some(&profile), &waivers, &runs).unwrap(), decision);
    }
}

#[test]
fn nothing_that_passed_is_never_a_pass() {
    let profile = profile(&["s/a"]);
    let open = |policy: &str, outcome: Outcome, waivers: &[Waiver]| {
        let decision =
            decided(&crate::testing::policy(policy), Some(&profile), waivers, &[today(&[("s/a", outcome)])]).unwrap();
        (decision.open, blocking(&decision))
    };
    let least = vec!["minimum passed".to_owned()];
    assert_eq!(open("profile: lock\n", Outcome::Pass, &[]), (true, vec![]));
    assert_eq!(open("profile: lock\nallow-skips: [skip.when]\n", Outcome::Skip, &[]), (false, least.clone()));
    assert_eq!(open(&format!("profile: lock\n{WAIVERS}"), Outcome::Fail, &[waiver("s/a")]), (false, least.clone()));
    assert_eq!(open("profile: lock\nrequire: [{suite: s, until: 2026-10-01}]\n", Outcome::Pass, &[]), (false, least));
}

#[test]
fn dates_are_compared_with_the_day_of_the_build() {
    // The image says that it was built on 2026-10-01.
    let profile = profile(&["s/a", "s/b"]);
    for (rule, expected) in [
        ("{test: s/b, since: 2026-10-01}", (RequirementState::Failed, false)),
        ("{test: s/b, since: 2026-10-02}", (RequirementState::Excluded, true)),
        ("{test: s/b, until: 2026-10-01}", (RequirementState::Excluded, true)),
        ("{test: s/b, until: 2026-10-02}", (RequirementState::Failed, false)),
        ("{test: s/b, level: upcoming, from: 2026-10-01}", (RequirementState::Failed, false)),
        ("{test: s/b, level: upcoming, from: 2026-10-02}", (RequirementState::Failed, true)),
    ] {
        let policy = policy(&format!("profile: lock\nrequire: [{{test: s/a}}, {rule}]\n"));
        let runs = [today(&[("s/a", Outcome::Pass), ("s/b", Outcome::Fail)])];
        let decision = decided(&policy, Some(&profile), &[], &runs).unwrap();
        assert_eq!((state(&decision, "s/b"), decision.open), expected, "{rule}");
    }
}

#[test]
fn what_happened_between_tests_is_required_unless_a_rule_says_otherwise() {
    let profile = profile(&["s/a"]);
    let runs = [today(&[("s/a", Outcome::Pass), ("machine/health", Outcome::Fail)])];
    let of = |rules: &str| decided(&policy(&format!("profile: lock\n{rules}")), Some(&profile), &[], &runs).unwrap();
    assert_eq!(blocking(&of("")), ["test machine/health"]);
    assert!(of("require: [{suite: s}, {test: machine/health, level: advisory}]\n").open);
}

#[test]
fn every_combination_of_a_matrix_must_have_passed() {
    let policy = policy("profile: lock\nmatrix: {image: [lab, nvme], firmware: [uefi]}\n");
    let profile = profile(&["s/a", "s/c[firmware=bios]"]);
    let mut run = today(&[("s/a", Outcome::Pass), ("s/c[firmware=bios]", Outcome::Fail)]);
    let decision = decided(&policy, Some(&profile), &[], std::slice::from_ref(&run)).unwrap();
    assert_eq!(blocking(&decision), ["test s/a"]);
    let missing: Vec<_> = decision.blocking().map(|one| (one.state.name(), one.message.as_str())).collect();
    assert_eq!(missing, [("missing", "no run has a result of it where firmware=uefi, image=nvme")]);
    assert_eq!(state(&decision, "s/c[firmware=bios]"), RequirementState::Excluded);
    // The same file under another entry is the same image in another place.
    let image = run.record.images["lab"].clone();
    run.record.images.insert("nvme".into(), image);
    let mut again = run.record.tests[0].clone();
    again.image = "nvme".into();
    run.record.tests.push(again);
    assert!(decided(&policy, Some(&profile), &[], std::slice::from_ref(&run)).unwrap().open);
    run.record.tests.last_mut().unwrap().outcome = Outcome::Error;
    assert!(!decided(&policy, Some(&profile), &[], &[run]).unwrap().open);
}

#[test]
fn a_run_must_be_whole_young_and_of_the_locked_suites() {
    let profile = profile(&["s/a"]);
    let of = |rules: &str, change: &dyn Fn(&mut RunRecord)| {
        let mut run = today(&[("s/a", Outcome::Pass)]);
        change(&mut run.record);
        let decision = decided(&policy(&format!("profile: lock\n{rules}")), Some(&profile), &[], &[run]).unwrap();
        blocking(&decision)
    };
    let none: [&str; 0] = [];
    assert_eq!(of("", &|_| {}), none);
    assert_eq!(of("", &|run| run.finished = None), ["run r1"]);
    assert_eq!(of("", &|run| run.interrupted = true), ["run r1"]);
    assert_eq!(of("", &|run| run.arguments = vec!["run".into(), "--focus=s/a".into()]), ["run r1"]);
    assert_eq!(of("", &|run| run.arguments = vec!["run".into(), "--update-snapshots".into()]), ["run r1"]);
    let shard = ShardRecord { number: 1, of: 2, tests: 4, plan: digest(7), ..ShardRecord::default() };
    assert_eq!(of("", &|run| run.shard = Some(shard.clone())), ["run r1"]);
    assert_eq!(of("", &|run| run.exit_code = Some(3)), ["run r1"]);
    assert_eq!(of("", &|run| run.exit_code = Some(4)), none);
    assert_eq!(of("", &|run| run.suites.clear()), ["suite s"]);
    assert_eq!(of("max-age: 2d\n", &|_| {}), none);
    assert_eq!(of("max-age: 1d\n", &|_| {}), ["age r1"]);
    assert_eq!(of("", &|run| run.started = "2026-11-21T00:00:00Z".into()), ["age r1"]);
    assert_eq!(of("", &|run| run.suites.get_mut("s").unwrap().sha256 = digest(9)), ["suite s"]);
    assert_eq!(
        of("environments: [other]\naccelerators: [kvm, tcg]\n", &|_| {}),
        ["environment other", "accelerator tcg"]
    );
    assert_eq!(of("minimum: {passed: 2}\n", &|_| {}), ["minimum passed"]);
    assert_eq!(of("minimum: {assertions: 4}\n", &|_| {}), ["minimum assertions"]);
    let planned = |run: &mut RunRecord| {
        run.finished = None;
        run.tests[0].outcome = Outcome::Error;
        run.tests[0].failures = vec![Failure::new(failure::RUN_INTERRUPTED, "the run ended before this test did")];
    };
    let mut run = today(&[("s/a", Outcome::Pass)]);
    planned(&mut run.record);
    let decision = decided(&policy("profile: lock\n"), Some(&profile), &[], &[run]).unwrap();
    assert_eq!(state(&decision, "s/a"), RequirementState::Running);
}

#[test]
fn which_image_was_tested_must_be_known_and_one() {
    let profile = profile(&["s/a"]);
    let applies = "profile: lock\napplies: {distro: azurelinux, version: ['4.*'], arch: x86_64}\n";
    let of = |rules: &str, runs: &[RunInput], image: Option<&str>| {
        decided_about(&policy(rules), Some(&profile), &[], runs, image)
    };
    let good = today(&[("s/a", Outcome::Pass)]);
    assert!(of(applies, std::slice::from_ref(&good), None).unwrap().open);
    assert!(of(applies, std::slice::from_ref(&good), Some(&digest(0xab))).unwrap().open);
    let error = of(applies, std::slice::from_ref(&good), Some(&digest(0xcd))).unwrap_err();
    assert!(matches!(error, GateError::OtherImage { .. }), "{error}");
    let error = of(&applies.replace("'4.*'", "'3.*'"), std::slice::from_ref(&good), None).unwrap_err();
    assert_eq!(error.to_string(), "the policy p is not for what was tested: lab (azurelinux-4.0 x86_64) abababababab…");

    let mut unknown = good.clone();
    unknown.record.images.get_mut("lab").unwrap().sha256 = String::new();
    let decision = of(applies, std::slice::from_ref(&unknown), None).unwrap();
    assert_eq!(blocking(&decision), ["image of an unknown file"]);
    let decision = of("profile: lock\n", std::slice::from_ref(&unknown), None).unwrap();
    assert!(decision.open && decision.notes[0].contains("do not know which image file"), "{:?}", decision.notes);

    let mut dead = good.clone();
    dead.record.images.get_mut("lab").unwrap().facts = None;
    assert!(blocking(&of(applies, &[dead], None).unwrap())[0].starts_with("image abab"));

    let mut other = run("r2", "2026-11-18T10:00:00Z", &[("s/a", Outcome::Pass)]);
    other.record.images.get_mut("lab").unwrap().sha256 = digest(0xcd);
    let error = of(applies, &[good.clone(), other.clone()], None).unwrap_err();
    assert!(matches!(error, GateError::SeveralImages { .. }), "{error}");
    let error = of(applies, &[good.clone(), other], Some(&digest(0xab))).unwrap_err();
    assert!(matches!(&error, GateError::OtherImage { run, .. } if run == "r2"), "{error}");

    let mut tool = run("r2", "2026-11-18T10:00:00Z", &[("s/a", Outcome::Pass)]);
    tool.record.muster = "2.0".into();
    let error = of(applies, &[good.clone(), tool], None).unwrap_err();
    assert!(matches!(error, GateError::SeveralTools { .. }), "{error}");
    let mut suite = run("r2", "2026-11-18T10:00:00Z", &[("s/a", Outcome::Pass)]);
    suite.record.suites.get_mut("s").unwrap().sha256 = digest(9);
    let error = of(applies, &[good.clone(), suite], None).unwrap_err();
    assert!(matches!(error, GateError::SeveralSuites { .. }), "{error}");
    let forged = today(&[("s/a", Outcome::Fail)]);
    let error = of(applies, &[good, forged], None).unwrap_err();
    assert!(matches!(error, GateError::SeveralRecords { .. }), "{error}");
    assert_eq!(of(applies, &[], None).unwrap_err(), GateError::NothingTested);
}

#[test]
fn each_refusal_of_a_waiver_has_a_reason_of_its_own() {
    let rules = "profile: lock\nwaivers: {max-days: 60, approvers: [bob], not-waivable: [s/b]}\n";
    let profile = profile(&["s/a", "s/b", "s/c"]);
    let runs = [today(&[("s/a", Outcome::Fail), ("s/b", Outcome::Fail), ("s/c", Outcome::Skip)])];
    let fate = |rules: &str, waiver: Waiver| {
        let decision = decided(&policy(rules), Some(&profile), &[waiver], &runs).unwrap();
        let found = decision.waivers[0].clone();
        (found.fate, found.refused.iter().map(|refused| refused.reason).collect::<Vec<_>>(), found.days_left)
    };
    let refused = |reasons: &[RefusalReason]| (WaiverFate::Refused, reasons.to_vec(), None);
    let day = |text: &str| text.parse::<Date>().unwrap();
    assert_eq!(fate(rules, waiver("s/a")), (WaiverFate::Used, vec![], None));
    assert_eq!(fate("profile: lock\n", waiver("s/a")), refused(&[RefusalReason::NotAccepted]));
    assert_eq!(fate(rules, waiver("s/b")), refused(&[RefusalReason::NotWaivable]));
    assert_eq!(fate(rules, waiver("s/c")), refused(&[RefusalReason::NeverRan]));
    assert_eq!(fate(rules, missing("s/c")), (WaiverFate::Used, vec![], None));
    let long = Waiver { expires: day("2027-01-10"), ..waiver("s/a") };
    assert_eq!(fate(rules, long), refused(&[RefusalReason::TooLong]));
    let expired = Waiver { expires: day("2026-11-19"), ..waiver("s/a") };
    assert_eq!(fate(rules, expired), refused(&[RefusalReason::Expired]));
    let future = Waiver { created: day("2026-11-21"), ..waiver("s/a") };
    assert_eq!(fate(rules, future), refused(&[RefusalReason::Future]));
    let stranger = Waiver { approved_by: "carol".into(), ..waiver("s/a") };
    assert_eq!(fate(rules, stranger), refused(&[RefusalReason::Approver]));
    let own = Waiver { requested_by: "@Bob".into(), ..waiver("s/a") };
    assert_eq!(fate(rules, own), refused(&[RefusalReason::SelfApproved]));
    let wild = Waiver { failure: Some("package.*".into()), ..waiver("s/a") };
    assert_eq!(fate(rules, wild), refused(&[RefusalReason::Wildcard]));
    let vague = Waiver { failure: None, ..waiver("s/a") };
    assert_eq!(fate(rules, vague), refused(&[RefusalReason::NoFailure]));
    let other = Waiver { image: digest(0xcd), ..waiver("s/a") };
    assert_eq!(fate(rules, other), (WaiverFate::OtherImage, vec![], None));
    let another = Waiver { failure: Some("package.arch".into()), ..waiver("s/a") };
    assert_eq!(fate(rules, another), (WaiverFate::Unused, vec![], None));
    let due = Waiver { expires: day("2026-11-27"), ..waiver("s/a") };
    assert_eq!(fate(rules, due), (WaiverFate::Used, vec![], Some(7)));
}

#[test]
fn a_rule_about_no_test_is_an_error_and_one_that_names_a_test_requires_it() {
    let profile = profile(&["s/a"]);
    let runs = [today(&[("s/a", Outcome::Pass)])];
    let of = |rules: &str| {
        decided(&policy(&format!("profile: lock\nrequire: [{{test: s/a}}, {rules}]\n")), Some(&profile), &[], &runs)
    };
    for rule in ["{suite: t}", "{test: t/*}", "{tag: tier9}", "{test: s/gone}", "{test: t/a}"] {
        let error = of(rule).unwrap_err();
        assert!(matches!(error, GateError::Unmatched { .. }) && error.to_string().contains("p.yaml:5:"), "{error}");
    }
    assert!(of("{test: machine/health, level: advisory}").unwrap().open);
    // Without a profile a name as written means every combination that ran.
    let policy = policy("require: [{test: s/c}]\n");
    let of = |outcome: Outcome| {
        let runs = [today(&[("s/c[x=1]", Outcome::Pass), ("s/c[x=2]", outcome)])];
        decided(&policy, None, &[], &runs).unwrap().open
    };
    assert!(of(Outcome::Pass) && !of(Outcome::Fail));
    let decision = decided(&policy, None, &[], &[today(&[("s/c", Outcome::Pass)])]).unwrap();
    assert!(decision.open && decision.notes[0].contains("the policy names no profile"), "{:?}", decision.notes);
}

#[test]
fn a_decision_is_written_in_every_form_without_the_markup_of_a_guest() {
    let profile = profile(&["s/a", "s/b", "s/c", "s/d"]);
    let policy = policy(&format!("profile: lock\n{WAIVERS}"));
    let mut runs = [today(&[("s/a", Outcome::Fail), ("s/b", Outcome::Pass), ("s/c", Outcome::Skip)])];
    runs[0].record.tests[0].failures[0].message = muster_record::sample::HOSTILE.into();
    runs[0].record.images.get_mut("lab").unwrap().path = "<b>${x}`|\u{1b}[2J".into();
    let waivers = [Waiver { reason: "<script>".into(), ..waiver("s/a") }, missing("s/d")];
    let decision = decided(&policy, Some(&profile), &waivers, &runs).unwrap();
    let ways = explained(&decision, &policy, Some(&profile), &runs);
    assert!(!decision.open && decision.at == AT);

    let schema: serde_json::Value = serde_json::from_str(json::DECISION_SCHEMA).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for ways in [None, Some(&ways[..])] {
        let document = serde_json::from_str(&json::json(&decision, ways).unwrap()).unwrap();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
    let json = json::json(&decision, None).unwrap();
    assert_eq!(serde_json::from_str::<Decision>(&json).unwrap(), decision);

    for page in [
        text::text(&decision, Some(&ways)),
        markdown::markdown(&decision, Some(&ways)),
        html::html(&decision, Some(&ways)),
    ] {
        for name in ["s/a", "s/b", "s/c", "s/d", "machine/health", "What would open it"] {
            assert!(page.contains(name), "{name} is not in {page}");
        }
        // Each with the run's file and the attempt.
        assert!(page.contains("pass [lab kvm] in r1/run.json, attempt 1"), "{page}");
        assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
    }
    let page = html::html(&decision, Some(&ways));
    assert!(!page.contains("<b>") && !page.contains("<testcase") && !page.contains("<script"), "{page}");
}

#[test]
fn the_ways_are_sorted_and_the_waivers_that_they_draft_can_be_read() {
    let profile = profile(&["s/a", "s/b", "s/c", "s/d"]);
    let policy = policy("profile: lock\nwaivers: {max-days: 60, not-waivable: [s/b]}\n");
    let mut runs = [today(&[("s/a", Outcome::Fail), ("s/b", Outcome::Fail), ("s/c", Outcome::Skip)])];
    runs[0].record.tests[0].failures[0].message = "a ${var} \"quoted\": x".into();
    let decision = decided(&policy, Some(&profile), &[], &runs).unwrap();
    let ways = explained(&decision, &policy, Some(&profile), &runs);
    let efforts: Vec<_> = ways.iter().map(|way| way.effort).collect();
    assert!(efforts.is_sorted() && efforts.len() == 5, "{ways:#?}");
    let draft = ways.last().unwrap().waivers.clone().unwrap();
    let filled = draft
        .replace("reason:\n", "reason: r\n")
        .replace("tracker:\n", "tracker: bug 7\n")
        .replace("requested-by:\n", "requested-by: alice\n")
        .replace("approved-by:\n", "approved-by: bob\n")
        .replace("created:\n", "created: 2026-11-20\n")
        .replace("expires:\n", "expires: 2026-12-20\n");
    let mut sink = muster_suite::diagnostic::Diagnostics::new();
    let vocabulary = &muster_suite::testing::VOCABULARY;
    let read = muster_suite::waivers::decode_source("w.yaml", &filled, vocabulary, &mut sink);
    sink.settle();
    assert_eq!(sink.render(false), "", "{filled}");
    let tests: BTreeSet<&str> = read.iter().map(|entry| entry.waiver.test.as_str()).collect();
    assert_eq!(tests, BTreeSet::from(["s/a", "s/c", "s/d"]));
    // With all of them only what is not waivable is left.
    let waivers: Vec<Waiver> = read.into_iter().map(|entry| entry.waiver).collect();
    let left = decided(&policy, Some(&profile), &waivers, &runs).unwrap();
    assert_eq!(blocking(&left), ["test s/b", "minimum passed"]);
}

#[test]
fn a_test_that_ended_in_an_error_is_not_one_that_did_not_run() {
    let profile = profile(&["s/a", "s/b", "s/c"]);
    let runs = [today(&[("s/a", Outcome::Error), ("s/b", Outcome::Error)])];
    let policy = policy("profile: lock\n");
    let decision = decided(&policy, Some(&profile), &[], &runs).unwrap();
    let ways = explained(&decision, &policy, Some(&profile), &runs);
    let (whats, page) = (ways.iter().map(|way| &way.what).collect::<Vec<_>>(), text::text(&decision, Some(&ways)));
    let has = |part: &str| whats.iter().any(|what| what.contains(part));
    assert!(has("2 tests ended in an error: remove the cause, and run them again"), "{whats:#?}");
    assert!(has("run s/c, of which there is no result") && has("0 of at least 1 (`machine/health` does"), "{whats:#?}");
    assert!(page.contains("(settles 2 of 4)") && !page.contains("satisfied)"), "{page}");
}
