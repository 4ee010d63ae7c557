//! The files of dnf 4, dnf5, microdnf and tdnf, read by the rules of each:
//!
//! | | dnf 4 (dnf/conf/read.py) | dnf5 (libdnf5/repo/repo_sack.cpp) | tdnf (client/repolist.c) |
//! |---|---|---|---|
//! | main configuration | dnf.conf | the drop-ins, then dnf.conf | tdnf.conf |
//! | directories | `reposdir`, else [`DNF4_DIRS`] | `reposdir`, else [`DNF5_DIRS`] | `repodir`, else /etc/yum.repos.d |
//! | sections of dnf.conf are repositories | first of all | first of all | no |
//! | the same id again | the first counts | the first counts | refused |
//! | a file that cannot be parsed | is passed over | is refused | is refused |
//! | repos.override.d | no | by patterns, in the order of file names | no |

use std::collections::BTreeMap;

use super::repo::{Manager, Repo, Repos};
use crate::check::{Observations, Probe};
use crate::ini::{Section, sections};
use crate::shell::{self, Answer};
use crate::unreadable::{Read, Unreadable};
use muster_base::fnmatch;

/// Key of the probe.
pub(crate) const KEY: &str = "repo/files";

const DNF4_DIRS: &[&str] = &["/etc/yum.repos.d", "/etc/yum/repos.d", "/etc/distro.repos.d"];
const DNF5_DIRS: &[&str] = &["/etc/yum.repos.d", "/etc/distro.repos.d", "/usr/share/dnf5/repos.d"];
const TDNF_DIRS: &[&str] = &["/etc/yum.repos.d"];
/// Files of the first hide those of the second with the same name.
const OVERRIDES: [&str; 2] = ["/etc/dnf/repos.override.d", "/usr/share/dnf5/repos.override.d"];
const DROP_INS: [&str; 2] = ["/etc/dnf/libdnf5.conf.d", "/usr/share/dnf5/libdnf.conf.d"];
/// Later ones win.
const DNF4_VARS: &[&str] = &["/etc/yum/vars", "/etc/dnf/vars"];
const DNF5_VARS: &[&str] = &["/usr/share/dnf5/vars.d", "/etc/dnf/vars"];

/// POSIX sh that sets `main`, the files of the main configuration, and defines `named KEY`, which prints what options
/// that begin so are set to there.
macro_rules! named {
    () => {
        r#"main='/etc/dnf/dnf.conf /usr/share/dnf5/dnf.conf /etc/yum.conf /etc/tdnf/tdnf.conf'
named() {
    for file in $main /etc/dnf/libdnf5.conf.d/*.conf /usr/share/dnf5/libdnf.conf.d/*.conf; do
        [ -f "$file" ] || continue
        on=
        while IFS= read -r line || [ -n "$line" ]; do
            case $line in [!\ \	]*) on=;; esac
            case $line in $1*) on=1;; esac
            [ -z "$on" ] || printf '%s\n' "$line"
        done <"$file"
    done | tr ",=\"'" '    '
}
"#
    };
}

/// POSIX sh after [`named!`] that makes the positional parameters the directories in which repositories are configured.
macro_rules! repo_dirs {
    () => {
        "set -f
set -- /etc/yum.repos.d /etc/yum/repos.d /etc/distro.repos.d /usr/share/dnf5/repos.d /etc/dnf/repos.override.d /usr/share/dnf5/repos.override.d $(named repo)
set +f
"
    };
}
/// POSIX sh after [`named!`] that makes the positional parameters the directories with a file for each variable.
macro_rules! variable_dirs {
    () => {
        "set -f
set -- /etc/yum/vars /etc/dnf/vars /usr/share/dnf5/vars.d $(named varsdir)
set +f
"
    };
}
pub(super) use {named, repo_dirs, variable_dirs};

/// Prints the manager, every file with its content, and the directories that were looked into, those among
/// them that the configuration names. Nothing that is there and cannot be read is passed over.
const READ: &str = concat!(
    r#"dnf=
for name in dnf5 dnf tdnf microdnf; do command -v $name >/dev/null 2>&1 && { dnf=$name; break; }; done
put() { printf '%s\0%s\0%s\0' "$1" 0 "$2"; }
show() { [ -f "$1" ] || return 0; text=$(cat "$1") || exit 1; put "$1" "$text"; }
put manager "$dnf"
put machine "$(uname -m)"
[ ! -d /etc/zypp/repos.d ] || put foreign zypper
"#,
    named!(),
    r#"for file in $main /etc/dnf/libdnf5.conf.d/*.conf /usr/share/dnf5/libdnf.conf.d/*.conf; do show "$file"; done
"#,
    repo_dirs!(),
    r#"for dir do
    case $dir in /*) ;; *) continue;; esac
    put "directory ${dir%/}" ''
    for file in "${dir%/}"/*.repo; do show "$file"; done
done
"#,
    variable_dirs!(),
    r#"for dir do
    case $dir in /*) ;; *) continue;; esac
    for file in "${dir%/}"/*; do show "$file"; done
done"#
);

/// Reads all of it.
pub(crate) fn probe() -> Probe {
    Probe::new(KEY, 20, READ)
}

/// The repositories that the files define; `None` where there is no file of a package manager.
///
/// # Errors
/// What could not be read, and what the package manager refuses.
pub(crate) fn read(seen: &Observations) -> Read<Option<Repos>> {
    seen.output(KEY)?;
    parse(&shell::answers(seen.reply(KEY)?)?)
}

type Files = BTreeMap<String, Answer>;

fn parse(files: &Files) -> Read<Option<Repos>> {
    if files.is_empty() {
        return Err(Unreadable::new("the reading of the repositories' files said nothing"));
    }
    if !files.keys().any(|path| path.ends_with(".repo") || path.ends_with(".conf")) {
        return match files.get("foreign") {
            Some(manager) => Err(Unreadable::new(format!(
                "the repositories here are those of {}, which muster does not read",
                manager.output
            ))),
            None => Ok(None),
        };
    }
    let manager = match files.get("manager").map_or("", |file| file.output.as_str()) {
        "dnf" | "microdnf" => Manager::Dnf4,
        "tdnf" => Manager::Tdnf,
        _ => Manager::Dnf5,
    };
    let mut repos = Repos { manager, ..Repos::default() };
    let conf = main_file(files, manager);
    let mut mains: Vec<(String, Vec<Section>)> = Vec::new();
    if manager == Manager::Dnf5 {
        for path in by_name(files, &DROP_INS, ".conf") {
            mains.push((path.clone(), parsed(files, &path)?));
        }
    }
    if let Some(path) = conf {
        mains.push((path.to_owned(), parsed(files, path)?));
    }
    variables_of(&mut repos, files, &mains);
    let (key, dirs) = match manager {
        Manager::Tdnf => ("repodir", TDNF_DIRS),
        Manager::Dnf4 => ("reposdir", DNF4_DIRS),
        _ => ("reposdir", DNF5_DIRS),
    };
    let named = main_option(&mains, key).map(|dirs| repos.expand(dirs));
    main_of(&mut repos, &mains);
    if let (Some(path), true) = (conf, manager != Manager::Tdnf) {
        let sections = mains.pop().map(|(_, sections)| sections).unwrap_or_default();
        define(&mut repos, path, &sections)?;
    }
    for dir in directories(named.as_ref(), dirs) {
        if named.is_some() && !files.contains_key(&format!("directory {dir}")) {
            return Err(Unreadable::new(format!("`{key}` names {dir}, which was not looked into")));
        }
        for path in files.keys().filter(|path| is_in(path, &dir) && path.ends_with(".repo")) {
            match sections(&files[path].output) {
                Ok(sections) => define(&mut repos, path, &sections)?,
                // It warns and goes on without the file.
                Err(_) if manager == Manager::Dnf4 => {}
                Err(why) => return Err(refused(path, &why)),
            }
        }
    }
    if manager == Manager::Dnf5 {
        overrides(&mut repos, files)?;
    }
    Ok(Some(repos))
}

/// The file of the main configuration that the manager reads.
fn main_file(files: &Files, manager: Manager) -> Option<&'static str> {
    let names: &[&'static str] = match manager {
        Manager::Tdnf => &["/etc/tdnf/tdnf.conf"],
        Manager::Dnf4 => &["/etc/dnf/dnf.conf", "/etc/yum.conf"],
        _ => &["/etc/dnf/dnf.conf", "/usr/share/dnf5/dnf.conf"],
    };
    names.iter().copied().find(|path| files.contains_key(*path))
}

/// An option of the main configuration, as it is written.
fn main_option<'m>(mains: &'m [(String, Vec<Section>)], name: &str) -> Option<&'m String> {
    let options = mains.iter().flat_map(|(_, sections)| sections).filter(|section| section.name == "main");
    options.flat_map(|section| &section.options).rfind(|(key, _)| key == name).map(|(_, value)| value)
}

/// The variables. Of the options of the main configuration only their directories count before they are known.
fn variables_of(repos: &mut Repos, files: &Files, mains: &[(String, Vec<Section>)]) {
    let default = if repos.manager == Manager::Dnf4 { DNF4_VARS } else { DNF5_VARS };
    for (name, path) in variables(files, &directories(main_option(mains, "varsdir"), default)) {
        repos.variables.insert(name.clone(), files[&path].output.lines().next().unwrap_or_default().to_owned());
        repos.variable_files.insert(name, path);
    }
    let machine = files.get("machine").map_or("", |file| file.output.as_str());
    let base = if matches!(machine, "i386" | "i486" | "i586" | "i686") { "i386" } else { machine };
    if !base.is_empty() {
        repos.variables.entry("basearch".to_owned()).or_insert_with(|| base.to_owned());
        repos.variables.entry("arch".to_owned()).or_insert_with(|| machine.to_owned());
    }
}

/// The options of the main configuration, of which the last counts.
fn main_of(repos: &mut Repos, mains: &[(String, Vec<Section>)]) {
    for section in mains.iter().flat_map(|(_, sections)| sections).filter(|section| section.name == "main") {
        let mut main = Repo::default();
        std::mem::swap(&mut main.options, &mut repos.main);
        main.checked = repos.main_checked.take();
        apply(repos, &mut main, &section.options);
        (repos.main, repos.main_checked) = (main.options, main.checked);
    }
}

/// What repos.override.d says of repositories by patterns of their ids.
fn overrides(repos: &mut Repos, files: &Files) -> Read<()> {
    for path in by_name(files, &OVERRIDES, ".repo") {
        for section in parsed(files, &path)? {
            let pattern = repos.expand(&section.name);
            let ids: Vec<String> = repos.repos.keys().filter(|id| fnmatch::matches(&pattern, id)).cloned().collect();
            let switches_only = section.options.iter().all(|(name, _)| name == "enabled");
            for id in ids {
                if let Some(mut repo) = repos.repos.remove(&id) {
                    if !switches_only {
                        repo.overridden_by.push(path.clone());
                    }
                    apply(repos, &mut repo, &section.options);
                    repos.repos.insert(id, repo);
                }
            }
        }
    }
    Ok(())
}

/// The content of each file that was read, by its path, without newlines at its end.
///
/// # Errors
/// The reading is torn.
pub(super) fn contents(seen: &Observations) -> Read<BTreeMap<String, String>> {
    Ok(shell::answers(seen.reply(KEY)?)?.into_iter().map(|(path, file)| (path, file.output)).collect())
}

fn parsed(files: &Files, path: &str) -> Read<Vec<Section>> {
    let text = files.get(path).map_or("", |file| file.output.as_str());
    sections(text).map_err(|why| refused(path, &why))
}

fn refused(path: &str, why: &Unreadable) -> Unreadable {
    Unreadable::new(format!("{path}: {why}; the package manager refuses it"))
}

/// Adds the repositories of a file. Of two with one id the first counts.
fn define(repos: &mut Repos, path: &str, sections: &[Section]) -> Read<()> {
    for section in sections.iter().filter(|section| section.name != "main") {
        let id = repos.expand(&section.name);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if repos.manager == Manager::Dnf4 && !id.chars().all(plain) {
            continue;
        }
        let is_tdnf = repos.manager == Manager::Tdnf;
        if let Some(first) = repos.repos.get_mut(&id) {
            if is_tdnf {
                return Err(Unreadable::new(format!(
                    "{} and {path} both define `{id}`, which tdnf refuses",
                    first.file
                )));
            }
            if first.file != path {
                first.also_in.push(path.to_owned());
            }
            continue;
        }
        let mut repo = Repo { file: path.to_owned(), ..Repo::default() };
        apply(repos, &mut repo, &section.options);
        repos.repos.insert(id, repo);
    }
    Ok(())
}

/// Sets options, except those whose value the package manager passes over with a warning.
fn apply(repos: &Repos, repo: &mut Repo, options: &[(String, String)]) {
    for (name, value) in options {
        let valid = match name.as_str() {
            "enabled" | "gpgcheck" | "pkg_gpgcheck" | "repo_gpgcheck" | "skip_if_unavailable" => {
                repos.truth(value).is_some()
            }
            "priority" => repos.expand(value).parse::<i32>().is_ok(),
            _ => true,
        };
        if !valid {
            continue;
        }
        // `pkg_gpgcheck` is dnf5's newer name of `gpgcheck`: of both the later counts.
        if name == "gpgcheck" || (name == "pkg_gpgcheck" && repos.manager == Manager::Dnf5) {
            repo.checked = Some(value.clone());
        }
        repo.options.insert(name.clone(), value.clone());
    }
}

/// The files of two directories in the order of their names; those of the first hide those of the second.
fn by_name(files: &Files, dirs: &[&str], end: &str) -> Vec<String> {
    let mut named: BTreeMap<&str, &String> = BTreeMap::new();
    for dir in dirs {
        for path in files.keys().filter(|path| is_in(path, dir) && path.ends_with(end)) {
            named.entry(&path[dir.len()..]).or_insert(path);
        }
    }
    named.into_values().cloned().collect()
}

fn is_in(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir).and_then(|rest| rest.strip_prefix('/')).is_some_and(|name| !name.contains('/'))
}

fn directories(named: Option<&String>, default: &[&str]) -> Vec<String> {
    let Some(named) = named else { return default.iter().map(|dir| (*dir).to_owned()).collect() };
    let dirs = named.split([',', ' ', '\t']).filter(|dir| !dir.is_empty());
    dirs.map(|dir| dir.trim_end_matches('/').to_owned()).collect()
}

/// The variables that files define, whose first line is the value: by the name of each the file that counts, which is the last.
fn variables(files: &Files, dirs: &[String]) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for dir in dirs {
        for path in files.keys().filter(|path| is_in(path, dir)) {
            variables.insert(path[dir.len() + 1..].to_owned(), path.clone());
        }
    }
    variables
}

#[cfg(test)]
mod tests;
