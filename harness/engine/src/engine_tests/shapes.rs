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

#[tokio::test]
async fn a_disk_that_does_not_boot_is_not_booted_again_with_a_way_to_the_internet() {
    let online = |id: &str, cpus: Option<u32>| {
        let machine = MachineOverrides { cpus, ..MachineOverrides::default() };
        Test { internet: true, machine, ..test(id, &[], &["true"]) }
    };
    let run = async |broken: Vec<u32>, tests: Vec<Test>| {
        let driver = FakeDriver { broken, ..FakeDriver::default() };
        let records = run_all(&driver, &plan_of(tests)).await;
        let boots = *driver.boots.lock().unwrap();
        (short(&records), boots)
    };
    let plain = || test("plain", &[], &["true"]);
    let not_run = |id: &str| row(id, Outcome::NotRun, "not-run.machine");
    let (passed, health) = (|id: &str| row(id, Outcome::Pass, ""), row("health", Outcome::Error, "boot.timeout"));

    let (records, boots) = run(vec![1], vec![plain(), online("online", None)]).await;
    assert_eq!((records, boots), (vec![not_run("plain"), not_run("online"), health.clone()], 1));
    // Of another shape it is another machine: that one is tried, and then not a second time with the internet either.
    let two = || vec![plain(), online("online", None), wishing("two", 2), online("both", Some(2))];
    let (records, boots) = run(vec![1, 2], two()).await;
    let none = vec![not_run("plain"), not_run("online"), not_run("two"), not_run("both"), health.clone()];
    assert_eq!((records, boots), (none, 2));
    let (records, boots) = run(vec![1], two()).await;
    let some = vec![not_run("plain"), not_run("online"), passed("two"), passed("both"), health.clone()];
    assert_eq!((records, boots), (some, 3));
    // Without a plain machine nothing is known, and one that came up once may come up again.
    assert_eq!(run(vec![], vec![online("online", None)]).await.1, 1);
    let (records, boots) = run(vec![2], vec![plain(), online("online", None)]).await;
    assert_eq!((records, boots), (vec![passed("plain"), not_run("online"), health], 2));
}
