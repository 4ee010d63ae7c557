//! Scalars of one form each, as an editor reads them.

use serde_json::{Value, json};

use crate::grammar::Grammar;

pub(super) const DURATION: &str = r"([0-9]+(\.[0-9]+)?\s*(d|h|min|m|s|ms|us)\s*)+";

pub(super) const SIZE: &str = r"[0-9]+(\.[0-9]+)?\s*(B|KB|kB|MB|GB|TB|KiB|MiB|GiB|TiB)";

/// A string of this form, or one with a substitution in it.
pub(super) fn pattern(form: &str) -> Value {
    json!({"type": "string", "pattern": format!(r"^\s*({form})\s*$|\$\{{")})
}

/// A name of the grammar, or one with a substitution in it. A name of digits alone is a number to an editor.
pub(super) fn named(grammar: &Grammar) -> Value {
    if grammar.is_free() {
        return json!({});
    }
    json!({"pattern": format!(r"^({})$|\$\{{", grammar.pattern), "description": format!("{}: {}", grammar.what, grammar.form)})
}

pub(super) fn id() -> Value {
    // A name of digits alone is a number to an editor.
    json!({"anyOf": [
        {"type": "string", "pattern": r"^[a-z0-9][a-z0-9._-]*$|\$\{", "maxLength": 100},
        {"type": "number", "minimum": 0},
        {"type": "boolean"}
    ]})
}

pub(super) fn line() -> Value {
    json!({"type": ["string", "number", "boolean"], "pattern": r"^[^\r\n]*\S[^\r\n]*$"})
}

pub(super) fn text() -> Value {
    json!({"type": ["string", "number", "boolean"], "pattern": r"\S"})
}

pub(super) fn boolean() -> Value {
    json!({"anyOf": [{"type": "boolean"}, pattern("true|false")]})
}

pub(super) fn mode() -> Value {
    // Text alone: a number would be octal to one reader and decimal to another.
    pattern("(0o)?[0-7]{3,5}")
}

pub(super) fn choice(words: &[&str]) -> Value {
    let mut all: Vec<Value> = words.iter().map(|word| json!(word)).collect();
    // `y` and numbers stay what they are; true, false and digits are not text to an editor.
    for word in words {
        match *word {
            "true" => all.push(json!(true)),
            "false" => all.push(json!(false)),
            other => all.extend(other.parse::<i64>().ok().map(|number| json!(number))),
        }
    }
    json!({"anyOf": [{"enum": all}, {"type": "string", "pattern": r"\$\{"}]})
}
