//! For programs (schema `series/v1`, in `reports/schema/series-v1.json`).

use serde_json::{Value, json};

use super::series::Series;

/// The name of the schema.
pub const SCHEMA: &str = "series/v1";
/// The schema.
pub const SERIES_SCHEMA: &str = include_str!("../../../../reports/schema/series-v1.json");

/// The document.
pub fn document(series: &[Series<'_>], runs: usize) -> Value {
    let one = |one: &Series<'_>| {
        let run = |at: Option<usize>| at.map(|at| json!({"run": one.points[at].run, "at": one.points[at].at}));
        let point = |point: &super::series::Point<'_>| {
            json!({"run": point.run, "at": point.at, "sha256": point.sha256, "outcome": point.outcome.name(),
                "failure-id": point.failure})
        };
        json!({
            "test": one.key.test,
            "image": one.key.image,
            "shape": one.key.shape,
            "accelerator": one.key.accelerator,
            "state": one.state.name(),
            "last-good": run(one.last_good),
            "first-bad": run(one.first_bad),
            "points": one.points.iter().map(point).collect::<Vec<_>>(),
        })
    };
    json!({"schema": SCHEMA, "runs": runs, "series": series.iter().map(one).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::series::series;
    use crate::history::series::tests::history;
    use muster_record::outcome::Outcome;

    #[test]
    fn what_is_written_has_its_schema() {
        let schema: Value = serde_json::from_str(SERIES_SCHEMA).unwrap();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let history = history(&[("a", Outcome::Pass), ("b", Outcome::Fail), ("", Outcome::Skip)]);
        let mut document = document(&series(&history), history.len());
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(document["series"][0]["first-bad"]["run"], "run-1");
        document["series"][0]["state"] = "old".into();
        assert!(!validator.is_valid(&document));
    }
}
