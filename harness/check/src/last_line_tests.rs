//! A shell's `read` fails on a last line without an end, and gives its text all the same: a loop that does not look at it
//! passes over the last account, the last host, the last line of a configuration. Tests made from the sources: every loop over
//! a file that people or programs write takes that line.

use std::path::{Path, PathBuf};

use regex::Regex;

/// What the kernel writes, and udev: every line of it has an end.
const ENDS: &str = r#"^"?(?:/proc/|/sys/|/run/udev/data/|uevent\b|\$\w+/uevent\b|\$\w+/(?:status|cgroup|comm|stat)\b)"#;

/// The loops of a text that read a file and pass over a last line without an end, each with its file.
fn blind(text: &str) -> Vec<String> {
    let begins = Regex::new(r"while (?:IFS=\S* )?read [^;\n]*?;\s*do\b").unwrap();
    let turns = Regex::new(r"[;}\n]\s*(?:do\b|done\b)|\\n\s*(?:done\b)|[;&|(]\s*do\b").unwrap();
    let from = Regex::new(r#"^\s*(?:2>\S+\s*)?(<<?)\s*("[^"]*"|\S+)"#).unwrap();
    let kernel = Regex::new(ENDS).unwrap();
    let mut blind = Vec::new();
    for found in begins.find_iter(text).filter(|found| !found.as_str().contains("|| [ -n")) {
        let mut depth = 1;
        let mut at = found.end();
        while depth > 0 {
            let Some(turn) = turns.find_at(text, at) else { break };
            depth = if turn.as_str().ends_with("done") { depth - 1 } else { depth + 1 };
            at = turn.end();
        }
        let Some(source) = from.captures(&text[at..]) else { continue };
        let file = source[2].trim_start_matches('\\');
        if &source[1] == "<" && !kernel.is_match(file) {
            blind.push(format!("{} … <{file}", found.as_str()));
        }
    }
    blind
}

/// The files below a directory that may hold shell text.
fn sources(directory: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        match kind {
            _ if path.is_dir() => sources(&path, all),
            Some("rs" | "yaml") => all.push(path),
            _ => {}
        }
    }
}

#[test]
fn loops_are_distinguished_by_what_they_read() {
    for (text, expected) in [
        ("while read -r a b; do echo; done <\"$file\"", 1),
        ("while IFS=: read -r u _; do for f in x; do echo; done; done </etc/passwd", 1),
        ("while IFS=: read -r u _ || [ -n \"$u\" ]; do echo; done </etc/passwd", 0),
        ("while read -r a; do while read -r b; do echo; done </proc/mounts; done <<LIST", 0),
        ("while read -r a; do echo; done 2>/dev/null <\"/etc/x\"", 1),
        ("printf x | while read -r a; do echo; done", 0),
        ("while read -r a; do\\necho\\ndone <$dir/status", 0),
    ] {
        assert_eq!(blind(text).len(), expected, "{text}: {:?}", blind(text));
    }
}

#[test]
fn every_loop_over_a_file_takes_a_last_line_without_an_end() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for directory in ["harness", "suites"] {
        sources(&root.join(directory), &mut files);
    }
    assert!(files.len() > 200, "{}", files.len());
    let mut wrong = Vec::new();
    // Examples, and shell of others that is read and not run.
    let own = |file: &&PathBuf| !file.ends_with("last_line_tests.rs") && !file.iter().any(|part| part == "chain");
    for file in files.iter().filter(own) {
        let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
        wrong.extend(blind(&text).into_iter().map(|found| format!("{}: {found}", file.display())));
    }
    assert!(wrong.is_empty(), "say `|| [ -n \"$name\" ]` behind `read`:\n{}", wrong.join("\n"));
}
