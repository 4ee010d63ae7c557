//! For programs (schema `diff/v1`, in `reports/schema/diff-v1.json`).

use serde_json::{Value, json};

use super::compared::Difference;
use crate::since::{Change, ImageFile};
use crate::words;
use muster_record::run::{RunRecord, TestRecord};

/// The name of the schema.
pub const SCHEMA: &str = "diff/v1";
/// The schema.
pub const DIFF_SCHEMA: &str = include_str!("../../../../reports/schema/diff-v1.json");

/// The document.
pub fn document(difference: &Difference<'_>) -> Value {
    let run = |run: &RunRecord| json!({"id": run.id, "started": run.started, "exit-code": run.exit_code, "accelerator": run.accelerator.kind});
    let tests = difference.after.tests.iter().zip(&difference.since.changes);
    let changed = tests.filter_map(|(test, change)| change.map(|change| of_test(test, change)));
    let file = |file: ImageFile| match file {
        ImageFile::Same => "same",
        ImageFile::Changed => "changed",
        ImageFile::Unknown => "unknown",
    };
    let images = difference.since.images.iter().map(|(image, of)| {
        let found = difference.facts.iter().find(|(name, _)| name == image);
        let facts = found.map(|(_, changes)| {
            let one = |change: &super::facts::FactChange| {
                json!({"fact": change.fact, "before": change.before, "after": change.after})
            };
            changes.iter().map(one).collect::<Vec<_>>()
        });
        json!({"image": image, "file": file(*of), "facts": facts})
    });
    json!({
        "schema": SCHEMA,
        "before": run(difference.before),
        "after": run(difference.after),
        "worse": difference.exit() != muster_base::exit::Exit::Pass,
        "unknown": difference.worse.unknown,
        "tests": changed.collect::<Vec<_>>(),
        "gone-images": difference.worse.images,
        "crashes": difference.worse.crashes.iter().map(|(image, category)| json!({"image": image, "category": category})).collect::<Vec<_>>(),
        "gone": difference.since.gone.iter().map(|test| named(test)).collect::<Vec<_>>(),
        "slower": difference.slower.iter().map(|(test, then)| {
            let mut entry = named(test);
            entry["before-seconds"] = (*then).into();
            entry["seconds"] = test.seconds.into();
            entry
        }).collect::<Vec<_>>(),
        "images": images.collect::<Vec<_>>(),
    })
}

fn named(test: &TestRecord) -> Value {
    json!({"suite": test.suite, "test": test.test, "image": test.image})
}

fn of_test(test: &TestRecord, change: Change) -> Value {
    let mut entry = named(test);
    entry["change"] = change.name().into();
    entry["outcome"] = test.outcome.name().into();
    if test.outcome != muster_record::outcome::Outcome::Pass {
        let (id, message) = words::headline(test);
        entry["failure-id"] = id.into();
        entry["message"] = message.into();
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difference::compared::tests::two_runs;

    #[test]
    fn what_is_written_has_its_schema() {
        let schema: Value = serde_json::from_str(DIFF_SCHEMA).unwrap();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let (before, after) = two_runs();
        for (one, other) in [(&before, &after), (&after, &before), (&before, &before)] {
            let document = document(&Difference::of(one, other).unwrap());
            let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new());
        }
        let mut document = document(&Difference::of(&before, &after).unwrap());
        assert_eq!(document["worse"], true);
        let known = schema.pointer("/properties/tests/items/properties/change/enum").unwrap().as_array().unwrap();
        assert_eq!(*known, Change::ALL.map(|change| Value::from(change.name())), "the schema lists every change");
        document["tests"][0]["change"] = "better".into();
        assert!(!validator.is_valid(&document));
    }
}
