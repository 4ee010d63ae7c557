//! Repository files and the main configuration of the package manager, as they stand in the guest.
//! Shared by `repo`, `repos` and the
//! comparison of two systems.

use std::collections::BTreeMap;

use super::shell;
use super::{Observations, Probe};

const KEY: &str = "repo/files";

/// Prints every file with its content. Drop-ins of a folder of higher rank hide the same name of a
/// lower one. Nothing that is there and cannot be read is passed over.
const READ: &str = r#"seen=
for dir in /etc/dnf/libdnf5.conf.d /usr/share/dnf5/libdnf.conf.d /etc/yum.repos.d /etc/distro.repos.d /usr/share/dnf5/repos.d /etc/dnf/repos.override.d; do
    for file in "$dir"/*.conf "$dir"/*.repo; do
        [ -e "$file" ] || continue
        text=$(cat "$file") || exit 1
        printf '%s\0%s\0%s\0' "$file" 0 "$text"
    done
done
for file in /etc/dnf/dnf.conf /etc/yum.conf /etc/tdnf/tdnf.conf; do
    [ -e "$file" ] || continue
    text=$(cat "$file") || exit 1
    printf '%s\0%s\0%s\0' "$file" 0 "$text"
done"#;

pub(crate) fn probe() -> Probe {
    Probe::new(KEY, 20, READ)
}

/// A repository's section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Repo {
    pub(crate) file: String,
    pub(crate) options: BTreeMap<String, String>,
}

/// All repositories by id, and the main configuration.
#[derive(Debug, Default)]
pub(crate) struct Repos {
    pub(crate) repos: BTreeMap<String, Repo>,
    pub(crate) main: BTreeMap<String, String>,
}

impl Repos {
    pub(crate) fn read(seen: &Observations) -> Result<Self, String> {
        seen.output(KEY)?;
        let files = shell::answers(seen.reply(KEY)?)?;
        if files.is_empty() {
            return Err("no package manager is configured here".to_owned());
        }
        let mut all = Repos::default();
        let rank = |path: &str| match path {
            path if path.starts_with("/usr/share/") => 1,
            path if path.contains(".conf.d/") => 2,
            path if path.starts_with("/etc/dnf/repos.override.d/") => 4,
            _ => 3,
        };
        let mut ordered: Vec<_> = files.into_iter().collect();
        ordered.sort_by_key(|(path, _)| (rank(path), path.clone()));
        for (path, answer) in ordered {
            let is_override = path.starts_with("/etc/dnf/repos.override.d/");
            for (section, options) in sections(&answer.output) {
                if section == "main" {
                    all.main.extend(options);
                } else if is_override {
                    // An override changes what is there; it makes no repository.
                    if let Some(repo) = all.repos.get_mut(&section) {
                        repo.options.extend(options);
                    }
                } else {
                    all.repos.insert(section, Repo { file: path.clone(), options });
                }
            }
        }
        Ok(all)
    }

    /// An option of a repository, else of the main configuration.
    pub(crate) fn option<'a>(&'a self, repo: &'a Repo, name: &str) -> Option<&'a str> {
        repo.options.get(name).or_else(|| self.main.get(name)).map(String::as_str)
    }

    /// A switch of a repository, else of the main configuration, else what the manager assumes.
    pub(crate) fn switch(&self, repo: &Repo, name: &str, default: bool) -> Result<bool, String> {
        let Some(word) = self.option(repo, name) else { return Ok(default) };
        truth(word).ok_or_else(|| format!("`{name}={word}` is neither on nor off"))
    }

    /// Whether packages must be signed: `pkg_gpgcheck` is dnf5's newer name of `gpgcheck`.
    pub(crate) fn checked(&self, repo: &Repo) -> Result<bool, String> {
        let stated = |options: &BTreeMap<String, String>| {
            options.get("pkg_gpgcheck").or_else(|| options.get("gpgcheck")).cloned()
        };
        match stated(&repo.options).or_else(|| stated(&self.main)) {
            None => Ok(false),
            Some(word) => truth(&word).ok_or_else(|| format!("`gpgcheck={word}` is neither on nor off")),
        }
    }
}

fn truth(word: &str) -> Option<bool> {
    match word.to_lowercase().as_str() {
        "1" | "yes" | "true" | "on" | "always" => Some(true),
        "0" | "no" | "false" | "off" | "never" => Some(false),
        _ => None,
    }
}

/// Sections of an ini file, in order. A line that begins with white space goes on with the value
/// before it.
fn sections(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut sections: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    let mut last = String::new();
    for line in text.lines() {
        if line.trim().is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push((name.to_owned(), BTreeMap::new()));
            last.clear();
            continue;
        }
        let Some((_, options)) = sections.last_mut() else { continue };
        if line.starts_with([' ', '\t']) && !last.is_empty() {
            if let Some(value) = options.get_mut(&last) {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once('=') {
            last = name.trim().to_owned();
            options.insert(last.clone(), value.trim().to_owned());
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::{records, seen};

    #[test]
    fn repositories_inherit_from_main_and_overrides_change_them() {
        let seen = seen(
            KEY,
            records(&[
                (
                    "/etc/yum.repos.d/azl.repo",
                    0,
                    "[base]\nname=Base $releasever\nbaseurl=https://a\n    https://b\nenabled=1\n\n[old]\nenabled=0\ngpgcheck=0\nbaseurl=http://c\n",
                ),
                ("/etc/dnf/repos.override.d/99.repo", 0, "[old]\nenabled=1\n[ghost]\nenabled=1\n"),
                ("/etc/dnf/dnf.conf", 0, "[main]\npkg_gpgcheck=True\nbest=False\n"),
            ]),
        );
        let repos = Repos::read(&seen).unwrap();
        assert_eq!(repos.repos.keys().collect::<Vec<_>>(), ["base", "old"]);
        assert_eq!(repos.repos["base"].options["baseurl"], "https://a https://b");
        assert_eq!((repos.checked(&repos.repos["base"]), repos.checked(&repos.repos["old"])), (Ok(true), Ok(false)));
        assert_eq!(repos.switch(&repos.repos["old"], "enabled", true), Ok(true));
        assert_eq!(repos.main["best"], "False");
        assert!(Repos::read(&super::super::testing::seen(KEY, records(&[]))).is_err());
    }
}
