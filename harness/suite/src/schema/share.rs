//! Parts of a schema that occur several times are written once, below `$defs`, and referred to: an editor loads kilobytes
//! and not megabytes.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// The shortest part that is worth a definition, in bytes of JSON.
const WORTH: usize = 60;
/// How the references of this pass begin; those of the schema itself have words for names. What is written in the end is
/// shorter, since there are thousands.
const PREFIX: &str = "#/$defs/part-";

/// Writes each part once.
pub(super) fn share(schema: Value) -> Value {
    let mut parts = Parts::default();
    let mut root = parts.replace_inside(schema);
    parts.count(&root);
    for at in 0..parts.bodies.len() {
        let body = parts.bodies[at].clone();
        parts.count(&body);
    }
    let kept = parts.kept();
    root = parts.write(&root, &kept);
    let defs = kept.iter().map(|(at, name)| (name.clone(), parts.write(&parts.bodies[*at], &kept)));
    let defs: Map<String, Value> = defs.collect();
    if let Some(all) = root.get_mut("$defs").and_then(Value::as_object_mut) {
        all.extend(defs);
    } else if !defs.is_empty() {
        root["$defs"] = Value::Object(defs);
    }
    root
}

/// Distinct parts, without their descriptions: those are about the place, not about the form.
#[derive(Default)]
struct Parts {
    bodies: Vec<Value>,
    numbers: HashMap<String, usize>,
    uses: Vec<usize>,
}

impl Parts {
    /// The schema with a reference in place of each schema in it.
    fn replace_inside(&mut self, schema: Value) -> Value {
        match schema {
            Value::Object(mut object) => {
                each_schema(&mut object, &mut |inner| *inner = self.replaced(std::mem::take(inner)));
                Value::Object(object)
            }
            other => other,
        }
    }

    fn replaced(&mut self, schema: Value) -> Value {
        let Value::Object(mut core) = self.replace_inside(schema.clone()) else { return schema };
        if core.is_empty() || core.contains_key("$ref") {
            return Value::Object(core);
        }
        let description = core.shift_remove("description");
        let text = Value::Object(core.clone()).to_string();
        let next = self.bodies.len();
        let at = *self.numbers.entry(text).or_insert(next);
        if at == next {
            self.bodies.push(Value::Object(core));
            self.uses.push(0);
        }
        let mut reference = json!({"$ref": format!("{PREFIX}{at}")});
        if let Some(description) = description {
            reference["description"] = description;
        }
        reference
    }

    fn count(&mut self, schema: &Value) {
        if let Some(at) = part(schema) {
            self.uses[at] += 1;
        }
        if let Value::Object(object) = schema {
            let mut object = object.clone();
            each_schema(&mut object, &mut |inner| self.count(inner));
        }
    }

    /// Which parts get a definition, and its name.
    fn kept(&self) -> Vec<(usize, String)> {
        let worth = |at: &usize| self.uses[*at] > 1 && self.bodies[*at].to_string().len() >= WORTH;
        (0..self.bodies.len()).filter(worth).enumerate().map(|(number, at)| (at, format!("p{number}"))).collect()
    }

    /// The schema with the parts that have no definition written out.
    fn write(&self, schema: &Value, kept: &[(usize, String)]) -> Value {
        let mut out = match part(schema) {
            None => schema.clone(),
            Some(at) => {
                let mut out = match kept.binary_search_by_key(&at, |(kept, _)| *kept) {
                    Ok(found) => json!({"$ref": format!("#/$defs/{}", kept[found].1)}),
                    Err(_) => return described(self.write(&self.bodies[at], kept), schema),
                };
                if let Some(description) = schema.get("description") {
                    out["description"] = description.clone();
                }
                return out;
            }
        };
        if let Value::Object(object) = &mut out {
            each_schema(object, &mut |inner| *inner = self.write(inner, kept));
        }
        out
    }
}

fn described(mut schema: Value, place: &Value) -> Value {
    if let (Some(object), Some(description)) = (schema.as_object_mut(), place.get("description")) {
        object.insert("description".to_owned(), description.clone());
    }
    schema
}

/// The number of the part that this refers to.
fn part(schema: &Value) -> Option<usize> {
    schema.get("$ref")?.as_str()?.strip_prefix(PREFIX)?.parse().ok()
}

/// Every schema that stands directly in this one.
fn each_schema(object: &mut Map<String, Value>, then: &mut dyn FnMut(&mut Value)) {
    for (key, value) in object.iter_mut() {
        match (key.as_str(), value) {
            ("properties" | "$defs", Value::Object(named)) => named.values_mut().for_each(&mut *then),
            ("anyOf" | "allOf" | "oneOf", Value::Array(list)) => list.iter_mut().for_each(&mut *then),
            ("additionalProperties" | "propertyNames" | "items" | "not" | "if" | "then" | "else", value)
                if value.is_object() =>
            {
                then(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_occurs_twice_is_written_once_and_means_the_same() {
        let word = || json!({"anyOf": [{"enum": ["a", "b", "c"]}, {"type": "string", "pattern": "^[$][{][a-z]+[}]$"}]});
        let mut one = word();
        one["description"] = json!("the first");
        let whole = json!({"type": "object", "properties": {
            "one": one, "two": word(), "three": {"type": "array", "items": word()}, "properties": {"type": "null"}
        }});
        let shared = share(whole.clone());
        assert_eq!(shared["$defs"].as_object().map(Map::len), Some(1), "{shared}");
        assert_eq!(shared["properties"]["one"], json!({"$ref": "#/$defs/p0", "description": "the first"}));
        assert_eq!(shared["properties"]["properties"], json!({"type": "null"}));
        let (before, after) = (jsonschema::validator_for(&whole).unwrap(), jsonschema::validator_for(&shared).unwrap());
        for value in [json!({"one": "a", "three": ["b"]}), json!({"two": "d"}), json!({"three": ["${x}", 1]}), json!(1)]
        {
            assert_eq!(before.is_valid(&value), after.is_valid(&value), "{value}");
        }
    }
}
