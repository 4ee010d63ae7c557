//! What must be true: check types, their subjects and attributes.

use serde_json::{Map, Value, json};

use super::forms::{DURATION, choice, named, pattern};
use super::keys::mapping;
use super::matchers::{NUMBER, matcher, matchers, scalar};
use crate::clause::{Join, MOST_BRANCHES};
use crate::keys::BASELINE;
use crate::matcher::keys_of;
use crate::table::{AttributeKind, CheckTable, STATISTICS, Shorthand, Subject};

/// Expectations in which every check type, subject and attribute may also be `null`.
pub(super) fn removable(mut expect: Value) -> Value {
    let or_null = |value: &mut Value| {
        // What it is stands in `expect`, which an editor has loaded too.
        if let Some(object) = value.as_object_mut() {
            object.shift_remove("description");
        }
        *value = json!({"anyOf": [std::mem::take(value), {"type": "null"}], "description": ADJUSTED});
    };
    // What stands below a subject: each of its attributes.
    fn attributes(subject: &mut Value, or_null: &dyn Fn(&mut Value)) {
        if let Some(properties) = subject.get_mut("properties").and_then(Value::as_object_mut) {
            properties.iter_mut().filter(|(name, _)| *name != "eventually").for_each(|(_, value)| or_null(value));
        } else if let Some(choices) = subject.get_mut("anyOf").and_then(Value::as_array_mut) {
            choices.iter_mut().for_each(|choice| attributes(choice, or_null));
        }
    }
    for (_, check) in expect.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        match check.get_mut("additionalProperties").filter(|more| more.is_object()) {
            Some(subject) => {
                attributes(subject, &or_null);
                or_null(subject);
            }
            None => attributes(check, &or_null),
        }
        or_null(check);
    }
    expect
}

pub(super) fn expect(tables: &[&'static CheckTable]) -> Value {
    let mut properties = Map::new();
    for table in tables {
        let one = subject(table);
        let mut value = match table.subject {
            Subject::Whole => one,
            Subject::Named(grammar) => {
                json!({"type": "object", "propertyNames": named(grammar), "additionalProperties": one, "minProperties": 1})
            }
        };
        value["description"] = json!(table.summary);
        properties.insert(table.name.to_owned(), value);
    }
    for join in Join::ALL {
        let branches = json!({
            "type": "array",
            "items": {"$ref": "#/$defs/expect"},
            "minItems": 2,
            "maxItems": MOST_BRANCHES,
            "uniqueItems": true,
            "description": join.doc()
        });
        properties.insert(join.name().to_owned(), branches);
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1})
}

/// A figure of each boot: a matcher, or one for each statistic.
fn samples(inner: &AttributeKind) -> Value {
    let mut properties = Map::new();
    for (name, doc) in STATISTICS {
        let mut value = matcher(inner);
        value["description"] = json!(doc);
        properties.insert((*name).to_owned(), value);
    }
    let each = json!({"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1});
    json!({"anyOf": [matcher(inner), each]})
}

/// A file of earlier boots, with a bound.
fn baseline() -> Value {
    let mut out = mapping(&BASELINE);
    out["properties"]["regression"]["pattern"] = json!(pattern(&format!(r"<=?\s*{NUMBER}\s*%"))["pattern"]);
    out["properties"]["file"]["pattern"] = json!(r"\.json$|\$\{");
    out
}

/// What stands below a subject: attributes, or the shorthand.
fn subject(table: &'static CheckTable) -> Value {
    let mut properties = Map::new();
    for attribute in table.attributes {
        let mut value = match attribute.kind {
            AttributeKind::Map(_, inner) => {
                json!({"type": "object", "additionalProperties": matcher(inner), "minProperties": 1})
            }
            AttributeKind::Samples(inner) => samples(inner),
            AttributeKind::Baseline => baseline(),
            ref kind => matcher(kind),
        };
        value["description"] = json!(attribute.doc);
        properties.insert(attribute.name.to_owned(), value);
    }
    let names: Vec<_> = table.attributes.iter().map(|attribute| json!({"required": [attribute.name]})).collect();
    let mut eventually = pattern(DURATION);
    eventually["description"] = json!(EVENTUALLY);
    properties.insert("eventually".to_owned(), eventually.clone());
    let attributes = json!({"type": "object", "properties": properties, "additionalProperties": false, "anyOf": names});
    match table.shorthand {
        Shorthand::None => attributes,
        Shorthand::Keywords(words) => {
            let words: Vec<_> = words.iter().map(|(word, _, _)| *word).collect();
            let one_of = json!({"type": "array", "items": choice(&words), "minItems": 1, "description": ANY_WORD});
            let any = json!({
                "type": "object",
                "properties": {"any-of": one_of, "eventually": eventually},
                "required": ["any-of"],
                "additionalProperties": false
            });
            json!({"anyOf": [choice(&words), any, attributes]})
        }
        Shorthand::Attribute(name) => {
            let Some(attribute) = table.attribute(name) else { return attributes };
            let short = match attribute.kind {
                AttributeKind::Map(grammar, inner) => json!({
                    "type": "object",
                    "properties": {"eventually": eventually},
                    "propertyNames": named(grammar),
                    "additionalProperties": matcher(inner),
                    "minProperties": 1
                }),
                ref kind => {
                    let mut short = json!({"anyOf": [scalar(kind)]});
                    if !keys_of(kind).is_empty() {
                        let mut keyed = matchers(kind, keys_of(kind));
                        keyed["properties"]["eventually"] = eventually;
                        let one: Vec<_> = keys_of(kind).iter().map(|key| json!({"required": [key]})).collect();
                        keyed["anyOf"] = json!(one);
                        if let Some(list) = short["anyOf"].as_array_mut() {
                            list.push(keyed);
                        }
                    }
                    short
                }
            };
            json!({"anyOf": [short, attributes]})
        }
    }
}

const ANY_WORD: &str = "One of these is so.";

const ADJUSTED: &str = "As in `expect`; `null` removes it.";

const EVENTUALLY: &str = "Check again until it is so, at most so long.";
