//! What is offered works: commands are those of the runs, and keys are ones that a policy takes.

use std::collections::BTreeSet;

use crate::decision::RequirementState;
use crate::inputs::RunInput;
use crate::testing::{decided, explained, policy, profile, run, today};
use muster_base::failure::{self, Failure, FailureId};
use muster_record::outcome::Outcome;
use muster_suite::diagnostic::Diagnostics;
use muster_suite::policy;
use muster_suite::testing::VOCABULARY;

const OPTIONS: &str = "--suites 'my suites' --product app.rpm";

/// With the command lines that a run of these options has.
fn of_options(mut run: RunInput, options: &str) -> RunInput {
    for test in &mut run.record.tests {
        let space = if options.is_empty() { "" } else { " " };
        test.rerun = format!("muster run {options}{space}--image lab --test {}", test.name());
    }
    run
}

fn commands(more: &str, runs: &[RunInput]) -> Vec<String> {
    let (policy, profile) = (policy(&format!("profile: lock\n{more}")), profile(&["s/a", "s/b", "s/c"]));
    let decision = decided(&policy, Some(&profile), &[], runs).unwrap();
    let ways = explained(&decision, &policy, Some(&profile), runs);
    ways.into_iter().filter_map(|way| way.command).collect()
}

#[test]
fn commands_have_the_options_the_entry_and_the_suites_of_the_run() {
    let fine = [("s/a", Outcome::Pass), ("s/b", Outcome::Pass), ("s/c", Outcome::Pass)];
    let whole = || of_options(today(&fine), OPTIONS);
    let two = of_options(today(&[("s/a", Outcome::Pass), ("s/b", Outcome::Fail), ("s/c", Outcome::Fail)]), OPTIONS);
    assert_eq!(commands("", &[two]), [format!("muster run {OPTIONS} --image lab --test s/b --test s/c")]);
    let one = of_options(today(&[("s/a", Outcome::Pass), ("s/b", Outcome::Pass)]), OPTIONS);
    assert_eq!(commands("", &[one]), [format!("muster run {OPTIONS} --image lab --test s/c")]);
    let mut interrupted = whole();
    interrupted.record.interrupted = true;
    let again = format!("muster run {OPTIONS} --image lab --suite s");
    assert_eq!(commands("", &[interrupted]), [again.as_str()]);
    assert_eq!(commands("max-age: 1d\n", &[whole()]), [again.as_str()]);
    let accelerator = format!("muster run {OPTIONS} --accel tcg --image lab --suite s");
    assert_eq!(commands("accelerators: [tcg]\n", &[whole()]), [accelerator.as_str()]);
    let fixed = of_options(today(&fine), "--accel kvm");
    assert_eq!(commands("accelerators: [tcg]\n", &[fixed]), ["muster run --accel tcg --image lab --suite s"]);
    let entry = format!("muster run {OPTIONS} --image other --suite s");
    assert_eq!(commands("environments: [other]\n", &[whole()]), [entry.as_str()]);
    let in_cell = commands("matrix: {firmware: [bios]}\n", &[whole()]);
    assert_eq!(
        in_cell[0],
        format!("muster run {OPTIONS} --firmware bios --image lab --test s/a --test s/b --test s/c")
    );
    let mut health = whole();
    health.record.tests.iter_mut().filter(|test| test.is_health()).for_each(|test| test.outcome = Outcome::Fail);
    assert_eq!(commands("", &[health]), [again.as_str()]);
    let mut other = whole();
    other.record.suites.get_mut("s").unwrap().sha256 = muster_record::sample::digest(9);
    let lock = "muster profile lock --suites 'my suites' --suite s -o later.lock.json && muster profile diff p.lock.json later.lock.json";
    assert_eq!(commands("", &[other]), [lock]);
}

#[test]
fn each_run_has_its_own_command_and_one_that_nobody_can_know_says_so() {
    let (policy, profile) = (policy("profile: lock\n"), profile(&["s/a", "s/b", "t/a", "u/a"]));
    let one = of_options(today(&[("s/a", Outcome::Fail), ("s/b", Outcome::Fail)]), "--suites s.yaml");
    let mut two = run("r2", "2026-11-19T11:00:00Z", &[("t/a", Outcome::Fail)]);
    let suite = two.record.suites.remove("s").unwrap();
    two.record.suites.insert("t".into(), suite);
    let runs = [one, of_options(two, "--suites t.yaml")];
    let decision = decided(&policy, Some(&profile), &[], &runs).unwrap();
    let ways = explained(&decision, &policy, Some(&profile), &runs);
    let found: Vec<_> = ways.iter().filter_map(|way| way.command.as_deref()).collect();
    assert_eq!(
        found,
        [
            "muster run --image lab --test u/a",
            "muster run --suites t.yaml --image lab --test t/a",
            "muster run --suites s.yaml --image lab --test s/a --test s/b"
        ]
    );
    let says = "; no run had the suite u: add `--suites FILE` if it is none of the project's";
    assert_eq!(ways.iter().filter(|way| way.what.ends_with(says)).count(), 1, "{ways:#?}");
    assert_eq!(ways.iter().map(|way| way.satisfies).sum::<usize>(), decision.blocking().count());
    // A command line that no run of muster writes is not repeated.
    let mut forged = runs.clone();
    forged.iter_mut().flat_map(|run| &mut run.record.tests).for_each(|test| test.rerun = "rm -rf /; muster run".into());
    let ways = explained(&decision, &policy, Some(&profile), &forged);
    assert!(ways.iter().filter_map(|way| way.command.as_ref()).all(|command| !command.contains("rm")), "{ways:#?}");
}

#[test]
fn a_policy_takes_every_key_that_is_offered() {
    let profile = profile(&["s/a", "s/b"]);
    let offered = |what: &str| what.split('`').find(|part| part.starts_with("allow-skips: ")).map(str::to_owned);
    let mut refused = BTreeSet::new();
    for id in failure::TABLE.iter().map(|row| row.id).filter(|id| id.starts_with("skip.")) {
        let mut run = today(&[("s/a", Outcome::Pass), ("s/b", Outcome::Skip)]);
        run.record.tests[1].skipped =
            Some(Failure::new(serde_json::from_value::<FailureId>(id.into()).unwrap(), "it needs s/a, which failed"));
        let policy = policy("profile: lock\n");
        let decision = decided(&policy, Some(&profile), &[], std::slice::from_ref(&run)).unwrap();
        assert!(decision.blocking().all(|one| one.state == RequirementState::Skipped));
        let ways = explained(&decision, &policy, Some(&profile), &[run.clone()]);
        let [way] = ways.as_slice() else { panic!("{ways:#?}") };
        match offered(&way.what) {
            Some(key) => {
                let text = format!("schema: policy/v1\nid: p\ncontext: ship\nprofile: lock\n{}\n", key);
                let mut sink = Diagnostics::new();
                let taken = policy::decode_source("p.yaml", &text, &VOCABULARY, &mut sink);
                let taken = taken.unwrap_or_else(|| panic!("{}", sink.render(false)));
                assert!(decided(&taken, Some(&profile), &[], &[run]).unwrap().open, "{id}");
            }
            None => {
                assert!(way.what.contains("it needs s/a, which failed"), "{}", way.what);
                refused.insert(id);
            }
        }
    }
    assert_eq!(refused, BTreeSet::from(["skip.known-issue", "skip.need"]));
}
