//! Bencher Metric Format: benchmark → measure → `{value, lower_value, upper_value}`.
//!
//! A benchmark is a row of [`Figures`]; its measures are `latency` (nanoseconds) and `instructions`, both of which Bencher has by
//! these names. The value is the median, lower and upper are the least and the greatest of all boots.

use serde_json::{Map, Value, json};

use crate::formats::fault::FormatError;
use crate::formats::figures::{Figure, Figures, What, median};
use crate::formats::names::{label, visible_json};
use crate::sample::Measured;

/// Units that are written, the slowest ones. A benchmark that is not in a report has no data there, and no alert.
pub const UNITS: usize = 20;

/// Characters that Bencher allows in the name of a benchmark.
const LONGEST: usize = 1024;

/// One document, indented.
pub fn render(measured: &Measured) -> Result<String, FormatError> {
    let figures = Figures::of(measured)?;
    let mut document = Map::new();
    for figure in figures.of_boots().chain(figures.slowest_units(UNITS)) {
        // A year in nanoseconds is below 2^55: no overflow.
        let mut measures = Map::from_iter([("latency".to_owned(), metric(&figure.micros, 1000))]);
        if !figure.instructions.is_empty() {
            measures.insert("instructions".to_owned(), metric(&figure.instructions, 1));
        }
        document.insert(benchmark(measured, figure), measures.into());
    }
    let text = serde_json::to_string_pretty(&Value::from(document))
        .map_err(|error| FormatError::Value { at: "bencher.json".into(), why: error.to_string() })?;
    Ok(visible_json(&text) + "\n")
}

fn metric(values: &[u64], scale: u64) -> Value {
    let (least, greatest) = (values.iter().min(), values.iter().max());
    json!({
        "value": median(values) * scale,
        "lower_value": least.map(|value| value * scale),
        "upper_value": greatest.map(|value| value * scale),
    })
}

/// `lab: kernel (later boots, tcg)`. The accelerator is in it so that a forgotten `--testbed` cannot mix emulation and KVM. It ends with
/// what muster writes, since Bencher gives no alerts for a name that ends with `-bencher-ignore`; and it is never a UUID or a slug.
fn benchmark(measured: &Measured, figure: &Figure) -> String {
    let what = match &figure.what {
        What::Total => "total".to_owned(),
        What::Phase(phase) => phase.name().to_owned(),
        What::Mark(name) => format!("until {name}"),
        What::Unit(name) => format!("unit {name}"),
    };
    let boots = measured.series.boots.name();
    let name =
        format!("{}: {what} ({boots} boots, {})", label(&measured.series.image), label(&measured.series.accelerator));
    debug_assert!(name.chars().count() <= LONGEST);
    name
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::testing;

    /// The schema that bencher.dev documents (draft 7), written anew: every benchmark has measures, every measure a number.
    const SCHEMA: &str = include_str!("../../testdata/bencher-metric-format.json");

    static VALIDATOR: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::draft7::new(&serde_json::from_str(SCHEMA).unwrap()).unwrap());

    fn document(measured: &Measured) -> Value {
        let text = render(measured).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = VALIDATOR.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        document
    }

    #[test]
    fn median_least_and_greatest_are_in_nanoseconds() {
        let mut measured = testing::measured(1, 3);
        for (sample, micros) in measured.samples.iter_mut().zip([3, 9, 4]) {
            sample.total.as_mut().unwrap().micros = micros;
            sample.total.as_mut().unwrap().instructions = Some(micros * 7);
        }
        let document = document(&measured);
        let total = &document["lab: total (later boots, tcg)"];
        assert_eq!(total["latency"], json!({"value": 4000, "lower_value": 3000, "upper_value": 9000}));
        assert_eq!(total["instructions"], json!({"value": 28, "lower_value": 21, "upper_value": 63}));
        assert!(document.get("lab: unit cloud-init.service (later boots, tcg)").is_some());
        assert!(document["lab: until sshd-answers (later boots, tcg)"].get("instructions").is_none());
    }

    #[test]
    fn hostile_names_are_names_that_bencher_takes() {
        for name in testing::hostile_names() {
            let measured = testing::with_name(&testing::measured(1, 2), &name);
            let document = document(&measured);
            let names: Vec<&String> = document.as_object().unwrap().keys().collect();
            assert_eq!(names.len(), Figures::of(&measured).unwrap().rows.len(), "{name:?}");
            for name in names {
                assert!(name.chars().count() <= LONGEST, "{name}");
                assert!(name.ends_with(')') && !name.chars().any(char::is_control), "{name}");
            }
        }
    }
}
