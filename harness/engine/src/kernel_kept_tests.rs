//! What a reboot into another kernel does to the tests of a combination that has one.

use super::engine_tests::{machines, mutating, plan_of, run_all};
use super::fake::{FakeDriver, test};
use muster_check::testing::expectation;
use muster_record::facts::Facts;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_suite::clause::Clause;
use muster_suite::matrix_kernel::MatrixKernel;
use muster_suite::model::{MachineOverrides, Matcher, Operator, Test};

/// What the combination names.
const KERNEL: &str = "6.18-1.x86_64";
/// What the image has itself.
const OWN: &str = "6.12-1.x86_64";

/// Guests whose reboots come up with these kernels, the first of which is that of the combination.
fn driver(kernels: &[&'static str]) -> FakeDriver {
    let facts = Facts { package_manager: Some("dnf5".into()), kernel: OWN.into(), ..Facts::default() };
    FakeDriver { facts, kernels: kernels.to_vec(), ..FakeDriver::default() }
}

fn on_kernel(test: Test) -> Test {
    let kernel = Some(MatrixKernel::Package("kernel-6.18-1".into()));
    Test { machine: MachineOverrides { kernel, ..MachineOverrides::default() }, ..test }
}

/// The same test, which expects a release from this one on.
fn at_least(version: &str, test: Test) -> Test {
    let matcher = Matcher::Compare(vec![(Operator::Ge, version.into())]);
    Test { expect: vec![Clause::Plain(expectation("kernel", "", &[("release", matcher)]))], ..test }
}

fn ended(records: &[TestRecord]) -> Vec<(&str, Outcome, Vec<&str>)> {
    fn row(record: &TestRecord) -> (&str, Outcome, Vec<&str>) {
        let ids = record.failures.iter().map(|failure| failure.id.as_str()).collect();
        (record.test.as_str(), record.outcome, ids)
    }
    records.iter().map(row).collect()
}

const REBOOT: &[&str] = &["(reboot soft)"];

#[tokio::test]
async fn a_kernel_that_stays_is_no_matter_and_one_that_does_not_is_a_failure_of_the_test() {
    let reboots = || on_kernel(mutating("a", &[], REBOOT));
    let records = run_all(&driver(&[KERNEL]), &plan_of(vec![reboots()])).await;
    assert_eq!(ended(&records)[0], ("a", Outcome::Pass, vec![]), "{records:?}");

    // The image's own kernel would meet what this one expects, so that nothing says that it was wanted.
    let loose = at_least("6", reboots());
    let other = on_kernel(mutating("b", &[], &["true"]));
    for test in [reboots(), loose] {
        let records = run_all(&driver(&[KERNEL, OWN]), &plan_of(vec![test, other.clone()])).await;
        assert_eq!(ended(&records)[..2], [("a", Outcome::Fail, vec!["kernel.other"]), ("b", Outcome::Pass, vec![])]);
        let failure = &records[0].failures[0];
        assert_eq!((failure.expected.as_deref(), failure.actual.as_deref()), (Some(KERNEL), Some(OWN)));
    }
    // Without a combination that has one, which kernel comes up is for the test to say.
    let records = run_all(&driver(&[KERNEL, OWN]), &plan_of(vec![mutating("a", &[], REBOOT)])).await;
    assert_eq!(ended(&records)[0].1, Outcome::Pass);
}

#[tokio::test]
async fn a_test_that_expects_another_kernel_gets_it_and_only_those_that_need_it_share_its_machine() {
    let tests = vec![
        test("z", &[], &["true"]),
        at_least("6.19", test("upgrades", &["z"], REBOOT)),
        test("after", &["upgrades"], &["true"]),
        test("stranded", &["z"], &["true"]),
        test("apart", &[], &["true"]),
    ];
    let plan = plan_of(tests.into_iter().map(on_kernel).collect());
    let records = run_all(&driver(&[KERNEL, "6.19-1.x86_64"]), &plan).await;
    let expected = [
        ("z", Outcome::Pass, vec![]),
        ("upgrades", Outcome::Pass, vec![]),
        ("after", Outcome::Pass, vec![]),
        ("stranded", Outcome::Fail, vec!["kernel.other"]),
        ("apart", Outcome::Pass, vec![]),
    ];
    assert_eq!(ended(&records)[..5], expected, "{records:?}");
    let on = machines(&records[..3]);
    assert!(on.iter().all(|machine| *machine == on[0]), "{on:?}");
    assert_ne!(records[4].machine.as_deref(), Some(on[0]));
}
