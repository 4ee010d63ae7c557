//! Whether an observed value is what a matcher asks for, as the attribute's kind understands it.

use std::cmp::Ordering;

use serde_json::Value as Json;

pub use crate::observed::Value;

use crate::dpkg;
use crate::unreadable::{Read, Unreadable};
use crate::value;
use crate::wording::{describe, show, show_items};
use muster_base::evr::Evr;
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
            _ => holds(inner, kind, value).map(|held| if held.is_some() { None } else { Some(String::new()) }),
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
                if !in_order(*operator, order(bound)?) {
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

fn is_listed(kind: &AttributeKind) -> bool {
    matches!(kind, AttributeKind::List(_) | AttributeKind::Set(_))
}

/// The words of a comma- or space-separated text.
fn listed(text: &str) -> Vec<String> {
    text.split([',', ' ', '\n', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
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

fn not_readable(kind: &AttributeKind, text: &str) -> Unreadable {
    let what = match kind {
        AttributeKind::Integer | AttributeKind::Ranged(..) => "an integer",
        AttributeKind::Number | AttributeKind::Share(_) => "a number",
        AttributeKind::Baseline => "a percentage",
        AttributeKind::Size => "a size",
        AttributeKind::Duration => "a duration",
        AttributeKind::Mode => "an octal mode",
        AttributeKind::Evr => "an epoch:version-release",
        AttributeKind::Version => "a version",
        AttributeKind::Level(_) => "one of the levels",
        _ => "something that has an order",
    };
    Unreadable::new(format!("`{}` is not {what}", muster_base::text::one_line(text, 80)))
}

fn equal(kind: &AttributeKind, seen: &str, wanted: &str) -> Read<bool> {
    Ok(match kind {
        AttributeKind::Level(_)
        | AttributeKind::Integer
        | AttributeKind::Ranged(..)
        | AttributeKind::Number
        | AttributeKind::Share(_)
        | AttributeKind::Size
        | AttributeKind::Duration
        | AttributeKind::Mode
        | AttributeKind::Evr
        | AttributeKind::Baseline => order(kind, seen, wanted)? == Ordering::Equal,
        AttributeKind::Version => seen == wanted || order(kind, seen, wanted).is_ok_and(Ordering::is_eq),
        AttributeKind::Loose => match (value::integer(seen), value::integer(wanted)) {
            (Some(seen), Some(wanted)) => seen == wanted,
            _ => words(seen) == words(wanted),
        },
        AttributeKind::Output => seen.trim_end_matches('\n') == wanted.trim_end_matches('\n'),
        AttributeKind::List(_) | AttributeKind::Set(_) => listed(seen) == listed(wanted),
        AttributeKind::Map(_, inner) | AttributeKind::Samples(inner) => return equal(inner, seen, wanted),
        AttributeKind::Name(grammar) => seen == wanted || grammar.read(seen).is_ok_and(|seen| seen == wanted),
        AttributeKind::Text | AttributeKind::Keyword(_) | AttributeKind::Bool => seen == wanted,
    })
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn holds_bound(kind: &AttributeKind, seen: &str, operator: Operator, bound: &str) -> Read<bool> {
    match operator {
        Operator::Eq => return equal(kind, seen, bound),
        Operator::Ne => return equal(kind, seen, bound).map(|equal| !equal),
        _ => {}
    }
    // A loose value that is no number is what it is, and it is not within any bound.
    if matches!(kind, AttributeKind::Loose) && value::number(seen).is_none() && value::integer(seen).is_none() {
        return Ok(false);
    }
    Ok(in_order(operator, order(kind, seen, bound)?))
}

/// Whether an order is one that an operator means.
fn in_order(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Lt => order.is_lt(),
        Operator::Le => order.is_le(),
        Operator::Gt => order.is_gt(),
        Operator::Ge => order.is_ge(),
        Operator::Eq | Operator::Ne => order.is_eq() == (operator == Operator::Eq),
    }
}

fn order(kind: &AttributeKind, seen: &str, bound: &str) -> Read<Ordering> {
    fn both<T: PartialOrd>(
        kind: &AttributeKind,
        seen: &str,
        bound: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Read<Ordering> {
        let one = read(seen).ok_or_else(|| not_readable(kind, seen))?;
        let two = read(bound).ok_or_else(|| not_readable(kind, bound))?;
        one.partial_cmp(&two).ok_or_else(|| not_readable(kind, seen))
    }
    match kind {
        AttributeKind::Level(words) => both(kind, seen, bound, |text| words.iter().position(|word| *word == text)),
        AttributeKind::Integer | AttributeKind::Ranged(..) => both(kind, seen, bound, value::integer),
        AttributeKind::Number | AttributeKind::Share(_) => both(kind, seen, bound, value::number),
        AttributeKind::Baseline => both(kind, seen, bound, |text| muster_suite::value::percent(text).ok()),
        AttributeKind::Size => both(kind, seen, bound, value::size),
        AttributeKind::Duration => both(kind, seen, bound, value::duration),
        AttributeKind::Mode => both(kind, seen, bound, value::mode),
        AttributeKind::Evr => {
            let one = Evr::parse(seen).ok_or_else(|| not_readable(kind, seen))?;
            let two = Evr::parse(bound).ok_or_else(|| not_readable(kind, bound))?;
            Ok(one.compare(&two))
        }
        AttributeKind::Version => version::order(seen, bound).ok_or_else(|| not_readable(kind, seen)),
        AttributeKind::Loose => match (value::integer(seen), value::integer(bound)) {
            (Some(one), Some(two)) => Ok(one.cmp(&two)),
            _ => both(kind, seen, bound, value::number),
        },
        AttributeKind::Map(_, inner) | AttributeKind::Samples(inner) => order(inner, seen, bound),
        _ => Err(not_readable(kind, seen)),
    }
}

fn json_holds(text: &str, paths: &[(String, Matcher)]) -> Held {
    let document: Json = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) => return Ok(Some(format!("not JSON: {error}"))),
    };
    let mut notes = Vec::new();
    for (path, matcher) in paths {
        let (kind, value) = match json_at(&document, path)? {
            None | Some(Json::Null) => (AttributeKind::Loose, Value::absent("not there")),
            Some(Json::Array(items)) => (AttributeKind::List(&text::ANY), Value::items(items.iter().map(json_text))),
            Some(Json::Object(map)) => (AttributeKind::Set(&text::ANY), Value::items(map.keys().cloned())),
            Some(scalar) => (AttributeKind::Loose, Value::text(json_text(scalar))),
        };
        if let Some(note) = holds(matcher, &kind, &value)? {
            let seen = if note.is_empty() { show(&kind, &value).0 } else { note };
            notes.push(format!("{path} is {seen}"));
        }
    }
    Ok((!notes.is_empty()).then(|| notes.join("; ")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_none_is_the_word_or_no_text_and_never_what_is_gone() {
        let none = Matcher::Equals("none".into());
        assert_eq!(compare(&none, &AttributeKind::Text, &Value::text("none")), Ok(()));
        assert_eq!(compare(&none, &AttributeKind::Loose, &Value::absent("no owner")), Ok(()));
        assert!(compare(&none, &AttributeKind::Text, &Value::text("glibc")).is_err());
        assert!(compare(&none, &AttributeKind::Text, &Value::Gone("no such file".into())).is_err());
        assert!(compare(&none, &AttributeKind::Output, &Value::absent("it failed")).is_err());
    }

    fn equals(text: &str) -> Matcher {
        Matcher::Equals(text.to_owned())
    }

    fn list(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    fn met(matcher: &Matcher, kind: &AttributeKind, seen: &str) -> bool {
        match compare(matcher, kind, &Value::text(seen)) {
            Ok(()) => true,
            Err(Miss::Missed { .. }) => false,
            Err(Miss::Unreadable(why)) => panic!("{why}"),
        }
    }

    #[test]
    fn equality_is_that_of_the_kind() {
        for (kind, seen, wanted) in [
            (AttributeKind::Integer, "16", "0x10"),
            (AttributeKind::Mode, "644", "0644"),
            (AttributeKind::Loose, "1", "0x1"),
            (AttributeKind::Loose, "4096\t131072", "4096 131072"),
            (AttributeKind::Duration, "90s", "1m 30s"),
            (AttributeKind::Size, "1048576 B", "1 MiB"),
            (AttributeKind::Evr, "0:1.26-3", "1.26-3"),
            (AttributeKind::Evr, "1:1.26-3", "1:1.26"),
            (AttributeKind::Version, "6.12.74+deb13-cloud-amd64", "6.12.74"),
            (AttributeKind::Version, "4.0", "4"),
            (AttributeKind::Output, "two\nlines\n", "two\nlines"),
            (AttributeKind::List(&text::ANY), "a,b", "a,b"),
        ] {
            assert!(met(&equals(wanted), &kind, seen), "{kind:?} {seen} {wanted}");
        }
        for (kind, seen, wanted) in [
            (AttributeKind::Text, "1.10", "1.1"),
            (AttributeKind::Text, "0644", "644"),
            (AttributeKind::Evr, "1:1.26-3", "1.26-3"),
            (AttributeKind::Version, "6.1", "6.10"),
            (AttributeKind::Loose, "y", "1"),
            (AttributeKind::Mode, "0644", "0640"),
        ] {
            assert!(!met(&equals(wanted), &kind, seen), "{kind:?} {seen} {wanted}");
        }
    }

    #[test]
    fn bounds_hold_together_and_a_value_of_another_kind_is_unreadable() {
        let bounds = Matcher::Compare(vec![(Operator::Ge, "6.14".into()), (Operator::Lt, "7".into())]);
        for (seen, stated, order) in muster_suite::version::VERSIONS {
            for operator in Operator::ALL {
                let matcher = Matcher::Compare(vec![(*operator, (*stated).to_owned())]);
                assert_eq!(
                    met(&matcher, &AttributeKind::Version, seen),
                    operator.holds(*order),
                    "{seen} {operator} {stated}"
                );
            }
            assert_eq!(met(&equals(stated), &AttributeKind::Version, seen), order.is_eq(), "{seen} {stated}");
        }
        assert!(
            met(&bounds, &AttributeKind::Version, "6.18.5-1.azl4") && !met(&bounds, &AttributeKind::Version, "6.9.12")
        );
        assert!(!met(&bounds, &AttributeKind::Version, "7.0.1"));
        let at_most = |bound: &str| Matcher::Compare(vec![(Operator::Le, bound.to_owned())]);
        assert!(
            met(&at_most("60"), &AttributeKind::Number, "59.5") && met(&at_most("60%"), &AttributeKind::Number, "60")
        );
        assert!(!met(&at_most("3s"), &AttributeKind::Duration, "3.001s"));
        assert!(!met(&at_most("1"), &AttributeKind::Loose, "absent"));
        let unreadable = compare(&at_most("1"), &AttributeKind::Integer, &Value::text("many"));
        assert_eq!(unreadable, Err(Miss::Unreadable(Unreadable::new("`many` is not an integer"))));
        // The negation of what cannot be read cannot be read either.
        let negated = Matcher::Not(Box::new(equals("1")));
        assert!(matches!(compare(&negated, &AttributeKind::Integer, &Value::text("many")), Err(Miss::Unreadable(_))));
    }

    #[test]
    fn what_is_not_there_matches_only_none_and_a_missing_subject_nothing() {
        let absent = Value::absent("not recorded");
        let gone = Value::gone("not installed");
        let none = Matcher::None;
        assert_eq!(compare(&none, &AttributeKind::Text, &absent), Ok(()));
        for matcher in [
            equals(""),
            Matcher::Empty(true),
            Matcher::Lacks(list(&["x"])),
            Matcher::Not(Box::new(equals("x"))),
            Matcher::Not(Box::new(Matcher::None)),
            Matcher::Count(Box::new(equals("0"))),
        ] {
            for value in [&absent, &gone] {
                assert!(
                    matches!(compare(&matcher, &AttributeKind::Text, value), Err(Miss::Missed { .. })),
                    "{matcher:?}"
                );
            }
        }
        let either = Matcher::AnyOf(vec![equals("x"), Matcher::None]);
        assert_eq!(compare(&either, &AttributeKind::Text, &absent), Ok(()));
        assert!(compare(&either, &AttributeKind::Text, &gone).is_err());
        assert!(compare(&none, &AttributeKind::Set(&text::ANY), &gone).is_err());
        assert_eq!(compare(&none, &AttributeKind::Set(&text::ANY), &Value::Items(Vec::new())), Ok(()));
    }

    #[test]
    fn sets_say_what_is_missing_and_what_is_too_much() {
        let value = Value::items(["a", "b", "c"]);
        let actual = |matcher: Matcher| match compare(&matcher, &AttributeKind::Set(&text::ANY), &value) {
            Err(Miss::Missed { actual, .. }) => actual,
            other => panic!("{other:?}"),
        };
        assert_eq!(actual(Matcher::Has(list(&["a", "x"]))), "missing x; a, b, c");
        assert_eq!(actual(Matcher::Only(list(&["a", "b", "x"]))), "missing x; also c; a, b, c");
        assert_eq!(actual(Matcher::Lacks(list(&["b"]))), "also b; a, b, c");
        assert_eq!(actual(Matcher::Count(Box::new(equals("2")))), "3 in all; a, b, c");
        assert_eq!(actual(Matcher::None), "a, b, c");
        let many = Value::items((0..30).map(|n| n.to_string()));
        let Err(Miss::Missed { actual, detail, .. }) = compare(&Matcher::None, &AttributeKind::Set(&text::ANY), &many)
        else {
            panic!()
        };
        assert!(actual.ends_with("18, 19, … (30 in all)"), "{actual}");
        assert_eq!(detail.lines().count(), 30);
        assert!(compare(&equals("b,a"), &AttributeKind::List(&text::ANY), &Value::items(["a", "b"])).is_err());
    }

    #[test]
    fn json_is_asked_by_path() {
        let text = r#"{"a": {"b": [1, {"c.d": "x"}]}, "n": null, "t": 21.5}"#;
        let ask = |path: &str, matcher: Matcher| {
            compare(&Matcher::Json(vec![(path.to_owned(), matcher)]), &AttributeKind::Output, &Value::text(text))
        };
        assert_eq!(ask(".a.b[0]", equals("1")), Ok(()));
        assert_eq!(ask(".a.b[1][\"c.d\"]", equals("x")), Ok(()));
        assert_eq!(ask(".a.b", Matcher::Count(Box::new(equals("2")))), Ok(()));
        assert_eq!(ask(".t", Matcher::Compare(vec![(Operator::Gt, "21".into())])), Ok(()));
        assert_eq!(ask(".n", Matcher::None), Ok(()));
        assert_eq!(ask(".nope", Matcher::None), Ok(()));
        let Err(Miss::Missed { actual, .. }) = ask(".a.b[0]", equals("2")) else { panic!() };
        assert!(actual.starts_with(".a.b[0] is 1"), "{actual}");
        assert!(matches!(ask("a", equals("1")), Err(Miss::Unreadable(_))));
        let broken =
            compare(&Matcher::Json(vec![(".a".into(), Matcher::None)]), &AttributeKind::Output, &Value::text("<html>"));
        assert!(matches!(broken, Err(Miss::Missed { actual, .. }) if actual.starts_with("not JSON")));
    }

    #[test]
    fn hostile_output_is_shown_escaped_and_bounded() {
        for seen in ["1 GiB\n\x0b", "\x1b[2J many bytes", &"7".repeat(100_000)] {
            let Err(miss) = compare(&equals("2 GiB"), &AttributeKind::Size, &Value::text(seen)) else {
                panic!("{seen}")
            };
            let said = match miss {
                Miss::Missed { actual, .. } => actual,
                Miss::Unreadable(why) => why.to_string(),
            };
            assert!(said.len() < 400 && !said.contains(['\x1b', '\x0b', '\n']), "{said:?}");
            let Err(Miss::Missed { actual, .. }) = compare(&Matcher::None, &AttributeKind::Size, &Value::text(seen))
            else {
                panic!()
            };
            assert!(actual.len() < 400 && !actual.contains(['\x1b', '\x0b', '\n']), "{actual:?}");
        }
        let value = Value::Text(format!("\x1b[2J{}\n", "x".repeat(100_000)));
        let Err(Miss::Missed { actual, detail, .. }) = compare(&Matcher::Empty(true), &AttributeKind::Output, &value)
        else {
            panic!()
        };
        assert!(actual.starts_with("\\x1b[2J") && actual.chars().count() <= 200);
        assert!(detail.len() < 5000 && !detail.contains('\x1b'));
    }

    #[test]
    fn each_instance_must_match() {
        let two = Value::each([Value::text("x86_64"), Value::text("i686"), Value::text("x86_64")]);
        assert_eq!(two, Value::Each(vec![Value::text("x86_64"), Value::text("i686")]));
        let Err(Miss::Missed { actual, .. }) = compare(&equals("x86_64"), &AttributeKind::Text, &two) else { panic!() };
        assert_eq!(actual, "i686");
        assert_eq!(
            compare(&Matcher::AnyOf(vec![equals("x86_64"), equals("i686")]), &AttributeKind::Text, &two),
            Ok(())
        );
    }
}
