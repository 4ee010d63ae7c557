//! The pages that a stranger reads first: their links lead somewhere, their commands exist, and what the page about
//! symptoms shows is what is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Place, finish, root};

/// The Markdown pages of the checkout that are written by hand, or made and kept.
fn pages() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md"), root().join("CONTRIBUTING.md"), root().join("CHANGELOG.md")];
    let mut open = vec![root().join("docs")];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A page without its blocks of code, and the blocks: what stands behind the fence, and the lines.
fn parts(page: &str) -> (String, Vec<(String, Vec<String>)>) {
    let (mut prose, mut blocks) = (String::new(), Vec::<(String, Vec<String>)>::new());
    let mut inside = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                inside = true;
                blocks.push((language.to_owned(), Vec::new()));
            }
            None if inside => blocks.last_mut().expect("a block").1.push(line.to_owned()),
            None => prose += &format!("{line}\n"),
        }
    }
    (prose, blocks)
}

/// The anchors of a page's headings, as code hosts make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let of = |line: &str| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    parts(page).0.lines().filter(|line| line.starts_with('#')).map(of).collect()
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    let link = regex::Regex::new(r#"\]\(([^)\s]+)\)|<img [^>]*src="([^"]+)""#).expect("a constant");
    let (mut count, mut dead) = (0, Vec::new());
    for page in pages() {
        let text = read(&page);
        for found in link.captures_iter(&parts(&text).0) {
            let target = found.get(1).or(found.get(2)).expect("one of them").as_str();
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { page.clone() } else { page.parent().expect("a directory").join(file) };
            let there = path.exists() && (anchor.is_empty() || anchors(&read(&path)).contains(anchor));
            if !there {
                dead.push(format!("{}: {target}", page.strip_prefix(root()).unwrap_or(&page).display()));
            }
        }
    }
    assert!(count >= 60, "only {count} links were found");
    assert!(dead.is_empty(), "{dead:#?}");
}

/// Options that pages misspell to show what is then printed.
const MISSPELT: [&str; 1] = ["--imgae"];

#[test]
fn every_command_of_the_pages_exists_with_its_options() {
    let call =
        regex::Regex::new(r"(?:^|[;&|(] *|=\$\()(?:target/release/)?muster ([a-z][^|;&>)#]*)").expect("a constant");
    // What is quoted is for a guest or a shell.
    let quoted = regex::Regex::new(r#"'[^']*'|"[^"]*""#).expect("a constant");
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let (mut seen, mut missing) = (0, Vec::new());
    for page in pages() {
        for (_, lines) in parts(&read(&page)).1.into_iter().filter(|(of, _)| matches!(of.as_str(), "console" | "sh")) {
            let commands = lines.iter().map(|line| line.strip_prefix("$ ").unwrap_or(line));
            for found in commands.flat_map(|line| call.captures_iter(line)) {
                let without = quoted.replace_all(&found[1], "_");
                // What stands behind `--` is for another command.
                let words: Vec<&str> = without.split_whitespace().take_while(|word| *word != "--").collect();
                let command = match words.as_slice() {
                    [group @ ("images" | "snapshots" | "console" | "kconfig" | "profile" | "submit"), of, ..]
                        if !of.starts_with('-') =>
                    {
                        format!("{group} {of}")
                    }
                    [command, ..] => (*command).to_owned(),
                    [] => continue,
                };
                seen += 1;
                let help = helps.entry(command.clone()).or_insert_with(|| {
                    let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
                    super::muster(&words).assert_status(0).stdout.clone()
                });
                for option in words.iter().filter(|word| word.starts_with('-') && !MISSPELT.contains(word)) {
                    let option = option.split('=').next().expect("a first part");
                    let escaped = regex::escape(option);
                    let there = format!(r"(?m)^\s+(?:-\w, )?{escaped}\b|^\s+{escaped}, |aliases: .*{escaped}\b");
                    if !regex::Regex::new(&there).expect("a pattern").is_match(help) {
                        missing.push(format!("{}: `muster {command}` has no {option}", page.display()));
                    }
                }
            }
        }
    }
    assert!(seen >= 50, "only {seen} commands were found");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// What is shown as a pattern for what is printed: `…` on a line of its own is any lines, within a line any text.
fn pattern(shows: &str) -> regex::Regex {
    let lines = shows.lines().map(|line| match line {
        "…" => r"(?:.*\n)*?".to_owned(),
        line => line.split('…').map(regex::escape).collect::<Vec<_>>().join(".*") + r"\n",
    });
    regex::Regex::new(&format!(r"\A{}\z", lines.collect::<String>())).expect("a pattern")
}

/// What stands between the outputs of two commands.
const MARK: &str = "@@ end of a command";

#[test]
fn the_symptoms_are_those_that_muster_shows() {
    let page = read(&root().join("docs/troubleshooting.md"));
    let mut commands: Vec<(String, String)> = Vec::new();
    for (_, lines) in parts(&page).1.into_iter().filter(|(of, _)| of == "console") {
        for line in lines {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command.to_owned(), String::new())),
                (None, Some((_, shows))) => shows.push_str(&format!("{line}\n")),
                (None, None) => panic!("output before any command: {line}"),
            }
        }
    }
    assert!(commands.len() >= 15, "{} commands", commands.len());
    let mut script = String::from("exec 2>&1\n");
    for (command, _) in &commands {
        let _ = write!(script, "{command}\nstatus=$?; printf '%s\\n' '{MARK}'; (exit $status)\n");
    }
    // An empty directory and an empty cache: what a stranger has.
    let place = Place::new();
    std::fs::create_dir(place.path("here")).unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_muster")).parent().unwrap().to_owned();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&paths))).unwrap();
    let mut shell = Command::new("bash");
    shell.args(["--noprofile", "--norc", "-c", &script]).current_dir(place.path("here")).env("PATH", path);
    shell.env("NO_COLOR", "1").env("MUSTER_CACHE", place.path("cache")).env_remove("MUSTER_ROOT").env_remove("CI");
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = finish(shell.spawn().unwrap(), Duration::from_secs(180));
    let end = format!("{MARK}\n");
    let printed: Vec<&str> = ended.stdout.split(end.as_str()).collect();
    assert_eq!(printed.len(), commands.len() + 1, "{}", ended.stdout);
    // All that differ at once: whoever changes a message fixes the page in one go.
    let mut differ = String::new();
    for ((command, shows), printed) in commands.iter().zip(printed) {
        if !pattern(shows).is_match(printed) {
            let _ = writeln!(differ, "$ {command}\n{printed}--- the page shows\n{shows}");
        }
    }
    assert!(differ.is_empty(), "docs/troubleshooting.md is not what is printed:\n{differ}");
}
