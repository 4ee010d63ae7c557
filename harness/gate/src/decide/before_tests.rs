//! What went wrong before the result that counts, and places that look like one.

use super::*;
use crate::testing::{decided, explained, policy, profile, run, today, waiver};
use muster_base::failure::{Failure, FailureId, SSH_LOST};
use muster_record::outcome::Outcome;
use muster_record::run::AttemptRecord;

const POLICY: &str = "profile: lock\nwaivers: {max-days: 60}\n";

fn oops(line: u64) -> Failure {
    Failure::new(FailureId::of_console("oops"), format!("console of lab-1, line {line}: Oops"))
}

fn at(id: &str, hour: u8, outcome: Outcome) -> RunInput {
    run(id, &format!("2026-11-19T{hour:02}:00:00Z"), &[("s/a", outcome), ("s/b", Outcome::Pass)])
}

/// Of `s/a` in a run.
fn failing(mut run: RunInput, failures: &[Failure]) -> RunInput {
    run.record.tests[0].failures = failures.to_vec();
    run
}

fn blocking(more: &str, runs: &[RunInput]) -> Vec<String> {
    let decision = decided(&policy(&format!("{POLICY}{more}")), Some(&profile(&["s/a", "s/b"])), &[], runs).unwrap();
    decision.blocking().map(|one| format!("{} {}", one.kind.name(), one.name)).collect()
}

#[test]
fn a_waiver_of_the_last_failure_covers_none_before_it() {
    let first = || failing(at("one", 9, Outcome::Fail), &[oops(812)]);
    let second = || {
        failing(
            at("two", 10, Outcome::Fail),
            &[oops(7), at("two", 10, Outcome::Fail).record.tests[0].failures[0].clone()],
        )
    };
    let mut retried = at("four", 12, Outcome::Flaky);
    let attempt = |failures| AttemptRecord { machine: None, machines: vec![], started: None, seconds: 1.0, failures };
    let waived = at("two", 10, Outcome::Fail).record.tests[0].failures.clone();
    retried.record.tests[0].failures = waived.clone();
    let broke = Failure::new(SSH_LOST, "the connection broke after 3 s");
    retried.record.tests[0].attempts =
        vec![attempt(vec![oops(1)]), attempt(vec![broke.clone()]), attempt(vec![oops(2)]), attempt(waived.clone())];
    let lost = || failing(at("three", 11, Outcome::Error), std::slice::from_ref(&broke));
    let of_loss = Waiver {
        failure: Some(SSH_LOST.as_str().into()),
        signature: Some("the connection broke after … s".into()),
        ..waiver("s/a")
    };
    let rules = policy(POLICY);
    let profile = profile(&["s/a", "s/b"]);
    for (runs, waivers) in [
        (vec![first(), at("two", 10, Outcome::Fail)], waiver("s/a")),
        (vec![first(), second()], waiver("s/a")),
        (vec![first(), at("two", 10, Outcome::Fail), at("three", 11, Outcome::Pass)], waiver("s/a")),
        (vec![first(), lost()], of_loss),
        (vec![retried], waiver("s/a")),
    ] {
        let decided = |waivers: &[Waiver]| decided(&rules, Some(&profile), waivers, &runs).unwrap();
        let decision = decided(std::slice::from_ref(&waivers));
        assert!(!decision.open, "{:?}", runs.iter().map(|run| &run.record.id).collect::<Vec<_>>());
        // It is said which is left, and the waivers that are drafted are enough.
        let left = decision.waivers[0].uncovered.as_deref().unwrap();
        assert!(left.contains("no waiver covers console.oops: console of lab-1, line "), "{left}");
        let of_oops = Waiver {
            failure: Some("console.oops".into()),
            signature: Some("console of lab-…, line …: Oops".into()),
            ..waiver("s/a")
        };
        assert!(decided(&[waivers, of_oops]).open);
        let ways = explained(&decision, &rules, Some(&profile), &runs);
        let draft = ways.last().unwrap().waivers.as_deref().unwrap();
        assert_eq!(draft.matches("    failure: ").count(), 2, "{draft}");
    }
    // An error before a pass is none of the image, and no result takes anything from one that came first.
    assert_eq!(blocking("", &[lost(), at("four", 12, Outcome::Pass)]), [""; 0]);
}

#[test]
fn where_a_test_was_left_out_nothing_has_passed() {
    let mut skipped = at("two", 10, Outcome::Skip);
    skipped.record.accelerator.kind = "tcg".into();
    skipped.record.tests[1].outcome = Outcome::Skip;
    skipped.record.tests[1].skipped = skipped.record.tests[0].skipped.clone();
    let runs = [at("one", 9, Outcome::Pass), skipped];
    let more = "allow-skips: [skip.when]\naccelerators: [kvm, tcg]\n";
    assert_eq!(blocking(more, &runs), ["accelerator tcg"]);
}

#[test]
fn two_machines_of_which_no_file_is_known_are_not_one_image() {
    let connected = |id: &str, host: &str| {
        let mut run = today(&[("s/a", Outcome::Pass), ("s/b", Outcome::Pass)]);
        run.record.id = id.into();
        let image = run.record.images.get_mut("lab").unwrap();
        (image.sha256, image.path) = (String::new(), format!("root@{host}:22"));
        run
    };
    let decided = |runs: &[RunInput]| decided(&policy(POLICY), Some(&profile(&["s/a", "s/b"])), &[], runs);
    let error = decided(&[connected("one", "a"), connected("two", "b")]).unwrap_err();
    assert!(matches!(error, GateError::SeveralMachines { .. }), "{error}");
    decided(&[connected("one", "a"), connected("two", "a")]).unwrap();
}

#[test]
fn two_records_of_one_run_differ_whatever_ran_between() {
    let first = at("one", 9, Outcome::Fail);
    let mut forged = at("one", 11, Outcome::Pass);
    let decided = |runs: &[RunInput]| decided(&policy(POLICY), Some(&profile(&["s/a", "s/b"])), &[], runs);
    for runs in [vec![first.clone(), at("two", 10, Outcome::Pass), forged.clone()], vec![first.clone(), forged.clone()]]
    {
        let error = decided(&runs).unwrap_err();
        assert!(matches!(error, GateError::SeveralRecords { .. }), "{error}");
    }
    forged.record = first.record.clone();
    assert_eq!(decided(&[first, at("two", 10, Outcome::Pass), forged]).unwrap().runs.len(), 2);
}
