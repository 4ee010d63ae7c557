//! What stands below each of the language's own keys.

use serde_json::{Map, Value, json};

use super::forms::{DURATION, SIZE, boolean, choice, id, line, mode, pattern, text};
use super::matchers::matcher;
use crate::condition::{DIMENSIONS, words};
use crate::images::{FACTS, claimed_dimensions};
use crate::keys::{Key, KeyTable, MATRIX, MOST_ADJUSTMENTS, MOST_EXCLUDED, MOST_TAGS, STEPS, Shape};
use crate::model::MOST_MACHINES;

pub(super) fn mapping(table: &'static KeyTable) -> Value {
    let mut properties = Map::new();
    for key in table.keys {
        properties.insert(key.name.to_owned(), property(key));
    }
    let required: Vec<_> = table.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut out =
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    match table.keys[0].name {
        "id" if table.get("expect").is_some() => {
            out["anyOf"] = json!([{"required": ["steps"]}, {"required": ["expect"]}, {"required": ["snapshots"]}]);
            out["dependentRequired"] = json!({"because": ["when"]});
            by_machine(&mut out);
        }
        "id" if table.get("gap").is_some() => {
            let names = ["gap", "by", "outside", "partly"];
            let pairs = names.iter().enumerate().flat_map(|(n, a)| names[n + 1..].iter().map(move |b| [*a, *b]));
            let pairs: Vec<_> = pairs.map(|pair| json!({"required": pair})).collect();
            out["not"] = json!({"anyOf": pairs});
        }
        "schema" if table.get("include").is_some() => {
            out["anyOf"] = json!([{"required": ["tests"]}, {"required": ["include"]}]);
        }
        "when" => out["anyOf"] = json!([{"required": ["expect"]}, {"required": ["timeout"]}]),
        "value" if table.get("url").is_some() => {
            out["anyOf"] = json!([{"required": ["value"]}, {"required": ["url"]}]);
        }
        "test" if table.get("suite").is_some() => {
            out["oneOf"] = json!([{"required": ["test"]}, {"required": ["suite"]}, {"required": ["tag"]}]);
        }
        "schema" if table.get("require").is_some() => {
            out["anyOf"] = json!([{"required": ["profile"]}, {"required": ["require"]}]);
        }
        "service" => out["anyOf"] = json!([{"required": ["state"]}, {"required": ["enabled"]}]),
        _ => {}
    }
    out
}

/// In a test with `machines`, `expect` is a mapping from their names.
fn by_machine(test: &mut Value) {
    if let Some(expect) = test["properties"]["expect"].as_object_mut() {
        expect.shift_remove("$ref");
    }
    let one = |doc: &str| json!({"$ref": "#/$defs/expect", "description": doc});
    let each = json!({
        "type": "object",
        "propertyNames": {"pattern": MACHINE_NAME},
        "additionalProperties": one("What must then be true of this machine."),
        "minProperties": 1,
        "description": "What must then be true of each machine, by its name."
    });
    // The other keys are those of any test.
    let with = |expect: Value| json!({"properties": {"expect": expect}, "additionalProperties": true});
    test["if"] = json!({"required": ["machines"]});
    test["then"] = with(each);
    test["else"] = with(one("What must then be true; everything is evaluated."));
}

fn property(key: &Key) -> Value {
    let mut out = shape(&key.shape);
    match key.name {
        "tags" => out["maxItems"] = json!(MOST_TAGS),
        "adjust" => out["maxItems"] = json!(MOST_ADJUSTMENTS),
        _ => {}
    }
    if let Some(object) = out.as_object_mut() {
        object.insert("description".to_owned(), json!(key.doc));
    }
    out
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Constant(text) => json!({"const": text}),
        Shape::Id => id(),
        Shape::Ids => json!({"type": "array", "items": id(), "minItems": 1}),
        Shape::Line | Shape::Condition => line(),
        Shape::Text => text(),
        Shape::AnyText => json!({"type": ["string", "number", "boolean"]}),
        Shape::Lines => json!({"type": "array", "items": line(), "minItems": 1}),
        Shape::LineOrLines => json!({"anyOf": [line(), {"type": "array", "items": line(), "minItems": 1}]}),
        Shape::LineOr(table) => json!({"anyOf": [line(), mapping(table)]}),
        Shape::Duration | Shape::Days => pattern(DURATION),
        Shape::Date => pattern("[0-9]{4}-[0-9]{2}-[0-9]{2}"),
        Shape::Size => pattern(SIZE),
        Shape::Sizes => json!({"type": "array", "items": pattern(SIZE), "minItems": 1}),
        Shape::Bool => boolean(),
        Shape::Mode => mode(),
        Shape::Count => json!({"anyOf": [{"type": "integer", "minimum": 1}, pattern("[0-9]+|0x[0-9a-fA-F]+")]}),
        Shape::Keyword(words) => choice(words),
        Shape::Matcher(kind) => matcher(kind),
        Shape::Mapping(table) => mapping(table),
        Shape::List(table) => json!({"type": "array", "items": mapping(table), "minItems": 1}),
        Shape::OneOf(table) => {
            let mut out = mapping(table);
            out["minProperties"] = json!(1);
            out["maxProperties"] = json!(1);
            out
        }
        Shape::Steps => {
            // By its first key, so that a mistake in a step is reported of that step and not of all kinds.
            let name = |table: &KeyTable| table.keys[0].name;
            let names: Vec<_> = STEPS.iter().map(|table| json!({"required": [name(table)]})).collect();
            let of = |table: &&'static KeyTable| json!({"if": {"required": [name(table)]}, "then": mapping(table)});
            let forms: Vec<_> = STEPS.iter().map(of).collect();
            json!({"type": "array", "items": {"type": "object", "oneOf": names, "allOf": forms}, "minItems": 1})
        }
        Shape::Expect => json!({"$ref": "#/$defs/expect"}),
        Shape::Machines => json!({
            "type": "object",
            "propertyNames": {"pattern": MACHINE_NAME},
            "additionalProperties": {"type": "object", "maxProperties": 0},
            "minProperties": 2,
            "maxProperties": MOST_MACHINES
        }),
        Shape::Vars => json!({
            "type": "object",
            "propertyNames": {"pattern": "^[a-z][a-z0-9_-]*$"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "minProperties": 1
        }),
        Shape::Choices(names, words) => {
            let properties: Map<_, _> = names
                .iter()
                .map(|(name, doc)| {
                    let mut value = choice(words);
                    value["description"] = json!(doc);
                    ((*name).to_owned(), value)
                })
                .collect();
            json!({"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1})
        }
        Shape::Source(words, table) => {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            json!({"anyOf": [choice(&words), mapping(table)]})
        }
        Shape::Natural => json!({"anyOf": [{"type": "integer", "minimum": 0}, pattern("[0-9]+|0x[0-9a-fA-F]+")]}),
        Shape::AllOrLines => json!({"anyOf": [{"const": "all"}, {"type": "array", "items": line(), "minItems": 1}]}),
        Shape::ForEach => for_each(),
        Shape::Adjust => json!({"$ref": "#/$defs/adjusted"}),
        Shape::Matrix => matrix(),
        Shape::Globs => json!({"type": "object", "additionalProperties": line(), "minProperties": 1}),
        Shape::Claims => {
            let properties: Map<_, _> = claimed_dimensions()
                .map(|name| {
                    let mut value = line();
                    if let Some((_, doc, _)) = DIMENSIONS.iter().find(|(known, _, _)| *known == name) {
                        value["description"] = json!(doc);
                    }
                    (name.to_owned(), value)
                })
                .collect();
            json!({"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1})
        }
        Shape::Facts => {
            let properties: Map<_, _> = FACTS
                .iter()
                .map(|name| {
                    let mut value = match words(name) {
                        Some(words) => choice(words),
                        None if *name == "id-like" => {
                            json!({"anyOf": [line(), {"type": "array", "items": line(), "minItems": 1}]})
                        }
                        None => line(),
                    };
                    if let Some((_, doc, _)) = DIMENSIONS.iter().find(|(known, _, _)| known == name) {
                        value["description"] = json!(doc);
                    }
                    ((*name).to_owned(), value)
                })
                .collect();
            json!({"type": "object", "properties": properties, "additionalProperties": false})
        }
    }
}

/// One name with its values, or a list of mappings.
fn for_each() -> Value {
    let names = || json!({"pattern": "^[a-z][a-z0-9_-]*$"});
    let list = json!({"type": "array", "items": text(), "minItems": 1});
    let one = json!({
        "type": "object", "propertyNames": names(), "additionalProperties": list, "minProperties": 1, "maxProperties": 1
    });
    let row = json!({"type": "object", "propertyNames": names(), "additionalProperties": text(), "minProperties": 1});
    json!({"anyOf": [one, {"type": "array", "items": row, "minItems": 1}]})
}

/// Dimensions of a matrix: those that shape machines by their type, others by the form of their words.
fn matrix() -> Value {
    let list = |item: Value| json!({"type": "array", "items": item, "minItems": 1, "uniqueItems": true});
    let word = || json!({"type": ["string", "number", "boolean"], "pattern": MATRIX_WORD});
    let mut properties = Map::new();
    for key in MATRIX.keys {
        let mut value = list(shape(&key.shape));
        value["description"] = json!(key.doc);
        properties.insert(key.name.to_owned(), value);
    }
    let exclude = json!({
        "type": "array",
        "items": {"type": "object", "additionalProperties": line(), "minProperties": 1},
        "minItems": 1,
        "maxItems": MOST_EXCLUDED,
        "description": "Combinations that are left out: each entry names values of dimensions, or an `image`."
    });
    properties.insert("exclude".to_owned(), exclude);
    let some: Vec<_> = [json!({"minProperties": 2}), json!({"not": {"required": ["exclude"]}})].into_iter().collect();
    json!({
        "type": "object",
        "properties": properties,
        "propertyNames": {"pattern": "^[a-z][a-z0-9_-]*$"},
        "additionalProperties": list(word()),
        "minProperties": 1,
        "anyOf": some
    })
}

/// A value of a dimension that shapes no machine: it becomes part of a test's name.
const MATRIX_WORD: &str = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,59}$|\$\{";

/// The name of a machine of a test.
const MACHINE_NAME: &str = "^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$";
