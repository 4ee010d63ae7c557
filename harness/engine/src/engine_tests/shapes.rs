//! Tests that need machines of another shape.

use super::*;

fn wishing(id: &str, cpus: u32) -> Test {
    Test { machine: MachineOverrides { cpus: Some(cpus), ..MachineOverrides::default() }, ..test(id, &[], &["true"]) }
}

#[tokio::test]
async fn a_shape_that_does_not_boot_condemns_no_other() {
    // The plain machine and the one with 1 processor do not come up; the one with 2 does.
    let driver = FakeDriver { broken: vec![1, 2], ..FakeDriver::default() };
    let plan = plan_of(vec![test("plain", &[], &["true"]), wishing("one", 1), wishing("two", 2)]);
    let records = run_all(&driver, &plan).await;
    assert_eq!(
        short(&records),
        [
            row("plain", Outcome::NotRun, "not-run.machine"),
            row("one", Outcome::NotRun, "not-run.machine"),
            row("two", Outcome::Pass, ""),
            row("health", Outcome::Error, "boot.timeout"),
        ]
    );
    let cpus: Vec<_> =
        driver.machine_specs.lock().unwrap().iter().map(|machine_spec| machine_spec.overrides.cpus).collect();
    assert_eq!(cpus, [Some(1), Some(2)]);
}

#[tokio::test]
async fn no_machine_with_a_network_is_booted_for_tests_that_the_image_skips() {
    let when = |condition: &str| expecting(&format!("{{command: {{'true': {{exit: 0}}}}}}\n  when: {condition}")).when;
    let online = |id: &str, condition: &str| Test { internet: true, when: when(condition), ..test(id, &[], &["true"]) };
    let run = async |tests: Vec<Test>| {
        let driver = FakeDriver::default();
        let records = run_all(&driver, &plan_of(tests)).await;
        let boots = *driver.boots.lock().unwrap();
        (records[1..records.len() - 1].iter().map(|record| record.outcome).collect::<Vec<_>>(), boots)
    };
    let plain = || test("a", &[], &["true"]);
    let (b, c) = (|| online("b", "image == other"), || online("c", "image == fake"));
    assert_eq!(run(vec![plain(), b()]).await, (vec![Outcome::Skip], 1));
    // One that runs needs the machine, and a machine of another shape may be another to its guest.
    assert_eq!(run(vec![plain(), b(), c()]).await, (vec![Outcome::Skip, Outcome::Pass], 2));
    let with_spec = Test { machine: MachineOverrides { cpus: Some(2), ..MachineOverrides::default() }, ..b() };
    assert_eq!(run(vec![plain(), with_spec]).await, (vec![Outcome::Skip], 2));
}

#[tokio::test]
async fn a_shape_that_cannot_be_made_fails_its_own_tests() {
    let driver = FakeDriver::default();
    let records = run_all(&driver, &plan_of(vec![wishing("too-many", 255), test("plain", &[], &["true"])])).await;
    assert_eq!(
        short(&records),
        [
            row("plain", Outcome::Pass, ""),
            row("too-many", Outcome::NotRun, "not-run.machine"),
            row("health", Outcome::Error, "qemu.refused"),
        ]
    );
}
