//! Whether a matcher always holds, or never. One analysis for both: what it says is made a set of
//! values of its kind, and held up to all values that the kind has.

use super::super::effort;
use super::super::model::{Matcher, Operator};
use super::super::table::Kind;
use super::cases;
use super::ranges::Ranges;

/// Most alternatives of a matcher that is looked at: each is joined with all before it.
const MOST_PARTS: usize = 256;

/// What is known of a matcher without any value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// Every value of the kind satisfies it.
    Always,
    /// No value does.
    Never,
    /// Some may and some may not, or nobody can tell.
    Sometimes,
}

/// Whether every value that there may be satisfies a matcher, or none. `none` speaks of there being no
/// value; a matcher that does not say it is about values that are there.
pub fn truth(kind: &Kind, matcher: &Matcher) -> Truth {
    let Some(whole) = Ranges::whole(kind) else { return cases::truth(kind, matcher) };
    let Some((values, absent)) = set(kind, matcher) else { return Truth::Sometimes };
    let missed = whole.intersection(&values.complement());
    match (whole.intersection(&values).is_empty(), missed.is_empty()) {
        (true, _) if !absent => Truth::Never,
        (_, true) if absent || !speaks_of_absence(matcher) => Truth::Always,
        _ => Truth::Sometimes,
    }
}

/// Whether a whole number satisfies a matcher for numbers.
pub(super) fn is_within(matcher: &Matcher, number: i128) -> bool {
    let here = Ranges::of(&Kind::Integer, Operator::Eq, &number.to_string());
    match (here, set(&Kind::Integer, matcher)) {
        (Some(here), Some((values, _))) => !here.intersection(&values).is_empty(),
        _ => false,
    }
}

/// The values that satisfy a matcher, and whether no value does. The negation of a value is another
/// value, and never that there is none.
fn set(kind: &Kind, matcher: &Matcher) -> Option<(Ranges, bool)> {
    Some(match matcher {
        Matcher::Equals(text) => (Ranges::of(kind, Operator::Eq, text)?, false),
        Matcher::Compare(parts) => {
            let mut values = Ranges::nothing().complement();
            for (operator, text) in parts {
                values = values.intersection(&Ranges::of(kind, *operator, text)?);
            }
            (values, false)
        }
        // Neither is about a value: that there is none, and that there is no subject.
        Matcher::None | Matcher::Absent => (Ranges::nothing(), true),
        Matcher::Not(inner) => (set(kind, inner)?.0.complement(), false),
        Matcher::AnyOf(parts) if parts.len() <= MOST_PARTS => {
            effort::spent(parts.len() * parts.len());
            let mut union = (Ranges::nothing(), false);
            for part in parts {
                let (values, absent) = set(kind, part)?;
                union = (union.0.union(&values), union.1 || absent);
            }
            union
        }
        Matcher::All(parts) if parts.len() <= MOST_PARTS => {
            let mut both = (Ranges::nothing().complement(), true);
            for part in parts {
                let (values, absent) = set(kind, part)?;
                both = (both.0.intersection(&values), both.1 && absent);
            }
            both
        }
        _ => return None,
    })
}

fn speaks_of_absence(matcher: &Matcher) -> bool {
    match matcher {
        Matcher::None | Matcher::Absent => true,
        Matcher::Not(inner) => speaks_of_absence(inner),
        Matcher::AnyOf(parts) | Matcher::All(parts) => parts.iter().any(speaks_of_absence),
        _ => false,
    }
}

/// A part of a matcher, or all of it, that holds for every value: what it is, for a message. A part
/// that says nothing is as bad as a matcher that does.
pub fn tautology(kind: &Kind, matcher: &Matcher) -> Option<String> {
    if truth(kind, matcher) == Truth::Always {
        return Some(matcher.to_string());
    }
    match matcher {
        Matcher::All(parts) => parts.iter().find_map(|part| tautology(kind, part)),
        Matcher::AnyOf(parts) => parts.iter().find_map(|part| nested(kind, part)),
        Matcher::Not(inner) => nested(kind, inner),
        Matcher::Count(inner) => tautology(&Kind::Integer, inner).map(|inner| format!("count {inner}")),
        Matcher::Json(paths) => paths
            .iter()
            .find_map(|(path, inner)| tautology(&Kind::Loose, inner).map(|inner| format!("{path}: {inner}"))),
        _ => None,
    }
}

/// Below `any-of` and `not`, only parts of mappings are looked at: the whole was.
fn nested(kind: &Kind, matcher: &Matcher) -> Option<String> {
    match matcher {
        Matcher::All(parts) => parts.iter().find_map(|part| tautology(kind, part)),
        Matcher::AnyOf(parts) => parts.iter().find_map(|part| nested(kind, part)),
        Matcher::Not(inner) => nested(kind, inner),
        _ => None,
    }
}
