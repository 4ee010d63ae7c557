//! What is planned, and in which order.

use super::*;
use crate::engine_tests::expecting;
use crate::fake;
use crate::rerun::Rerun;
use muster_record::outcome::Outcome;
use muster_record::run::EarlierOutcome;
use muster_suite::model::{Adjustment, Change, GuestMode};

fn selected(tests: &[(usize, usize)]) -> BTreeSet<TestIndex> {
    tests.iter().map(|(suite, test)| TestIndex { suite: *suite, test: *test }).collect()
}

fn test(id: &str, needs: &[&str], guest: GuestMode, steps: usize) -> Test {
    Test { guest, ..fake::test(id, needs, &vec!["true"; steps]) }
}

fn suite(name: &str, tests: Vec<Test>) -> Arc<Suite> {
    let unnamed = fake::suite(tests);
    Arc::new(Suite { name: name.into(), ..Suite::clone(&unnamed) })
}

fn names(group: &Group) -> Vec<String> {
    group.tests.iter().map(|p| format!("{}/{}", p.suite.name, p.test().id)).collect()
}

#[test]
fn a_selected_test_brings_what_it_needs_and_needs_come_first() {
    let s = suite(
        "s",
        vec![
            test("late", &["early"], GuestMode::Shared, 0),
            test("unrelated", &[], GuestMode::Shared, 0),
            test("early", &[], GuestMode::Shared, 0),
        ],
    );
    let plan = plan(&[s], &selected(&[(0, 0)]), vec!["lab".into()]);
    assert_eq!(plan.groups.len(), 1);
    assert_eq!(names(&plan.groups[0]), ["s/early", "s/late"]);
}

#[test]
fn images_may_have_tests_of_their_own_and_records_know_how_they_ended_before() {
    let s = suite(
        "s",
        vec![
            test("a", &[], GuestMode::Shared, 0),
            test("b", &["a"], GuestMode::Shared, 0),
            test("c", &[], GuestMode::Shared, 0),
        ],
    );
    let own = BTreeMap::from([("one".to_owned(), selected(&[(0, 1)])), ("two".to_owned(), selected(&[(0, 2)]))]);
    let plan = plan_each(&[s], &own, vec!["one".into(), "two".into()]);
    let before = EarlierOutcome { run: "r".into(), outcome: Outcome::Fail, failure: None, suite: None, image: None };
    let earlier = BTreeMap::from([(("s".to_owned(), "b".to_owned(), "one".to_owned()), vec![before.clone()])]);
    let records = plan.unreached(&Rerun { earlier, ..Rerun::default() });
    let planned: Vec<String> = records.iter().map(|test| format!("{} {}", test.name(), test.image)).collect();
    assert_eq!(planned, ["machine/health one", "s/a one", "s/b one", "machine/health two", "s/c two"]);
    let known: Vec<usize> = records.iter().map(|test| test.earlier.len()).collect();
    assert_eq!((known, &records[2].earlier[0]), (vec![0, 0, 1, 0, 0], &before));
}

#[test]
fn a_chain_with_a_fresh_test_gets_its_own_machine() {
    let s = suite(
        "s",
        vec![
            test("a", &[], GuestMode::Shared, 0),
            test("b", &[], GuestMode::Fresh, 0),
            test("c", &["b"], GuestMode::Fresh, 0),
        ],
    );
    let plan = plan(&[s], &selected(&[(0, 0), (0, 1), (0, 2)]), vec!["lab".into()]);
    assert_eq!(plan.groups.iter().map(names).collect::<Vec<_>>(), [vec!["s/a"], vec!["s/b", "s/c"]]);
    assert_eq!(plan.groups[1].isolation, Isolation::Fresh);
}

#[test]
fn tests_that_look_come_before_tests_that_change() {
    let first = suite(
        "first",
        vec![test("install", &[], GuestMode::Shared, 1), test("after", &["install"], GuestMode::Shared, 0)],
    );
    let second = suite("second", vec![test("look", &[], GuestMode::Shared, 0)]);
    let plan = plan(&[first, second], &selected(&[(0, 0), (0, 1), (1, 0)]), vec!["lab".into()]);
    assert_eq!(names(&plan.groups[0]), ["second/look", "first/install", "first/after"]);
}

#[test]
fn machines_of_another_shape_are_groups_of_their_own_after_the_plain_ones() {
    let secure = MachineOverrides {
        firmware: Some(muster_base::machine::FirmwareKind::UefiSecure),
        image: Some("lab".into()),
        ..MachineOverrides::default()
    };
    let s = suite(
        "s",
        vec![
            Test { machine: secure, ..test("a[firmware=uefi-secure]", &[], GuestMode::Shared, 0) },
            Test { internet: true, ..test("net", &[], GuestMode::Clone, 1) },
            test("plain", &[], GuestMode::Shared, 0),
        ],
    );
    let plan = plan(&[s], &selected(&[(0, 0), (0, 1), (0, 2)]), vec!["lab".into()]);
    let machine_specs: Vec<_> =
        plan.groups.iter().map(|group| (group.machine_spec.internet, group.machine_spec.overrides.firmware)).collect();
    assert_eq!(
        machine_specs,
        [(false, None), (true, None), (false, Some(muster_base::machine::FirmwareKind::UefiSecure))]
    );
    // Whom it is for does not make a machine another.
    assert!(plan.groups.iter().all(|group| group.machine_spec.overrides.image.is_none()));
}

/// A test of the boot that first runs these command lines.
fn of_the_boot(id: &str, needs: &[&str], guest: GuestMode, commands: &[&str]) -> Test {
    let expect = expecting("{boot: {finished: true}}").expect;
    Test { guest, expect, ..fake::test(id, needs, commands) }
}

/// Which machine the tests of a suite get that has these steps around them.
fn isolation_of(setup: &[&str], tests: Vec<Test>, teardown: &[&str]) -> Isolation {
    let steps = |commands: &[&str]| commands.iter().map(|command| fake::step(command)).collect();
    let around = Suite { setup: steps(setup), teardown: steps(teardown), ..Suite::clone(&suite("s", tests)) };
    let all = TestIndex::all_of(0, &around.tests).collect();
    let plan = plan(&[Arc::new(around)], &all, vec!["lab".into()]);
    let [group] = &plan.groups[..] else { panic!("{:?}", plan.groups) };
    group.isolation
}

#[test]
fn the_boot_with_which_a_machine_came_is_checked_on_one_that_was_booted() {
    use GuestMode::{Clone, Fresh, Shared};
    const AGAIN: &[&str] = &["(reboot soft)"];
    let one = |guest: GuestMode, commands: &[&str]| vec![of_the_boot("a", &[], guest, commands)];
    // Of these clones are made afterwards.
    assert_eq!(isolation_of(&[], one(Shared, &[]), &[]), Isolation::Booted);
    // These are changed, or must be of the test alone.
    for (setup, guest, commands, teardown) in [
        (&["true"][..], Shared, &[][..], &[][..]),
        (&[], Shared, &[], &["true"]),
        (&[], Shared, &["true"], &[]),
        (&[], Clone, &[], &[]),
        (&[], Clone, &["true"], &[]),
        (&[], Fresh, AGAIN, &[]),
    ] {
        let isolation = isolation_of(setup, one(guest, commands), teardown);
        assert_eq!(isolation, Isolation::Fresh, "{setup:?} {guest:?} {commands:?} {teardown:?}");
    }
}

#[test]
fn a_boot_that_the_suite_makes_itself_may_be_that_of_a_clone() {
    use GuestMode::{Clone, Shared};
    const AGAIN: &[&str] = &["(reboot soft)"];
    for (guest, isolation) in [(Clone, Isolation::Clone), (Shared, Isolation::Shared)] {
        assert_eq!(isolation_of(&[], vec![of_the_boot("a", &[], guest, AGAIN)], &["true"]), isolation);
        assert_eq!(isolation_of(AGAIN, vec![of_the_boot("a", &[], guest, &[])], &[]), isolation);
        let needed = vec![fake::test("a", &[], AGAIN), of_the_boot("b", &["a"], guest, &[])];
        assert_eq!(isolation_of(&[], needed, &[]), isolation);
    }
    // One that reboots afterwards, or that this one does not need, makes none for it.
    let before = vec![of_the_boot("a", &[], Clone, &[]), test("b", &["a"], Clone, 0)];
    assert_eq!(isolation_of(&[], before, &[]), Isolation::Fresh);
    let aside = vec![
        Test { guest: Clone, ..fake::test("a", &[], AGAIN) },
        of_the_boot("b", &[], Clone, &[]),
        test("c", &["a", "b"], Clone, 0),
    ];
    assert_eq!(isolation_of(&[], aside, &[]), Isolation::Fresh);
}

#[test]
fn a_proof_of_a_test_of_the_boot_is_a_changed_clone() {
    let proof = of_the_boot("a.1", &[], GuestMode::Clone, &["true"]);
    let plan = plan(&[suite("proof-of-s", vec![proof])], &selected(&[(0, 0)]), vec!["lab".into()]);
    assert_eq!(plan.groups[0].isolation, Isolation::Clone);
}

#[test]
fn a_test_that_is_about_the_boot_on_some_systems_only_gets_the_machine_for_it() {
    let about = of_the_boot("a", &[], GuestMode::Clone, &[]);
    let [muster_suite::clause::Clause::Plain(expectation)] = &about.expect[..] else { panic!("{:?}", about.expect) };
    let when = expecting("{kernel: {taint: 0}}\n  when: image == fake").when.expect("it is written");
    let adjust = vec![Adjustment { when, changes: vec![Change::Merge(expectation.clone())], timeout: None }];
    let adjusted = Test { adjust, ..test("a", &[], GuestMode::Clone, 0) };
    assert_eq!(isolation_of(&[], vec![adjusted], &[]), Isolation::Fresh);
    assert_eq!(isolation_of(&[], vec![test("a", &[], GuestMode::Clone, 0)], &[]), Isolation::Clone);
}
