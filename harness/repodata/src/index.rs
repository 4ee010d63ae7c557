//! All packages of some repositories and of one system, and what is found among them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;
use std::thread;

use muster_base::evr::Evr;

use crate::comps::{Environment, Group};
use crate::data::{Data, Dep, DepId, Full, List};
use crate::dependency::{Dependency, overlap};
use crate::grammar::{BadDependency, Rich};
use crate::module::Module;
use crate::near::Near;
use crate::package::{Package, PackageId, PackageRecord};
use crate::texts::Text;

/// The id of the special repository that holds what is installed.
pub const INSTALLED: &str = "@installed";

/// A repository of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// As it is configured; [`INSTALLED`] for what is installed.
    pub id: String,
    /// Whether packages are installed from it. One that is not can still be searched.
    pub enabled: bool,
    /// How many of its packages this architecture can install.
    pub packages: usize,
}

/// Makes an index of records. (Metadata is read by [`crate::read`].)
#[derive(Debug)]
pub struct IndexBuilder {
    pub(crate) data: Data,
    pub(crate) repositories: Vec<Repository>,
    pub(crate) groups: BTreeMap<String, Group>,
    pub(crate) environments: BTreeMap<String, Environment>,
    pub(crate) modules: BTreeMap<String, Module>,
    /// Paths beyond those of primary.xml whose owners were looked for in every repository.
    pub(crate) searched: BTreeSet<String>,
    /// Installed packages of which nothing but name, version and architecture is known.
    pub(crate) partial: Vec<PackageId>,
}

impl IndexBuilder {
    /// An empty one, for machines of this architecture (`x86_64`, `aarch64`).
    pub fn new(arch: &str) -> Self {
        Self {
            data: Data::new(arch),
            repositories: Vec::new(),
            groups: BTreeMap::new(),
            environments: BTreeMap::new(),
            modules: BTreeMap::new(),
            searched: BTreeSet::new(),
            partial: Vec::new(),
        }
    }

    /// Adds a repository of these packages. Those of other architectures are left out, but their names are known.
    pub fn repository(&mut self, id: &str, enabled: bool, records: &[PackageRecord]) -> Result<(), Full> {
        let number = self.begin(id, enabled)?;
        for record in records {
            if self.data.add(number, record)?.is_some() {
                self.repositories[usize::from(number)].packages += 1;
            }
            self.searched.extend(record.files.iter().cloned());
        }
        Ok(())
    }

    pub(crate) fn begin(&mut self, id: &str, enabled: bool) -> Result<u16, Full> {
        let number = u16::try_from(self.repositories.len()).map_err(|_| Full)?;
        self.repositories.push(Repository { id: id.to_owned(), enabled, packages: 0 });
        Ok(number)
    }

    /// Adds what is installed. Of a record without provides and requires, these are taken from the package of the same
    /// name, version and architecture of a repository; if none has it, [`Index::partial`] lists it.
    pub fn installed(&mut self, records: &[PackageRecord]) -> Result<(), Full> {
        let number = self.begin(INSTALLED, true)?;
        let mut by_name: HashMap<Text, Vec<PackageId>> = HashMap::new();
        for (at, stored) in self.data.packages.iter().enumerate() {
            by_name.entry(stored.name).or_default().push(PackageId(at as u32));
        }
        for record in records {
            let Some(id) = self.data.add(number, record)? else { continue };
            self.repositories[usize::from(number)].packages += 1;
            if !record.provides.is_empty() || !record.requires.is_empty() {
                continue;
            }
            let mine = self.data.packages[id.at()];
            let same = by_name.get(&mine.name).into_iter().flatten().find(|other| {
                let other = &self.data.packages[other.at()];
                (other.evr, other.arch) == (mine.evr, mine.arch)
            });
            match same {
                Some(same) => {
                    let same = self.data.packages[same.at()];
                    let stored = &mut self.data.packages[id.at()];
                    (stored.lists, stored.files, stored.source) = (same.lists, same.files, same.source);
                    stored.installed_size = same.installed_size;
                }
                None => self.partial.push(id),
            }
        }
        Ok(())
    }

    /// Adds a package group.
    pub fn group(&mut self, group: Group) {
        self.groups.insert(group.id.clone(), group);
    }

    /// Hides the packages of modules whose stream is not the default: dnf does not see them until it is enabled.
    pub(crate) fn hide_modules(&mut self) {
        let (mut off, mut on) = (BTreeSet::new(), BTreeSet::new());
        for stream in self.modules.values().flat_map(|module| &module.streams) {
            if stream.is_default { &mut on } else { &mut off }.extend(stream.artifacts.iter().map(String::as_str));
        }
        let texts = &self.data.texts;
        for package in &mut self.data.packages {
            // An artifact always states its epoch.
            let evr = texts.get(package.evr);
            let epoch = if evr.contains(':') { "" } else { "0:" };
            let nevra = format!("{}-{epoch}{evr}.{}", texts.get(package.name), texts.get(package.arch));
            package.hidden = off.contains(nevra.as_str()) && !on.contains(nevra.as_str());
        }
    }

    /// The index of what was added.
    pub fn build(mut self) -> Index {
        self.data.shrink();
        let data = &self.data;
        let ids = || (0..data.packages.len() as u32).map(PackageId);
        let texts = data.texts.len();
        let (provides, files, names) = thread::scope(|scope| {
            let provides = scope.spawn(|| {
                Buckets::new(texts, || {
                    ids().flat_map(|id| {
                        let list = data.list(id, List::Provides).iter();
                        list.map(move |dep| (data.deps[dep.0 as usize].name, (id, *dep)))
                    })
                })
            });
            let files = Buckets::new(texts, || {
                ids().flat_map(|id| {
                    let (from, to) = data.packages[id.at()].files;
                    data.files[from as usize..to as usize].iter().map(move |path| (*path, id))
                })
            });
            let names = Buckets::new(texts, || ids().map(|id| (data.packages[id.at()].name, id)));
            let provides = provides.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (provides, files, names)
        });
        let mut obsoletes: HashMap<Text, Vec<(PackageId, DepId)>> = HashMap::new();
        let mut supplementing = Vec::new();
        for id in ids() {
            for dep in data.list(id, List::Obsoletes) {
                obsoletes.entry(data.deps[dep.0 as usize].name).or_default().push((id, *dep));
            }
            if !data.list(id, List::Supplements).is_empty() {
                supplementing.push(id);
            }
        }
        let installed = self.repositories.iter().position(|one| one.id == INSTALLED).map(|at| at as u16);
        let mut index = Index {
            installed,
            names: Buckets::default(),
            provides,
            files,
            obsoletes,
            supplementing,
            near: OnceLock::new(),
            builder: self,
        };
        let mut names = names;
        names.sort_each(|one, other| index.best_first(*one, *other));
        index.names = names;
        index
    }
}

/// All packages of some repositories, and the installed ones as one repository more. Answers name packages by number;
/// those of other architectures are never among them.
#[derive(Debug)]
pub struct Index {
    pub(crate) builder: IndexBuilder,
    installed: Option<u16>,
    names: Buckets<PackageId>,
    provides: Buckets<(PackageId, DepId)>,
    files: Buckets<PackageId>,
    obsoletes: HashMap<Text, Vec<(PackageId, DepId)>>,
    /// Packages that supplement others.
    pub(crate) supplementing: Vec<PackageId>,
    near: OnceLock<Near>,
}

impl Index {
    pub(crate) fn data(&self) -> &Data {
        &self.builder.data
    }

    /// The architecture whose packages it answers with.
    pub fn arch(&self) -> &str {
        self.data().arch.name()
    }

    /// The repositories, in the order in which they were added.
    pub fn repositories(&self) -> &[Repository] {
        &self.builder.repositories
    }

    /// How many packages there are, those installed among them.
    pub fn packages(&self) -> usize {
        self.data().packages.len()
    }

    /// The same index with these packages as what is installed, instead of what was; see [`IndexBuilder::installed`].
    /// Numbers of packages change.
    pub fn with_installed(self, records: &[PackageRecord]) -> Result<Self, Full> {
        let mut builder = self.builder;
        if let Some(old) = self.installed {
            builder.repositories.remove(usize::from(old));
            builder.data.packages.retain(|package| package.repository != old);
            for package in builder.data.packages.iter_mut().filter(|package| package.repository > old) {
                package.repository -= 1;
            }
        }
        builder.partial.clear();
        builder.installed(records)?;
        Ok(builder.build())
    }

    /// The package of this number. Panics for a number of another index.
    pub fn package(&self, id: PackageId) -> Package<'_> {
        let stored = &self.data().packages[id.at()];
        let text = |text| self.data().texts.get(text);
        Package {
            id,
            name: text(stored.name),
            evr: text(stored.evr),
            arch: text(stored.arch),
            repository: &self.repositories()[usize::from(stored.repository)].id,
            installed_size: stored.installed_size,
            download_size: stored.download_size,
            source: Some(text(stored.source)).filter(|source| !source.is_empty()),
            is_installed: self.is_installed(id),
        }
    }

    /// Whether it is installed.
    pub fn is_installed(&self, id: PackageId) -> bool {
        Some(self.data().packages[id.at()].repository) == self.installed
    }

    /// Whether it can be chosen: installed, or in an enabled repository and in no module that is off.
    pub fn is_available(&self, id: PackageId) -> bool {
        let stored = &self.data().packages[id.at()];
        self.repositories()[usize::from(stored.repository)].enabled && !stored.hidden
    }

    /// What is installed.
    pub fn installed(&self) -> impl Iterator<Item = PackageId> + '_ {
        let all = 0..self.data().packages.len() as u32;
        all.map(PackageId).filter(|id| self.is_installed(*id))
    }

    /// Installed packages of which only name, version and architecture are known: what they provide, need and conflict
    /// with is not, so that an answer that rests on them is less than certain.
    pub fn partial(&self) -> &[PackageId] {
        &self.builder.partial
    }

    /// Every package of this name: newest first, of equal ones that which is installed, then of the first repository.
    pub fn named(&self, name: &str) -> &[PackageId] {
        self.data().texts.find(name).map_or(&[], |name| self.names.get(name))
    }

    /// Architectures other than this one for which a repository has the name.
    pub fn exists_for_other_arch(&self, name: &str) -> Vec<&str> {
        let data = self.data();
        let known = data.texts.find(name).and_then(|name| data.foreign.get(&name));
        known.into_iter().flatten().map(|arch| data.texts.get(*arch)).collect()
    }

    /// What a package provides, its own name with its version among it.
    pub fn provided_by(&self, id: PackageId) -> Vec<Dependency> {
        self.list(id, List::Provides)
    }

    /// What a package needs, with rpm's own features (`rpmlib(…)`).
    pub fn required_by(&self, id: PackageId) -> Vec<Dependency> {
        self.list(id, List::Requires)
    }

    /// What a package must not be installed with.
    #[cfg(test)]
    pub(crate) fn conflicts_of(&self, id: PackageId) -> Vec<Dependency> {
        self.list(id, List::Conflicts)
    }

    /// What a package replaces.
    #[cfg(test)]
    pub(crate) fn obsoletes_of(&self, id: PackageId) -> Vec<Dependency> {
        self.list(id, List::Obsoletes)
    }

    /// What a package would have with it.
    #[cfg(test)]
    pub(crate) fn recommended_by(&self, id: PackageId) -> Vec<Dependency> {
        self.list(id, List::Recommends)
    }

    fn list(&self, id: PackageId, list: List) -> Vec<Dependency> {
        self.data().list(id, list).iter().map(|dep| self.data().dependency(*dep)).collect()
    }

    /// The paths of a package that are known: those of primary.xml, and of others those that were wanted.
    pub fn files(&self, id: PackageId) -> Vec<&str> {
        let (from, to) = self.data().packages[id.at()].files;
        self.data().files[from as usize..to as usize].iter().map(|path| self.data().texts.get(*path)).collect()
    }

    /// The packages that provide a capability (`pkgconfig(zlib) >= 1.2`, `/usr/bin/sh`), best first. Of a rich one:
    /// those of every operand of `and` (none when one has none) and `or`, of both of `with`, of the first of `without`,
    /// `if` and `unless`.
    pub fn providers(&self, capability: &str) -> Result<Vec<PackageId>, BadDependency> {
        let dependency = Dependency::parse(capability)?;
        let mut found = match dependency.rich() {
            Some(rich) => {
                self.rich_providers(&rich.map_err(|reason| BadDependency { text: capability.to_owned(), reason })?)
            }
            None => self.providers_of(&dependency),
        };
        found.sort_by(|one, other| self.best_first(*one, *other));
        found.dedup();
        Ok(found)
    }

    fn rich_providers(&self, rich: &Rich) -> Vec<PackageId> {
        match rich {
            Rich::One(dependency) => self.providers_of(dependency),
            Rich::Any(operands) => operands.iter().flat_map(|operand| self.rich_providers(operand)).collect(),
            Rich::All(operands) => {
                let all: Vec<_> = operands.iter().map(|operand| self.rich_providers(operand)).collect();
                if all.iter().any(Vec::is_empty) { Vec::new() } else { all.into_iter().flatten().collect() }
            }
            Rich::If(first, ..) | Rich::Unless(first, ..) => self.rich_providers(first),
            Rich::With(first, second) => {
                let others = self.rich_providers(second);
                self.rich_providers(first).into_iter().filter(|id| others.contains(id)).collect()
            }
            Rich::Without(first, second) => {
                let others = self.rich_providers(second);
                self.rich_providers(first).into_iter().filter(|id| !others.contains(id)).collect()
            }
        }
    }

    /// The packages that provide a capability that is not rich, in no order, each once.
    pub(crate) fn providers_of(&self, dependency: &Dependency) -> Vec<PackageId> {
        let Some(name) = self.data().texts.find(&dependency.name) else { return Vec::new() };
        let bound = dependency.bound.as_ref().map(|(operator, version)| (*operator, version.as_str()));
        let mut found = Vec::new();
        for (id, provided) in self.provides.get(name) {
            let provided = self.data().deps[provided.0 as usize];
            if overlap(self.data().bound(provided), bound) {
                found.push(*id);
            }
        }
        if dependency.name.starts_with('/') {
            found.extend(self.files.get(name));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Those of a stored dependency.
    pub(crate) fn providers_of_dep(&self, dep: Dep, found: &mut Vec<PackageId>) {
        let data = self.data();
        let bound = data.bound(dep);
        let start = found.len();
        for (id, provided) in self.provides.get(dep.name) {
            if overlap(data.bound(data.deps[provided.0 as usize]), bound) && found[start..].last() != Some(id) {
                found.push(*id);
            }
        }
        if data.texts.get(dep.name).starts_with('/') {
            for id in self.files.get(dep.name) {
                if !found[start..].contains(id) {
                    found.push(*id);
                }
            }
        }
    }

    /// Whether a path is known to be owned by nobody when [`Index::owners`] is empty: primary.xml lists every path of
    /// this kind, or it was among those wanted when the metadata was read.
    pub fn covers(&self, path: &str) -> bool {
        is_primary(path) || self.builder.searched.contains(path)
    }

    /// The packages that own or provide a path, best first. `/bin`, `/sbin`, `/usr/bin` and `/usr/sbin` are one
    /// directory, and so are `/lib` and `/usr/lib`, `/lib64` and `/usr/lib64`, as on every system of today.
    pub fn owners(&self, path: &str) -> Vec<PackageId> {
        let mut found = Vec::new();
        for path in aliases(path) {
            let Some(path) = self.data().texts.find(&path) else { continue };
            found.extend(self.files.get(path));
            found.extend(self.provides.get(path).iter().map(|(id, _)| *id));
        }
        found.sort_by(|one, other| self.best_first(*one, *other));
        found.dedup();
        found
    }

    /// The packages that bring a command: owners of `/usr/bin/NAME` and its aliases.
    pub fn commands(&self, name: &str) -> Vec<PackageId> {
        if name.is_empty() || name.contains('/') { Vec::new() } else { self.owners(&format!("/usr/bin/{name}")) }
    }

    /// The packages that obsolete this name in any of its versions, best first.
    pub fn obsoleted_by(&self, name: &str) -> Vec<PackageId> {
        let name = self.data().texts.find(name);
        let mut found: Vec<PackageId> =
            name.and_then(|name| self.obsoletes.get(&name)).into_iter().flatten().map(|(id, _)| *id).collect();
        found.sort_by(|one, other| self.best_first(*one, *other));
        found.dedup();
        found
    }

    /// Who obsoletes this very package.
    pub(crate) fn obsoleters(&self, id: PackageId) -> impl Iterator<Item = (PackageId, DepId)> + '_ {
        let stored = &self.data().packages[id.at()];
        self.obsoletes.get(&stored.name).into_iter().flatten().copied().filter(move |(by, dep)| {
            let bound = self.data().bound(self.data().deps[dep.0 as usize]);
            *by != id && overlap(Some((crate::Operator::Equal, self.data().texts.get(stored.evr))), bound)
        })
    }

    pub(crate) fn named_text(&self, name: Text) -> &[PackageId] {
        self.names.get(name)
    }

    /// Names like this one, nearest first: the same but for case and separators, with a slip of the pen, or made of the
    /// same parts. At most `max`.
    pub fn near(&self, name: &str, max: usize) -> Vec<&str> {
        let near = self.near.get_or_init(|| {
            let data = self.data();
            let mut names: Vec<Text> = data.packages.iter().map(|package| package.name).collect();
            names.sort_unstable();
            names.dedup();
            Near::new(&data.texts, names)
        });
        near.find(&self.data().texts, name, max)
    }

    /// Every name, each once, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let data = self.data();
        let texts = (0..data.texts.len() as u32).map(Text).filter(|text| !self.names.get(*text).is_empty());
        texts.map(|text| data.texts.get(text))
    }

    /// A package group, by its id (`core`).
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.builder.groups.get(id)
    }

    /// All package groups, by id.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.builder.groups.values()
    }

    /// An environment group, by its id (`server-product-environment`).
    pub fn environment(&self, id: &str) -> Option<&Environment> {
        self.builder.environments.get(id)
    }

    /// A module, by its name (`nodejs`).
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.builder.modules.get(name)
    }

    /// By name, then newest first, then the best architecture, then what is installed, then by repository.
    fn best_first(&self, one: PackageId, other: PackageId) -> Ordering {
        let data = self.data();
        let (first, second) = (&data.packages[one.at()], &data.packages[other.at()]);
        let by_name = match first.name == second.name {
            true => Ordering::Equal,
            false => data.texts.get(first.name).cmp(data.texts.get(second.name)),
        };
        by_name
            .then_with(|| self.newer_first(one, other))
            .then(first.fit.cmp(&second.fit))
            .then_with(|| self.is_installed(other).cmp(&self.is_installed(one)))
            .then_with(|| self.is_available(other).cmp(&self.is_available(one)))
            .then(first.repository.cmp(&second.repository))
            .then(one.cmp(&other))
    }

    pub(crate) fn newer_first(&self, one: PackageId, other: PackageId) -> Ordering {
        let data = self.data();
        let (first, second) = (data.packages[one.at()].evr, data.packages[other.at()].evr);
        if first == second {
            return Ordering::Equal;
        }
        match (Evr::parse(data.texts.get(first)), Evr::parse(data.texts.get(second))) {
            (Some(first), Some(second)) => second.compare(&first),
            (first, second) => second.is_some().cmp(&first.is_some()),
        }
    }
}

/// Whether primary.xml lists a path: createrepo_c puts there what is below `/etc/`, what has `bin/` in it, and one more.
pub(crate) fn is_primary(path: &str) -> bool {
    path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail"
}

/// A path, and the others that lead to the same file where `/bin` and its like are links into `/usr`.
pub(crate) fn aliases(path: &str) -> Vec<String> {
    const TREES: &[&[&str]] =
        &[&["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"], &["/usr/lib/", "/lib/"], &["/usr/lib64/", "/lib64/"]];
    for tree in TREES {
        if let Some(rest) = tree.iter().find_map(|begin| path.strip_prefix(begin)) {
            let mut all = vec![path.to_owned()];
            all.extend(tree.iter().map(|begin| format!("{begin}{rest}")).filter(|other| other != path));
            return all;
        }
    }
    vec![path.to_owned()]
}

/// Values by string: those of each are neighbours.
#[derive(Debug)]
struct Buckets<T> {
    /// Where those of each string begin, and where the last end.
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T> Default for Buckets<T> {
    fn default() -> Self {
        Self { starts: Vec::new(), items: Vec::new() }
    }
}

impl<T: Copy> Buckets<T> {
    /// `pairs` is gone through twice: once to count.
    fn new<I: Iterator<Item = (Text, T)>>(texts: usize, pairs: impl Fn() -> I) -> Self {
        let mut starts = vec![0_u32; texts + 1];
        for (text, _) in pairs() {
            starts[text.at() + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let total = starts.last().map_or(0, |total| *total as usize);
        let Some((_, first)) = pairs().next() else { return Self { starts, items: Vec::new() } };
        let mut items = vec![first; total];
        // Each start moves to its end while the items are laid down, and is the next one's start afterwards.
        for (text, item) in pairs() {
            let at = &mut starts[text.at()];
            items[*at as usize] = item;
            *at += 1;
        }
        starts.rotate_right(1);
        starts[0] = 0;
        Self { starts, items }
    }

    fn get(&self, text: Text) -> &[T] {
        match (self.starts.get(text.at()), self.starts.get(text.at() + 1)) {
            (Some(from), Some(to)) => &self.items[*from as usize..*to as usize],
            _ => &[],
        }
    }

    fn sort_each(&mut self, mut order: impl FnMut(&T, &T) -> Ordering) {
        for at in 1..self.starts.len() {
            let (from, to) = (self.starts[at - 1] as usize, self.starts[at] as usize);
            if to - from > 1 {
                self.items[from..to].sort_by(&mut order);
            }
        }
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
