//! What is known of a system besides its packages: of an image that was looked into, or of a facts file.

use std::collections::{BTreeMap, BTreeSet};

use muster_repodata::Index;

/// A system that a chain runs on: the target, or the one that the chain comes from.
pub struct System<'a> {
    /// As people call it: `lab`, `fedora:43`.
    pub name: String,
    /// Its repositories, and what is installed, where that is known.
    pub index: &'a Index,
    /// What else is known of it.
    pub facts: SystemFacts,
}

/// Something that may not have been read. What is not known counts neither as there nor as missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// It was read, and this is all of it.
    Yes(T),
    /// It was not read, or could not be: why.
    No(String),
}

impl<T> Known<T> {
    /// What was read.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Yes(value) => Some(value),
            Self::No(_) => None,
        }
    }

    /// What was read.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn known(&self) -> Result<&T, &str> {
        match self {
            Self::Yes(value) => Ok(value),
            Self::No(why) => Err(why),
        }
    }
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self::No("it was not read".to_owned())
    }
}

/// What an image says of itself. Each kind may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemFacts {
    /// Keys of os-release, unquoted.
    pub os_release: Known<BTreeMap<String, String>>,
    /// As `uname -m` names it.
    pub arch: Known<String>,
    /// The level of machine code that its processors have at least: `x86-64-v2`.
    pub isa_level: Known<String>,
    /// Unit files by name; of an instance the template (`getty@.service`).
    pub units: Known<BTreeMap<String, Unit>>,
    /// Users by name.
    pub users: Known<BTreeMap<String, User>>,
    /// Names of groups.
    pub groups: Known<BTreeSet<String>>,
    /// Kernel parameters with their values, as `sysctl -a` prints them.
    pub sysctls: Known<BTreeMap<String, String>>,
    /// Options of the kernel, with `CONFIG_`; `n`, or not there, is not built.
    pub kernel_options: Known<BTreeMap<String, String>>,
    /// Modules that are built in or can be loaded, with `_` for `-`.
    pub modules: Known<BTreeSet<String>>,
    /// Commands on the path of root's shell, and where each is.
    pub commands: Known<BTreeMap<String, String>>,
    /// Paths that were looked at.
    pub paths: Paths,
}

/// A unit file of systemd.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// UnitFileState: `enabled`, `disabled`, `static`, `masked`…
    pub state: Option<String>,
    /// UnitFilePreset: `enabled` or `disabled`.
    pub preset: Option<String>,
}

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// What is known of paths. Of a path that is neither in `seen` nor in `whole` nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// Paths, and whether each exists.
    pub seen: BTreeMap<String, bool>,
    /// Directories below which `seen` has everything that exists, without a slash at the end.
    pub whole: Vec<String>,
}

impl Paths {
    /// Whether a path exists; `None` where that is not known.
    pub fn exists(&self, path: &str) -> Option<bool> {
        if let Some(exists) = self.seen.get(path) {
            return Some(*exists);
        }
        let below = |tree: &String| path.strip_prefix(tree.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.whole.iter().any(below).then_some(false)
    }
}

/// The name under which the facts have a unit: of `getty@tty1.service` it is `getty@.service`.
pub(crate) fn template(unit: &str) -> Option<String> {
    let (before, after) = unit.split_once('@')?;
    let (instance, suffix) = after.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{before}@.{suffix}"))
}

impl SystemFacts {
    /// A unit, also as an instance of its template.
    ///
    /// # Errors
    /// Why units are not known.
    pub fn unit(&self, name: &str) -> Result<Option<&Unit>, &str> {
        let units = self.units.known()?;
        Ok(units.get(name).or_else(|| units.get(&template(name)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_is_neither_there_nor_missing() {
        let facts = SystemFacts::default();
        assert_eq!(facts.unit("nginx.service"), Err("it was not read"));
        assert_eq!((facts.users.value(), facts.paths.exists("/etc/hosts")), (None, None));
        let paths = Paths { seen: BTreeMap::from([("/etc/hosts".into(), true)]), whole: vec!["/etc".into()] };
        assert_eq!(paths.exists("/etc/hosts"), Some(true));
        assert_eq!(paths.exists("/etc/motd"), Some(false));
        assert_eq!((paths.exists("/etcetera"), paths.exists("/usr/bin/x")), (None, None));
    }

    #[test]
    fn an_instance_is_known_by_its_template() {
        let units = BTreeMap::from([("getty@.service".to_owned(), Unit::default())]);
        let facts = SystemFacts { units: Known::Yes(units), ..SystemFacts::default() };
        assert!(facts.unit("getty@tty1.service").unwrap().is_some());
        assert!(facts.unit("login@tty1.service").unwrap().is_none());
        assert_eq!(template("getty@.service"), None);
        assert_eq!(template("a@b"), None);
    }
}
