//! Tests whose expectations have alternatives.

use super::*;

#[tokio::test]
async fn a_test_passes_when_one_of_its_alternatives_holds_and_fails_once_when_none_does() {
    let driver = FakeDriver::default();
    let one = "{any-of: [{command: {'false': {exit: 0}, 'uname': {exit: 0}}}, {command: {'true': {exit: 0}}}]}";
    let none = "{any-of: [{command: {'false': {exit: 0}}}, {command: {'true': {exit: 1}}}]}";
    let records = run_all(&driver, &plan_of(vec![expecting(one)])).await;
    assert_eq!((records[0].outcome, records[0].assertions), (Outcome::Pass, 1), "{:?}", records[0].failures);
    assert_eq!(records[0].met.len(), 1, "{:?}", records[0].met);
    let records = run_all(&driver, &plan_of(vec![expecting(none)])).await;
    assert_eq!(records[0].outcome, Outcome::Fail);
    let [failure] = &records[0].failures[..] else { panic!("{:?}", records[0].failures) };
    assert_eq!(failure.id, failure::EXPECT_ANY_OF);
    assert_eq!(failure.location.as_ref().unwrap().to_string(), "s.yaml:5:12");
    assert_eq!(
        failure.message,
        "none of 2 alternatives holds: command false: expected exit is 0, found 1; command true: expected exit is 1, found 0"
    );
    assert_eq!(
        failure.detail.as_deref(),
        Some(
            "alternative 1 of 2 (s.yaml:5:21):\n  command false: expected exit is 0, found 1\n\
             alternative 2 of 2 (s.yaml:5:54):\n  command true: expected exit is 1, found 0"
        )
    );
}

#[tokio::test]
async fn alternatives_of_which_something_could_not_be_read_are_an_error() {
    let driver = FakeDriver::default();
    // The fake guest prints nothing, which no `rpm` does that works.
    let unread = "{any-of: [{package: {a: {version: '1'}}}, {command: {'false': {exit: 0}}}]}";
    let records = run_all(&driver, &plan_of(vec![expecting(unread)])).await;
    assert_eq!(records[0].outcome, Outcome::Error, "{:?}", records[0].failures);
    let [failure] = &records[0].failures[..] else { panic!("{:?}", records[0].failures) };
    assert_eq!(failure.id, failure::PROBE_FAILED);
    assert!(failure.message.starts_with("cannot determine whether one of 2 alternatives holds: "), "{failure:?}");
    assert!(failure.detail.as_deref().unwrap().contains("command false: expected exit is 0, found 1"), "{failure:?}");
}
