//! Shorthands for the tests of this room.

use super::error::KindError;
use super::facts::Facts;
use super::item::{Item, Items, Part};
use super::kind::Scope;
use super::kinds;
use muster_check::Observations;
use muster_guest::Reply;

/// Facts with these kinds, and all others known and empty.
pub(super) fn facts(parts: &[(&'static str, Items)]) -> Facts {
    let mut facts = Facts {
        name: "planted".to_owned(),
        taken: "2026-01-01T00:00:00Z".to_owned(),
        trees: Scope::default().trees,
        ..Facts::default()
    };
    for word in kinds::names() {
        facts.parts.insert(word, Part::Known(Items::new()));
    }
    for (word, items) in parts {
        facts.parts.insert(word, Part::Known(items.clone()));
    }
    facts
}

/// Items by subject, each with its fields.
pub(super) fn items(of: &[(&str, &[(&'static str, &str)])]) -> Items {
    let item = |fields: &[(&'static str, &str)]| -> Item {
        fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    of.iter().map(|(subject, fields)| ((*subject).to_owned(), item(fields))).collect()
}

/// A package of that version, release and source.
pub(super) fn package<'a>(version: &'a str, release: &'a str, source: &'a str) -> [(&'static str, &'a str); 6] {
    [
        ("epoch", "0"),
        ("version", version),
        ("release", release),
        ("arch", "x86_64"),
        ("vendor", "Planted"),
        ("source", source),
    ]
}

/// Answers by key.
pub(super) fn seen(answers: &[(&str, &str)]) -> Observations {
    let reply = |text: &str| Reply { stdout: text.into(), ..Reply::default() };
    Observations(answers.iter().map(|(key, text)| ((*key).to_owned(), reply(text))).collect())
}

/// The items of a part that must be known.
pub(super) fn known(part: Result<Part, KindError>) -> Items {
    match part {
        Ok(Part::Known(items)) => items,
        other => panic!("not known: {other:?}"),
    }
}
