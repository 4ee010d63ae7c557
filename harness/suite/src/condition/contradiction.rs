//! Conditions that no system can satisfy, and conditions that every system does. A condition is
//! multiplied out into alternatives of facts; an alternative is impossible when its facts about one
//! dimension leave no value. The values that are tried are one of each piece into which the stated
//! ones divide the dimension, so that what none of them satisfies nothing does.

use std::collections::BTreeSet;

use super::super::effort;
use super::super::model::{Condition, Operator};
use super::super::version;
use super::dimensions::{is_multiple, words};
use super::distro::distro;
use super::evaluate::compare;

/// More alternatives than this are not looked at.
const MOST_ALTERNATIVES: usize = 256;

/// Facts that are compared with facts, at most. A condition is short, but a file can have thousands, and
/// a hostile one has hundreds of facts in each of hundreds of alternatives.
const MOST_PAIRS: usize = 10_000;

/// A value that nobody states.
const OTHER: &str = "\u{1}other";

/// The dimension a condition contradicts itself about, when it can never be true.
pub fn never_true(condition: &Condition) -> Option<String> {
    impossible(condition, true, &|_| true)
}

/// The dimension about which a condition says nothing, when it is true on every system that has the
/// dimensions it speaks of. Where it asks `is defined`, systems without the dimension count too.
pub fn always_true(condition: &Condition) -> Option<String> {
    let mut named = BTreeSet::new();
    defined(condition, &mut named);
    impossible(condition, false, &|dimension| named.contains(dimension))
}

fn defined<'c>(condition: &'c Condition, out: &mut BTreeSet<&'c str>) {
    match condition {
        Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| defined(part, out)),
        Condition::Not(inner) => defined(inner, out),
        Condition::Defined(dimension, _) => {
            out.insert(dimension);
        }
        Condition::Compare { .. } => {}
    }
}

/// The dimension about which the condition (or its negation) contradicts itself in every alternative.
/// `may_lack`: whether a system without the dimension counts.
fn impossible(condition: &Condition, wanted: bool, may_lack: &dyn Fn(&str) -> bool) -> Option<String> {
    let mut alternatives = vec![Vec::new()];
    expand(condition, wanted, &mut alternatives)?;
    let pairs: usize = alternatives.iter().map(|facts| facts.len() * facts.len()).sum();
    if pairs > MOST_PAIRS {
        return None;
    }
    effort::spent(pairs);
    let mut about = None;
    for facts in &alternatives {
        about = Some(contradiction(facts, may_lack)?);
    }
    about
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq)]
enum Fact<'c> {
    /// The comparison holds, or does not.
    Compare(&'c str, Operator, &'c [String], bool),
    Defined(&'c str, bool),
}

impl Fact<'_> {
    fn dimension(&self) -> &str {
        match self {
            Fact::Compare(dimension, ..) | Fact::Defined(dimension, _) => dimension,
        }
    }

    fn holds(&self, seen: &[String]) -> bool {
        match self {
            Fact::Compare(dimension, operator, stated, wanted) => {
                compare(dimension, *operator, stated, seen, None) == *wanted
            }
            Fact::Defined(_, wanted) => seen.is_empty() != *wanted,
        }
    }
}

/// Multiplies the alternatives out; `None` when there are too many to look at.
fn expand<'c>(condition: &'c Condition, wanted: bool, alternatives: &mut Vec<Vec<Fact<'c>>>) -> Option<()> {
    match (condition, wanted) {
        (Condition::Not(inner), _) => expand(inner, !wanted, alternatives)?,
        (Condition::And(parts), true) | (Condition::Or(parts), false) => {
            for part in parts {
                expand(part, wanted, alternatives)?;
            }
        }
        (Condition::Or(parts), true) | (Condition::And(parts), false) => {
            let base = std::mem::take(alternatives);
            if base.len() * parts.len() > MOST_ALTERNATIVES {
                return None;
            }
            for part in parts {
                let mut branch = base.clone();
                expand(part, wanted, &mut branch)?;
                alternatives.append(&mut branch);
                if alternatives.len() > MOST_ALTERNATIVES {
                    return None;
                }
            }
        }
        (Condition::Defined(dimension, defined), _) => {
            alternatives.iter_mut().for_each(|facts| facts.push(Fact::Defined(dimension, *defined == wanted)));
        }
        (Condition::Compare { dimension, operator, values }, _) => {
            let fact = Fact::Compare(dimension, *operator, values, wanted);
            alternatives.iter_mut().for_each(|facts| facts.push(fact.clone()));
        }
    }
    (alternatives.len() <= MOST_ALTERNATIVES).then_some(())
}

/// The dimension about which these facts cannot all hold.
fn contradiction(facts: &[Fact<'_>], may_lack: &dyn Fn(&str) -> bool) -> Option<String> {
    let dimensions: BTreeSet<&str> = facts.iter().map(Fact::dimension).collect();
    let impossible = |dimension: &&&str| {
        let about: Vec<&Fact<'_>> = facts.iter().filter(|fact| fact.dimension() == **dimension).collect();
        let holds = |seen: &[String]| about.iter().all(|fact| fact.holds(seen));
        let absent = may_lack(dimension) && holds(&[]);
        !absent && !systems(dimension, &about).iter().any(|seen| holds(seen))
    };
    dimensions.iter().find(impossible).map(|dimension| (*dimension).to_owned())
}

/// What the dimension may be on systems that have it: one of each piece into which the facts divide it.
fn systems(dimension: &str, facts: &[&Fact<'_>]) -> Vec<Vec<String>> {
    let compared = facts.iter().filter_map(|fact| match fact {
        Fact::Compare(_, operator, stated, wanted) => Some((*operator, *stated, *wanted)),
        Fact::Defined(..) => None,
    });
    let stated: BTreeSet<&str> = compared.clone().flat_map(|(_, stated, _)| stated).map(String::as_str).collect();
    if is_multiple(dimension) {
        // As many at once as may be: an equality needs one of its own, whatever else is there.
        let refused = |word: &str| {
            compared.clone().any(|(operator, stated, wanted)| {
                (operator == Operator::Eq) != wanted && stated.iter().any(|other| other == word)
            })
        };
        let most: Vec<String> = stated.iter().filter(|word| !refused(word)).map(|word| (*word).to_owned()).collect();
        let more = most.iter().cloned().chain([OTHER.to_owned()]).collect();
        return vec![Vec::new(), most, more];
    }
    let mut values: BTreeSet<String> = match words(dimension) {
        Some(words) => words.iter().map(|word| (*word).to_owned()).collect(),
        None => stated.iter().map(|word| (*word).to_owned()).chain([OTHER.to_owned()]).collect(),
    };
    for word in &stated {
        match dimension {
            "kernel" | "systemd" | "rpm" => {
                // Before 6.18-rc1 is what is 6.18 and older than it.
                let numbers =
                    word.find(|c: char| !c.is_ascii_digit() && c != '.').map(|end| format!("{}-A", &word[..end]));
                values.extend(version::after(word).into_iter().chain(numbers));
            }
            "distro" => {
                let (name, version) = distro(word, None);
                values.extend(["0", "rawhide"].map(|version| format!("{name}-{version}")));
                values.insert(name.to_owned());
                values.extend(version.and_then(version::after).map(|after| format!("{name}-{after}")));
            }
            _ => {}
        }
    }
    if matches!(dimension, "kernel" | "systemd" | "rpm") {
        values.remove(OTHER);
        values.insert("0".to_owned());
    }
    values.into_iter().map(|value| vec![value]).collect()
}
