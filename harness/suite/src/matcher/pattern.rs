//! Regular expressions that match no text. Said is only what is certain. One that matches every text
//! is refused where expressions are read.

use regex::Regex;
use regex_syntax::hir::{Hir, HirKind, Look};

/// Whether no text has a match.
pub(super) fn matches_nothing(regex: &Regex) -> bool {
    regex_syntax::parse(regex.as_str()).is_ok_and(|hir| is_never(&hir))
}

fn is_never(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => class.ranges().is_empty(),
        HirKind::Class(regex_syntax::hir::Class::Bytes(class)) => class.ranges().is_empty(),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => false,
        HirKind::Repetition(repeated) => repeated.min > 0 && is_never(&repeated.sub),
        HirKind::Capture(capture) => is_never(&capture.sub),
        HirKind::Alternation(parts) => !parts.is_empty() && parts.iter().all(is_never),
        HirKind::Concat(parts) => {
            let takes = |parts: &[Hir]| parts.iter().any(|part| part.properties().minimum_len().unwrap_or(0) > 0);
            parts.iter().any(is_never)
                || parts.iter().enumerate().any(|(at, part)| match part.kind() {
                    // Something must stand before the beginning, or behind the end.
                    HirKind::Look(Look::Start) => takes(&parts[..at]),
                    HirKind::Look(Look::End) => takes(&parts[at + 1..]),
                    _ => false,
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(text: &str) -> Regex {
        Regex::new(text).unwrap()
    }

    #[test]
    fn what_matches_nothing_is_found_and_nothing_else() {
        for never in ["[^\\s\\S]", "[a&&b]", "a^", "$a", "(a|b)^c", "x[^\\s\\S]+", "(?:[a&&b]|$x)"] {
            assert!(matches_nothing(&regex(never)), "{never}");
        }
        for not in ["", "^$", "a*^", "(?m)a\n^b", "(?m)$\na", "[a&&b]*", "$a?", "a|[a&&b]", "\\b"] {
            assert!(!matches_nothing(&regex(not)), "{not}");
        }
    }
}
