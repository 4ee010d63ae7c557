//! Every command line of muster that a message, a page or a description names is one that muster takes.

use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use regex::Regex;

use super::Arguments;

/// A command line and where it stands.
struct Advice {
    place: String,
    words: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs_err::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match path.is_dir() {
            // Data of tests has what is wrong on purpose.
            true if path.ends_with("testdata") || path.ends_with("target") => {}
            true => files(&path, out),
            false if path.extension().is_some_and(|end| ["rs", "md", "yaml"].iter().any(|known| end == *known)) => {
                out.push(path);
            }
            false => {}
        }
    }
}

/// What stands between backticks, after a prompt, in a block of code, and in the examples of `--help`.
fn advice() -> Vec<Advice> {
    let mut paths = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for dir in ["harness", "docs", "suites", "images"] {
        files(&root().join(dir), &mut paths);
    }
    let continued = Regex::new(r"\\\n\s*").unwrap();
    let quoted = Regex::new(r"`muster ([^`\n]+)`").unwrap();
    let shown = Regex::new(r"^\s*(?:\$ )?muster (.+)$").unwrap();
    let example = Regex::new(r#"(?:Examples?: |^  |\\n  )muster ([^"\n]+)"#).unwrap();
    let choice = Regex::new(r"\\\|[^ ]*").unwrap();
    let substituted = Regex::new(r"\$\([^)]*\)").unwrap();
    let mut out = Vec::new();
    for path in paths.iter().filter(|path| !path.ends_with("advice_tests.rs")) {
        let text = fs_err::read_to_string(path).unwrap();
        let text = continued.replace_all(&text, "");
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let is_code = path.extension().is_some_and(|end| end == "rs");
        let is_page = path.extension().is_some_and(|end| end == "md");
        let mut in_block = false;
        for line in text.lines() {
            let mut add = |words: &str| {
                // In source a quote inside a string is escaped, and what is put in stands in braces.
                let words = words.replace("\\\"", "\"").replace("{{", "{");
                // In a table, `a\|b` is a choice, of which the first stands for all.
                let words = choice.replace_all(&words, "");
                let words = substituted.replace_all(&words, "X").into_owned();
                out.push(Advice { place: name.clone(), words });
            };
            if line.trim_start().starts_with("```") {
                in_block = !in_block;
            }
            quoted.captures_iter(line).for_each(|found| add(&found[1]));
            if is_page && in_block {
                shown.captures_iter(line).for_each(|found| add(&found[1]));
            }
            if is_code {
                example.captures_iter(line).for_each(|found| add(&found[1]));
            }
        }
    }
    out
}

/// The words as a shell takes them, to the first redirection, comment or next command.
fn words(text: &str) -> Vec<String> {
    // Behind two spaces stands what an example is for.
    let mut out: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut before = ' ';
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') if before == ' ' && !out.is_empty() => break,
            (None, ' ') => out.extend(word.take()),
            (None, '|' | '>' | ';' | '&' | '#') => {
                if c == '>' {
                    // `2>file`: the number is the shell's.
                    word = word.filter(|word| !word.chars().all(|c| c.is_ascii_digit()));
                }
                break;
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
        before = c;
    }
    out.extend(word.take());
    out
}

/// Whether something is to be put in the place of a word: `FILE`, `{id}`, `…`.
fn is_placeholder(word: &str) -> bool {
    word.contains(['{', '…', '<', '$'])
        || word.contains("...")
        || (word.chars().any(|c| c.is_ascii_uppercase()) && !word.chars().any(|c| c.is_ascii_lowercase()))
}

/// What is wrong with it.
fn wrong(words: &[String]) -> Option<String> {
    let left_out = |word: &&String| !["…", "..."].contains(&word.as_str()) && !word.starts_with('[');
    let words: Vec<&String> = words.iter().filter(left_out).collect();
    // A value that is to be put in decides nothing.
    let error =
        Arguments::try_parse_from(std::iter::once("muster").chain(words.iter().map(|word| word.as_str()))).err()?;
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        // A command is also named without what it needs.
        | ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand => None,
        // An option is also named without its value.
        ErrorKind::InvalidValue if error.to_string().contains("but none was supplied") => None,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if words.iter().any(|word| is_placeholder(word)) => None,
        _ => Some(error.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

/// What pages misspell to show the answer.
const MISSPELT: &[&str] = &["run --imgae lab"];

#[test]
fn every_command_line_that_is_named_exists() {
    let all = advice();
    assert!(all.len() > 150, "only {} command lines were found", all.len());
    let mut faults = Vec::new();
    for Advice { place, words: text } in all.into_iter().filter(|advice| !MISSPELT.contains(&advice.words.as_str())) {
        if let Some(why) = wrong(&words(&text)) {
            faults.push(format!("{place}: `muster {text}`: {why}"));
        }
    }
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_command_line_that_is_wrong_is_found() {
    let wrong = |text: &str| wrong(&words(text));
    for text in ["chek suites", "run --no-such-option", "schema no-such-schema", "images build lab extra"] {
        assert!(wrong(text).is_some(), "{text}");
    }
    for text in ["run --image 'a b' >x 2>y", "schema FORMAT", "images pull {id}", "explain", "run --image lab  # all"] {
        assert_eq!(wrong(text), None, "{text}");
    }
}
