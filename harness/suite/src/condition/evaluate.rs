//! A condition on one system, in three values.

use std::cmp::Ordering;

use super::super::model::{Condition, Operator};
use super::super::version;
use super::distro::distro;

/// What came of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False {
        /// The facts that decided it, for the reason of a skip: `selinux is absent here`.
        why: String,
    },
    /// It depends on something that is not known (yet).
    Unknown {
        /// The first dimension that would have to be known.
        dimension: String,
    },
}

/// Evaluates a condition. `lookup` gives the values of a dimension: `None` when they are not known,
/// no values when the system is known not to have it, several where several hold at once.
///
/// What is absent equals nothing, differs from everything, and is neither older nor newer than
/// anything. What is not known decides nothing: the result is then `Unknown`, unless the rest of
/// the condition decides it alone.
pub fn evaluate(condition: &Condition, lookup: &dyn Fn(&str) -> Option<Vec<String>>) -> Truth {
    walk(condition, true, lookup)
}

/// Evaluates the condition, or its negation when `wanted` is false: so that the reason always
/// speaks of the facts that decided.
fn walk(condition: &Condition, wanted: bool, lookup: &dyn Fn(&str) -> Option<Vec<String>>) -> Truth {
    match (condition, wanted) {
        (Condition::Not(inner), _) => walk(inner, !wanted, lookup),
        (Condition::And(parts), true) | (Condition::Or(parts), false) => every(parts, wanted, lookup),
        (Condition::Or(parts), true) | (Condition::And(parts), false) => some(parts, wanted, lookup),
        (Condition::Defined(dimension, defined), _) => match lookup(dimension) {
            None => Truth::Unknown { dimension: dimension.clone() },
            Some(values) if values.is_empty() != (*defined == wanted) => Truth::True,
            Some(values) => Truth::False { why: fact(dimension, &values) },
        },
        (Condition::Compare { dimension, operator, values: stated }, _) => match lookup(dimension) {
            None => Truth::Unknown { dimension: dimension.clone() },
            Some(seen) if compare(dimension, *operator, stated, &seen, id(dimension, lookup).as_deref()) == wanted => {
                Truth::True
            }
            Some(seen) if matches!(dimension.as_str(), "capability" | "tool") => {
                let (state, list) = if seen.iter().any(|value| stated.contains(value)) {
                    ("present", stated.iter().filter(|word| seen.contains(word)).cloned().collect::<Vec<_>>())
                } else {
                    ("absent", stated.clone())
                };
                Truth::False { why: format!("{dimension} {} is {state} here", list.join(", ")) }
            }
            Some(seen) => Truth::False { why: fact(dimension, &seen) },
        },
    }
}

fn every(parts: &[Condition], wanted: bool, lookup: &dyn Fn(&str) -> Option<Vec<String>>) -> Truth {
    let mut unknown = None;
    for part in parts {
        match walk(part, wanted, lookup) {
            Truth::True => {}
            Truth::False { why } => return Truth::False { why },
            undecided => unknown = unknown.or(Some(undecided)),
        }
    }
    unknown.unwrap_or(Truth::True)
}

fn some(parts: &[Condition], wanted: bool, lookup: &dyn Fn(&str) -> Option<Vec<String>>) -> Truth {
    let mut unknown = None;
    let mut reasons: Vec<String> = Vec::new();
    for part in parts {
        match walk(part, wanted, lookup) {
            Truth::True => return Truth::True,
            Truth::False { why } if reasons.contains(&why) => {}
            Truth::False { why } => reasons.push(why),
            undecided => unknown = unknown.or(Some(undecided)),
        }
    }
    unknown.unwrap_or(Truth::False { why: reasons.join(", ") })
}

fn fact(dimension: &str, values: &[String]) -> String {
    if values.is_empty() {
        format!("{dimension} is absent here")
    } else {
        format!("{dimension} is {} here", muster_base::text::one_line(&values.join(", "), 120))
    }
}

/// The ID of the system's os-release, where its distribution is compared and that is known.
fn id(dimension: &str, lookup: &dyn Fn(&str) -> Option<Vec<String>>) -> Option<String> {
    if dimension == "distro" { lookup("id")?.into_iter().next() } else { None }
}

/// Whether a comparison holds on what was seen. `id` is the ID of the system, where that is known on its own.
pub(super) fn compare(
    dimension: &str,
    operator: Operator,
    stated: &[String],
    seen: &[String],
    id: Option<&str>,
) -> bool {
    let equal = |value: &str| stated.iter().any(|word| same(dimension, value, word, id));
    match operator {
        Operator::Eq => seen.iter().any(|value| equal(value)),
        Operator::Ne => !seen.iter().any(|value| equal(value)),
        _ => seen.iter().any(|value| stated.iter().any(|word| ordered(dimension, operator, value, word, id))),
    }
}

fn same(dimension: &str, seen: &str, stated: &str, id: Option<&str>) -> bool {
    match dimension {
        "distro" => {
            let (name, version) = distro(seen, id);
            match distro(stated, id) {
                (wanted, None) => name == wanted || seen == wanted,
                (wanted, Some(stated)) => {
                    name == wanted && version.is_some_and(|seen| release(seen, stated).is_some_and(Ordering::is_eq))
                }
            }
        }
        "kernel" | "systemd" | "rpm" => version::order(seen, stated).is_some_and(Ordering::is_eq),
        _ => seen == stated,
    }
}

fn ordered(dimension: &str, operator: Operator, seen: &str, stated: &str, id: Option<&str>) -> bool {
    if dimension != "distro" {
        return version::order(seen, stated).is_some_and(|order| operator.holds(order));
    }
    match (distro(seen, id), distro(stated, id)) {
        ((name, Some(seen)), (wanted, Some(stated))) => {
            name == wanted && release(seen, stated).is_some_and(|order| operator.holds(order))
        }
        _ => false,
    }
}

fn release(seen: &str, stated: &str) -> Option<Ordering> {
    match (seen == "rawhide", stated == "rawhide") {
        (false, false) => version::order(seen, stated),
        (seen, stated) => Some(seen.cmp(&stated)),
    }
}
