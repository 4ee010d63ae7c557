//! The files of apt (sources.list(5)): one-line entries of `.list` files, stanzas of `.sources` files. A
//! repository is an archive and a suite of it: its id is `URI SUITE`, the URI without its last slash. What
//! apt would fetch by its own reading must be the same.

use std::collections::{BTreeMap, BTreeSet};

use super::repo::{Manager, Repos};
use crate::check::{Observations, Probe};
use crate::shell::{self, Answer};
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;

/// Key of the probe.
pub(crate) const KEY: &str = "repo/apt";

/// Every file with its content, and the addresses that `apt-get update` would ask. Files whose names apt
/// does not take are left out.
const READ: &str = r#"export LC_ALL=C
put() { printf '%s\0%s\0%s\0' "$1" 0 "$2"; }
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    case ${file##*/} in *[!A-Za-z0-9_.-]*) continue;; esac
    text=$(cat "$file") || exit 1
    put "$file" "$text"
done
command -v apt-get >/dev/null 2>&1 || exit 0
said=$(apt-get --print-uris update 2>&1) || { printf 'apt-get refuses its sources: %s\n' "$said" >&2; exit 1; }
put addresses "$said""#;

pub(crate) fn probe() -> Probe {
    Probe::new(KEY, 60, READ)
}

/// The repositories that the files define.
///
/// # Errors
/// What could not be read, and where apt's own reading differs.
pub fn read(seen: &Observations) -> Read<Repos> {
    seen.output(KEY)?;
    parse(&shell::answers(seen.reply(KEY)?)?)
}

fn parse(files: &BTreeMap<String, Answer>) -> Read<Repos> {
    let mut repos = Repos { manager: Manager::Apt, ..Repos::default() };
    // What is enabled, sources of packages too: apt fetches both.
    let mut enabled: BTreeSet<(String, String)> = BTreeSet::new();
    for (path, file) in files.iter().filter(|(path, _)| *path != "addresses") {
        let entries = if path.ends_with(".sources") { stanzas(&file.output) } else { lines(&file.output) };
        for entry in entries.map_err(|why| Unreadable::new(format!("{path}: {why}")))? {
            define(&mut repos, path, &entry);
            if !entry.says("enabled", NO) {
                let suites =
                    |uri: &String| entry.suites.iter().map(|suite| (uri.clone(), suite.clone())).collect::<Vec<_>>();
                enabled.extend(entry.uris.iter().flat_map(suites));
            }
        }
    }
    if let Some(said) = files.get("addresses") {
        settle(&enabled, &said.output)?;
    }
    Ok(repos)
}

/// An entry as a file states it: types, URIs and suites, and the other options.
#[derive(Debug, Default)]
struct Entry {
    types: Vec<String>,
    uris: Vec<String>,
    suites: Vec<String>,
    options: BTreeMap<String, String>,
}

const YES: &[&str] = &["yes", "true", "1", "on", "with", "enable"];
const NO: &[&str] = &["no", "false", "0", "off", "without", "disable"];

impl Entry {
    /// Whether an option is one of these words.
    fn says(&self, name: &str, words: &[&str]) -> bool {
        self.options.get(name).is_some_and(|value| words.contains(&value.to_lowercase().as_str()))
    }
}

/// `deb [signed-by=/x arch=amd64] http://mirror.example/debian trixie main contrib`.
fn lines(text: &str) -> Read<Vec<Entry>> {
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let refuse = || Unreadable::new(format!("line {}: `{}` is no source", number + 1, one_line(line, 100)));
        let (kind, rest) = line.split_once(char::is_whitespace).ok_or_else(refuse)?;
        let rest = rest.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']').ok_or_else(refuse)?,
            None => ("", rest),
        };
        let mut words = rest.split_whitespace().map(str::to_owned);
        let (Some(uri), Some(suite)) = (words.next(), words.next()) else { return Err(refuse()) };
        if !matches!(kind, "deb" | "deb-src") {
            return Err(refuse());
        }
        let mut entry =
            Entry { types: vec![kind.to_owned()], uris: vec![uri], suites: vec![suite], ..Entry::default() };
        for option in options.split_whitespace() {
            let (name, value) = option.split_once('=').ok_or_else(refuse)?;
            entry.options.insert(name.trim_end_matches(['+', '-']).to_lowercase(), value.replace(',', " "));
        }
        entry.options.insert("components".to_owned(), words.collect::<Vec<_>>().join(" "));
        entries.push(entry);
    }
    Ok(entries)
}

/// Paragraphs of `Field: value` (deb822(5)).
fn stanzas(text: &str) -> Read<Vec<Entry>> {
    let mut entries = Vec::new();
    for paragraph in paragraphs(text)? {
        let words = |name: &str| -> Vec<String> {
            paragraph.get(name).map_or("", String::as_str).split_whitespace().map(str::to_owned).collect()
        };
        let mut entry =
            Entry { types: words("types"), uris: words("uris"), suites: words("suites"), options: paragraph.clone() };
        if entry.types.is_empty() || entry.uris.is_empty() || entry.suites.is_empty() {
            return Err(Unreadable::new("a stanza has no Types, URIs or Suites"));
        }
        for name in ["types", "uris", "suites"] {
            entry.options.remove(name);
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn paragraphs(text: &str) -> Read<Vec<BTreeMap<String, String>>> {
    let mut all: Vec<BTreeMap<String, String>> = vec![BTreeMap::new()];
    let mut last = String::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            all.push(BTreeMap::new());
            last.clear();
            continue;
        }
        let Some(paragraph) = all.last_mut() else { break };
        if line.starts_with([' ', '\t']) {
            let value = paragraph
                .get_mut(&last)
                .ok_or_else(|| Unreadable::new(format!("line {}: it continues nothing", number + 1)))?;
            *value = format!("{value} {}", line.trim()).trim().to_owned();
        } else {
            let (name, value) =
                line.split_once(':').ok_or_else(|| Unreadable::new(format!("line {}: it is no field", number + 1)))?;
            last = name.trim().to_lowercase();
            paragraph.insert(last.clone(), value.trim().to_owned());
        }
    }
    all.retain(|paragraph| !paragraph.is_empty());
    Ok(all)
}

/// Adds what an entry defines. Several entries of one suite are one repository, which is enabled when one
/// of them is, and checked when all are.
fn define(repos: &mut Repos, path: &str, entry: &Entry) {
    if !entry.types.iter().any(|kind| kind == "deb") {
        return;
    }
    let enabled = !entry.says("enabled", NO);
    let checked = !entry.says("trusted", YES) && !entry.says("allow-insecure", YES);
    for uri in &entry.uris {
        for suite in &entry.suites {
            let uri = uri.trim_end_matches('/');
            let repo = repos.repos.entry(format!("{uri} {suite}")).or_default();
            let before = repo.options.get("enabled").is_some_and(|word| word == "true");
            if repo.file.is_empty() {
                repo.file = path.to_owned();
            }
            for (name, value) in &entry.options {
                let name = if name == "signed-by" { "gpgkey" } else { name };
                let known = repo.options.entry(name.to_owned()).or_default();
                for word in value.split_whitespace() {
                    if !known.split(' ').any(|known| known == word) {
                        *known = format!("{known} {word}").trim().to_owned();
                    }
                }
            }
            repo.options.insert("baseurl".to_owned(), uri.to_owned());
            repo.options.insert("suite".to_owned(), suite.clone());
            repo.options.insert("enabled".to_owned(), (enabled || before).to_string());
            if enabled && !checked {
                repo.checked = Some("false".to_owned());
            }
        }
    }
}

/// Compares the entries with what apt would fetch: an `InRelease` of every enabled suite, and no other.
fn settle(enabled: &BTreeSet<(String, String)>, said: &str) -> Read<()> {
    let fetched: BTreeSet<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix('\'')?.split_once('\'').map(|(address, _)| address))
        .filter_map(|address| address.strip_suffix("InRelease"))
        .map(|address| address.trim_end_matches('/'))
        .collect();
    let mut expected = BTreeSet::new();
    for (uri, suite) in enabled {
        if uri.contains("$(") || suite.contains("$(") {
            return Err(Unreadable::new(format!(
                "the source `{}` has a variable of apt, which is not read",
                one_line(&format!("{uri} {suite}"), 200)
            )));
        }
        let uri = uri.trim_end_matches('/');
        let place = match suite.strip_suffix('/') {
            // A suite that ends with a slash is a directory of the archive.
            Some(dir) => format!("{uri}/{}", dir.trim_start_matches("./")),
            None => format!("{uri}/dists/{suite}"),
        };
        expected.insert(place.trim_end_matches(['/', '.']).to_owned());
    }
    let fetched: BTreeSet<String> = fetched.iter().map(|place| place.trim_end_matches(['/', '.']).to_owned()).collect();
    if fetched == expected {
        return Ok(());
    }
    let list = |set: Vec<&String>| one_line(&set.into_iter().cloned().collect::<Vec<_>>().join(", "), 300);
    Err(Unreadable::new(format!(
        "the files of apt and what it would fetch differ: only in the files {}; only fetched {}",
        list(expected.difference(&fetched).collect()),
        list(fetched.difference(&expected).collect())
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, &str)]) -> BTreeMap<String, Answer> {
        let answer = |text: &str| Answer { status: 0, output: text.to_owned() };
        texts.iter().map(|(name, text)| ((*name).to_owned(), answer(text))).collect()
    }

    const SOURCES: &str = "# Debian\nTypes: deb deb-src\nURIs: http://mirror.example/debian/\nSuites: trixie trixie-updates\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\nEnabled: no\nTypes: deb\nURIs: https://x.example/y\nSuites: ./\nTrusted: yes\n";

    #[test]
    fn both_forms_of_sources_are_repositories() {
        let list = "deb http://mirror.example/debian trixie contrib # more\n# deb http://off x main\ndeb [trusted=yes arch=amd64,arm64] file:/srv/repo ./\ndeb-src http://src trixie main\n";
        let repos =
            parse(&files(&[("/etc/apt/sources.list", list), ("/etc/apt/sources.list.d/debian.sources", SOURCES)]))
                .unwrap();
        assert_eq!(
            repos.repos.keys().collect::<Vec<_>>(),
            [
                "file:/srv/repo ./",
                "http://mirror.example/debian trixie",
                "http://mirror.example/debian trixie-updates",
                "https://x.example/y ./"
            ]
        );
        let of = |id: &str| {
            let repo = &repos.repos[id];
            (repos.enabled(repo), repos.checked(id, repo).unwrap(), repo.options["components"].as_str())
        };
        assert_eq!(of("http://mirror.example/debian trixie"), (true, true, "contrib main"));
        assert_eq!(of("file:/srv/repo ./"), (true, false, ""));
        assert!(!repos.enabled(&repos.repos["https://x.example/y ./"]));
        assert_eq!(
            repos.repos["http://mirror.example/debian trixie-updates"].options["gpgkey"],
            "/usr/share/keyrings/debian-archive-keyring.gpg"
        );
        for bad in ["nonsense\n", "rpm http://x y z\n", "deb [x http://x y\n"] {
            assert!(parse(&files(&[("/etc/apt/sources.list", bad)])).is_err(), "{bad}");
        }
        assert!(parse(&files(&[("/etc/apt/sources.list.d/x.sources", "Types: deb\n")])).is_err());
    }

    /// What apt 2.6 and 3.0 print.
    #[test]
    fn apt_itself_must_agree() {
        let said = "'http://mirror.example/debian/dists/trixie/InRelease' mirror.example_debian_dists_trixie_InRelease 0 \n'http://mirror.example/debian/dists/trixie-updates/InRelease' mirror.example_debian_dists_trixie-updates_InRelease 0 \n";
        let of =
            |said: &str| parse(&files(&[("/etc/apt/sources.list.d/debian.sources", SOURCES), ("addresses", said)]));
        assert!(of(said).is_ok(), "{:?}", of(said).err());
        let one = said.lines().next().unwrap();
        assert!(
            of(one)
                .unwrap_err()
                .to_string()
                .contains("only in the files http://mirror.example/debian/dists/trixie-updates")
        );
        let flat = "'file:/srv/repo/./InRelease' x 0\n";
        assert!(parse(&files(&[("/etc/apt/sources.list", "deb file:/srv/repo ./\n"), ("addresses", flat)])).is_ok());
    }

    #[test]
    fn this_host_s_sources_are_what_its_apt_fetches() {
        if crate::testing::this_host_lacks("/usr/bin/apt-get") {
            return;
        }
        let seen = crate::testing::on_this_host(&[probe()]);
        let repos = read(&seen).unwrap();
        assert!(repos.repos.values().any(|repo| repos.enabled(repo)), "{repos:?}");
    }
}
