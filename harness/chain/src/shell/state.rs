//! The system that shell text meets: what the chain brings to it, and what was found to be needed of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::names;
use crate::host::Host;
use crate::need::{Need, Verb, Want};
use crate::place::Place;

/// Where packages that are no distribution's own are installed, each in a directory of its own.
const OPT: &str = "/opt";

/// The directory that is one package's: `/opt/splunk` of `/opt/splunk/bin/splunk`; `/opt` of itself.
fn opt_tree(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(OPT)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    match rest.strip_prefix('/') {
        None if rest.starts_with(plain) => None,
        None => Some(OPT),
        Some(rest) => match rest.find(|c| !plain(c)).unwrap_or(rest.len()) {
            0 => Some(OPT),
            length => Some(&path[..OPT.len() + 1 + length]),
        },
    }
}

/// Section, need, and file, line and byte where it is written.
type Found = (Option<String>, Want, Verb, Arc<str>, u32, u32);

/// A system on which shell text runs, piece after piece: what one piece brings, the next does not need.
#[derive(Clone)]
pub(crate) struct Shell<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) from: Utf8PathBuf,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) within: Option<String>,
    pub(super) optional: bool,
    /// Where relative names begin.
    pub(super) directory: String,
    /// Relative names are files that the host has.
    pub(super) local: bool,
    /// Files that the chain puts there, and what the host calls them.
    pub(super) brought: BTreeMap<String, Option<String>>,
    /// Commands that it puts there: functions, programs, packages of languages.
    pub(super) commands: BTreeSet<String>,
    pub(super) users: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
    /// Something was installed whose files nobody can list: a command may come from it.
    pub(super) opaque: bool,
    /// Trees below `/opt` that some command was given, which may have put something there; `/opt` for all of them.
    pub(super) handled_trees: BTreeSet<String>,
    /// Files whose text is not any more what the host has.
    pub(super) changed: BTreeSet<String>,
    /// Lines of lists that are counted.
    pub(super) listed: HashSet<(Arc<str>, u32)>,
    /// The text runs on a host that makes the image: what it uses there is no need of the image.
    pub(super) elsewhere: bool,
    /// The variable that holds which distribution the image is made of.
    pub(super) distribution: Option<String>,
    /// Names that it installs without saying for which distribution are Debian's.
    pub(super) debian: bool,
    /// The command at hand, as it is written.
    pub(super) command: String,
    /// Scripts read, counted.
    pub(super) included: usize,
    /// Scripts whose lines are counted.
    pub(super) read: BTreeSet<String>,
    /// What is used, by section, and whether each time it was optional.
    pub(super) used: HashMap<(Option<String>, Want), bool>,
    /// What else was found, by its place.
    pub(super) found: HashSet<Found>,
}

impl<'a> Shell<'a> {
    /// A new system. Scripts that the text runs are read as included by `from`.
    pub(crate) fn new(host: &'a dyn Host, from: &Utf8Path) -> Self {
        Self {
            host,
            from: from.to_owned(),
            variables: BTreeMap::new(),
            within: None,
            optional: false,
            directory: "/".to_owned(),
            local: false,
            brought: BTreeMap::new(),
            commands: BTreeSet::new(),
            users: BTreeSet::new(),
            groups: BTreeSet::new(),
            opaque: false,
            handled_trees: BTreeSet::new(),
            changed: BTreeSet::new(),
            listed: HashSet::new(),
            elsewhere: false,
            distribution: None,
            debian: false,
            command: String::new(),
            included: 0,
            read: BTreeSet::new(),
            used: HashMap::new(),
            found: HashSet::new(),
        }
    }

    /// An environment variable (`ENV`, `ARG`), which every piece sees. Without a value its value is not known.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.variables.insert(name.to_owned(), value.to_owned()),
            None => self.variables.remove(name),
        };
    }

    /// What [`crate::Need::within`] is from here on.
    pub(crate) fn within(&mut self, within: Option<String>) {
        self.within = within;
    }

    /// Whether the chain goes on when what follows fails (`ignore_errors`).
    pub(crate) fn optional(&mut self, optional: bool) {
        self.optional = optional;
    }

    /// The directory in which the next piece runs.
    pub(crate) fn directory(&mut self, directory: &str) {
        self.directory = self.absolute(directory);
    }

    /// Scripts that are named relatively are files of the host.
    pub(crate) fn local(&mut self) {
        self.local = true;
    }

    /// A file that the chain puts on the system, and the name under which the host has it, if it does.
    pub(crate) fn brings(&mut self, path: &str, source: Option<&str>) {
        let path = self.absolute(path);
        if let Some((directory, name)) = path.rsplit_once('/')
            && (directory.ends_with("bin"))
        {
            self.commands.insert(name.to_owned());
        }
        self.changed.remove(&path);
        self.brought.insert(path, source.map(str::to_owned));
    }

    /// A file or directory is there no more.
    pub(crate) fn takes_away(&mut self, path: &str) {
        self.brought.remove(&self.absolute(path));
    }

    /// What was brought to a directory or below it: the path behind it, and what the host calls it.
    pub(crate) fn brought_below(&self, directory: &str) -> Vec<(String, String)> {
        let directory = self.absolute(directory);
        let directory = directory.trim_end_matches('/');
        let below = |path: &String| {
            let rest = path.strip_prefix(directory)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
        };
        self.brought.iter().filter_map(|(path, source)| Some((below(path)?, source.clone()?))).collect()
    }

    /// Notes that a command was given a name, which may be a file that it changes.
    pub(super) fn changes(&mut self, text: &str) {
        let named = text.split_once('=').map_or(text, |(_, value)| value);
        let path = self.absolute(named);
        if let Some(star) = path.find('*') {
            let matching = self.brought.keys().filter(|brought| brought.starts_with(&path[..star])).cloned();
            let matching: Vec<String> = matching.collect();
            self.changed.extend(matching);
        } else if self.brought.contains_key(&path)
            || self.source_of(&path).is_some()
            || self.local && !named.starts_with(['/', '-'])
        {
            self.changed.insert(path);
        }
    }

    /// What the host calls a file whose lines are names, where it is as the chain brought it.
    pub(super) fn list_of(&self, path: &str) -> Option<String> {
        let absolute = self.absolute(path);
        let is_changed = |at: usize| self.changed.contains(&absolute[..at]);
        if absolute.match_indices('/').any(|(at, _)| is_changed(at)) || is_changed(absolute.len()) {
            return None;
        }
        let own = self.local && !path.starts_with('/') && !self.brought.contains_key(&absolute);
        let relative = own.then(|| path.trim_start_matches("./").to_owned());
        self.source_of(path).or(relative)
    }

    /// The text runs on a host that makes an image; `distribution` is the variable that says of what.
    pub(crate) fn elsewhere(&mut self, distribution: &str) {
        self.elsewhere = true;
        self.distribution = Some(distribution.to_owned());
    }

    /// The text runs in the image itself.
    pub(crate) fn in_image_of(&mut self, distribution: &str) {
        self.distribution = Some(distribution.to_owned());
    }

    /// Packages are named as Debian names them.
    pub(crate) fn names_of_debian(&mut self) {
        self.debian = true;
    }

    /// Something comes in whose files are not known: a directory that is copied over the root.
    pub(crate) fn brings_unknown(&mut self) {
        self.opaque = true;
    }

    /// A user that the chain creates, with the group of its name.
    pub(crate) fn creates_user(&mut self, name: &str) {
        self.users.insert(name.to_owned());
        self.groups.insert(name.to_owned());
    }

    /// A group of users that the chain creates.
    pub(crate) fn creates_group(&mut self, name: &str) {
        self.groups.insert(name.to_owned());
    }

    /// Whether a user must be there, which the chain does not create.
    pub(crate) fn needs_user(&self, name: &str) -> bool {
        name != "root" && names::is_user(name) && !self.users.contains(name)
    }

    /// Whether a group must be there, which the chain does not create.
    pub(crate) fn needs_group(&self, name: &str) -> bool {
        name != "root" && names::is_user(name) && !self.groups.contains(name)
    }

    /// Whether a need is an account that the chain creates itself.
    pub(crate) fn creates(&self, need: &Need) -> bool {
        match &need.want {
            Want::User(name) => !self.needs_user(name),
            Want::UserGroup(name) => !self.needs_group(name),
            _ => false,
        }
    }

    /// Whether the chain puts a command there.
    pub(crate) fn brings_command(&self, name: &str) -> bool {
        self.commands.contains(name)
    }

    /// Whether the chain puts a file there.
    pub(crate) fn is_brought(&self, path: &str) -> bool {
        self.brought.contains_key(&self.absolute(path))
    }

    /// Notes that a command was given something whose text is not known: it may be a path below `/opt`.
    pub(crate) fn handles_unknown(&mut self) {
        self.handled_trees.insert(OPT.to_owned());
    }

    /// Notes that a command was given a path below `/opt`.
    pub(crate) fn handles(&mut self, text: &str) {
        for (at, _) in text.match_indices(OPT) {
            let begins = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "._-/".contains(c));
            if let Some(tree) = begins.then(|| opt_tree(&text[at..])).flatten() {
                self.handled_trees.insert(tree.to_owned());
            }
        }
    }

    /// Whether a path is below `/opt`, and nothing in the chain can have put it there: a package does, or it was there.
    pub(super) fn is_add_on(&self, path: &str) -> bool {
        let Some(tree) = opt_tree(path).filter(|tree| *tree != OPT) else { return false };
        let is_of = |other: &str| other == tree || other == OPT;
        !self.opaque
            && !opt_tree(&self.directory).is_some_and(is_of)
            && !self.handled_trees.iter().any(|other| is_of(other))
            && !self.brought.keys().filter_map(|path| opt_tree(path)).any(is_of)
    }

    /// What the host calls a file that the chain puts there, or in a directory that it does.
    pub(crate) fn source_of(&self, path: &str) -> Option<String> {
        let absolute = self.absolute(path);
        if let Some(found) = self.brought.get(&absolute) {
            return found.clone();
        }
        let mut directory = absolute.as_str();
        while let Some((parent, _)) = directory.rsplit_once('/') {
            if let Some(Some(source)) = self.brought.get(parent).or_else(|| self.brought.get(&format!("{parent}/"))) {
                let rest = absolute[parent.len()..].trim_start_matches('/');
                let source = source.trim_end_matches('/');
                return Some(if matches!(source, "." | "") { rest.to_owned() } else { format!("{source}/{rest}") });
            }
            directory = parent;
        }
        let relative = !path.starts_with('/') && (path.contains('/') || path.ends_with(".sh"));
        (self.local && relative).then(|| path.trim_start_matches("./").to_owned())
    }

    /// Whether the chain puts a unit there.
    pub(super) fn brings_unit(&self, unit: &str) -> bool {
        let template = unit
            .split_once('@')
            .map(|(name, rest)| format!("{name}@.{}", rest.rsplit('.').next().unwrap_or("service")));
        let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
        self.brought.keys().any(|path| {
            let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
            let units = directory.contains("systemd") && (name == unit || template.as_deref() == Some(name));
            units
                || directory.contains("containers/systemd")
                    && name.rsplit_once('.').is_some_and(|(name, _)| name == stem)
        })
    }

    /// A path from the root.
    pub(super) fn absolute(&self, path: &str) -> String {
        let joined = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("{}/{path}", self.directory.trim_end_matches('/')),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in joined.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let end = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
        format!("/{}{end}", parts.join("/"))
    }

    /// Whether a need is a new one. What is only used is one need, however often it is.
    pub(super) fn is_new(&mut self, want: &Want, verb: Verb, optional: bool, place: &Place) -> bool {
        let used = matches!(want, Want::Command(_) | Want::Path(_) | Want::User(_) | Want::UserGroup(_));
        if used && verb == Verb::Use {
            let before = self.used.get(&(self.within.clone(), want.clone())).copied();
            let new = before.is_none_or(|before| before && !optional);
            if new {
                self.used.insert((self.within.clone(), want.clone()), optional);
            }
            return new;
        }
        let (file, line, start) = (Arc::clone(&place.file), place.line, place.start);
        self.found.insert((self.within.clone(), want.clone(), verb, file, line, start))
    }
}
