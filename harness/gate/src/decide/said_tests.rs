//! What is said of a decision, and whether what it offers opens the gate.

use super::*;
use crate::testing::{decided, explained, policy, profile, run, today, waiver};
use crate::written::text;
use muster_record::outcome::Outcome;

fn blocking(decision: &Decision) -> Vec<String> {
    decision.blocking().map(|one| format!("{} {}", one.kind.name(), one.name)).collect()
}

#[test]
fn what_is_said_of_a_run_has_no_gaps_where_its_record_has_none() {
    let profile = profile(&["s/a"]);
    let line = |accelerator: &str, muster: &str| {
        let mut run = today(&[("s/a", Outcome::Pass)]);
        (run.record.accelerator.kind, run.record.muster) = (accelerator.into(), muster.into());
        let decision = decided(&policy("profile: lock\n"), Some(&profile), &[], &[run]).unwrap();
        let page = text::text(&decision, None);
        page.lines().find(|line| line.contains("run: r1")).map(|line| line.trim().to_owned()).unwrap()
    };
    assert_eq!(line("kvm", "1.0"), "run: r1 (r1/run.json, muster 1.0, kvm)");
    assert_eq!(line("", "1.0"), "run: r1 (r1/run.json, muster 1.0)");
    assert_eq!(line("", ""), "run: r1 (r1/run.json)");
}

#[test]
fn a_flaky_test_has_a_way_that_opens_the_gate() {
    let profile = profile(&["s/a", "s/b"]);
    let rules = |more: &str| policy(&format!("profile: lock\nwaivers: {{max-days: 60}}\n{more}"));
    let at = |id: &str, started: &str, outcome| run(id, started, &[("s/a", outcome), ("s/b", Outcome::Pass)]);
    let failed = at("one", "2026-11-19T09:00:00Z", Outcome::Fail);
    let passed = at("two", "2026-11-19T10:00:00Z", Outcome::Pass);
    let mut retried = at("two", "2026-11-19T10:00:00Z", Outcome::Flaky);
    retried.record.tests[0].failures = failed.record.tests[0].failures.clone();
    for runs in [vec![failed.clone(), passed], vec![retried]] {
        let decision = decided(&rules(""), Some(&profile), &[], &runs).unwrap();
        assert_eq!(blocking(&decision), ["test s/a"]);
        let ways = explained(&decision, &rules(""), Some(&profile), &runs);
        let whats: Vec<&str> = ways.iter().map(|way| way.what.as_str()).collect();
        assert!(whats[0].starts_with("find out why s/a failed before it passed, fix that"), "{whats:#?}");
        assert!(!whats.iter().any(|what| what.contains("fix what makes")), "{whats:#?}");
        // The policy that it names opens the gate, one more pass does not, and so does the waiver that it drafts.
        assert!(decided(&rules("flaky: passes\n"), Some(&profile), &[], &runs).unwrap().open);
        let again: Vec<RunInput> =
            runs.iter().cloned().chain([at("three", "2026-11-19T11:00:00Z", Outcome::Pass)]).collect();
        assert_eq!(blocking(&decided(&rules(""), Some(&profile), &[], &again).unwrap()), ["test s/a"]);
        let draft = ways.last().unwrap().waivers.as_deref().unwrap();
        assert!(draft.contains("failure: \"package.version\"") && !draft.contains("missing"), "{draft}");
        assert!(decided(&rules(""), Some(&profile), &[waiver("s/a")], &runs).unwrap().open);
    }
}
