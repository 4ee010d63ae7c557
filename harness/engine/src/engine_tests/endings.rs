//! How a run ends: with which exit code, and with which tests in its record.

use super::*;

#[tokio::test]
async fn an_interruption_leaves_every_test_in_the_record() {
    let plan = plan_of(vec![test("a", &[], &["true"])]);
    let (events, stream) = Events::channel();
    let (exit, _) =
        engine::run(&plan, &FakeImages(Ok(FakeDriver::default())), &settings(), &events, std::future::ready(())).await;
    drop(events);
    assert_eq!(exit, Exit::Error);
    let events: Vec<Event> = stream.iter().collect();
    let Some(Event::Planned { tests, .. }) = events.first() else { panic!("the plan comes first") };
    assert_eq!(tests.len(), 2);
    assert!(tests.iter().all(|test| test.outcome == Outcome::Error && test.failures[0].id == failure::RUN_INTERRUPTED));
    assert!(matches!(events.last(), Some(Event::RunFinished { interrupted: true, exit_code: 3, .. })));
}

#[tokio::test]
async fn an_unusable_image_ends_with_two_and_names_its_tests() {
    let plan = plan_of(vec![test("a", &[], &["true"])]);
    let (events, stream) = Events::channel();
    let missing = Failure::new(failure::IMAGE_MISSING, "no such file");
    let never = std::future::pending();
    let (exit, _) = engine::run(&plan, &FakeImages(Err(missing)), &settings(), &events, never).await;
    drop(events);
    assert_eq!(exit, Exit::Invalid);
    let finished: Vec<_> = stream.iter().filter(|event| matches!(event, Event::TestFinished { .. })).collect();
    let [Event::TestFinished { record: health }, Event::TestFinished { record: test }] = &finished[..] else {
        panic!("{finished:?}")
    };
    assert_eq!((health.outcome, health.failures[0].id.clone()), (Outcome::Error, failure::IMAGE_MISSING));
    assert_eq!((test.outcome, test.failures.len()), (Outcome::NotRun, 0));
    let why = &test.skipped.as_ref().unwrap().message;
    assert_eq!(why, "no machine (image.missing, see machine/health): no such file");
}

#[test]
fn exit_codes_follow_the_worst_that_is_certain() {
    let plan = plan_of(vec![test("a", &[], &["true"])]);
    let record = |outcome: Outcome, id: Option<failure::FailureId>| TestRecord {
        outcome,
        failures: id.into_iter().map(|id| Failure::new(id, "x")).collect(),
        ..plan.unreached(&Rerun::default()).remove(1)
    };
    let pass = || record(Outcome::Pass, None);
    let skip = || record(Outcome::Skip, None);
    let fail = || record(Outcome::Fail, Some(failure::STEP_RUN));
    let error = || record(Outcome::Error, Some(failure::SSH_LOST));
    let image = || record(Outcome::Error, Some(failure::IMAGE_MISSING));
    let not_run = || record(Outcome::NotRun, None);
    let cases = [
        (vec![pass(), not_run()], Exit::Error),
        (vec![image(), not_run()], Exit::Invalid),
        (vec![error(), not_run()], Exit::Error),
        (vec![fail(), not_run()], Exit::Failed),
        (vec![pass(), skip()], Exit::Pass),
        (vec![pass(), fail(), error()], Exit::Failed),
        (vec![pass(), error(), image()], Exit::Error),
        (vec![pass(), image()], Exit::Invalid),
        (vec![skip(), skip()], Exit::Invalid),
    ];
    for (records, exit) in cases {
        let outcomes: Vec<Outcome> = records.iter().map(|record| record.outcome).collect();
        assert_eq!(exit_of(&plan, &records), exit, "{outcomes:?}");
    }
}

#[tokio::test]
async fn a_focused_run_is_never_a_pass() {
    let plan = plan_of(vec![test("a", &[], &["true"])]);
    let run = async |focused: bool| {
        let settings = Settings { focused, ..settings() };
        let (events, _stream) = Events::channel();
        engine::run(&plan, &FakeImages(Ok(FakeDriver::default())), &settings, &events, std::future::pending()).await.0
    };
    assert_eq!((run(false).await, run(true).await), (Exit::Pass, Exit::Invalid));
}

#[tokio::test]
async fn a_shard_of_skipped_tests_alone_is_no_failure_and_says_that_it_shows_nothing() {
    let skipped = || {
        let condition = Condition::Compare {
            dimension: "accelerator".to_owned(),
            operator: Operator::Eq,
            values: vec!["kvm".to_owned()],
        };
        let when = When { condition, because: None, location: crate::fake::location() };
        Test { when: Some(when), ..test("a", &[], &["true"]) }
    };
    let run = async |plan: &Plan, shard: Option<ShardRecord>, focused: bool| {
        let settings = Settings { shard, focused, ..settings() };
        let (events, stream) = Events::channel();
        let images = FakeImages(Ok(FakeDriver::default()));
        let (exit, records) = engine::run(plan, &images, &settings, &events, std::future::pending()).await;
        assert!(records.iter().any(|record| record.outcome == Outcome::Skip), "{:?}", short(&records));
        drop(events);
        let notices: Vec<String> = stream
            .try_iter()
            .filter_map(|event| if let Event::Notice { text } = event { Some(text) } else { None })
            .collect();
        (exit, notices)
    };
    let shard = ShardRecord { number: 2, of: 3, tests: 7, ..ShardRecord::default() };
    let (alone, both) = (plan_of(vec![skipped()]), plan_of(vec![skipped(), test("b", &[], &["true"])]));
    let nothing = muster_record::verdict::NO_TEST_RAN.to_owned();
    assert_eq!(run(&alone, None, false).await, (Exit::Invalid, vec![nothing]), "of a whole run it stays one");
    assert_eq!(run(&alone, Some(shard.clone()), false).await, (Exit::Pass, vec![shard.nothing_ran()]));
    assert_eq!(run(&both, Some(shard.clone()), false).await, (Exit::Pass, vec![]));
    assert_eq!(run(&alone, Some(shard), true).await.0, Exit::Invalid, "focus is never a pass");
}

#[tokio::test]
async fn a_run_that_stops_at_its_first_failure_begins_nothing_after_it() {
    let fresh = |id: &str| Test { guest: GuestMode::Fresh, ..test(id, &[], &["true"]) };
    let tests = vec![
        test("fine", &[], &["true"]),
        test("miss", &[], &["false"]),
        test("after", &[], &["true"]),
        test("needs", &["miss"], &["true"]),
        fresh("fresh"),
    ];
    let all: BTreeSet<TestIndex> = TestIndex::all_of(0, &tests).collect();
    let plan = plan::plan(&[suite(tests)], &all, vec!["fake".into(), "second".into()]);
    let run = async |wanted: bool| {
        let settings = Settings { halt: Halt::at_first_failure(wanted), ..settings() };
        let (events, _stream) = Events::channel();
        engine::run(&plan, &FakeImages(Ok(FakeDriver::default())), &settings, &events, std::future::pending()).await
    };
    let (exit, records) = run(true).await;
    assert_eq!(exit, Exit::Failed);
    let of = |image: &str| -> Vec<_> {
        let records: Vec<_> = records.iter().filter(|record| record.image == image).cloned().collect();
        short(&records)
    };
    let not_run = |id: &str| row(id, Outcome::NotRun, "not-run.fail-fast");
    assert_eq!(of("fake")[..2], [row("fine", Outcome::Pass, ""), row("miss", Outcome::Fail, "step.run")]);
    let rest: BTreeSet<_> = of("fake")[2..5].iter().map(|row| (row.0.clone(), row.1)).collect();
    let expected = ["after", "fresh", "needs"].map(|id| (id.to_owned(), Outcome::NotRun));
    assert_eq!(rest, BTreeSet::from(expected));
    assert_eq!(of("fake")[5], row("health", Outcome::Pass, ""));
    assert!(of("second").iter().all(|row| *row == not_run(&row.0)), "{:?}", of("second"));
    assert_eq!(of("second").len(), 6);
    let why = records.iter().find(|record| record.test == "after").unwrap().skipped.as_ref().unwrap();
    assert_eq!(why.message, "stopped after fake/miss [fake] did not pass (--fail-fast)");
    let (exit, records) = run(false).await;
    assert!(exit == Exit::Failed && records.iter().all(|record| record.outcome != Outcome::NotRun));
}
