//! Suites divided: chains stay whole, every host gets the same, and every test runs once.

use super::*;
use muster_record::run::{MachineRecord, RunRecord, TestRecord};
use muster_suite::model::GuestMode;

fn suites() -> Vec<Arc<Suite>> {
    let suite = |name: &str, tests: &[(&str, &[&str])]| {
        let tests = tests.iter().map(|(id, needs)| crate::fake::test(id, needs, &["true"]));
        let unnamed = crate::fake::suite(tests.collect());
        Arc::new(Suite { name: name.into(), ..Suite::clone(&unnamed) })
    };
    vec![
        suite("one", &[("a", &[]), ("b", &["a"]), ("c", &[]), ("d", &[]), ("e", &["d"]), ("f", &[])]),
        suite("two", &[("a", &[]), ("b", &[]), ("c", &["b"]), ("d", &["c"])]),
    ]
}

fn all(suites: &[Arc<Suite>]) -> BTreeSet<TestIndex> {
    suites.iter().enumerate().flat_map(|(at, suite)| TestIndex::all_of(at, &suite.tests)).collect()
}

fn images(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_test_of_every_image_is_in_one_shard_with_what_it_needs() {
    let suites = suites();
    let images = images(&["x", "y", "z"]);
    for of in 1..=15 {
        let division = divide(&suites, &all(&suites), &images, &Durations::default(), of).unwrap();
        let mut seen = BTreeSet::new();
        for part in &division.parts {
            for (image, tests) in &part.tests {
                for index in tests {
                    assert!(seen.insert((image.clone(), *index)), "{index:?} of {image} is in two");
                    let (suite, test) = (&suites[index.suite], &suites[index.suite].tests[index.test]);
                    let needs =
                        test.needs.iter().map(|need| suite.tests.iter().position(|test| test.id == *need).unwrap());
                    let mut here = needs.map(|test| tests.contains(&TestIndex { suite: index.suite, test }));
                    assert!(here.all(|here| here), "{} is without what it needs", test.id);
                }
            }
        }
        assert_eq!((seen.len(), division.tests), (30, 30), "{of}");
        assert!(division.parts.iter().all(|part| !part.tests.is_empty()));
    }
    let error = divide(&suites, &all(&suites), &images[..1], &Durations::default(), 7).unwrap_err();
    assert_eq!(error, TooMany { of: 7, most: 6 });
}

#[test]
fn what_decides_is_in_the_digest_and_nothing_else_is() {
    let suites = suites();
    let of = |names: &[&str], durations: &Durations, of| {
        divide(&suites, &all(&suites), &images(names), durations, of).unwrap()
    };
    let plain = of(&["x", "y"], &Durations::default(), 3);
    assert_eq!(plain, of(&["y", "x"], &Durations::default(), 3), "the order of images");
    assert_ne!(plain.digest, of(&["x", "y"], &Durations::default(), 4).digest);
    assert_ne!(plain.digest, of(&["x", "z"], &Durations::default(), 3).digest);
    let mut changed = suites.clone();
    let mut one = Suite::clone(&changed[0]);
    one.digest = "another".into();
    changed[0] = Arc::new(one);
    let again = divide(&changed, &all(&changed), &images(&["x", "y"]), &Durations::default(), 3).unwrap();
    assert_eq!(plain.parts, again.parts);
    assert_ne!(plain.digest, again.digest, "a suite that changed");
}

#[test]
fn recorded_durations_decide_and_a_test_without_one_is_as_long_as_most() {
    let suites = suites();
    let test = |suite: &str, id: &str, seconds: f64| TestRecord {
        suite: suite.into(),
        test: id.into(),
        image: "x".into(),
        seconds,
        ..muster_record::sample::test(suite, id, muster_record::outcome::Outcome::Pass)
    };
    let record = RunRecord {
        tests: vec![test("one", "c", 100.0), test("one", "a", 10.0), test("one", "b", 10.0), test("two", "a", 10.0)],
        machines: vec![MachineRecord { image: "x".into(), boot_seconds: Some(20.0), ..MachineRecord::default() }],
        ..RunRecord::default()
    };
    let durations = Durations::of_run(&record);
    let division = divide(&suites, &all(&suites), &images(&["x"]), &durations, 2).unwrap();
    // One: c, 100 s and its boot. The others: nine tests of 10 s, and a boot.
    let alone = |part: &Part| part.tests["x"].len() == 1;
    assert_eq!(division.parts.iter().filter(|part| alone(part)).count(), 1);
    let seconds: Vec<f64> = division.parts.iter().map(|part| part.seconds).collect();
    assert_eq!(seconds, [120.0, 110.0]);
    // Of a test that boots for itself the boot is its own.
    let mut fresh = suites.clone();
    let mut two = Suite::clone(&fresh[1]);
    two.tests[0].guest = GuestMode::Fresh;
    fresh[1] = Arc::new(two);
    let division = divide(&fresh, &all(&fresh), &images(&["x"]), &durations, 2).unwrap();
    assert_eq!(division.parts.iter().map(|part| part.seconds).sum::<f64>(), 100.0 + 9.0 * 10.0 + 20.0 + 2.0 * 20.0);
}
