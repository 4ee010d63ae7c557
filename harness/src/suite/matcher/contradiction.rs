//! Matchers that no value can satisfy: they would fail on every image, for a reason that is in the
//! suite and not in the image. Found is what can be seen without knowing values; what is not found is
//! not thereby possible.

use std::collections::BTreeSet;

use super::super::effort;
use super::super::model::{Matcher, Operator};
use super::super::table::Kind;
use super::super::value;

/// Why no value of the kind satisfies the matcher, as the end of a sentence; `None` when one may.
pub(super) fn impossible(kind: &Kind, matcher: &Matcher) -> Option<String> {
    match matcher {
        Matcher::Compare(parts) => range(kind, parts),
        Matcher::AnyOf(parts) => parts.iter().find_map(|part| impossible(kind, part)),
        Matcher::Count(inner) => impossible(&Kind::Integer, inner).or_else(|| {
            let negative = |part: &(Operator, String)| {
                let number = value::integer(&part.1).ok()?;
                matches!(part.0, Operator::Lt if number <= 0)
                    .then_some(())
                    .or(matches!(part.0, Operator::Le | Operator::Eq if number < 0).then_some(()))
            };
            let parts = comparisons(inner);
            parts.iter().any(|part| negative(part).is_some()).then(|| "nothing is there less than 0 times".to_owned())
        }),
        Matcher::Json(paths) => paths.iter().find_map(|(_, inner)| impossible(&Kind::Loose, inner)),
        Matcher::Has(wanted) => repeated(wanted),
        Matcher::Only(wanted) => repeated(wanted),
        Matcher::All(parts) => parts.iter().find_map(|part| impossible(kind, part)).or_else(|| together(kind, parts)),
        _ => None,
    }
}

/// A word that is asked for twice is most likely another one misspelt.
fn repeated(words: &[String]) -> Option<String> {
    let mut seen = BTreeSet::new();
    let twice = words.iter().find(|word| !seen.insert(*word))?;
    Some(format!("`{}` is here twice, and a set has it once", crate::text::one_line(twice, 60)))
}

/// What a number or a comparison says, as comparisons.
fn comparisons(matcher: &Matcher) -> Vec<(Operator, String)> {
    match matcher {
        Matcher::Equals(text) => vec![(Operator::Eq, text.clone())],
        Matcher::Compare(parts) => parts.clone(),
        _ => Vec::new(),
    }
}

fn range(kind: &Kind, parts: &[(Operator, String)]) -> Option<String> {
    let number = |text: &str| -> Option<f64> {
        match kind {
            Kind::Integer | Kind::Loose => value::integer(text).ok().map(|n| n as f64),
            Kind::Level(words) => words.iter().position(|word| *word == text).map(|place| place as f64),
            Kind::Number => value::number(text).ok(),
            Kind::Size => value::size(text).ok().map(|bytes| bytes as f64),
            Kind::Duration => value::duration(text).ok().map(|limit| limit.as_secs_f64()),
            _ => None,
        }
    };
    let whole = matches!(kind, Kind::Integer | Kind::Loose | Kind::Size | Kind::Level(_));
    let says = |a: &(Operator, String), b: &(Operator, String)| {
        format!("`{} {}` and `{} {}` cannot both hold", a.0, a.1, b.0, b.1)
    };
    effort::spent(parts.len() * parts.len());
    for (at, a) in parts.iter().enumerate() {
        for b in &parts[at + 1..] {
            let (low, high) = match (a.0, b.0) {
                (Operator::Gt | Operator::Ge, Operator::Lt | Operator::Le) => (a, b),
                (Operator::Lt | Operator::Le, Operator::Gt | Operator::Ge) => (b, a),
                _ => {
                    // Equal texts are equal values, of whatever kind.
                    let clash = match (a.0, b.0) {
                        (Operator::Eq, Operator::Ne) | (Operator::Ne, Operator::Eq) => a.1 == b.1,
                        (Operator::Eq, Operator::Eq) => match (number(&a.1), number(&b.1)) {
                            (Some(x), Some(y)) => x != y,
                            _ => false,
                        },
                        (Operator::Eq, operator) | (operator, Operator::Eq) => {
                            let (value, bound) = if a.0 == Operator::Eq { (a, b) } else { (b, a) };
                            match (number(&value.1), number(&bound.1)) {
                                (Some(x), Some(y)) => !x.partial_cmp(&y).is_some_and(|order| operator.holds(order)),
                                _ => false,
                            }
                        }
                        _ => false,
                    };
                    if clash {
                        return Some(says(a, b));
                    }
                    continue;
                }
            };
            let strict = low.0 == Operator::Gt || high.0 == Operator::Lt;
            let empty = match (number(&low.1), number(&high.1)) {
                (Some(x), Some(y)) => {
                    let gap = f64::from(u8::from(low.0 == Operator::Gt)) + f64::from(u8::from(high.0 == Operator::Lt));
                    x > y || (x == y && strict) || (whole && y - x < gap)
                }
                // Versions are ordered by who knows how; only the same version is the same here.
                _ => strict && low.1 == high.1,
            };
            if empty {
                return Some(says(low, high));
            }
        }
    }
    None
}

/// Parts that exclude each other.
fn together(kind: &Kind, parts: &[Matcher]) -> Option<String> {
    let is_set = matches!(kind, Kind::Set(_) | Kind::List(_));
    let texts = |pick: fn(&Matcher) -> Option<&Vec<String>>| {
        parts.iter().filter_map(pick).flatten().map(String::as_str).collect::<BTreeSet<&str>>()
    };
    let has = texts(|part| if let Matcher::Has(words) = part { Some(words) } else { None });
    let lacks = texts(|part| if let Matcher::Lacks(words) = part { Some(words) } else { None });
    let only = texts(|part| if let Matcher::Only(words) = part { Some(words) } else { None });
    let contains = texts(|part| if let Matcher::Contains(words) = part { Some(words) } else { None });
    let lines = parts.iter().filter_map(|part| if let Matcher::Line(line) = part { Some(line.as_str()) } else { None });
    let shown = |text: &str| crate::text::one_line(text, 60);
    if let Some(word) = has.intersection(&lacks).next().or_else(|| only.intersection(&lacks).next()) {
        return Some(format!("`{}` must be there and must not", shown(word)));
    }
    if let Some(word) = has.iter().find(|word| !only.is_empty() && !only.contains(*word)) {
        return Some(format!("`{}` must be there, and `only` does not have it", shown(word)));
    }
    if !is_set {
        // The product of both lists is bounded: it ends at the first hit, and a file has few of either.
        let there = contains.iter().copied().chain(lines).take(100);
        for text in there {
            if let Some(absent) = lacks.iter().take(100).find(|absent| text.contains(**absent)) {
                return Some(format!("`{}` must be there, and `{}` in it must not", shown(text), shown(absent)));
            }
        }
    }
    let something = !(has.is_empty() && only.is_empty() && contains.is_empty());
    let is_empty = parts.iter().any(|part| matches!(part, Matcher::Empty(true) | Matcher::None));
    if is_empty && something {
        return Some("it must be empty and hold something".to_owned());
    }
    let least = has.len().max(only.len()) as i128;
    for part in parts {
        let Matcher::Count(inner) = part else { continue };
        for (operator, text) in comparisons(inner) {
            let Ok(number) = value::integer(&text) else { continue };
            let most = match operator {
                Operator::Eq | Operator::Le => number,
                Operator::Lt => number - 1,
                _ => continue,
            };
            if is_set && least > most {
                return Some(format!("{least} must be there, and `count` allows {most}"));
            }
            if is_empty && operator == Operator::Eq && number > 0 {
                return Some(format!("it must be empty and have {number}"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(kind: Kind, text: &str) -> Option<String> {
        let parts = super::super::comparisons(&kind, text).unwrap().unwrap();
        impossible(&kind, &Matcher::Compare(parts))
    }

    #[test]
    fn empty_ranges_are_found_and_narrow_ones_are_not() {
        for (kind, text) in [
            (Kind::Integer, ">= 2, < 2"),
            (Kind::Integer, "> 1, < 2"),
            (Kind::Integer, "< 1, > 3"),
            (Kind::Integer, "== 1, != 1"),
            (Kind::Integer, "== 1, == 0x2"),
            (Kind::Integer, "== 5, < 3"),
            (Kind::Size, ">= 1 GiB, <= 100 MiB"),
            (Kind::Duration, "> 1m, < 60s"),
            (Kind::Evr, ">= 1:2-3, < 1:2-3"),
            (Kind::Version, "== 6.14, != 6.14"),
        ] {
            assert!(compare(kind, text).is_some(), "{text}");
        }
        for (kind, text) in [
            (Kind::Integer, ">= 2, <= 2"),
            (Kind::Integer, "> 1, < 3"),
            (Kind::Integer, ">= 1, != 5"),
            (Kind::Number, "> 1, < 2"),
            (Kind::Evr, ">= 1:1.26, < 2:0"),
            (Kind::Evr, ">= 9, < 10"),
            (Kind::Version, "> 6.14, < 6.14.5"),
        ] {
            assert_eq!(compare(kind, text), None, "{text}");
        }
        assert_eq!(compare(Kind::Integer, "> 1, < 2").as_deref(), Some("`> 1` and `< 2` cannot both hold"));
    }
}
