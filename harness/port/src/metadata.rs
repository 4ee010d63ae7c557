//! What answers look up in an index: every lookup takes as long in a large index as in a small one.

use muster_repodata::comps::GroupKind;
use muster_repodata::{INSTALLED, Index, PackageId, Request, Solution, Transaction, Wanted};

/// Why it is not known who has something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotLookedUp {
    /// It is a path, and the metadata was read without it.
    #[error("the lists of files were not searched for it")]
    FileLists,
    /// It cannot be understood; with what the index says of it.
    #[error("{0}")]
    Capability(String),
}

/// An index, as answers use it.
#[derive(Clone, Copy)]
pub(crate) struct Metadata<'a>(pub(crate) &'a Index);

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// `nginx`
    pub name: String,
    /// `[epoch:]version-release`
    pub evr: String,
    /// `x86_64`, `noarch`
    pub arch: String,
    /// The id of its repository.
    pub repository: String,
    /// Whether it can be installed: its repository is enabled, and no module hides it. Of an installed package true.
    pub is_available: bool,
    /// Whether it is installed.
    pub is_installed: bool,
}

impl Package {
    /// `nginx-1:1.26-1.azl4.x86_64`
    pub fn label(&self) -> String {
        format!("{}-{}.{}", self.name, self.evr, self.arch)
    }

    /// [`Package::label`] and where it is.
    pub fn located(&self) -> String {
        match self.is_installed {
            true => format!("{} (installed)", self.label()),
            false => format!("{} in {}", self.label(), self.repository),
        }
    }

    /// Whether it is installed or can be.
    pub(crate) fn is_usable(&self) -> bool {
        self.is_available || self.is_installed
    }
}

/// A group of comps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    /// Names of packages that are always installed with it; of an environment those of its groups.
    pub(crate) mandatory: Vec<String>,
    /// Names that are installed unless somebody says otherwise.
    pub(crate) default: Vec<String>,
}

/// How packages install together.
pub(crate) enum Solved {
    /// So.
    Installs(Transaction),
    /// Not, for these reasons.
    Impossible(Vec<String>),
    /// That was not found out.
    Undecided(String),
}

impl<'a> Metadata<'a> {
    pub(crate) fn package(self, id: PackageId) -> Package {
        let package = self.0.package(id);
        Package {
            name: package.name.to_owned(),
            evr: package.evr.to_owned(),
            arch: package.arch.to_owned(),
            repository: package.repository.to_owned(),
            is_available: package.is_installed || self.0.is_available(id),
            is_installed: package.is_installed,
        }
    }

    pub(crate) fn packages(self, ids: &[PackageId]) -> Vec<(PackageId, Package)> {
        ids.iter().map(|id| (*id, self.package(*id))).collect()
    }

    /// Packages of this very name, the newest first.
    pub(crate) fn named(self, name: &str) -> Vec<(PackageId, Package)> {
        self.packages(self.0.named(name))
    }

    /// Packages that provide a capability, the best first.
    ///
    /// # Errors
    /// It cannot be understood, or it is a path that was not looked for: a sentence.
    pub(crate) fn providers(self, capability: &str) -> Result<Vec<(PackageId, Package)>, NotLookedUp> {
        if capability.starts_with('/') {
            return self.owners(capability);
        }
        let ids = self.0.providers(capability).map_err(|error| NotLookedUp::Capability(error.to_string()))?;
        Ok(self.packages(&ids))
    }

    /// Packages that own a path, whatever of `/bin`, `/usr/bin`, `/sbin` and `/usr/sbin` they call its directory.
    ///
    /// # Errors
    /// Nobody is known to own it, and not every list of files was searched for it.
    pub(crate) fn owners(self, path: &str) -> Result<Vec<(PackageId, Package)>, NotLookedUp> {
        let owners = self.0.owners(path);
        match owners.is_empty() && !self.0.covers(path) {
            true => Err(NotLookedUp::FileLists),
            false => Ok(self.packages(&owners)),
        }
    }

    /// Packages that have a command.
    pub(crate) fn commands(self, name: &str) -> Vec<(PackageId, Package)> {
        self.packages(&self.0.commands(name))
    }

    /// Where a package has a command.
    pub(crate) fn command_path(self, id: PackageId, name: &str) -> Option<String> {
        let is_it = |path: &&str| path.contains("bin/") && path.rsplit('/').next() == Some(name);
        self.0.files(id).into_iter().find(is_it).map(str::to_owned)
    }

    /// Whether a package has a path under this very name, but for `/bin`, `/sbin` and `/lib`, which are links into
    /// `/usr` everywhere.
    pub(crate) fn has_exactly(self, id: PackageId, path: &str) -> bool {
        let below_usr = ["/bin/", "/sbin/", "/lib/", "/lib64/"].iter().any(|tree| path.starts_with(tree));
        let below_usr = below_usr.then(|| format!("/usr{path}"));
        let above_usr = path
            .strip_prefix("/usr")
            .filter(|rest| ["/bin/", "/sbin/", "/lib/", "/lib64/"].iter().any(|tree| rest.starts_with(tree)));
        let same = |other: &str| other == path || Some(other) == below_usr.as_deref() || Some(other) == above_usr;
        self.0.files(id).into_iter().any(same)
            || self.0.provided_by(id).iter().any(|provided| same(&provided.to_string()))
    }

    /// Packages that obsolete a name.
    pub(crate) fn obsoleting(self, name: &str) -> Vec<(PackageId, Package)> {
        self.packages(&self.0.obsoleted_by(name))
    }

    /// What a package provides, its own name included, each as rpm writes it.
    pub(crate) fn provides(self, id: PackageId) -> Vec<String> {
        self.0.provided_by(id).iter().map(ToString::to_string).collect()
    }

    /// The commands and unit files of a package that are known.
    pub(crate) fn programs(self, id: PackageId) -> Vec<String> {
        let is_program = |path: &&str| {
            let command = ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"].iter().any(|dir| path.starts_with(dir));
            command || path.contains("/systemd/system/")
        };
        self.0.files(id).into_iter().filter(is_program).map(str::to_owned).collect()
    }

    /// Names of packages that look like this one, the nearest first.
    pub(crate) fn near(self, name: &str, most: usize) -> Vec<String> {
        self.0.near(name, most).into_iter().map(str::to_owned).collect()
    }

    /// A group, or an environment, whose groups then count together.
    pub(crate) fn group(self, id: &str) -> Option<Group> {
        let mut all = Group::default();
        let mut add = |group: &muster_repodata::comps::Group| {
            for package in &group.packages {
                match package.kind {
                    GroupKind::Mandatory => all.mandatory.push(package.name.clone()),
                    GroupKind::Default => all.default.push(package.name.clone()),
                    GroupKind::Optional | GroupKind::Conditional(_) => {}
                }
            }
        };
        if let Some(group) = self.0.group(id) {
            add(group);
            return Some(all);
        }
        let environment = self.0.environment(id)?;
        environment.groups.iter().filter_map(|id| self.0.group(id)).for_each(add);
        Some(all)
    }

    pub(crate) fn knows_groups(self) -> bool {
        self.0.groups().next().is_some()
    }

    /// The streams of a module.
    pub(crate) fn module(self, name: &str) -> Option<Vec<String>> {
        self.0.module(name).map(|module| module.streams.iter().map(|stream| stream.name.clone()).collect())
    }

    /// Whether it is known what is installed.
    pub(crate) fn knows_installed(self) -> bool {
        self.0.repositories().iter().any(|repository| repository.id == INSTALLED)
    }

    /// The package that something that is wanted most likely comes to.
    pub(crate) fn best(self, wanted: &Wanted) -> Option<PackageId> {
        let usable = |id: &PackageId| self.package(*id).is_usable();
        match wanted {
            Wanted::Package(id) => Some(*id),
            Wanted::OneOf(ids) => ids.first().copied(),
            Wanted::Spec(name) => {
                let named = self.0.named(name).iter().copied().find(usable);
                named.or_else(|| self.providers(name).ok()?.into_iter().map(|(id, _)| id).find(usable))
            }
        }
    }

    /// What installs with all of these.
    pub(crate) fn solve(self, wanted: Vec<Wanted>) -> Solved {
        match self.0.solve(&Request::install(wanted)) {
            Solution::Installs(transaction) => Solved::Installs(transaction),
            Solution::Impossible(problems) => {
                Solved::Impossible(problems.into_iter().map(|problem| problem.chain.join("; ")).collect())
            }
            Solution::Undecided(why) => Solved::Undecided(why.join("; ")),
        }
    }
}
