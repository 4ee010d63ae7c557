//! A comparison as data: `comparison.json`, schema `boot-comparison/v1`.

use serde_json::{Value, json};

use crate::formats::fault::FormatError;
use crate::sample::Measured;
use crate::verdict::{BootVerdict, Decision, Grown};

/// Schema of what [`render`] writes.
pub const SCHEMA: &str = "boot-comparison/v1";

/// The comparison, indented, with a newline at its end. The samples of both sides are in files of their own.
pub fn render(decision: &Decision, baseline: &Measured, candidate: &Measured) -> Result<String, FormatError> {
    let Decision { verdict, by, rule, comparison, moved, units, phases } = decision;
    let grown = |grown: &[Grown]| -> Vec<Value> {
        grown.iter().map(|part| json!({"name": part.name, "baseline": part.before, "candidate": part.after})).collect()
    };
    let needed = match verdict {
        BootVerdict::NotEnoughSamples { needed } => Some(needed),
        _ => None,
    };
    let value = json!({
        "schema": SCHEMA,
        "verdict": verdict.name(),
        "by": by.name(),
        "alpha": rule.alpha(),
        "floor": rule.floor(),
        "p": comparison.p,
        "least-p": comparison.least_p,
        "cliffs-delta": comparison.delta,
        "ratio": comparison.ratio,
        "ratio-interval-95": comparison.interval.map(|interval| [interval.low, interval.high]),
        "boots": {"baseline": comparison.n.0, "candidate": comparison.n.1},
        "boots-needed": needed,
        "host-moved": moved,
        "phases": grown(phases),
        "units": grown(units),
        "baseline": baseline.series,
        "candidate": candidate.series,
    });
    let text = serde_json::to_string_pretty(&value)
        .map_err(|error| FormatError::Value { at: "comparison.json".to_owned(), why: error.to_string() })?;
    Ok(text + "\n")
}
