//! What dnf itself says of its repositories, without network and without loading any. The files are read
//! by its rules; where the two differ one of them is not understood, and nothing is guessed.

use std::collections::BTreeMap;

use super::repo::{Repo, Repos};
use crate::check::{Observations, Probe};
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;

/// Key of the probe.
pub(super) const KEY: &str = "repo/listed";

/// All options of all repositories where the command can tell them, else a table. Other managers than dnf
/// have no such command that needs no network.
const LIST: &str = r#"export LC_ALL=C COLUMNS=400
if command -v dnf5 >/dev/null 2>&1; then
    echo '= dump'
    dnf5 -q -C '--dump-repo-config=*' repo list --all >/dev/null 2>&1 && { dnf5 -q -C '--dump-repo-config=*' repo list --all; exit; }
    echo '= table'
    dnf5 -q -C repo list --all
elif command -v dnf >/dev/null 2>&1; then
    echo '= dump'
    said=$(dnf -q -C config-manager --dump '*' 2>/dev/null) && [ -n "$said" ] && { printf '%s\n' "$said"; exit; }
    echo '= table'
    dnf -q -C repolist --all
else
    echo '= nothing'
fi"#;

pub(super) fn probe() -> Probe {
    Probe::new(KEY, 60, LIST)
}

/// What is listed of one repository.
#[derive(Debug, Default, PartialEq, Eq)]
struct Listed {
    enabled: bool,
    /// All of its options, variables in place; `None` where only a table could be had.
    options: Option<BTreeMap<String, String>>,
}

/// Compares the files with the list, and adds what only the list knows.
///
/// # Errors
/// Where they differ, with both values.
pub(super) fn settle(repos: &mut Repos, seen: &Observations) -> Read<()> {
    let text = seen.output(KEY)?;
    let Some(listed) = parse(&text)? else { return Ok(()) };
    for (id, repo) in &repos.repos {
        let (id, file) = (one_line(id, 100), &repo.file);
        let Some(list) = listed.get(&id) else {
            return Err(Unreadable::new(format!(
                "{file} defines the repository `{id}`, and the package manager does not list it"
            )));
        };
        let differ = |what: &str, ours: &str, theirs: &str| {
            Err(Unreadable::new(format!(
                "`{id}`: by {file} and what changes it {what} is {ours}, and the package manager says {theirs}"
            )))
        };
        let enabled = repos.enabled(repo);
        if enabled != list.enabled {
            return differ("enabled", &enabled.to_string(), &list.enabled.to_string());
        }
        let Some(options) = &list.options else { continue };
        let checked = repos.checked(&id, repo)?;
        if let Some(theirs) = options.get("gpgcheck").or(options.get("pkg_gpgcheck"))
            && repos.truth(theirs) != Some(checked)
        {
            return differ("gpgcheck", &checked.to_string(), theirs);
        }
        for (name, default) in [("repo_gpgcheck", "0"), ("priority", "99")] {
            let ours = repos.option(repo, name).map_or_else(|| default.to_owned(), |value| repos.expand(value));
            if let Some(theirs) = options.get(name)
                && *theirs != ours
                && (repos.truth(theirs).is_none() || repos.truth(theirs) != repos.truth(&ours))
            {
                return differ(name, &ours, theirs);
            }
        }
    }
    for (id, list) in listed {
        if repos.repos.contains_key(&id) {
            continue;
        }
        let partial = list.options.is_none();
        let mut options = list.options.unwrap_or_default();
        options.insert("enabled".to_owned(), u8::from(list.enabled).to_string());
        let checked = options.get("gpgcheck").cloned();
        repos.repos.insert(id, Repo { options, checked, partial, ..Repo::default() });
    }
    Ok(())
}

/// What was listed; `None` where there is no command that lists.
fn parse(text: &str) -> Read<Option<BTreeMap<String, Listed>>> {
    // A dump that failed is followed by the table.
    if let Some((_, table)) = text.split_once("= table\n") {
        return table_of(table).map(Some);
    }
    match text.strip_prefix("= dump\n") {
        Some(dump) => dump_of(dump).map(Some),
        None if text == "= nothing\n" => Ok(None),
        None => {
            Err(Unreadable::new(format!("the list of repositories did not begin as expected: {}", one_line(text, 120))))
        }
    }
}

/// `=== repo: lab ===` (dnf 4) or `=== "lab" repository configuration: ===` (dnf5), and options below.
fn dump_of(text: &str) -> Read<BTreeMap<String, Listed>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("===") {
            let heading = heading.trim_matches(['=', ' ']);
            let id =
                heading.strip_prefix("repo: ").or_else(|| heading.strip_prefix('"')?.split_once('"').map(|(id, _)| id));
            let id =
                id.ok_or_else(|| Unreadable::new(format!("the package manager prints `{}`", one_line(line, 120))))?;
            all.insert(id.to_owned(), BTreeMap::new());
            open = Some(id.to_owned());
        } else if let (Some(id), Some((key, value))) = (&open, line.split_once('='))
            && let Some(options) = all.get_mut(id)
        {
            options.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    all.into_iter()
        .map(|(id, options)| match options.get("enabled").map(String::as_str) {
            Some("1" | "True" | "true") => Ok((id, Listed { enabled: true, options: Some(options) })),
            Some("0" | "False" | "false") => Ok((id, Listed { enabled: false, options: Some(options) })),
            _ => Err(Unreadable::new(format!(
                "the package manager does not say whether `{}` is enabled",
                one_line(&id, 100)
            ))),
        })
        .collect()
}

/// Rows that begin with an id and end with the status, below a heading.
fn table_of(text: &str) -> Read<BTreeMap<String, Listed>> {
    let rows = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("repo id"));
    rows.map(|line| {
        let mut words = line.split_whitespace();
        let enabled = match (words.clone().next_back(), words.clone().count()) {
            (Some("enabled"), 2..) => true,
            (Some("disabled"), 2..) => false,
            _ => return Err(Unreadable::new(format!("the package manager prints `{}`", one_line(line, 120)))),
        };
        Ok((words.next().unwrap_or_default().to_owned(), Listed { enabled, options: None }))
    })
    .collect()
}
