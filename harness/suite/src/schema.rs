//! JSON Schemas (draft 2020-12) of suites and image catalogues, for editors: made from the same key
//! tables and attribute tables as the decoder. What a schema cannot say (unique ids, circles of
//! needs, unused variables, conditions, contents of durations in maps with substitutions) only the
//! decoder checks; what it says, it says no laxer than a person would want in an editor.
//!
//! An editor reads `80` as a number and `true` as a boolean where the decoder reads text, so scalars
//! of text allow all three. `${` in a scalar may become anything and is let through.

use serde_json::{Map, Value, json};

use self::share::share;
use super::clause::{Join, MOST_BRANCHES};
use super::condition::{DIMENSIONS, words};
use super::grammar::Grammar;
use super::images::keys::CATALOGUE;
use super::keys::{
    BASELINE, FRAGMENT, KNOWN_ISSUES, Key, KeyTable, MATRIX, MOST_ADJUSTMENTS, MOST_EXCLUDED, MOST_TAGS, PROOFS, STEPS,
    SUITE, Shape,
};
use super::matcher::{MATCHERS, MOST_PARTS, is_ordered, keys_of};
use super::model::MOST_MACHINES;
use super::table::{AttributeKind, CheckTable, STATISTICS, Shorthand, Subject};

/// The schema of suite files, with the given check types.
pub fn suite(tables: &[&'static CheckTable]) -> Value {
    with_expect(unshared("suite/v1", "A suite of muster", mapping(&SUITE)), tables)
}

/// The schema of files of tests that suites include.
pub fn fragment(tables: &[&'static CheckTable]) -> Value {
    with_expect(unshared("tests/v1", "Tests that suites of muster include", mapping(&FRAGMENT)), tables)
}

/// The schema of known issues.
pub fn known_issues() -> Value {
    root("known-issues/v1", "Known issues of suites of muster", mapping(&KNOWN_ISSUES))
}

/// The schema of proofs.
pub fn proofs() -> Value {
    root("proofs/v1", "Proofs that tests of muster can fail", mapping(&PROOFS))
}

/// The schema of image catalogues; the capabilities are those that guests may have.
pub fn images(capabilities: &[(&str, &str)]) -> Value {
    let mut schema = unshared("images/v1", "An image catalogue of muster", mapping(&CATALOGUE));
    let claims = &mut schema["properties"]["images"]["items"]["properties"]["claims"]["properties"];
    for (name, doc) in capabilities {
        let mut flag = boolean();
        flag["description"] = json!(doc);
        // A name that is a dimension too may have either.
        claims[*name] = match claims.get(*name) {
            Some(_) => json!({"anyOf": [flag, line()], "description": doc}),
            None => flag,
        };
    }
    share(schema)
}

/// The schema of console rules.
pub fn console_rules() -> Value {
    root(super::console_rules::SCHEMA, "Console rules of muster", mapping(&super::console_rules::FILE))
}

/// The schema of a ledger of deviations.
pub fn deviations() -> Value {
    root(
        super::deviations::SCHEMA,
        "Documented deviations of one system from another",
        mapping(&super::deviations::FILE),
    )
}

/// The schema of lists of the checks of other tools.
pub fn foreign_checks() -> Value {
    root(super::foreign::SCHEMA, "Checks of another tool, and what takes their place", mapping(&super::foreign::FILE))
}

/// The schema of policies.
pub fn policy() -> Value {
    root(super::policy::SCHEMA, "A policy of a gate", mapping(&super::policy::FILE))
}

/// The schema of waivers.
pub fn waivers() -> Value {
    root(super::waivers::SCHEMA, "Waivers of failures", mapping(&super::waivers::FILE))
}

fn root(id: &str, title: &str, schema: Value) -> Value {
    share(unshared(id, title, schema))
}

fn unshared(id: &str, title: &str, mut schema: Value) -> Value {
    let object = schema.as_object_mut().map(std::mem::take).unwrap_or_default();
    let mut out = Map::new();
    out.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    out.insert("$id".to_owned(), json!(format!("urn:muster:{id}")));
    out.insert("title".to_owned(), json!(title));
    out.extend(object);
    Value::Object(out)
}

/// The schema with definitions of expectations, in which those of `any-of` and `all-of` stand, and of adjusted ones.
fn with_expect(mut schema: Value, tables: &[&'static CheckTable]) -> Value {
    let expect = expect(tables);
    schema["$defs"] = json!({"expect": expect, "adjusted": removable(expect.clone())});
    share(schema)
}

fn mapping(table: &'static KeyTable) -> Value {
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
            let properties: Map<_, _> = super::images::claimed_dimensions()
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
            let properties: Map<_, _> = super::images::FACTS
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

/// Expectations in which every check type, subject and attribute may also be `null`.
fn removable(mut expect: Value) -> Value {
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

fn expect(tables: &[&'static CheckTable]) -> Value {
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

/// A value of a dimension that shapes no machine: it becomes part of a test's name.
const MATRIX_WORD: &str = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,59}$|\$\{";
/// The name of a machine of a test.
const MACHINE_NAME: &str = "^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$";
const ANY_WORD: &str = "One of these is so.";
const ADJUSTED: &str = "As in `expect`; `null` removes it.";
const EVENTUALLY: &str = "Check again until it is so, at most so long.";
const DURATION: &str = r"([0-9]+(\.[0-9]+)?\s*(d|h|min|m|s|ms|us)\s*)+";
const SIZE: &str = r"[0-9]+(\.[0-9]+)?\s*(B|KB|kB|MB|GB|TB|KiB|MiB|GiB|TiB)";
const EVR: &str = r"([0-9]+:)?[A-Za-z0-9._+~^]+(-[A-Za-z0-9._+~^]+)?";
const VERSION: &str = r"[0-9][A-Za-z0-9._+~^:-]*";
const INTEGER: &str = r"[+-]?([0-9]+|0[xX][0-9a-fA-F]+)";
const NUMBER: &str = r"[+-]?[0-9]+(\.[0-9]+)?";

/// A string of this form, or one with a substitution in it.
fn pattern(form: &str) -> Value {
    json!({"type": "string", "pattern": format!(r"^\s*({form})\s*$|\$\{{")})
}

/// A name of the grammar, or one with a substitution in it. A name of digits alone is a number to an editor.
fn named(grammar: &Grammar) -> Value {
    if grammar.is_free() {
        return json!({});
    }
    json!({"pattern": format!(r"^({})$|\$\{{", grammar.pattern), "description": format!("{}: {}", grammar.what, grammar.form)})
}

fn id() -> Value {
    // A name of digits alone is a number to an editor.
    json!({"anyOf": [
        {"type": "string", "pattern": r"^[a-z0-9][a-z0-9._-]*$|\$\{", "maxLength": 100},
        {"type": "number", "minimum": 0},
        {"type": "boolean"}
    ]})
}

fn line() -> Value {
    json!({"type": ["string", "number", "boolean"], "pattern": r"^[^\r\n]*\S[^\r\n]*$"})
}

fn text() -> Value {
    json!({"type": ["string", "number", "boolean"], "pattern": r"\S"})
}

fn boolean() -> Value {
    json!({"anyOf": [{"type": "boolean"}, pattern("true|false")]})
}

fn mode() -> Value {
    // Whether an editor reads 0644 as octal or decimal is its own affair; the decoder reads the text.
    json!({"anyOf": [{"type": "integer", "minimum": 0}, pattern("(0o)?[0-7]{3,5}")]})
}

fn choice(words: &[&str]) -> Value {
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

/// A scalar of the kind, comparisons included.
fn scalar(kind: &AttributeKind) -> Value {
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

fn matcher(kind: &AttributeKind) -> Value {
    let keys = keys_of(kind);
    if keys.is_empty() {
        return scalar(kind);
    }
    json!({"anyOf": [scalar(kind), matchers(kind, keys)]})
}

/// A mapping of matchers. Below `any-of` and `not` stand scalars, or one more level of matchers.
fn matchers(kind: &AttributeKind, keys: &[&str]) -> Value {
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

mod share;
#[cfg(test)]
mod tests;
