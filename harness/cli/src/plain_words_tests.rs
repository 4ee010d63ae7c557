//! Plain words where a person reads: the pages, the help of every command, the tables of messages, and what
//! suites, images and console rules say. The words that are looked for were muster's own once.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::CommandFactory;
use regex::Regex;

/// What is not written any more, as regular expressions, and what is written instead.
const OLD: &[(&str, &str)] = &[
    (r"ask(s|ed|ing)?", "run, check, need, request"),
    (r"told", "reported, distinguished, configured"),
    (r"judg(e|es|ed|ing)", "test, check, evaluate"),
    (r"mend(s|ed|ing)?", "fix, repair"),
    (r"(hold|holds|held|holding) (to|against)", "check against, compare with"),
    (r"words?", "name, value, key, argument, text"),
    (r"folders?", "directory"),
    (r"besides?", "next to, with, in addition to"),
    (r"harmless", "escaped"),
    (r"remark(s|ed)?", "note, warning"),
    (r"notices?", "note, warning"),
    (r"nobody's", "no one's; say what is kept or done"),
    (r"hostile", "untrusted, malicious"),
    (r"(write|writes|written) down", "record"),
    (r"gate is shut", "exits 1"),
    (r"fork(s|ed|ing)?", "clone"),
    (r"warm (machine|shell|image)s?", "booted machine, shell"),
    (r"kept (machine|template)s?", "saved machine, saved template"),
    (r"throw-away", "temporary"),
    (r"(take|takes|took) the place of", "replace"),
    (r"roads?", "way, connection"),
    (r"rooms?", "module; space, memory"),
    (r"lives", "runs, is in"),
];

/// Ordinary uses, which are no private language.
const ORDINARY: &[&str] = &[
    // What programs print or prompt for.
    "reseeded due to virtual machine fork",
    "sudo asks for the caller",
    "sudo must ask for the caller",
    "its configuration asks for",
    // Programs that request something of the system under test.
    "A service may ask for",
    "as far as frameworks ask",
    // The noun is about the memory of processors.
    "word size",
    "Word size",
    // The verb.
    "To notice",
    "customers notice",
    // In docs/installation.md.
    "run beside the shipped ones",
];

static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let whole = |old: &str| Regex::new(&format!(r"(?i)(^|[^\w/.-])({old})($|[^\w/-])")).expect("a pattern");
    OLD.iter().map(|(old, instead)| (whole(old), *instead)).collect()
});

/// What is between backquotes is code: keys, options and values keep their names.
static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new("`[^`]*`").expect("a pattern"));

/// Every old word in a text, each with its line and what is written instead.
fn found(place: &str, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let plain = CODE.replace_all(line, "`").into_owned();
        let plain = ORDINARY.iter().fold(plain, |line, ordinary| line.replace(ordinary, ""));
        for (pattern, instead) in PATTERNS.iter() {
            if let Some(old) = pattern.captures(&plain).and_then(|groups| groups.get(2)) {
                let line = line.trim().chars().take(120).collect::<String>();
                out.push(format!("{place}:{}: `{}` ({instead}): {line}", number + 1, old.as_str()));
            }
        }
    }
    out
}

fn assert_plain(texts: &[(String, String)]) {
    assert!(!texts.is_empty());
    let old: Vec<String> = texts.iter().flat_map(|(place, text)| found(place, text)).collect();
    assert!(old.is_empty(), "{} old words:\n{}", old.len(), old.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout")
}

/// The files below a directory whose names end so.
fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs_err::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => open.push(path),
                false if path.to_string_lossy().ends_with(end) => out.push(path),
                false => {}
            }
        }
    }
    out.sort();
    out
}

fn read(paths: Vec<PathBuf>) -> Vec<(String, String)> {
    let text = |path: &PathBuf| fs_err::read_to_string(path).expect("a text");
    paths.iter().map(|path| (path.display().to_string(), text(path))).collect()
}

#[test]
fn the_pages_use_plain_words() {
    let pages = read(files(&root().join("docs"), ".md"));
    assert!(pages.len() > 30, "{}", pages.len());
    assert_plain(&pages);
}

#[test]
fn the_help_of_every_command_uses_plain_words() {
    let mut texts = Vec::new();
    let mut open = vec![super::Arguments::command()];
    while let Some(mut command) = open.pop() {
        open.extend(command.get_subcommands().cloned());
        let name = command.get_name().to_owned();
        texts.push((format!("{name} --help"), command.render_long_help().to_string()));
        texts.push((format!("{name} -h"), command.render_help().to_string()));
    }
    assert!(texts.len() > 60, "{}", texts.len());
    assert_plain(&texts);
}

#[test]
fn the_tables_of_messages_use_plain_words() {
    assert_plain(&[
        ("muster failures --markdown".to_owned(), super::failures::markdown()),
        ("muster reference --markdown checks".to_owned(), super::reference::page::checks()),
        ("muster reference --markdown language".to_owned(), super::reference::page::language()),
    ]);
}

/// What suites, images and rules say to whoever reads a report.
#[test]
fn what_ships_says_it_in_plain_words() {
    let shown =
        Regex::new(r"^\s*(- )?(summary|because|reason|what|gap|by|partly|outside|unprovable):").expect("a pattern");
    let of = |directory: &str| read(files(&root().join(directory), ".yaml"));
    let mut texts = of("suites");
    texts.extend(of("images"));
    texts.extend(of("harness/console/src/rules"));
    texts.extend(of("harness/cli/src/init"));
    for (_, text) in &mut texts {
        // Lines of other keys are emptied, so that numbers stay.
        *text = text.lines().map(|line| if shown.is_match(line) { line } else { "" }).collect::<Vec<_>>().join("\n");
    }
    assert!(texts.iter().map(|(_, text)| text.split_whitespace().count()).sum::<usize>() > 5000);
    assert_plain(&texts);
}

#[test]
fn an_old_word_is_found_and_an_ordinary_use_is_not() {
    let count = |text: &str| found("here", text).len();
    assert_eq!(count("Ask the machine; nobody told it, and the folder lies beside."), 4);
    assert_eq!(count("The password of a task is foretold in `words` and docs/words.md."), 0);
    assert_eq!(count("sudo asks for the caller's password, in any word size."), 0);
    assert_eq!(count("one\ntwo words"), 1);
    assert!(found("here", "one\ntwo words")[0].starts_with("here:2: `words`"));
}
