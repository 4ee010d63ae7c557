use std::collections::BTreeSet;

use super::*;

/// Each row names what it reads and what it refuses, and does so.
#[test]
fn every_grammar_reads_its_good_spellings_and_refuses_its_bad_ones() {
    let mut wrong = Vec::new();
    for grammar in all() {
        let what = grammar.what;
        let pattern = regex::Regex::new(&format!("^(?:{})$", grammar.pattern)).unwrap();
        for (text, normal) in grammar.good {
            match grammar.read(text) {
                Ok(read) if read == *normal => {}
                other => wrong.push(format!("{what}: `{text}` is read as {other:?}, not `{normal}`")),
            }
            // One spelling is left: what was read is read as itself.
            if grammar.read(normal).as_deref() != Ok(*normal) {
                wrong.push(format!("{what}: `{normal}` is not read as itself: {:?}", grammar.read(normal)));
            }
            if !pattern.is_match(text) {
                wrong.push(format!("{what}: the pattern does not match `{text}`"));
            }
        }
        for (text, near) in grammar.bad {
            match grammar.read(text) {
                Err(refusal) if refusal.suggestion.as_deref().unwrap_or_default() == *near => {
                    assert!(!refusal.why.is_empty() && !refusal.why.ends_with('.'), "{what}: {}", refusal.why);
                }
                other => wrong.push(format!("{what}: `{text}` gives {other:?}, not a refusal with `{near}`")),
            }
            // What is suggested can be pasted.
            if !near.is_empty() && grammar.read(near).is_err() {
                wrong.push(format!("{what}: the suggestion `{near}` is refused: {:?}", grammar.read(near)));
            }
        }
        if !grammar.is_free() {
            for odd in ["", " ", "a\u{7}b", "\u{1b}[31m"] {
                if grammar.read(odd).is_ok() {
                    wrong.push(format!("{what}: {odd:?} is read"));
                }
            }
            if grammar.bad.is_empty() {
                wrong.push(format!("{what} names no bad spelling"));
            }
        }
        if grammar.good.is_empty() {
            wrong.push(format!("{what} names no good spelling"));
        }
        for word in grammar.words() {
            if grammar.read(word).as_deref() != Ok(*word) {
                wrong.push(format!("{what}: the known `{word}` gives {:?}", grammar.read(word)));
            }
        }
        let distinct: BTreeSet<_> = grammar.words().iter().collect();
        assert_eq!(distinct.len(), grammar.words().len(), "{what} has a name twice");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn texts_of_every_length_and_character_are_bounded() {
    for grammar in all() {
        for text in ["x".repeat(100_000), "é".repeat(300), "(".repeat(5000), "a.".repeat(5000), "@".repeat(999)] {
            if let Err(refusal) = grammar.read(&text) {
                assert!(refusal.why.len() < 1000, "{}: {}", grammar.what, refusal.why.len());
            }
        }
    }
}
