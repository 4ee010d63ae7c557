//! Runs that go on with others: what they have kept counts as what it is, and never as found anew.

use super::*;
use crate::testing::{decided, decided_about, digest, explained, policy, profile, run, waiver};
use muster_record::outcome::Outcome;
use muster_record::run::{EarlierOutcome, EarlierRun, FoundHow, FoundOn, ImageRecord};

const POLICY: &str = "profile: lock\n";

/// The run `first`, in which `s/b` failed.
fn first() -> RunInput {
    run("first", "2026-11-10T10:00:00Z", &[("s/a", Outcome::Pass), ("s/b", Outcome::Fail)])
}

/// A run that goes on with it: `s/a` is kept, and `s/b` passed on another try.
fn second() -> RunInput {
    let first = first();
    let mut second = run("second", "2026-11-19T10:00:00Z", &[("s/a", Outcome::Pass), ("s/b", Outcome::Pass)]);
    second.record.earlier = vec![EarlierRun {
        id: "first".into(),
        found: Some(first.record.found()),
        file: "run.json".into(),
        ..EarlierRun::default()
    }];
    second.record.tests[0].kept_from = Some("first".into());
    let before = EarlierOutcome::of(&first.record.tests[1], &first.record, "first");
    second.record.tests[1].earlier = vec![before];
    second
}

fn changed(run: &RunInput, change: impl FnOnce(&mut RunInput)) -> RunInput {
    let mut run = run.clone();
    change(&mut run);
    run
}

fn found(run: &mut RunInput) -> &mut FoundHow {
    run.record.earlier[0].found.as_mut().unwrap()
}

fn blocking(more: &str, runs: &[RunInput]) -> Vec<String> {
    let names = ["s/a", "s/b"];
    let decision = decided(&policy(&format!("{POLICY}{more}")), Some(&profile(&names)), &[], runs).unwrap();
    assert_eq!(decision.open, decision.blocking().count() == 0);
    decision.blocking().map(|one| format!("{} {}: {}", one.kind.name(), one.name, one.message)).collect()
}

#[test]
fn a_run_that_goes_on_with_another_is_enough_where_its_record_says_how_that_one_found_its_results() {
    assert_eq!(blocking("flaky: passes\n", &[second()]), [""; 0]);
    let decision = decided(&policy(POLICY), Some(&profile(&["s/a", "s/b"])), &[], &[second()]).unwrap();
    let a = decision.requirements.iter().find(|one| one.name == "s/a").unwrap();
    assert_eq!((a.evidence[0].run.as_str(), a.evidence[0].kept_from.as_deref()), ("second", Some("first")));
    assert_eq!(crate::written::text::text(&decision, None).matches("kept from first").count(), 1);

    // An earlier version of muster did not say it; with the run itself it is known again.
    let unknown = changed(&second(), |run| run.record.earlier[0].found = None);
    let forgotten = changed(&second(), |run| run.record.earlier.clear());
    for run in [unknown, forgotten] {
        let [fault] = &blocking("flaky: passes\n", std::slice::from_ref(&run))[..] else { panic!() };
        assert!(fault.starts_with("run second: it has kept results of the run first, and its record does not say"));
        assert!(fault.ends_with("give the gate that run too"), "{fault}");
        assert_eq!(blocking("flaky: passes\n", &[first(), run]), [""; 0]);
    }
}

#[test]
fn a_failure_in_a_run_that_was_not_given_makes_a_pass_flaky() {
    let flaky = ["test s/b: flaky: passed, after it failed in the run first"];
    assert_eq!(blocking("flaky: fails\n", &[second()]), flaky);
    assert_eq!(blocking("flaky: fails\n", &[first(), second()]), flaky);
    // Also once the pass is kept itself, and in a run that passed by itself since.
    let kept = changed(&second(), |run| run.record.tests[1].kept_from = Some("first".into()));
    assert_eq!(blocking("flaky: fails\n", &[kept]), flaky);
    let third = run("third", "2026-11-19T11:00:00Z", &[("s/a", Outcome::Pass), ("s/b", Outcome::Pass)]);
    assert_eq!(blocking("flaky: fails\n", &[second(), third]), flaky);
    // What failed there was another suite or another image.
    let outcome = |run: &mut RunInput| run.record.tests[1].earlier.remove(0);
    for other in [
        |of: EarlierOutcome| EarlierOutcome { suite: Some(digest(9)), ..of },
        |of: EarlierOutcome| EarlierOutcome { image: Some(digest(9)), ..of },
        |of: EarlierOutcome| EarlierOutcome { outcome: Outcome::Error, ..of },
    ] {
        let run = changed(&second(), |run| {
            let of = outcome(run);
            run.record.tests[1].earlier.push(other(of));
        });
        assert_eq!(blocking("flaky: fails\n", &[run]), [""; 0]);
    }
}

#[test]
fn a_waiver_of_an_earlier_failure_needs_the_run_that_has_all_of_it() {
    let rules = policy(&format!("{POLICY}flaky: fails\nwaivers: {{max-days: 60}}\n"));
    let open =
        |runs: &[RunInput]| decided(&rules, Some(&profile(&["s/a", "s/b"])), &[waiver("s/b")], runs).unwrap().open;
    assert!(open(&[first(), second()]));
    assert!(!open(&[second()]), "it may have failed in more ways than the record says");
    // So no waiver is drafted that would not open it.
    let drafted = |runs: &[RunInput]| {
        let decision = decided(&rules, Some(&profile(&["s/a", "s/b"])), &[], runs).unwrap();
        explained(&decision, &rules, Some(&profile(&["s/a", "s/b"])), runs).iter().any(|way| way.waivers.is_some())
    };
    assert!(drafted(&[first(), second()]) && !drafted(&[second()]));
}

#[test]
fn a_kept_result_is_as_old_as_the_run_that_found_it() {
    assert_eq!(blocking("flaky: passes\nmax-age: 30d\n", &[second()]), [""; 0]);
    let old = ["age first: it is 10 days old; the policy accepts 2d at most"];
    assert_eq!(blocking("flaky: passes\nmax-age: 2d\n", &[second()]), old);
    assert_eq!(blocking("flaky: passes\nmax-age: 2d\n", &[first(), second()]), old);
    let unknown = changed(&second(), |run| found(run).started = "yesterday".into());
    assert_eq!(blocking("flaky: passes\nmax-age: 2d\n", &[unknown]).len(), 2, "when it began, and its age");

    // It is no newer than a run in between.
    let between = run("between", "2026-11-15T10:00:00Z", &[("s/a", Outcome::Fail), ("s/b", Outcome::Pass)]);
    let [fault] = &blocking("flaky: passes\n", &[second(), between])[..] else { panic!() };
    assert!(fault.starts_with("test s/a: package.version: "), "{fault}");
}

#[test]
fn a_kept_result_of_a_run_that_accepted_its_snapshots_is_no_evidence() {
    let accepted = changed(&second(), |run| found(run).accepts_snapshots = true);
    let says = "run second: it has kept results of the run first, which accepted whatever its snapshots were \
                (--update-snapshots)";
    assert_eq!(blocking("flaky: passes\n", std::slice::from_ref(&accepted)), [says]);
    // Where nothing of it is kept it decides nothing.
    let anew = changed(&accepted, |run| run.record.tests[0].kept_from = None);
    assert_eq!(blocking("flaky: passes\n", &[anew]), [""; 0]);
    let given = changed(&first(), |run| run.record.arguments = vec!["--update-snapshots".into()]);
    assert!(blocking("flaky: passes\n", &[given, second()]).contains(&says.to_owned()));
}

#[test]
fn a_kept_result_of_another_image_is_no_evidence() {
    let other = changed(&second(), |run| found(run).images.get_mut("lab").unwrap().sha256 = digest(1));
    let unknown = changed(&second(), |run| found(run).images.clear());
    for run in [other, unknown] {
        let [fault] = &blocking("flaky: passes\n", &[run])[..] else { panic!() };
        assert_eq!(fault, "run second: it has kept results of the run first, which tested another image lab");
    }
}

#[test]
fn what_was_kept_of_another_image_says_nothing_of_this_one() {
    // All of lab ran anew, and a result of another image is kept of a run that accepted snapshots ten days ago.
    let run = changed(&second(), |run| {
        run.record.tests[0].kept_from = None;
        let far = ImageRecord { sha256: digest(7), ..run.record.images["lab"].clone() };
        run.record.images.insert("far".into(), far);
        let mut kept = run.record.tests[0].clone();
        (kept.image, kept.kept_from) = ("far".into(), Some("first".into()));
        run.record.tests.push(kept);
        found(run).images.insert("far".into(), FoundOn { sha256: digest(7), firmware: None, arch: None });
        found(run).accepts_snapshots = true;
    });
    let rules = policy(&format!("{POLICY}flaky: passes\nmax-age: 2d\n"));
    let decided = |image: u8| {
        let runs = std::slice::from_ref(&run);
        decided_about(&rules, Some(&profile(&["s/a"])), &[], runs, Some(&digest(image))).unwrap()
    };
    assert!(decided(0xab).open);
    let far = decided(7);
    let kinds: Vec<&str> = far.blocking().map(|one| one.kind.name()).collect();
    assert!(kinds.contains(&"run") && kinds.contains(&"age"), "{kinds:?}");
}

#[test]
fn a_kept_result_of_a_run_of_which_nobody_knows_when_it_began_is_no_evidence() {
    let unknown = changed(&second(), |run| found(run).started = String::new());
    let [fault] = &blocking("flaky: passes\n", &[unknown])[..] else { panic!() };
    assert!(fault.contains("does not say when that run began"), "{fault}");
}

#[test]
fn a_kept_result_was_found_where_its_run_found_it() {
    let tcg = changed(&second(), |run| found(run).accelerator = "tcg".into());
    let more = "flaky: passes\naccelerators: [kvm, tcg]\n";
    assert_eq!(blocking(more, std::slice::from_ref(&tcg)), [""; 0]);
    assert_eq!(blocking(more, &[second()]), ["accelerator tcg: no required test passed on it"]);
    let matrix = "flaky: passes\nmatrix: {accelerator: [kvm]}\n";
    assert_eq!(blocking(matrix, &[tcg]), ["test s/a: no run has a result of it where accelerator=kvm"]);

    let bios = changed(&second(), |run| {
        let firmware = Some("bios".to_owned());
        found(run).images.insert("lab".into(), FoundOn { sha256: digest(0xab), firmware, arch: None });
    });
    let matrix = "flaky: passes\nmatrix: {firmware: [uefi]}\n";
    assert_eq!(blocking(matrix, &[bios]), ["test s/a: no run has a result of it where firmware=uefi"]);
    assert_eq!(blocking(matrix, &[second()]), [""; 0]);
}

#[test]
fn a_failure_with_one_firmware_is_not_replaced_by_a_pass_with_another() {
    let names = [("s/a", Outcome::Pass), ("s/b", Outcome::Pass)];
    let firmware = |run: &mut RunInput, firmware: &str| {
        let image = run.record.images.get_mut("lab").unwrap();
        image.facts.as_mut().unwrap().firmware = firmware.into();
    };
    let bios = changed(&first(), |run| firmware(run, "bios"));
    let uefi = run("later", "2026-11-19T11:00:00Z", &names);
    let both = "flaky: passes\nmatrix: {firmware: [bios, uefi]}\n";
    let [fault] = &blocking(both, &[bios.clone(), uefi.clone()])[..] else { panic!() };
    assert!(fault.starts_with("test s/b: package.version: "), "{fault}");
    let again = changed(&run("again", "2026-11-19T10:30:00Z", &names), |run| firmware(run, "bios"));
    assert_eq!(blocking(both, &[bios, uefi.clone(), again]), [""; 0]);
    // A boot that ended before anybody knew its firmware may have been of either, and one pass is not enough for both.
    let bios = |id: &str, at: &str| changed(&run(id, at, &names), |run| firmware(run, "bios"));
    let mut broken = run("broken", "2026-11-19T11:30:00Z", &[("s/a", Outcome::Error), ("s/b", Outcome::Error)]);
    broken.record.images.get_mut("lab").unwrap().facts = None;
    let runs = [bios("one", "2026-11-19T10:30:00Z"), uefi.clone(), broken, bios("two", "2026-11-19T11:40:00Z")];
    assert_eq!(blocking(both, &runs).len(), 2, "s/a and s/b of uefi: {:?}", blocking(both, &runs));
    // Where a run never booted, any other of the image takes its place.
    let mut dead = first();
    dead.record.images.get_mut("lab").unwrap().facts = None;
    assert_eq!(blocking("flaky: passes\n", &[dead, uefi]), [""; 0]);
}

#[test]
fn a_kept_result_of_another_version_of_muster_is_no_result_of_the_same_test() {
    let older = changed(&second(), |run| found(run).muster = "0.9".into());
    let decision = decided(
        &policy(&format!("{POLICY}flaky: passes\n")),
        Some(&profile(&["s/a", "s/b"])),
        &[],
        std::slice::from_ref(&older),
    );
    assert!(decision.unwrap().notes.iter().any(|note| note.contains("and 0.9 ran the tests")));
    let third = run("third", "2026-11-19T11:00:00Z", &[("s/a", Outcome::Pass), ("s/b", Outcome::Pass)]);
    let both = decided(&policy(POLICY), Some(&profile(&["s/a", "s/b"])), &[], &[older, third]);
    assert!(matches!(both, Err(GateError::SeveralTools { .. })), "{both:?}");
}
