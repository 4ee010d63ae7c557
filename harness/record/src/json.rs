//! `run.json`: the record, whole, for programs. Its schema is `reports/schema/run-v1.json`.

use crate::run::RunRecord;

/// The schema of `run.json`.
pub const RUN_SCHEMA: &str = include_str!("../../../reports/schema/run-v1.json");
/// The schema of one line of `events.jsonl`.
pub const EVENTS_SCHEMA: &str = include_str!("../../../reports/schema/events-v1.json");

/// The record as JSON, indented, with a newline at its end.
pub fn render(record: &RunRecord) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(record).map(|json| json + "\n")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::event::Event;
    use crate::fold::Recorder;
    use crate::sample;

    fn errors(schema: &str, instance: &Value) -> Vec<String> {
        let schema: Value = serde_json::from_str(schema).unwrap();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    #[test]
    fn every_prefix_of_a_run_is_valid_and_comes_back() {
        let events = sample::events();
        for end in 0..=events.len() {
            let record = Recorder::fold(&events[..end]);
            let json = render(&record).unwrap();
            assert_eq!(errors(RUN_SCHEMA, &serde_json::from_str(&json).unwrap()), Vec::<String>::new(), "after {end}");
            assert_eq!(serde_json::from_str::<RunRecord>(&json).unwrap(), record);
        }
    }

    #[test]
    fn every_kind_of_event_is_in_the_schema() {
        let events = sample::events();
        let kinds: std::collections::HashSet<_> = events.iter().map(std::mem::discriminant::<Event>).collect();
        assert_eq!(kinds.len(), 17, "the sample has every kind");
        for event in &events {
            let value = serde_json::to_value(event).unwrap();
            assert_eq!(errors(EVENTS_SCHEMA, &value), Vec::<String>::new(), "{value}");
        }
    }

    #[test]
    fn a_test_on_several_machines_is_in_both_schemas() {
        let mut events = sample::events();
        let named = |name: &str, id: &str| crate::run::NamedMachine { name: name.into(), id: id.into() };
        let mut changed = 0;
        for event in &mut events {
            if let Event::TestFinished { record } = event {
                record.machines = vec![named("server", "m1"), named("client", "m2")];
                changed += 1;
                let value = serde_json::to_value(&*event).unwrap();
                assert_eq!(errors(EVENTS_SCHEMA, &value), Vec::<String>::new(), "{value}");
            }
        }
        assert!(changed > 0);
        let json = render(&Recorder::fold(&events)).unwrap();
        assert_eq!(errors(RUN_SCHEMA, &serde_json::from_str(&json).unwrap()), Vec::<String>::new());
        assert!(json.contains("\"name\": \"client\""), "{json}");
    }

    #[test]
    fn a_run_that_goes_on_with_another_is_in_both_schemas() {
        use crate::run::{EarlierOutcome, EarlierRun};
        let mut events = sample::events();
        let failure = sample::tests()[1].failures.first().cloned();
        let (suite, image) = (Some("cd".repeat(32)), Some("ef".repeat(32)));
        let before = EarlierOutcome { run: "r1".into(), outcome: crate::outcome::Outcome::Fail, failure, suite, image };
        let found = Recorder::fold(&events).found();
        assert!(found.images.values().any(|image| image.arch.is_some()), "{found:?}");
        for event in &mut events {
            match event {
                Event::RunStarted { earlier, .. } => {
                    let (id, directory, file) = ("r1".into(), "runs/r1".into(), "run.json".into());
                    let found = Some(found.clone());
                    earlier.push(EarlierRun { id, directory, file, sha256: "ab".repeat(32), found });
                }
                Event::TestFinished { record } => {
                    record.earlier = vec![before.clone()];
                    record.kept_from = Some("r1".into());
                }
                _ => {}
            }
            let value = serde_json::to_value(&*event).unwrap();
            assert_eq!(errors(EVENTS_SCHEMA, &value), Vec::<String>::new(), "{value}");
        }
        let record = Recorder::fold(&events);
        assert_eq!((record.earlier.len(), record.tests[0].earlier.len()), (1, 1));
        let json = render(&record).unwrap();
        assert_eq!(errors(RUN_SCHEMA, &serde_json::from_str(&json).unwrap()), Vec::<String>::new());
        assert_eq!(serde_json::from_str::<RunRecord>(&json).unwrap(), record);
    }

    #[test]
    fn the_schemas_can_refuse() {
        let good = serde_json::to_value(Recorder::fold(&sample::events())).unwrap();
        let spoil = |path: &str, value: Value| {
            let mut bad = good.clone();
            *bad.pointer_mut(path).unwrap() = value;
            errors(RUN_SCHEMA, &bad)
        };
        assert_eq!(spoil("/schema", "run/v2".into()).len(), 1);
        assert_eq!(spoil("/tests/0/outcome", "passed".into()).len(), 1);
        assert_eq!(spoil("/tests/0/seconds", (-1).into()).len(), 1);
        assert_eq!(spoil("/totals/pass", "3".into()).len(), 1);
        let mut extra = good.clone();
        extra["tests"][0]["surprise"] = true.into();
        assert_eq!(errors(RUN_SCHEMA, &extra).len(), 1);
        assert!(!errors(EVENTS_SCHEMA, &serde_json::json!({"event": "unheard-of"})).is_empty());
    }

    #[test]
    fn a_file_comes_back_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(dir.path().join("run.json")).unwrap();
        let record = Recorder::fold(&sample::events());
        std::fs::write(&path, render(&record).unwrap()).unwrap();
        assert_eq!(crate::open::of_record(&path).unwrap(), record);
    }
}
