//! An error is a type that says what it is: a sentence alone (`Result<_, String>`) is none.
//!
//! Read from the sources, without the code of tests. A signature that must have one says why in a comment of one line
//! that stands above it and begins with `// A sentence: `.

use std::sync::LazyLock;

use regex::Regex;

use crate::sources;
use crate::support::root;

static BEGIN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bResult<").expect("a pattern"));

/// Where in a text a `Result<…, String>` stands, in bytes.
fn sentences(text: &str) -> Vec<usize> {
    let of_a_comment = |at: usize| line_of(text, at).trim_start().starts_with("//");
    let found = BEGIN.find_iter(text).filter(|found| has_sentence(&text[found.end()..]));
    found.map(|found| found.start()).filter(|at| !of_a_comment(*at)).collect()
}

/// Whether the arguments that begin here end with `String` as the second.
fn has_sentence(arguments: &str) -> bool {
    let (mut depth, mut second, mut before) = (0_usize, None, ' ');
    for (at, c) in arguments.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            // The arrow of a function's type closes nothing.
            '>' if before == '-' => {}
            '>' if depth == 0 => {
                let error = second.map(|from| arguments[from..at].trim().trim_end_matches(',').trim_end());
                return error == Some("String");
            }
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 && second.is_none() => second = Some(at + 1),
            ';' | '{' if depth == 0 => return false,
            _ => {}
        }
        before = c;
    }
    false
}

/// The line at `at`, up to there.
fn line_of(text: &str, at: usize) -> &str {
    &text[text[..at].rfind('\n').map_or(0, |before| before + 1)..at]
}

/// Whether the line above the one at `at` says why.
fn has_reason(text: &str, at: usize) -> bool {
    let begins = at - line_of(text, at).len();
    text[..begins].lines().next_back().unwrap_or_default().trim().starts_with("// A sentence: ")
}

#[test]
fn a_sentence_is_found_in_every_form_of_a_signature() {
    for found in [
        "fn f() -> Result<(), String> {",
        "fn f() -> Result<BTreeMap<String, Vec<u8>>, String>;",
        "fn f(\n) -> Result<\n    Box<dyn Fn(&str) -> bool>,\n    String,\n> {",
        "let f = |x: &str| -> Result<(u8, [u8; 4]), String> { Ok(x) };",
        "type Held = Result<Option<String>, String>;",
    ] {
        assert_eq!(sentences(found).len(), 1, "{found}");
    }
    for fine in [
        "fn f() -> Result<String, Error> {",
        "fn f() -> io::Result<String> {",
        "Result<Vec<(u8, String)>, Error>",
        "/// Result<(), String>",
    ] {
        assert!(sentences(fine).is_empty(), "{fine}");
    }
    let reasoned = "// A sentence: only the next line shows it.\nfn f() -> Result<(), String> {";
    assert!(has_reason(reasoned, sentences(reasoned)[0]));
    assert!(!has_reason("// Why.\nfn f() -> Result<(), String> {", 20));
}

#[test]
fn no_signature_has_a_sentence_for_an_error() {
    let (mut found, mut read) = (Vec::new(), 0);
    for entry in std::fs::read_dir(root().join("harness")).expect("the crates").flatten() {
        let (name, source) = (entry.file_name().to_string_lossy().into_owned(), entry.path().join("src"));
        if name == "fuzz" || !source.is_dir() {
            continue;
        }
        for file in sources::own(&source) {
            read += 1;
            for at in sentences(&file.text).into_iter().filter(|at| !has_reason(&file.text, *at)) {
                let line = file.text[..at].matches('\n').count() + 1;
                found.push(format!("{}:{line}", file.path.strip_prefix(root()).unwrap_or(&file.path).display()));
            }
        }
    }
    assert!(read > 150, "only {read} files were read");
    assert!(found.is_empty(), "the error of these is a `String`; make it one of the crate's types: {found:#?}");
}
