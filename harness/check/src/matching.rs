//! Whether an observed value is what a matcher asks for, as the attribute's kind understands it.

use serde_json::Value as Json;

use self::kind::{equal, holds_bound, is_listed, is_number, listed, not_readable, scalar};
use crate::dpkg;
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use crate::wording::{describe, show, show_items};
use muster_base::text::one_line;
use muster_suite::grammar::text;
use muster_suite::model::{Matcher, Operator};
use muster_suite::table::AttributeKind;
use muster_suite::{json_path, version};

/// Why a value does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// It is something else.
    Missed {
        /// What was asked, in the suite's words, without the attribute's name: `>= 1:1.26`.
        expected: String,
        /// What was seen, one bounded line.
        actual: String,
        /// Longer evidence, or empty.
        detail: String,
    },
    /// The value, or the matcher, is not of the kind it should be: nothing can be said.
    Unreadable(Unreadable),
}

/// Judges a value.
pub fn compare(matcher: &Matcher, kind: &AttributeKind, value: &Value) -> Result<(), Miss> {
    if let Value::Each(values) = value {
        return values.iter().try_for_each(|value| compare(matcher, kind, value));
    }
    match holds(matcher, kind, value) {
        Ok(None) => Ok(()),
        Ok(Some(note)) => {
            let (seen, detail) = show(kind, value);
            let actual = match (note.is_empty(), seen.is_empty()) {
                (true, _) => seen,
                (false, true) => note,
                (false, false) => format!("{note}; {seen}"),
            };
            Err(Miss::Missed { expected: describe(matcher), actual, detail })
        }
        Err(why) => Err(Miss::Unreadable(why)),
    }
}

/// `Ok(None)` when it holds, `Ok(Some(note))` when not, with what the value alone does not show.
type Held = Read<Option<String>>;

fn plain(holds: bool) -> Held {
    Ok((!holds).then(String::new))
}

fn holds(matcher: &Matcher, kind: &AttributeKind, value: &Value) -> Held {
    if matches!(value, Value::Gone(_)) {
        return plain(states_absence(matcher, kind));
    }
    match matcher {
        Matcher::Absent => plain(false),
        Matcher::AnyOf(matchers) => {
            let mut unreadable = None;
            for matcher in matchers {
                match holds(matcher, kind, value) {
                    Ok(None) => return Ok(None),
                    Ok(Some(_)) => {}
                    Err(why) => unreadable = Some(why),
                }
            }
            unreadable.map_or(Ok(Some(String::new())), Err)
        }
        Matcher::All(matchers) => {
            let mut unreadable = None;
            let mut notes: Vec<String> = Vec::new();
            let mut missed = false;
            for matcher in matchers {
                match holds(matcher, kind, value) {
                    Ok(None) => {}
                    Ok(Some(note)) => {
                        missed = true;
                        notes.extend(Some(note).filter(|note| !note.is_empty()));
                    }
                    Err(why) => unreadable = Some(why),
                }
            }
            match (missed, unreadable) {
                (true, _) => Ok(Some(notes.join("; "))),
                (false, Some(why)) => Err(why),
                (false, None) => Ok(None),
            }
        }
        Matcher::None => plain(match value {
            Value::Absent(_) => true,
            Value::Items(items) => items.is_empty(),
            Value::Text(text) | Value::Dpkg(text) => text.trim().is_empty(),
            Value::Gone(_) | Value::Each(_) => false,
        }),
        Matcher::Not(inner) => match value {
            // What is not there is not "something else": only the negation of other things that
            // are there can hold, or the test would pass for a misspelt subject.
            Value::Absent(_) => plain(false),
            _ => match holds(inner, kind, value)? {
                None => Ok(Some(String::new())),
                // Only what could have met it is something else: an answer that is no JSON has no `.status`.
                Some(_) => Ok(unfit(inner, kind, value)?.map(|why| one_line(&why, 160))),
            },
        },
        // A text may really be `none` (an I/O scheduler), so the decoder keeps the word; it also
        // means that there is no text.
        Matcher::Equals(word)
            if word == "none"
                && matches!(
                    (kind, value),
                    (AttributeKind::Text | AttributeKind::Name(_) | AttributeKind::Loose, Value::Absent(_))
                ) =>
        {
            plain(true)
        }
        _ => match value {
            Value::Absent(_) | Value::Gone(_) => plain(false),
            Value::Text(text) => text_holds(matcher, kind, text),
            Value::Dpkg(version) => dpkg_holds(matcher, version),
            Value::Items(items) => items_hold(matcher, kind, items),
            Value::Each(values) => values
                .iter()
                .map(|value| holds(matcher, kind, value))
                .find(|held| *held != Ok(None))
                .unwrap_or(Ok(None)),
        },
    }
}

/// Why a value is not even of the form that a matcher is about, so that neither it nor its negation holds.
fn unfit(matcher: &Matcher, kind: &AttributeKind, value: &Value) -> Held {
    let text = match value {
        Value::Text(text) => text,
        Value::Each(values) => return first(values.iter().map(|value| unfit(matcher, kind, value))),
        _ => return Ok(None),
    };
    let not_ordered = || Ok(Some(not_readable(kind, text).to_string()));
    match (matcher, scalar(kind)) {
        (Matcher::AnyOf(parts) | Matcher::All(parts), _) => first(parts.iter().map(|part| unfit(part, kind, value))),
        (Matcher::Not(inner), _) => unfit(inner, kind, value),
        (Matcher::Json(paths), _) => unfit_json(text, paths),
        (Matcher::Equals(wanted), AttributeKind::Version)
            if text != wanted && version::order(text, wanted).is_none() =>
        {
            not_ordered()
        }
        (Matcher::Compare(bounds), AttributeKind::Version)
            if bounds.iter().any(|(_, bound)| text != bound && version::order(text, bound).is_none()) =>
        {
            not_ordered()
        }
        (Matcher::Compare(bounds), AttributeKind::Loose)
            if !is_number(text)
                && bounds.iter().any(|(operator, _)| !matches!(operator, Operator::Eq | Operator::Ne)) =>
        {
            not_ordered()
        }
        _ => Ok(None),
    }
}

/// The same of the values at paths: a path that leads nowhere has nothing that could be something else.
fn unfit_json(text: &str, paths: &[(String, Matcher)]) -> Held {
    let document: Json = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) => return Ok(Some(format!("not JSON: {error}"))),
    };
    first(paths.iter().map(|(path, matcher)| {
        let (kind, value) = json_value(&document, path)?;
        match value {
            Value::Absent(_) if holds(matcher, &kind, &value)?.is_some() => Ok(Some(format!("{path} is not there"))),
            _ => unfit(matcher, &kind, &value),
        }
    }))
}

/// The first that says something.
fn first(mut all: impl Iterator<Item = Held>) -> Held {
    all.find(|held| *held != Ok(None)).unwrap_or(Ok(None))
}

/// Whether the matcher is met by a subject that is not there: it says `absent`, alone or among alternatives.
/// The negation of anything is about a subject that is there.
fn states_absence(matcher: &Matcher, kind: &AttributeKind) -> bool {
    match matcher {
        Matcher::Absent => true,
        // A text may really be `absent` (a symbol of a configuration), so the decoder keeps the word.
        Matcher::Equals(word) => {
            word == "absent"
                && matches!(
                    kind,
                    AttributeKind::Text | AttributeKind::Name(_) | AttributeKind::Loose | AttributeKind::Output
                )
        }
        Matcher::AnyOf(parts) => parts.iter().any(|part| states_absence(part, kind)),
        Matcher::All(parts) => parts.iter().all(|part| states_absence(part, kind)),
        _ => false,
    }
}

fn text_holds(matcher: &Matcher, kind: &AttributeKind, text: &str) -> Held {
    match matcher {
        Matcher::Equals(wanted) => equal(kind, text, wanted).map(|equal| (!equal).then(String::new)),
        Matcher::Compare(bounds) => {
            for (operator, bound) in bounds {
                if !holds_bound(kind, text, *operator, bound)? {
                    return Ok(Some(String::new()));
                }
            }
            Ok(None)
        }
        Matcher::Contains(parts) => missing(parts.iter().filter(|part| !text.contains(part.as_str()))),
        Matcher::Lacks(parts) if !is_listed(kind) => found(parts.iter().filter(|part| text.contains(part.as_str()))),
        Matcher::Matches(regex) => plain(regex.is_match(text.trim_end_matches('\n'))),
        Matcher::Line(line) => plain(text.lines().any(|seen| seen == line)),
        Matcher::Empty(wanted) => plain(text.trim_end_matches('\n').is_empty() == *wanted),
        Matcher::Json(paths) => json_holds(text, paths),
        Matcher::Count(inner) if !is_listed(kind) => counted(inner, text.lines().count()),
        Matcher::Has(_) | Matcher::Only(_) | Matcher::Count(_) | Matcher::Lacks(_) => {
            items_hold(matcher, kind, &listed(text))
        }
        Matcher::AnyOf(_) | Matcher::All(_) | Matcher::None | Matcher::Absent | Matcher::Not(_) => {
            holds(matcher, kind, &Value::text(text))
        }
    }
}

fn dpkg_holds(matcher: &Matcher, version: &str) -> Held {
    let order = |bound: &str| match (dpkg::Version::parse(version), dpkg::Version::parse(bound)) {
        (Some(seen), Some(bound)) => Ok(seen.compare_to_bound(bound)),
        (seen, _) => {
            let wrong = if seen.is_some() { bound } else { version };
            Err(Unreadable::new(format!(
                "`{}` is not a version as deb-version(7) has it",
                muster_base::text::one_line(wrong, 80)
            )))
        }
    };
    match matcher {
        Matcher::Equals(wanted) => plain(order(wanted)?.is_eq()),
        Matcher::Compare(bounds) => {
            for (operator, bound) in bounds {
                if !operator.holds(order(bound)?) {
                    return Ok(Some(String::new()));
                }
            }
            Ok(None)
        }
        _ => text_holds(matcher, &AttributeKind::Text, version),
    }
}

fn items_hold(matcher: &Matcher, kind: &AttributeKind, items: &[String]) -> Held {
    // What the machine says may be another spelling of the name: `virtio-net`, `fe80:0::1`.
    let normal = |item: &String| match kind {
        AttributeKind::Set(grammar) | AttributeKind::List(grammar) => {
            grammar.read(item).unwrap_or_else(|_| item.clone())
        }
        _ => item.clone(),
    };
    let normal: Vec<String> = items.iter().map(normal).collect();
    let has = |wanted: &String| items.contains(wanted) || normal.contains(wanted);
    match matcher {
        Matcher::Equals(wanted) => match kind {
            AttributeKind::List(_) => plain(listed(wanted) == items || listed(wanted) == normal),
            _ => plain(items.len() == 1 && has(wanted)),
        },
        Matcher::Has(wanted) => missing(wanted.iter().filter(|item| !has(item))),
        Matcher::Lacks(unwanted) => found(unwanted.iter().filter(|item| has(item))),
        Matcher::Only(wanted) => {
            let lacking: Vec<&String> = wanted.iter().filter(|item| !has(item)).collect();
            let extra =
                items.iter().zip(&normal).filter(|(item, normal)| !wanted.contains(item) && !wanted.contains(normal));
            let extra: Vec<&String> = extra.map(|(item, _)| item).collect();
            let mut notes = Vec::new();
            if !lacking.is_empty() {
                notes.push(format!("missing {}", show_items(lacking)));
            }
            if !extra.is_empty() {
                notes.push(format!("also {}", show_items(extra)));
            }
            Ok((!notes.is_empty()).then(|| notes.join("; ")))
        }
        Matcher::Contains(parts) => {
            missing(parts.iter().filter(|part| !items.iter().any(|item| item.contains(part.as_str()))))
        }
        Matcher::Matches(regex) => plain(items.iter().any(|item| regex.is_match(item))),
        Matcher::Line(line) => plain(has(line)),
        Matcher::Empty(wanted) => plain(items.is_empty() == *wanted),
        Matcher::Count(inner) => counted(inner, items.len()),
        Matcher::Json(_) => Err(Unreadable::new("a set is not JSON")),
        Matcher::Compare(_) => Err(Unreadable::new("a set has no order")),
        Matcher::AnyOf(_) | Matcher::All(_) | Matcher::None | Matcher::Absent | Matcher::Not(_) => {
            holds(matcher, kind, &Value::Items(items.to_vec()))
        }
    }
}

fn missing<'a>(items: impl Iterator<Item = &'a String>) -> Held {
    let items: Vec<&String> = items.collect();
    Ok((!items.is_empty()).then(|| format!("missing {}", show_items(items))))
}

fn found<'a>(items: impl Iterator<Item = &'a String>) -> Held {
    let items: Vec<&String> = items.collect();
    Ok((!items.is_empty()).then(|| format!("also {}", show_items(items))))
}

fn counted(inner: &Matcher, count: usize) -> Held {
    Ok(holds(inner, &AttributeKind::Integer, &Value::text(count.to_string()))?.map(|_| format!("{count} in all")))
}

fn json_holds(text: &str, paths: &[(String, Matcher)]) -> Held {
    let document: Json = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) => return Ok(Some(format!("not JSON: {error}"))),
    };
    let mut notes = Vec::new();
    for (path, matcher) in paths {
        let (kind, value) = json_value(&document, path)?;
        if let Some(note) = holds(matcher, &kind, &value)? {
            let seen = if note.is_empty() { show(&kind, &value).0 } else { note };
            notes.push(format!("{path} is {seen}"));
        }
    }
    Ok((!notes.is_empty()).then(|| notes.join("; ")))
}

/// The value at a path of a document, and how it is compared.
fn json_value(document: &Json, path: &str) -> Read<(AttributeKind, Value)> {
    Ok(match json_at(document, path)? {
        None | Some(Json::Null) => (AttributeKind::Loose, Value::absent("not there")),
        Some(Json::Array(items)) => (AttributeKind::List(&text::ANY), Value::items(items.iter().map(json_text))),
        Some(Json::Object(map)) => (AttributeKind::Set(&text::ANY), Value::items(map.keys().cloned())),
        Some(scalar) => (AttributeKind::Loose, Value::text(json_text(scalar))),
    })
}

fn json_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The value at a path, read as the suite's decoder reads it.
fn json_at<'a>(document: &'a Json, path: &str) -> Read<Option<&'a Json>> {
    let steps = json_path::steps(path).map_err(|error| Unreadable::new(error.to_string()))?;
    Ok(steps.iter().try_fold(document, |at, step| match step {
        json_path::Step::Key(key) => at.get(key),
        json_path::Step::Index(index) => at.get(*index),
    }))
}

mod kind;
#[cfg(test)]
mod tests;
