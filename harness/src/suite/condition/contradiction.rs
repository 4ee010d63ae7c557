//! Conditions that no system can satisfy. Found are contradictions about one dimension: equalities
//! that exclude each other or what else is said about the same dimension. What is not found is not
//! thereby possible.

use super::super::effort;
use super::super::model::{Condition, Operator};
use super::evaluate::compare;
use super::{is_multiple, words};

/// More alternatives than this are not looked at.
const MOST_ALTERNATIVES: usize = 256;

/// Facts that are held against facts, at most. A condition is short, but a file can have thousands, and
/// a hostile one has hundreds of facts in each of hundreds of alternatives.
const MOST_PAIRS: usize = 10_000;

/// The dimension a condition contradicts itself about, when it can never be true.
pub fn never_true(condition: &Condition) -> Option<String> {
    let mut alternatives = vec![Vec::new()];
    expand(condition, true, &mut alternatives)?;
    let pairs: usize = alternatives.iter().map(|facts| facts.len() * facts.len()).sum();
    if pairs > MOST_PAIRS {
        return None;
    }
    effort::spent(pairs);
    let mut about = None;
    for facts in &alternatives {
        about = Some(contradiction(facts)?);
    }
    about
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq)]
enum Fact<'c> {
    Compare(&'c str, Operator, &'c [String]),
    Defined(&'c str, bool),
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
            // The negation of an order also holds where the dimension is absent or has another
            // name; nothing can be concluded from it.
            let ordering = !matches!(operator, Operator::Eq | Operator::Ne);
            if wanted || !ordering {
                let operator = if wanted { *operator } else { operator.inverse() };
                alternatives.iter_mut().for_each(|facts| facts.push(Fact::Compare(dimension, operator, values)));
            }
        }
    }
    (alternatives.len() <= MOST_ALTERNATIVES).then_some(())
}

/// The dimension about which these facts cannot all hold.
fn contradiction(facts: &[Fact<'_>]) -> Option<String> {
    for fact in facts {
        let (dimension, candidates): (&str, Vec<&str>) = match fact {
            Fact::Compare(dimension, Operator::Eq, values) => (dimension, values.iter().map(String::as_str).collect()),
            // Where all words are known, every fact can be held against each of them.
            Fact::Compare(dimension, Operator::Ne, _) => match words(dimension) {
                Some(words) if facts.contains(&Fact::Defined(dimension, true)) => (dimension, words.to_vec()),
                _ => continue,
            },
            Fact::Defined(dimension, defined) if facts.contains(&Fact::Defined(dimension, !defined)) => {
                return Some((*dimension).to_owned());
            }
            _ => continue,
        };
        let possible = |value: &str| {
            facts.iter().all(|other| match other {
                Fact::Defined(of, defined) => *of != dimension || *defined,
                Fact::Compare(of, ..) if *of != dimension => true,
                Fact::Compare(_, Operator::Eq, _) if is_multiple(dimension) => true,
                Fact::Compare(_, operator, stated) => {
                    let one = |word: &String| {
                        let (word, value) = (std::slice::from_ref(word), &[value.to_owned()]);
                        compare(dimension, *operator, word, value) || is_finer(dimension, &word[0], &value[0])
                    };
                    if *operator == Operator::Ne { stated.iter().all(one) } else { stated.iter().any(one) }
                }
            })
        };
        if !candidates.iter().any(|value| possible(value)) {
            return Some(dimension.to_owned());
        }
    }
    None
}

/// Whether a stated word says more than the candidate (`fedora-43` than `fedora`, `6.14.1` than
/// `6.14`), so that what holds for the candidate does not decide it.
fn is_finer(dimension: &str, word: &str, candidate: &str) -> bool {
    let agrees = |word: &str, candidate: &str| {
        compare(dimension, Operator::Eq, &[candidate.to_owned()], &[word.to_owned()]) && word != candidate
    };
    matches!(dimension, "distro" | "kernel" | "systemd" | "rpm") && agrees(word, candidate)
}
