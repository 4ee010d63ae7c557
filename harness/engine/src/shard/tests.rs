//! Suites divided: chains stay whole, every host gets the same, and every test runs once.

use super::numbers::Numbers;
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

/// Suites whose tests need earlier ones of their suite, images, a selection, and durations of some of them.
struct MadeUp {
    suites: Vec<Arc<Suite>>,
    images: Vec<String>,
    selected: BTreeSet<TestIndex>,
    /// Seconds by the names that a file of durations has for tests and boots.
    durations: BTreeMap<String, f64>,
}

fn test_key(image: &str, suites: &[Arc<Suite>], index: TestIndex) -> String {
    let suite = &suites[index.suite];
    format!("{image} {}/{}", suite.name, suite.tests[index.test].id)
}

fn boot_key(image: &str) -> String {
    format!("{image} {}/boot.tcg", muster_record::names::MACHINE_SUITE)
}

impl MadeUp {
    fn new(numbers: &mut Numbers) -> Self {
        let suites: Vec<Arc<Suite>> = (0..1 + numbers.below(4)).map(|at| made_up_suite(numbers, at)).collect();
        let images: Vec<String> = (0..1 + numbers.below(3)).map(|at| format!("image-{at}")).collect();
        let all = all(&suites);
        let mut selected: BTreeSet<TestIndex> = all.iter().copied().filter(|_| !numbers.once_in(4)).collect();
        selected.extend(all.first());
        // Of a test that nobody selected, and of an image that is not there, durations are known as well.
        let known_in = 1 + numbers.below(3);
        let mut durations = BTreeMap::from([("elsewhere suite-0/t0".to_owned(), 1.0e6)]);
        for image in &images {
            let tests = all.iter().map(|index| test_key(image, &suites, *index));
            for key in tests.chain([boot_key(image)]) {
                if numbers.once_in(known_in) {
                    durations.insert(key, numbers.below(90_000) as f64 / 1000.0);
                }
            }
        }
        Self { suites, images, selected, durations }
    }

    /// The selected tests and all that they need, directly or not.
    fn wanted(&self) -> BTreeSet<TestIndex> {
        let mut wanted = self.selected.clone();
        loop {
            let needed: Vec<TestIndex> = wanted.iter().flat_map(|index| self.needs(*index)).collect();
            let before = wanted.len();
            wanted.extend(needed);
            if wanted.len() == before {
                return wanted;
            }
        }
    }

    fn needs(&self, index: TestIndex) -> Vec<TestIndex> {
        let suite = &self.suites[index.suite];
        let place = |need: &String| suite.tests.iter().position(|test| test.id == *need).expect("a test of the suite");
        suite.tests[index.test].needs.iter().map(|need| TestIndex { suite: index.suite, test: place(need) }).collect()
    }

    /// How many chains of tests there are on one image: each test is of the same one as what it needs.
    fn chains(&self, wanted: &BTreeSet<TestIndex>) -> usize {
        let mut of: BTreeMap<TestIndex, TestIndex> = wanted.iter().map(|index| (*index, *index)).collect();
        for index in wanted {
            for need in self.needs(*index) {
                let (one, other) = (of[index], of[&need]);
                of.values_mut().filter(|chain| **chain == other).for_each(|chain| *chain = one);
            }
        }
        of.values().collect::<BTreeSet<_>>().len()
    }

    /// The durations, in which what is not known is as long as the median of what is: of boots and of tests.
    fn completed(&self, wanted: &BTreeSet<TestIndex>) -> Durations {
        let tests: Vec<String> = self
            .images
            .iter()
            .flat_map(|image| wanted.iter().map(|index| test_key(image, &self.suites, *index)))
            .collect();
        let boots: Vec<String> = self.images.iter().map(|image| boot_key(image)).collect();
        let mut all = self.durations.clone();
        for (keys, unknown) in [(tests, 5.0), (boots, 60.0)] {
            let mut known: Vec<f64> = keys.iter().filter_map(|key| self.durations.get(key).copied()).collect();
            known.sort_by(f64::total_cmp);
            let usual = known.get(known.len() / 2).copied().unwrap_or(unknown);
            for key in keys {
                all.entry(key).or_insert(usual);
            }
        }
        parsed(&all)
    }

    fn divide(&self, durations: &Durations, of: u32) -> Result<Division, TooMany> {
        divide(&self.suites, &self.selected, &self.images, durations, of)
    }
}

fn made_up_suite(numbers: &mut Numbers, at: u64) -> Arc<Suite> {
    let tests = (0..1 + numbers.below(12)).map(|place| {
        let needs: Vec<String> = (0..place).filter(|_| numbers.once_in(4)).map(|need| format!("t{need}")).collect();
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        let mut test = crate::fake::test(&format!("t{place}"), &needs, &["true"]);
        test.guest =
            [GuestMode::Shared, GuestMode::Shared, GuestMode::Clone, GuestMode::Fresh][numbers.below(4) as usize];
        test
    });
    let unnamed = crate::fake::suite(tests.collect());
    Arc::new(Suite { name: format!("suite-{at}"), ..Suite::clone(&unnamed) })
}

fn parsed(durations: &BTreeMap<String, f64>) -> Durations {
    let entries: Vec<String> = durations.iter().map(|(key, seconds)| format!("{key:?}: {seconds:?}")).collect();
    Durations::parse(&format!("{{{}}}", entries.join(", "))).expect("durations")
}

#[test]
fn whatever_the_suites_each_test_is_in_one_shard_with_its_chain_and_an_unknown_duration_is_the_median() {
    let mut numbers = Numbers(11);
    let (mut divided, mut partly) = (0, 0);
    for round in 0..1_000 {
        let made_up = MadeUp::new(&mut numbers);
        let wanted = made_up.wanted();
        let most = made_up.chains(&wanted) * made_up.images.len();
        let known = parsed(&made_up.durations);
        let of = 1 + numbers.below(most.min(12) as u64) as u32;
        let division = made_up.divide(&known, of).expect("as many chains as shards");
        let mut seen = BTreeSet::new();
        for (image, tests) in division.parts.iter().flat_map(|part| &part.tests) {
            for index in tests {
                assert!(seen.insert((image.clone(), *index)), "round {round}: {index:?} of {image} is in two");
                let chain = made_up.needs(*index);
                assert!(chain.iter().all(|need| tests.contains(need)), "round {round}: {index:?} without {chain:?}");
            }
        }
        let everywhere = made_up.images.iter().flat_map(|image| wanted.iter().map(|index| (image.clone(), *index)));
        assert_eq!(seen, everywhere.collect(), "round {round}");
        assert!(division.parts.iter().all(|part| !part.tests.is_empty()), "round {round}");
        assert_eq!((division.parts.len(), division.tests as usize), (of as usize, seen.len()), "round {round}");
        assert_eq!(division, made_up.divide(&made_up.completed(&wanted), of).expect("the same"), "round {round}");
        assert_eq!(
            made_up.divide(&known, most as u32 + 1),
            Err(TooMany { of: most as u32 + 1, most }),
            "round {round}"
        );
        divided += usize::from(of > 1);
        partly += usize::from(made_up.durations.len() > 1 && made_up.completed(&wanted) != known);
    }
    assert!(divided > 500 && partly > 300, "{divided} of several shards, {partly} with some durations");
}
