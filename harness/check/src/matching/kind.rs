//! Two texts as an attribute's kind reads them: whether they are equal, and in which order they stand.

use std::cmp::Ordering;

use crate::unreadable::{Read, Unreadable};
use crate::value;
use muster_base::evr::Evr;
use muster_suite::model::Operator;
use muster_suite::table::AttributeKind;
use muster_suite::version;

pub(super) fn is_listed(kind: &AttributeKind) -> bool {
    matches!(kind, AttributeKind::List(_) | AttributeKind::Set(_))
}

/// The words of a comma- or space-separated text.
pub(super) fn listed(text: &str) -> Vec<String> {
    text.split([',', ' ', '\n', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

pub(super) fn not_readable(kind: &AttributeKind, text: &str) -> Unreadable {
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

pub(super) fn equal(kind: &AttributeKind, seen: &str, wanted: &str) -> Read<bool> {
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

pub(super) fn holds_bound(kind: &AttributeKind, seen: &str, operator: Operator, bound: &str) -> Read<bool> {
    match operator {
        Operator::Eq => return equal(kind, seen, bound),
        // What is no version is not another version.
        Operator::Ne if matches!(scalar(kind), AttributeKind::Version) => {
            return Ok(seen != bound && order(kind, seen, bound)?.is_ne());
        }
        Operator::Ne => return equal(kind, seen, bound).map(|equal| !equal),
        _ => {}
    }
    // A loose value that is no number is what it is, and it is not within any bound.
    if matches!(kind, AttributeKind::Loose) && !is_number(seen) {
        return Ok(false);
    }
    Ok(operator.holds(order(kind, seen, bound)?))
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

/// The kind of one value of a map or of samples.
pub(super) fn scalar(kind: &AttributeKind) -> &AttributeKind {
    match kind {
        AttributeKind::Map(_, inner) | AttributeKind::Samples(inner) => scalar(inner),
        kind => kind,
    }
}

pub(super) fn is_number(text: &str) -> bool {
    value::number(text).is_some() || value::integer(text).is_some()
}
