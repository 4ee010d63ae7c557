//! A suite whose teardown may not have run: the run ended just before it, and no test of the suite is left to run. On a machine
//! that was up already nobody throws away what its tests have changed.

use muster_base::text::one_line;
use muster_engine::plan::Plan;
use muster_record::names::MACHINE_SUITE;
use muster_record::run::{RunRecord, TestRecord};
use muster_suite::model::Suite;

/// What there is to say before a run goes on with `earlier` on the same machine; nothing when that run came to its end, or the
/// suite runs again, its teardown with it. Whether the teardown has run is not known, so that it does not run by itself: of a
/// teardown that removes what its tests have brought, a second run fails.
pub(crate) fn notice<'s>(
    earlier: &RunRecord,
    plan: &Plan,
    mut suites: impl Iterator<Item = &'s Suite>,
) -> Option<String> {
    if earlier.finished.is_some() && !earlier.interrupted {
        return None;
    }
    let ran_here = |test: &&TestRecord| {
        test.suite != MACHINE_SUITE && test.kept_from.is_none() && test.outcome.has_run() && test.started.is_some()
    };
    let last = earlier.tests.iter().filter(ran_here).max_by_key(|test| test.started.as_deref())?;
    if plan.suites.iter().any(|suite| suite.name == last.suite) {
        return None;
    }
    let suite = suites.find(|suite| suite.name == last.suite).filter(|suite| !suite.teardown.is_empty())?;
    Some(format!(
        "the run {} ended at the last test of the suite {}, and nothing of that is left to run: whether its teardown ran is not \
         known, and it does not run now; look at the machine, or run the suite again without `--resume`",
        one_line(&earlier.id, 120),
        suite.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_engine::fake::{step, suite, test};
    use muster_engine::plan;
    use muster_record::outcome::Outcome;
    use muster_record::sample;
    use muster_suite::select::TestIndex;
    use std::sync::Arc;

    #[test]
    fn only_a_teardown_of_which_nothing_is_known_is_said() {
        let with_teardown =
            Suite { teardown: vec![step("true")], ..Suite::clone(&suite(vec![test("a", &[], &["true"])])) };
        let without = Suite { teardown: Vec::new(), ..with_teardown.clone() };
        let nothing = plan::plan(&[], &Default::default(), Vec::new());
        let ran = |suite: &str, second: u8| TestRecord {
            started: Some(format!("2026-03-01T10:00:0{second}Z")),
            ..sample::test(suite, "a", Outcome::Pass)
        };
        let killed = |tests| RunRecord { id: "r1".into(), finished: None, tests, ..RunRecord::default() };
        let last = killed(vec![ran("fake", 2), ran("earlier", 1)]);
        let said = |record: &RunRecord, suite: &Suite| notice(record, &nothing, [suite].into_iter());
        assert!(said(&last, &with_teardown).unwrap().contains("the run r1 ended at the last test of the suite fake"));
        assert_eq!(said(&last, &without), None);
        assert_eq!(
            said(&killed(vec![ran("fake", 1), ran("later", 2)]), &with_teardown),
            None,
            "it has run before `later`"
        );
        let finished = Some("2026-03-01T10:00:09Z".to_owned());
        assert_eq!(said(&RunRecord { finished: finished.clone(), ..last.clone() }, &with_teardown), None);
        assert!(said(&RunRecord { finished, interrupted: true, ..last.clone() }, &with_teardown).is_some());
        let kept = TestRecord { kept_from: Some("r0".into()), ..ran("fake", 2) };
        assert_eq!(said(&killed(vec![kept]), &with_teardown), None, "that run has said it");
        let again = plan::plan(
            &[Arc::new(with_teardown.clone())],
            &[TestIndex { suite: 0, test: 0 }].into(),
            vec!["fake".into()],
        );
        assert_eq!(notice(&last, &again, [&with_teardown].into_iter()), None);
    }
}
