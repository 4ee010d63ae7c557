//! Matchers: which of them a kind of value takes, how they are read, and how they are said again in
//! the suite's own words.

mod cases;
mod contradiction;
pub(crate) mod decode;
mod mistaken;
mod outcome;
mod pattern;
mod ranges;
pub mod truth;
mod values;

use std::fmt;

pub(crate) use mistaken::{meant_word, mistaken, mistaken_in};

use super::model::{Assertion, Matcher, Operator, Test};
use super::table::AttributeKind;
use super::value::{self, ValueError};

/// Every matcher that is a key, with what it means, in the order of the documentation.
pub const MATCHERS: &[(&str, &str)] = &[
    ("any-of", "one of these matchers holds"),
    ("not", "this matcher does not hold"),
    ("contains", "the text contains each of these"),
    ("lacks", "the text, or the set, contains none of these"),
    ("matches", "this regular expression matches somewhere in the text"),
    ("line", "some line is equal to this"),
    ("empty", "it is empty (true) or not (false)"),
    ("has", "the set has each of these"),
    ("only", "the set has exactly these, in any order"),
    ("count", "the number of elements or lines: a number, or operators"),
    ("json", "the text is JSON; each path has a matcher"),
];

const CHOICE: &[&str] = &["any-of", "not"];
const TEXT: &[&str] = &["any-of", "not", "contains", "lacks", "matches", "empty"];
const ONE_OF: &[&str] = &["any-of"];
const SET: &[&str] = &["any-of", "has", "lacks", "only", "count", "empty"];
const OUTPUT: &[&str] = &["any-of", "not", "contains", "lacks", "matches", "line", "empty", "count", "json"];
/// What stands at a JSON path may be a scalar or a list.
const JSON: &[&str] = &["any-of", "not", "contains", "lacks", "matches", "empty", "has", "only", "count"];

/// The matchers a kind takes as keys.
pub fn keys_of(kind: &AttributeKind) -> &'static [&'static str] {
    match kind {
        AttributeKind::Text | AttributeKind::Name(_) | AttributeKind::Loose => TEXT,
        AttributeKind::Keyword(_)
        | AttributeKind::Level(_)
        | AttributeKind::Integer
        | AttributeKind::Ranged(..)
        | AttributeKind::Number
        | AttributeKind::Share(_)
        | AttributeKind::Size
        | AttributeKind::Duration
        | AttributeKind::Mode
        | AttributeKind::Evr
        | AttributeKind::Version => CHOICE,
        AttributeKind::Set(_) | AttributeKind::List(_) => SET,
        AttributeKind::Output => OUTPUT,
        AttributeKind::Samples(inner) => keys_of(inner),
        AttributeKind::Bool => ONE_OF,
        AttributeKind::Map(..) | AttributeKind::Baseline => &[],
    }
}

/// Whether `<`, `<=`, `>` and `>=` apply to every value of the kind.
pub fn is_ordered(kind: &AttributeKind) -> bool {
    matches!(
        kind,
        AttributeKind::Level(_)
            | AttributeKind::Integer
            | AttributeKind::Ranged(..)
            | AttributeKind::Number
            | AttributeKind::Share(_)
            | AttributeKind::Size
            | AttributeKind::Duration
            | AttributeKind::Evr
            | AttributeKind::Version
            | AttributeKind::Baseline
    )
}

/// Whether the word `none` states that there is no value, or the empty set. Where text is compared it
/// is a text like any other, and a kind may have it as one of its words.
pub fn has_none(kind: &AttributeKind) -> bool {
    match kind {
        AttributeKind::Samples(inner) => has_none(inner),
        AttributeKind::Text
        | AttributeKind::Name(_)
        | AttributeKind::Loose
        | AttributeKind::Output
        | AttributeKind::Bool
        | AttributeKind::Map(..)
        | AttributeKind::Baseline => false,
        AttributeKind::Keyword(words) => !words.contains(&"none"),
        _ => true,
    }
}

/// Whether the word `absent` states that the subject itself is not there. Where text is compared it is a text
/// like any other, which what is not there matches too; a kind may have it as one of its words.
pub fn has_absent(kind: &AttributeKind) -> bool {
    match kind {
        AttributeKind::Samples(inner) => has_absent(inner),
        AttributeKind::Text
        | AttributeKind::Name(_)
        | AttributeKind::Loose
        | AttributeKind::Output
        | AttributeKind::Map(..)
        | AttributeKind::Baseline => false,
        AttributeKind::Keyword(words) => !words.contains(&"absent"),
        _ => true,
    }
}

/// Whether a text is a value of the kind.
pub fn check_value(kind: &AttributeKind, text: &str) -> Result<(), ValueError> {
    match kind {
        AttributeKind::Text
        | AttributeKind::Loose
        | AttributeKind::Set(_)
        | AttributeKind::List(_)
        | AttributeKind::Output
        | AttributeKind::Map(..) => Ok(()),
        AttributeKind::Name(grammar) => grammar.read(text).map(drop).map_err(ValueError::from),
        AttributeKind::Keyword(words) | AttributeKind::Level(words) => {
            if words.contains(&text) {
                return Ok(());
            }
            let message =
                format!("it is never `{}`, only one of: {}", muster_base::text::one_line(text, 60), words.join(", "));
            Err(match meant_word(text, words) {
                Some(near) => ValueError::Mistaken { message, suggestion: near.to_owned() },
                None => ValueError::Invalid(message),
            })
        }
        AttributeKind::Samples(inner) => check_value(inner, text),
        AttributeKind::Bool => value::boolean(text).map(drop),
        AttributeKind::Integer | AttributeKind::Ranged(..) => value::integer(text).map(drop),
        AttributeKind::Number | AttributeKind::Share(_) => value::number(text).map(drop),
        AttributeKind::Baseline => match value::percent(text)? {
            0.0..=100.0 => Ok(()),
            _ => Err(ValueError::Invalid("it is a percentage from 0% to 100%".to_owned())),
        },
        AttributeKind::Size => value::size(text).map(drop),
        AttributeKind::Duration => value::duration(text).map(drop),
        AttributeKind::Mode => value::mode(text).map(drop),
        AttributeKind::Evr => value::evr(text),
        AttributeKind::Version => value::version(text),
    }
}

/// Most parts of a comparison: each is held against every other.
pub const MOST_PARTS: usize = 16;

/// `>= 1:1.26, < 2:0`: every part an operator and a value. `None` when the text does not begin with
/// an operator; an error when it does and cannot be read on.
pub fn comparisons(kind: &AttributeKind, text: &str) -> Option<Result<Vec<(Operator, String)>, ValueError>> {
    Operator::strip(text.trim_start())?;
    let part = |part: &str| {
        let (operator, value) = Operator::strip(part.trim()).ok_or_else(|| {
            let part = muster_base::text::one_line(part, 60);
            ValueError::Invalid(format!("`{part}` has no operator; each part of a comparison begins with one"))
        })?;
        let value = value.trim();
        if value.is_empty() {
            return Err(ValueError::Invalid(format!("`{operator}` has no value to compare with")));
        }
        check_value(kind, value).map_err(|error| match error {
            // The suggestion must be what can be pasted: the whole scalar, operator included.
            ValueError::Bare { text: bare, suggestion } => {
                ValueError::Bare { text: bare, suggestion: text.replacen(value, &suggestion, 1) }
            }
            ValueError::Mistaken { message, suggestion } if matches!(kind, AttributeKind::Version) => {
                ValueError::Mistaken { message, suggestion: text.replacen(value, &suggestion, 1) }
            }
            other => other,
        })?;
        Ok((operator, value.to_owned()))
    };
    if text.split(',').nth(MOST_PARTS).is_some() {
        return Some(Err(ValueError::Invalid(format!("a comparison has at most {MOST_PARTS} parts"))));
    }
    Some(text.split(',').map(part).collect())
}

impl Matcher {
    /// How many assertions it makes: one for each leaf of mappings and JSON paths. Alternatives and
    /// negations are one, since they are met or missed as a whole.
    pub fn leaves(&self) -> u32 {
        match self {
            Matcher::All(parts) => parts.iter().map(Matcher::leaves).sum(),
            Matcher::Json(paths) => paths.iter().map(|(_, matcher)| matcher.leaves()).sum(),
            _ => 1,
        }
    }
}

impl Test {
    /// How many assertions the test makes: leaves of its expectations, each step and what it
    /// states, each snapshot.
    pub fn assertions(&self) -> u32 {
        use super::model::Action;
        let leaves = |assertions: &[Assertion]| assertions.iter().map(|a| a.matcher.leaves()).sum::<u32>();
        let steps = self.steps.iter().map(|step| match &step.action {
            Action::Run { expect, .. } => leaves(expect),
            Action::Service { state, enabled, .. } => u32::from(state.is_some()) + u32::from(enabled.is_some()),
            Action::Install { refuse_scriptlet_errors, .. }
            | Action::Remove { refuse_scriptlet_errors, .. }
            | Action::Update { refuse_scriptlet_errors, .. } => 1 + u32::from(*refuse_scriptlet_errors),
            Action::Write { .. } | Action::Upload { .. } | Action::Reboot(_) => 1,
            Action::Wait(_) | Action::BootSamples { .. } | Action::Collect { .. } => 0,
        });
        steps.sum::<u32>()
            + self.expect.iter().map(|clause| clause.assertions(&|e| leaves(&e.assertions))).sum::<u32>()
            + self.snapshots.len() as u32
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn joined<T: fmt::Display>(items: &[T], between: &str) -> String {
            items.iter().map(T::to_string).collect::<Vec<_>>().join(between)
        }
        match self {
            Matcher::Equals(text) if text.is_empty() => f.write_str("\"\""),
            Matcher::Equals(text) => f.write_str(text),
            Matcher::Compare(parts) => {
                let parts: Vec<_> = parts.iter().map(|(operator, value)| format!("{operator} {value}")).collect();
                f.write_str(&parts.join(", "))
            }
            Matcher::AnyOf(parts) => write!(f, "any-of [{}]", joined(parts, ", ")),
            Matcher::Not(inner) => write!(f, "not ({inner})"),
            Matcher::Contains(texts) => write!(f, "contains [{}]", joined(texts, ", ")),
            Matcher::Lacks(texts) => write!(f, "lacks [{}]", joined(texts, ", ")),
            Matcher::Matches(regex) => write!(f, "matches {}", regex.as_str()),
            Matcher::Line(text) => write!(f, "line {text}"),
            Matcher::Empty(true) => f.write_str("empty"),
            Matcher::Empty(false) => f.write_str("not empty"),
            Matcher::Has(texts) => write!(f, "has [{}]", joined(texts, ", ")),
            Matcher::Only(texts) => write!(f, "only [{}]", joined(texts, ", ")),
            Matcher::Count(inner) => write!(f, "count {inner}"),
            Matcher::Json(paths) => {
                let paths: Vec<_> = paths.iter().map(|(path, matcher)| format!("{path}: {matcher}")).collect();
                write!(f, "json {{{}}}", paths.join(", "))
            }
            Matcher::None => f.write_str("none"),
            Matcher::Absent => f.write_str("absent"),
            Matcher::All(parts) => f.write_str(&joined(parts, " and ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_said_in_the_suites_words() {
        let compare = Matcher::Compare(vec![(Operator::Ge, "1:1.26".into()), (Operator::Lt, "2:0".into())]);
        assert_eq!(compare.to_string(), ">= 1:1.26, < 2:0");
        assert_eq!(Matcher::Has(vec!["a".into(), "b".into()]).to_string(), "has [a, b]");
        let all = Matcher::All(vec![
            Matcher::Not(Box::new(Matcher::Equals("x".into()))),
            Matcher::AnyOf(vec![Matcher::Equals("y".into()), Matcher::Equals("m".into())]),
            Matcher::Count(Box::new(Matcher::Compare(vec![(Operator::Gt, "2".into())]))),
        ]);
        assert_eq!(all.to_string(), "not (x) and any-of [y, m] and count > 2");
        assert_eq!(all.leaves(), 3);
    }

    #[test]
    fn comparisons_are_read_by_kind() {
        let ok = |kind, text| comparisons(kind, text).unwrap().unwrap();
        assert_eq!(ok(&AttributeKind::Size, "<= 80 MiB"), [(Operator::Le, "80 MiB".to_owned())]);
        assert_eq!(ok(&AttributeKind::Integer, ">=1,<0x10").len(), 2);
        assert!(comparisons(&AttributeKind::Integer, "5").is_none());
        let error = |kind, text| comparisons(kind, text).unwrap().unwrap_err();
        assert_eq!(error(&AttributeKind::Duration, "<= 14").suggestion(), Some("<= 14s"));
        assert_eq!(
            error(&AttributeKind::Integer, ">= 1, 5").message(),
            "`5` has no operator; each part of a comparison begins with one"
        );
        assert_eq!(error(&AttributeKind::Integer, ">= ").message(), "`>=` has no value to compare with");
    }

    #[test]
    fn every_key_of_every_kind_is_documented() {
        for keys in [CHOICE, ONE_OF, TEXT, SET, OUTPUT, JSON] {
            for key in keys {
                assert!(MATCHERS.iter().any(|(name, _)| name == key), "{key}");
            }
        }
    }
}
