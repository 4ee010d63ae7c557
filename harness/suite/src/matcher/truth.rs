//! Whether a matcher always holds, or never. One analysis for both: what it says is made a set of
//! values of its kind, and held up to all values that the kind has.

use super::super::model::Matcher;
use super::super::table::AttributeKind;
pub use super::outcome::Truth;

use super::cases;
use super::ranges::Ranges;
use super::values::set;

/// Whether every value that there may be satisfies a matcher, or none. `none` speaks of there being no
/// value; a matcher that does not say it is about values that are there.
pub fn truth(kind: &AttributeKind, matcher: &Matcher) -> Truth {
    let Some(whole) = Ranges::whole(kind) else { return cases::truth(kind, matcher) };
    let Some((values, absent)) = set(kind, matcher) else { return Truth::Sometimes };
    let missed = whole.intersection(&values.complement());
    match (whole.intersection(&values).is_empty(), missed.is_empty()) {
        (true, _) if !absent => Truth::Never,
        (_, true) if absent || !speaks_of_absence(matcher) => Truth::Always,
        _ => Truth::Sometimes,
    }
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
pub fn tautology(kind: &AttributeKind, matcher: &Matcher) -> Option<String> {
    if truth(kind, matcher) == Truth::Always {
        return Some(matcher.to_string());
    }
    match matcher {
        Matcher::All(parts) => parts.iter().find_map(|part| tautology(kind, part)),
        Matcher::AnyOf(parts) => parts.iter().find_map(|part| nested(kind, part)),
        Matcher::Not(inner) => nested(kind, inner),
        Matcher::Count(inner) => tautology(&AttributeKind::Integer, inner).map(|inner| format!("count {inner}")),
        Matcher::Json(paths) => paths
            .iter()
            .find_map(|(path, inner)| tautology(&AttributeKind::Loose, inner).map(|inner| format!("{path}: {inner}"))),
        _ => None,
    }
}

/// Below `any-of` and `not`, only parts of mappings are looked at: the whole was.
fn nested(kind: &AttributeKind, matcher: &Matcher) -> Option<String> {
    match matcher {
        Matcher::All(parts) => parts.iter().find_map(|part| tautology(kind, part)),
        Matcher::AnyOf(parts) => parts.iter().find_map(|part| nested(kind, part)),
        Matcher::Not(inner) => nested(kind, inner),
        _ => None,
    }
}
