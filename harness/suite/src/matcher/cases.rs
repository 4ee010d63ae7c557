//! Text, output and sets have no order that could be cut into pieces. What a matcher says of them is a
//! formula over what may hold of a text independently (it contains this, it matches that): when the
//! formula is true in every case it always holds. Cases that no text can be in only make it say less.

use std::collections::BTreeSet;

use regex::Regex;

use super::super::effort;
use super::super::model::{Matcher, Operator};
use super::super::table::AttributeKind;
use super::super::value;
use super::outcome::Truth;
use super::pattern::matches_nothing;
use super::values::is_within;

/// Most statements that are taken to hold independently.
const MOST_ATOMS: usize = 8;
/// Most cases of one matcher.
const MOST_CASES: usize = 4096;

/// One thing that may hold of a value.
#[derive(Debug, Clone, Copy)]
enum Atom<'m> {
    Contains(&'m str),
    Matches(&'m Regex),
    Line(&'m str),
    Has(&'m str),
    Only(&'m [String]),
    Listed(&'m str),
    Json(&'m [(String, Matcher)]),
    Empty,
}

impl PartialEq for Atom<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Atom::Contains(a), Atom::Contains(b))
            | (Atom::Line(a), Atom::Line(b))
            | (Atom::Has(a), Atom::Has(b))
            | (Atom::Listed(a), Atom::Listed(b)) => a == b,
            (Atom::Matches(a), Atom::Matches(b)) => a.as_str() == b.as_str(),
            (Atom::Only(a), Atom::Only(b)) => a == b,
            (Atom::Json(a), Atom::Json(b)) => std::ptr::eq(*a, *b),
            (Atom::Empty, Atom::Empty) => true,
            _ => false,
        }
    }
}

/// What a matcher speaks of.
#[derive(Default)]
struct Stated<'m> {
    atoms: Vec<Atom<'m>>,
    /// Texts that it is equal to.
    texts: Vec<&'m str>,
    /// Numbers that it is compared with.
    numbers: BTreeSet<i64>,
    /// Numbers of elements or lines.
    counts: BTreeSet<i64>,
    /// Whether operators compare it as a number.
    is_number: bool,
    /// Something here cannot be put into cases.
    beyond: bool,
}

/// One case.
struct Case<'c, 'm> {
    kind: &'c AttributeKind,
    atoms: &'c [Atom<'m>],
    /// By place in `atoms`.
    truths: u32,
    /// It is this text; otherwise it is none of those that are stated.
    text: Option<&'c str>,
    /// It is this number.
    number: Option<f64>,
    count: i64,
}

/// Whether a matcher for text, output or a set holds always, never, or sometimes.
pub(super) fn truth(kind: &AttributeKind, matcher: &Matcher) -> Truth {
    let mut stated = Stated::default();
    collect(kind, matcher, &mut stated);
    let Stated { atoms, texts, numbers, mut counts, is_number, beyond } = stated;
    let is_set = matches!(kind, AttributeKind::Set(_) | AttributeKind::List(_));
    let counted = !counts.is_empty();
    // A set has at least as many elements as must be in it.
    counts.extend(0..=if is_set { atoms.len().min(MOST_ATOMS) as i64 } else { 0 });
    let around: BTreeSet<i64> = match counted || is_set {
        true => counts.iter().flat_map(|n| [n - 1, *n, n + 1]).filter(|n| *n >= 0).collect(),
        false => [1].into(),
    };
    let total = (1_usize << atoms.len().min(20)) * around.len() * (numbers.len() * 5 + texts.len() + 1);
    // What is in a list of JSON is not what is in its text.
    let mixed =
        !texts.is_empty() && atoms.iter().any(|atom| matches!(atom, Atom::Has(_) | Atom::Only(_) | Atom::Json(_)));
    if beyond || mixed || atoms.len() > MOST_ATOMS || total > MOST_CASES {
        return Truth::Sometimes;
    }
    effort::spent(total);
    let holds_in = |text: Option<&str>, number: Option<f64>, outcomes: &mut (bool, bool)| {
        for truths in 0..1_u32 << atoms.len() {
            for count in &around {
                let case = Case { kind, atoms: &atoms, truths, text, number, count: *count };
                if case.can_be() {
                    let (always, never) = *outcomes;
                    let held = case.holds(matcher);
                    *outcomes = (always && held, never && !held);
                }
            }
        }
    };
    let mut as_text = (true, true);
    // Where all names are known and stated, there is no other.
    let is_other = !matches!(kind, AttributeKind::Name(grammar)
        if grammar.is_closed() && grammar.words().iter().all(|word| texts.contains(word)));
    if is_other {
        holds_in(None, None, &mut as_text);
    }
    for text in &texts {
        holds_in(Some(*text), None, &mut as_text);
    }
    let mut as_number = (true, true);
    let near = numbers.iter().flat_map(|n| [-1.0, -0.5, 0.0, 0.5, 1.0].map(|by| *n as f64 + by));
    for number in near {
        holds_in(None, Some(number), &mut as_number);
    }
    match (as_text, as_number) {
        ((true, _), (true, _)) => Truth::Always,
        ((_, true), (_, true)) => Truth::Never,
        // Who compares it as a number speaks of something that is one.
        (_, (true, _)) if is_number && atoms.is_empty() && texts.iter().all(|t| value::integer(t).is_ok()) => {
            Truth::Always
        }
        _ => Truth::Sometimes,
    }
}

fn collect<'m>(kind: &AttributeKind, matcher: &'m Matcher, out: &mut Stated<'m>) {
    let mut atom = |atom: Atom<'m>| {
        // One more than are looked at is enough to know.
        if out.atoms.len() <= MOST_ATOMS && !out.atoms.contains(&atom) {
            out.atoms.push(atom);
        }
    };
    match matcher {
        Matcher::AnyOf(parts) | Matcher::All(parts) => parts.iter().for_each(|part| collect(kind, part, out)),
        Matcher::Not(inner) => collect(kind, inner, out),
        Matcher::Equals(text) if matches!(kind, AttributeKind::List(_)) => atom(Atom::Listed(text)),
        Matcher::Equals(text) => {
            if let (AttributeKind::Loose, Some(number)) = (kind, small(text)) {
                out.numbers.insert(number);
            }
            out.texts.push(text);
        }
        Matcher::Compare(parts) => {
            out.is_number = true;
            for (_, text) in parts {
                match small(text) {
                    Some(number) => {
                        out.numbers.insert(number);
                    }
                    None => out.beyond = true,
                }
            }
        }
        Matcher::Contains(parts) => parts.iter().for_each(|part| atom(Atom::Contains(part))),
        Matcher::Lacks(parts) if matches!(kind, AttributeKind::Set(_) | AttributeKind::List(_)) => {
            parts.iter().for_each(|part| atom(Atom::Has(part)));
        }
        Matcher::Lacks(parts) => parts.iter().for_each(|part| atom(Atom::Contains(part))),
        Matcher::Has(parts) => parts.iter().for_each(|part| atom(Atom::Has(part))),
        Matcher::Only(parts) => atom(Atom::Only(parts)),
        Matcher::Matches(regex) => atom(Atom::Matches(regex)),
        Matcher::Line(line) => atom(Atom::Line(line)),
        Matcher::Json(paths) => atom(Atom::Json(paths)),
        Matcher::Empty(_) | Matcher::None => atom(Atom::Empty),
        // That the subject is not there is no case of a value.
        Matcher::Absent => out.beyond = true,
        Matcher::Count(inner) => constants(inner, &mut out.counts, &mut out.beyond),
    }
}

/// A number that a floating one has exactly, its halves too.
fn small(text: &str) -> Option<i64> {
    value::integer(text).ok().and_then(|n| i64::try_from(n).ok()).filter(|n| n.abs() < 1 << 50)
}

fn constants(matcher: &Matcher, out: &mut BTreeSet<i64>, beyond: &mut bool) {
    let mut add = |text: &str| match small(text) {
        Some(number) => {
            out.insert(number);
        }
        None => *beyond = true,
    };
    match matcher {
        Matcher::Equals(text) => add(text),
        Matcher::Compare(parts) => parts.iter().for_each(|(_, text)| add(text)),
        Matcher::AnyOf(parts) | Matcher::All(parts) => parts.iter().for_each(|part| constants(part, out, beyond)),
        Matcher::Not(inner) => constants(inner, out, beyond),
        _ => {}
    }
}

impl Case<'_, '_> {
    fn is(&self, atom: Atom<'_>) -> bool {
        self.atoms.iter().position(|known| *known == atom).is_some_and(|at| self.truths & (1 << at) != 0)
    }

    /// False when some value cannot be in this case, as far as can be seen.
    fn can_be(&self) -> bool {
        let is_set = matches!(self.kind, AttributeKind::Set(_) | AttributeKind::List(_));
        let mut elements = 0;
        for (at, atom) in self.atoms.iter().enumerate() {
            let holds = self.truths & (1 << at) != 0;
            if let Some(text) = self.text {
                let really = match atom {
                    Atom::Contains(part) => text.contains(part),
                    Atom::Matches(regex) => regex.is_match(text.trim_end_matches('\n')),
                    Atom::Line(line) => text.lines().any(|seen| seen == *line),
                    Atom::Empty => text.trim_end_matches('\n').is_empty(),
                    Atom::Has(_) | Atom::Only(_) | Atom::Listed(_) | Atom::Json(_) => holds,
                };
                if really != holds {
                    return false;
                }
                continue;
            }
            let fits = match atom {
                Atom::Contains("") => holds || is_set,
                Atom::Matches(regex) => !holds || !matches_nothing(regex),
                Atom::Contains(part) => {
                    let implies = |other: &Atom<'_>| match other {
                        Atom::Contains(other) => other.contains(part) && self.is(Atom::Contains(other)),
                        Atom::Line(line) => line.contains(part) && self.is(Atom::Line(line)),
                        _ => false,
                    };
                    holds || !self.atoms.iter().any(implies)
                }
                Atom::Has(_) => {
                    elements += i64::from(holds);
                    true
                }
                Atom::Empty if is_set => holds == (self.count == 0),
                Atom::Empty => !holds || self.number.is_none(),
                Atom::Only(_) | Atom::Listed(_) | Atom::Json(_) | Atom::Line(_) => true,
            };
            if !fits {
                return false;
            }
        }
        !is_set || self.count >= elements
    }

    fn holds(&self, matcher: &Matcher) -> bool {
        match matcher {
            Matcher::AnyOf(parts) => parts.iter().any(|part| self.holds(part)),
            Matcher::All(parts) => parts.iter().all(|part| self.holds(part)),
            Matcher::Not(inner) => !self.holds(inner),
            Matcher::Equals(text) if matches!(self.kind, AttributeKind::List(_)) => self.is(Atom::Listed(text)),
            Matcher::Equals(text) => self.equals(text),
            Matcher::Compare(parts) => parts.iter().all(|(operator, text)| match operator {
                Operator::Eq => self.equals(text),
                Operator::Ne => !self.equals(text),
                _ => {
                    let seen = self.text.and_then(small).map(|number| number as f64).or(self.number);
                    let order = seen.zip(small(text)).and_then(|(seen, wanted)| seen.partial_cmp(&(wanted as f64)));
                    order.is_some_and(|order| operator.holds(order))
                }
            }),
            Matcher::Contains(parts) => parts.iter().all(|part| self.is(Atom::Contains(part))),
            Matcher::Lacks(parts) if matches!(self.kind, AttributeKind::Set(_) | AttributeKind::List(_)) => {
                !parts.iter().any(|part| self.is(Atom::Has(part)))
            }
            Matcher::Lacks(parts) => !parts.iter().any(|part| self.is(Atom::Contains(part))),
            Matcher::Has(parts) => parts.iter().all(|part| self.is(Atom::Has(part))),
            Matcher::Only(parts) => self.is(Atom::Only(parts)),
            Matcher::Matches(regex) => self.is(Atom::Matches(regex)),
            Matcher::Line(line) => self.is(Atom::Line(line)),
            Matcher::Json(paths) => self.is(Atom::Json(paths)),
            Matcher::Empty(wanted) => self.is(Atom::Empty) == *wanted,
            Matcher::None => self.is(Atom::Empty),
            Matcher::Absent => false,
            Matcher::Count(inner) => match self.text {
                Some(text) => is_within(inner, text.lines().count() as i128),
                None => is_within(inner, i128::from(self.count)),
            },
        }
    }

    /// Whether it is equal to a text, as values of its kind are.
    fn equals(&self, text: &str) -> bool {
        match (self.number, self.text) {
            (Some(number), _) => small(text).is_some_and(|wanted| wanted as f64 == number),
            (None, Some(seen)) => match (self.kind, value::integer(seen), value::integer(text)) {
                (AttributeKind::Loose, Ok(seen), Ok(text)) => seen == text,
                (AttributeKind::Loose, _, _) => seen.split_whitespace().eq(text.split_whitespace()),
                (AttributeKind::Output, _, _) => seen.trim_end_matches('\n') == text.trim_end_matches('\n'),
                _ => seen == text,
            },
            (None, None) => false,
        }
    }
}
