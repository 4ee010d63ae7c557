//! A repository as its files define it, and how the package manager that reads them understands its options.

use std::collections::BTreeMap;

use crate::unreadable::{Read, Unreadable};

/// Who reads the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Manager {
    /// dnf5; also where no package manager is installed that would read them.
    #[default]
    Dnf5,
    /// dnf 4 and microdnf.
    Dnf4,
    Tdnf,
    Apt,
}

/// A repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repo {
    /// The file that defines it; empty for one that a plugin of the package manager adds.
    pub file: String,
    /// Further files that define the same id, which do not count; for tdnf none, since it refuses them.
    pub also_in: Vec<String>,
    /// The overriding files that set more of it than whether it is enabled.
    pub overridden_by: Vec<String>,
    /// Options as written, drop-ins applied; without those whose values the package manager passes over.
    pub options: BTreeMap<String, String>,
    /// What it states of the signatures of packages, of the names that the package manager has for it.
    pub checked: Option<String>,
    /// Whether nothing but its id and whether it is enabled is known.
    pub partial: bool,
}

/// All repositories by id, and the main configuration.
#[derive(Debug, Default)]
pub struct Repos {
    pub(crate) manager: Manager,
    /// By id.
    pub repos: BTreeMap<String, Repo>,
    pub(crate) main: BTreeMap<String, String>,
    pub(super) main_checked: Option<String>,
    pub(super) variables: BTreeMap<String, String>,
    /// The file that gives a variable its value, by the variable.
    pub(super) variable_files: BTreeMap<String, String>,
}

/// Options of a repository that say where its packages and keys come from.
const PLACES: [&str; 4] = ["baseurl", "mirrorlist", "metalink", "gpgkey"];

impl Repos {
    /// An option of a repository, else of the main configuration. tdnf takes nothing from there.
    pub(crate) fn option<'a>(&'a self, repo: &'a Repo, name: &str) -> Option<&'a str> {
        let main = self.main.get(name).filter(|_| matches!(self.manager, Manager::Dnf4 | Manager::Dnf5));
        repo.options.get(name).or(main).map(String::as_str)
    }

    /// A switch of a repository, else of the main configuration, else what the manager assumes.
    pub(crate) fn switch(&self, repo: &Repo, name: &str, default: bool) -> bool {
        self.option(repo, name).and_then(|word| self.truth(word)).unwrap_or(default)
    }

    /// Whether packages are taken from it.
    pub fn enabled(&self, repo: &Repo) -> bool {
        self.switch(repo, "enabled", self.manager != Manager::Tdnf)
    }

    /// Whether packages must be signed.
    ///
    /// # Errors
    /// When it is not known.
    pub fn checked(&self, id: &str, repo: &Repo) -> Read<bool> {
        if repo.partial {
            return Err(unknown(id));
        }
        let main = self.main_checked.as_ref().filter(|_| self.manager != Manager::Tdnf);
        let stated = repo.checked.as_ref().or(main);
        Ok(stated.and_then(|word| self.truth(word)).unwrap_or(matches!(self.manager, Manager::Tdnf | Manager::Apt)))
    }

    /// What the manager takes a word for; `None` when it passes over such a value.
    pub(super) fn truth(&self, word: &str) -> Option<bool> {
        let word = self.expand(word).to_lowercase();
        match (self.manager, word.as_str()) {
            // Its isTrue(): anything that does not begin with a number other than 0, and is not `true`.
            (Manager::Tdnf, word) => {
                let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
                Some(word == "true" || digits.bytes().any(|digit| digit != b'0'))
            }
            (_, "1" | "yes" | "true" | "on") => Some(true),
            (_, "0" | "no" | "false" | "off") => Some(false),
            _ => None,
        }
    }

    /// The files of the variables in the addresses of a repository: who writes one sends the package manager elsewhere. What stands
    /// behind a question mark is for the server that is there anyway; CentOS writes a variable of its images there.
    pub(super) fn files_of_its_variables<'a>(&'a self, repo: &'a Repo) -> impl Iterator<Item = &'a String> {
        let urls =
            PLACES.iter().filter_map(move |name| self.option(repo, name)).flat_map(|urls| urls.split([',', ' ', '\n']));
        let places = urls.map(|url| url.split('?').next().unwrap_or(url));
        let parts = places.flat_map(|place| place.split('$').skip(1));
        let names = parts.map(|part| split_name(part.strip_prefix('{').unwrap_or(part)).0);
        names.filter_map(move |name| self.variable_files.get(name))
    }

    /// A text with its variables in it; those that nobody defines stay as they are.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let braced = after.strip_prefix('{');
            let body = braced.unwrap_or(after);
            let (name, behind) = split_name(body);
            let value = self.variables.get(name).map(String::as_str);
            let (value, left) = match braced {
                None => (value.map(str::to_owned), behind),
                Some(_) if behind.starts_with('}') => (value.map(str::to_owned), &behind[1..]),
                Some(_) => match (behind.get(..2), behind.find('}')) {
                    (Some(":-"), Some(close)) => {
                        let word = self.expand(&behind[2..close]);
                        (
                            Some(value.filter(|value| !value.is_empty()).map_or(word, str::to_owned)),
                            &behind[close + 1..],
                        )
                    }
                    (Some(":+"), Some(close)) => {
                        let word = self.expand(&behind[2..close]);
                        (
                            Some(value.filter(|value| !value.is_empty()).map_or_else(String::new, |_| word)),
                            &behind[close + 1..],
                        )
                    }
                    _ => (None, behind),
                },
            };
            match value {
                Some(value) => {
                    out.push_str(&value);
                    rest = left;
                }
                None => {
                    out.push('$');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// What to say of a repository that only the package manager itself knows.
pub(crate) fn unknown(id: &str) -> Unreadable {
    Unreadable::new(format!(
        "no file defines `{id}`, which the package manager lists: a plugin of it adds the repository, and only whether it is enabled is known"
    ))
}

/// The name of a variable that begins behind `$` or `${`, and what follows it.
fn split_name(body: &str) -> (&str, &str) {
    body.split_at(body.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(body.len()))
}
