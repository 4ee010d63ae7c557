//! The pages of `docs/for/` are run as they stand: their commands in one shell, their files written, and
//! what they show must be what is printed. `…` on a line of its own is any lines, within a line any text.
//! They boot lab images; `ci/test` builds those first.

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// What stands between the outputs of two commands.
const MARK: &str = "@@ end of a command:";
/// How long a page may take on an emulated, busy host.
const DEADLINE: Duration = Duration::from_secs(40 * 60);

#[test]
fn for_release_engineers() {
    let place = run("release-engineers.md");
    let text = std::fs::read_to_string(place.path().join("differences.txt")).unwrap();
    all_and_only_the_planted_are_told(&text, &place.path().join("images/lab/candidate/undocumented"));
}

#[test]
fn for_isvs() {
    run("isvs.md");
}

#[test]
fn for_regressions() {
    run("regressions.md");
}

#[test]
fn for_porting() {
    run("porting.md");
}

/// Holds the comparison of the lab's two distributions against what was planted and not documented.
fn all_and_only_the_planted_are_told(text: &str, planted: &Path) {
    let planted = std::fs::read_to_string(planted).unwrap();
    let planted: BTreeSet<&str> = planted.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(planted.len() >= 25, "{planted:?}");
    let entry = regex::Regex::new(r#"(?m)^ *- \{pattern: "([^"]+)""#).unwrap();
    let reported: BTreeSet<&str> = entry.captures_iter(text).map(|found| found.get(1).unwrap().as_str()).collect();
    assert_eq!(reported, planted, "what is told, and what was planted");
    for word in ["could not be compared", "nothing matches"] {
        assert!(!text.contains(word), "{text}");
    }
}

/// A part of a page, in the order of the page.
enum Part {
    /// A file that the reader writes.
    File { name: String, text: String },
    /// A command, and what it shows.
    Command { line: usize, words: String, shows: String },
}

/// The parts of a page: `console` blocks, and blocks below `<!-- file: NAME -->`.
fn parts(page: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = page.lines().enumerate();
    let mut file = None;
    while let Some((_, line)) = lines.next() {
        if let Some(name) = line.strip_prefix("<!-- file: ").and_then(|rest| rest.strip_suffix(" -->")) {
            file = Some(name.to_owned());
        }
        let Some(language) = line.strip_prefix("```").filter(|language| !language.is_empty()) else { continue };
        let block: Vec<(usize, &str)> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
        if let Some(name) = file.take() {
            let text = block.iter().fold(String::new(), |text, (_, line)| text + line + "\n");
            parts.push(Part::File { name, text });
        } else if language == "console" {
            for (number, line) in block {
                match (line.strip_prefix("$ "), parts.last_mut()) {
                    (Some(words), _) => {
                        let (words, shows) = (words.to_owned(), String::new());
                        parts.push(Part::Command { line: number + 1, words, shows });
                    }
                    (None, Some(Part::Command { shows, .. })) => *shows = format!("{shows}{line}\n"),
                    (None, _) => panic!("line {}: output before any command", number + 1),
                }
            }
        }
    }
    parts
}

/// What is shown as a pattern for what is printed.
fn pattern(shows: &str) -> regex::Regex {
    let lines = shows.lines().map(|line| match line {
        "…" => r"(?:.*\n)*?".to_owned(),
        line => line.split('…').map(regex::escape).collect::<Vec<_>>().join(".*") + r"\n",
    });
    regex::Regex::new(&format!(r"\A{}\z", lines.collect::<String>())).unwrap()
}

/// A directory of the checkout, so that `muster` finds its suites, with the names that a reader sees.
fn workplace(name: &str) -> (PathBuf, TempDir) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let runs = root.join("reports/runs");
    std::fs::create_dir_all(&runs).unwrap();
    let prefix = format!("guide-{}-", name.trim_end_matches(".md"));
    let place = tempfile::Builder::new().prefix(&prefix).tempdir_in(runs).unwrap();
    for dir in ["suites", "images", "ci"] {
        std::os::unix::fs::symlink(root.join(dir), place.path().join(dir)).unwrap();
    }
    (root, place)
}

/// Runs a page; the directory that it was run in.
fn run(name: &str) -> TempDir {
    let (root, place) = workplace(name);
    let page = std::fs::read_to_string(root.join("docs/for").join(name)).unwrap();
    let parts = parts(&page);
    assert!(parts.iter().any(|part| matches!(part, Part::Command { .. })), "{name} has no command");

    // One shell for the whole page: a variable or a status is there for the next command.
    let mut script = String::new();
    for part in &parts {
        match part {
            Part::File { name, text } => {
                let _ = write!(script, "cat >'{name}' <<'@@END'\n{text}@@END\n");
            }
            Part::Command { words, .. } => {
                let _ = write!(
                    script,
                    "{words}\nstatus=$?; printf '\\n%s %s\\n' '{MARK}' \"$status\"; (exit \"$status\")\n"
                );
            }
        }
    }
    let bin = Path::new(env!("CARGO_BIN_EXE_muster")).parent().unwrap().to_owned();
    let path = std::env::join_paths(
        std::iter::once(bin).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let said = place.path().join(".said");
    let out = std::fs::File::create(&said).unwrap();
    let shell = Command::new("sh")
        .args(["-c", &script])
        .current_dir(place.path())
        .env("PATH", path.unwrap())
        .env("CI", "1")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stderr(out.try_clone().unwrap())
        .stdout(out)
        .spawn()
        .unwrap();
    let ended = support::wait(shell, DEADLINE);

    let said = String::from_utf8_lossy(&std::fs::read(&said).unwrap()).into_owned();
    assert!(ended.status != support::STUCK, "{name} did not end in {DEADLINE:?}:\n{said}");
    let mut outputs = said.split_inclusive('\n');
    let mut wrong = String::new();
    let commands: Vec<_> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Command { line, words, shows } => Some((*line, words.as_str(), shows.as_str())),
            Part::File { .. } => None,
        })
        .collect();
    for (number, (line, words, shows)) in commands.iter().enumerate() {
        let mut printed = String::new();
        let status = loop {
            let Some(next) = outputs.next() else { break None };
            match next.strip_prefix(MARK) {
                Some(status) => break Some(status.trim().to_owned()),
                None => printed.push_str(next),
            }
        };
        // The mark begins a line of its own, and what was printed may have ended one.
        let printed = printed.strip_suffix('\n').unwrap_or(&printed);
        let printed =
            if printed.is_empty() || printed.ends_with('\n') { printed.to_owned() } else { format!("{printed}\n") };
        if !pattern(shows).is_match(&printed) {
            let _ = write!(wrong, "{name}:{line}: $ {words}\n--- shown\n{shows}--- printed\n{printed}");
        }
        let asked_for = commands.get(number + 1).is_some_and(|(_, words, _)| *words == "echo $?");
        if status.as_deref() != Some("0") && !asked_for {
            let _ = writeln!(
                wrong,
                "{name}:{line}: $ {words}\nended with {status:?}, and the page does not say so\n{printed}"
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    place
}

#[test]
fn what_is_shown_is_compared_line_by_line() {
    let matches = |shows: &str, printed: &str| pattern(shows).is_match(printed);
    assert!(matches("a\n…\nz\n", "a\nz\n") && matches("a\n…\nz\n", "a\nb\nc\nz\n"));
    assert!(!matches("a\n…\nz\n", "b\nz\n") && !matches("a\n", "a\nb\n"));
    assert!(matches("… of …\n", "3 of 4\n") && !matches("… of …\n", "3\nof 4\n"));
    assert!(matches("", "") && !matches("", "x\n"));
    let parts = parts("```console\n$ true\n$ ls\na\n```\n<!-- file: x -->\n```yaml\nk: v\n```\n");
    assert_eq!(parts.len(), 3);
    assert!(matches!(&parts[1], Part::Command { line: 3, words, shows } if words == "ls" && shows == "a\n"));
    assert!(matches!(&parts[2], Part::File { name, text } if name == "x" && text == "k: v\n"));
}
