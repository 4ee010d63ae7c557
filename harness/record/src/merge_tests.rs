//! The sample run, divided by hand and merged again.

use super::*;
use crate::fold::Recorder;
use crate::run::{EarlierOutcome, MachineRecord, ProductRecord};
use crate::sample;
use crate::shard::ShardRecord;

const OF: u32 = 4;

fn whole() -> RunRecord {
    let mut record = Recorder::fold(&sample::events());
    record.findings.clear();
    record
}

/// The run as four: each test in one of them, the machine's own test of an image in each that has tests of it.
fn shards() -> Vec<RunRecord> {
    let whole = whole();
    let own = |test: &&TestRecord| test.suite == MACHINE_SUITE;
    let others: Vec<&TestRecord> = whole.tests.iter().filter(|test| !own(test)).collect();
    (1..=OF)
        .map(|number| {
            let mut shard = whole.clone();
            shard.id = format!("r{number}");
            shard.started = format!("2026-03-01T10:00:0{number}Z");
            shard.finished = Some(format!("2026-03-01T10:10:0{number}Z"));
            shard.arguments = ["run", "--shard", &format!("{number}/{OF}"), "--image", "lab", "--durations=d.json"]
                .map(str::to_owned)
                .to_vec();
            let mine = others.iter().enumerate().filter(|(at, _)| *at as u32 % OF + 1 == number);
            shard.tests = mine.map(|(_, test)| (*test).clone()).collect();
            let has = |image: &str| shard.tests.iter().any(|test| test.image == image);
            let health: Vec<TestRecord> =
                whole.tests.iter().filter(own).filter(|test| has(&test.image)).cloned().collect();
            shard.machines.retain(|machine| has(&machine.image));
            shard.images.retain(|image, _| has(image));
            shard.tests.extend(health);
            shard.exit_code = Some(verdict::exit_of_records(shard.tests.iter()) as u8);
            let plan = "ab".repeat(32);
            let made_of = ["suites", "known-issues"].map(|part| (part.to_owned(), "cd".repeat(32))).into();
            shard.shard = Some(ShardRecord { number, of: OF, tests: others.len() as u32, plan, made_of });
            shard
        })
        .collect()
}

fn merged(shards: &[RunRecord]) -> Result<RunRecord, MergeError> {
    let references: Vec<EarlierRun> = shards
        .iter()
        .map(|shard| EarlierRun {
            id: shard.id.clone(),
            directory: format!("runs/{}", shard.id),
            file: "run.json".into(),
            sha256: "ab".repeat(32),
            found: None,
        })
        .collect();
    let inputs: Vec<Input<'_>> =
        shards.iter().zip(&references).map(|(record, reference)| Input { record, reference }).collect();
    merge("merged", &inputs)
}

/// What is left when ids and durations are not looked at.
fn plain(mut tests: Vec<TestRecord>) -> Vec<TestRecord> {
    for test in &mut tests {
        (test.machine, test.seconds, test.started) = (None, 0.0, None);
        for attempt in &mut test.attempts {
            (attempt.machine, attempt.seconds, attempt.started) = (None, 0.0, None);
        }
        if test.suite == MACHINE_SUITE {
            // Each shard looks at its own machines.
            (test.assertions, test.met) = (0, Vec::new());
            test.failures.dedup();
        }
    }
    tests.sort_by_key(|test| (test.image.clone(), test.suite.clone(), test.test.clone()));
    tests
}

#[test]
fn four_shards_are_the_run_that_was_not_divided() {
    let (whole, mut shards) = (whole(), shards());
    let one = merged(&shards).unwrap();
    assert_eq!(plain(one.tests.clone()), plain(whole.tests.clone()));
    assert_eq!((&one.totals, one.exit_code), (&whole.totals, whole.exit_code));
    assert_eq!((&one.images, &one.suites, &one.notices), (&whole.images, &whole.suites, &whole.notices));
    assert_eq!(one.arguments, ["run", "--image", "lab"]);
    assert_eq!((one.started.as_str(), one.finished.as_deref()), ("2026-03-01T10:00:01Z", Some("2026-03-01T10:10:04Z")));
    assert_eq!(one.merged.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["r1", "r2", "r3", "r4"]);
    assert_eq!((one.shard.is_none(), &one.binary), (true, &whole.binary));
    let mut unread = shards.clone();
    unread[1].binary = None;
    assert_eq!(merged(&unread).unwrap().binary, None, "it is not known that they are one program");
    // The order in which they are named is nothing.
    shards.rotate_left(3);
    assert_eq!(merged(&shards).unwrap(), one);
    let machines: Vec<&MachineRecord> = one.machines.iter().collect();
    assert!(machines.iter().any(|machine| machine.id == "shard-1.m1"), "{machines:?}");
    let ids: std::collections::BTreeSet<&str> = machines.iter().map(|machine| machine.id.as_str()).collect();
    assert_eq!(ids.len(), machines.len(), "every machine has a name of its own");
    let known = |name: &Option<String>| name.as_ref().is_none_or(|name| ids.contains(name.as_str()));
    assert!(one.tests.iter().all(|test| known(&test.machine) || test.suite == "kernel.core"), "{ids:?}");
    assert!(machines.iter().all(|machine| known(&machine.cloned_from)), "{machines:?}");
    // What reads records reads it.
    let json = crate::json::render(&one).unwrap();
    let schema = serde_json::from_str(crate::json::RUN_SCHEMA).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let value = serde_json::from_str(&json).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(serde_json::from_str::<RunRecord>(&json).unwrap(), one);
}

#[test]
fn what_is_not_one_run_is_not_merged_and_the_error_names_it() {
    let error = |change: &dyn Fn(&mut Vec<RunRecord>)| {
        let mut shards = shards();
        change(&mut shards);
        merged(&shards).unwrap_err().to_string()
    };
    assert_eq!(error(&|shards| drop(shards.remove(2))), "shard 3 of 4 is missing");
    assert_eq!(error(&|shards| drop(shards.drain(1..3))), "shards 2, 3 of 4 are missing");
    assert_eq!(error(&|shards| shards.clear()), "there is no run to merge");
    assert_eq!(error(&|shards| shards.push(shards[1].clone())), "the shard 2 of 4 is there twice: r2 and r2");
    assert_eq!(error(&|shards| shards[3].shard = None), "the run r4 is no shard of another");
    let image = error(&|shards| {
        let image = shards[2].images.get_mut("lab").unwrap();
        image.sha256 = "cd".repeat(32);
    });
    assert!(
        image.starts_with("the runs r1 and r3 are no shards of one run: they have different images (lab: abab"),
        "{image}"
    );
    let product = error(&|shards| {
        let image = shards[2].images.values_mut().find(|image| image.facts.is_some()).unwrap();
        image.products.push(ProductRecord { sha256: sample::digest(7), ..ProductRecord::default() });
    });
    assert!(product.contains("they have different products on the image "), "{product}");
    let suite = error(&|shards| shards[1].suites.get_mut("base").unwrap().sha256 = "ef".repeat(32));
    assert!(suite.ends_with("they have different suites (base)"), "{suite}");
    let tool = error(&|shards| shards[3].muster = "0.2.0".into());
    assert!(tool.ends_with("they have different versions of muster (0.1.0 and 0.2.0)"), "{tool}");
    let accelerator = error(&|shards| shards[3].accelerator.kind = "kvm".into());
    assert!(accelerator.ends_with("they have different accelerators (tcg and kvm)"), "{accelerator}");
    let accelerator = error(&|shards| shards[0].accelerator.kind = "".into());
    assert!(accelerator.ends_with("different accelerators (none that is named and tcg)"), "{accelerator}");
    let program = error(&|shards| shards[1].binary = Some("ff".repeat(32)));
    assert!(program.contains("different programs of muster (SHA-256 ") && program.contains("ffff"), "{program}");
    let qemu = error(&|shards| {
        for machine in shards[2].machines.iter_mut().filter(|machine| machine.qemu.is_some()) {
            machine.qemu = Some("9.2.1".into());
        }
    });
    assert!(qemu.ends_with("different versions of QEMU (10.0.2 (Debian 1:10.0.2+ds-2) and 9.2.1)"), "{qemu}");
    let plan = error(&|shards| {
        let shard = shards[1].shard.as_mut().unwrap();
        shard.plan = "cd".repeat(32);
        shard.made_of.insert("known-issues".into(), "ef".repeat(32));
    });
    assert!(plan.ends_with("different plans: the content of known-issues is another"), "{plan}");
    let of = error(&|shards| shards[1].shard.as_mut().unwrap().of = 5);
    assert!(of.ends_with("different numbers of shards (4 and 5)"), "{of}");
    let two = error(&|shards| {
        let test = shards[0].tests[0].clone();
        shards[3].tests.push(test);
    });
    assert!(two.starts_with("the test base/nginx-serves [lab] is in the shards 1 and 4"), "{two}");
    let incomplete = error(&|shards| drop(shards[0].tests.remove(0)));
    assert_eq!(incomplete, "the shards have 9 tests, and the plan has 10");
}

#[test]
fn a_shard_that_accepted_its_snapshots_is_not_merged_with_one_that_did_not() {
    for at in 0..OF as usize {
        for option in ["--update-snapshots", "--connect=root@host"] {
            let mut some = shards();
            some[at].arguments.push(option.into());
            let error = merged(&some).unwrap_err();
            let name = option.split('=').next().unwrap();
            assert!(error.to_string().contains(&format!("different options ({name} ")), "{error}");
        }
    }
    let mut all = shards();
    all.iter_mut().for_each(|shard| shard.arguments.push("--update-snapshots".into()));
    assert!(merged(&all).unwrap().accepts_snapshots());
}

#[test]
fn a_merged_run_names_the_runs_from_which_its_shards_have_kept_results() {
    let run = |id: &str| EarlierRun { id: id.into(), found: Some(whole().found()), ..EarlierRun::default() };
    let mut all = shards();
    all[0].earlier = vec![run("first"), run("second")];
    all[2].earlier = vec![run("third"), run("first")];
    // The machine's own test is one of all shards that have its image.
    const IMAGE: &str = "lab-immutable";
    let mut healths = 0;
    for shard in &mut all {
        let id = shard.id.clone();
        for health in shard.tests.iter_mut().filter(|test| test.is_health() && test.image == IMAGE) {
            let (suite, image) = (None, None);
            let run = id.clone();
            health.earlier = vec![EarlierOutcome { run, outcome: Outcome::Fail, failure: None, suite, image }];
            healths += 1;
        }
    }
    let whole = merged(&all).unwrap();
    let health = whole.tests.iter().find(|test| test.is_health() && test.image == IMAGE).unwrap();
    assert!(healths > 1 && health.earlier.len() == healths, "{health:?}");
    let earlier = whole.earlier;
    assert_eq!(earlier.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["first", "second", "third"]);
    assert!(earlier.iter().all(|run| run.found.is_some()));
}

#[test]
fn images_of_which_the_first_shard_has_none_are_compared_too() {
    let mut shards = shards();
    for (at, digest) in [(1, "11"), (2, "22")] {
        let image = shards[at].images.values().next().unwrap().clone();
        shards[at].images.insert("other".into(), ImageRecord { sha256: digest.repeat(32), ..image });
    }
    let error = merged(&shards).unwrap_err().to_string();
    assert!(
        error.starts_with("the runs r2 and r3 are no shards of one run: they have different images (other"),
        "{error}"
    );
}

#[test]
fn shards_of_other_files_that_decide_are_not_merged_and_paths_may_differ() {
    let rules = |sha256: &str, file: &str| crate::deciding::DecidingFile {
        role: crate::deciding::CONSOLE_RULES.into(),
        sha256: sha256.repeat(32),
        file: file.into(),
    };
    let mut all = shards();
    for (at, shard) in all.iter_mut().enumerate() {
        shard.files = vec![rules("11", &format!("/host-{at}/rules.yaml"))];
        shard.images.values_mut().for_each(|image| image.loaded = vec![rules("11", "kernel")]);
    }
    let whole = merged(&all).unwrap();
    assert_eq!(whole.files, [rules("11", "/host-0/rules.yaml")]);
    assert!(whole.images.values().all(|image| image.loaded.len() == 1));
    let mut other = all.clone();
    other[2].files = vec![rules("22", "/host-2/rules.yaml")];
    let error = merged(&other).unwrap_err().to_string();
    assert!(error.contains("different files that decide on results (console-rules)"), "{error}");
    all[3].images.values_mut().for_each(|image| image.loaded.clear());
    let error = merged(&all).unwrap_err().to_string();
    assert!(error.contains("different files that are loaded for the image lab"), "{error}");
}

#[test]
fn a_merged_run_is_greener_than_none_of_its_shards() {
    let green = |shards: &mut Vec<RunRecord>| {
        for shard in shards.iter_mut() {
            shard.tests.retain(|test| test.suite != MACHINE_SUITE);
            for test in &mut shard.tests {
                (test.outcome, test.issue) = (Outcome::Pass, None);
                test.failures.clear();
            }
            shard.exit_code = Some(0);
        }
    };
    let exit = |change: &dyn Fn(&mut Vec<RunRecord>)| {
        let mut shards = shards();
        green(&mut shards);
        change(&mut shards);
        let one = merged(&shards).unwrap();
        (one.exit_code, one.interrupted, one.finished.is_some())
    };
    assert_eq!(exit(&|_| {}), (Some(0), false, true));
    let interrupted = exit(&|shards| (shards[2].interrupted, shards[2].exit_code) = (true, Some(3)));
    assert_eq!(interrupted, (Some(3), true, true));
    assert_eq!(exit(&|shards| shards[2].exit_code = Some(2)).0, Some(2), "it was focused");
    let killed = exit(&|shards| (shards[1].exit_code, shards[1].finished) = (None, None));
    assert_eq!(killed, (None, false, false));
    // A shard whose tests were all skipped has shown nothing by itself; it ends with 0, and ended with 2 before.
    let skip = |shard: &mut RunRecord, code| {
        shard.tests.iter_mut().for_each(|test| test.outcome = Outcome::Skip);
        shard.exit_code = Some(code);
    };
    for code in [0, 2] {
        assert_eq!(exit(&|shards| skip(&mut shards[3], code)).0, Some(0));
        let none = exit(&|shards| shards.iter_mut().for_each(|shard| skip(shard, code)));
        assert_eq!(none.0, Some(2), "no test ran in any of them");
    }
    let failed = exit(&|shards| {
        shards[0].tests[0].outcome = Outcome::Fail;
        (shards[0].exit_code, shards[1].exit_code) = (Some(1), Some(3));
    });
    assert_eq!(failed.0, Some(1));
}

#[test]
fn what_is_true_of_one_shard_alone_is_not_said_of_the_whole_run() {
    let said = |skipped: bool| {
        let mut all = shards();
        for shard in &mut all {
            let of = shard.shard.clone().unwrap();
            let own = shard.tests.iter().filter(|test| test.suite != MACHINE_SUITE).count();
            shard.notices = ["both said it".to_owned(), of.notice(own), outstanding::line(&shard.tests)].to_vec();
            if skipped || of.number == 2 {
                shard.tests.iter_mut().filter(|test| test.suite != MACHINE_SUITE).for_each(|test| {
                    (test.outcome, test.issue) = (Outcome::Skip, None);
                    test.failures.clear();
                });
                shard.notices.push(of.nothing_ran());
            }
            if skipped {
                shard.tests.iter_mut().for_each(|test| {
                    (test.outcome, test.issue) = (if test.is_health() { Outcome::Pass } else { Outcome::Skip }, None);
                    test.failures.clear();
                });
                shard.exit_code = Some(0);
            }
        }
        let one = merged(&all).unwrap();
        (one.notices.clone(), outstanding::line(&one.tests), one.exit_code)
    };
    let (notices, outstanding, _) = said(false);
    assert_eq!(notices, ["both said it".to_owned(), outstanding]);
    let (notices, outstanding, exit) = said(true);
    assert_eq!(notices, ["both said it".to_owned(), verdict::NO_TEST_RAN.to_owned(), outstanding]);
    assert_eq!(exit, Some(2));
}

#[test]
fn every_machine_of_a_test_is_found_in_the_merged_run() {
    let mut shards = shards();
    let named = |id: &str| crate::run::NamedMachine { name: "server".into(), id: id.into() };
    let (of_shard, test) = shards
        .iter_mut()
        .find_map(|shard| {
            let machines: Vec<String> = shard.machines.iter().map(|machine| machine.id.clone()).collect();
            let test = shard.tests.iter_mut().find(|test| !test.attempts.is_empty())?;
            Some((machines, test))
        })
        .expect("a test with attempts");
    test.machines = vec![named(&of_shard[0]), named(&of_shard[0])];
    test.attempts[0].machines = test.machines.clone();
    let merged = merged(&shards).expect("one run");
    let known: Vec<&str> = merged.machines.iter().map(|machine| machine.id.as_str()).collect();
    let test = merged.tests.iter().find(|test| !test.machines.is_empty()).expect("it is there");
    let ids = test.machines.iter().chain(&test.attempts[0].machines).map(|machine| machine.id.as_str());
    assert!(ids.chain(test.machine_ids()).all(|id| known.contains(&id)), "{test:?} of {known:?}");
}
