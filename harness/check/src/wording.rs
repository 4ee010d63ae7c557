//! Matchers and values in words: one bounded, escaped line each.

use crate::observed::Value;
use crate::value;
use muster_base::text::{escape, one_line, tail};
use muster_suite::model::{Assertion, Expectation, Matcher};
use muster_suite::table::AttributeKind;

/// Characters of a value in a line.
const LINE: usize = 200;
/// Bytes of output in a verdict's detail.
const DETAIL: usize = 4096;
/// Elements of a set that are named.
const NAMED: usize = 20;

/// What is asked of one attribute, as failures say it: `version >= 1:1.26`.
pub fn expected(assertion: &Assertion) -> String {
    format!("{} {}", attribute_of(assertion), describe(&assertion.matcher))
}

/// What an expectation is about, as failures say it: `package nginx`, `kernel`.
pub fn subject_of(expectation: &Expectation) -> String {
    match expectation.subject.as_str() {
        "" => expectation.check.to_owned(),
        subject => format!("{} {}", expectation.check, one_line(subject, 120)),
    }
}

/// The attribute, with its key where it is a mapping.
pub fn attribute_of(assertion: &Assertion) -> String {
    match &assertion.key {
        Some(key) => format!("{}.{}", assertion.attribute, one_line(key, 80)),
        None => assertion.attribute.to_owned(),
    }
}

/// The matcher as the suite states it: `>= 1:1.26, < 2:0`.
pub fn describe(matcher: &Matcher) -> String {
    match matcher {
        Matcher::Equals(wanted) => format!("is {}", one_line(wanted, LINE)),
        Matcher::Compare(bounds) => bounds
            .iter()
            .map(|(operator, bound)| format!("{} {}", operator.symbol(), one_line(bound, LINE)))
            .collect::<Vec<_>>()
            .join(", "),
        Matcher::AnyOf(matchers) => join(matchers, " or "),
        Matcher::All(matchers) => join(matchers, " and "),
        Matcher::Not(inner) => format!("not ({})", describe(inner)),
        Matcher::Contains(parts) => format!("contains {}", show_items(parts)),
        Matcher::Lacks(parts) => format!("lacks {}", show_items(parts)),
        Matcher::Matches(regex) => format!("matches {}", one_line(regex.as_str(), LINE)),
        Matcher::Line(line) => format!("has the line {}", one_line(line, LINE)),
        Matcher::Empty(true) => "is empty".to_owned(),
        Matcher::Empty(false) => "is not empty".to_owned(),
        Matcher::Has(items) => format!("has {}", show_items(items)),
        Matcher::Only(items) => format!("has only {}", show_items(items)),
        Matcher::Count(inner) => format!("count {}", describe(inner)),
        Matcher::Json(paths) => paths
            .iter()
            .map(|(path, matcher)| format!("{} {}", one_line(path, LINE), describe(matcher)))
            .collect::<Vec<_>>()
            .join(", "),
        Matcher::None => "is none".to_owned(),
        Matcher::Absent => "is absent".to_owned(),
    }
}

fn join(matchers: &[Matcher], word: &str) -> String {
    one_line(&matchers.iter().map(describe).collect::<Vec<_>>().join(word), 2 * LINE)
}

/// The first elements, and how many there are in all.
pub fn show_items<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let mut named = Vec::new();
    let mut count = 0;
    for item in items {
        count += 1;
        if count <= NAMED {
            named.push(one_line(item.as_ref(), 80));
        }
    }
    let named = named.join(", ");
    if count > NAMED { format!("{named}, … ({count} in all)") } else { named }
}

/// A value as one line.
pub fn line(kind: &AttributeKind, value: &Value) -> String {
    match value {
        Value::Absent(why) | Value::Gone(why) => one_line(why, LINE),
        Value::Items(items) if items.is_empty() => "nothing".to_owned(),
        Value::Items(items) => show_items(items),
        Value::Text(text) | Value::Dpkg(text) => match kind {
            _ if text.trim().is_empty() => "empty".to_owned(),
            AttributeKind::Size => one_line(&value::show_size(text.trim()), LINE),
            _ => one_line(beginning(text), LINE),
        },
        Value::Each(values) => show_items(values.iter().map(|value| line(kind, value))),
    }
}

/// As much of a text as a line of it can show, and a character that says that there is more: output may be megabytes.
fn beginning(text: &str) -> &str {
    let text = text.trim();
    text.char_indices().nth(LINE + 1).map_or(text, |(end, _)| &text[..end])
}

/// A value as one line, and as longer evidence when the line does not hold it all.
pub fn show(kind: &AttributeKind, value: &Value) -> (String, String) {
    let detail = match value {
        Value::Items(items) if items.len() > NAMED => tail(&escape(&items.join("\n")), DETAIL),
        Value::Text(text) | Value::Dpkg(text)
            if matches!(kind, AttributeKind::Output) && (text.trim().contains('\n') || text.chars().count() > LINE) =>
        {
            tail(&escape(text), DETAIL)
        }
        _ => String::new(),
    };
    (line(kind, value), detail)
}
