//! Shorthands for the tests of this command.

use serde_json::Value;

/// What a schema has against a document.
pub(super) fn errors(schema: &str, document: &impl serde::Serialize) -> Vec<String> {
    let schema: Value = serde_json::from_str(schema).unwrap();
    jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
    let document = serde_json::to_value(document).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
