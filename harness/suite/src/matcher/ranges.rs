//! Sets of values of the kinds that have an order, as pieces between cuts. Each comparison of a suite
//! is such a set; alternatives are unions, and what is left of all values says what a matcher misses.

use std::cmp::Ordering;

use super::super::model::Operator;
use super::super::table::AttributeKind;
use super::super::value;
use super::super::version;
use muster_base::evr::{Evr, vercmp};

/// A set of values: pieces that are not empty and do not meet, in order, each from one cut to another.
#[derive(Debug, Clone)]
pub(super) struct Ranges(Vec<(Cut, Cut)>);

/// A place between two values.
#[derive(Debug, Clone)]
enum Cut {
    /// Before all values.
    First,
    /// Before (or after) everything that is equal to this.
    At(Point, bool),
    /// Behind all values.
    Last,
}

#[derive(Debug, Clone)]
enum Point {
    Whole(i128),
    Real(f64),
    Version(Vec<String>, Vec<String>),
    Evr(u64, String, Option<String>),
}

impl Ranges {
    pub(super) fn nothing() -> Self {
        Self(Vec::new())
    }

    fn between(from: Cut, to: Cut) -> Self {
        Self(if from.order(&to).is_lt() { vec![(from, to)] } else { Vec::new() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn complement(&self) -> Self {
        let mut out = Vec::new();
        let mut from = Cut::First;
        for (start, end) in &self.0 {
            out.extend(Self::between(from, start.clone()).0);
            from = end.clone();
        }
        out.extend(Self::between(from, Cut::Last).0);
        Self(out)
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let mut out = Vec::new();
        let (mut mine, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(a), Some(b)) = (mine.peek(), theirs.peek()) {
            let from = if a.0.order(&b.0).is_ge() { &a.0 } else { &b.0 };
            let (to, mine_ends) = if a.1.order(&b.1).is_le() { (&a.1, true) } else { (&b.1, false) };
            out.extend(Self::between(from.clone(), to.clone()).0);
            if mine_ends {
                mine.next()
            } else {
                theirs.next()
            };
        }
        Self(out)
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        self.complement().intersection(&other.complement()).complement()
    }

    /// All values that a kind has; `None` for kinds without an order of their own.
    pub(super) fn whole(kind: &AttributeKind) -> Option<Self> {
        let whole = |least: i128, most: i128| Self::between(Cut::whole(least), Cut::whole(most + 1));
        Some(match kind {
            AttributeKind::Integer => whole(0, i128::from(u32::MAX)),
            AttributeKind::Ranged(least, most) => whole(i128::from(*least), i128::from(*most)),
            AttributeKind::Keyword(words) | AttributeKind::Level(words) => whole(0, words.len() as i128 - 1),
            AttributeKind::Bool => whole(0, 1),
            AttributeKind::Mode => whole(0, 0o7777),
            AttributeKind::Size => whole(0, i128::from(i64::MAX)),
            AttributeKind::Duration => Self::between(Cut::whole(0), Cut::Last),
            AttributeKind::Number | AttributeKind::Baseline => {
                Self::between(Cut::At(Point::Real(0.0), false), Cut::Last)
            }
            AttributeKind::Share(most) => {
                Self::between(Cut::At(Point::Real(0.0), false), Cut::At(Point::Real(f64::from(*most)), true))
            }
            AttributeKind::Version => Self::between(Cut::of(&AttributeKind::Version, "0", false)?, Cut::Last),
            AttributeKind::Evr => Self::between(Cut::First, Cut::Last),
            _ => return None,
        })
    }

    /// The values for which a comparison holds; `None` when the text is not a value of the kind.
    pub(super) fn of(kind: &AttributeKind, operator: Operator, text: &str) -> Option<Self> {
        let (low, high) = (Cut::of(kind, text, false)?, Cut::of(kind, text, true)?);
        Some(match operator {
            Operator::Eq => Self::between(low, high),
            Operator::Ne => Self::between(low, high).complement(),
            Operator::Lt => Self::between(Cut::First, low),
            Operator::Le => Self::between(Cut::First, high),
            Operator::Gt => Self::between(high, Cut::Last),
            Operator::Ge => Self::between(low, Cut::Last),
        })
    }
}

impl Cut {
    fn whole(value: i128) -> Self {
        Cut::At(Point::Whole(value), false)
    }

    /// The cut before, or after, all values that are equal to a text.
    fn of(kind: &AttributeKind, text: &str, after: bool) -> Option<Self> {
        let whole = |value: i128| Cut::whole(value + i128::from(after));
        let place = |words: &[&str]| words.iter().position(|word| *word == text).map(|at| at as i128);
        Some(match kind {
            AttributeKind::Integer | AttributeKind::Ranged(..) | AttributeKind::Loose => {
                whole(value::integer(text).ok()?)
            }
            AttributeKind::Keyword(words) | AttributeKind::Level(words) => whole(place(words)?),
            AttributeKind::Bool => whole(place(&["false", "true"])?),
            AttributeKind::Mode => whole(i128::from(value::mode(text).ok()?)),
            AttributeKind::Size => whole(i128::from(value::size(text).ok()?)),
            AttributeKind::Duration => whole(i128::try_from(value::duration(text).ok()?.as_nanos()).ok()?),
            // Zero has two signs, and one place.
            AttributeKind::Number | AttributeKind::Share(_) => {
                Cut::At(Point::Real(value::number(text).ok()? + 0.0), after)
            }
            AttributeKind::Baseline => Cut::At(Point::Real(value::percent(text).ok()? + 0.0), after),
            AttributeKind::Version => {
                let (mut numbers, rest) = version::fields_of(text)?;
                let mut after = after;
                if rest.is_empty() && after {
                    // Behind all that begin with 6.14 is before 6.15.
                    let last = numbers.last_mut()?;
                    *last = version::successor(last);
                    after = false;
                }
                while numbers.last().is_some_and(|field| field == "0") {
                    numbers.pop();
                }
                Cut::At(Point::Version(numbers, rest), after)
            }
            AttributeKind::Evr => {
                let evr = Evr::parse(text)?;
                Cut::At(Point::Evr(evr.epoch, evr.version.to_owned(), evr.release.map(str::to_owned)), after)
            }
            _ => return None,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Cut::First, Cut::First) | (Cut::Last, Cut::Last) => Ordering::Equal,
            (Cut::First, _) | (_, Cut::Last) => Ordering::Less,
            (_, Cut::First) | (Cut::Last, _) => Ordering::Greater,
            (Cut::At(a, after_a), Cut::At(b, after_b)) => a.order(*after_a, b, *after_b),
        }
    }
}

impl Point {
    fn order(&self, after: bool, other: &Self, other_after: bool) -> Ordering {
        // What is stated shorter begins before, and ends behind, all that is stated longer.
        let shorter = |after: bool| if after { Ordering::Greater } else { Ordering::Less };
        match (self, other) {
            (Point::Whole(a), Point::Whole(b)) => a.cmp(b).then(after.cmp(&other_after)),
            (Point::Real(a), Point::Real(b)) => a.total_cmp(b).then(after.cmp(&other_after)),
            (Point::Version(a, rest_a), Point::Version(b, rest_b)) => {
                let field = |fields: &[String], at: usize| fields.get(at).cloned().unwrap_or_else(|| "0".to_owned());
                let numbers = (0..a.len().max(b.len()))
                    .map(|at| version::compare_fields(&field(a, at), &field(b, at)))
                    .find(|order| order.is_ne());
                let rest = || rest_a.iter().zip(rest_b).map(|(a, b)| version::compare_fields(a, b)).find(|o| o.is_ne());
                numbers.or_else(rest).unwrap_or_else(|| match rest_a.len().cmp(&rest_b.len()) {
                    Ordering::Less => shorter(after),
                    Ordering::Greater => shorter(other_after).reverse(),
                    Ordering::Equal => after.cmp(&other_after),
                })
            }
            (Point::Evr(epoch_a, version_a, release_a), Point::Evr(epoch_b, version_b, release_b)) => epoch_a
                .cmp(epoch_b)
                .then_with(|| vercmp(version_a, version_b))
                .then_with(|| match (release_a, release_b) {
                    (Some(a), Some(b)) => vercmp(a, b).then(after.cmp(&other_after)),
                    (None, Some(_)) => shorter(after),
                    (Some(_), None) => shorter(other_after).reverse(),
                    (None, None) => after.cmp(&other_after),
                }),
            // One kind has one sort of points.
            _ => Ordering::Equal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unions_and_what_is_left_of_them() {
        let of = |operator, text| Ranges::of(&AttributeKind::Integer, operator, text).unwrap();
        let whole = Ranges::whole(&AttributeKind::Integer).unwrap();
        let left = |set: &Ranges| whole.intersection(&set.complement());
        assert!(left(&of(Operator::Le, "5").union(&of(Operator::Gt, "2"))).is_empty());
        assert!(left(&of(Operator::Lt, "5").union(&of(Operator::Ge, "5"))).is_empty());
        assert!(!left(&of(Operator::Lt, "5").union(&of(Operator::Gt, "5"))).is_empty());
        assert!(left(&of(Operator::Ge, "0")).is_empty() && !left(&of(Operator::Ge, "1")).is_empty());
        assert!(of(Operator::Gt, "5").intersection(&of(Operator::Lt, "6")).is_empty());
    }
}
