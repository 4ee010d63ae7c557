//! Conditions as a suite writes them.

use std::borrow::Cow;
use std::fmt;

use crate::model::Condition;

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn join(f: &mut fmt::Formatter<'_>, parts: &[Condition], word: &str) -> fmt::Result {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                match part {
                    Condition::And(_) | Condition::Or(_) => write!(f, "({part})")?,
                    _ => write!(f, "{part}")?,
                }
            }
            Ok(())
        }
        match self {
            Condition::And(parts) => join(f, parts, "and"),
            Condition::Or(parts) => join(f, parts, "or"),
            Condition::Not(inner) => write!(f, "not ({inner})"),
            Condition::Compare { dimension, operator, values } => {
                let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
                write!(f, "{dimension} {operator} {}", values.join(", "))
            }
            Condition::Defined(dimension, true) => write!(f, "{dimension} is defined"),
            Condition::Defined(dimension, false) => write!(f, "{dimension} is not defined"),
        }
    }
}

/// A word as a condition states it: in quotes where it would otherwise be read as something else.
pub(super) fn quoted(word: &str) -> Cow<'_, str> {
    let plain = !word.contains(|c: char| c.is_whitespace() || "(),<>\"'".contains(c))
        && !["==", "!="].iter().any(|symbol| word.contains(symbol));
    match (plain, word.contains('"')) {
        (true, _) => Cow::Borrowed(word),
        // Nothing that was read holds both quotes.
        (false, true) => Cow::Owned(format!("'{word}'")),
        (false, false) => Cow::Owned(format!("\"{word}\"")),
    }
}
