//! What is wrong with a file, where, and what to do about it. Diagnostics are collected, never
//! thrown: a person sees everything that is wrong with all files at once.

pub mod codes;
mod list;
mod near;
mod one;
mod render;
pub mod sarif;

pub use list::{Diagnostics, Sources};
pub use near::did_you_mean;
pub use one::{Diagnostic, Span};

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn codes_are_unique_and_have_a_meaning() {
        let unique: std::collections::BTreeSet<_> = codes::TABLE.iter().map(|(code, _)| code).collect();
        assert_eq!(unique.len(), codes::TABLE.len());
        for (code, meaning) in codes::TABLE {
            assert!(code.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{code}");
            assert!(meaning.ends_with('.'), "{code}: {meaning}");
        }
    }

    #[test]
    fn suggestions_are_near_or_absent() {
        let known = ["installed", "version", "arch"];
        assert_eq!(did_you_mean("instaled", known), Some("installed"));
        assert_eq!(did_you_mean("Version", known), Some("version"));
        assert_eq!(did_you_mean("zebra", known), None);
        assert_eq!(did_you_mean(&"a".repeat(100_000), known), None);
    }

    #[test]
    fn a_file_with_endless_errors_keeps_a_hundred_and_counts_the_rest() {
        let file: Arc<str> = "x.yaml".into();
        let mut all = Diagnostics::new();
        for n in 0..250 {
            let span = Span { start: n, end: n, line: n + 1, column: 1 };
            all.push(Diagnostic::new(codes::SYNTAX, &file, span, "m"));
        }
        assert_eq!((all.iter().count(), all.len()), (100, 250));
        assert!(all.render(false).ends_with("150 more are not shown\n250 errors in 1 file\n"));
    }

    #[test]
    fn the_json_form_names_code_file_and_place() {
        let file: Arc<str> = "x.yaml".into();
        let mut all = Diagnostics::new();
        let span = Span { start: 3, end: 5, line: 1, column: 4 };
        all.push(Diagnostic::new(codes::SYNTAX, &file, span, "m").help("h"));
        assert_eq!(
            serde_json::to_value(&all).unwrap(),
            serde_json::json!({"omitted": 0, "diagnostics": [{"code": "syntax", "message": "m", "file": "x.yaml",
                "span": {"start": 3, "end": 5, "line": 1, "column": 4}, "help": "h"}]})
        );
    }
}
