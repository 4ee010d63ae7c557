//! For programs (schema `decision/v1`).

use serde_json::Value;

use crate::decision::Decision;
use crate::ways::Way;

/// The schema.
pub const DECISION_SCHEMA: &str = include_str!("../../../../reports/schema/decision-v1.json");

/// The document, indented, with a newline at its end. `ways` is only in it where somebody wants them.
///
/// # Errors
/// None that can happen with values of these types.
pub fn json(decision: &Decision, ways: Option<&[Way]>) -> Result<String, serde_json::Error> {
    let mut document = serde_json::to_value(decision)?;
    if let (Value::Object(object), Some(ways)) = (&mut document, ways) {
        object.insert("ways".to_owned(), serde_json::to_value(ways)?);
    }
    serde_json::to_string_pretty(&document).map(|json| json + "\n")
}
