//! Matchers of every kind of attribute.

use serde_json::{Map, Value, json};

use super::forms::{DURATION, SIZE, boolean, choice, line, mode, named, pattern, text};
use crate::matcher::{MATCHERS, MOST_PARTS, is_ordered, keys_of};
use crate::table::AttributeKind;

const EVR: &str = r"([0-9]+:)?[A-Za-z0-9._+~^]+(-[A-Za-z0-9._+~^]+)?";

const VERSION: &str = r"[0-9][A-Za-z0-9._+~^:-]*";

const INTEGER: &str = r"[+-]?([0-9]+|0[xX][0-9a-fA-F]+)";

pub(super) const NUMBER: &str = r"[+-]?[0-9]+(\.[0-9]+)?";

/// A scalar of the kind, comparisons included.
pub(super) fn scalar(kind: &AttributeKind) -> Value {
    let levels;
    let form = match kind {
        AttributeKind::Level(words) => {
            levels = words.join("|");
            &levels
        }
        AttributeKind::Text | AttributeKind::Name(_) | AttributeKind::Output | AttributeKind::List(_) => {
            return json!({"type": ["string", "number", "boolean"]});
        }
        AttributeKind::Loose => return json!({"type": ["string", "number", "boolean"]}),
        AttributeKind::Set(_) => return choice(&["none", "absent"]),
        AttributeKind::Keyword(words) => return choice(&[words, ["none", "absent"].as_slice()].concat()),
        AttributeKind::Bool => return json!({"anyOf": [boolean(), {"const": "absent"}]}),
        AttributeKind::Mode => return json!({"anyOf": [mode(), {"enum": ["none", "absent"]}]}),
        AttributeKind::Samples(inner) => return scalar(inner),
        AttributeKind::Map(..) | AttributeKind::Baseline => return json!(false),
        AttributeKind::Integer | AttributeKind::Ranged(..) => INTEGER,
        AttributeKind::Number | AttributeKind::Share(_) => NUMBER,
        AttributeKind::Size => SIZE,
        AttributeKind::Duration => DURATION,
        AttributeKind::Evr => EVR,
        AttributeKind::Version => VERSION,
    };
    debug_assert!(is_ordered(kind));
    let part = format!(r"(==|!=|<=|>=|<|>)\s*({form})");
    let string = pattern(&format!(r"none|absent|{form}|{part}(\s*,\s*{part}){{0,{}}}", MOST_PARTS - 1));
    match kind {
        AttributeKind::Integer | AttributeKind::Ranged(..) => json!({"anyOf": [{"type": "integer"}, string]}),
        // A version such as 6.14 is a number to an editor.
        AttributeKind::Number | AttributeKind::Share(_) | AttributeKind::Evr | AttributeKind::Version => {
            json!({"anyOf": [{"type": "number"}, string]})
        }
        _ => string,
    }
}

pub(super) fn matcher(kind: &AttributeKind) -> Value {
    let keys = keys_of(kind);
    if keys.is_empty() {
        return scalar(kind);
    }
    json!({"anyOf": [scalar(kind), matchers(kind, keys)]})
}

/// A mapping of matchers. Below `any-of` and `not` stand scalars, or one more level of matchers.
pub(super) fn matchers(kind: &AttributeKind, keys: &[&str]) -> Value {
    nested(kind, keys, LEVELS)
}

/// How many levels of matchers may stand below the first.
const LEVELS: usize = 2;

fn nested(kind: &AttributeKind, keys: &[&str], levels: usize) -> Value {
    let inner = || match levels {
        0 => json!({}),
        _ => json!({"anyOf": [scalar(kind), nested(kind, keys, levels - 1)]}),
    };
    let element = || match kind {
        AttributeKind::Set(grammar) | AttributeKind::List(grammar) if !grammar.is_free() => {
            let mut element = named(grammar);
            element["type"] = json!(["string", "number", "boolean"]);
            element
        }
        _ => text(),
    };
    let list = || json!({"type": "array", "items": element(), "minItems": 1});
    let mut properties = Map::new();
    for key in keys {
        let mut value = match *key {
            "any-of" => json!({"type": "array", "items": inner(), "minItems": 1}),
            "not" => json!({"allOf": [inner()]}),
            "contains" | "lacks" | "has" => json!({"anyOf": [element(), list()]}),
            "matches" => text(),
            "line" => line(),
            "empty" => boolean(),
            "only" => list(),
            "count" => json!({"anyOf": [scalar(&AttributeKind::Integer), {"type": "object", "minProperties": 1}]}),
            _ => json!({
                "type": "object",
                "propertyNames": {"pattern": r"^[.\[]"},
                "additionalProperties": {"anyOf": [scalar(&AttributeKind::Loose), {"type": "object", "minProperties": 1}]},
                "minProperties": 1
            }),
        };
        // Once is enough for what may stand in itself.
        let doc = MATCHERS.iter().find(|(name, _)| name == key).filter(|_| levels == LEVELS);
        if let Some((_, doc)) = doc {
            value["description"] = json!(doc);
        }
        properties.insert((*key).to_owned(), value);
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1})
}
