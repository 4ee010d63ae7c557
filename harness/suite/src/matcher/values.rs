//! The values that satisfy a matcher, for kinds whose values have an order.

use super::ranges::Ranges;
use crate::effort;
use crate::model::{Matcher, Operator};
use crate::table::AttributeKind;

/// Most alternatives of a matcher that is looked at: each is joined with all before it.
const MOST_PARTS: usize = 256;

/// Whether a whole number satisfies a matcher for numbers.
pub(super) fn is_within(matcher: &Matcher, number: i128) -> bool {
    let here = Ranges::of(&AttributeKind::Integer, Operator::Eq, &number.to_string());
    match (here, set(&AttributeKind::Integer, matcher)) {
        (Some(here), Some((values, _))) => !here.intersection(&values).is_empty(),
        _ => false,
    }
}

/// The values that satisfy a matcher, and whether no value does. The negation of a value is another
/// value, and never that there is none.
pub(super) fn set(kind: &AttributeKind, matcher: &Matcher) -> Option<(Ranges, bool)> {
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
