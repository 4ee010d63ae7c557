//! JSON Schemas (draft 2020-12) of suites and image catalogues, for editors: made from the same key
//! tables and attribute tables as the decoder. What a schema cannot say (unique ids, circles of
//! needs, unused variables, conditions, contents of durations in maps with substitutions) only the
//! decoder checks; what it says, it says no laxer than a person would want in an editor.
//!
//! An editor reads `80` as a number and `true` as a boolean where the decoder reads text, so scalars
//! of text allow all three. `${` in a scalar may become anything and is let through.

use serde_json::{Map, Value, json};

use self::expectations::{expect, removable};
use self::forms::{boolean, line};
use self::keys::mapping;
use self::share::share;
use super::images::keys::CATALOGUE;
use super::keys::{FRAGMENT, KNOWN_ISSUES, PROOFS, SUITE};
use super::table::CheckTable;

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

mod expectations;
mod forms;
mod keys;
mod matchers;
mod share;
#[cfg(test)]
mod tests;
