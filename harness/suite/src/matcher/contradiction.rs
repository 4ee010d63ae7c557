//! Matchers that no value can satisfy: they would fail on every image, for a reason that is in the
//! suite and not in the image. Found is what can be seen without knowing values; what is not found is
//! not thereby possible.

use std::collections::BTreeSet;

use super::super::effort;
use super::super::model::{Matcher, Operator};
use super::super::table::AttributeKind;
use super::super::value;
use super::outcome::Truth;
use super::truth::truth;

/// Why no value of the kind satisfies the matcher, as the end of a sentence; `None` when one may.
pub(super) fn impossible(kind: &AttributeKind, matcher: &Matcher) -> Option<String> {
    let found = match matcher {
        Matcher::Compare(parts) => range(kind, parts),
        Matcher::AnyOf(parts) => parts.iter().find_map(|part| impossible(kind, part)),
        Matcher::Count(inner) => impossible(&AttributeKind::Integer, inner),
        Matcher::Json(paths) => paths.iter().find_map(|(_, inner)| impossible(&AttributeKind::Loose, inner)),
        Matcher::Has(wanted) => repeated(wanted),
        Matcher::Only(wanted) => repeated(wanted),
        Matcher::All(parts) => parts.iter().find_map(|part| impossible(kind, part)).or_else(|| together(kind, parts)),
        _ => None,
    };
    let never = || truth(kind, matcher) == Truth::Never;
    found.or_else(|| {
        never().then(|| format!("no value is `{}`", muster_base::text::one_line(&matcher.to_string(), 120)))
    })
}

/// A word that is asked for twice is most likely another one misspelt.
fn repeated(words: &[String]) -> Option<String> {
    let mut seen = BTreeSet::new();
    let twice = words.iter().find(|word| !seen.insert(*word))?;
    Some(format!("`{}` is here twice, and a set has it once", muster_base::text::one_line(twice, 60)))
}

/// What a number or a comparison says, as comparisons.
fn comparisons(matcher: &Matcher) -> Vec<(Operator, String)> {
    match matcher {
        Matcher::Equals(text) => vec![(Operator::Eq, text.clone())],
        Matcher::Compare(parts) => parts.clone(),
        _ => Vec::new(),
    }
}

/// Two parts of a comparison that no value satisfies together.
fn range(kind: &AttributeKind, parts: &[(Operator, String)]) -> Option<String> {
    effort::spent(parts.len() * parts.len());
    let both = |a: &(Operator, String), b: &(Operator, String)| {
        let alone = |part: &(Operator, String)| Matcher::Compare(vec![part.clone()]);
        let together = Matcher::Compare(vec![a.clone(), b.clone()]);
        // One that nothing satisfies alone needs no other.
        [alone(a), alone(b)].iter().all(|part| truth(kind, part) != Truth::Never)
            && truth(kind, &together) == Truth::Never
    };
    let mut pairs = parts.iter().enumerate().flat_map(|(at, a)| parts[at + 1..].iter().map(move |b| (a, b)));
    pairs.find(|(a, b)| both(a, b)).map(|(a, b)| format!("`{} {}` and `{} {}` cannot both hold", a.0, a.1, b.0, b.1))
}

/// Parts that exclude each other.
fn together(kind: &AttributeKind, parts: &[Matcher]) -> Option<String> {
    let is_set = matches!(kind, AttributeKind::Set(_) | AttributeKind::List(_));
    let texts = |pick: fn(&Matcher) -> Option<&Vec<String>>| {
        parts.iter().filter_map(pick).flatten().map(String::as_str).collect::<BTreeSet<&str>>()
    };
    let has = texts(|part| if let Matcher::Has(words) = part { Some(words) } else { None });
    let lacks = texts(|part| if let Matcher::Lacks(words) = part { Some(words) } else { None });
    let only = texts(|part| if let Matcher::Only(words) = part { Some(words) } else { None });
    let contains = texts(|part| if let Matcher::Contains(words) = part { Some(words) } else { None });
    let lines = parts.iter().filter_map(|part| if let Matcher::Line(line) = part { Some(line.as_str()) } else { None });
    let shown = |text: &str| muster_base::text::one_line(text, 60);
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

    fn compare(kind: AttributeKind, text: &str) -> Option<String> {
        let parts = super::super::comparisons(&kind, text).unwrap().unwrap();
        impossible(&kind, &Matcher::Compare(parts))
    }

    #[test]
    fn empty_ranges_are_found_and_narrow_ones_are_not() {
        for (kind, text) in [
            (AttributeKind::Integer, ">= 2, < 2"),
            (AttributeKind::Integer, "> 1, < 2"),
            (AttributeKind::Integer, "< 1, > 3"),
            (AttributeKind::Integer, "== 1, != 1"),
            (AttributeKind::Integer, "== 1, == 0x2"),
            (AttributeKind::Integer, "== 5, < 3"),
            (AttributeKind::Size, ">= 1 GiB, <= 100 MiB"),
            (AttributeKind::Duration, "> 1m, < 60s"),
            (AttributeKind::Evr, ">= 1:2-3, < 1:2-3"),
            (AttributeKind::Version, "== 6.14, != 6.14"),
            (AttributeKind::Version, "> 6.14, < 6.14.5"),
            (AttributeKind::Version, "== 6.14.5, != 6.14"),
            (AttributeKind::Version, "> 6.18, <= 6.18.44"),
            (AttributeKind::Integer, "< 0"),
            (AttributeKind::Integer, "> 99999999999"),
            (AttributeKind::Ranged(0, 255), "== 256"),
            (AttributeKind::Share(100), "> 100"),
        ] {
            assert!(compare(kind, text).is_some(), "{text}");
        }
        for (kind, text) in [
            (AttributeKind::Integer, ">= 2, <= 2"),
            (AttributeKind::Integer, "> 1, < 3"),
            (AttributeKind::Integer, ">= 1, != 5"),
            (AttributeKind::Number, "> 1, < 2"),
            (AttributeKind::Evr, ">= 1:1.26, < 2:0"),
            (AttributeKind::Evr, ">= 9, < 10"),
            (AttributeKind::Version, "> 6.14.1, < 6.14.5"),
            (AttributeKind::Version, ">= 6.14, < 6.14.5"),
        ] {
            assert_eq!(compare(kind, text), None, "{text}");
        }
        assert_eq!(compare(AttributeKind::Integer, "> 1, < 2").as_deref(), Some("`> 1` and `< 2` cannot both hold"));
    }
}
